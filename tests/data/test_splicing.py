"""Splices: their halves, and the equal probability of all pairs of images."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from ppgen.data import load
from ppgen.data.splicing import spliced

shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 5))
labellings = st.lists(st.sampled_from([-3, 0, 7, 1000]), min_size=2, max_size=12).filter(
    lambda labels: len(set(labels)) > 1
)


@given(shapes, labellings, st.integers(0, 5))
def test_halves_are_those_of_two_images_of_different_classes(shape, labels, seed):
    labels = torch.tensor(labels)
    images = torch.arange(len(labels) * shape[0] * shape[1] * shape[2]).view(-1, *shape)
    splices = spliced(images, labels, 20, seed=seed)
    middle = shape[-1] // 2
    assert splices.images.shape == (20, *shape)
    assert splices.images.dtype == images.dtype
    assert torch.equal(splices.images[..., :middle], images[splices.left][..., :middle])
    assert torch.equal(splices.images[..., middle:], images[splices.right][..., middle:])
    assert (labels[splices.left] != labels[splices.right]).all()


def test_all_pairs_across_classes_are_equally_probable():
    """Chi-square over the pairs, with classes of 1, 2 and 4 images; false alarms: 1 in 1,000."""
    labels = torch.tensor([5, 2, 9, 9, 2, 9, 9])
    splices = spliced(torch.zeros(7, 1, 1, 2), labels, 28_000)
    counts = torch.zeros(7, 7).index_put_(
        (splices.left, splices.right), torch.ones(28_000), accumulate=True
    )
    allowed = labels[:, None] != labels
    assert allowed.sum() == 28
    assert (counts[~allowed] == 0).all()
    assert chisquare(counts[allowed].numpy()).pvalue > 1e-3


def test_the_seed_decides():
    digits = load("digits").test
    first, again, other = (
        spliced(digits.images, digits.labels, 50, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.left, other.left)


def test_the_callers_generator_is_left_as_it_was():
    digits, before = load("digits").test, torch.get_rng_state()
    spliced(digits.images, digits.labels, 50)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("images", "labels", "n", "message"),
    [
        (torch.zeros(3, 1, 2, 2), None, 1, "labels is None"),
        (torch.zeros(3, 1, 2, 2), torch.tensor([4, 4, 4]), 1, "labels has 1 classes"),
        (torch.zeros(0, 1, 2, 2), torch.zeros(0).long(), 1, "labels has 0 classes"),
        (torch.zeros(3, 1, 2, 2), torch.tensor([0, 1]), 1, r"labels has the shape \(2,\)"),
        (torch.zeros(2, 1, 2, 1), torch.tensor([0, 1]), 1, "width of 2 or more"),
        (torch.zeros(2, 2, 2), torch.tensor([0, 1]), 1, r"expected \(batch, channel"),
        (torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), 0, "n is 0"),
    ],
)
def test_bad_input_is_named(images, labels, n, message):
    with pytest.raises(ValueError, match=message):
        spliced(images, labels, n)
