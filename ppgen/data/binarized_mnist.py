"""MNIST binarised once (Salakhutdinov and Murray 2008), split by Larochelle and Murray (2011)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ppgen.data.dataset import Dataset, Part, fetch, read_npz, require, unreadable

AMAT_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
AMAT_FILES = {
    "binarized_mnist_train.amat": (50_000, "db28b1a6ae0fe70cbd3da91acf46e477"),
    "binarized_mnist_valid.amat": (10_000, "bf37822a04e94123630de6a7dfd9c9ef"),
    "binarized_mnist_test.amat": (10_000, "14e41ae11040adba6ab8cb291eda0dd8"),
}


def load(name: str, folder: Path, download: bool) -> Dataset:
    """Read ``binarized_mnist.npz`` (rows packed by ``np.packbits``), else the original text."""
    packed = folder / "binarized_mnist.npz"
    if packed.exists():
        parts = read_packed(packed)
    else:
        files = [folder / file for file in AMAT_FILES]
        if download:
            from torchvision.datasets.utils import download_url  # here, since it takes seconds

            for file, (_, md5) in AMAT_FILES.items():
                url = AMAT_URL + file
                fetch([folder / file], name, partial(download_url, url, str(folder), file, md5))
        require(files, name, alternative=packed)
        parts = [read_amat(folder / file, rows) for file, (rows, _) in AMAT_FILES.items()]
    return Dataset(name, 2, *(Part(images) for images in parts))


def read_packed(path: Path) -> list[Tensor]:
    """Read the three parts from an ``.npz`` file of rows packed by ``np.packbits``."""
    files = zip(("train", "valid", "test"), AMAT_FILES.values(), strict=True)
    arrays = read_npz("binarized_mnist", path, {part: (rows, 98) for part, (rows, _) in files})
    unpacked = (np.unpackbits(array, axis=1) for array in arrays)
    return [torch.from_numpy(array).view(-1, 1, 28, 28) for array in unpacked]


def read_amat(path: Path, rows: int) -> Tensor:
    """Read one part from a text file of zeros and ones, one row an image."""
    try:
        text = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise unreadable("binarized_mnist", [path], error) from error
    values = text[text > ord(" ")] - ord("0")
    if values.size != rows * 784 or values.max() > 1:
        problem = f"{values.size} characters; expected {rows} rows of 784 zeros and ones"
        raise unreadable("binarized_mnist", [path], problem)
    return torch.from_numpy(values).view(rows, 1, 28, 28)
