"""Handwritten digits that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch

from ppgen.data.dataset import Dataset, Part, split


def load(name: str, folder: Path, download: bool) -> Dataset:
    """Return 1,797 images of 8×8 pixels in 17 levels; ``folder`` and ``download`` are ignored."""
    from sklearn.datasets import load_digits  # here, since it takes a second to import

    bunch = load_digits()
    # The file is ordered by writer, so its parts would differ without the permutation.
    order = torch.randperm(len(bunch.images), generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(bunch.images).to(torch.uint8)[order].unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()[order]
    return split(name, 17, Part(images, labels), held_out=300)
