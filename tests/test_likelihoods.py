"""Laws of every likelihood in `LIKELIHOODS`; a new one is one more line there."""

import copy
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import pyro
import pytest
import torch
from pyro.distributions.testing.gof import density_goodness_of_fit, unif01_goodness_of_fit
from scipy.stats import chisquare
from torch import nn
from torch.distributions import Normal

from ppgen.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    ContinuousBernoulli,
    Density,
    DiscretizedLogisticMixture,
    Gaussian,
    HomoscedasticGaussian,
    Likelihood,
    LogitNormal,
    Mass,
    SoftBernoulli,
)

# Chance that a statistical test fails on right code, were its seed not fixed.
FAILURE_RATE = 1e-4


@dataclass
class Case:
    """A likelihood and what its laws need to know.

    `raw` turns standard normal numbers into moderate raw outputs, `grid` gives points of the
    support and their weights, with which a function is summed or integrated over it.
    """

    likelihood: Likelihood
    grid: Callable
    raw: Callable = lambda noise: 2 * noise
    levels: tuple = (2, 17, 256)
    outside: float = 1.5

    def make_raw(self, *batch, image=(1, 3, 3)):
        return self.raw(torch.randn(*batch, self.likelihood.outputs, *image))

    def pixel(self, raw):
        """Distribution of one pixel, batch shape ``(1, 1, 1)``, from a vector of raw outputs."""
        return self.likelihood.distribution(raw.view(-1, 1, 1, 1)).base_dist


def integers(levels):
    return lambda: (torch.arange(levels).double(), torch.ones(levels).double())


def unit_interval():
    """The trapezoid rule on the scale of logits, where densities are smooth at both ends."""
    t = torch.linspace(-36, 36, 20_001, dtype=torch.float64)
    return t.sigmoid(), t.sigmoid() * (-t).sigmoid() * (t[1] - t[0])


def line():
    x = torch.linspace(-10, 11, 20_001, dtype=torch.float64)
    return x, (x[1] - x[0]).expand(len(x))


def narrow(noise):
    """Means around one half, and scales so small that hardly any mass is outside of [0, 1]."""
    return torch.cat([0.5 + 0.05 * noise[..., :1, :, :, :], 0.5 * noise[..., 1:, :, :, :] - 6], -4)


LIKELIHOODS = {
    "Bernoulli": Case(Bernoulli(), integers(2)),
    "SoftBernoulli": Case(SoftBernoulli(), integers(2)),
    "Gaussian": Case(Gaussian(), line, narrow, outside=math.nan),
    "HomoscedasticGaussian": Case(HomoscedasticGaussian(0.003), line, narrow, outside=math.nan),
    "Beta": Case(Beta(), unit_interval, lambda noise: noise.abs()),
    "ContinuousBernoulli": Case(ContinuousBernoulli(), unit_interval, lambda noise: 4 * noise),
    "LogitNormal": Case(LogitNormal(), unit_interval, lambda noise: noise),
    "Categorical of 2": Case(Categorical(2), integers(2)),
    "Categorical of 7": Case(Categorical(7), integers(7), levels=(7, 17, 256), outside=7),
    "DiscretizedLogisticMixture of 2 levels": Case(
        DiscretizedLogisticMixture(1, 2), integers(2), lambda noise: noise, outside=0.5
    ),
    "DiscretizedLogisticMixture of 256 levels": Case(
        DiscretizedLogisticMixture(3), integers(256), lambda noise: noise, (256,), -1
    ),
}

every = pytest.mark.parametrize("case", LIKELIHOODS.values(), ids=LIKELIHOODS)


def those(condition):
    chosen = {name: case for name, case in LIKELIHOODS.items() if condition(case)}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen)


binary = those(lambda case: len(case.grid()[0]) == 2)
masses = those(lambda case: isinstance(case.likelihood, Mass))
bernoullis = those(lambda case: isinstance(case.likelihood, Bernoulli))
densities = those(lambda case: isinstance(case.likelihood, Density))
image_shapes = pytest.mark.parametrize("image", [(1, 3, 3), (3, 2, 4)], ids=["grey", "colour"])


every_levels = pytest.mark.parametrize(
    ("case", "levels"),
    [
        pytest.param(case, levels, id=f"{name}-{levels}")
        for name, case in LIKELIHOODS.items()
        for levels in case.levels
    ],
)


