"""Logistic regression, and whether its maximum likelihood exists."""

from __future__ import annotations

import numpy as np
import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from scipy.optimize import linprog
from torch import Tensor

from ppgen.models.textbook.regression import Regression


class LogisticRegression(Regression):
    """y ~ Bernoulli(σ(design · weights)).

    The log-likelihood is concave. It has no maximum where the classes are separable, see
    :func:`separating_direction`.

    Examples
    --------
    >>> LogisticRegression(2).model(None, torch.randn(5, 2), n=5).shape
    torch.Size([5])
    """

    def observation(self, predictor: Tensor) -> TorchDistribution:
        """Bernoulli with the predictor as logit."""
        return dist.Bernoulli(logits=predictor)


def separating_direction(y: Tensor, design: Tensor) -> Tensor | None:
    """Find weights along which a logistic likelihood never falls, whatever the start.

    Where there are some, the classes are separable, completely or but for points on the boundary,
    and the maximum likelihood lies at infinity. Where there are none it exists, a single point if
    the design has full rank (Albert and Anderson 1984, On the existence of maximum likelihood
    estimates in logistic regression models). They are found by a linear programme.

    Parameters
    ----------
    y
        Classes, 0 or 1, ``(batch,)``.
    design
        ``(batch, covariates)``.

    Returns
    -------
    Tensor or None
        Weights ``(covariates,)``, the largest of size 1, that put no observation on the wrong side
        of the boundary, and not all of them on it.

    Raises
    ------
    ValueError
        Where the shapes are others.

    Examples
    --------
    >>> design = torch.tensor([[-3.0], [-1.0], [2.0]])
    >>> separating_direction(torch.tensor([0.0, 0.0, 1.0]), design)
    tensor([1.])
    >>> separating_direction(torch.tensor([0.0, 1.0, 1.0]), design) is None
    True
    """
    if y.dim() != 1 or design.dim() != 2 or len(y) != len(design):
        raise ValueError(
            f"y has the shape {tuple(y.shape)} and design {tuple(design.shape)}; expected (batch,) "
            "and (batch, covariates)"
        )
    signed = ((2 * y.double() - 1)[:, None] * design).cpu().numpy()
    units = np.abs(signed).max(axis=0)
    units[units == 0] = 1.0
    margins = signed / units
    found = linprog(-margins.sum(0), A_ub=-margins, b_ub=np.zeros(len(y)), bounds=(-1, 1))
    if found.fun > -1e-6:  # the solver's tolerance is 1e-7
        return None
    weights = found.x / units
    return torch.from_numpy(weights / np.abs(weights).max()).to(design)
