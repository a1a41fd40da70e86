"""MNIST and the sets made in its likeness, through torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ppgen.data.dataset import Dataset, Part, split
from ppgen.data.files import download as fetch
from ppgen.data.files import require, unreadable


def loader(class_name: str) -> Callable[[str, Path, bool], Dataset]:
    """Make the loader of one of torchvision's sets of 60,000 + 10,000 images, 28×28, 256 levels."""

    def load(name: str, folder: Path, download: bool) -> Dataset:
        from torchvision import datasets  # here, for it takes seconds to import

        kind = getattr(datasets, class_name)
        # torchvision names its files without the ending that it adds to downloads.
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
    except Exception as error:  # torchvision asserts, or fails in numpy
        raise unreadable(name, files, error) from error
    if part.data.shape != (images, 28, 28):
        raise unreadable(name, files, f"images of the shape {tuple(part.data.shape)}")
    if len(part.targets) != images:
        raise unreadable(name, files, f"{len(part.targets)} labels")
    return Part(part.data.unsqueeze(1), part.targets)