def grey_images(levels, image=(1, 3, 3), n=500):
    """Integer grey levels, among them all black and all white images."""
    images = torch.randint(0, levels, (n, *image), dtype=torch.uint8)
    images[0], images[1] = 0, levels - 1
    return images


def z_bound(tests):
    """Bound of so many standard normal statistics, by Bonferroni's correction."""
    return Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / (2 * tests), dtype=torch.double))


# probability


@every
def test_masses_sum_to_one_and_densities_integrate_to_one(case):
    p = case.likelihood.distribution(case.make_raw(20, image=(3, 1, 1)).double()).base_dist
    values, weights = case.grid()
    mass = p.log_prob(values.view(-1, 1, 1, 1, 1)).exp() * weights.view(-1, 1, 1, 1, 1)
    assert mass.shape == (len(values), 20, 3, 1, 1)
    torch.testing.assert_close(mass.sum(0), torch.ones_like(mass[0]), atol=1e-7, rtol=0)


@binary
def test_probabilities_of_all_images_sum_to_one(case):
    images = (torch.arange(512)[:, None] >> torch.arange(9) & 1).double().view(-1, 1, 3, 3)
    log_probs = case.likelihood.distribution(case.make_raw().double()).log_prob(images)
    assert log_probs.shape == (512,)
    assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-12)


def goodness_of_fit(case, raw, pixels):
    """P-value of draws of one pixel: spacings for densities, Pearson's chi-square for masses."""
    p = case.pixel(raw)
    if isinstance(case.likelihood, Density):
        return density_goodness_of_fit(pixels, p.log_prob(pixels.view(-1, 1, 1, 1)).exp().flatten())
    probabilities = p.log_prob(case.grid()[0].view(-1, 1, 1, 1)).double().exp().flatten()
    expected = probabilities / probabilities.sum() * len(pixels)
    counts = pixels.long().bincount(minlength=len(expected)).double()
    rare = expected < 5
    for numbers in (expected, counts):
        numbers[expected.argmax()] += numbers[rare].sum()
    return chisquare(counts[~rare], expected[~rare]).pvalue


@every
def test_samples_follow_the_distribution(case):
    """Four pixels, each by itself."""
    raw = case.make_raw(image=(1, 2, 2))
    samples = case.likelihood.distribution(raw).sample((20_000,))
    for pixels, its_raw in zip(samples.flatten(1).T, raw.flatten(1).T, strict=True):
        assert goodness_of_fit(case, its_raw, pixels) > FAILURE_RATE / 4


@every
def test_draws_of_single_pixels_follow_the_distribution(case):
    raw = case.make_raw(image=(1, 1, 4)).flatten(1).T
    for its_raw in raw:
        pixels = case.likelihood.draw(its_raw.expand(20_000, -1))
        assert pixels.shape == (20_000,)
        assert goodness_of_fit(case, its_raw, pixels) > FAILURE_RATE / 4


@every
@image_shapes
def test_mean_of_samples_follows_mean(case, image):
    """A z-test for each pixel."""
    p = case.likelihood.distribution(case.make_raw(2, image=image))
    samples = case.likelihood.grey(p.sample((20_000,)))
    standard_error = samples.std(0) / len(samples) ** 0.5
    z = (samples.mean(0) - case.likelihood.mean(p)) / standard_error.clamp(min=1e-6)
    assert z.abs().max() < z_bound(z.numel())


@every
def test_mean_is_a_grey_value(case):
    mean = case.likelihood.mean(case.likelihood.distribution(case.make_raw(100) * 20))
    assert mean.min() >= 0
    assert mean.max() <= 1


# shapes, and Pyro's rules


@every
@image_shapes
@pytest.mark.parametrize("batch", [(), (5,), (2, 5), (3, 2, 5)], ids=str)
def test_shapes(case, batch, image):
    p = case.likelihood.distribution(case.make_raw(*batch, image=image))
    x = p.sample((4,))
    assert p.batch_shape == batch
    assert p.event_shape == image
    assert x.shape == (4, *batch, *image)
    assert p.log_prob(x).shape == (4, *batch)
    assert case.likelihood.mean(p).shape == (*batch, *image)
    assert case.likelihood.grey(x).shape == case.likelihood.network_input(x).shape == x.shape


