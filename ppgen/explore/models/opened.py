"""What the page was opened with: trained models and folders of runs."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from pyro import poutine
from pyro.distributions import constraints
from torch import Tensor

from ppgen import data
from ppgen.data import Part
from ppgen.explore.models.run_folder import RunFolder
from ppgen.inference import sample
from ppgen.inference.images import image_site
from ppgen.objectives.elbo import sample_sites
from ppgen.objectives.plates import innermost_support
from ppgen.program import Program
from ppgen.running import evaluating
from ppgen.training.archive import CheckpointError
from ppgen.training.saving import PRETRAINED, load

LEVELS = 17  # grey levels of scikit-learn's digits
FALLBACK = 40  # images drawn from a model whose images are no digits
FIRST = "mnist-vae"  # whose latent plane shows at once what the page is for
FINEST = 256  # grey levels that a drawing is given as


@dataclass(frozen=True)
class Model:
    """A trained program of images, in evaluation mode, and images to try it on.

    Attributes
    ----------
    image_shape
        ``(channel, height, width)``.
    classes
        Labels that it takes, 0 … ``classes`` − 1; 0: none.
    binary
        Whether its pixels are 0 and 1.
    written
        When its file was written that it was read from, in nanoseconds; 0 without a file.

    Examples
    --------
    >>> import ppgen
    >>> model = Model.of("mixture", ppgen.load("mnist-mixture"))
    >>> model.image_shape, model.classes, model.binary
    ((1, 28, 28), 0, True)
    >>> model.test.images.shape
    torch.Size([300, 1, 28, 28])
    """

    name: str
    program: Program
    image_shape: tuple[int, int, int]
    classes: int
    binary: bool
    written: int = 0

    @classmethod
    def of(cls, name: str, program: Program, written: int = 0) -> "Model":
        """Find out what images a program draws; raise a ValueError if it draws none."""
        program = program.eval().requires_grad_(False)
        classes = int(getattr(getattr(program, "network", None), "context_size", 0))
        context = (torch.zeros(2, dtype=torch.long),) if classes else ()
        try:
            with evaluating(program, 0):
                trace = poutine.trace(program.model).get_trace(None, *context, n=2)
            fn = image_site(program, trace)["fn"]
        except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"{name} draws no images without data: {error}") from error
        if fn.event_dim != 3 or fn.event_shape[0] not in (1, 3):
            raise ValueError(
                f"{name} draws {tuple(fn.event_shape)}; expected images (1 or 3, height, width)"
            )
        shape, binary = tuple(fn.event_shape), innermost_support(fn) is constraints.boolean
        return cls(name, program, shape, classes, binary, written)

    @property
    def is_stale(self) -> bool:
        """Whether its file has been written again."""
        return self.written not in (0, _written(self.name))

    @cached_property
    def completes(self) -> bool:
        """Whether it can draw missing pixels: exactly, or as its latents are real numbers."""
        if hasattr(self.program, "complete"):
            return True
        with evaluating(self.program, 0):
            trace = poutine.trace(self.program.model).get_trace(None, *self.context(0), n=1)
        images = image_site(self.program, trace)
        latents = [site for site in sample_sites(trace).values() if site is not images]
        return not any(site["fn"].support.is_discrete for site in latents)

    @cached_property
    def test(self) -> Part:
        """Images to try it on: scikit-learn's test digits, or draws from the model itself.

        Digits have the model's size and support, and labels.
        """
        digits = digits_of(self.image_shape)
        if digits is not None:
            return Part(self.encode(digits.images / (LEVELS - 1)), digits.labels)
        labels = torch.arange(FALLBACK) % max(1, self.classes)
        context = (labels,) if self.classes else ()
        drawn = sample(self.program, FALLBACK, *context, seed=0)
        return Part(drawn, labels if self.classes else None)

    @property
    def origin(self) -> str:
        """Where the test images come from, in words."""
        if digits_of(self.image_shape) is None:
            return "draws from the model itself"
        enlarged = self.image_shape[-1] > 8
        return "scikit-learn's digits, enlarged" if enlarged else "scikit-learn's digits"

    def encode(self, grey: Tensor) -> Tensor:
        """Return grey values from 0 to 1 in the support of the model's images.

        Binary pixels are white from half grey on.
        """
        if self.binary:
            return (grey >= 0.5).to(self.program.dtype)
        likelihood = _likelihood(self.program)
        if likelihood is None:
            return grey.to(self.program.dtype)
        with evaluating(self.program, 0):
            levels = (grey * (FINEST - 1)).round().long()
            return likelihood.encode(levels, FINEST).to(self.program.dtype)

    def grey(self, x: Tensor) -> Tensor:
        """Return images in the support as grey values from 0 to 1."""
        return self.program.grey(x).clamp(0, 1)

    def context(self, label: int) -> tuple[Tensor, ...]:
        """Return what the program takes besides an image, for one label."""
        return (torch.tensor([label]),) if self.classes else ()

    def label(self, index: int) -> int:
        """Return the label of a test image, 0 without labels or if the model has too few."""
        label = 0 if self.test.labels is None else int(self.test.labels[index])
        return label if label < max(1, self.classes) or not self.classes else 0


@lru_cache(8)
def digits_of(shape: tuple[int, int, int]) -> Part | None:
    """Return scikit-learn's test digits in a square size of one channel, None for other shapes.

    They have the margin of MNIST's at 28×28 pixels, and grey levels 0 … 16.
    """
    channels, height, width = shape
    if channels != 1 or height != width or height < 8:
        return None
    digits = data.load("digits")
    return digits.test if height == 8 else digits.resized(height, margin=height // 7).test


def open_named(names: Iterable[str]) -> dict[str, Model | RunFolder]:
    """Open trained models of the package by name, files of models, and folders of runs.

    Without names, all models of the package are opened. Models that a run has saved are opened
    with its folder.

    Raises
    ------
    ValueError
        If there is no such model, file or folder, or it is none of images.

    Examples
    --------
    >>> list(open_named(["mnist-mixture"]))
    ['mnist-mixture']
    >>> open_named(["mnist-mixtur"])
    Traceback (most recent call last):
    ValueError: mnist-mixtur is no file, ...; expected mnist-vae, ..., a file, or a folder
    """
    opened: dict[str, Model | RunFolder] = {}
    for name in list(names) or known_names():
        if Path(name).is_dir():
            run = RunFolder(Path(name))
            opened[name] = run
            for path in run.models():
                with suppress(ValueError):  # the page of the run says why
                    opened[str(path)] = open_model(str(path))
        else:
            opened[name] = open_model(name)
    return opened


def known_names() -> list[str]:
    """Return the names of the trained models of the package, the one to begin with first."""
    names = (path.stem for path in PRETRAINED.glob("*.pt"))
    return sorted(names, key=lambda name: (name != FIRST, name))


def open_model(name: str) -> Model:
    """Open a file, or a trained model of the package; raise a ValueError if it cannot be."""
    try:
        written = _written(name)
        model = Model.of(name, load(name), written)
        _ = model.test  # now, since the digits take seconds to load
        return model
    except CheckpointError as error:
        expected = "" if Path(name).exists() else f"; expected {', '.join(known_names())}, a file"
        raise ValueError(f"{error}{expected and expected + ', or a folder'}") from error


def _written(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns
    except OSError:
        return 0


def _likelihood(program: Program) -> Any:
    found = getattr(program, "likelihood", None)
    return found or getattr(getattr(program, "network", None), "likelihood", None)
