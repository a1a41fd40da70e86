"""Programs with shared latents: means, regressions, groups, survival, correlations."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.distributions.transforms import iterated, spline
from pyro.infer import RenyiELBO
from pyro.infer.autoguide import (
    AutoDelta,
    AutoIAFNormal,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
    AutoNormalizingFlow,
)
from pyro.nn import PyroModule, PyroSample
from torch import nn

from conformance.case import Case

ROWS = 24


def _linear(x, y, noise):
    """Evidence of y ~ N(x w, noise²) with w ~ N(0, 1), mean and Cholesky factor of w given y."""
    eye = torch.eye(x.shape[1], dtype=x.dtype)
    covariance = x @ x.T + noise**2 * torch.eye(len(x), dtype=x.dtype)
    evidence = dist.MultivariateNormal(torch.zeros_like(y), covariance).log_prob(y)
    posterior = torch.linalg.inv(x.T @ x / noise**2 + eye)
    return evidence, posterior @ (x.T @ y) / noise**2, posterior


def normal_mean():
    """A mean with a conjugate prior, guide by `pyro.param`."""
    x, heldout = (torch.randn(n) + 1.5 for n in (ROWS, 6))

    def model(x):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with pyro.plate("rows", len(x)):
            pyro.sample("x", dist.Normal(mean, 1.0), obs=x)

    def guide(x):
        location = pyro.param("location", lambda: torch.tensor(0.0))
        scale = pyro.param("scale", lambda: torch.tensor(0.5), constraint=constraints.positive)
        pyro.sample("mean", dist.Normal(location, scale))

    variance = 1 / (ROWS + 1 / 4)
    centre, spread = x.sum() * variance, torch.tensor(variance).sqrt()
    evidence, _, _ = _linear(torch.full((ROWS, 1), 2.0), x, 1.0)
    ahead = (spread**2 + 1).sqrt()
    return Case(
        model,
        guide,
        x,
        heldout,
        evidence=evidence,
        exact_guide=lambda x: pyro.sample("mean", dist.Normal(centre, spread)),
        posterior={"mean": (centre, spread)},
        predictive={"x": (centre.expand(ROWS), ahead.expand(ROWS))},
        log_predictive=dist.Normal(centre, ahead).log_prob(heldout),
    )


def linear_regression():
    """Data by keyword, as arrays of numpy in double precision; outcomes may be left out."""
    true = torch.tensor([1.0, -0.5, 0.3])
    x, new = torch.randn(ROWS, 3), torch.randn(6, 3)
    y, y_new = (a @ true + 0.5 * torch.randn(len(a)) for a in (x, new))

    def model(x, y=None):
        w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        with pyro.plate("rows", len(x)):
            mean = pyro.deterministic("mean", x @ w)
            pyro.sample("y", dist.Normal(mean, 0.5), obs=y)

    evidence, mean, covariance = _linear(x, y, 0.5)

    def exact_guide(x, y=None):
        pyro.sample("w", dist.MultivariateNormal(mean, covariance))

    def ahead(x):
        return x @ mean, ((x @ covariance * x).sum(-1) + 0.25).sqrt()

    x_numpy = x.double().numpy()
    return Case(
        model,
        AutoMultivariateNormal(model, init_scale=0.1),
        {"x": x_numpy, "y": y.double().numpy()},
        {"x": new.double().numpy(), "y": y_new.double().numpy()},
        without_outcomes={"x": x_numpy, "y": None},
        evidence=evidence,
        exact_guide=exact_guide,
        posterior={"w": (mean, covariance.diagonal().sqrt())},
        predictive={"y": ahead(x)},
        log_predictive=dist.Normal(*ahead(new)).log_prob(y_new),
    )


def logistic_regression():
    """A heavy-tailed scale over the coefficients; labels are the second argument."""
    x, new = torch.randn(ROWS, 2), torch.randn(6, 2)
    y, y_new = ((2 * a[:, 0] - a[:, 1] > 0.3).to(torch.get_default_dtype()) for a in (x, new))

    def model(x, y=None):
        scale = pyro.sample("scale", dist.HalfCauchy(1.0))
        bias = pyro.sample("bias", dist.Normal(0.0, 2.0))
        with pyro.plate("inputs", 2):
            w = pyro.sample("w", dist.Normal(0.0, scale))
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Bernoulli(logits=x @ w + bias), obs=y)

    return Case(model, AutoNormal(model), (x, y), (new, y_new), without_outcomes=(x, None))


def partial_pooling():
    """Effects of a fixed number of groups; the group of a row and the number are arguments."""
    group, effect = torch.arange(ROWS) % 4, torch.tensor([-1.0, 0.0, 0.5, 2.0])
    y = effect[group] + 0.4 * torch.randn(ROWS)

    def model(group, groups, y=None):
        centre = pyro.sample("centre", dist.Normal(0.0, 2.0))
        spread = pyro.sample("spread", dist.LogNormal(0.0, 0.5))
        with pyro.plate("groups", groups):
            effect = pyro.sample("effect", dist.Normal(centre, spread))
        with pyro.plate("rows", len(group)):
            pyro.sample("y", dist.Normal(effect[group], 0.4), obs=y)

    data = {"group": group, "groups": 4, "y": y}
    heldout = {"group": torch.tensor([3, 3, 0, 1]), "groups": 4, "y": torch.ones(4)}
    return Case(model, AutoNormal(model), data, heldout, without_outcomes=data | {"y": None})


def zero_inflated():
    """Counts called by keyword alone, with a mixture of distributions that Pyro names."""
    exposure = torch.rand(ROWS) + 0.5
    counts = torch.poisson(4 * exposure) * (torch.rand(ROWS) > 0.3)

    def model(*, exposure, counts=None):
        gate = pyro.sample("gate", dist.Beta(2.0, 2.0))
        rate = pyro.sample("rate", dist.Gamma(2.0, 0.5))
        with pyro.plate("people", len(exposure)):
            counts = pyro.sample(
                "counts", dist.ZeroInflatedPoisson(rate * exposure, gate=gate), obs=counts
            )
        return counts

    data = {"counts": counts.long(), "exposure": exposure}
    heldout = {"counts": torch.tensor([0, 3, 5]), "exposure": torch.ones(3)}
    return Case(model, AutoNormal(model), data, heldout, without_outcomes=data | {"counts": None})


def ratings():
    """Two plates of fixed size, as many users as rows, and one observed cell a row."""
    user, item = torch.randperm(ROWS), torch.arange(ROWS) % 5
    stars = 3 + torch.randn(ROWS)

    def model(user, item, stars=None):
        with pyro.plate("users", ROWS):
            taste = pyro.sample("taste", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        with pyro.plate("items", 5):
            kind = pyro.sample("kind", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        with pyro.plate("rows", len(user)):
            mean = 3 + (taste[user] * kind[item]).sum(-1)
            pyro.sample("stars", dist.Normal(mean, 1.0), obs=stars)

    heldout = (user[:4], item[4:8], stars[:4])
    return Case(
        model,
        AutoNormal(model),
        (user, item, stars),
        heldout,
        without_outcomes=(user, item, None),
    )


class _Network(PyroModule):
    def __init__(self):
        super().__init__()
        self.hidden = PyroModule[nn.Linear](2, 4)
        self.hidden.weight = PyroSample(dist.Normal(0.0, 1.0).expand([4, 2]).to_event(2))
        self.hidden.bias = PyroSample(dist.Normal(0.0, 1.0).expand([4]).to_event(1))
        self.out = PyroModule[nn.Linear](4, 1)
        self.out.weight = PyroSample(dist.Normal(0.0, 0.5).expand([1, 4]).to_event(2))
        self.noise = PyroSample(dist.LogNormal(-1.0, 0.3))

    def forward(self, x, y=None):
        mean = self.out(torch.tanh(self.hidden(x))).squeeze(-1)
        noise = self.noise
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal(mean, noise), obs=y)
        return mean


def bayesian_network():
    """Weights are `PyroSample`s of modules; the output's bias is an ordinary parameter."""
    x = torch.randn(ROWS, 2)
    y = x.prod(-1).tanh() + 0.1 * torch.randn(ROWS)
    model = _Network()
    return Case(model, AutoNormal(model), (x, y), (x[:5] + 0.1, y[:5]), without_outcomes=(x, None))


