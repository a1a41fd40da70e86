"""The contract: a generative model is a pair of Pyro programs, `model` and `guide`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.infer import ELBO
from pyro.nn import PyroModule
from pyro.poutine.messenger import Messenger
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ppgen.arguments import checked, shown_arguments


class Program(nn.Module):
    """A generative model: two Pyro programs that share their parameters.

    A subclass writes two methods with the same signature, whose arguments are the data:

    ``model(*args, **kwargs)``
        observes the data, as any Pyro model does.
    ``guide(*args, **kwargs)``
        draws every latent site of the model. A model without latent sites needs no guide, and its
        SVI is maximum likelihood.

    Rows of data lie in a plate over the rows, ``pyro.plate("data", len(x))``. If the model can run
    without data, as ``model(n=5)``, it can be sampled from. A program of images observes them at
    one site, ``(channel, height, width)``.

    Parameters are ordinary module parameters or those of Pyro modules inside; a ``state_dict`` is
    the whole state. Plain functions with ``pyro.param`` become a program by :func:`as_program`.

    Attributes
    ----------
    objective
        The ELBO that suits the program, any ``pyro.infer.ELBO``. None: chosen from its sites.
    plate
        Name of the plate over the rows, if it cannot be found by running the program.
    site
        Name of the site of the images, if several are observed.
    observed
        Sites that were observed in the data of the last fit.
    floating_images
        Whether images in bytes, ``(batch, channel, height, width)``, are cast to floating-point
        numbers before the program sees them. Other data in bytes stays as it is.

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
    >>> adam, elbo = pyro.optim.Adam({"lr": 0.1}), pyro.infer.Trace_ELBO()
    >>> svi = pyro.infer.SVI(model, coins.guide, adam, elbo)
    >>> svi.step(torch.ones(9, 1, 2, 2)) > svi.step(torch.ones(9, 1, 2, 2))
    True
    """

    objective: ELBO | None = None
    plate: str | None = None
    site: str | None = None
    observed: tuple[str, ...] = ()
    floating_images: bool = True

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """Observe the data, or draw new data."""
        raise NotImplementedError(f"{type(self).__name__} defines no model(*args, **kwargs)")

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """Draw every latent site of the model; by default there is none."""

    extra_repr = shown_arguments

    def image(self, distribution: Any) -> Tensor:
        """Return the mean of the distribution of an image, as grey values."""
        return distribution.mean

    def grey(self, x: Tensor) -> Tensor:
        """Return images in the support of their distribution as grey values."""
        return x

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the parameters."""
        return floating_type(self) or torch.get_default_dtype()

    @property
    def uses_store(self) -> bool:
        """Whether the program reads Pyro's parameter store, as Pyro modules inside it do."""
        return any(isinstance(module, PyroModule) for module in self.modules())

    @contextmanager
    def own_store(self) -> Iterator[None]:
        """Let Pyro's parameter store hold this program's parameters alone.

        Parameters that the program makes by ``pyro.param`` are an error: they would be lost.
        """
        state: dict[str, dict[str, Any]] = {"params": {}, "constraints": {}}
        with _scope(state):
            yield
        registered = set(self.parameters())
        lost = [name for name, value in state["params"].items() if value not in registered]
        if lost:
            raise ValueError(
                f"the class {type(self).__name__} makes the parameters {', '.join(lost)} by "
                "pyro.param as it runs; expected parameters that are attributes, such as "
                "nn.Parameter or pyro.nn.PyroParam; or pass (model, guide) to ppgen.as_program, "
                "which keeps them"
            )


def floating_type(program: Program) -> torch.dtype | None:
    """Return the floating-point type of the parameters; None if there are none."""
    return next((p.dtype for p in program.parameters() if p.is_floating_point()), None)