@every
def test_samples_and_enumerated_values_are_floating_as_encoded_images_are(case):
    images = grey_images(case.levels[-1], n=5)
    encoded = case.likelihood.encode(images, case.levels[-1])
    p = case.likelihood.distribution(case.make_raw(5))
    values = [p.sample(), p.expand((2, 5)).sample()]
    if p.has_enumerate_support:
        values.append(p.base_dist.enumerate_support())
    assert {value.dtype for value in values} == {encoded.dtype}
    assert case.likelihood.draw(torch.zeros(5, case.likelihood.outputs)).dtype == encoded.dtype


@every
def test_raw_outputs_of_another_shape_than_the_images_are_refused(case):
    raw, outputs = case.make_raw(5), case.likelihood.outputs
    p = case.likelihood.of_images(raw, (5, 1, 3, 3))
    assert p.batch_shape == (5,)
    for wrong in (raw[:, 0], torch.cat([raw, raw], 1), raw[0], raw[..., :2], raw[None]):
        message = rf"raw has the shape .*; expected \(5, {outputs}, 1, 3, 3\), the outputs of"
        with pytest.raises(ValueError, match=message):
            case.likelihood.of_images(wrong, (5, 1, 3, 3))


@every
def test_a_batch_of_raw_outputs_is_each_of_them_by_itself(case):
    raw = case.make_raw(2, 5)
    x = case.likelihood.distribution(raw).sample()
    together = case.likelihood.distribution(raw).log_prob(x)
    for i, j in [(0, 0), (1, 3)]:
        alone = case.likelihood.distribution(raw[i, j]).log_prob(x[i, j])
        torch.testing.assert_close(together[i, j], alone)


@every
def test_expanded_distributions_stay_what_they_are(case):
    p = case.likelihood.distribution(case.make_raw(5))
    wide = p.expand((4, 5))
    x = wide.sample()
    assert x.shape == (4, 5, 1, 3, 3)
    assert len(x[:, 0].unique()) > 1
    torch.testing.assert_close(wide.log_prob(x), p.log_prob(x))
    torch.testing.assert_close(case.likelihood.mean(wide)[2], case.likelihood.mean(p))


@every
def test_masks_and_subsamples_count_each_image_by_itself(case):
    raw, mask = case.make_raw(6), torch.tensor([True, False, True])
    x = case.likelihood.distribution(raw).sample()

    def model():
        with pyro.plate("data", 6, subsample=torch.tensor([5, 0, 2])) as rows:
            p = case.likelihood.distribution(raw[rows])
            with pyro.poutine.mask(mask=mask):
                pyro.sample("x", p, obs=x[rows])

    expected = case.likelihood.distribution(raw).log_prob(x)[[5, 2]].sum() * 2
    found = pyro.poutine.trace(model).get_trace().log_prob_sum()
    torch.testing.assert_close(found, expected)


@every
def test_values_outside_the_support_are_refused(case):
    p = case.likelihood.distribution(case.make_raw())
    x = p.sample().float()
    x[0, 1, 1] = case.outside
    assert not p.support.check(x).any()
    with pytest.raises(ValueError, match="support"):
        p.log_prob(x)


@every
def test_copies_and_pickles_are_the_same_likelihood(case):
    raw = case.make_raw(5)
    p = case.likelihood.distribution(raw)
    x = p.sample()
    for other in (copy.deepcopy(case.likelihood), pickle.loads(pickle.dumps(case.likelihood))):
        assert repr(other) == repr(case.likelihood)
        assert torch.equal(other.distribution(raw).log_prob(x), p.log_prob(x))


# numbers


@every_levels
@pytest.mark.parametrize("scale", [1.0, 10.0, 50.0])
def test_log_prob_and_gradients_are_finite_up_to_50(case, levels, scale):
    raw = (torch.randn(500, case.likelihood.outputs, 1, 3, 3).sign() * scale).requires_grad_()
    x = case.likelihood.encode(grey_images(levels), levels)
    log_prob = case.likelihood.distribution(raw).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.dtype == torch.float32
    assert log_prob.isfinite().all()
    assert raw.grad.isfinite().all()
    assert raw.grad.any()


@densities
@pytest.mark.parametrize("end", [0.0, 1.0])
@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_log_prob_and_gradients_are_finite_at_zero_and_one(case, end, scale):
    raw = (torch.randn(500, case.likelihood.outputs, 1, 3, 3).sign() * scale).requires_grad_()
    log_prob = case.likelihood.distribution(raw).log_prob(torch.full((1, 3, 3), end))
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert raw.grad.isfinite().all()


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_to_float32(case, dtype):
    raw = case.make_raw(5).to(dtype)
    p = case.likelihood.distribution(raw)
    x = case.likelihood.distribution(raw.float()).sample()
    assert p.log_prob(x).dtype == case.likelihood.mean(p).dtype == torch.float32
    expected = case.likelihood.distribution(raw.float()).log_prob(x)
    torch.testing.assert_close(p.log_prob(x), expected)


