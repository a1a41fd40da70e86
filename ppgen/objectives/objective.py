"""A program's negative bound on a batch of rows, as a function of its parameters."""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import torch
from pyro.infer import ELBO, Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor, nn

from ppgen.data.batch import Batch
from ppgen.objectives.elbo import MeanFieldELBO, TensorELBO
from ppgen.objectives.enumerated import SummedOutELBO
from ppgen.objectives.importance import ImportanceWeightedELBO
from ppgen.objectives.plates import RowPlates
from ppgen.objectives.structure import Structure
from ppgen.program import Program
from ppgen.running import on_device

SUMS_OVER_ROWS = (TensorELBO, Trace_ELBO, TraceGraph_ELBO, TraceEnum_ELBO)
"""Objectives that split into a term for each row and one for what rows share."""


class Objective(nn.Module):
    """The negative bound of a batch, in nats a row.

    Sites that rows share are weighed by the batch's share of the data, so that the losses of the
    batches of an epoch add up to that of all the data, for any ELBO that is a sum over rows. A
    program that scales its rows itself keeps its scales.

    ``structure`` says how sites follow the rows, ``rows`` is the number of all the data. ``elbo``
    is the one to train by; None: the program's own, or one that suits its sites. With ``bfloat16``,
    networks compute in it by torch's autocast.
    """

    def __init__(
        self,
        program: Program,
        structure: Structure,
        rows: int,
        elbo: ELBO | None = None,
        bfloat16: bool = False,
    ) -> None:
        super().__init__()
        self.program = program
        self.structure = structure
        self.rows = rows
        self.sites = 1  # of model and guide
        self.elbo: Any = own_elbo(elbo or program.objective, structure)
        self.device = program.device  # looked up once: it takes a walk through the modules
        self.autocast = bfloat16
        self.uses_store = program.uses_store
        self._weighs_shared = structure.shared and structure.full is None
        # Rows that a loss is divided by, if it is not their number.
        self._stands_for = structure.full if getattr(self.elbo, "keeps_scale", True) else None

    def forward(self, batch: Batch) -> Tensor:
        """Differentiable loss, in nats a row."""
        model, guide = self.programs(batch)
        with self.running():
            loss = self.elbo.differentiable_loss(model, guide, *batch.args, **batch.kwargs)
        return loss / self.divisor(batch)

    def divisor(self, batch: Batch) -> float:
        """Return the number of rows that a loss is divided by."""
        return self._stands_for or batch.size

    def programs(self, batch: Batch) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return model and guide, with shared sites weighed by the batch's share of the data."""
        model, guide = self.program.model, self.program.guide
        if self._weighs_shared and len(batch) < self.rows:
            share = len(batch) / self.rows
            model = ScaleShared(self.structure.plates, share)(model)
            guide = ScaleShared(self.structure.plates, share)(guide)
        return model, guide

    def bounds(self, batch: Batch, particles: int | None = None) -> tuple[Tensor | None, Tensor]:
        """Estimate the bound of each row, ``(rows,)``, and that of shared sites, in nats.

        If rows have no terms of their own, the first is None, and the second the bound of all data.
        """
        judge = self.judge
        if particles is not None:
            judge = copy.copy(judge)
            judge.num_particles = particles
        with torch.no_grad(), self.running():
            if not isinstance(judge, TensorELBO):
                loss = judge.loss(*self.programs(batch), *batch.args, **batch.kwargs)
                return None, torch.tensor(-loss * self.rows / self.divisor(batch))
            rows, shared = judge.bounds(
                self.program.model, self.program.guide, *batch.args, **batch.kwargs
            )
        if not self.structure.by_row:
            return None, (rows.sum() + shared) * (self.rows / self.divisor(batch))
        if self._stands_for:
            rows = rows * (len(batch) / self._stands_for)
        return rows, shared

    def value(self, batch: Batch) -> float:
        """Loss by which held-out rows are judged, in nats a row.

        Shared sites are left out, unless rows have no terms of their own.
        """
        rows, whole = self.bounds(batch)
        if rows is None:
            return -float(whole) / self.rows
        return -float(rows.sum()) / len(batch)

    @cached_property
    def judge(self) -> Any:
        """An estimate of the bound that has one value a row; an ELBO of another kind itself."""
        if isinstance(self.elbo, TensorELBO) or not type(self.elbo).__module__.startswith(
            "pyro.infer."
        ):
            return self.elbo
        particles = getattr(self.elbo, "num_particles", 1)
        if isinstance(self.elbo, TraceEnum_ELBO):
            judge: TensorELBO = SummedOutELBO(self.structure.nesting, particles)
        elif isinstance(self.elbo, TraceMeanField_ELBO):
            judge = MeanFieldELBO(particles)
        else:
            judge = TensorELBO(particles)
        judge.plates = self.structure.plates
        return judge

    @contextmanager
    def running(self, own_store: bool = True) -> Iterator[None]:
        """Run on the program's device and store, in bfloat16 if that is asked for."""
        own_store = own_store and self.uses_store
        if self.device.type == "cpu" and not (self.autocast or own_store):
            yield
            return
        autocast: AbstractContextManager = nullcontext()
        if self.autocast:
            # Tracing a step must record the casts of weights, so none may come from the cache.
            kind = self.device.type
            autocast = torch.autocast(kind, dtype=torch.bfloat16, cache_enabled=False)
        store = self.program.own_store() if own_store else nullcontext()
        with on_device(self.device), autocast, store:
            yield


class ScaleShared(Messenger):
    """A handler that scales every site outside the plates over the rows by the batch's share."""

    def __init__(self, plates: RowPlates, share: float) -> None:
        super().__init__()
        self.plates, self.share = plates, share

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if not site_is_subsample(msg) and not self.plates.holds(msg):
            msg["scale"] = msg["scale"] * self.share


def own_elbo(elbo: Any, structure: Structure) -> Any:
    """Copy an ELBO: Pyro's keep what they guess of a model. None: one that suits the sites."""
    if elbo is None:
        elbo = TensorELBO()
        if structure.enumerated:  # perhaps in some batches alone, such as those without labels
            elbo = TraceEnum_ELBO(
                max_plate_nesting=structure.nesting, strict_enumeration_warning=False
            )
    if not isinstance(elbo, ELBO) or type(elbo).__name__.startswith("Jit"):
        raise TypeError(
            f"objective is {elbo!r}; expected an instance of one of Pyro's ELBOs, such as "
            "Trace_ELBO(); of those compiled by torch.jit, name the plain one and compile='on'"
        )
    elbo = copy.deepcopy(elbo)
    if isinstance(elbo, TensorELBO):
        elbo.plates = structure.plates
    return elbo


def why_no_sum(elbo: Any, latents_shared: bool, enumerated_shared: bool) -> str:
    """Say why an objective does not split into terms of rows; empty if it does."""
    name = type(elbo).__name__
    if isinstance(elbo, TraceEnum_ELBO) and enumerated_shared:
        return f"{name} sums out a latent site that all rows share"
    is_sum = isinstance(elbo, SUMS_OVER_ROWS) and not isinstance(elbo, ImportanceWeightedELBO)
    if latents_shared and not is_sum:
        return f"{name} is no sum over rows if a latent site is shared by them"
    return ""
