"""MNIST and data sets of the same format, through torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ppgen.data.dataset import Dataset, Part, fetch, require, split, unreadable


def loader(class_name: str) -> Callable[[str, Path, bool], Dataset]:
    """Make the loader of a torchvision data set: 60,000 + 10,000 images, 28×28, 256 levels."""

    def load(name: str, folder: Path, download: bool) -> Dataset:
        from torchvision import datasets  # here, since it takes seconds to import

        kind = getattr(datasets, class_name)
        # torchvision unpacks the downloads, so the files lack their ending.
        files = [folder / kind.__name__ / "raw" / Path(url).stem for url, _ in kind.resources]
        if download:
            fetch(files, name, lambda: kind(folder, download=True))
        require(files, name)
        train, test = (
            _read(kind, folder, name, images, [f for f in files if f.name.startswith(prefix)])
            for prefix, images in (("train", 60_000), ("t10k", 10_000))
        )
        return split(name, 256, train, 10_000, test)

    return load


def _read(kind: Any, folder: Path, name: str, images: int, files: list[Path]) -> Part:
    try:
        part = kind(folder, train=images == 60_000)
    except Exception as error:  # torchvision asserts, or numpy fails
        raise unreadable(name, files, error) from error
    if part.data.shape != (images, 28, 28):
        raise unreadable(name, files, f"images of the shape {tuple(part.data.shape)}")
    if len(part.targets) != images:
        raise unreadable(name, files, f"{len(part.targets)} labels")
    return Part(part.data.unsqueeze(1), part.targets)