class Pair(Program):
    """Any two callables as a :class:`Program`: functions, modules, bound methods, autoguides.

    Whatever Pyro would keep in its global parameter store, from ``pyro.param``, ``pyro.module`` or
    an autoguide, becomes a parameter of this program when it first runs. So do the networks that
    the callables call, however they reach them. Each call sees a store that holds this program's
    parameters alone, so two programs never touch each other.
    """

    uses_store = True
    floating_images = False  # the callables are run as they stand

    def __init__(self, model: Callable[..., Any], guide: Callable[..., Any] | None = None) -> None:
        super().__init__()
        for name, part in (("model", model), ("guide", guide)):
            if part is not None and not callable(part):
                raise TypeError(f"{name} is {part!r}; expected a Pyro program, that is a callable")
        self.parts = nn.ModuleList()
        self.site_params = nn.ParameterDict()
        self._site_constraints: dict[str, Any] = {}
        self._in_own_store = False
        self.has_run = False
        self.kept = True
        self.found_modes: dict[nn.Module, bool] = {}
        for part in (model, guide):
            owner = getattr(part, "__self__", part)
            if isinstance(owner, nn.Module):
                self._add(owner)
        # A tuple, so that modules among them are registered in `parts` alone.
        self._callables = (model, guide)

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model that was given."""
        with self.own_store():
            return self._callables[0](*args, **kwargs)

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide that was given, if any."""
        guide = self._callables[1]
        if guide is None:
            return None
        if isinstance(poutine.unwrap(guide), Messenger):
            # It runs the model, observed sites and all.
            guide = poutine.block(guide, hide_types=["observe"])
        with self.own_store():
            return guide(*args, **kwargs)

    def param(self, name: str) -> Tensor:
        """Return what ``pyro.param(name)`` is in this program; raises a KeyError if there is none.

        Examples
        --------
        >>> import ppgen, pyro.distributions as dist
        >>> def model(x):
        ...     scale = pyro.param("scale", torch.tensor(2.0), constraint=dist.constraints.positive)
        ...     with pyro.plate("data", len(x)):
        ...         pyro.sample("x", dist.Normal(0.0, scale), obs=x)
        >>> program = as_program(model)
        >>> x = torch.tensor([-1.0, 1.0])
        >>> history = ppgen.fit(program, x, steps=500, lr=0.1, progress=False)
        >>> round(program.param("scale").item(), 2)
        1.0
        """
        if name not in self._site_constraints:
            expected = ", ".join(self._site_constraints) or "a program that has run"
            raise KeyError(f"name is {name!r}; expected {expected}")
        with self.own_store():
            return pyro.param(name)

    @contextmanager
    def own_store(self) -> Iterator[None]:
        """Let Pyro's parameter store hold this program's parameters alone, and keep new ones."""
        if self._in_own_store:
            yield
            return
        state = {
            "params": {name: self.site_params[_key(name)] for name in self._site_constraints},
            "constraints": dict(self._site_constraints),
        }
        known, thread = set(self.modules()), get_ident()

        def find(module: nn.Module, _: Any) -> None:
            if module not in known and get_ident() == thread:
                self.found_modes.update({m: m.training for m in module.modules()})
                module.train(self.training)
                self._add(module)
                known.update(module.modules())

        self._in_own_store = True
        hook = register_module_forward_pre_hook(find)
        try:
            with _scope(state):
                yield
        finally:
            hook.remove()
            self._in_own_store = False
        self._adopt(state)
        self.has_run = True

    def _add(self, module: nn.Module) -> None:
        if module not in set(self.modules()) and self not in set(module.modules()):
            self.parts.append(module)

    def _adopt(self, state: dict[str, dict[str, Any]]) -> None:
        if state["params"].keys() == self._site_constraints.keys():
            return
        # Pyro modules and pyro.module write parameters into the store that are registered here.
        registered = set(self.parameters())
        new = {n: v for n, v in state["params"].items() if n not in self._site_constraints}
        made = [name for name, value in new.items() if value not in registered]
        if made and not self.kept:
            raise ValueError(
                f"the parameters {', '.join(made)}, which the program made as it ran, would be "
                "lost after this call; keep them in a program: "
                "program = ppgen.as_program((model, guide)), and pass that"
            )
        for name, value in new.items():
            if value not in registered:
                self.site_params[_key(name)] = value
                self._site_constraints[name] = state["constraints"][name]


@contextmanager
def _scope(state: dict[str, dict[str, Any]]) -> Iterator[None]:
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


def _key(name: str) -> str:
    # torch allows no dot in the name of a parameter, nor that of an attribute of its container.
    key = name.replace("/", "|").replace(".", "/")
    return f"{key}|" if hasattr(nn.ParameterDict(), key) else key


@checked
def as_program(
    program: Any,
    *,
    objective: ELBO | None = None,
    plate: str | None = None,
    site: str | None = None,
) -> Program:
    """Return anything that ppgen accepts as a model in the form of a :class:`Program`.

    Parameters
    ----------
    program
        A :class:`Program`; any object with a method ``model`` and perhaps ``guide``; a tuple
        ``(model, guide)`` of callables; or one callable, a model in which nothing is latent.
    objective
        The ELBO to train by, any of Pyro's or of :mod:`ppgen.objectives`. None: the program's own
        attribute ``objective``; without one, an ELBO that sums out the sites that the program marks
        for enumeration, or else the plain one.
    plate
        Name of the plate over the rows of the data, if it cannot be found.
    site
        Name of the site of the images, if several are observed.

    Raises
    ------
    TypeError
        If ``program`` is none of these.

    Examples
    --------
    >>> import pyro.distributions as dist
    >>> def model(x):
    ...     logits = pyro.param("logits", torch.zeros(2))
    ...     with pyro.plate("data", len(x)):
    ...         pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)
    >>> program = as_program(model)
    >>> program.model(torch.ones(3, 2))
    >>> [name for name, _ in program.named_parameters()]
    ['site_params.logits']
    """
    if isinstance(program, type):
        raise TypeError(f"program is the class {program.__name__}; expected an instance of it")
    if isinstance(program, Program):
        made = program
    elif isinstance(program, tuple) and len(program) == 2:
        made = Pair(*program)
    elif hasattr(program, "model") and callable(program.model):
        made = Pair(program.model, getattr(program, "guide", None))
        objective = objective or getattr(program, "objective", None)
    elif callable(program):
        made = Pair(program)
    else:
        raise TypeError(
            f"program is {program!r}; expected a ppgen.Program, an object with the methods model "
            "and guide, a tuple (model, guide), or a model alone"
        )
    for name, value in {"objective": objective, "plate": plate, "site": site}.items():
        if value is not None:
            setattr(made, name, value)
    return made


def accept(program: Any) -> Program:
    """Return what a caller passed to a function as a program, which may be gone after the call."""
    made = as_program(program)
    if made is not program and isinstance(made, Pair):
        made.kept = False
    return made
