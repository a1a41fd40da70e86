"""Data sets that need no download: digits of scikit-learn, faces of scikit-image, and letters."""

from pathlib import Path

import numpy as np
import torch

from ppgen.data.dataset import DataError, Dataset, Part, split

A_TO_M = """
.###. ####. .#### ####. ##### ##### .#### #...# .###. ..### #...# #.... #...#
#...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #..#. #.... ##.##
##### ####. #.... #...# ####. ####. #..## ##### ..#.. ...#. ###.. #.... #.#.#
#...# #...# #.... #...# #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...#
#...# ####. .#### ####. ##### #.... .#### #...# .###. .##.. #...# ##### #...#
"""
N_TO_Z = """
#...# .###. ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# #####
##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#.
#.#.# #...# ####. #.#.# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#..
#..## #...# #.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## .#.#. ..#.. .#...
#...# .###. #.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. #####
"""


def load_digits(name: str, folder: Path, download: bool) -> Dataset:
    """Return scikit-learn's handwritten digits: 1,797 images of 8×8 pixels in 17 levels."""
    from sklearn import datasets  # here, since it takes a second to import

    bunch = datasets.load_digits()
    # The file is ordered by writer, so its parts would differ without the permutation.
    order = torch.randperm(len(bunch.images), generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(bunch.images).to(torch.uint8)[order].unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()[order]
    return split(name, 17, Part(images, labels), held_out=300)


def load_faces(name: str, folder: Path, download: bool) -> Dataset:
    """Return the first half of scikit-image's ``lfw_subset``: 100 faces, 25×25.

    They are resampled cut-outs of Labeled Faces in the Wild, floats from 0 to 1 that are rounded to
    256 levels: 80 for training, 10 for validation, 10 for testing.
    """
    try:
        from skimage.data import lfw_subset  # here, since it is an optional extra

        greys = lfw_subset()[:100]
    except Exception as error:  # not installed, or without its file
        raise DataError(
            f"data set {name!r} comes with scikit-image, which cannot load it here ({error}); "
            "install it by pip install 'pyro-ppgen[faces]' or pip install scikit-image"
        ) from error
    images = torch.from_numpy(np.rint(255 * greys).astype(np.uint8)).unsqueeze(1)
    return split(name, 256, Part(images), held_out=10)


def load_glyphs(name: str, folder: Path, download: bool) -> Dataset:
    """Return the letters A … Z, 5×5, with labels 0 … 25; all three parts are the same 26 images.

    A model can only memorise them: its test log-likelihood is at most −log 26 = −3.26 nats an
    image, −0.1303 nats a pixel.
    """
    lines = [line.split() for band in (A_TO_M, N_TO_Z) for line in band.split("\n") if line]
    letters = [rows for band in (lines[:5], lines[5:]) for rows in zip(*band, strict=True)]
    pixels = [[[pixel == "#" for pixel in row] for row in rows] for rows in letters]
    part = Part(torch.tensor(pixels, dtype=torch.uint8).unsqueeze(1), torch.arange(26))
    return Dataset(name, 2, part, part, part)
