"""A whole step in one graph: gradients, clipping, the optimiser's update and the average."""

import copy
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.overrides import TorchFunctionMode

from ppgen.data.batch import Batch
from ppgen.training.compiler import compiled
from ppgen.training.state import TrainingState
from ppgen.training.tracing import Traced, TracingError
from ppgen.training.update import Update

PLAIN = {"foreach": False, "fused": False, "capturable": False, "differentiable": True}
"""Options of torch's optimisers under which all numbers of an update stay tensors."""

COUNTS = ("step", "mu_product", "eta", "mu")
"""Names of numbers in the states of torch's optimisers."""


class TensorFactors(TorchFunctionMode):
    """Lets optimisers compute with numbers that are tensors, where torch takes Python's alone."""

    def __torch_function__(
        self, function: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Multiply by a factor that is a tensor before the call; leave numbers in tensors."""
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        if name == "item":
            return args[0]
        large = next((arg.dtype for arg in args if isinstance(arg, Tensor) and arg.dim()), None)
        if large is not None:  # a compiler would compute all with the precision of a number
            args = tuple(arg.to(large) if _is_number(arg) else arg for arg in args)
        for factor in {"alpha", "value"} & kwargs.keys():
            if isinstance(kwargs[factor], Tensor):
                first, second, *more = args
                return function(first, second * kwargs.pop(factor).to(second), *more, **kwargs)
        return function(*args, **kwargs)


def _is_number(arg: Any) -> bool:
    return isinstance(arg, Tensor) and arg.dim() == 0 and arg.is_floating_point()


class WholeStep(Update):
    """A step of training as one compiled graph, which changes its inputs in place.

    The optimiser's own ``step`` is traced, on tensors in the place of its parameters, states and
    learning rates, so its numerics are torch's. It must have taken a step before, by which
    optimisers make their states. ``batch`` is an example of the batches.

    Raises a TracingError if the optimiser cannot be traced.
    """

    def __init__(
        self, traced: Traced, state: TrainingState, clip_norm: float | None, batch: Batch
    ) -> None:
        self.traced, self.state, self.clip_norm = traced, state, clip_norm
        self.parameters = state.parameters
        self.states = [state.optimizer.state.get(p, {}) for p in self.parameters]
        for value in (value for held in self.states for value in held.values()):
            if not isinstance(value, Tensor):
                raise TracingError(
                    f"the optimiser keeps {value!r} between steps, which is no tensor"
                )
        self.skipped = torch.zeros((), device=self.parameters[0].device)  # 1 from where on, if any
        self.decay = self.skipped.double()
        self.rates = [self.skipped.double() for _ in state.optimizer.param_groups]
        self.options = self._options()
        self.begin_epoch()
        self.run = compiled(self.graph(batch), [*self.fixed, *batch.tensors])

    def __call__(self, batch: Batch, random_state: Tensor) -> Tensor:
        """Take a step, if it is finite; return the loss and the norm of its gradient."""
        if self.state.average is not None:
            self.decay.fill_(self.state.average.next_decay())
        with torch.no_grad():
            return self.run(*self.fixed, *batch.tensors)[0]

    def begin_epoch(self) -> None:
        """Take over learning rates and tensors; raise a TracingError if other settings changed."""
        if self.options != self._options():
            raise TracingError("settings of the optimiser change beside its learning rate")
        for rate, group in zip(self.rates, self.state.optimizer.param_groups, strict=True):
            rate.fill_(float(group["lr"]))
        self.fixed = [
            *(parameter.detach() for parameter in self.parameters),
            *(self.state.kept[name] for name in self.traced.kept),
            *(value for held in self.states for value in held.values()),
            *(self.state.average.averages if self.state.average else ()),
            *(self.skipped, self.decay, *self.rates),
        ]

    def rehearsed(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; what a step changes is copied before."""
        with torch.no_grad():
            values = self.run(*(tensor.clone() for tensor in self.fixed), *batch.tensors)[0]
        return values[0]

    def graph(self, batch: Batch) -> GraphModule:
        """Build the graph: from its inputs to loss, in nats a row, and norm of the gradient."""
        gradients = self.traced.graph
        start = len(self.parameters) + len(self.traced.kept)
        reached = [p for p, has in zip(self.parameters, self.traced.reached, strict=True) if has]
        # Any numbers do: tracing changes copies, and looks at shapes alone.
        loss, kept = self.skipped.to(self.traced.dtype), self.fixed[len(self.parameters) : start]
        try:
            examples = [t.detach().clone() for t in (*self.fixed, loss, *reached, *kept)]
            update = make_fx(self._update)(*examples)
        except Exception as error:  # an optimiser may be anybody's
            raise TracingError(f"the optimiser cannot be traced: {error}") from error
        for node in update.graph.find_nodes(op="get_attr"):
            name = f"update{node.target}"
            setattr(gradients, name, getattr(update, node.target))
            node.target = name
        joined = Graph()
        fixed = [joined.placeholder(f"fixed_{i}") for i in range(len(self.fixed))]
        rows = [joined.placeholder(f"rows_{i}") for i in range(len(batch.tensors))]
        results: Any = _copied(gradients.graph, joined, [*fixed[:start], *rows])
        joined.output(_copied(update.graph, joined, [*fixed, *results]))
        return GraphModule(gradients, joined)

    def _update(self, *tensors: Tensor) -> list[Tensor]:
        inputs = iter(tensors)
        parameters = list(islice(inputs, len(self.parameters)))
        kept = list(islice(inputs, len(self.traced.kept)))
        states = [dict(zip(held, inputs, strict=False)) for held in self.states]
        averages = list(islice(inputs, len(parameters) if self.state.average else 0))
        skipped, decay = next(inputs), next(inputs)
        rates = list(islice(inputs, len(self.rates)))
        loss, *gradients = islice(inputs, 1 + sum(self.traced.reached))
        reached = [p for p, has in zip(parameters, self.traced.reached, strict=True) if has]
        changed = [*parameters, *kept, *(v for held in states for v in held.values()), *averages]
        before = [tensor.clone() for tensor in changed]

        norm = get_total_norm(gradients, foreach=False)
        for parameter, gradient in zip(reached, gradients, strict=True):
            parameter.grad = gradient
        if self.clip_norm is not None:
            clip_grads_with_norm_(reached, self.clip_norm, norm, foreach=False)
        self._optimize(parameters, states, rates)
        for average, parameter in zip(averages, parameters, strict=False):
            average.lerp_(parameter, (1 - decay).to(average))
        for mean, new in zip(kept, inputs, strict=True):
            mean.copy_(new)

        values = torch.stack([loss, norm.to(loss.dtype)])
        skipped.logical_or_(~values.isfinite().all())
        for tensor, old in zip(changed, before, strict=True):
            tensor.copy_(torch.where(skipped.bool(), old, tensor))
        return [values]

    def _optimize(
        self, parameters: list[Tensor], states: list[dict[str, Tensor]], rates: list[Tensor]
    ) -> None:
        optimizer = copy.copy(self.state.optimizer)
        waiting = iter(parameters)
        optimizer.param_groups = [
            {**g, **PLAIN, "params": list(islice(waiting, len(g["params"]))), "lr": rate}
            for g, rate in zip(self.state.optimizer.param_groups, rates, strict=True)
        ]
        # Torch keeps these in single precision, and computes with Python's numbers.
        held = [{n: v.double() if n in COUNTS else v for n, v in s.items()} for s in states]
        optimizer.state = defaultdict(dict, zip(parameters, held, strict=True))
        with TensorFactors():
            optimizer.step()
        for given, after in zip(states, held, strict=True):
            for name, value in given.items():
                if after[name] is not value:
                    value.copy_(after[name])

    def _options(self) -> list[dict[str, Any]]:
        kept = ("params", "lr", "initial_lr")
        groups = self.state.optimizer.param_groups
        return [{k: v for k, v in group.items() if k not in kept} for group in groups]


def _copied(graph: Graph, into: Graph, inputs: list[Node]) -> Any:
    """Copy a graph into another, on these inputs; return its outputs there."""
    return into.graph_copy(
        graph, dict(zip(graph.find_nodes(op="placeholder"), inputs, strict=True))
    )
