from itertools import pairwise

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from scipy import special
from torch import nn
from torch.distributions import Normal
from torch.optim import Rprop

import ppgen
from ppgen.distributions import CountImages, all_images

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4

READINGS = {
    "counts": CountImages.counts_proportional,
    "images": CountImages.images_proportional,
}
both_readings = pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)


def image_of(count, *image):
    """The image whose first pixels are black."""
    x = torch.zeros(image)
    x.view(-1)[:count] = 1
    return x


def scipy_log_prob(weights, x):
    """log w_k − log C(D, k), both from scipy's functions in float64."""
    k = x.flatten(1).sum(1).long().numpy()
    n = x[0].numel()
    log_binomial = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return torch.from_numpy(np.log(weights.numpy()[k]) - log_binomial)


# against other ways to the same number


def test_log_prob_at_28x28_is_that_of_scipy():
    weights = dist.Dirichlet(torch.ones(785, dtype=torch.float64)).sample()
    p = CountImages((1, 28, 28), weights)
    x = p.sample((10_000,))
    x[0], x[1] = 0, 1
    torch.testing.assert_close(p.log_prob(x), scipy_log_prob(weights, x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("pixels", [1, 9, 50])
def test_log_prob_is_the_weight_over_the_exact_number_of_images(pixels):
    weights = dist.Dirichlet(torch.ones(pixels + 1, dtype=torch.float64)).sample()
    p = CountImages((1, 1, pixels), weights)
    numbers = torch.from_numpy(special.comb(pixels, np.arange(pixels + 1)))
    log_probs = torch.stack([p.log_prob(image_of(k, 1, 1, pixels)) for k in range(pixels + 1)])
    torch.testing.assert_close(log_probs, (weights / numbers).log(), rtol=0, atol=1e-12)


def test_the_table_of_counts():
    """P(K = k) = k / 45 at 3×3, here by summing the images of each count."""
    p = CountImages.counts_proportional((1, 3, 3), torch.float64)
    images = all_images((1, 3, 3), torch.float64)
    table = torch.zeros(10, dtype=torch.float64)
    table.index_add_(0, images.flatten(1).sum(1).long(), p.log_prob(images).exp())
    torch.testing.assert_close(table, torch.arange(10.0).double() / 45)


def test_the_probability_of_an_image_is_its_share_of_all_black_pixels():
    p = CountImages.images_proportional((1, 3, 3), torch.float64)
    images = all_images((1, 3, 3), torch.float64)
    torch.testing.assert_close(p.log_prob(images).exp(), images.sum((1, 2, 3)) / images.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 2, 392, 783, 784])
def test_an_image_of_28x28_proportional_to_its_count(count, dtype):
    """Weights down to 2^−783, below the smallest float32 number: log k − log 784 − 783 log 2."""
    p = CountImages.images_proportional((1, 28, 28), dtype)
    expected = np.log(count / 784) - 783 * np.log(2)
    log_prob = p.log_prob(image_of(count, 1, 28, 28)).item()
    assert log_prob == pytest.approx(expected, rel=1e-6 if dtype == torch.float32 else 1e-13)


@both_readings
def test_an_image_without_black_pixels_has_no_probability(reading):
    assert reading((1, 28, 28)).log_prob(torch.zeros(1, 28, 28)) == -torch.inf


def test_weights_and_their_logarithms_are_the_same_distribution():
    weights = torch.tensor([[0.1, 0.0, 0.3, 0.2, 0.4], [0.5, 0.5, 0.0, 0.0, 0.0]])
    images = all_images((1, 2, 2))[:, None]
    by_weights = CountImages((1, 2, 2), weights)
    by_logits = CountImages((1, 2, 2), logits=weights.log() + 3)
    torch.testing.assert_close(by_weights.log_prob(images), by_logits.log_prob(images))
    torch.testing.assert_close(by_weights.weights, by_logits.weights)
    torch.testing.assert_close(by_weights.logits, by_logits.logits)


# samples


@both_readings
def test_counts_of_samples_at_28x28_follow_the_weights(reading):
    p = reading((1, 28, 28))
    counts = p.sample((20_000,)).sum((1, 2, 3)).long()
    edges = torch.tensor([0, 200, 360, 380, 390, 400, 410, 500, 600, 700, 785])
    expected = torch.stack([p.weights[a:b].sum() for a, b in pairwise(edges)])
    found = torch.bucketize(counts, edges[1:], right=True).bincount(minlength=10)
    common = expected > 1e-3
    assert found[~common].sum() == 0
    fit = multinomial_goodness_of_fit(expected[common], found[common], total_count=int(found.sum()))
    assert fit > FAILURE_RATE


def test_every_pixel_of_28x28_is_black_as_often():
    """A z-test for each pixel, Bonferroni's correction over all."""
    p = CountImages((1, 28, 28), torch.eye(785)[200])
    x = p.sample((5_000,))
    assert (x.sum((1, 2, 3)) == 200).all()
    z = (x.mean(0) - p.mean) / (p.variance / len(x)).sqrt()
    bound = Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / (2 * z.numel())))
    assert z.abs().max() < bound


