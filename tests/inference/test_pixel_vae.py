"""Partly known images of a VAE whose pixels depend on each other given the latent."""

import itertools
import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import LinearChain
from scipy.stats import chisquare
from torch import nn

from ppgen import Program
from ppgen.distributions import Autoregressive
from ppgen.inference import complete, fit_latents, log_evidence

TOP = torch.tensor([[True, True], [False, False]])
EACH = torch.arange(4).view(1, 2, 2) < torch.tensor([0, 1, 2, 3, 4]).view(5, 1, 1, 1)


class PixelVAE(Program):
    """z ~ N(0, 1), and four binary pixels one after the other, each given z as well."""

    def __init__(self, decoder=None, context_size=1):
        super().__init__()
        self.decoder = decoder or nn.Identity()
        self.network = LinearChain((1, 2, 2), context_size=context_size)

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            return pyro.sample("x", self.given(self.decoder(z)), obs=x)

    def given(self, context):
        return Autoregressive(self.network, context if self.network.context_size else None)


def wide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(torch.zeros(1), 1.5).to_event(1))


def every_image():
    digits = torch.arange(16)[:, None] >> torch.arange(4) & 1
    return digits.float().view(-1, 1, 2, 2)


@torch.no_grad()
def log_joint(program):
    """Log p(x) of every image, by the trapezoid rule over z, ``(16,)``."""
    z = torch.linspace(-8, 8, 2001)
    context = program.decoder(z[:, None])
    log_prob = program.given(context[:, None]).log_prob(every_image()).expand(2001, 16)
    prior = dist.Normal(0.0, 1.0).log_prob(z) + math.log(16 / 2000)
    return (prior[:, None] + log_prob).logsumexp(0)


def exact(program, x, observed):
    """Log p(observed pixels), summed over the images that have them, and those images' rows."""
    observed = observed.expand(x.shape)
    same = ((every_image() == x[:, None]) | ~observed[:, None]).flatten(2).all(2)
    log_probs = log_joint(program).expand(len(x), 16).where(same, -torch.inf)
    return log_probs.logsumexp(1), log_probs


@pytest.fixture
def x():
    return torch.bernoulli(torch.full((5, 1, 2, 2), 0.5))


class EvenlyDrawn(dist.Normal):
    """Draws that follow the distribution as evenly as can be: an average errs as 1 / n."""

    has_rsample = False
    numbers = None

    def sample(self, sample_shape=()):
        golden_ratio = (5**0.5 - 1) / 2
        quantile = torch.tensor((next(self.numbers) + 0.5) * golden_ratio % 1)
        return self.icdf(quantile).expand(self.shape(sample_shape))


def wide_and_even(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", EvenlyDrawn(torch.zeros(1), 1.5).to_event(1))


@pytest.mark.parametrize("observed", [TOP, EACH], ids=["top", "other pixels of each image"])
@pytest.mark.parametrize("rows", [False, True], ids=["plate", "repeated rows"])
def test_the_evidence_of_a_prefix_is_that_of_the_enumeration(x, observed, rows, monkeypatch):
    """Weights of a guide as wide as this have an error below 1 % at 20,000 draws.

    A decoder that takes rows alone is run once a draw. Its draws are 500 and even, and the error is
    the same.
    """
    decoder = nn.Sequential(nn.BatchNorm1d(1), nn.Tanh()).eval() if rows else None
    program = PixelVAE(decoder).eval()
    monkeypatch.setattr(EvenlyDrawn, "numbers", itertools.count())
    guide, particles = (wide_and_even, 500) if rows else (wide, 20_000)
    found = log_evidence(program, guide, x, observed=observed, particles=particles).per_example
    torch.testing.assert_close(found, exact(program, x, observed)[0], rtol=0, atol=0.04)


def test_pixels_that_do_not_depend_on_the_latent_are_expanded_over_its_draws(x):
    program = PixelVAE(context_size=0)
    found = log_evidence(program, wide, x, observed=TOP, particles=20_000).per_example
    expected = program.given(None).prefix_log_prob(x, TOP).detach()
    torch.testing.assert_close(found, expected, rtol=0, atol=0.04)


def test_latents_are_fitted_to_a_prefix(x):
    """The bound is below the evidence, but for the noise of its estimate, and near it."""
    program = PixelVAE()
    hidden = x.where(EACH, torch.nan)
    fitted = fit_latents(program, hidden, observed=EACH, particles=2000)
    evidence, _ = exact(program, x, EACH)
    assert (fitted.elbo < evidence + 0.03).all()
    assert (fitted.elbo > evidence - 0.2).all()
    assert fitted.elbo[0].abs() < 0.01  # nothing is observed
    found = log_evidence(program, fitted.guide, x, observed=EACH, particles=5000).per_example
    torch.testing.assert_close(found, evidence, rtol=0, atol=0.04)


def test_completions_follow_the_conditional_by_enumeration(x):
    """Chi-square at 1e-4 an image. Given pixels tell nothing of z, so that the fit is exact."""
    program = PixelVAE()
    program.network.context_weight.data[..., :2] = 0
    completed = complete(program, x, TOP, draws=1500, particles=20_000, tolerance=1e-3, halvings=10)
    assert torch.equal(completed.samples[..., TOP], x[..., TOP].expand(1500, -1, -1, -1))
    evidence, log_probs = exact(program, x, TOP)
    conditional = (log_probs - evidence[:, None]).exp()
    numbers = (completed.samples.flatten(2).long() * 2 ** torch.arange(4)).sum(-1)
    for row in range(len(x)):
        kept = conditional[row] > 0
        counts = numbers[:, row].bincount(minlength=16)
        assert not counts[~kept].any()
        expected = conditional[row, kept].double()
        p = chisquare(counts[kept], expected / expected.sum() * 1500).pvalue
        assert p > 1e-4
    # Over 100 draws, at 5 standard errors: ten pixels, false alarms below 1e-5.
    mean = torch.einsum("bi,ichw->bchw", conditional, every_image())
    error = (mean * (1 - mean)).clamp(min=0).sqrt() / 10
    assert ((completed.mean - mean).abs() <= 5 * error + 1e-5).all()
    truth = exact(program, x, torch.tensor(True))[0] - evidence
    torch.testing.assert_close(completed.log_prob, truth, rtol=0, atol=0.05)


def test_a_mask_that_is_no_prefix_gets_the_distributions_own_error(x):
    program = PixelVAE()
    for call in (
        lambda: complete(program, x, ~TOP),
        lambda: fit_latents(program, x, observed=~TOP),
        lambda: log_evidence(program, wide, x, observed=~TOP),
    ):
        with pytest.raises(ValueError, match="observed holds pixels that come after"):
            call()
