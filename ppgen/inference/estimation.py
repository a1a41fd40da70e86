"""Maximum likelihood by Newton's method, with standard errors from the Fisher information."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import vector_to_parameters

from ppgen.arguments import Count, NotNegative, Size, checked
from ppgen.data.batch import Batch, Data
from ppgen.data.batches import Batches
from ppgen.inference.newton import Maximum, NoMaximumError, maximise
from ppgen.inference.recession import recession
from ppgen.objectives import TensorELBO
from ppgen.objectives.objective import Objective
from ppgen.objectives.preparation import prepare
from ppgen.program import Program, accept
from ppgen.running import evaluating


@dataclass(frozen=True)
class MaximumLikelihood:
    """A program at its maximum likelihood, and how sure its parameters are.

    Attributes
    ----------
    program
        What was fitted, in place.
    maximum
        Of the log-likelihood, in nats. Its coordinates are the program's parameters one after the
        other, as they are stored: those that Pyro constrains are unconstrained here.

    Examples
    --------
    >>> import ppgen
    >>> x = torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
    >>> fitted = maximum_likelihood(ppgen.models.Exponential().double(), x)
    >>> round(fitted.log_likelihood, 3)
    -6.296
    """

    program: Program
    maximum: Maximum

    @property
    def log_likelihood(self) -> float:
        """Of all data, in nats."""
        return self.maximum.value

    @property
    def information(self) -> Tensor:
        """Observed Fisher information: minus the Hessian of the log-likelihood."""
        return -self.maximum.hessian

    @property
    def covariance(self) -> Tensor:
        """Asymptotic covariance of the parameters: the inverse of the information.

        Of a program with priors and an ``AutoDelta`` guide, this is the covariance of Laplace's
        approximation to the posterior.
        """
        return torch.cholesky_inverse(torch.linalg.cholesky(self.information))

    @property
    def standard_errors(self) -> dict[str, Tensor]:
        """Standard error of each parameter, in its shape, by its name."""
        return _Parameters(self.program).split(self.covariance.diagonal().sqrt())

    @checked
    def standard_error(self, quantity: Callable[[Program], Tensor]) -> Tensor:
        """Return the standard error of a tensor that is computed from the program's parameters.

        By the delta method: √(J C Jᵀ), with the quantity's Jacobian J and the covariance C of the
        parameters (van der Vaart 1998, Asymptotic statistics, theorem 3.1).
        """
        parameters = _Parameters(self.program)
        module = _Quantity(self.program, quantity)
        jacobian = torch.func.jacrev(lambda point: parameters.call(module, point))(parameters.point)
        return torch.einsum("...i,ij,...j->...", jacobian, self.covariance, jacobian).sqrt()


@checked
def maximum_likelihood(
    program: Any,
    data: Data,
    *,
    batch_size: Size | None = None,
    tolerance: NotNegative = 1e-8,
    max_iterations: Count = 50,
) -> MaximumLikelihood:
    """Fit a program in which nothing but the data is random, by Newton's method.

    The ELBO of such a program is its log-likelihood. With priors and an ``AutoDelta`` guide it is
    the log of the joint density, and its maximum the mode of the posterior.

    The program is changed in place. It starts from the parameters that it has, of which there
    should be few, for the Hessian is dense.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts; best in float64.
    data
        What the program observes, or a tuple of that and what else it takes, as for
        :func:`ppgen.fit`.
    batch_size
        Rows of the data in memory at a time; by default 1,000.
    tolerance, max_iterations
        As for :func:`ppgen.inference.newton.maximise`; the gradient is that of all data together.

    Raises
    ------
    NoMaximumError
        If there is no maximum, as with separable classes or a variance that can shrink to 0, or
        no single one, as with linearly dependent covariates; it names the parameters along which
        the likelihood rises without end, or is flat.
    ValueError
        If the program cannot be run on the data, is random itself, or names an ELBO of Pyro's
        that sums latents out.

    Examples
    --------
    >>> import ppgen
    >>> x = torch.tensor([1.0, 2.0, 3.0, 2.0], dtype=torch.float64)
    >>> found = maximum_likelihood(ppgen.models.Exponential().double(), x)
    >>> round(found.program.rate.item(), 8)
    0.5
    >>> round(found.standard_error(lambda program: program.rate).item(), 8)  # λ / √n
    0.25
    """
    program = accept(program)
    batches = Batches(data, batch_size, None, program.device)
    with evaluating(program, seed=0):
        objective = prepare(program, batches)
        if not isinstance(objective.elbo, TensorELBO):
            raise ValueError(
                f"objective is a {type(objective.elbo).__name__}; expected a TensorELBO, which "
                "can be differentiated twice"
            )
        if objective.structure.whole:
            batches.batch_size = batches.rows
        parameters = _Parameters(program)

        def log_likelihood(point: Tensor, batch: Batch) -> Tensor:
            return -parameters.call(objective, point, batch) * objective.divisor(batch)

        _check_not_random(log_likelihood, parameters.point, next(iter(batches)))
        try:
            found = maximise(
                log_likelihood,
                parameters.point,
                _Singles(batches),
                tolerance=tolerance,
                max_iterations=max_iterations,
            )
            scores = partial(_scores, objective, batches)
            endless = recession(scores, parameters.point, found.point)
            if endless is not None:
                raise NoMaximumError(
                    "by a linear program, no row's term falls and some rise without end",
                    found.point,
                    endless,
                )
        except NoMaximumError as error:
            where = ""
            if error.direction is not None:
                where = f", in the direction {parameters.largest(error.direction)}"
            raise NoMaximumError(
                f"the log-likelihood has no single maximum: {error}{where}; perhaps classes are "
                "separable, covariates linearly dependent, or a variance shrinks to 0: a prior or "
                "penalty helps",
                error.point,
                error.direction,
            ) from error
        vector_to_parameters(found.point, parameters.named.values())
    return MaximumLikelihood(program, found)


@dataclass
class _Singles:
    """Batches as the only further argument of a function, each time they are gone through."""

    batches: Batches

    def __iter__(self) -> Iterator[tuple[Batch]]:
        return ((batch,) for batch in self.batches)


class _Quantity(nn.Module):
    def __init__(self, program: Program, quantity: Callable[[Program], Tensor]) -> None:
        super().__init__()
        self.program, self.quantity = program, quantity

    def forward(self) -> Tensor:
        return self.quantity(self.program)


def _scores(objective: Objective, batches: Batches, point: Tensor) -> Tensor:
    """Return gradients of each row's log-likelihood, and of shared sites, ``(rows, parameters)``.

    They take one pass backward a parameter.
    """
    parameters = _Parameters(objective.program)

    def of(batch: Batch) -> Tensor:
        def terms(program: Program) -> Tensor:
            model, guide = objective.programs(batch)
            with objective.running():
                rows, shared = objective.elbo.bounds(model, guide, *batch.args, **batch.kwargs)
            return torch.cat([rows, shared.view(1)])

        module = _Quantity(objective.program, terms)
        found, vjp = torch.func.vjp(lambda where: parameters.call(module, where), point)[:2]
        return torch.func.jacrev(lambda weights: vjp(weights)[0])(torch.zeros_like(found)).mT

    return torch.cat([of(batch) for batch in batches]).detach()


class _Parameters:
    """The trained parameters of a program as one vector."""

    def __init__(self, program: Program) -> None:
        self.named = {name: p for name, p in program.named_parameters() if p.requires_grad}
        if not self.named:
            raise ValueError(
                "the program has no parameters to fit; expected one or more that require a gradient"
            )
        self.point = torch.cat([p.detach().flatten() for p in self.named.values()])

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Cut a vector into the shapes of the parameters."""
        parts = vector.split([p.numel() for p in self.named.values()])
        return {n: part.view_as(p) for (n, p), part in zip(self.named.items(), parts, strict=True)}

    def call(self, module: nn.Module, point: Tensor, *args: Any) -> Tensor:
        """Call a module that has the program as an attribute, with the parameters ``point``."""
        parameters = {f"program.{name}": value for name, value in self.split(point).items()}
        return functional_call(module, parameters, args)

    def largest(self, direction: Tensor) -> str:
        """Name the coordinates that a direction changes most."""
        names = [
            name + "".join(f"[{i}]" for i in index)
            for name, p in self.named.items()
            for index in np.ndindex(p.shape)
        ]
        order = direction.abs().argsort(descending=True)[:4].tolist()
        seen = [i for i in order if abs(direction[i]) > 0.01 * abs(direction[order[0]])]
        return ", ".join(f"{names[i]} {float(direction[i]):+.2g}" for i in seen)


def _check_not_random(log_likelihood: Callable[..., Tensor], point: Tensor, batch: Batch) -> None:
    once, again = (float(log_likelihood(point, batch)) for _ in range(2))
    if not math.isclose(once, again, rel_tol=1e-5):
        raise ValueError(
            f"the log-likelihood is random: at one point it was {once:.6g} and then {again:.6g}; "
            "expected a program without latent variables, or with an AutoDelta guide for them"
        )
