"""Bits per pixel, the unit that densities and masses share."""

import math
from typing import ClassVar

import pyro
import pytest
import torch
from likelihood_table import bernoullis, densities, every, grey_images, those, z_bound

from ppgen.likelihoods import Categorical, Density


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
    """The levels of a bin share its mass evenly; the mean is a sum over all levels."""
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
    """The bound is below the integral over a level, and its mean is that of Jensen's inequality.

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


@bernoullis
def test_bernoullis_give_grey_images_no_bits(case):
    images = grey_images(256)
    name = type(case.likelihood).__name__
    with pytest.raises(ValueError, match=rf"levels is 256; expected 2, for {name}\(\) has prob"):
        case.likelihood.bits_per_pixel(torch.zeros(500), images, 256)


@every
def test_bits_need_one_log_prob_an_image(case):
    images = grey_images(case.levels[0])
    for log_prob in (torch.zeros(()), torch.zeros(499), torch.zeros(500, 1)):
        with pytest.raises(ValueError, match=r"log_prob has the shape .*one value for each"):
            case.likelihood.bits_per_pixel(log_prob, images, case.levels[0])
