r"""
Fit a Pyro program that I already have: regression, mixture, HMM
================================================================

A program of any sites, plates and arguments is taken as it stands: a pair of model and guide
becomes a program by :func:`ppgen.as_program`. Three of them follow: a hierarchical regression, a
mixture, and a hidden Markov model (HMM).
"""

# %%
# **A hierarchical regression.** Eight groups have slopes of their own, around a common one. The
# arguments are rows of data, given by keyword. ``AutoNormal`` is Pyro's automatic guide: an
# independent Gaussian for each latent.

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.infer.autoguide import AutoNormal

import ppgen

torch.manual_seed(0)
group, x = torch.arange(8).repeat(25), torch.randn(200)
true = 1.0 + 0.5 * torch.randn(8)
y = true[group] * x + 0.3 * torch.randn(200)


def model(x, group, y=None):
    centre = pyro.sample("centre", dist.Normal(0.0, 2.0))
    spread = pyro.sample("spread", dist.HalfNormal(1.0))
    noise = pyro.sample("noise", dist.HalfNormal(1.0))
    with pyro.plate("groups", 8):
        slope = pyro.sample("slope", dist.Normal(centre, spread))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(slope[group] * x, noise), obs=y)


program = ppgen.as_program((model, AutoNormal(model)))
data = {"x": x, "group": group, "y": y}
ppgen.fit(program, data, steps=400, lr=0.05, progress=False)
slopes = ppgen.posterior(program, data, draws=500, seed=0)["slope"]
print("slopes that the data are made of:", true.numpy().round(2))
print("means of the posterior:          ", slopes.mean(0).numpy().round(2))

# %%
# With minibatches nothing changes but ``batch_size``: latents outside the plate of rows are weighed
# by the batch's share of the rows. New outcomes come from :func:`ppgen.predict`, with y left out.

ahead = {"x": torch.tensor([1.0, 1.0]), "group": torch.tensor([0, 7])}
new = ppgen.predict(program, ahead, draws=500, seed=0)["y"]
print("new y at x = 1 in the groups 0 and 7:", new.mean(0), "standard deviation", new.std(0))

# %%
# **A mixture by enumeration.** The component of each row is discrete. It is marked for enumeration
# and left out of the guide, and Pyro sums over its values. Which component becomes number 0 is
# arbitrary.

points = torch.cat([torch.randn(60) - 3, torch.randn(140) + 2])


def mixture(x):
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("components", 2):
        centre = pyro.sample("centre", dist.Normal(torch.tensor([-1.0, 1.0]), 5.0))
    with pyro.plate("rows", len(x)):
        k = pyro.sample("k", dist.Categorical(weights), infer={"enumerate": "parallel"})
        pyro.sample("x", dist.Normal(centre[k], 1.0), obs=x)


clusters = ppgen.as_program((mixture, AutoNormal(poutine.block(mixture, hide=["k"]))))
ppgen.fit(clusters, points, steps=300, lr=0.05, progress=False)
found = ppgen.posterior(clusters, points, draws=200, seed=0)
print("weights", found["weights"].mean(0), "centres", found["centre"].mean(0))
print("P(k = 1) of the first and the last row:", found["k"].double().mean(0)[[0, -1]])

# %%
# **A hidden Markov model (HMM).** ``pyro.markov`` tells Pyro that each state depends on the one
# before alone, so that the sum over all paths costs as much as the length. Rows are sequences.
# There is nothing to guide: tables are parameters, fitted by maximum likelihood. They are read back
# in the program's own parameter store. The model also runs without data, on ``n`` rows, so that it
# can draw new sequences.

moves, emits = torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([[0.8, 0.2], [0.1, 0.9]])
states = [torch.zeros(300).long()]
for _ in range(9):
    states.append(dist.Categorical(moves[states[-1]]).sample())
seen = dist.Categorical(emits[torch.stack(states, 1)]).sample()


def chain(x=None, *, n=1, length=10):
    n, length = (n, length) if x is None else x.shape
    move = pyro.param("move", (torch.eye(2) + 1) / 3, constraint=constraints.simplex)
    emit = pyro.param("emit", (torch.eye(2) + 1) / 3, constraint=constraints.simplex)
    with pyro.plate("sequences", n, dim=-1):
        z = 0
        for t in pyro.markov(range(length)):
            z = pyro.sample(f"z_{t}", dist.Categorical(move[z]), infer={"enumerate": "parallel"})
            pyro.sample(f"x_{t}", dist.Categorical(emit[z]), obs=None if x is None else x[:, t])


hidden = ppgen.as_program(chain)
ppgen.fit(hidden, seen, steps=100, lr=0.1, progress=False)
print("log p of a sequence, exact:", ppgen.elbo(hidden, seen))
print("move", hidden.param("move"), "emit", hidden.param("emit"), sep="\n")

# %%
# **Decode the states** of given sequences by exact draws of whole paths: their mean at each step is
# the probability of state 1 there. **New sequences** come from :func:`ppgen.sample`, a site a step.

paths = ppgen.posterior(hidden, seen, draws=100, seed=0)
print("P(state 3 is 1) of five sequences:", paths["z_3"][:, :5].double().mean(0))
probable = torch.stack([paths[f"z_{t}"].double().mean(0) for t in range(10)], 1)
print("states decoded right:", (probable.round() == torch.stack(states, 1)).double().mean())
fresh = ppgen.sample(hidden, 3, seed=0)
print("new sequences:", torch.stack([fresh[f"x_{t}"] for t in range(10)], 1), sep="\n")

# %%
# **What to look at.** The posterior means of the slopes lie near the true ones; the centres are
# near −3 and 2, with weights near 0.3 and 0.7; and the tables are near those that made the
# sequences. A warning says if a program cannot be run on a part of its rows, and then takes all at
# each step. Log-likelihoods of held-out rows: :doc:`cheat_sheet`.
#
# **Reference:** :func:`ppgen.as_program`, :func:`ppgen.fit`, :func:`ppgen.posterior`,
# :func:`ppgen.predict`, :func:`ppgen.log_predictive` for held-out rows.
