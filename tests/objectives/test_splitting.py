"""Rows that bear on each other are one batch; programs that are merely random are not."""

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from programs import BeliefNet, Convolutional, Gaussian, Mixture, Pixels, Positive
from pyro.distributions.transforms import AffineAutoregressive, Planar
from pyro.nn import AutoRegressiveNN
from torch import nn

import ppgen
from ppgen.data.batches import Batches
from ppgen.objectives.preparation import prepare

X = torch.linspace(-1, 1, 120).sin().view(40, 3) * torch.arange(1, 41).view(40, 1)


class Hidden(ppgen.Program):
    """x ~ N(z, 1), z ~ N(h, 1), of which functions of all rows may change h, z and the guide."""

    def __init__(self, prior=None, decoder=None, guide=None):
        super().__init__()
        self.parts = nn.ModuleDict()
        for name, part in (("prior", prior), ("decoder", decoder), ("encoder", guide)):
            if isinstance(part, nn.Module):
                self.parts[name] = part
        self.functions = prior, decoder, guide
        self.weight = nn.Parameter(torch.ones(3))

    def model(self, x):
        prior, decoder, _ = (function or nn.Identity() for function in self.functions)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(prior(self.weight * x), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(self, x):
        encoder = self.functions[2] or nn.Identity()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(encoder(x), 1.0).to_event(1))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(3, 1, batch_first=True)

    def forward(self, x):
        return x + self.heads(x[None], x[None], x[None])[0][0]


def centred(x):
    return x - x.mean(0)


def before(x):
    return torch.cat([torch.zeros_like(x[:1]), x[:-1]])


TOGETHER = {
    "prior of the row before": lambda: Hidden(prior=before),
    "decoder of earlier rows": lambda: Hidden(decoder=lambda z: z.cumsum(0)),
    "guide of the row before": lambda: Hidden(guide=before),
    "the largest row, which is the last": lambda: Hidden(prior=lambda x: x.amax(0).expand_as(x)),
    "prior": lambda: Hidden(prior=centred),
    "decoder": lambda: Hidden(decoder=centred),
    "guide": lambda: Hidden(guide=centred),
    "attention": lambda: Hidden(prior=Attention()),
    "neighbours": lambda: Hidden(prior=lambda x: x.roll(1, 0)),
    "softmax over rows": lambda: Hidden(decoder=lambda z: z.softmax(0)),
    "statistics of the batch": lambda: Hidden(nn.BatchNorm1d(3, track_running_stats=False)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TOGETHER)
def test_rows_that_bear_on_each_other_are_one_batch(name, dtype):
    program, x = TOGETHER[name]().to(dtype), X.to(dtype)
    with pytest.warns(UserWarning, match=r"all 40 rows are one batch .* depends on other rows"):
        history = ppgen.fit(program, x, epochs=2, batch_size=10, progress=False)
    assert history.steps == 2
    found = ppgen.elbo(program, x)
    assert found.per_example is None
    assert found.total == pytest.approx(ppgen.elbo(program, x, batch_size=10).total)


def noisy(x):
    return x + torch.randn_like(x)


class Counting(nn.Module):
    runs = 0

    def forward(self, x):
        self.runs += 1
        return x / self.runs


def counting():
    runs = [0]

    def count(x):
        runs[0] += 1
        return x / runs[0]

    return Hidden(decoder=count)


class Flow(Hidden):
    """A guide with a normalizing flow, which may have no inverse."""

    def __init__(self, transform):
        super().__init__()
        self.transform = transform

    def guide(self, x):
        with pyro.plate("data", len(x)):
            base = dist.Normal(x, 1.0).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [self.transform]))


class Padded(ppgen.Program):
    """Sequences that are cut to the longest of a batch."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(()))

    def model(self, x, lengths):
        times = int(lengths.max())
        kept = torch.arange(times) < lengths[:, None]
        with pyro.plate("data", len(x), dim=-2), pyro.plate("time", times, dim=-1):
            pyro.sample("x", dist.Normal(self.mean, 1.0).mask(kept), obs=x[:, :times])


class Looked(ppgen.Program):
    """A plate of fixed size with parameters for each row, some of which are a batch."""

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.zeros(40))

    def model(self, index, x):
        with pyro.plate("data", 40, subsample=index):
            pyro.sample("x", dist.Normal(self.means[index][:, None], 1.0).to_event(1), obs=x)


IMAGES = X[:, None, None, :]
BINARY = torch.bernoulli(torch.full((40, 1, 3, 3), 0.3))
APART = {
    "plain": (Hidden, X),
    "dropout": (lambda: Hidden(nn.Dropout(0.5)), X),
    "dropout in evaluation": (lambda: Hidden(lambda x: F.dropout(x, 0.5, training=True)), X),
    "noise of its own": (lambda: Hidden(guide=noisy), X),
    "runs that count": (lambda: Hidden(Counting()), X),
    "runs that a closure counts": (counting, X),
    "batch normalization": (lambda: Hidden(nn.BatchNorm1d(3)), X),
    "inverse autoregressive flow": (
        lambda: Flow(AffineAutoregressive(AutoRegressiveNN(3, [4]))),
        X,
    ),
    "planar flow": (lambda: Flow(Planar(3)), X),
    "sequences": (Padded, (X, torch.arange(40) % 3 + 1)),
    "parameters of rows": (Looked, (torch.arange(40), X)),
    "pixels": (Pixels, BINARY),
    "binary latents": (BeliefNet, BINARY),
    "enumerated": (Mixture, BINARY),
    "Gaussian": (lambda: Gaussian(3), IMAGES),
    "positive": (lambda: Positive(3), IMAGES.sin().exp()),
    "convolutional": (Convolutional, torch.randn(40, 1, 4, 4)),
    "normalized": (lambda: Convolutional(norm=True), torch.randn(40, 1, 4, 4)),
    "VAE": (
        lambda: ppgen.models.VAE.convolutional((1, 28, 28), latent=4),
        torch.rand(300, 1, 28, 28).round(),
    ),
    "deep": (lambda: Hidden(nn.Sequential(*[nn.Linear(3, 3) for _ in range(30)])), 1e3 * X),
}


class Narrow(Hidden):
    """Latents that their guide knows to some units in the last place of their locations."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(3, 3)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(30 + self.encoder(x), 1e-5).to_event(1))


@pytest.mark.parametrize("seed", range(20))
def test_rounding_in_batches_of_other_sizes_is_no_dependence(seed):
    torch.manual_seed(seed)
    assert prepare(Narrow(), Batches(X, 10)).structure.whole == ""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", APART)
def test_programs_of_independent_rows_raise_no_alarm(name, dtype, default_dtype):
    default_dtype(dtype)
    torch.manual_seed(0)
    make, data = APART[name]
    assert prepare(make(), Batches(data, 10, dtype=dtype)).structure.whole == ""
