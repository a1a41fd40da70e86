"""Conditional probability tables of binary images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import Ordering, check_ordering, raster
from ppgen.autoregressive.table_files import read_pickle
from ppgen.autoregressive.table_forms import Dense, PrefixTree, TableForm

MOST_DENSE_PIXELS = 25
"""Largest number of pixels with dense tables: they take 512 MiB, and each pixel doubles that."""

FORMS: dict[str, type[TableForm]] = {"dense": Dense, "tree": PrefixTree}


class ConditionalTables(AutoregressiveNetwork):
    """p(x_i | x_1 … x_{i−1}) of binary pixels, looked up in tables.

    Every distribution over binary images has this form. Tables are counted (:meth:`from_images`) or
    passed (:meth:`from_tables`, :meth:`from_pickle`, :meth:`load`). They are buffers; there is
    nothing to train. An impossible image has probability exactly 0 and a finite log_prob, of
    −10,000 nats or less.

    Parameters
    ----------
    shape
        Shape of an image, such as ``(channel, height, width)``.
    tables
        In one of the forms of :mod:`ppgen.autoregressive.table_forms`.
    ordering
        Order of the pixels in the tables; by default :func:`ppgen.autoregressive.raster`.

    Examples
    --------
    >>> from ppgen import data
    >>> from ppgen.distributions import Autoregressive
    >>> glyphs = data.load("glyphs").train.images.float()
    >>> p = Autoregressive(ConditionalTables.from_images(glyphs))
    >>> p.log_prob(glyphs[:2]).exp()  # 1 / 26
    tensor([0.0385, 0.0385])
    """

    def __init__(
        self, shape: Sequence[int], tables: TableForm, ordering: Ordering | None = None
    ) -> None:
        super().__init__(shape, ordering=ordering)
        if tables.pixels != self.pixels:
            raise ValueError(
                f"tables are those of {tables.pixels} pixels; expected {self.pixels}, "
                f"for shape is {self.shape}"
            )
        self.tables = tables

    @classmethod
    def from_images(
        cls, images: Tensor, pseudo_count: float = 0.0, ordering: Ordering | None = None
    ) -> ConditionalTables:
        """Estimate the tables by counting binary images ``(batch, *shape)``, as a prefix tree.

        ``pseudo_count`` is added to the counts of black and of white after every prefix; 0 is
        maximum likelihood. After a prefix that no image has, both pixels have probability ½. Raises
        a ValueError if there are no images, they are not binary, or the pseudo-count is negative.
        """
        if images.dim() < 2 or images.numel() == 0:
            raise ValueError(
                f"images have the shape {tuple(images.shape)}; expected (batch, *shape), such as "
                "(batch, channel, height, width), each 1 or more"
            )
        shape = images.shape[1:]
        order = raster(shape) if ordering is None else check_ordering(ordering, shape.numel())
        order = order.to(images.device)
        tree = PrefixTree(images.flatten(1)[:, order], pseudo_count)
        return cls(shape, tree, order)

    @classmethod
    def from_tables(
        cls, shape: Sequence[int], tables: Sequence[np.ndarray], ordering: Ordering | None = None
    ) -> ConditionalTables:
        """Convert dense tables: an array for each pixel in order.

        They have the shapes ``(2,)``, ``(2, 2)``, ``(2, 2, 2)`` and so on; number i at
        ``[x_1][x_2]…[x_i]`` is p(x_i | x_1 … x_{i−1}). Raises a ValueError that names the table if
        it has another shape, holds NaN or numbers outside [0, 1], or the two probabilities after a
        prefix do not sum to one.

        Examples
        --------
        The second pixel equals the first with probability 0.9:

        >>> first, second = np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.1, 0.9]])
        >>> network = ConditionalTables.from_tables((1, 1, 2), [first, second])
        >>> network(torch.ones(1, 1, 1, 2)).sigmoid()
        tensor([[[[[0.5000, 0.9000]]]]])
        """
        return cls(shape, Dense.from_tables(tables), ordering)

    @classmethod
    def from_pickle(
        cls, path: str | Path, shape: Sequence[int], ordering: Ordering | None = None
    ) -> ConditionalTables:
        """Read dense tables from a pickled list of numpy arrays, gzipped or not.

        No code in the file is run. Raises ValueError unless it holds a list of arrays of numbers
        that :meth:`from_tables` accepts.
        """
        tables = read_pickle(path)
        try:
            return cls.from_tables(shape, tables, ordering)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> ConditionalTables:
        """Read a file that :meth:`save` wrote; raise ValueError for any other."""
        expected = "expected a file that ConditionalTables.save wrote"
        with Path(path).open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as archive:
                    arrays = dict(archive)
            except Exception as error:  # of numpy, zipfile or zlib
                raise ValueError(
                    f"{path} is no .npz file of plain arrays ({error}); {expected}"
                ) from error
        try:
            form = FORMS[str(arrays["form"])].from_arrays(arrays)
            return cls(arrays["shape"].tolist(), form, torch.from_numpy(arrays["ordering"]))
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise ValueError(f"{path} holds no conditional tables ({error}); {expected}") from error

    def save(self, path: str | Path) -> None:
        """Write everything to a compressed ``.npz`` file."""
        form = next(name for name, kind in FORMS.items() if isinstance(self.tables, kind))
        arrays: dict[str, Any] = {"form": form, "shape": self.shape, **self.tables.arrays()}
        arrays["ordering"] = self.ordering.cpu().numpy()
        with Path(path).open("wb") as file:  # numpy would add an ending to the name
            np.savez_compressed(file, **arrays)

    @torch.no_grad()
    def to_tables(self) -> list[np.ndarray]:
        """Return the tables in the form of :meth:`from_tables`, in float64, for up to 25 pixels."""
        if self.pixels > MOST_DENSE_PIXELS:
            raise ValueError(
                f"shape is {self.shape}, that is {self.pixels} pixels; dense tables are made for "
                f"at most {MOST_DENSE_PIXELS}: save the tree instead"
            )
        tables, prefixes = [], self.tables.root()
        for step in range(self.pixels):
            logits, children = self.tables.expand(prefixes, step)
            prefixes = children.flatten(0, 1)
            both = torch.stack([-logits, logits], -1).double().sigmoid()
            tables.append(both.view((2,) * (step + 1)).cpu().numpy())
        return tables

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the logits of all pixels."""
        logits = torch.stack(list(self._walk(self.in_order(x))), -1)
        return self.to_image(logits).unsqueeze(1)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the logits of one pixel after the other."""
        for logits in self._walk(x):
            yield logits.unsqueeze(-1)

    def _walk(self, x: Tensor) -> Iterator[Tensor]:
        # From the root along the pixels of each image, (batch, pixels) in drawing order.
        rows = torch.arange(len(x), device=x.device)
        prefixes = self.tables.root().repeat_interleave(len(x), 0)
        for step in range(self.pixels):
            logits, children = self.tables.expand(prefixes, step)
            yield logits
            prefixes = children[rows, (x[:, step] > 0).long()]

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the tables."""
        return next(t.dtype for t in self.tables.buffers() if t.is_floating_point())
