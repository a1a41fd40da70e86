"""The digits of scikit-learn, and their split."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ppgen.data import load


def test_digits_has_the_shape_levels_and_labels_it_promises():
    digits = load("digits")
    parts = (digits.train, digits.validation, digits.test)
    assert (digits.name, digits.levels, digits.image_shape) == ("digits", 17, (1, 8, 8))
    assert [len(part) for part in parts] == [1197, 300, 300]
    for part in parts:
        assert part.images.shape == (len(part), 1, 8, 8)
        assert part.images.dtype == torch.uint8
        assert part.images.max() == 16
        assert part.labels.shape == (len(part),)
        assert part.labels.dtype == torch.int64
        assert part.labels.unique().tolist() == list(range(10))


def test_parts_of_digits_are_disjoint_and_together_are_those_of_scikit_learn():
    """Each image occurs once in scikit-learn's file, so equal multisets mean disjoint parts."""
    digits, bunch = load("digits"), load_digits()
    parts = (digits.train, digits.validation, digits.test)
    ours = [
        (image.numpy().tobytes(), label.item())
        for part in parts
        for image, label in zip(part.images, part.labels, strict=True)
    ]
    images = bunch.images.astype(np.uint8)
    theirs = [(i.tobytes(), t) for i, t in zip(images, bunch.target.tolist(), strict=True)]
    assert len({image for image, _ in theirs}) == 1797
    assert sorted(ours) == sorted(theirs)


def test_digits_are_the_same_each_time_whatever_the_global_generator():
    first = load("digits")
    torch.manual_seed(1)
    assert torch.equal(load("digits").train.images, first.train.images)


def test_split_of_digits_stays_what_it_was():
    """Reported numbers are of these parts."""
    digits = load("digits")
    assert digits.train.labels[:10].tolist() == [6, 5, 5, 7, 9, 9, 8, 4, 6, 8]
    assert digits.test.labels[-10:].tolist() == [8, 3, 1, 0, 9, 1, 0, 3, 1, 7]


@pytest.mark.parametrize("margin", [0, 4])
def test_resized_images_keep_their_levels_and_means_inside_the_margin(margin):
    digits = load("digits")
    large = digits.resized(24 + 2 * margin, margin)
    assert large.levels == 17
    assert large.image_shape == (1, 24 + 2 * margin, 24 + 2 * margin)
    assert torch.equal(large.test.labels, digits.test.labels)
    images = large.test.images
    assert images.dtype == torch.uint8
    inside = images[..., margin : margin + 24, margin : margin + 24]
    assert inside.sum() == images.sum()
    # Bilinear weights of each old pixel add up to 9; rounding moves new ones by half a level.
    means = [x.double().mean((1, 2, 3)) for x in (inside, digits.test.images)]
    assert (means[0] - means[1]).abs().max() < 0.5


def test_images_of_the_same_size_stay_the_same():
    digits = load("digits")
    assert torch.equal(digits.resized(8).train.images, digits.train.images)


def test_a_margin_without_room_for_images_is_refused():
    with pytest.raises(ValueError, match="margin is 4; expected less than half of the size, 8"):
        load("digits").resized(8, margin=4)
