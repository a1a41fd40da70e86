"""Mixtures with random parameters, and helpers of their tests."""

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector

from ppgen.models import BernoulliMixture

SHAPE = (1, 3, 3)


def make(classes=4, image_shape=SHAPE, **counts):
    """Make a mixture of float64 with parameters of order one."""
    mixture = BernoulliMixture(image_shape, classes, **counts).double()
    scramble(mixture)
    return mixture


@torch.no_grad()
def scramble(mixture):
    for parameter in mixture.parameters():
        parameter.copy_(1.5 * torch.randn_like(parameter))


def is_finite(mixture):
    return bool(parameters_to_vector(mixture.parameters()).isfinite().all())


def mean_log_likelihood(mixture, *data):
    return mixture.log_likelihood(*data).mean().item()


def never_falls(values):
    # Rounding: terms of up to LARGEST_LOGIT nats a pixel cancel, 9 · 15 · 2e-16 = 3e-14.
    return bool((np.diff(values) > -1e-12).all())
