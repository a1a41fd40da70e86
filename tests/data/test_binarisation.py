"""Binarisation of data sets: drawn once, or by a threshold."""

import pytest
import torch

from ppgen.data import Dataset, Part, load


def grey_images(levels, count=2000):
    """Images of all grey levels, as a data set whose parts differ."""
    images = (torch.arange(count * 9) % levels).to(torch.uint8).view(count, 1, 3, 3)
    return Dataset("greys", levels, Part(images), Part(images[:50]), Part(images[50:100]))


def test_fixed_binarisation_depends_on_the_seed_alone():
    digits = load("digits")
    first = digits.binarized(seed=3)
    torch.manual_seed(1)
    again, other = digits.binarized(seed=3), digits.binarized(seed=4)
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(first, part).images, getattr(again, part).images)
        assert not torch.equal(getattr(first, part).images, getattr(other, part).images)


def test_fixed_binarisation_leaves_the_global_generator_alone():
    digits = load("digits")
    before = torch.get_rng_state()
    digits.binarized()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("levels", [17, 256])
def test_mean_of_fixed_binarisation_follows_the_grey_levels(levels):
    """Each level's share of white is within 5 binomial standard errors of its grey value.

    The false alarm rate is 6e-7 for each of 256 levels, with a fixed seed.
    """
    greys = grey_images(levels, 20_000)
    white = greys.binarized(seed=0).train.images.flatten().double()
    level = greys.train.images.flatten().long()
    count = torch.bincount(level, minlength=levels)
    share = torch.bincount(level, white, minlength=levels) / count
    grey = torch.arange(levels).double() / (levels - 1)
    assert (count > 0).all()
    assert ((share - grey).abs() <= 5 * (grey * (1 - grey) / count).sqrt()).all()


def test_mean_of_binarized_digits_is_the_grey_mean():
    """Within 4 binomial standard errors, about 1e-3; false alarm rate 6e-5, seed fixed."""
    digits = load("digits")
    grey = digits.train.images.double() / 16
    white = digits.binarized(seed=0).train.images.double().mean()
    error = (grey * (1 - grey)).sum().sqrt() / grey.numel()
    assert (white - grey.mean()).abs() < 4 * error


@pytest.mark.parametrize("levels", [3, 4, 17, 256])
def test_threshold_is_white_from_half_grey_on(levels):
    greys = grey_images(levels)
    expected = 2 * greys.train.images.int() >= levels - 1
    images = greys.binarized("threshold").train.images
    wrong = greys.train.images[images.bool() != expected].unique()
    assert wrong.tolist() == []


@pytest.mark.parametrize("method", ["fixed", "threshold"])
def test_binarisation_changes_levels_and_name_and_keeps_labels(method):
    digits = load("digits")
    binary = digits.binarized(method)
    assert binary.levels == 2
    assert "digits" in binary.name
    assert method in binary.name
    assert binary.train.images.dtype == torch.uint8
    assert binary.train.images.unique().tolist() == [0, 1]
    assert torch.equal(binary.test.labels, digits.test.labels)
    assert digits.train.images.max() == 16


def test_binary_data_is_returned_as_is():
    binary = load("digits").binarized()
    assert binary.binarized(seed=7) is binary


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method is 'fix'; expected 'fixed' or 'threshold'"):
        load("digits").binarized("fix")
