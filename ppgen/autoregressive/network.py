"""Networks that give the conditional of each pixel given those before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from numbers import Integral

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import check_kind
from ppgen.autoregressive.ordering import check_ordering, raster
from ppgen.images import check_image_shape
from ppgen.likelihoods import Likelihood, as_likelihood


class AutoregressiveNetwork(nn.Module, ABC):
    """The conditionals p(x_i | pixels before i, context), as a function with two views.

    A subclass writes

    ``forward(x, context)``
        the parallel view, for training: raw outputs of the likelihood for every pixel of images
        that are known, ``(batch, outputs, channel, height, width)``. Those of a pixel must not
        depend on itself nor on any pixel that comes later in ``ordering``.
    ``steps(x, context)``
        the same numbers one pixel at a time, for sampling. It may be left out: then each step is
        a whole parallel pass.

    :func:`ppgen.autoregressive.check_network` tries out whether a network of one's own keeps to
    this. :class:`ppgen.distributions.Autoregressive` makes a distribution of any such network. What
    networks read are the likelihood's ``network_input``, numbers of order one in the type of
    the parameters.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    likelihood
        p(pixel | raw outputs); by default :class:`ppgen.likelihoods.Bernoulli`.
    context_size
        Length of the vector, or number of classes, that the distribution depends on; 0: none.
    ordering
        Flat positions of the pixels in the order in which they are drawn; by default
        :func:`ppgen.autoregressive.raster`.

    Raises
    ------
    TypeError
        Where an argument is of another kind.
    ValueError
        Where ``ordering`` is no permutation of the pixels, a size of the image is below 1, or that
        of the context below 0.

    Examples
    --------
    A chain, each pixel from the one before it, is written as ``forward`` alone:

    >>> from ppgen.autoregressive import check_network
    >>> from ppgen.distributions import Autoregressive
    >>> class Chain(AutoregressiveNetwork):
    ...     def __init__(self, image_shape):
    ...         super().__init__(image_shape)
    ...         self.weight = nn.Parameter(torch.ones(self.pixels))
    ...         self.bias = nn.Parameter(torch.zeros(self.pixels))
    ...
    ...     def forward(self, x, context=None):
    ...         before = nn.functional.pad(self.in_order(x)[:, :-1], (1, 0))
    ...         return self.to_image(self.weight * before + self.bias).unsqueeze(1)
    >>> network = Chain((1, 3, 3))
    >>> check_network(network)  # or an error says which pixel knows of a later one
    >>> Autoregressive(network).sample((5,)).shape
    torch.Size([5, 1, 3, 3])
    """

    ordering: Tensor

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.pixels = check_image_shape(image_shape)
        check_kind("context_size", context_size, Integral, "a length, or number of classes")
        if context_size < 0:
            raise ValueError(f"context_size is {context_size}; expected 0 (none) or more")
        self.image_shape = tuple(image_shape)
        self.likelihood = as_likelihood(likelihood)
        self.context_size = context_size
        order = raster(image_shape) if ordering is None else check_ordering(ordering, self.pixels)
        self.register_buffer("ordering", order.clone())

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs for every pixel, ``(batch, outputs, channel, height, width)``.

        Parameters
        ----------
        x
            ``(batch, channel, height, width)``.
        context
            ``(batch, context_size)``; None where the network has none.
        """

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Raw outputs of one pixel after the other, in drawing order, ``(batch, outputs)`` each.

        It is gone through without gradients, as under ``torch.no_grad()``.

        Parameters
        ----------
        x
            ``(batch, pixels)``, the pixels in drawing order. The caller fills it in: column t may
            be read from when the outputs of pixel t + 1 are asked for, and no sooner.
        context
            ``(batch, context_size)``; None where the network has none.
        """
        for step, position in enumerate(self.ordering.tolist()):
            known = torch.zeros_like(x)
            known[:, :step] = x[:, :step]
            yield self(self.to_image(known), context).flatten(-3)[..., position]

    @property
    def members(self) -> Sequence[AutoregressiveNetwork]:
        """Networks whose distributions this one's is the equal mixture of: mostly itself alone."""
        return (self,)

    def training_member(self) -> AutoregressiveNetwork:
        """Draw a member: the mean of its log_prob is a bound on that of the mixture.

        For a step of training, in which only images that are observed are scored: the draws of a
        latent site come from the mixture. A network with several ``members`` says here how to draw,
        without waiting for the device.
        """
        return self

    def log_probs(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Log-probability of each pixel given those before it, in the shape of the images.

        Parameters
        ----------
        x
            Images in the likelihood's support, ``(batch, channel, height, width)``.
        context
            ``(batch, context_size)``; None for a network without context.
        """
        x = x.to(torch.promote_types(x.dtype, self.dtype))
        raw = self(self.likelihood.network_input(x).to(self.dtype), context)
        return self.likelihood.of_images(raw, x.shape).base_dist.log_prob(x)

    @torch.no_grad()
    def ancestral_sample(
        self,
        n: int,
        context: Tensor | None = None,
        given: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> Tensor:
        """Draw images pixel by pixel, each given those before it.

        Parameters
        ----------
        n
            Number of images.
        context
            ``(n, context_size)``; None for a network without context.
        given, observed
            Images ``(n, channel, height, width)`` and a boolean mask, in the same shape, of the
            pixels to keep; None: draw all pixels.

        Returns
        -------
        Tensor
            ``(n, channel, height, width)``; given pixels keep all their digits.

        Examples
        --------
        >>> from ppgen.autoregressive import Independent
        >>> Independent((1, 8, 8)).ancestral_sample(3).shape
        torch.Size([3, 1, 8, 8])
        """
        likelihood = self.likelihood
        x = torch.zeros(n, self.pixels, dtype=self.dtype, device=self.ordering.device)
        known = None
        if given is not None and observed is not None:
            known = self.in_order(given), self.in_order(observed)
        pixels = []
        for step, (raw, column) in enumerate(zip(self.steps(x, context), x.unbind(1), strict=True)):
            if step == 0:
                likelihood.check_outputs(raw, (n, likelihood.outputs))
            pixel = likelihood.draw(raw)
            if known is not None:
                value, is_given = (tensor[:, step] for tensor in known)
                pixel = torch.where(is_given, value, pixel)  # in the wider of the two types
            column.copy_(likelihood.network_input(pixel))
            pixels.append(pixel)
        return self.to_image(torch.stack(pixels, -1))

    @property
    def pixel(self) -> TorchDistribution:
        """Distribution of one pixel for raw outputs of zero: shows its support and its values."""
        size = (self.likelihood.outputs, 1, 1, 1)
        raw = torch.zeros(size, dtype=self.dtype, device=self.ordering.device)
        return self.likelihood.distribution(raw).base_dist

    def in_order(self, x: Tensor) -> Tensor:
        """Pixels ``(…, channel, height, width)`` in drawing order, ``(…, pixels)``."""
        return x.flatten(-3)[..., self.ordering]

    def to_image(self, x: Tensor) -> Tensor:
        """Values ``(…, pixels)`` in drawing order as images, ``(…, channel, height, width)``."""
        return x[..., self.ordering.argsort()].unflatten(-1, self.image_shape)

    def context_vectors(self, context: Tensor | None, check_labels: bool = True) -> Tensor | None:
        """Check a context, and give class labels as one-hot vectors, ``(…, context_size)``.

        Vectors are in the type of the parameters.

        Parameters
        ----------
        context
            Vectors ``(…, context_size)``, labels ``(…)``, or None.
        check_labels
            Whether to look at the values of labels, for which a GPU has to be waited for.

        Raises
        ------
        TypeError
            Where the context is no tensor, or one of booleans.
        ValueError
            Where the context has the wrong size, is missing, or is not expected.
        """
        if context is None and self.context_size == 0:
            return None
        if context is not None:
            expected = "a tensor of floating vectors, or of integer labels"
            check_kind("context", context, Tensor, expected)
            if context.dtype == torch.bool:
                raise TypeError(f"context is of type torch.bool; expected {expected}")
        if context is None or self.context_size == 0:
            given = "None" if context is None else f"a tensor of shape {tuple(context.shape)}"
            wanted = f"context_size {self.context_size}"
            raise ValueError(f"context is {given}; the network was made with {wanted}")
        if not context.is_floating_point():
            if (
                check_labels
                and context.numel()
                and not 0 <= context.min() <= context.max() < self.context_size
            ):
                raise ValueError(
                    f"context holds labels from {context.min()} to {context.max()}; expected "
                    f"0 … {self.context_size - 1}, for the network has context_size "
                    f"{self.context_size}"
                )
            size = (*context.shape, self.context_size)  # F.one_hot looks at the values
            zeros = torch.zeros(size, dtype=self.dtype, device=context.device)
            return zeros.scatter_(-1, context.long().unsqueeze(-1), 1)
        if context.shape[-1:] != (self.context_size,):
            raise ValueError(
                f"context has the shape {tuple(context.shape)}; expected vectors of length "
                f"{self.context_size}, the network's context_size, or integer labels"
            )
        return context.to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the parameters."""
        return next((p.dtype for p in self.parameters()), torch.get_default_dtype())
