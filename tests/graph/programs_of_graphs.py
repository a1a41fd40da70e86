"""Programs with known graphs."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.nn import PyroModule, PyroSample
from pyro.ops.indexing import Vindex
from torch import nn


def eight_schools(y=None):
    mean = pyro.sample("mean", dist.Normal(0, 5))
    scale = pyro.sample("scale", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 4):
        theta = pyro.sample("theta", dist.Normal(mean, scale))
        pyro.sample("y", dist.Normal(theta, torch.arange(1.0, 5.0)), obs=y)


def topics(words=None):
    with pyro.plate("topics", 3):
        phi = pyro.sample("phi", dist.Dirichlet(torch.ones(5)))
    with pyro.plate("documents", 2):
        theta = pyro.sample("theta", dist.Dirichlet(torch.ones(3)))
        with pyro.plate("words", 4):
            z = pyro.sample("z", dist.Categorical(theta))
            pyro.sample("w", dist.Categorical(phi[z]), obs=words)


def ratings(r=None):
    users, items = pyro.plate("users", 3, dim=-1), pyro.plate("items", 4, dim=-2)
    with users:
        u = pyro.sample("u", dist.Normal(0, 1))
    with items:
        v = pyro.sample("v", dist.Normal(0, 1))
    with users, items:
        pyro.sample("r", dist.Normal(u * v, 1), obs=r)


def hidden_markov(x=None):
    table = torch.rand(3, 3) + 0.1
    z = torch.tensor(0)
    with pyro.plate("sequences", 2):
        for t in pyro.markov(range(3)):
            z = pyro.sample(f"z{t}", dist.Categorical(table[z]))
            pyro.sample(f"x{t}", dist.Normal(z.float(), 1.0), obs=None if x is None else x[t])


def whole_chain():
    scale = pyro.sample("scale", dist.LogNormal(0, 1))
    noise, one = dist.Normal(torch.zeros(1), scale).to_event(1), torch.eye(1)
    z = pyro.sample("z", dist.GaussianHMM(noise, one, noise, one, noise, duration=4))
    pyro.sample("x", dist.Normal(z.sum(), 1))


def parameters_only(x=None):
    loc = pyro.param("loc", torch.tensor(0.0))
    scale = pyro.param("scale", torch.tensor(1.0), constraint=constraints.positive)
    with pyro.plate("data", 5):
        pyro.sample("x", dist.Normal(loc, scale), obs=x)


def computed():
    a = pyro.sample("a", dist.Normal(0, 1))
    b = pyro.deterministic("b", 2 * a)
    pyro.sample("c", dist.Normal(b, 1))
    pyro.sample("d", dist.Normal(0, 1))


def discrete_mixture(x=None):
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("parts", 2):
        centre = pyro.sample("centre", dist.Normal(0, 5))
    with pyro.plate("data", 6):
        part = pyro.sample("part", dist.Categorical(weights), infer={"enumerate": "parallel"})
        pyro.sample("x", dist.Normal(centre[part], 1), obs=x)


def subsampled():
    scale = pyro.sample("scale", dist.LogNormal(0, 1))
    with pyro.plate("data", 10, subsample_size=3) as index:
        z = pyro.sample("z", dist.Normal(torch.arange(10.0)[index], scale))
        pyro.sample("x", dist.Normal(z, 1))


def masked():
    z = pyro.sample("z", dist.Bernoulli(0.5))
    with poutine.mask(mask=z.bool()):
        pyro.sample("x", dist.Normal(0, 1))
    pyro.sample("y", dist.Normal(z, 1).mask(False))


def sequential_plate():
    mean = pyro.sample("mean", dist.Normal(0, 1))
    for i in pyro.plate("i", 3):
        pyro.sample(f"x{i}", dist.Normal(mean, 1))


def in_python():
    a = pyro.sample("a", dist.Bernoulli(0.5))
    b = pyro.sample("b", dist.Poisson(3.0))
    loc = 1.0 if a else -1.0
    pyro.sample("c", dist.Normal(loc, 1.0))
    pyro.sample("d", dist.Normal(torch.zeros(int(b) + 1), 1.0).to_event(1))


def written():
    x = torch.zeros(3)
    x[0] = pyro.sample("a", dist.Normal(0, 1))
    b = pyro.sample("b", dist.Normal(0, 1))
    y = torch.zeros(2).copy_(b)
    w = torch.zeros(())
    w.data = b.data
    pyro.sample("c", dist.Normal(x[:2], 1).to_event(1))
    pyro.sample("d", dist.Normal(y, 1).to_event(1))
    pyro.sample("e", dist.Normal(torch.tensor([y[0], 1.0]), 1).to_event(1))
    pyro.sample("f", dist.Normal(w, 1))


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x


def networks():
    z = pyro.sample("z", dist.Normal(torch.zeros(2), 1).to_event(1))
    h = torch.nn.functional.relu(nn.Linear(2, 3)(z))
    h, _ = nn.GRU(3, 3)(h[None, None])
    h = torch.einsum("tbh,hk->bk", Doubling.apply(h), torch.randn(3, 2))
    pyro.sample("x", dist.MixtureSameFamily(dist.Categorical(logits=h), dist.Normal(h, 1.0)))


def flows():
    z = pyro.sample("z", dist.Normal(torch.zeros(1), 1).to_event(1))
    shift = dist.transforms.AffineTransform(z, 1.0)
    pyro.sample("x", dist.TransformedDistribution(dist.Normal(torch.zeros(1), 1.0), [shift]))
    base = dist.Normal(torch.zeros(2), 1.0).to_event(1)
    conditional = dist.transforms.ConditionalAffineCoupling(
        1, pyro.nn.ConditionalDenseNN(1, 1, [4], [1, 1])
    )
    pyro.sample("y", dist.ConditionalTransformedDistribution(base, [conditional]).condition(z))


def zero_inflated(config):
    """Like Pyro's example mixed_hmm, with one nested argument for all times."""
    steps, nothing = config["observations"]["step"], config["nothing"]
    y, by_state = torch.tensor(0), torch.rand(2, 2) + 0.1
    with pyro.plate("group", 3, dim=-1):
        effect = pyro.sample("e", dist.Categorical(torch.ones(3)))
        logits = Vindex(torch.randn(3, 4))[..., effect, :].reshape(3, 2, 2)
        with pyro.plate("individual", 2, dim=-2), poutine.mask(mask=config["mask"]):
            for t in pyro.markov(range(2)):
                y = pyro.sample(f"y{t}", dist.Categorical(logits=Vindex(logits)[..., y, :]))
                zero = steps[..., t] == nothing
                zeros = dist.Categorical(Vindex(by_state)[..., y, :])
                pyro.sample(f"zero{t}", zeros, obs=zero.long())
                step = dist.Gamma(Vindex(by_state[0])[..., y], 1.0)
                step = dist.MaskedMixture(zero, step, dist.Delta(torch.tensor(nothing)))
                pyro.sample(f"step{t}", step, obs=steps[..., t])


class Regression(PyroModule):
    def __init__(self):
        super().__init__()
        self.linear = PyroModule[nn.Linear](2, 1)
        self.linear.weight = PyroSample(dist.Normal(0, 1).expand([1, 2]).to_event(2))
        self.linear.bias = PyroSample(dist.Normal(0, 1).expand([1]).to_event(1))

    def forward(self, x, y=None):
        mean = self.linear(x).squeeze(-1)
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(mean, 1), obs=y)


def as_edges(text):
    return {tuple(edge.split("-")) for edge in text.split()}