@every
def test_float64_stays_float64(case):
    p = case.likelihood.distribution(case.make_raw(5).double())
    x = p.sample()
    assert p.log_prob(x).dtype == case.likelihood.mean(p).dtype == torch.float64
    assert x.dtype in (torch.float64, torch.int64)


@every
def test_float32_is_as_good_as_float64(case):
    raw = case.make_raw(200)
    x = case.likelihood.distribution(raw).sample()
    exact = case.likelihood.distribution(raw.double()).log_prob(x.double())
    found = case.likelihood.distribution(raw).log_prob(x)
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-3)


# from grey levels to the support, and back


@every_levels
@image_shapes
def test_encoded_images_lie_in_the_support(case, levels, image):
    images = grey_images(levels, image)
    x = case.likelihood.encode(images, levels)
    p = case.likelihood.distribution(case.make_raw(image=image))
    assert x.shape == images.shape
    assert x.dtype == torch.get_default_dtype()
    assert p.support.check(x).all()


@every_levels
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_encode_leaves_its_argument_as_it_is(case, levels, dtype):
    images = grey_images(levels).to(dtype)
    before = images.clone()
    case.likelihood.encode(images, levels)
    assert torch.equal(images, before)


@every
def test_networks_read_floating_numbers_of_order_one(case):
    p = case.likelihood.distribution(case.make_raw(50))
    read = case.likelihood.network_input(p.sample())
    assert read.is_floating_point()
    assert read.min() >= -0.5
    assert read.max() <= 1.5


@every_levels
def test_encoded_images_are_shown_as_they_were(case, levels):
    """Within one bin, in the mean over draws."""
    images = torch.arange(levels).view(levels, 1, 1, 1)
    likelihood = case.likelihood
    shown = likelihood.grey(likelihood.encode(images.expand(-1, 1, 40, 40), levels)).mean((1, 2, 3))
    width = 1 / getattr(likelihood, "levels", levels)
    if type(likelihood) is Bernoulli:
        width = 0.07  # four standard errors, and more
    assert (shown - images.flatten() / (levels - 1)).abs().max() < width + 1e-6


@bernoullis
def test_binary_images_are_encoded_as_themselves(case):
    images = grey_images(2)
    assert torch.equal(case.likelihood.encode(images, 2), images.float())


@pytest.mark.parametrize("levels", [17, 256])
def test_bernoulli_draws_white_with_the_grey_value_anew_each_time(levels):
    """Shares of white, a z-test for each level."""
    images = torch.arange(levels, dtype=torch.uint8).expand(5000, levels)
    first, second = (Bernoulli().encode(images, levels) for _ in range(2))
    grey = torch.arange(levels) / (levels - 1)
    z = (first.mean(0) - grey) / (grey * (1 - grey) / 5000).sqrt().clamp(min=1e-6)
    assert z.abs().max() < z_bound(levels)
    assert not torch.equal(first, second)


def test_the_soft_bernoulli_is_the_mean_over_binary_images():
    raw, grey = torch.randn(1, 1, 3, 3).double(), torch.rand(1, 3, 3).double()
    images = (torch.arange(512)[:, None] >> torch.arange(9) & 1).double().view(-1, 1, 3, 3)
    weights = torch.where(images == 1, grey, 1 - grey).prod(-1).prod(-1).squeeze(-1)
    expected = (weights * Bernoulli().distribution(raw).log_prob(images)).sum()
    found = SoftBernoulli().distribution(raw).log_prob(grey)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


@densities
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_dequantised_pixels_are_uniform_on_their_level(case, levels):
    images = torch.randint(0, levels, (30_000,))
    x = case.likelihood.encode(images, levels)
    assert x.min() > 0
    assert x.max() < 1
    inside = x * levels - images
    assert inside.min() > -1e-4
    assert inside.max() < 1 + 1e-4
    assert unif01_goodness_of_fit(inside.clamp(0, 1)) > FAILURE_RATE


