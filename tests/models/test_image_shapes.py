"""Every image model raises an error for an invalid image shape; add a new model in one line."""

import pytest
from torch import nn

from ppgen.models import (
    PPCA,
    VAE,
    BernoulliMixture,
    HierarchicalVAE,
    LinearGaussian,
    SigmoidBeliefNet,
)

MODELS = {
    "BernoulliMixture": BernoulliMixture,
    "HierarchicalVAE": lambda shape: HierarchicalVAE.mlp(shape, 2),
    "LinearGaussian": lambda shape: LinearGaussian(shape, 2),
    "PPCA": lambda shape: PPCA(shape, 2),
    "SigmoidBeliefNet": SigmoidBeliefNet,
    "VAE": lambda shape: VAE(shape, nn.Identity(), nn.Identity(), 2),
    "VAE of convolutions": lambda shape: VAE.convolutional(shape, 2),
    "VAE of perceptrons": lambda shape: VAE.mlp(shape, 2),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("shape", [(3, 3), (9,), (1, 0, 3), (1, 1, 3, 3)], ids=str)
def test_what_is_no_image_shape_is_refused(make, shape):
    with pytest.raises(ValueError, match=r"image_shape is \(.*; expected \(channel, height"):
        make(shape)
