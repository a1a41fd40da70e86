"""Linear regression with Gaussian noise, and its maximum likelihood in closed form."""

from __future__ import annotations

import math

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.models.textbook.regression import Regression


class LinearRegression(Regression):
    """y ~ N(design · w, σ²).

    The likelihood is highest at w = (XᵀX)⁻¹ Xᵀy, the least squares, and σ² = Σ residual² / n
    (Bishop 2006, Pattern recognition and machine learning, equations 3.15 and 3.21);
    :meth:`from_data` finds both.

    Parameters
    ----------
    covariates
        Columns of the design.

    Attributes
    ----------
    weights : Parameter
        w, ``(covariates,)``.
    log_scale : Parameter
        log σ, ``()``.

    Examples
    --------
    >>> LinearRegression(2).model(None, torch.randn(5, 2), n=5).shape
    torch.Size([5])
    """

    def __init__(self, covariates: int) -> None:
        super().__init__(covariates)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def observation(self, predictor: Tensor) -> TorchDistribution:
        """Gaussian around the predictor."""
        return dist.Normal(predictor, self.log_scale.exp())

    @property
    def variance(self) -> Tensor:
        """σ², ``()``."""
        return (2 * self.log_scale).exp()

    @classmethod
    def from_data(cls, y: Tensor, design: Tensor) -> LinearRegression:
        """Fit by the closed form, in the data's floating type.

        Raises
        ------
        ValueError
            Where shapes do not fit; where columns of the design are linearly dependent, so that
            many weights are equally good; where the fit is perfect, for the likelihood then rises
            without end as σ shrinks to 0.

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
        for name, tensor in {"y": y, "design": design}.items():
            if not tensor.isfinite().all():
                raise ValueError(f"{name} holds NaN or infinite values; expected finite numbers")
        dtype = torch.promote_types(y.dtype, design.dtype)
        if not dtype.is_floating_point:
            dtype = torch.get_default_dtype()
        y, design = y.to(dtype), design.to(dtype)
        units = design.norm(dim=0)
        units = torch.where(units > 0, units, 1.0)
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

    def standard_errors(self, design: Tensor) -> tuple[Tensor, Tensor]:
        """Give the standard errors of w, ``(covariates,)``, and σ², ``()``, fitted to a design.

        From the Fisher information: σ √diag((XᵀX)⁻¹) and σ² √(2 / n).
        """
        root = torch.linalg.pinv(design)  # (XᵀX)⁻¹ is this times its transpose
        weights = self.variance.sqrt() * root.norm(dim=1)
        return weights, self.variance * math.sqrt(2 / len(design))
