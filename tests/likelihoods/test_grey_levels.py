"""From grey levels to every likelihood's support, and back."""

import math

import pytest
import torch
from likelihood_table import (
    FAILURE_RATE,
    bernoullis,
    densities,
    every,
    every_levels,
    grey_images,
    image_shapes,
    masses_on_more_than_two,
    z_bound,
)
from pyro.distributions.testing.gof import unif01_goodness_of_fit

from ppgen.likelihoods import Bernoulli, Beta, Categorical


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
    """Up to one bin, averaged over draws."""
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
    """A z-test of the share of white pixels for each level."""
    images = torch.arange(levels, dtype=torch.uint8).expand(5000, levels)
    first, second = (Bernoulli().encode(images, levels) for _ in range(2))
    grey = torch.arange(levels) / (levels - 1)
    z = (first.mean(0) - grey) / (grey * (1 - grey) / 5000).sqrt().clamp(min=1e-6)
    assert z.abs().max() < z_bound(levels)
    assert not torch.equal(first, second)


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
    with pytest.raises(ValueError, match="levels is 1; expected a whole number, 2 or more"):
        case.likelihood.encode(torch.zeros(1, 1, 3, 3), 1)


@masses_on_more_than_two
def test_images_with_too_few_levels_are_refused(case):
    bins = case.likelihood.levels
    with pytest.raises(ValueError, match=f"levels is {bins - 1}; expected images with {bins}"):
        case.likelihood.encode(torch.zeros(1, 1, 3, 3), bins - 1)
