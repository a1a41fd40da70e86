"""Images for the Gaussian program."""

import pytest
import torch


@pytest.fixture
def x():
    return torch.randn(60, 1, 1, 4) @ torch.tensor([1.0, 0.5, -0.5, 1.0]).diag()
