"""One step of stochastic variational inference: from a batch to the optimiser's update."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ppgen.data.batch import Batch
from ppgen.objectives.elbo import log_prob, paired_traces, sample_sites
from ppgen.objectives.structure import first_lines
from ppgen.program import Program
from ppgen.running import generator
from ppgen.training.update import Update

LARGE = 30.0
"""Size of data from which its scale is the likely cause of infinite gradients."""


class NotFiniteError(ArithmeticError):
    """A training step gave NaN or infinity.

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8)), torch.zeros(20, 1, 8, 8)
    >>> ppgen.fit(vae, x, steps=9, lr=1e30, progress=False)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ppgen.training.step.NotFiniteError: …
    """


class Taken(NamedTuple):
    """A step that was taken, and what it takes to say what went wrong in it."""

    number: int  # in its epoch, from 1
    batch: Batch
    random_state: Tensor  # before the step
    values: Tensor  # the loss in nats a row, and the norm of its gradient


class Step:
    """An update on a batch, after which its loss is looked at.

    A GPU has to be waited for to read a loss, so those of ``read_every`` steps are read together.
    """

    def __init__(self, program: Program, update: Update, read_every: int = 1) -> None:
        self.program = program
        self.update = update
        self.read_every = read_every
        self.generator = generator(program.device)
        self.number = 0
        self._unread: list[Taken] = []

    def begin_epoch(self) -> None:
        """Count from 1 again."""
        self.number = 0
        self.update.begin_epoch()

    def __call__(self, batch: Batch) -> list[tuple[int, float]]:
        """Take the step; return rows and loss, in nats a row, of steps whose losses are read."""
        self.number += 1
        before = self.generator.get_state()
        values = self.update(batch, before)
        self._unread.append(Taken(self.number, batch, before, values))
        return self.read() if len(self._unread) == self.read_every else []

    def read(self) -> list[tuple[int, float]]:
        """Return rows and loss of the steps since the last reading.

        Raises a NotFiniteError if loss or gradient of one is not finite; the parameters are as
        before it.
        """
        taken, self._unread = self._unread, []
        known = []
        values = [step.values for step in taken]
        if len(taken) > 1:  # a GPU has to be waited for once
            values = list(torch.stack(values).cpu())
        for step, (loss, norm) in zip(taken, (each.tolist() for each in values), strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise NotFiniteError(
                    f"step {step.number}: the loss is {loss}, the norm of its gradient {norm}; "
                    f"not finite are {self._explain(step)}; {advice(step.batch)}"
                )
            known.append((step.batch.size, loss))
        return known

    def _explain(self, step: Taken) -> str:
        self.generator.set_state(step.random_state)  # so that the same values are drawn
        self.update.show_gradients(step.batch)
        self.generator.set_state(step.random_state)
        return explain(self.program, step.batch)


def explain(program: Program, batch: Batch) -> str:
    """Say which sites and parameters, with the gradients of a step in them, are not finite."""
    gradients = [name for name, p in program.named_parameters() if not is_finite(p.grad)]
    values = [name for name, p in program.named_parameters() if not is_finite(p)]
    with torch.no_grad():
        sites = _sites(program, batch)
    findings = {
        "parameters": values,
        "log-probability of the sites": sites,
        "gradients of the parameters": gradients,
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in findings.items() if names)


def advice(batch: Batch) -> str:
    """Return what to try after a step that was not finite."""
    floating = (tensor for tensor in batch.tensors if tensor.is_floating_point())
    largest = max((tensor.abs().max().item() for tensor in floating), default=0.0)
    if largest > LARGE:
        return (
            f"the data has values of up to {largest:g}; scale it to values of about 1, such as "
            "images / 255"
        )
    return "try a smaller learning rate, or clip_norm"


def is_finite(tensor: Tensor | nn.Parameter | None) -> bool:
    """Whether all values are finite; of a gradient that is not there, they are."""
    return tensor is None or bool(tensor.isfinite().all())


def _sites(program: Program, batch: Batch) -> list[str]:
    try:
        traces = paired_traces(program.model, program.guide, batch.args, batch.kwargs)
    except (ValueError, RuntimeError) as error:  # a distribution names its invalid parameters
        return [first_lines(error)]
    sites = [(trace, name) for trace in traces for name in sample_sites(trace)]
    return list(dict.fromkeys(name for t, name in sites if not is_finite(log_prob(t.nodes[name]))))