def test_the_largest_and_smallest_uniform_numbers_stay_inside(monkeypatch):
    for u in (0.0, 1 - 2**-24):
        monkeypatch.setattr(torch, "rand_like", lambda grey, u=u: torch.full_like(grey, u))
        x = Beta().encode(torch.tensor([0, 255]), 256)
        assert 0 < x[0] < x[1] < 1


@pytest.mark.parametrize(("levels", "bins"), [(256, 8), (256, 7), (17, 5), (17, 17), (2, 2)])
def test_bins_are_in_order_and_as_even_as_can_be(levels, bins):
    x = Categorical(bins).encode(torch.arange(levels), levels).long()
    sizes = x.bincount()
    assert (x.diff() >= 0).all()
    assert len(sizes) == bins
    assert sizes.max() - sizes.min() <= (levels % bins > 0)


# one yardstick: bits per pixel


class Steps(pyro.distributions.TorchDistribution):
    """A density on the unit interval that is constant over each level."""

    arg_constraints: ClassVar = {}
    support = pyro.distributions.constraints.unit_interval

    def __init__(self, log_mass):
        self.log_mass = log_mass
        super().__init__(torch.Size((1, 1, 1)))

    def log_prob(self, value):
        levels = len(self.log_mass)
        return self.log_mass[(value * levels).long()] + math.log(levels)


class Histogram(Density):
    def __init__(self, log_mass):
        self.log_mass = log_mass

    def distribution(self, raw):
        return Steps(self.log_mass).to_event(3)


@pytest.mark.parametrize(
    ("levels", "bins", "make"),
    [
        (17, 17, lambda mass: Histogram(mass)),
        (256, 256, lambda mass: Histogram(mass)),
        (17, 17, lambda mass: Categorical(17)),
        (256, 8, lambda mass: Categorical(8)),
        (17, 5, lambda mass: Categorical(5)),
    ],
    ids=["density-17", "density-256", "every-level", "even-bins", "uneven-bins"],
)
def test_bits_per_pixel_of_its_own_images_are_the_entropy(levels, bins, make):
    """Of images whose levels share their bin's mass evenly, summed over all levels."""
    images = torch.arange(levels).view(levels, 1, 1, 1)
    raw = torch.randn(bins).double()
    bin_of = images.flatten() * bins // levels
    mass = (raw.softmax(0) / bin_of.bincount())[bin_of]
    likelihood = make(mass.log())
    x = likelihood.encode(images, levels).double()
    log_prob = likelihood.distribution(raw.view(bins, 1, 1, 1)).log_prob(x)
    bits = likelihood.bits_per_pixel(log_prob, images, levels)
    assert mass.sum().item() == pytest.approx(1)
    entropy = -(mass * mass.log2()).sum().item()
    assert (mass * bits).sum().item() == pytest.approx(entropy, abs=1e-5)
    torch.testing.assert_close(bits, -mass.log2(), atol=1e-5, rtol=0)


@densities
def test_dequantisation_bounds_the_mass_of_each_level(case):
    """Against integrals over the levels: below the mass, and in the mean what Jensen says it is.

    A z-test for each level and pixel.
    """
    levels, draws, points = 17, 4000, 4000
    raw = case.make_raw(3, image=(1, 1, 1)).double()
    p = case.likelihood.distribution(raw)
    x = (torch.arange(levels)[:, None] + (torch.arange(points) + 0.5) / points) / levels
    log_density = p.log_prob(x.double().view(levels, points, 1, 1, 1, 1))
    log_mass = log_density.exp().mean(1).log() - math.log(levels)

    images = torch.arange(levels).view(levels, 1, 1, 1, 1).expand(-1, 3, 1, 1, 1)
    log_prob = p.log_prob(
        torch.stack([case.likelihood.encode(images, levels).double() for _ in range(draws)])
    )
    bits = case.likelihood.bits_per_pixel(log_prob, images, levels)
    expected = (math.log(levels) - log_density.mean(1)) / math.log(2)
    assert (expected >= -log_mass / math.log(2)).all()
    z = (bits.mean(0) - expected) / (bits.std(0) / draws**0.5).clamp(min=1e-6)
    assert z.abs().max() < z_bound(z.numel())


@those(lambda case: not isinstance(case.likelihood, Density))
def test_as_many_levels_as_values_need_no_correction(case):
    levels, log_prob = len(case.grid()[0]), torch.randn(3, 5)
    found = case.likelihood.bits_per_pixel(log_prob, grey_images(levels, n=5), levels)
    torch.testing.assert_close(found, -log_prob / 9 / math.log(2))