# gradients and fits


def test_gradient_in_the_weights_agrees_with_finite_differences_along_the_simplex():
    directions = torch.linalg.qr(torch.cat([torch.ones(5, 1), torch.randn(5, 4)], 1))[0]
    directions = directions[:, 1:].double()  # each sums to 0
    weights = dist.Dirichlet(torch.full((5,), 5.0, dtype=torch.float64)).sample()
    x = CountImages((1, 2, 2), weights).sample((6,))

    def log_prob(t):
        return CountImages((1, 2, 2), weights + directions @ t).log_prob(x)

    assert torch.autograd.gradcheck(log_prob, torch.zeros(4).double().requires_grad_())


def test_a_weight_of_zero_spoils_no_gradient():
    weights = torch.tensor([0.0, 0.5, 0.5, 0.0, 0.0], requires_grad=True)
    CountImages((1, 2, 2), weights).log_prob(image_of(2, 1, 2, 2)).backward()
    assert weights.grad.isfinite().all()
    assert weights.grad[2] > weights.grad[1]


class Counts(ppgen.Program):
    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(10))

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", CountImages((1, 3, 3), logits=self.logits), obs=x)


def simplex_model(x=None, *, n=1):
    weights = pyro.param("weights", torch.ones(10) / 10, dist.constraints.simplex)
    with pyro.plate("data", n if x is None else len(x)):
        return pyro.sample("x", CountImages((1, 3, 3), weights), obs=x)


@pytest.mark.parametrize("form", ["logits", "weights"])
def test_svi_reaches_the_frequencies_of_the_counts(form):
    """Maximum likelihood in closed form: the share of the images that have each count."""
    program = Counts() if form == "logits" else ppgen.as_program(simplex_model)
    weights = dist.Dirichlet(torch.full((10,), 20.0)).sample()
    x = CountImages((1, 3, 3), weights).sample((500,))
    frequencies = x.sum((1, 2, 3)).long().bincount(minlength=10) / len(x)
    assert frequencies.min() > 0
    ppgen.fit(
        program,
        x,
        epochs=100,
        batch_size=500,
        optimizer=Rprop,
        progress=False,
    )
    with program.own_store():
        fitted = program.logits.softmax(0) if form == "logits" else pyro.param("weights")
    torch.testing.assert_close(fitted.detach(), frequencies, rtol=1e-3, atol=0)


# bad input


@pytest.mark.parametrize(
    "weights",
    [[0.5, 0.6, 0.0, 0.0, 0.0], [0.6, 0.5, -0.1, 0.0, 0.0], [0.2, 0.2, 0.2, 0.2, torch.nan]],
    ids=["sum to 1.1", "negative", "nan"],
)
def test_weights_off_the_simplex_are_refused(weights):
    with pytest.raises(ValueError, match=r"parameter weights .* Simplex"):
        CountImages((1, 2, 2), torch.tensor(weights))


@pytest.mark.parametrize("name", ["weights", "logits"])
@pytest.mark.parametrize("shape", [(), (4,), (5, 2)], ids=str)
def test_a_wrong_number_of_weights_is_refused(name, shape):
    with pytest.raises(ValueError, match=rf"{name} has the shape .* expected \(…, 5\)"):
        CountImages((1, 2, 2), **{name: torch.ones(shape)})


def test_weights_or_logits():
    with pytest.raises(ValueError, match=r"weights is .* logits is .* expected one"):
        CountImages((1, 2, 2))
    with pytest.raises(ValueError, match=r"weights is .* logits is .* expected one"):
        CountImages((1, 2, 2), torch.ones(5) / 5, torch.zeros(5))


def test_a_fit_refuses_grey_images():
    with pytest.raises(ValueError, match=r"row 0 .* has values .* outside the support"):
        ppgen.fit(Counts(), torch.full((4, 1, 3, 3), 0.5), epochs=1, progress=False)


def test_the_mean_under_weights_that_do_not_sum_to_one_is_that_of_their_shares():
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    p = CountImages((1, 2, 2), 2 * weights, validate_args=False)
    expected = CountImages((1, 2, 2), weights / weights.sum()).mean
    torch.testing.assert_close(p.mean, expected)
    every = all_images((1, 2, 2))
    by_hand = torch.tensordot(p.log_prob(every).exp(), every, 1)
    torch.testing.assert_close(p.mean, by_hand)