def own_subsampling():
    """The program draws eight of its rows by itself, at each run."""
    x = torch.randn(ROWS) * 2 - 1

    def model(x):
        mean = pyro.sample("mean", dist.Normal(0.0, 3.0))
        scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
        with pyro.plate("rows", len(x), subsample_size=8) as index:
            pyro.sample("x", dist.Normal(mean, scale), obs=x[index])

    return Case(model, AutoNormal(model), x)


def scaled_plate():
    """A plate of the data's full size, scaled by the program: rows bring their index."""
    x = torch.randn(ROWS) + 2

    def model(index, x):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with pyro.plate("rows", ROWS, subsample=index):
            pyro.sample("x", dist.Normal(mean, 1.0), obs=x)

    evidence, _, _ = _linear(torch.full((ROWS, 1), 2.0), x, 1.0)
    centre, variance = x.sum() / (ROWS + 0.25), 1 / (ROWS + 0.25)

    def exact_guide(index, x):
        pyro.sample("mean", dist.Normal(centre, math.sqrt(variance)))

    return Case(
        model,
        AutoNormal(model, init_scale=0.5),
        (torch.arange(ROWS), x),
        evidence=evidence,
        exact_guide=exact_guide,
    )


def tempered():
    """The likelihood of each row counts half, by `poutine.scale`."""
    x = torch.randn(ROWS) - 1

    def model(x):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with pyro.plate("rows", len(x)), poutine.scale(scale=0.5):
            pyro.sample("x", dist.Normal(mean, 1.0), obs=x)

    return Case(model, AutoNormal(model), x)


