"""First values of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Draw weights as ``nn.Linear`` does, for units with so many inputs.

    Those of a context are random too: were they zero, a latent variable as the context would have
    no gradient to begin with, and might never be used.
    """
    weight: Tensor = torch.empty(shape).uniform_(-1, 1)
    return nn.Parameter(weight / max(1, fan_in) ** 0.5)
