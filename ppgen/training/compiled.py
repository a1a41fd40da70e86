"""Training steps that run Pyro's handlers once, and from then on a graph of tensor operations."""

import warnings
from collections.abc import Callable
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from ppgen.data.batches import Batch
from ppgen.objectives.objective import Objective
from ppgen.running import own_random_state
from ppgen.training.step import Gradients, plain_gradients

Graph = Callable[..., tuple[Tensor, tuple[Tensor | None, ...]]]

COMPARE_AFTER = 100
"""Steps after which an epoch begins with a comparison: full-batch epochs have a single step."""


class CompiledGradients(Gradients):
    """Gradients by a graph that was traced through Pyro once and compiled.

    Loss and gradients are traced together (``make_fx``) to a graph without Python, which
    ``torch.compile`` takes; on CUDA it is replayed as a CUDA graph. There is one graph for each
    shape of batch, so a short last batch has its own. Random numbers come from torch's own
    generator, in the order of the uncompiled step, so both give the same numbers up to rounding.

    A program is traced as it stands: numbers of Python that it computes with are constants from
    then on. So the graph's loss is compared with the program's, under one seed, at the start of
    an epoch, if 100 steps have passed since the last comparison, or at each epoch if that is asked
    for, as :func:`ppgen.fit` does if there is a callback. If a program cannot be traced, such as
    one that branches on the values of tensors, or no longer agrees with its graph, a warning says
    why, and every step from there on runs uncompiled.

    Attributes
    ----------
    reason
        Why steps run uncompiled; None while they are compiled.
    """

    def __init__(self, objective: Objective, compare_each_epoch: bool = False) -> None:
        self.objective = objective
        self.compare_after = 0 if compare_each_epoch else COMPARE_AFTER
        self.uncompiled = plain_gradients(objective)
        self.reason: str | None = None
        self._graphs: dict[tuple, Graph] = {}
        self._checked: set[tuple] = set()
        self._since_checked = 0
        named = {n: p for n, p in objective.named_parameters() if p.requires_grad}
        self._names, self._parameters = list(named), list(named.values())

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        key = tuple((tensor.shape, tensor.dtype) for tensor in batch.tensors)
        if self.reason is None and key not in self._checked:
            try:
                if key not in self._graphs:
                    self._graphs[key] = self._compile(batch)
                self._compare(self._graphs[key], batch)
                self._checked.add(key)
            except Exception as error:  # tracers and compilers raise errors of many kinds
                self.reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
                warnings.warn(f"steps run uncompiled: {self.reason}", stacklevel=2)
        if self.reason is not None:
            return self.uncompiled(batch)
        self._since_checked += 1
        loss, gradients = self._graphs[key](self._values(), *batch.tensors)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss

    def begin_epoch(self) -> None:
        """Compare graphs and program again before they are used: something may have changed."""
        if self._since_checked >= self.compare_after:
            self._checked.clear()
            self._since_checked = 0

    def _values(self) -> list[Tensor]:
        return [parameter.detach() for parameter in self._parameters]

    def _compile(self, batch: Batch) -> Graph:
        # What tracing and compiling draw, or write into buffers, must not show in the training.
        buffers = {name: b.clone() for name, b in self.objective.named_buffers()}
        with own_random_state(0), pyro.validation_enabled(False):

            def on_rows(values: list[Tensor], *rows: Tensor) -> Any:
                return self._loss_and_gradients(values, batch.with_tensors(rows))

            traced = make_fx(on_rows)(self._values(), *batch.tensors)
            self._check_buffers(buffers)
            return torch.compile(
                traced,
                dynamic=False,
                options={
                    "fallback_random": True,
                    "triton.cudagraphs": self.objective.device.type == "cuda",
                },
            )

    def _compare(self, graph: Graph, batch: Batch) -> None:
        """Check that a graph has the loss of the program, and reaches the same parameters."""
        with own_random_state(0):
            loss, gradients = graph(self._values(), *batch.tensors)
        with own_random_state(0):
            expected = self.uncompiled(batch)
        for name, parameter, gradient in zip(self._names, self._parameters, gradients, strict=True):
            if (parameter.grad is None) != (gradient is None):
                raise ValueError(f"the parameter {name} is not reached by tracing")
        if not torch.allclose(loss, expected, rtol=1e-2 if self.objective.autocast else 1e-3):
            raise ValueError(
                f"the program gives the loss {expected.item():.6g} where its graph gives "
                f"{loss.item():.6g}; it computes with Python numbers that changed"
            )

    def _loss_and_gradients(
        self, values: list[Tensor], batch: Batch
    ) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        with torch.enable_grad():
            leaves = [value.detach().requires_grad_() for value in values]
            named = dict(zip(self._names, leaves, strict=True))
            loss = functional_call(self.objective, named, (batch,))
            return loss.detach(), torch.autograd.grad(loss, leaves, allow_unused=True)

    def _check_buffers(self, before: dict[str, Tensor]) -> None:
        changed = []
        for name, buffer in self.objective.named_buffers():
            if not torch.equal(buffer, before[name]):
                buffer.copy_(before[name])
                changed.append(name)
        if changed:
            raise ValueError(f"a step writes into the buffers {', '.join(changed)}")
