"""Conditional probability tables of binary images."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ppgen.arguments import NotNegative, checked
from ppgen.autoregressive.independent import check_countable
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import Ordering, Shape, check_ordering, raster
from ppgen.autoregressive.table_files import read_pickle
from ppgen.reading import read_arrays

MOST_DENSE_PIXELS = 25
"""Largest number of pixels with dense tables: they take 512 MiB, and each pixel doubles that."""

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
    @checked
    def from_tables(cls, tables: Sequence[Any]) -> Self:
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
        check_countable(images)
        if not 0 <= pseudo_count < torch.inf:
            raise ValueError(f"pseudo_count is {pseudo_count}; expected a number, 0 or more")
        self.pixels = images.shape[1]
        self.register_buffer("columns", _sorted(images).T.contiguous())
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


FORMS: dict[str, type[TableForm]] = {"dense": Dense, "tree": PrefixTree}


@checked
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
        As ``Dense`` tables or as a ``PrefixTree``.
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

    def __init__(self, shape: Shape, tables: TableForm, ordering: Ordering | None = None) -> None:
        super().__init__(shape, ordering=ordering)
        if tables.pixels != self.pixels:
            raise ValueError(
                f"tables are those of {tables.pixels} pixels; expected {self.pixels}, "
                f"for shape is {self.shape}"
            )
        self.tables = tables

    @classmethod
    @checked
    def from_images(
        cls, images: Tensor, pseudo_count: NotNegative = 0.0, ordering: Ordering | None = None
    ) -> Self:
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
    @checked
    def from_tables(
        cls, shape: Shape, tables: Sequence[Any], ordering: Ordering | None = None
    ) -> Self:
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
    @checked
    def from_pickle(cls, path: str | Path, shape: Shape, ordering: Ordering | None = None) -> Self:
        """Read dense tables from a pickled list of numpy arrays, gzipped or not.

        No code in the file is run. Raises ValueError unless it holds a list of arrays of numbers
        that :meth:`from_tables` accepts, or if it has many more bytes than these arrays.
        """
        # Protocol 0 writes 48 bytes for one of the 2^(pixels + 1) numbers.
        tables = read_pickle(path, 100 * 2 ** min(prod(shape), 30) + 2**16)
        try:
            return cls.from_tables(shape, tables, ordering)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    @checked
    def load(cls, path: str | Path) -> Self:
        """Read a file that :meth:`save` wrote; raise ValueError for any other.

        Its arrays have at most 300 MB, or 100 bytes for each byte of the file if that is more.
        """
        path = Path(path)
        most = max(300_000_000, 100 * path.stat().st_size)
        try:
            name, shape = read_arrays(path, ("form", "shape"), 2_000)
            form = FORMS[str(name)]
            ordering, *arrays = map(
                torch.from_numpy, read_arrays(path, ("ordering", *form.arguments), most)
            )
            return cls(shape.tolist(), form(*arrays), ordering)
        except Exception as error:  # of numpy, zipfile or zlib
            raise ValueError(
                f"{path} holds no conditional tables ({error!s:.200}); expected a file that "
                "ConditionalTables.save wrote"
            ) from error

    @checked
    def save(self, path: str | Path) -> None:
        """Write everything to a compressed ``.npz`` file."""
        form = next(name for name, kind in FORMS.items() if isinstance(self.tables, kind))
        tensors = {name: getattr(self.tables, name) for name in self.tables.arguments}
        tensors["ordering"] = self.ordering
        arrays: dict[str, Any] = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        with Path(path).open("wb") as file:  # numpy would add an ending to the name
            np.savez_compressed(file, form=form, shape=self.shape, **arrays)

    @torch.no_grad()
    def to_tables(self) -> list[np.ndarray]:
        """Return the tables in the form of :meth:`from_tables`, in float64.

        Raises ValueError for more than 25 pixels.
        """
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
        logits = torch.cat(list(self._walk(self.in_order(x))), -1)
        return self.to_image(logits).unsqueeze(1)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the logits of one pixel after the other."""
        return self._walk(x)

    def _walk(self, x: Tensor) -> Iterator[Tensor]:
        # From the root along the pixels of each image, (batch, pixels) in drawing order.
        rows = torch.arange(len(x), device=x.device)
        prefixes = self.tables.root().repeat_interleave(len(x), 0)
        for step in range(self.pixels):
            logits, children = self.tables.expand(prefixes, step)
            yield logits.unsqueeze(-1)
            prefixes = children[rows, (x[:, step] > 0).long()]


def _sorted(images: Tensor) -> Tensor:
    """Sort binary images ``(images, pixels)`` by their first pixel, then by their second, …."""
    packed = np.packbits(np.ascontiguousarray(images.to(torch.uint8).cpu()), axis=1)
    packed.view(f"S{packed.shape[1]}").sort(axis=0)
    unpacked = np.unpackbits(packed, axis=1, count=images.shape[1])
    return torch.from_numpy(unpacked).to(images.device)


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
