"""Data sets of grey images in three parts."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ppgen.arguments import Count, Levels, Seed, Size, checked


class DataError(ValueError):
    """Error of a data set that is unknown, missing, damaged or of the wrong kind.

    Examples
    --------
    >>> from ppgen import data
    >>> data.load("digit")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ppgen.data.dataset.DataError: …
    """


@checked
@dataclass(frozen=True)
class Part:
    """Images and, if known, their labels.

    ``images`` are grey levels, ``(batch, channel, height, width)``, uint8; ``labels`` the class of
    each, ``(batch,)``, int64, or None.

    Examples
    --------
    >>> part = Part(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10))
    >>> part
    Part(10 images of (1, 8, 8), with labels)
    >>> part.slice(2, 5).labels
    tensor([2, 3, 4])
    """

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        labels = "without labels" if self.labels is None else "with labels"
        return f"Part({len(self)} images of {tuple(self.images.shape[1:])}, {labels})"

    @checked
    def slice(self, start: Count, stop: Count) -> "Part":
        """Return the images ``start`` … ``stop`` − 1 with their labels."""
        return self._at(slice(start, stop))

    @checked
    def spread(self, n: Size) -> "Part":
        """Return ``n`` evenly spaced images, or all if there are fewer.

        Examples
        --------
        >>> Part(torch.zeros(10, 1, 8, 8), torch.arange(10)).spread(4).labels
        tensor([0, 3, 6, 9])
        """
        return self._at(torch.linspace(0, len(self) - 1, min(n, len(self))).long())

    @checked
    def arguments(self, labelled: bool) -> tuple[Tensor, ...]:
        """Return what a program takes: the images, and the label of each if it is ``labelled``.

        Raises a ValueError if there are no labels.

        Examples
        --------
        >>> [len(tensor) for tensor in Part(torch.zeros(3, 1, 8, 8)).arguments(labelled=False)]
        [3]
        """
        if not labelled:
            return (self.images,)
        if self.labels is None:
            raise ValueError(
                "labelled is True, and the images have no labels; expected a label for each image"
            )
        return self.images, self.labels

    def _at(self, index: Any) -> "Part":
        return Part(self.images[index], None if self.labels is None else self.labels[index])


@checked
@dataclass(frozen=True)
class Dataset:
    """Data set: its name, its number of grey levels, and the parts train, validation and test.

    Examples
    --------
    >>> train, held_out = (Part(torch.randint(4, (n, 1, 8, 8)).byte()) for n in (90, 10))
    >>> images = Dataset("mine", levels=4, train=train, validation=held_out, test=held_out)
    >>> images.image_shape, images.binarized().levels
    ((1, 8, 8), 2)
    """

    name: str
    levels: Levels
    train: Part
    validation: Part
    test: Part

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)``."""
        channel, height, width = self.train.images.shape[1:]
        return channel, height, width

    @checked
    def binarized(
        self, method: Literal["fixed", "threshold"] = "fixed", seed: Seed = 0
    ) -> "Dataset":
        """Return the same images with two levels.

        With the method ``"fixed"`` each pixel is drawn once, by ``seed``, white with its grey value
        as the probability (Salakhutdinov and Murray 2008); with ``"threshold"`` it is white from
        half grey on. For dynamic binarisation, new draws for every batch, see
        ``ppgen.likelihoods.Bernoulli.encode``.

        Examples
        --------
        >>> from ppgen import data
        >>> digits = data.load("digits")
        >>> digits.levels, digits.binarized().levels, digits.binarized().train.images.max().item()
        (17, 2, 1)
        """
        if self.levels == 2:
            return self
        generator, white = torch.Generator().manual_seed(seed), self.levels - 1

        def binary(part: Part) -> Part:
            if method == "fixed":
                images = torch.bernoulli(part.images / white, generator=generator)
            else:
                images = part.images >= white / 2
            return replace(part, images=images.to(torch.uint8))

        parts = map(binary, (self.train, self.validation, self.test))
        return Dataset(f"{self.name}, {method} binarisation", 2, *parts)

    @checked
    def resized(self, size: Size, margin: Count = 0) -> "Dataset":
        """Return the same images at ``size`` × ``size`` pixels, with a black margin among them.

        They are resampled bilinearly and rounded to the same grey levels.

        Examples
        --------
        >>> from ppgen import data
        >>> data.load("digits").resized(28, margin=4).image_shape  # as large as those of MNIST
        (1, 28, 28)
        """
        inner = size - 2 * margin
        if inner < 1:
            raise ValueError(f"margin is {margin}; expected less than half of the size, {size}")

        def enlarged(part: Part) -> Part:
            images = F.interpolate(
                part.images.float(), (inner, inner), mode="bilinear", antialias=True
            )
            padded = F.pad(images.round(), [margin] * 4)
            return replace(part, images=padded.to(part.images.dtype))

        parts = map(enlarged, (self.train, self.validation, self.test))
        return Dataset(f"{self.name}, {size}×{size}", self.levels, *parts)


def split(name: str, levels: int, train: Part, held_out: int, test: Part | None = None) -> Dataset:
    """Split the validation part, and the test part unless it is given, off the end of ``train``."""
    end = len(train)
    if test is None:
        end -= held_out
        test = train.slice(end, end + held_out)
    cut = end - held_out
    return Dataset(name, levels, train.slice(0, cut), train.slice(cut, end), test)
