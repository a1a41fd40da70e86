"""Loss and gradients as one graph of tensor operations, traced through Pyro once."""

import inspect
import io
import math
import random
import sysconfig
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyro
import torch
from pyro.ops.einsum import torch_log
from torch import Tensor, nn
from torch._functorch.compile_utils import fx_graph_cse
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.func import functional_call, functionalize
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.utils._python_dispatch import TorchDispatchMode

import ppgen
from ppgen.data.batch import Batch
from ppgen.objectives.checked_runs import owners, restored
from ppgen.objectives.log_einsum import einsum
from ppgen.objectives.objective import Objective
from ppgen.running import own_random_state
from ppgen.training.gradients import plain_gradients
from ppgen.training.unread import Unread

MACHINERY = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    *(str(Path(ppgen.__file__).parent / part) for part in ("objectives", "program.py", "training")),
    *(str(Path(library.__file__ or "").parent) for library in (torch, pyro)),
    "<",
)
"""Where no line of a program lies."""

aten = torch.ops.aten

NUMBERS = (bool, int, float, str)
CONTAINERS = (dict, list, set, deque)
FEW = 100
"""As many entries of a container are read; more of them are data."""


class TracingError(RuntimeError):
    """A program that a graph cannot stand for."""


class TooManyWritesError(TracingError):
    """A program whose graph would copy large tensors for each of many small parts of them."""


class CountedWrites(TorchDispatchMode):
    """Raises a TooManyWritesError if parts of tensors are written more often than the limit.

    A graph has no writes: each becomes a copy of the whole tensor, and of its gradient.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.left = limit

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation; count it if it writes into a part of a tensor."""
        kwargs = kwargs or {}
        if operation._schema.is_mutable:
            given = (*args, *kwargs.values())
            written = kwargs.get("out", given[0])
            if isinstance(written, Tensor) and _is_part(written):
                self.left -= 1
        if self.left < 0:
            raise TooManyWritesError(
                "it fills tensors in many parts, which a graph would copy each time"
            )
        return operation(*args, **kwargs)


def _is_part(tensor: Tensor) -> bool:
    return tensor.nbytes < tensor.untyped_storage().nbytes()


@dataclass
class Traced:
    """Loss and gradients of one shape of batch as a function of tensors.

    ``graph`` takes the parameters in the order of the objective, what is kept between steps in the
    order of its names, and the batch's rows. It returns the loss, the gradients of those
    parameters that are ``reached``, and what is kept from then on.
    """

    graph: GraphModule
    reached: list[bool]
    kept: list[str]
    dtype: torch.dtype  # of the loss


def trace(
    objective: Objective,
    parameters: list[nn.Parameter],
    kept: dict[str, Tensor],
    batch: Batch,
    max_writes: float = math.inf,
) -> Traced:
    """Trace loss and gradients of a batch; leave the program as it was.

    Raises a TracingError if a graph cannot stand for the program: its Python depends on values, or
    changes with each run; a TooManyWritesError if a step writes more than ``max_writes`` parts of
    tensors.
    """
    names = {id(parameter): name for name, parameter in _Run(objective).named_parameters()}
    start = len(parameters)
    reached: list[bool] = []
    losses: list[Tensor] = []

    def run(*tensors: Tensor) -> list[Tensor]:
        given = [tensor.clone() for tensor in tensors[start : start + len(kept)]]  # Pyro writes
        rows = batch.with_tensors(tensors[start + len(kept) :])
        written = CountedWrites(max_writes)
        with torch.enable_grad(), Unread(), written, patch.object(torch_log, "einsum", einsum):
            leaves = [tensor.detach().requires_grad_() for tensor in tensors[:start]]
            own = dict(zip(kept, given, strict=True))
            named = {names[id(p)]: leaf for p, leaf in zip(parameters, leaves, strict=True)}
            loss = functional_call(_Run(objective), named, (rows, own))
        losses[:] = [loss]
        reached[:] = [leaf.grad is not None for leaf in leaves]
        if list(own) != list(kept):
            raise TracingError("the objective begins to keep what it has not kept before")
        return [loss, *(leaf.grad for leaf in leaves if leaf.grad is not None), *own.values()]

    printed = io.StringIO()
    # Tensors without values are twice as fast, but TraceGraph_ELBO makes its own kind of tensor.
    mode = "fake" if hasattr(objective.elbo, "differentiable_loss") else "real"
    inputs = [*(p.detach() for p in parameters), *kept.values(), *batch.tensors]
    with (
        own_random_state(0),
        pyro.validation_enabled(False),
        restored(objective.program),
        buffers_kept(objective),
    ):
        before = python_numbers(objective) | _generators()
        with redirect_stdout(printed), torch.no_grad():
            graph = tidy(_graph(run, inputs, mode), inputs, mode)
        after = python_numbers(objective) | _generators()
    changed = [name for name, value in before.items() if after.get(name) != value]
    print(printed.getvalue(), end="")
    for what, found in {"changes": changed, "prints": printed.getvalue().split()}.items():
        if found:
            raise TracingError(f"a step {what} {', '.join(found)}")
    return Traced(graph, reached, list(kept), losses[0].dtype)


@contextmanager
def buffers_kept(objective: Objective) -> Iterator[None]:
    """Put the buffers back afterwards; raise a TracingError if they had changed."""
    before = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    try:
        yield
    finally:
        written = [name for name, b in objective.named_buffers() if not b.equal(before[name])]
        for name in written:
            objective.get_buffer(name).copy_(before[name])
    if written:
        raise TracingError(f"a step writes into the buffers {', '.join(written)}")


