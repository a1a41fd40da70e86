"""Small programs for tests: each with an exact answer, or in the form a user might write it."""

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from ppgen import Program
from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.data.batches import Batches
from ppgen.objectives import ImportanceWeightedELBO, MeanFieldELBO, TensorELBO
from ppgen.objectives.preparation import prepare
from ppgen.program import as_program


class Pixels(Program):
    """Independent Bernoulli pixels, nothing latent: maximum likelihood is the pixel mean."""

    def __init__(self, shape=(1, 3, 3)):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(shape))

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Bernoulli(logits=self.logits).to_event(3), obs=x)


class Gaussian(Program):
    """z ~ N(0, 1), x | z ~ N(z w, s²) per pixel: p(x) and p(z | x) are Gaussian."""

    def __init__(self, pixels=4, objective=None):
        super().__init__()
        self.objective = objective or MeanFieldELBO()
        self.weights = nn.Parameter(torch.linspace(-1.0, 1.5, pixels))
        self.encoder = nn.Linear(pixels, 2)

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            mean = (z * self.weights).unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            mean, log_scale = self.encoder(x.flatten(1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    def log_likelihood(self, x):
        w = self.weights.detach()
        covariance = torch.outer(w, w) + 0.49 * torch.eye(len(w))
        return dist.MultivariateNormal(torch.zeros(len(w)), covariance).log_prob(x.flatten(1))

    def use_exact_posterior(self):
        w = self.weights.detach()
        precision = 1 + w @ w / 0.49
        with torch.no_grad():
            self.encoder.weight[0] = w / 0.49 / precision
            self.encoder.weight[1] = 0
            self.encoder.bias[0] = 0
            self.encoder.bias[1] = -0.5 * precision.log()


class Rate(Program):
    """z ~ Gamma(2, 1), x | z ~ Exponential(z): p(x) = 2 / (1 + x)³, z | x ~ Gamma(3, 1 + x)."""

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Gamma(torch.tensor(2.0), 1.0))
            rate = z[..., None, None, None]
            return pyro.sample("x", dist.Exponential(rate).to_event(3), obs=x)

    def log_likelihood(self, x):
        return (2 / (1 + x.flatten()) ** 3).log()


class Convolutional(Gaussian):
    """The Gaussian program with the decoder that many write: it takes batches and nothing more."""

    def __init__(self, norm=False, objective=None):
        Program.__init__(self)
        self.objective = objective or MeanFieldELBO()
        self.decoder = nn.Sequential(
            *[nn.Linear(1, 4, bias=False), nn.Unflatten(-1 if norm else 1, (1, 2, 2))],
            *[nn.BatchNorm2d(1)] * norm,
            nn.ConvTranspose2d(1, 1, 2, stride=2, bias=False),
        )
        self.encoder = nn.Linear(16, 2)

    @property
    def weights(self):
        """What the decoder multiplies z by: it is linear where it is evaluated."""
        return self.decoder(torch.ones(1, 1)).flatten()

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            return pyro.sample("x", dist.Normal(self.decoder(z), 0.7).to_event(3), obs=x)


class Positive(Gaussian):
    """The exponential of the Gaussian program: its pixels are above 0."""

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            mean = (z * self.weights).unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.LogNormal(mean, 0.7).to_event(3), obs=x)


class BeliefNet(Program):
    """Two binary latents, so that everything can be summed out; the guide is discrete."""

    def __init__(self, objective=None):
        super().__init__()
        self.objective = objective or TensorELBO()
        self.weights = nn.Parameter(torch.randn(2, 9))
        self.encoder = nn.Linear(9, 2)

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Bernoulli(0.5 * torch.ones(2)).to_event(1))
            logits = (z @ self.weights).unflatten(-1, (1, 3, 3))
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Bernoulli(logits=self.encoder(x.flatten(1))).to_event(1))

    def exact_elbo(self, x):
        """Sum over the four states: E_q[log p(x, z) − log q(z | x)], mean over images."""
        q = dist.Bernoulli(logits=self.encoder(x.flatten(1))).to_event(1)
        total = 0.0
        for z in torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])):
            log_q = q.log_prob(z)
            likelihood = dist.Bernoulli(logits=(z @ self.weights).view(1, 3, 3)).to_event(3)
            log_p = likelihood.log_prob(x) + 2 * torch.tensor(0.5).log()
            total = total + log_q.exp() * (log_p - log_q)
        return total.mean()


class Mixture(Program):
    """A discrete latent that Pyro enumerates in the model, with an empty guide."""

    objective = pyro.infer.TraceEnum_ELBO(max_plate_nesting=1)

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.randn(3, 9))

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            c = pyro.sample("c", dist.Categorical(torch.ones(3)), infer={"enumerate": "parallel"})
            logits = self.logits[c].unflatten(-1, (1, 3, 3))
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    def log_likelihood(self, x):
        logits = self.logits.view(3, 1, 1, 3, 3)
        each = dist.Bernoulli(logits=logits).to_event(3).log_prob(x)
        return each.logsumexp(0) - torch.tensor(3.0).log()


class LinearChain(AutoregressiveNetwork):
    """Logits linear in the pixels before, and in the context: a network as short as can be."""

    def __init__(self, image_shape, likelihood=None, context_size=0, ordering=None):
        super().__init__(image_shape, likelihood, context_size, ordering=ordering)
        outputs = self.likelihood.outputs
        self.weight = nn.Parameter(torch.randn(outputs, self.pixels, self.pixels))
        self.bias = nn.Parameter(torch.randn(outputs, self.pixels))
        self.context_weight = nn.Parameter(torch.randn(context_size, outputs, self.pixels))

    def forward(self, x, context=None):
        raw = self.bias + torch.einsum("bj,oij->boi", self.in_order(x), self.weight.tril(-1))
        if context is not None:
            raw = raw + torch.einsum("bc,coi->boi", context, self.context_weight)
        return self.to_image(raw)


def function_model(x=None, *, n=1):
    """The Gaussian program as plain functions with ``pyro.param``."""
    weights = pyro.param("weights", torch.linspace(-1.0, 1.5, 4))
    scale = pyro.param("scale", torch.tensor(0.7), constraint=dist.constraints.positive)
    with pyro.plate("data", n if x is None else len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
        mean = (z * weights).unflatten(-1, (1, 1, -1))
        return pyro.sample("x", dist.Normal(mean, scale).to_event(3), obs=x)


def function_guide(x):
    slope = pyro.param("slope", 0.1 * torch.ones(4))
    scale = pyro.param("guide.scale", torch.tensor(1.0), constraint=dist.constraints.positive)
    with pyro.plate("data", len(x)):
        mean = (x.flatten(1) @ slope).unsqueeze(-1)
        pyro.sample("z", dist.Normal(mean, scale).to_event(1))


def module_model(net):
    """The Gaussian program with a network that a plain function refers to."""

    def model(x=None, *, n=1):
        pyro.module("net", net)
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            mean = net(z).unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)

    return model


def prepared(program, *data, objective=None):
    """The objective of a program on some data, as ``fit`` prepares it."""
    return prepare(as_program(program), Batches(data), objective=objective)


def weights_of(program, x, draws):
    """Importance weights of each row, ``(draws, rows)``."""
    weigh = ImportanceWeightedELBO(draws)
    return weigh.log_weights(program.model, program.guide, x)[0]