def censoring():
    """Some times are cut off: their survival enters by `pyro.factor`."""
    time = dist.Exponential(0.5).sample((ROWS,))
    seen = time < 2.5
    time = time.clamp(max=2.5)

    def model(time, seen):
        rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
        with pyro.plate("patients", len(time)):
            with poutine.mask(mask=seen):
                pyro.sample("time", dist.Exponential(rate), obs=time)
            pyro.factor("survival", torch.where(seen, 0.0, -rate * time))

    def guide(time, seen):
        shape = pyro.param("shape", lambda: torch.tensor(30.0), constraint=constraints.positive)
        rate = pyro.param("by", lambda: torch.tensor(20.0), constraint=constraints.positive)
        pyro.sample("rate", dist.Gamma(shape, rate))

    a, b = 2.0 + seen.sum(), 1 + time.sum()
    mean = a / b
    evidence = torch.lgamma(a) - torch.lgamma(torch.tensor(2.0)) - a * b.log()
    return Case(
        model,
        guide,
        (time, seen),
        (torch.tensor([1.0, 2.5]), torch.tensor([True, False])),
        evidence=evidence,
        exact_guide=lambda time, seen: pyro.sample("rate", dist.Gamma(a, b)),
        posterior={"rate": (mean, a.sqrt() / b)},
        log_predictive=torch.stack(
            [a.log() + a * b.log() - (a + 1) * (b + 1).log(), a * (b.log() - (b + 2.5).log())]
        ),
    )


class _Options:
    """An object that means nothing to a tensor library."""

    def __init__(self, degree):
        self.degree = degree


def settings():
    """Strings, numbers, None and objects stand between the data."""
    x = torch.rand(ROWS)
    y = torch.poisson(torch.exp(1 + x))

    def model(x, link, options, offset, y, prior=None, rate=None):
        assert link == "log"
        assert prior is None
        assert rate.dim() == 0
        assert isinstance(offset, float)
        w = pyro.sample("w", dist.Normal(torch.zeros(options.degree + 1), 1.0).to_event(1))
        powers = torch.stack([x**k for k in range(options.degree + 1)], -1)
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Poisson(rate * torch.exp(powers @ w + offset)), obs=y)

    def data(x, y):
        return (x, "log", _Options(2), 0.25, y, None, torch.tensor(1.0))

    return Case(
        model,
        AutoNormal(model, init_scale=0.1),
        data(x, y),
        data(x[:5], y[:5]),
        without_outcomes=data(x, None),
    )


def low_rank():
    """A regression on counts, its guide a normal of low rank."""
    x = torch.randn(ROWS, 4)
    y = torch.poisson(torch.exp(0.5 * x[:, 0] - 0.5 * x[:, 1]))

    def model(x, y=None):
        w = pyro.sample("w", dist.Laplace(torch.zeros(4), 0.5).to_event(1))
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Poisson((x @ w).exp()), obs=y)

    guide = AutoLowRankMultivariateNormal(model, rank=2, init_scale=0.1)
    return Case(model, guide, (x, y), (x[:5], y[:5]), without_outcomes=(x, None))


def maximum_a_posteriori():
    """A point for what is shared, by `AutoDelta`."""
    x = (torch.rand(ROWS, 3) < torch.tensor([0.2, 0.5, 0.9])).to(torch.get_default_dtype())

    def model(x):
        with pyro.plate("columns", 3):
            p = pyro.sample("p", dist.Beta(2.0, 2.0))
        with pyro.plate("rows", len(x), dim=-1):
            pyro.sample("x", dist.Bernoulli(p).to_event(1), obs=x)

    return Case(model, AutoDelta(model), x, x[:5])


def _banana():
    x = torch.randn(ROWS) * 0.7 + 1

    def model(x):
        a = pyro.sample("a", dist.Normal(0.0, 1.0))
        b = pyro.sample("b", dist.Normal(a**2, 0.5))
        with pyro.plate("rows", len(x)):
            pyro.sample("x", dist.Normal(a + b, 0.7), obs=x)

    return model, x


def spline_guide():
    """A guide of spline flows, which keep values of the last run."""
    model, x = _banana()
    return Case(model, AutoNormalizingFlow(model, partial(iterated, 2, spline)), x, x[:5])


