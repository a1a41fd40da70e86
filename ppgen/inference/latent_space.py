"""Ways through the latent space of a model, and how much of it the model uses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ACTIVE = 0.01


def active_units(means: Tensor, threshold: float = ACTIVE) -> Tensor:
    """Tell which latent dimensions say something about the images, ``(latent,)``.

    A dimension is active if the posterior's mean varies over the images with a variance above
    the threshold; one that the model ignores has the prior's mean for every image (Burda, Grosse
    and Salakhutdinov 2016, Importance weighted autoencoders, section 5.2).

    Parameters
    ----------
    means
        Mean of q(z | x) for each image, ``(images, latent)``; fewer than two images have no
        variance and raise a ValueError.
    threshold
        Of the variance.

    Examples
    --------
    >>> active_units(torch.tensor([[1.0, 0.001], [-1.0, 0.0], [0.5, -0.001]]))
    tensor([ True, False])
    """
    if means.dim() != 2 or len(means) < 2:
        raise ValueError(
            f"means has the shape {tuple(means.shape)}; expected (images, latent), with 2 or more "
            "images"
        )
    return means.var(0) > threshold


def slerp(start: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """Interpolate spherically: along an arc about the origin, where ``torch.lerp`` takes the chord.

    sin((1 − w) θ) / sin θ · start + sin(w θ) / sin θ · end, with θ the angle between the two
    (Shoemake 1985, Animating rotation with quaternion curves, section 3.3). In many dimensions all
    draws from a standard Gaussian have nearly the same length; the arc keeps it, while the middle
    of the chord is shorter than nearly all of them (White 2016, Sampling generative networks).
    If both lie on one line through the origin, or one of them is zero, the way is the chord.

    Parameters
    ----------
    start, end
        Vectors, ``(*batch, latent)``.
    weight
        0 gives the start, 1 the end; broadcasts to the vectors.

    Examples
    --------
    >>> x, y = torch.eye(2)
    >>> slerp(x, y, torch.tensor([[0.0], [1 / 3], [1.0]]))
    tensor([[1.0000, 0.0000],
            [0.8660, 0.5000],
            [0.0000, 1.0000]])
    """
    weight = torch.as_tensor(weight, dtype=start.dtype, device=start.device)
    x, y = F.normalize(start, dim=-1), F.normalize(end, dim=-1)
    # Near 0 and π, where the cosine is flat, this keeps all digits of the angle.
    angle = 2 * torch.atan2((x - y).norm(dim=-1, keepdim=True), (x + y).norm(dim=-1, keepdim=True))
    sine = angle.sin()
    # Beyond, rounding would be larger than the bend of the arc; and zero has no direction.
    directed = torch.minimum(x.norm(dim=-1, keepdim=True), y.norm(dim=-1, keepdim=True)) > 0.5
    bent = directed & (sine > torch.finfo(start.dtype).eps ** 0.5)
    sine = torch.where(bent, sine, 1)  # or the arc, where it is not taken, makes gradients NaN
    arc = (((1 - weight) * angle).sin() * start + (weight * angle).sin() * end) / sine
    return torch.where(bent, arc, torch.lerp(start, end, weight))
