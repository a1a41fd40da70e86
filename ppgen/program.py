"""The contract: a generative model is a pair of Pyro programs, `model` and `guide`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro.infer import ELBO
from torch import Tensor, nn

from ppgen.objectives import TensorELBO


def _key(name: str) -> str:
    # torch allows no dot in the name of a parameter.
    return name.replace(".", "/")


def _with_own_store(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(self: Program, *args: Any, **kwargs: Any) -> Any:
        with self.own_store():
            return method(self, *args, **kwargs)

    wrapped.owns_store = True  # type: ignore[attr-defined]
    return wrapped


class Program(nn.Module):
    """A generative model: two Pyro programs that share their parameters.

    A subclass writes two methods:

    ``model(x=None, *context, n=1)``
        draws ``n`` images at the site ``"x"``, inside one batch plate, and returns them; or,
        where ``x`` of shape ``(batch, channel, height, width)`` is given, observes it there.
    ``guide(x, *context)``
        draws every latent site of the model, inside the same plate. A model without latent
        variables needs no guide, and its SVI is maximum likelihood.

    and may name the ``objective`` that suits it, any ``pyro.infer.ELBO``.

    Parameters are ordinary module parameters. Whatever Pyro would keep in its global parameter
    store, from ``pyro.param``, ``pyro.module`` or an autoguide, becomes a parameter of this
    module when the program first runs, and each call of ``model`` or ``guide`` sees a store that
    holds this program's parameters alone. So two programs never touch each other, and a
    ``state_dict`` is the whole state. ``pyro.infer.SVI`` looks for parameters in Pyro's own store,
    so it has to be given a model that names them there by ``pyro.module("program", program)``.

    Examples
    --------
    >>> import pyro.distributions as dist
    >>> class Coins(Program):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.logits = nn.Parameter(torch.zeros(1, 2, 2))
    ...
    ...     def model(self, x=None, *, n=1):
    ...         with pyro.plate("data", n if x is None else len(x)):
    ...             return pyro.sample("x", dist.Bernoulli(logits=self.logits).to_event(3), obs=x)
    >>> coins = Coins()
    >>> coins.model(n=5).shape
    torch.Size([5, 1, 2, 2])

    Trained by Pyro's own means in place of :func:`ppgen.fit`:

    >>> def model(x):
    ...     pyro.module("coins", coins)
    ...     return coins.model(x)
    >>> svi = pyro.infer.SVI(model, coins.guide, pyro.optim.Adam({"lr": 0.1}), coins.objective)
    >>> svi.step(torch.ones(9, 1, 2, 2)) > svi.step(torch.ones(9, 1, 2, 2))
    True
    """

    objective: ELBO = TensorELBO()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("model", "guide"):  # also where they are inherited from another class
            method = getattr(cls, name)
            if not getattr(method, "owns_store", False):
                setattr(cls, name, _with_own_store(method))

    def __init__(self) -> None:
        super().__init__()
        self.site_params = nn.ParameterDict()
        self._site_constraints: dict[str, Any] = {}
        self._in_own_store = False

    @_with_own_store
    def model(self, *args: Any, **kwargs: Any) -> Any:
        """Draw ``n`` images at the site ``"x"``, or observe ``x`` there."""
        raise NotImplementedError(f"{type(self).__name__} defines no model(x=None, *, n=1)")

    @_with_own_store
    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """Draw every latent site of the model; here there is none."""

    def image(self, distribution: Any) -> Tensor:
        """Give the mean of the distribution at the site ``"x"`` as an image of grey values."""
        return distribution.mean

    def grey(self, x: Tensor) -> Tensor:
        """Give values of the support at the site ``"x"`` as grey values."""
        return x

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the parameters."""
        return next((p.dtype for p in self.parameters()), torch.get_default_dtype())

    @contextmanager
    def own_store(self) -> Iterator[None]:
        """Let Pyro's parameter store hold this program's parameters alone, for a while."""
        if self._in_own_store:
            yield
            return
        state = {
            "params": {name: self.site_params[_key(name)] for name in self._site_constraints},
            "constraints": dict(self._site_constraints),
        }
        store = pyro.get_param_store()
        # `scope` strips these off the parameters outside, and Pyro's own SVI reads them afterwards.
        outside = [
            (p, p.unconstrained)
            for p in dict(store.named_parameters()).values()
            if hasattr(p, "unconstrained")
        ]
        self._in_own_store = True
        try:
            with store.scope(state):
                yield
        finally:
            self._in_own_store = False
            for parameter, unconstrained in outside:
                parameter.unconstrained = unconstrained
        if state["params"].keys() != self._site_constraints.keys():
            self._adopt(state)

    def _adopt(self, state: dict[str, dict[str, Any]]) -> None:
        # A PyroModule writes parameters into the store that are registered here already.
        registered = set(self.parameters())
        for name, value in state["params"].items():
            if value not in registered:
                self.site_params[_key(name)] = value
                self._site_constraints[name] = state["constraints"][name]


