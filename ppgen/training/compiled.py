"""Training steps that run Pyro's handlers once, and from then on a graph of tensor operations."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pyro
import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from ppgen.data.batches import Batch
from ppgen.random_state import own_random_state
from ppgen.training.gradients import Objective

Graph = Callable[..., tuple[Tensor, tuple[Tensor | None, ...]]]


class CompiledGradients:
    """Gradients by a graph that was traced through Pyro once and compiled.

    Loss and gradients are traced together (``make_fx``) to a graph without Python, which
    ``torch.compile`` takes; on CUDA it is replayed as a CUDA graph. There is one graph for each
    shape of batch, so a short last batch has its own. Random numbers come from torch's own
    generator, in the order of the uncompiled step, so both give the same numbers up to rounding.

    A program is traced as it stands: numbers of Python that it computes with are constants from
    then on. So the graph's loss is compared with the program's, under one seed, at the start of
    every epoch. Where a program cannot be traced, as where it branches on the values of tensors, or
    no longer agrees with its graph, the reason is given as a warning, and every step from there on
    runs uncompiled.

    Attributes
    ----------
    reason
        Why steps run uncompiled; None while they are compiled.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.uncompiled = objective.gradients()
        self.reason: str | None = None
        self._graphs: dict[tuple, Graph] = {}
        self._checked: set[tuple] = set()
        named = {n: p for n, p in objective.named_parameters() if p.requires_grad}
        self._names, self._parameters = list(named), list(named.values())

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        key = tuple((tensor.shape, tensor.dtype) for tensor in batch)
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
        loss, gradients = self._graphs[key](self._values(), *batch)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss

    def begin_epoch(self) -> None:
        """Compare graphs and program anew before they are used: a callback may have changed it."""
        self._checked.clear()

    def _values(self) -> list[Tensor]:
        return [parameter.detach() for parameter in self._parameters]

    def _compile(self, batch: Batch) -> Graph:
        # What tracing and compiling draw, or write into buffers, must not show in the training.
        buffers = {name: b.clone() for name, b in self.objective.named_buffers()}
        with own_random_state(0), pyro.validation_enabled(False):
            traced = make_fx(self._loss_and_gradients)(self._values(), *batch)
            self._check_buffers(buffers)
            return torch.compile(
                traced,
                dynamic=False,
                options={
                    "fallback_random": True,
                    "triton.cudagraphs": batch[0].device.type == "cuda",
                },
            )

    def _compare(self, graph: Graph, batch: Batch) -> None:
        """Refuse a graph that gives another loss than the program, or leaves parameters out."""
        with own_random_state(0):
            loss, gradients = graph(self._values(), *batch)
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
        self, values: list[Tensor], *batch: Tensor
    ) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        with torch.enable_grad():
            leaves = [value.detach().requires_grad_() for value in values]
            named = dict(zip(self._names, leaves, strict=True))
            loss = functional_call(self.objective, named, batch)
            return loss.detach(), torch.autograd.grad(loss, leaves, allow_unused=True)

    def _check_buffers(self, before: dict[str, Tensor]) -> None:
        changed = []
        for name, buffer in self.objective.named_buffers():
            if not torch.equal(buffer, before[name]):
                buffer.copy_(before[name])
                changed.append(name)
        if changed:
            raise ValueError(f"a step writes into the buffers {', '.join(changed)}")
