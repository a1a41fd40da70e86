"""What a program of the conformance suite brings along, and what its entry in the table says."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from pyro.infer import ELBO, Trace_ELBO
from torch import Tensor

import ppgen


@dataclass
class Case:
    """A program as its author wrote it, data, and what is known about it exactly.

    Attributes
    ----------
    model, guide, objective
        Without a guide nothing is latent; without an objective the library chooses.
    data, heldout
        What `fit` takes, and other rows of the same kind.
    without_outcomes
        The data as `predict` also takes them: outcomes are None.
    evidence
        Exact log p(data) in nats, `()` for all rows or `(rows,)`; a function if the model has
        parameters.
    exact_guide
        A guide that draws from the exact posterior.
    posterior
        For latent sites, exact mean and standard deviation given the data.
    predictive
        For observed sites, exact mean and standard deviation of a new outcome of each row.
    log_predictive
        Exact log predictive density of the rows of `heldout`.
    """

    model: Callable[..., Any]
    guide: Callable[..., Any] | None
    data: Any
    heldout: Any = None
    without_outcomes: Any = None
    objective: ELBO | None = None
    evidence: Tensor | Callable[[], Tensor] | None = None
    exact_guide: Callable[..., Any] | None = None
    posterior: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    predictive: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    log_predictive: Tensor | None = None

    def program(self, guide=None) -> ppgen.Program:
        """The library's program, with another guide if one is given."""
        return ppgen.as_program(
            self.model if self.guide is None else (self.model, guide or self.guide),
            objective=self.objective,
        )

    def exact(self) -> Tensor:
        """The evidence under the parameters that the model has now."""
        return self.evidence() if callable(self.evidence) else self.evidence

    @property
    def arguments(self) -> tuple[tuple, dict]:
        """The data as Pyro takes them: positional arguments and keywords."""
        return arguments(self.data)


def arguments(data) -> tuple[tuple, dict]:
    """Positional arguments and keywords for what `fit` takes as data; arrays become tensors."""

    def tensor(value):
        if hasattr(value, "__array_interface__"):
            value = torch.as_tensor(value)
            return value.to(torch.get_default_dtype()) if value.is_floating_point() else value
        return value

    if isinstance(data, dict):
        return (), {name: tensor(value) for name, value in data.items()}
    if not isinstance(data, tuple):
        data = (data,)
    return tuple(tensor(value) for value in data), {}


@dataclass(frozen=True)
class Entry:
    """One line of the table.

    Attributes
    ----------
    build
        Makes a :class:`Case`, with new parameters and the same data at each call.
    batches
        Rows of a minibatch, or None if the program takes all rows at once. Divides the rows.
    rows
        Whether values are asked row by row: the rows have a plate.
    iwae, log_predictive, predict, posterior
        Whether the program allows the call; `iwae` is ``"rows"``, ``"total"`` or None.
    own_elbo
        Pyro's estimator of the same bound.
    bound
        Whether the ELBO is a lower bound of the evidence: not if the program scales sites.
    rate
        Learning rate of Adam in the tests.
    draws
        How the guide's draws are fixed: ``"mean"`` (see :func:`without_noise`), ``"seed"``, or None
        if the model draws by itself.
    sums
        Whether losses of batches add up to that of the whole: not with batch normalisation.
    compile
        Whether the quick run of the suite compiles the program.
    traced
        Whether a graph can stand for the program.
    """

    build: Callable[[], Case]
    batches: int | None = None
    rows: bool = True
    iwae: str | None = "rows"
    log_predictive: bool = False
    predict: bool = True
    posterior: bool = True
    own_elbo: Callable[[], ELBO] = Trace_ELBO
    bound: bool = True
    rate: float = 0.05
    draws: str | None = "mean"
    sums: bool = True
    compile: bool = False
    traced: bool = True

    def make(self) -> Case:
        """Build the case from random numbers of its own."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            return self.build()

    @functools.cached_property
    def example(self) -> Case:
        """A case to look at, not to be trained."""
        return self.make()

    def started(self) -> Case:
        """Build the case and run its guide once, so that every parameter has its first value."""
        case = self.make()
        if case.guide is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(8)
                args, kwargs = case.arguments
                case.guide(*args, **kwargs)
        return case
