"""Pixels that know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.weights import uniform
from ppgen.images import check_binary
from ppgen.likelihoods import Likelihood


class Independent(AutoregressiveNetwork):
    """Raw outputs of each pixel that depend on the context alone: the baseline of every model.

    Parameters
    ----------
    image_shape, likelihood, context_size
        As for :class:`AutoregressiveNetwork`; with a context, outputs are linear in it.

    Raises
    ------
    ValueError
        As for :class:`AutoregressiveNetwork`.

    Examples
    --------
    The maximum-likelihood estimate of independent binary pixels is each pixel's mean:

    >>> images = torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])
    >>> network = Independent.from_images(images, pseudo_count=1e-6)
    >>> network(images)[0].sigmoid()
    tensor([[[[0.5000, 1.0000]]]], grad_fn=<SigmoidBackward0>)
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, context_size)
        outputs = (self.likelihood.outputs, *self.image_shape)
        self.raw = nn.Parameter(torch.zeros(outputs))
        self.context_weight = uniform(context_size, *outputs, fan_in=context_size)

    @classmethod
    def from_images(cls, images: Tensor, pseudo_count: float = 0.5) -> Independent:
        """Estimate the logits of binary pixels in closed form.

        Parameters
        ----------
        images
            Zeros and ones, ``(batch, channel, height, width)``.
        pseudo_count
            Black and white images that are added to the given ones, so many of each: without any,
            constant pixels have infinite logits.

        Raises
        ------
        ValueError
            Where the images are not binary or none, ``pseudo_count`` is negative or infinite, or a
            logit would be infinite.
        """
        if not 0 <= pseudo_count < torch.inf:
            raise ValueError(f"pseudo_count is {pseudo_count}; expected a number from 0")
        if len(images) == 0:
            raise ValueError("there are 0 images; expected one or more")
        check_binary(images)
        white = images.sum(0, dtype=torch.get_default_dtype())
        logits = (white + pseudo_count).log() - (len(images) - white + pseudo_count).log()
        if not logits.isfinite().all():
            raise ValueError(
                f"pseudo_count is {pseudo_count}, and some pixels are the same in all images, so "
                "that their logits are infinite; expected a positive pseudo_count"
            )
        network = cls(images.shape[1:]).to(images.device)
        network.raw.data[0] = logits
        return network

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs, the same for all images of one context."""
        raw = self.raw
        if context is not None:
            raw = raw + torch.tensordot(context, self.context_weight, 1)
        return raw.expand(len(x), *self.raw.shape)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Give the outputs of one pixel after the other."""
        yield from self(x, context).flatten(2)[..., self.ordering].unbind(-1)
