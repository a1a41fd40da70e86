"""The handwritten digits that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch

from ppgen.data.dataset import Dataset, Part, split


def load(name: str, folder: Path, download: bool) -> Dataset:
    """1,797 images of 8×8 pixels, 17 levels; they need neither folder nor download."""
    from sklearn.datasets import load_digits  # here, for it takes a second to import

    bunch = load_digits()
    # The file is ordered by writer, so parts cut from it as it stands would differ.
    order = torch.randperm(len(bunch.images), generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(bunch.images).to(torch.uint8)[order].unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()[order]
    return split(name, 17, Part(images, labels), held_out=300)
