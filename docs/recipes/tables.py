r"""
Model the columns of a data frame
=================================

The columns of a pandas DataFrame become the arguments of a Pyro program, by their names, if they
are passed as ``dict(frame)``. Here a program learns the joint density of two columns of floats and
one of classes, and computes the log-likelihood of rows that it has not seen.
"""

# %%
# The data: 178 wines with their alcohol content, their colour, and which of three cultivars they
# are made of. A third of the rows is held out.

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from sklearn.datasets import load_wine

import ppgen

frame = load_wine(as_frame=True).frame[["alcohol", "color_intensity", "target"]]
frame.columns = ["alcohol", "colour", "kind"]
train, test = frame.drop(frame.index[::3]), frame[::3]

# %%
# **The task.** Columns of floats are standardised by the training rows; integers stay integers.
# Parameters are made by ``pyro.param``, and the plate holds the rows. The class is observed if it
# is given. If it is not, it is summed out, as the mark for enumeration asks for.

floats = ["alcohol", "colour"]
scaled = (frame[floats] - train[floats].mean()) / train[floats].std()
columns = [dict(scaled.loc[part.index], kind=part["kind"]) for part in (train, test)]


def model(alcohol, colour, kind=None):
    weights = pyro.param("weights", torch.ones(3) / 3, constraint=constraints.simplex)
    locs = pyro.param("locs", torch.zeros(2, 3))
    scales = pyro.param("scales", torch.ones(2, 3), constraint=constraints.positive)
    with pyro.plate("rows", len(alcohol)):
        k = pyro.sample(
            "kind", dist.Categorical(weights), obs=kind, infer={"enumerate": "parallel"}
        )
        pyro.sample("alcohol", dist.Normal(locs[0][k], scales[0][k]), obs=alcohol)
        pyro.sample("colour", dist.Normal(locs[1][k], scales[1][k]), obs=colour)


program = ppgen.as_program(model)
history = ppgen.fit(program, columns[0], epochs=60, batch_size=32, lr=0.03, progress=False)

# %%
# **What to look at.** The log-density of the held-out rows, exact here, with its standard error
# over the rows; then the same without the class. In the units of the table, a density is that of
# the standardised columns divided by their standard deviations.

_, held_out = columns
floats_alone = {name: held_out[name] for name in floats}
print("log p(alcohol, colour, kind):", ppgen.elbo(program, held_out))
print("log p(alcohol, colour):      ", ppgen.elbo(program, floats_alone))
each = ppgen.elbo(program, floats_alone).each - torch.tensor(train[floats].std().values).log().sum()
print("log-densities in the table's units:", each[:3])

given = [dict(floats_alone, kind=torch.full((len(test),), k)) for k in range(3)]
joint = torch.stack([ppgen.elbo(program, rows).each for rows in given])
right = (joint.argmax(0) == torch.tensor(held_out["kind"].values)).float().mean()
print(f"cultivars that the two columns tell, by Bayes' rule: {right:.0%}")

# %%
# **Missing cells.** A fit does not take NaN. Pass any number in its place, and a frame of booleans
# that says which cells were seen: ``.mask(seen)`` leaves the others out of the likelihood. To
# impute them, take draws of :func:`ppgen.predict`. For images, see :doc:`missing_pixels`.

torch.manual_seed(0)
gaps = scaled.mask(torch.rand(scaled.shape).numpy() < 0.2)
cells = {"x": gaps.fillna(0), "seen": gaps.notna()}


def gaussian(x, seen):
    loc, log_scale = pyro.param("loc", torch.zeros(2)), pyro.param("log_scale", torch.zeros(2))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(loc, log_scale.exp()).mask(seen).to_event(1), obs=x)


independent = ppgen.as_program(gaussian)
ppgen.fit(independent, cells, steps=300, batch_size="all", lr=0.05, progress=False)
print("means:", independent.param("loc").tolist(), "of the cells seen:", gaps.mean().tolist())
drawn = ppgen.predict(independent, cells, draws=100, seed=0)["x"].mean(0)
print(gaps.where(gaps.notna(), drawn.numpy()).head(3))

# %%
# ``ppgen.fit(program, frame, …)``, without ``dict``, passes a whole frame of numbers as one
# argument, a tensor ``(rows, columns)``. Arrays, tensors, ``torch.utils.data`` data sets and
# loaders are data as well. The script ``examples/tables.py`` compares mixtures of multivariate t
# distributions with Gaussians.
#
# **Reference:** :func:`ppgen.as_program`, :func:`ppgen.fit`, :func:`ppgen.elbo`,
# :class:`~ppgen.inference.Estimate`. **Next:** :doc:`any_program`.
