"""A data set: tensors of grey levels in three parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


class DataError(ValueError):
    """A data set that is unknown, missing, damaged or of the wrong kind."""


@dataclass(frozen=True)
class Part:
    """Images and, where known, their labels.

    Attributes
    ----------
    images
        Grey levels, ``(batch, channel, height, width)``, uint8.
    labels
        Class of each image, ``(batch,)``, int64; None where the data set has none.
    """

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        labels = "without labels" if self.labels is None else "with labels"
        return f"Part({len(self)} images of {tuple(self.images.shape[1:])}, {labels})"

    def slice(self, start: int, stop: int) -> Part:
        """Images ``start`` … ``stop`` − 1, with their labels."""
        labels = None if self.labels is None else self.labels[start:stop]
        return Part(self.images[start:stop], labels)

    def spread(self, n: int) -> Part:
        """``n`` images, or all where there are fewer, from all over: some sets are sorted by class.

        Examples
        --------
        >>> Part(torch.zeros(10, 1, 8, 8), torch.arange(10)).spread(4).labels
        tensor([0, 3, 6, 9])
        """
        chosen = torch.linspace(0, len(self) - 1, min(n, len(self))).long()
        return Part(self.images[chosen], None if self.labels is None else self.labels[chosen])


@dataclass(frozen=True)
class Dataset:
    """A data set: its name, number of grey levels, and the parts train, validation and test."""

    name: str
    levels: int
    train: Part
    validation: Part
    test: Part

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)``."""
        channel, height, width = self.train.images.shape[1:]
        return channel, height, width

    def binarized(self, method: str = "fixed", seed: int = 0) -> Dataset:
        """Give the same images with two levels.

        Parameters
        ----------
        method
            ``"fixed"``: each pixel drawn once, white with its grey value as the probability
            (Salakhutdinov and Murray 2008); ``"threshold"``: white from half grey on. For fresh
            draws at every batch, dynamic binarisation, see ``ppgen.likelihoods.Bernoulli.encode``.
        seed
            Of the draws.

        Examples
        --------
        >>> from ppgen import data
        >>> digits = data.load("digits")
        >>> digits.levels, digits.binarized().levels, digits.binarized().train.images.max().item()
        (17, 2, 1)
        """
        generator = torch.Generator().manual_seed(seed)

        def fixed(images: Tensor) -> Tensor:
            return torch.bernoulli(images / (self.levels - 1), generator=generator).to(torch.uint8)

        def threshold(images: Tensor) -> Tensor:
            return (images >= (self.levels - 1) / 2).to(torch.uint8)

        methods = {"fixed": fixed, "threshold": threshold}
        if method not in methods:
            raise DataError(f"method is {method!r}; expected one of {', '.join(methods)}")
        if self.levels == 2:
            return self
        train, validation, test = (
            replace(part, images=methods[method](part.images))
            for part in (self.train, self.validation, self.test)
        )
        return Dataset(f"{self.name}, {method} binarisation", 2, train, validation, test)


def split(name: str, levels: int, train: Part, held_out: int, test: Part | None = None) -> Dataset:
    """Cut the validation part, and the test part unless it is given, off the end of ``train``."""
    parts = [test] if test is not None else []
    while len(parts) < 2:
        cut = len(train) - held_out
        parts.append(train.slice(cut, len(train)))
        train = train.slice(0, cut)
    return Dataset(name, levels, train, validation=parts[1], test=parts[0])
