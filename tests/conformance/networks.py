"""Programs with networks or parameters of rows, and programs in which nothing is latent."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.infer.autoguide import AutoNormal
from torch import nn

from conformance.case import Case


def _evidence_on_grid(x, likelihood):
    """log p(x) of each row by the trapezoid rule; z ~ N(0, 1) has one dimension."""
    z = torch.linspace(-9.0, 9.0, 1201)
    log_prior = dist.Normal(0.0, 1.0).log_prob(z)
    with torch.no_grad():
        terms = torch.stack([likelihood(v, x) for v in z[:, None]], -1)
    return (terms + log_prior + (z[1] - z[0]).log()).logsumexp(-1)


def vae_functions():
    """Plain functions; the decoder counts dimensions from the left; runs without data."""
    x = (torch.rand(24, 5) < 0.4).to(torch.get_default_dtype())
    encoder, decoder = nn.Linear(5, 2), nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 5))

    def probabilities(z):
        return 0.02 + 0.96 * torch.softmax(decoder(z), dim=1)

    def model(x=None, *, n=1):
        pyro.module("decoder", decoder)
        with pyro.plate("rows", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            return pyro.sample("x", dist.Bernoulli(probabilities(z)).to_event(1), obs=x)

    def guide(x=None, *, n=1):
        pyro.module("encoder", encoder)
        with pyro.plate("rows", len(x)):
            mean, log_scale = encoder(x).chunk(2, 1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    def likelihood(z, x):
        return dist.Bernoulli(probabilities(z[None])).log_prob(x).sum(-1)

    return Case(model, guide, x, x[:6], evidence=lambda: _evidence_on_grid(x, likelihood))


class _Autoencoder(nn.Module):
    """Knows Pyro and nothing of this library."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.mean, self.log_scale = nn.Linear(8, 2), nn.Linear(8, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 16), nn.Unflatten(1, (1, 4, 4)))

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("images", x.shape[0]):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            x = x.to(z.dtype) / 255
            pyro.sample("pixels", dist.Normal(self.decoder(z), 0.5).to_event(3), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        pyro.module("mean", self.mean)
        pyro.module("log_scale", self.log_scale)
        assert x.dtype is torch.uint8
        with pyro.plate("images", x.shape[0]):
            h = self.encoder(x / 255)
            z = dist.Normal(self.mean(h), self.log_scale(h).exp()).to_event(1)
            pyro.sample("z", z)


def vae_class():
    """A class with a model and a guide: bytes for images, and a network with buffers."""
    x = torch.randint(256, (24, 1, 4, 4), dtype=torch.uint8)
    network = _Autoencoder()
    return Case(network.model, network.guide, x, x[:6])


def two_views():
    """An image and its label, integers and booleans among the data, of one latent."""
    label = torch.arange(24) % 3
    image = (torch.rand(24, 1, 4, 4) < (label / 3 + 0.1)[:, None, None, None]).to(
        torch.get_default_dtype()
    )
    known = torch.rand(24) < 0.7
    encoder, pixels, classes = nn.Linear(16, 4), nn.Linear(2, 16), nn.Linear(2, 3)

    def model(image, label, known):
        pyro.module("pixels", pixels)
        pyro.module("classes", classes)
        assert known is None or known.dtype is torch.bool
        with pyro.plate("both", len(image)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            logits = pixels(z).unflatten(-1, (1, 4, 4))
            pyro.sample("image", dist.Bernoulli(logits=logits).to_event(3), obs=image)
            with poutine.mask(mask=known):
                pyro.sample("label", dist.Categorical(logits=classes(z)), obs=label)

    def guide(image, label, known):
        pyro.module("image_encoder", encoder)
        with pyro.plate("both", len(image)):
            mean, log_scale = encoder(image.flatten(1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    data = (image, label, known)
    return Case(
        model, guide, data, tuple(d[:5] for d in data), without_outcomes=(image, None, known)
    )


def cooled_latent():
    """The divergence of each row counts a tenth, by `poutine.scale`; everything is Gaussian."""
    w = torch.tensor([1.0, -0.5, 0.8])
    x = torch.randn(24, 1) * w + 0.7 * torch.randn(24, 3)
    precision = 1 + w @ w / 0.49

    def model(x):
        with pyro.plate("rows", len(x)):
            with poutine.scale(scale=0.1):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z[..., None] * w, 0.7).to_event(1), obs=x)

    def guide(x):
        slope = pyro.param("slope", lambda: torch.zeros(3))
        scale = pyro.param("scale", lambda: torch.tensor(0.5), constraint=constraints.positive)
        with pyro.plate("rows", len(x)), poutine.scale(scale=0.1):
            pyro.sample("z", dist.Normal(x @ slope, scale))

    def exact_guide(x):
        with pyro.plate("rows", len(x)), poutine.scale(scale=0.1):
            pyro.sample("z", dist.Normal(x @ w / 0.49 / precision, precision**-0.5))

    covariance = torch.outer(w, w) + 0.49 * torch.eye(3)
    rows = dist.MultivariateNormal(torch.zeros(3), covariance).log_prob(x)
    return Case(model, guide, x, x[:5], evidence=rows, exact_guide=exact_guide)


def row_parameters():
    """An automatic guide with parameters for each row."""
    noise = torch.rand(12) + 0.5
    y = torch.randn(12) + 1 + noise * torch.randn(12)

    def model(y, noise):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with pyro.plate("schools", len(y)):
            effect = pyro.sample("effect", dist.Normal(mean, 1.0))
            pyro.sample("y", dist.Normal(effect, noise), obs=y)

    covariance = 4 + torch.diag(1 + noise**2)
    evidence = dist.MultivariateNormal(torch.zeros(12), covariance).log_prob(y)
    return Case(model, AutoNormal(model), (y, noise), (y[:4], noise[:4]), evidence=evidence)


def looked_up_parameters():
    """Parameters for each row, looked up by an index: the automatic guide makes the plate."""
    rows = 24
    y = torch.randn(rows) + 1 + torch.randn(rows)

    def plate(index, y):
        return pyro.plate("rows", rows, subsample=index)

    def model(index, y):
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with plate(index, y):
            effect = pyro.sample("effect", dist.Normal(mean, 1.0))
            pyro.sample("y", dist.Normal(effect, 1.0), obs=y)

    covariance = 4 + 2 * torch.eye(rows)
    evidence = dist.MultivariateNormal(torch.zeros(rows), covariance).log_prob(y)
    return Case(
        model, AutoNormal(model, create_plates=plate), (torch.arange(rows), y), evidence=evidence
    )


def masked_observations():
    """Missing entries of a table are masked; factors of rows come from a network."""
    x = torch.randn(24, 1) * torch.tensor([1.0, 0.5, -1.0]) + 0.3 * torch.randn(24, 3)
    seen = torch.rand(24, 3) < 0.7
    x = x.masked_fill(~seen, 0.0)
    encoder = nn.Linear(6, 2)

    def model(x, seen):
        w = pyro.param("w", lambda: torch.tensor([1.0, 0.1, 0.1]))
        with pyro.plate("rows", len(x), dim=-2):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            with pyro.plate("columns", 3, dim=-1), poutine.mask(mask=seen):
                pyro.sample("x", dist.Normal(z * w, 0.4), obs=x)

    def guide(x, seen):
        pyro.module("encoder", encoder)
        mean, log_scale = encoder(torch.cat([x, seen.to(x.dtype)], -1)).chunk(2, -1)
        with pyro.plate("rows", len(x), dim=-2):
            pyro.sample("z", dist.Normal(mean, log_scale.exp()))

    return Case(model, guide, (x, seen), (x[:5], seen[:5]))


def maximum_likelihood():
    """Nothing is latent: constrained parameters, two observed sites."""
    x = dist.Gamma(3.0, 2.0).sample((24,))
    kind = torch.arange(24) % 3

    def model(x, kind):
        shape = pyro.param("shape", lambda: torch.tensor(1.0), constraint=constraints.positive)
        rate = pyro.param("rate", lambda: torch.ones(3), constraint=constraints.positive)
        weights = pyro.param(
            "weights", lambda: torch.tensor([0.8, 0.1, 0.1]), constraint=constraints.simplex
        )
        with pyro.plate("rows", len(x)):
            pyro.sample("kind", dist.Categorical(weights), obs=kind)
            pyro.sample("x", dist.Gamma(shape, rate[kind]), obs=x)

    return Case(model, None, (x, kind), (x[:5], kind[:5]))
