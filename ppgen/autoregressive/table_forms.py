"""Two forms of conditional probability tables of binary pixels: dense, and a prefix tree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ppgen.images import check_binary

CERTAIN = 1e4
"""Logit of a pixel that is certain: its probability is exactly 1 or 0, and no log is infinite."""


class TableForm(nn.Module, ABC):
    """The tables p(x_i | x_1 … x_{i−1}) of binary pixels, walked from prefix to longer prefix.

    A prefix, that is the values of the first so many pixels, is named by a row of integers of the
    form's own choice. Tables are data, not parameters: they are buffers.
    """

    pixels: int

    @abstractmethod
    def root(self) -> Tensor:
        """Name of the prefix of no pixels, ``(1, …)``."""

    @abstractmethod
    def expand(self, prefixes: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Look up what follows prefixes, and name those longer by one pixel.

        Parameters
        ----------
        prefixes
            Names ``(n, …)`` of prefixes of ``length`` pixels.
        length
            From 0 to ``pixels`` − 1.

        Returns
        -------
        tuple[Tensor, Tensor]
            Logits of the next pixel, ``(n,)``; and the names of the prefixes with that pixel
            black and white, ``(n, 2, …)``.
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """All that the form holds, as arrays for a file."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> TableForm:
        """Make a form of what :meth:`arrays` gave; ValueError where it cannot be that."""


class Dense(TableForm):
    """The logits of all tables in a row.

    The prefix of length i whose pixels are the binary digits of c has the place 2^i − 1 + c.

    Parameters
    ----------
    logits
        ``(2^pixels − 1,)``, finite.
    """

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
        """Check and read tables of the shapes ``(2,)``, ``(2, 2)``, ``(2, 2, 2)`` and so on.

        Raises
        ------
        ValueError
            Where a table has another shape, holds NaN or what is no probability, or where the two
            probabilities after a prefix don't sum to one.
        """
        for number, table in enumerate(tables):
            _check_table(f"tables[{number}]", table, number)
        with np.errstate(divide="ignore"):
            logs = (np.log(np.asarray(table, np.float64)) for table in tables)
            logits = [(log[..., 1] - log[..., 0]).ravel().clip(-CERTAIN, CERTAIN) for log in logs]
        joined = np.concatenate([np.zeros(0), *logits])
        return cls(torch.from_numpy(joined).to(torch.get_default_dtype()))

    def root(self) -> Tensor:
        """Give the code of no bits."""
        return torch.zeros(1, dtype=torch.long, device=self.logits.device)

    def expand(self, prefixes: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Look up by code; the next pixel is one more binary digit."""
        logits = self.logits[2**length - 1 + prefixes]
        return logits, torch.stack([2 * prefixes, 2 * prefixes + 1], 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the logits."""
        return {"logits": self.logits.cpu().numpy()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Dense:
        """Make it of the logits."""
        return cls(torch.from_numpy(arrays["logits"]))


class PrefixTree(TableForm):
    """The tables that count images: p(x_i = 1 | prefix) = (n₁ + a) / (n + 2a).

    n images begin with the prefix, n₁ of these go on with a white pixel, and a is the pseudo-count.
    The tree is stored as its sorted leaves: images that share a prefix lie in one run of them, and
    a prefix is named by where its run begins and ends. So it takes no more room than the images.

    Parameters
    ----------
    images
        ``(images, pixels)``, zeros and ones, the pixels in drawing order.
    pseudo_count
        Without any, the first pixel by which an image differs from all that were counted has
        probability 0; prefixes that were never counted are followed by either pixel with
        probability ½ in any case.
    """

    columns: Tensor
    pseudo_count: Tensor

    def __init__(self, images: Tensor, pseudo_count: float = 0.0) -> None:
        super().__init__()
        if len(images) == 0:
            raise ValueError("there are 0 images; expected one or more")
        check_binary(images)
        if not 0 <= pseudo_count < torch.inf:
            raise ValueError(f"pseudo_count is {pseudo_count}; expected a number from 0")
        self.pixels = images.shape[1]
        distinct, counts = images.to(torch.uint8).unique(dim=0, return_counts=True)  # sorted
        self.register_buffer("columns", distinct.repeat_interleave(counts, 0).T.contiguous())
        self.register_buffer(
            "pseudo_count", torch.tensor(float(pseudo_count), device=images.device)
        )

    def root(self) -> Tensor:
        """Give the run of all images."""
        return torch.tensor([[0, self.columns.shape[1]]], device=self.columns.device)

    def expand(self, prefixes: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Cut each run where the next pixel turns white."""
        start, end = prefixes.unbind(1)
        white_before = nn.functional.pad(self.columns[length].cumsum(0), (1, 0))
        white = white_before[end] - white_before[start]
        cut = end - white
        count_white, count_black = white + self.pseudo_count, cut - start + self.pseudo_count
        logits = (count_white.log() - count_black.log()).nan_to_num(0.0, CERTAIN, -CERTAIN)
        return logits, torch.stack([start, cut, cut, end], 1).view(-1, 2, 2)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the images and the pseudo-count."""
        return {
            "images": self.columns.T.cpu().numpy(),
            "pseudo_count": self.pseudo_count.cpu().numpy(),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> PrefixTree:
        """Make it of images and pseudo-count."""
        return cls(torch.from_numpy(arrays["images"]), float(arrays["pseudo_count"]))


def _check_table(name: str, table: Any, before: int) -> None:
    shape = (2,) * (before + 1)
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "fiub":
        raise ValueError(f"{name} is no array of numbers")
    if table.shape != shape:
        raise ValueError(
            f"{name} has the shape {table.shape}; expected {shape}: an axis for each of the "
            f"{before} pixels before, and one for the pixel itself"
        )
    if np.isnan(table).any():
        raise ValueError(f"{name} holds NaN; expected probabilities")
    if table.min() < 0 or table.max() > 1:
        raise ValueError(
            f"{name} holds values from {table.min()} to {table.max()}; expected probabilities"
        )
    sums = table.sum(-1, dtype=np.float64)
    wrong = np.argwhere(np.abs(sums - 1) > 1e-3)
    if len(wrong):
        prefix = tuple(wrong[0].tolist())
        where = "".join(f"[{pixel}]" for pixel in prefix)
        raise ValueError(
            f"{name}{where} holds {table[prefix].tolist()}, which sum to {sums[prefix]:g}; "
            "expected the probabilities of a black and a white pixel, which sum to one"
        )