def inverse_autoregressive():
    """A guide whose network is made when it first runs."""
    model, x = _banana()
    return Case(model, AutoIAFNormal(model, hidden_dim=[6]), x, x[:5])


def renyi():
    """An objective that is no sum over rows: shared weights are inside a logarithm."""
    model, x = _banana()
    return Case(model, AutoNormal(model), x, x[:5], objective=RenyiELBO(alpha=0, num_particles=4))


def double_precision():
    """Parameters made by the program when it runs, in double precision as its data."""
    kind = {"dtype": torch.float64}
    x = torch.randn(ROWS, 3, **kind)
    y = x @ torch.tensor([1.0, -1.0, 0.5], **kind) + 0.1 * torch.randn(ROWS, **kind)

    def model(x, y):
        noise = pyro.param("noise", torch.tensor(0.5, **kind), constraint=constraints.positive)
        w = pyro.sample("w", dist.Normal(torch.zeros(3, **kind), 1.0).to_event(1))
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal(x @ w, noise), obs=y)

    def guide(x, y):
        location = pyro.param("location", torch.zeros(3, **kind))
        scale = pyro.param("scale", 0.1 * torch.ones(3, **kind), constraint=constraints.positive)
        pyro.sample("w", dist.Normal(location, scale).to_event(1))

    return Case(model, guide, (x, y), (x[:5], y[:5]), without_outcomes=(x, None))


def correlations():
    """A Cholesky factor of correlations is latent, a heavy-tailed vector observed."""
    factor = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]])
    x = torch.randn(ROWS, 3) @ factor.T

    def model(x):
        factor = pyro.sample("factor", dist.LKJCholesky(3, 2.0))
        degrees = pyro.sample("degrees", dist.Gamma(8.0, 1.0))
        with pyro.plate("rows", len(x)):
            t = dist.MultivariateStudentT(2 + degrees, torch.zeros(3), factor)
            pyro.sample("x", t, obs=x)

    return Case(model, AutoNormal(model, init_scale=0.05), x, x[:5])


def matrices():
    """Each row is a matrix; a matrix of effects is latent; entries may be missing."""
    true = torch.randn(3, 2)
    seen = torch.rand(ROWS, 3, 2) > 0.2
    x = torch.where(seen, true + 0.5 * torch.randn(ROWS, 3, 2), 0.0)

    def model(x, seen):
        mean = pyro.sample("mean", dist.Normal(torch.zeros(3, 2), 1.0).to_event(2))
        with pyro.plate("rows", len(x)):
            pyro.sample("x", dist.Normal(mean, 0.5).mask(seen).to_event(2), obs=x)

    count, total = seen.sum(0), (x * seen).sum(0)
    variance = 1 / (1 + count / 0.25)
    centre = variance * total / 0.25
    scale = variance.sqrt()
    # log p(x) = log p(x, m) - log p(m | x) at any m.
    joint = dist.Normal(centre, 0.5).log_prob(x).mul(seen).sum()
    joint = joint + dist.Normal(0.0, 1.0).log_prob(centre).sum()

    def exact_guide(x, seen):
        pyro.sample("mean", dist.Normal(centre, scale).to_event(2))

    return Case(
        model,
        AutoNormal(model),
        (x, seen),
        (x[:5], seen[:5]),
        evidence=joint - dist.Normal(centre, scale).log_prob(centre).sum(),
        exact_guide=exact_guide,
        posterior={"mean": (centre, scale)},
    )


def whole_event():
    """All rows are one event: no plate follows them."""
    x = torch.randn(ROWS) + 1

    def model(x):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        pyro.sample("x", dist.Normal(mean, 1.0).expand([len(x)]).to_event(1), obs=x)

    evidence, _, _ = _linear(torch.full((ROWS, 1), 2.0), x, 1.0)
    centre, variance = x.sum() / (ROWS + 0.25), 1 / (ROWS + 0.25)

    def exact_guide(x):
        pyro.sample("mean", dist.Normal(centre, math.sqrt(variance)))

    return Case(model, AutoNormal(model), x, evidence=evidence, exact_guide=exact_guide)


def sequential_plate():
    """A loop over the rows, each with a site of its own."""
    x = torch.randn(8) + 1

    def model(x):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        for i in pyro.plate("rows", len(x)):
            pyro.sample(f"x_{i}", dist.Normal(mean, 1.0), obs=x[i])

    evidence, _, _ = _linear(torch.full((8, 1), 2.0), x, 1.0)
    centre, variance = x.sum() / 8.25, 1 / 8.25

    def exact_guide(x):
        pyro.sample("mean", dist.Normal(centre, math.sqrt(variance)))

    return Case(model, AutoNormal(model), x, evidence=evidence, exact_guide=exact_guide)
