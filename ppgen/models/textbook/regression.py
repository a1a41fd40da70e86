"""Linear and logistic regression, and when their maximum likelihood exists."""

import math
from abc import ABC, abstractmethod
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import Size, checked
from ppgen.program import Program
from ppgen.tensors import check_finite, check_shape


@checked
class Regression(Program, ABC):
    """Abstract regression: y ~ p(y | design · weights), independent observations at site ``"y"``.

    The design ``(batch, covariates)`` is the program's second argument: use
    ``fit(program, (y, design))`` and ``sample(program, n, design)``. An intercept is a column of
    ones. A subclass defines ``observation``, the distribution given the linear predictor. The
    parameter ``weights``, ``(covariates,)``, is 0 at first.

    Examples
    --------
    >>> from ppgen.models import LinearRegression
    >>> isinstance(LinearRegression(2), Regression)
    True
    """

    def __init__(self, covariates: Size) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(covariates))

    @abstractmethod
    def observation(self, predictor: Tensor) -> TorchDistribution:
        """Return the distribution of the observations given their linear predictor ``(batch,)``."""

    def model(self, y: Tensor | None = None, design: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw ``n`` observations given their design, or observe ``y``, ``(batch,)``."""
        n = n if y is None else len(y)
        shape = (n, len(self.weights))
        design = check_shape("design", design, shape, f"(batch, covariates), here {shape}")
        predictor = design.to(self.weights.dtype) @ self.weights
        with pyro.plate("data", n):
            return pyro.sample("y", self.observation(predictor), obs=y)


@checked
class LinearRegression(Regression):
    """Linear regression with Gaussian noise: y ~ N(design · w, σ²).

    The likelihood is highest at the least squares w = (XᵀX)⁻¹ Xᵀy and σ² = Σ residual² / n (Bishop
    2006, Pattern recognition and machine learning, equations 3.15 and 3.21); :meth:`from_data`
    computes both. The parameter ``log_scale`` is log σ, ``()``.

    Examples
    --------
    >>> LinearRegression(2).model(None, torch.randn(5, 2), n=5).shape
    torch.Size([5])
    """

    def __init__(self, covariates: Size) -> None:
        super().__init__(covariates)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def observation(self, predictor: Tensor) -> TorchDistribution:
        """Return Gaussians around the predictor."""
        return dist.Normal(predictor, self.log_scale.exp())

    @property
    def variance(self) -> Tensor:
        """σ², ``()``."""
        return (2 * self.log_scale).exp()

    @classmethod
    @checked
    def from_data(cls, y: Tensor, design: Tensor) -> Self:
        """Fit by maximum likelihood in closed form, in the data's floating type.

        Raises a ValueError if ``y`` and ``design`` are not finite numbers ``(batch,)`` and
        ``(batch, covariates)``, if columns of the design are linearly dependent, so that the
        weights are not unique, or if the fit is perfect, so that the likelihood has no maximum.

        Examples
        --------
        >>> design = torch.tensor([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> fitted = LinearRegression.from_data(torch.tensor([0.0, 3.0, 0.0]), design)
        >>> [round(weight, 4) for weight in fitted.weights.tolist()]
        [1.0, 0.0]
        >>> round(fitted.variance.item(), 4)
        2.0
        """
        if design.dim() != 2 or y.shape != design.shape[:1] or not design.numel():
            raise ValueError(
                f"y has the shape {tuple(y.shape)}, design {tuple(design.shape)}; expected "
                "(batch,) and (batch, covariates), one or more of each"
            )
        check_finite("y", y)
        check_finite("design", design)
        dtype = torch.promote_types(y.dtype, design.dtype)
        if not dtype.is_floating_point:
            dtype = torch.get_default_dtype()
        y, design = y.to(dtype), design.to(dtype)
        units = design.norm(dim=0)
        units[units == 0] = 1.0
        u, singular, vt = torch.linalg.svd(design / units, full_matrices=False)
        rounding = 10 * torch.finfo(dtype).eps * math.sqrt(max(design.shape))
        rank = int((singular > rounding * singular[0]).sum())
        if rank < design.shape[1]:
            raise ValueError(
                f"design is singular: {design.shape[1]} columns of rank {rank}; expected linearly "
                "independent columns: leave some out, or add a prior"
            )
        weights = vt.mT @ (u.mT @ y / singular) / units
        residuals = y - design @ weights
        if residuals.norm() <= rounding * y.norm():
            raise ValueError(
                f"the design fits the {len(y)} observations perfectly: the likelihood rises to "
                "infinity as the variance shrinks to 0; expected more observations"
            )
        fitted = cls(design.shape[1]).to(design)
        with torch.no_grad():
            fitted.weights.copy_(weights)
            fitted.log_scale.copy_(residuals.square().mean().log() / 2)
        return fitted

    @checked
    def standard_errors(self, design: Tensor) -> tuple[Tensor, Tensor]:
        """Return the standard errors of w, ``(covariates,)``, and σ², ``()``, fitted to a design.

        They come from the Fisher information: σ √diag((XᵀX)⁻¹) and σ² √(2 / n).
        """
        root = torch.linalg.pinv(design)  # (XᵀX)⁻¹ is this times its transpose
        weights = self.variance.sqrt() * root.norm(dim=1)
        return weights, self.variance * math.sqrt(2 / len(design))


class LogisticRegression(Regression):
    """Logistic regression: y ~ Bernoulli(σ(design · weights)).

    The log-likelihood is concave. It has no maximum if the classes are separable, and
    :func:`ppgen.inference.maximum_likelihood` raises an error then.

    Examples
    --------
    >>> LogisticRegression(2).model(None, torch.randn(5, 2), n=5).shape
    torch.Size([5])
    """

    def observation(self, predictor: Tensor) -> TorchDistribution:
        """Return Bernoullis with the predictor as logits."""
        return dist.Bernoulli(logits=predictor)
