r"""
Sample a posterior by NUTS, and hand draws to ArviZ
===================================================

A program of ppgen is a Pyro program, so Pyro's Markov chain Monte Carlo (MCMC) runs on its model.
NUTS needs no guide. It shows what a variational guide has missed.
"""

# %%
# A regression of 40 rows whose two columns are correlated, and so are the slopes given the data.

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, Predictive
from pyro.infer.autoguide import AutoNormal

import ppgen

torch.manual_seed(0)
x = torch.randn(40, 2)
x[:, 1] = 0.9 * x[:, 0] + 0.4 * x[:, 1]
y = x @ torch.tensor([1.0, -0.5]) + 0.5 * torch.randn(40)


def model(x, y=None):
    slope = pyro.sample("slope", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    noise = pyro.sample("noise", dist.HalfNormal(1.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(x @ slope, noise), obs=y)


# %%
# **The task.** The same model, by variational inference and by the no-U-turn sampler (NUTS). NUTS
# takes the model alone, with the data as arguments; the guide here serves the comparison. One short
# chain keeps the page fast. Four chains of a thousand draws are usual: ``num_chains=4,
# num_samples=1000``. Chains run in several processes, so start them under ``if __name__ ==
# "__main__":`` in a script.

program = ppgen.as_program((model, AutoNormal(model)))
data = {"x": x, "y": y}
ppgen.fit(program, data, steps=600, lr=0.03, average=0.99, progress=False)
by_guide = ppgen.posterior(program, data, draws=400, seed=0)

pyro.set_rng_seed(0)
options = {"num_samples": 150, "warmup_steps": 75, "num_chains": 1, "disable_progbar": True}
chain = MCMC(NUTS(model), **options)
chain.run(**data)
by_nuts = chain.get_samples()
ahead = Predictive(model, by_nuts)(x=torch.tensor([[1.0, 1.0]]))["y"]
print("new y at x = (1, 1): by NUTS", ahead.mean(), "±", ahead.std())

# %%
# **What to look at.** Both have the same centre. The chain shows that the slopes are correlated,
# which a guide of independent Gaussians cannot: it is narrower. ``AutoMultivariateNormal`` would
# see it. ``chain.summary()`` prints effective sample sizes and r-hat.

figure = ppgen.plots.Figure((8, 4))
panels = figure.subplots(1, 2, sharex=True, sharey=True)
for axes, (name, draws) in zip(
    panels, {"AutoNormal": by_guide, "NUTS": by_nuts}.items(), strict=True
):
    ppgen.plots.scatter(draws["slope"], xlabel="slope 1", ylabel="slope 2", axes=axes)
    axes.set_title(f"{name}: correlation {torch.corrcoef(draws['slope'].T)[0, 1]:.2f}")
figure

# %%
# **ArviZ** takes draws of either kind as its ``InferenceData``, for tables and plots. Install it by
# ``pip install 'pyro-ppgen[arviz]'``, or ``pip install '.[arviz]'`` in a clone.
#
# .. code-block:: python
#
#    import arviz
#
#    arviz.summary(by_guide.to_inferencedata())
#    arviz.plot_trace(arviz.from_pyro(chain))
#
# **Reference:** :func:`ppgen.posterior`, :class:`~ppgen.inference.Posterior`,
# :func:`ppgen.predict`. Exact where it can be: :func:`ppgen.inference.maximum_likelihood`.
