"""Two forms of conditional probability tables of binary pixels: dense, and a prefix tree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ppgen.autoregressive.independent import check_countable

CERTAIN = 1e4
"""Logit of a certain pixel: its probability is exactly 0 or 1, and its log-probability finite."""


class TableForm(nn.Module, ABC):
    """Base of tables p(x_i | x_1 … x_{i−1}) of binary pixels, read from prefix to longer prefix.

    A prefix is the values of the first pixels. Each form names prefixes by rows of integers. Tables
    are buffers, not parameters. The arguments of the constructor are also attributes.
    """

    arguments: tuple[str, ...]
    """Names of the constructor's arguments, which are what a file holds."""

    pixels: int

    @abstractmethod
    def root(self) -> Tensor:
        """Return the name of the empty prefix, ``(1, …)``."""

    @abstractmethod
    def expand(self, prefixes: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Look up prefixes of ``length`` pixels by their names ``(n, …)``.

        Returns the logits of the next pixel, ``(n,)``, and the names of the prefixes with that
        pixel black and white, ``(n, 2, …)``.
        """

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the content as arrays, for a file."""
        return {name: getattr(self, name).cpu().numpy() for name in self.arguments}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> TableForm:
        """Make the form from the result of :meth:`arrays`; other arrays raise an error."""
        return cls(*(torch.from_numpy(arrays[name]) for name in cls.arguments))


class Dense(TableForm):
    """The finite logits of all tables in one vector, ``(2^pixels − 1,)``.

    The prefix of length i whose pixels are the binary digits of c is at 2^i − 1 + c.
    """

    arguments = ("logits",)
    logits: Tensor

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.pixels = (len(logits) + 1).bit_length() - 1
        floating = logits.is_floating_point() and bool(logits.isfinite().all())
        if logits.shape != (2**self.pixels - 1,) or not floating:
            raise ValueError(
                f"logits have the shape {tuple(logits.shape)} or are not all finite floating-point "
                "numbers; expected (2^pixels − 1,) of them"
            )
        self.register_buffer("logits", logits)

    @classmethod
    def from_tables(cls, tables: Sequence[np.ndarray]) -> Dense:
        """Validate and convert tables of the shapes ``(2,)``, ``(2, 2)``, ``(2, 2, 2)``, …."""
        for number, table in enumerate(tables):
            _check_table(f"tables[{number}]", table, number)
        pairs = np.concatenate([np.zeros((0, 2)), *(table.reshape(-1, 2) for table in tables)])
        with np.errstate(divide="ignore"):
            black, white = np.log(pairs.astype(np.float64)).T
        logits = torch.from_numpy((white - black).clip(-CERTAIN, CERTAIN))
        return cls(logits.to(torch.get_default_dtype()))

    def root(self) -> Tensor:
        """Return the code of no bits."""
        return torch.zeros(1, dtype=torch.long, device=self.logits.device)

    def expand(self, prefixes: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Look up by code; the next pixel adds one binary digit."""
        logits = self.logits[2**length - 1 + prefixes]
        return logits, torch.stack([2 * prefixes, 2 * prefixes + 1], 1)


class PrefixTree(TableForm):
    """Tables counted from images: p(x_i = 1 | prefix) = (n₁ + a) / (n + 2a).

    n images begin with the prefix, n₁ of them continue with a white pixel, and a is the
    pseudo-count. If it is 0, the first pixel in which an image differs from all counted ones has
    probability 0. After a prefix that was not counted, both pixels have probability ½ in any case.

    The tree is stored as its sorted leaves, binary images ``(images, pixels)`` with the pixels in
    drawing order: images that share a prefix form one run, whose start and end are its name.
    """

    arguments = ("images", "pseudo_count")
    columns: Tensor
    pseudo_count: Tensor

    def __init__(self, images: Tensor, pseudo_count: float | Tensor = 0.0) -> None:
        super().__init__()
        check_countable(images, pseudo_count)
        self.pixels = images.shape[1]
        distinct, counts = images.to(torch.uint8).unique(dim=0, return_counts=True)  # sorted
        self.register_buffer("columns", distinct.repeat_interleave(counts, 0).T.contiguous())
        self.register_buffer(
            "pseudo_count", torch.tensor(float(pseudo_count), device=images.device)
        )

    @property
    def images(self) -> Tensor:
        """The sorted images, ``(images, pixels)``."""
        return self.columns.T

    def root(self) -> Tensor:
        """Return the run of all images."""
        return torch.tensor([[0, self.columns.shape[1]]], device=self.columns.device)

    def expand(self, prefixes: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Split each run at the first image whose next pixel is white."""
        start, end = prefixes.unbind(1)
        white_before = nn.functional.pad(self.columns[length].cumsum(0), (1, 0))
        white = white_before[end] - white_before[start]
        cut = end - white
        count_white, count_black = white + self.pseudo_count, cut - start + self.pseudo_count
        logits = (count_white.log() - count_black.log()).nan_to_num(0.0, CERTAIN, -CERTAIN)
        return logits, torch.stack([start, cut, cut, end], 1).view(-1, 2, 2)


def _check_table(name: str, table: Any, before: int) -> None:
    shape = (2,) * (before + 1)
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "fiub":
        raise ValueError(f"{name} is no array of numbers; expected a numpy array of probabilities")
    if table.shape != shape:
        raise ValueError(
            f"{name} has the shape {table.shape}; expected {shape}: an axis for each of the "
            f"{before} pixels before, and one for the pixel itself"
        )
    lowest, highest = table.min(), table.max()
    if not 0 <= lowest <= highest <= 1:
        found = "NaN" if np.isnan(lowest) else f"values from {lowest} to {highest}"
        raise ValueError(f"{name} holds {found}; expected probabilities")
    sums = table.sum(-1, dtype=np.float64)
    wrong = np.argwhere(np.abs(sums - 1) > 1e-3)
    if len(wrong):
        prefix = tuple(wrong[0].tolist())
        where = "".join(f"[{pixel}]" for pixel in prefix)
        raise ValueError(
            f"{name}{where} holds {table[prefix].tolist()}, which sum to {sums[prefix]:g}; "
            "expected the probabilities of a black and a white pixel, which sum to one"
        )
