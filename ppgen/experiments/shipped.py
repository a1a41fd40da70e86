"""The trained models that come with the package: what each is, and what it reaches."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import shorten

import torch
from torch import Tensor

from ppgen import data
from ppgen.experiments.results import Result, read_json
from ppgen.inference import Estimate, complete, elbo, iwae, sample
from ppgen.program import Program
from ppgen.training.saving import PRETRAINED

WIDEST = 32  # letters of a model's name in the table
PROBED = 50
"""Images, and completions, by which a model is recognised."""
COMPLETED = 10
"""Images that are completed, several times each."""


@dataclass(frozen=True)
class Pretrained:
    """A trained model of the package, which ``ppgen.load(name)`` returns.

    Attributes
    ----------
    result
        What it reaches on the test images, with the weights of the file, in half precision.
    particles
        Those of the estimate, if it is not exact.
    size
        Of its file, in bytes.
    command, environment
        What trained it, and with which versions.
    licence
        Terms of the data that it was trained on.
    given_labels
        Whether it takes the label of each image.
    answers
        What it answers to a few fixed questions, see :func:`ppgen.experiments.shipped.probe`.

    Examples
    --------
    >>> vae = pretrained()["mnist-vae"]
    >>> vae.result.parameters > 400_000, vae.size < 1e6
    (True, True)
    """

    name: str
    result: Result
    particles: int | None
    size: int
    command: str
    environment: str
    licence: str
    given_labels: bool
    answers: dict[str, float]

    def __str__(self) -> str:
        of = self.result
        return (
            f"{self.name}: {of.model}, {of.nats:.2f} nats ({of.estimate}) on {of.data}, "
            f"{of.parameters:,} parameters, {self.size / 1e3:,.0f} kB; {self.licence}; "
            f"{self.command}"
        )


class Records(dict[str, Pretrained]):
    """Records of trained models by name, shown as a table."""

    def _rows(self) -> Iterator[tuple[str, ...]]:
        yield "name", "model", "test nats", "estimate", "data", "parameters", "kB"
        for name, record in self.items():
            of, size = record.result, f"{record.size / 1e3:,.0f}"
            model = shorten(of.model, WIDEST, placeholder=" …")
            yield name, model, f"{of.nats:.2f}", of.estimate, of.data, f"{of.parameters:,}", size

    def __repr__(self) -> str:
        rows = list(self._rows())
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._rows())
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def pretrained() -> Records:
    """Return the records of the trained models that come with the package, by name.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.pretrained()["mnist-vae"]
    >>> vae.result.data, vae.size < 1_000_000
    ('mnist, fixed binarisation', True)
    """
    return Records({path.stem: read_record(path) for path in sorted(PRETRAINED.glob("*.json"))})


def read_record(path: Path) -> Pretrained:
    """Read the record of a model, and the size of the file beside it."""
    content = read_json(path.parent, path.name)
    result, size = Result(**content.pop("result")), path.with_suffix(".pt").stat().st_size
    return Pretrained(name=path.stem, result=result, size=size, **content)


def estimated(program: Program, data: tuple[Tensor, ...], particles: int | None) -> Estimate:
    """Return log p of images, or its bound by ``particles``; None: the ELBO is exact."""
    return elbo(program, data) if particles is None else iwae(program, data, particles)


def probe(program: Program, given_labels: bool) -> dict[str, float]:
    """Answer a few questions about scikit-learn's digits, which need no download.

    Nats of some of them, in the size of MNIST's; the mean pixel of samples and, if the program can
    complete images, of completions of their upper halves.
    """
    digits = data.load("digits").resized(28, margin=4).binarized("threshold")
    some = digits.test.slice(0, PROBED).arguments(given_labels)
    x, *labels = some
    upper = torch.zeros(digits.image_shape, dtype=torch.bool)
    upper[:, :14] = True
    answers = {
        "nats": -elbo(program, some, seed=0).mean,
        "mean pixel of samples": float(sample(program, PROBED, *labels, seed=0).mean()),
    }
    with suppress(ValueError):  # discrete latents cannot be fitted to what is given
        few = [tensor[:COMPLETED] for tensor in (x, *labels)]
        each = {"draws": PROBED // COMPLETED, "particles": 100}
        completed = complete(program, few[0], upper, *few[1:], **each, seed=0)
        answers["mean pixel of completions"] = float(completed.samples.mean())
    return answers
