"""The contract: a generative model is a pair of Pyro programs, `model` and `guide`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro.infer import ELBO
from torch import nn

from ppgen.objectives import TensorELBO


def _key(name: str) -> str:
    # torch allows no dot in the name of a parameter.
    return name.replace(".", "/")


def _with_own_store(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(self: Program, *args: Any, **kwargs: Any) -> Any:
        with self.own_store():
            return method(self, *args, **kwargs)

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

    and may name the ``elbo`` that suits it, any ``pyro.infer.ELBO``.

    Parameters are ordinary module parameters. Whatever Pyro would keep in its global parameter
    store, from ``pyro.param``, ``pyro.module`` or an autoguide, becomes a parameter of this
    module when the program first runs, and each call of ``model`` or ``guide`` sees a store that
    holds this program's parameters alone. So two programs never touch each other, and a
    ``state_dict`` is the whole state.

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
    >>> Coins().model(n=5).shape
    torch.Size([5, 1, 2, 2])
    """

    elbo: ELBO = TensorELBO()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("model", "guide"):
            if name in vars(cls):
                setattr(cls, name, _with_own_store(vars(cls)[name]))

    def __init__(self) -> None:
        super().__init__()
        self.site_params = nn.ParameterDict()
        self._site_constraints: dict[str, Any] = {}

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """Draw ``n`` images at the site ``"x"``, or observe ``x`` there."""
        raise NotImplementedError(f"{type(self).__name__} defines no model(x=None, *, n=1)")

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """Draw every latent site of the model; here there is none."""

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    @contextmanager
    def own_store(self) -> Iterator[None]:
        """Let Pyro's parameter store hold this program's parameters alone, for a while."""
        names = {_key(name): name for name in self._site_constraints}
        state = {
            "params": {names[key]: value for key, value in self.site_params.items()},
            "constraints": dict(self._site_constraints),
        }
        store = pyro.get_param_store()
        # `scope` strips these off the parameters outside, and Pyro's own SVI reads them afterwards.
        outside = [
            (p, p.unconstrained)
            for p in dict(store.named_parameters()).values()
            if hasattr(p, "unconstrained")
        ]
        try:
            with store.scope(state):
                yield
        finally:
            for parameter, unconstrained in outside:
                parameter.unconstrained = unconstrained
        if len(state["params"]) > len(self.site_params):
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

    Parameters
    ----------
    model, guide
        Pyro programs of the contract; without ``guide`` nothing is latent.
    elbo
        The objective; by default that of :class:`Program`.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any] | None = None,
        elbo: ELBO | None = None,
    ) -> None:
        super().__init__()
        for name, part in (("model", model), ("guide", guide)):
            if part is not None and not callable(part):
                raise TypeError(f"{name} is {part!r}; expected a Pyro program, that is a callable")
        if elbo is not None:
            self.elbo = elbo
        owners = (getattr(part, "__self__", part) for part in (model, guide))
        self.parts = nn.ModuleList({o: None for o in owners if isinstance(o, nn.Module)})
        # A tuple, so that modules among them are registered once, in `parts`.
        self._callables = (model, guide)

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model that was given."""
        return self._callables[0](*args, **kwargs)

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide that was given, if one was."""
        if self._callables[1] is not None:
            return self._callables[1](*args, **kwargs)
        return None


def as_program(program: Any) -> Program:
    """Give anything that ppgen accepts as a model the form of a :class:`Program`.

    Parameters
    ----------
    program
        A :class:`Program`; any object with the methods ``model`` and ``guide``; a tuple
        ``(model, guide)`` of callables; or one callable, a model in which nothing is latent.

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
    if isinstance(program, tuple) and len(program) == 2:
        return Pair(*program)
    if hasattr(program, "model") and hasattr(program, "guide"):
        return Pair(program.model, program.guide, getattr(program, "elbo", None))
    if callable(program):
        return Pair(program)
    raise TypeError(
        f"program is {program!r}; expected a ppgen.Program, an object with the methods model and "
        "guide, a tuple (model, guide), or a model alone"
    )
