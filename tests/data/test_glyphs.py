import math
from string import ascii_uppercase

import torch

from ppgen.data import load


def test_glyphs_are_26_different_binary_letters():
    glyphs = load("glyphs")
    images, labels = glyphs.train.images, glyphs.train.labels
    assert (glyphs.name, glyphs.levels, glyphs.image_shape) == ("glyphs", 2, (1, 5, 5))
    assert images.shape == (26, 1, 5, 5)
    assert images.dtype == torch.uint8
    assert images.unique().tolist() == [0, 1]
    assert labels.dtype == torch.int64
    assert labels.tolist() == list(range(26))
    assert len(images.unique(dim=0)) == 26


def test_the_three_parts_are_the_same_images():
    glyphs = load("glyphs")
    assert glyphs.validation is glyphs.train
    assert glyphs.test is glyphs.train


def test_letters_are_where_their_labels_say():
    """L, O, T and X by their shape: an edge, a ring, a stem, two diagonals."""
    letters = dict(zip(ascii_uppercase, load("glyphs").train.images[:, 0], strict=True))
    ring = torch.ones(5, 5)
    ring[1:-1, 1:-1] = 0
    ring[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    edge, stem = torch.zeros(2, 5, 5)
    edge[:, 0] = edge[-1] = 1
    stem[0] = stem[:, 2] = 1
    diagonals = torch.maximum(torch.eye(5), torch.eye(5).flip(1))
    for letter, expected in {"O": ring, "L": edge, "T": stem, "X": diagonals}.items():
        assert torch.equal(letters[letter].float(), expected), letter


def test_letters_that_are_symmetric_are_drawn_so():
    letters = dict(zip(ascii_uppercase, load("glyphs").train.images[:, 0], strict=True))
    for letter in "AHIMOTUVWXY":
        assert torch.equal(letters[letter], letters[letter].flip(1)), letter
    for letter in "BCDEHIOX":
        assert torch.equal(letters[letter], letters[letter].flip(0)), letter
    for letter in "HINOXZ":
        assert torch.equal(letters[letter], letters[letter].flip(0, 1)), letter


def test_no_two_letters_differ_in_one_pixel_alone():
    """A reader can tell them apart."""
    flat = load("glyphs").train.images.flatten(1).float()
    distances = torch.cdist(flat, flat, p=1) + 100 * torch.eye(26)
    assert distances.min() >= 2


def test_glyphs_need_no_folder(tmp_path):
    assert math.prod(load("glyphs", tmp_path / "nowhere").train.images.shape) == 650
