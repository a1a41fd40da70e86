"""Twenty-six letters of 5×5 binary pixels."""

from __future__ import annotations

from pathlib import Path

import torch

from ppgen.data.dataset import Dataset, Part

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


def load(name: str, folder: Path, download: bool) -> Dataset:
    """Return the letters A … Z with labels 0 … 25; all three parts are the same 26 images.

    A model can only memorise them: its test log-likelihood is at most −log 26 = −3.26 nats an
    image, −0.1303 nats a pixel. ``folder`` and ``download`` are ignored.
    """
    lines = [line.split() for band in (A_TO_M, N_TO_Z) for line in band.split("\n") if line]
    letters = [rows for band in (lines[:5], lines[5:]) for rows in zip(*band, strict=True)]
    pixels = [[[pixel == "#" for pixel in row] for row in rows] for rows in letters]
    part = Part(torch.tensor(pixels, dtype=torch.uint8).unsqueeze(1), torch.arange(26))
    return Dataset(name, 2, part, part, part)
