"""A mixture, binary images, and masks of their pixels."""

import pytest
import torch
from mixtures import make


@pytest.fixture
def mixture():
    return make()


@pytest.fixture
def x(binary_images):
    return binary_images.double()


@pytest.fixture
def observed(x):
    """Masks with an image without observed pixels, a pixel never observed, and a whole image."""
    mask = torch.rand(x.shape) < 0.6
    mask[0], mask[:, 0, 1, 1], mask[1] = False, False, True
    return mask
