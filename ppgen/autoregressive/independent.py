"""Independent pixels: the baseline of every model."""

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor, nn

from ppgen.arguments import Count, NotNegative, checked
from ppgen.autoregressive.network import AutoregressiveNetwork, uniform
from ppgen.autoregressive.ordering import Shape
from ppgen.images import check_binary
from ppgen.likelihoods import AnyLikelihood


class Independent(AutoregressiveNetwork):
    """Raw outputs of each pixel that depend on the context alone.

    Parameters
    ----------
    shape, likelihood, context_size
        As for :class:`AutoregressiveNetwork`; outputs are linear in the context.

    Examples
    --------
    The maximum-likelihood estimate of independent binary pixels is each pixel's mean:

    >>> images = torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])
    >>> network = Independent.from_images(images, pseudo_count=1e-6)
    >>> network(images)[0].sigmoid()
    tensor([[[[0.5000, 1.0000]]]], grad_fn=<SigmoidBackward0>)
    """

    @checked
    def __init__(
        self, shape: Shape, likelihood: AnyLikelihood = None, context_size: Count = 0
    ) -> None:
        super().__init__(shape, likelihood, context_size)
        outputs = (self.likelihood.outputs, *self.shape)
        self.raw = nn.Parameter(torch.zeros(outputs))
        self.context_weight = uniform(context_size, *outputs, fan_in=context_size)

    @classmethod
    @checked
    def from_images(cls, images: Tensor, pseudo_count: NotNegative = 0.5) -> Self:
        """Estimate the logits of binary images ``(batch, *shape)`` in closed form.

        ``pseudo_count`` black and as many white images are added. Without them, pixels that are the
        same in all images have infinite logits, which raise a ValueError.
        """
        check_countable(images)
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
        """Return raw outputs, the same for all images with one context."""
        raw = self.raw
        if context is not None:
            raw = raw + torch.tensordot(context, self.context_weight, 1)
        return raw.expand(len(x), *self.raw.shape)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the outputs of one pixel after the other."""
        yield from self(x, context).flatten(2)[..., self.ordering].unbind(-1)


def check_countable(images: Tensor) -> None:
    """Raise ValueError unless there are images, all binary."""
    if len(images) == 0:
        raise ValueError("there are 0 images; expected one or more")
    check_binary(images)
