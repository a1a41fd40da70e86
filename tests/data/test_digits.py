"""The digits of scikit-learn, and their split."""

import numpy as np
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
