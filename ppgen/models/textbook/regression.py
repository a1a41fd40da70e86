"""Regression: observations whose distribution depends on a linear predictor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.program import Program


class Regression(Program, ABC):
    """y ~ p(y | design · weights), independent observations, ``(batch,)``, at the site ``"x"``.

    The design ``(batch, covariates)`` is the program's context: ``fit(program, (y, design))``,
    ``sample(program, n, design)``. An intercept is a column of ones in it.

    A subclass says what ``observation`` the predictor gives.

    Parameters
    ----------
    covariates
        Columns of the design.

    Attributes
    ----------
    weights : Parameter
        ``(covariates,)``, at first 0.

    Raises
    ------
    ValueError
        Where there are no covariates.
    """

    def __init__(self, covariates: int) -> None:
        super().__init__()
        if covariates < 1:
            raise ValueError(f"covariates is {covariates}; expected 1 or more")
        self.weights = nn.Parameter(torch.zeros(covariates))

    @abstractmethod
    def observation(self, predictor: Tensor) -> TorchDistribution:
        """Distribution of the observations, given their linear predictor ``(batch,)``."""

    def model(self, y: Tensor | None = None, design: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw ``n`` observations given their design, or observe ``y``."""
        n = n if y is None else len(y)
        if design is None or design.shape != (n, len(self.weights)):
            raise ValueError(
                f"design has the shape {None if design is None else tuple(design.shape)}; expected "
                f"(batch, covariates), here {(n, len(self.weights))}"
            )
        predictor = design.to(self.weights.dtype) @ self.weights
        with pyro.plate("data", n):
            return pyro.sample("x", self.observation(predictor), obs=y)