# bad input


@every
def test_images_outside_the_levels_are_refused(case):
    levels = case.levels[0]
    for wrong in (-1, levels):
        images = grey_images(levels).long()
        images[3, 0, 1, 1] = wrong
        with pytest.raises(ValueError, match=rf"images hold values from .*0 … {levels - 1}"):
            case.likelihood.encode(images, levels)
    images = grey_images(levels).float()
    with pytest.raises(ValueError, match=r"images hold values from nan"):
        case.likelihood.encode(images.clone().fill_(math.nan), levels)
    with pytest.raises(ValueError, match=r"images hold fractions; expected whole grey levels"):
        case.likelihood.encode(images / levels, levels)
    with pytest.raises(ValueError, match="levels is 1; expected 2 or more grey levels"):
        case.likelihood.encode(torch.zeros(1, 1, 3, 3), 1)


@masses
def test_images_with_too_few_levels_are_refused(case):
    bins = case.likelihood.levels
    if bins > 2:
        with pytest.raises(ValueError, match=f"levels is {bins - 1}; expected images with {bins}"):
            case.likelihood.encode(torch.zeros(1, 1, 3, 3), bins - 1)


@bernoullis
def test_bernoullis_give_grey_images_no_bits(case):
    images = grey_images(256)
    name = type(case.likelihood).__name__
    with pytest.raises(ValueError, match=rf"levels is 256; expected 2, for {name}\(\) gives"):
        case.likelihood.bits_per_pixel(torch.zeros(500), images, 256)


@every
def test_bits_need_one_log_prob_an_image(case):
    images = grey_images(case.levels[0])
    for log_prob in (torch.zeros(()), torch.zeros(499), torch.zeros(500, 1)):
        with pytest.raises(ValueError, match=r"log_prob has the shape .*one value for each"):
            case.likelihood.bits_per_pixel(log_prob, images, case.levels[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical(1), "levels is 1; expected 2 or more"),
        (lambda: DiscretizedLogisticMixture(2, 1), "levels is 1; expected 2 or more"),
        (lambda: DiscretizedLogisticMixture(0), "components is 0; expected 1 or more"),
        (lambda: Gaussian(0), "variance_floor is 0; expected a positive number"),
        (lambda: Gaussian(math.nan), "variance_floor is nan; expected a positive number"),
        (lambda: HomoscedasticGaussian(0.1, -1), "variance_floor is -1; expected a positive"),
        (lambda: HomoscedasticGaussian(1e-7), "variance is 1e-07; expected more than the variance"),
        (lambda: LogitNormal(-1), "variance_floor is -1; expected a positive number"),
        (lambda: Beta(0), "floor is 0; expected a positive number"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", [Categorical, partial(DiscretizedLogisticMixture, 2)], ids=str)
@pytest.mark.parametrize("levels", [17.0, "17", None])
def test_levels_that_are_no_whole_number_are_refused(make, levels):
    with pytest.raises(TypeError, match=f"levels is {levels!r}; expected a whole number"):
        make(levels)


# a likelihood that has a parameter


def test_the_one_variance_is_part_of_the_model():
    model = nn.Module()
    model.likelihood = HomoscedasticGaussian(variance=0.3)
    assert [name for name, _ in model.named_parameters()] == ["likelihood.log_variance"]
    other = nn.Module()
    other.likelihood = HomoscedasticGaussian(variance=0.01)
    other.load_state_dict(model.state_dict())
    raw = torch.randn(1, 1, 3, 3)
    assert other.likelihood.distribution(raw).variance.unique().item() == pytest.approx(0.3)
    assert model.double().likelihood.distribution(raw.double()).variance.dtype == torch.float64
    assert model.bfloat16().likelihood.distribution(raw).variance.dtype == torch.float32


def test_the_one_variance_reaches_the_mean_square_of_the_residuals():
    likelihood = HomoscedasticGaussian(variance=1.0)
    x = 0.2 * torch.randn(500, 1, 3, 3)
    optimizer = torch.optim.LBFGS(
        likelihood.parameters(), max_iter=50, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        loss = -likelihood.distribution(torch.zeros(1, 1, 3, 3)).log_prob(x).mean()
        loss.backward()
        return loss

    optimizer.step(loss)
    found = likelihood.distribution(torch.zeros(1, 1, 3, 3)).variance
    assert found.unique().item() == pytest.approx(x.square().mean().item(), rel=1e-4)