class Pair(Program):
    """Any two callables as a :class:`Program`: plain functions, modules, bound methods, autoguides.

    Modules that are among the callables, or that plain functions refer to by a name, are part of
    the program: they are trained, saved and moved with it.

    Parameters
    ----------
    model, guide
        Pyro programs of the contract; without ``guide`` nothing is latent.
    objective
        The objective; by default that of :class:`Program`.
    keep
        Whether the caller keeps the program. If not, parameters that it makes when it runs would
        be lost, and are refused.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any] | None = None,
        objective: ELBO | None = None,
        *,
        keep: bool = True,
    ) -> None:
        super().__init__()
        for name, part in (("model", model), ("guide", guide)):
            if part is not None and not callable(part):
                raise TypeError(f"{name} is {part!r}; expected a Pyro program, that is a callable")
        if objective is not None:
            self.objective = objective
        self.keep = keep
        # Each once: model and guide often share their modules.
        modules = dict.fromkeys(m for part in (model, guide) for m in _modules(part))
        self.parts = nn.ModuleList(modules)
        # A tuple, so that modules among them are registered in `parts` alone.
        self._callables = (model, guide)

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model that was given."""
        return self._callables[0](*args, **kwargs)

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide that was given, if one was."""
        if self._callables[1] is not None:
            return self._callables[1](*args, **kwargs)
        return None

    def _adopt(self, state: dict[str, dict[str, Any]]) -> None:
        super()._adopt(state)
        if self._site_constraints and not self.keep:
            raise ValueError(
                f"the parameters {', '.join(self._site_constraints)}, which the program made as it "
                "ran, would be lost after this call; keep them in a program: "
                "program = ppgen.as_program((model, guide)), and pass that"
            )


def _modules(part: Any) -> Iterator[nn.Module]:
    """Modules that a callable is, belongs to, or refers to."""
    owner = getattr(part, "__self__", part)
    if isinstance(owner, nn.Module):
        yield owner
    elif inspect.isfunction(part):
        named = inspect.getclosurevars(part)
        for value in (*named.nonlocals.values(), *named.globals.values()):
            if isinstance(value, nn.Module):
                yield value


def as_program(program: Any, *, keep: bool = True) -> Program:
    """Give anything that ppgen accepts as a model the form of a :class:`Program`.

    Parameters
    ----------
    program
        A :class:`Program`; any object with a method ``model`` and perhaps ``guide``; a tuple
        ``(model, guide)`` of callables; or one callable, a model in which nothing is latent.
    keep
        Whether the caller keeps the program, see :class:`Pair`.

    Raises
    ------
    TypeError
        Where it is none of these.

    Examples
    --------
    >>> import pyro.distributions as dist
    >>> def model(x=None, *, n=1):
    ...     logits = pyro.param("logits", torch.zeros(1, 2, 2))
    ...     with pyro.plate("data", n if x is None else len(x)):
    ...         return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)
    >>> program = as_program(model)
    >>> program.model(n=3).shape
    torch.Size([3, 1, 2, 2])
    >>> [name for name, _ in program.named_parameters()]
    ['site_params.logits']
    """
    if isinstance(program, Program):
        return program
    if isinstance(program, type):
        raise TypeError(f"program is the class {program.__name__}; expected an instance of it")
    if isinstance(program, tuple) and len(program) == 2:
        return Pair(*program, keep=keep)
    if hasattr(program, "model"):
        objective = getattr(program, "objective", None)
        return Pair(program.model, getattr(program, "guide", None), objective, keep=keep)
    if callable(program):
        return Pair(program, keep=keep)
    raise TypeError(
        f"program is {program!r}; expected a ppgen.Program, an object with the methods model and "
        "guide, a tuple (model, guide), or a model alone"
    )
