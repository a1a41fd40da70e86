"""Images drawn from a PPCA, and its dense Gaussian."""

import torch

SHAPE = (1, 3, 4)
PIXELS = 12


def images_of(n, latent=3, shape=SHAPE, noise=0.3):
    """Images that a PPCA of ``latent`` dimensions draws, float64."""
    pixels = torch.Size(shape).numel()
    loadings = torch.randn(latent, pixels, dtype=torch.float64)
    z = torch.randn(n, latent, dtype=torch.float64)
    x = 0.5 + z @ loadings + noise * torch.randn(n, pixels, dtype=torch.float64)
    return x.view(n, *shape)


def dense(ppca):
    """Return mean and covariance of x and (x, z) as dense matrices."""
    w, mean = ppca.loadings.detach().flatten(1).T, ppca.mean.detach().flatten()
    covariance = w @ w.T + ppca.scale.detach() ** 2 * torch.eye(len(mean), dtype=w.dtype)
    return w, mean, covariance


def random_mask(*shape, share=0.7):
    return torch.rand(shape) < share
