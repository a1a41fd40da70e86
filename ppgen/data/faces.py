"""The Olivetti faces and the Frey faces, read from files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from ppgen.data.dataset import DataError, Dataset, Part, fetch, read_npz, require, split

OLIVETTI = (400, 64, 64)
FREY = (1965, 28, 20)


def load_olivetti(name: str, folder: Path, download: bool) -> Dataset:
    """Read ``olivetti_faces.npz``: 40 people, ten images of each, 64×64; labels are the people.

    The parts share no person: 30 people for training, 5 for validation, 5 for testing.
    """
    path = folder / "olivetti_faces.npz"
    if download and not path.exists():
        fetch([path], name, lambda: save_olivetti(path))
    require([path], name)
    people = torch.arange(OLIVETTI[0]) // 10
    return split(name, 256, Part(read(name, path, OLIVETTI), people), held_out=50)


def load_frey(name: str, folder: Path, download: bool) -> Dataset:
    """Read ``frey_faces.npz``: one person in 1,965 frames of a film, 28×20.

    Neighbouring frames are alike, so each part is a stretch of the film: the first 1,565 frames for
    training, 200 for validation, the last 200 for testing.
    """
    path = folder / "frey_faces.npz"
    if not path.exists():
        raise DataError(
            f"data set {name!r}: {path.name} not found in {folder}, and there is no download; put "
            f"there the array 'images' of uint8 {FREY}, or name another data folder by "
            "--data-root or PPGEN_DATA"
        )
    return split(name, 256, Part(read(name, path, FREY)), held_out=200)


def read(name: str, path: Path, shape: tuple[int, ...]) -> Tensor:
    """Read the array ``images`` of an ``.npz`` file."""
    (images,) = read_npz(name, path, {"images": shape})
    return torch.from_numpy(images).unsqueeze(1)


def save_olivetti(path: Path) -> None:
    """Download the Olivetti faces by scikit-learn and save them as grey levels."""
    from sklearn.datasets import fetch_olivetti_faces  # here, since it takes a second to import

    with TemporaryDirectory() as cache:
        faces = fetch_olivetti_faces(data_home=cache).images
    # scikit-learn divides the levels by the largest one.
    step = np.diff(np.unique(faces)).min()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, images=np.rint(faces / step).astype(np.uint8))