class _Run(nn.Module):
    """Loss and gradients as a module, so that other tensors can take the parameters' place."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, batch: Batch, kept: dict[str, Tensor]) -> Tensor:
        return plain_gradients(self.objective, kept)(batch)


def _graph(function: Callable[..., Any], inputs: list[Tensor], mode: Any) -> GraphModule:
    return make_fx(function, tracing_mode=mode, _allow_non_fake_inputs=True)(*inputs)


def tidy(graph: GraphModule, inputs: list[Tensor], mode: Any) -> GraphModule:
    """Compute each value once, and none that is not used."""
    _nan_for_errors(graph)
    if not _without_writes(graph.graph):  # two equal values may part by a write
        graph = _graph(functionalize(graph, remove="mutations"), inputs, mode)
    (output,) = graph.graph.find_nodes(op="output")
    for node in graph.graph.find_nodes(op="call_function", target=aten.alias.default):
        node.replace_all_uses_with(node.args[0], lambda user: user is not output)
    graph.graph.eliminate_dead_code()
    return GraphModule(graph, fx_graph_cse(graph.graph))


def _nan_for_errors(module: GraphModule) -> None:
    """Let what failed in linear algebra be NaN, which is found after the step.

    Torch would raise an error, which is an effect: graphs that have some are not cached.
    """
    graph = module.graph
    checks = graph.find_nodes(op="call_function", target=aten._linalg_check_errors.default)
    for check in checks:
        codes: Any = check.args[0]
        dimensions = len(codes.meta["tensor_meta"].shape)
        for result in list(codes.args[0].users):  # in the order of the graph, for the cache
            of = result.meta["tensor_meta"]
            if not of.dtype.is_floating_point:  # the codes, and permutations
                continue
            with graph.inserting_before(max(result, codes).next):
                failed = graph.call_function(aten.ne.Scalar, (codes, 0))
                for _ in range(len(of.shape) - dimensions):
                    failed = graph.call_function(aten.unsqueeze.default, (failed, -1))
                or_nan = graph.call_function(aten.masked_fill.Scalar, (result, failed, torch.nan))
            result.replace_all_uses_with(or_nan, lambda user, or_nan=or_nan: user is not or_nan)
        graph.erase_node(check)
    if checks:
        module.recompile()


def _without_writes(graph: Graph) -> bool:
    """Replace operations in place on fresh tensors; return whether no others are left."""
    for node in list(graph.nodes):
        target: Any = node.target
        if not getattr(getattr(target, "_schema", None), "is_mutable", False):
            continue
        written: Any = node.args[0]
        pure = getattr(aten, target.overloadpacket.__name__.removesuffix("_"), None)
        overload = getattr(pure, target._overloadname, None)
        if overload is None or written.op != "call_function" or _shares_memory(written):
            return False
        node.target = overload
        written.replace_all_uses_with(node, lambda user, node=node: user > node)
    return True


def _shares_memory(node: Node) -> bool:
    """Whether a value may be a view of another, or have views."""
    schemas = [getattr(each.target, "_schema", None) for each in (node, *node.users)]
    pure = [schema for schema in schemas if schema is not None and not schema.is_mutable]
    return any(result.alias_info is not None for schema in pure for result in schema.returns)


def why(error: Exception) -> str:
    """Say in a line what went wrong when a program was traced, and at which of its lines."""
    text = str(error).strip().partition("\n")[0]
    reads = isinstance(error, GuardOnDataDependentSymNode | DataDependentOutputException)
    if reads or "value out of a tracing tensor" in text:
        text = "the value of a tensor is read"
    elif not isinstance(error, TracingError):
        text = f"{type(error).__name__}: {text}"
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if not line.filename.startswith(MACHINERY)]
    if own:
        text += f", in {own[-1].filename}, line {own[-1].lineno}: {own[-1].line}"
    return text


def python_numbers(objective: Objective) -> dict[str, Any]:
    """Read the numbers that a program's Python may compute with, and those of its containers.

    Beside them, which parameters there are, and which of them are trained.
    """
    program = objective.program
    parameters = {name: (id(p), p.requires_grad) for name, p in objective.named_parameters()}
    scopes = {name or "objective": vars(m) for name, m in objective.named_modules()}
    scopes[type(objective.elbo).__name__] = vars(objective.elbo)
    for part in (*getattr(program, "_callables", ()), program.model, program.guide):
        function = inspect.unwrap(getattr(part, "__func__", part)) if callable(part) else None
        if inspect.isfunction(function):
            seen = inspect.getclosurevars(function)
            scopes[function.__qualname__] = {**seen.globals, **seen.nonlocals}
    for part, owner in owners(program).items():
        if not isinstance(owner, nn.Module):  # which is a scope by its name
            scopes[f"the {part}'s {type(owner).__name__}"] = vars(owner)
    return parameters | {
        f"{owner}.{name}": _numbers_in(value)
        for owner, scope in scopes.items()
        for name, value in scope.items()
        if isinstance(value, (*NUMBERS, *CONTAINERS))
    }


def _numbers_in(value: Any) -> Any:
    """Return a number as it is; of a container the numbers if there are few, or else how many."""
    if isinstance(value, NUMBERS):
        return value
    inside = list(value.values() if isinstance(value, dict) else value) if len(value) <= FEW else []
    return len(value), [each for each in inside if isinstance(each, NUMBERS)]


def _generators() -> dict[str, Any]:
    mersenne = np.random.get_state()
    numpys = (mersenne[2], mersenne[1].tobytes())  # type: ignore[index]
    return {
        "numpy's generator": numpys,
        "Python's generator": random.getstate(),
        "the seed of torch's generator": torch.initial_seed(),
    }
