"""The base class of autoregressive networks."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from math import prod
from typing import Self

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import Count, checked, shown_arguments
from ppgen.autoregressive.inputs import AnyInputs, as_inputs
from ppgen.autoregressive.ordering import Ordering, Shape, as_image, check_ordering, raster
from ppgen.kinds import shown
from ppgen.likelihoods import AnyLikelihood, as_likelihood


class AutoregressiveNetwork(nn.Module, ABC):
    """The conditionals p(x_i | pixels before i, context), as a function with two views.

    A subclass defines

    ``forward(x, context)``
        the parallel view, for training: raw outputs of the likelihood for every pixel of known
        images. Those of a pixel must not depend on itself or on any later pixel in ``ordering``.
    ``steps(x, context)``
        the same numbers one pixel at a time, for sampling. Optional: by default each step is one
        parallel pass.

    Images may have any shape, such as ``(length,)`` for a sequence of symbols; their elements are
    called pixels. :func:`ppgen.autoregressive.check_network` validates a network, and
    :class:`ppgen.distributions.Autoregressive` is its distribution.

    Raises a TypeError if an argument has the wrong type, and a ValueError if ``ordering`` is not a
    permutation of the pixels, ``inputs`` has another number of symbols than ``likelihood``, or a
    size is too small.

    Parameters
    ----------
    shape
        Shape of an image: ``(channel, height, width)``, ``(length,)`` or any other.
    likelihood
        p(pixel | raw outputs); by default :class:`ppgen.likelihoods.Bernoulli`.
    context_size
        Length of the context vector, or number of classes; 0 for a network without context.
    ordering
        Flat positions of the pixels in the order in which they are drawn; by default
        :func:`ppgen.autoregressive.raster`.
    inputs
        How values are read: :class:`~ppgen.autoregressive.GreyValues` by default,
        :class:`~ppgen.autoregressive.OneHot` or :class:`~ppgen.autoregressive.Embedding`.

    Examples
    --------
    A chain, in which each pixel depends on the one before it, defines ``forward`` alone:

    >>> from ppgen.autoregressive import check_network
    >>> from ppgen.distributions import Autoregressive
    >>> class Chain(AutoregressiveNetwork):
    ...     def __init__(self, shape):
    ...         super().__init__(shape)
    ...         self.weight = nn.Parameter(torch.ones(self.pixels))
    ...         self.bias = nn.Parameter(torch.zeros(self.pixels))
    ...
    ...     def forward(self, x, context=None):
    ...         before = nn.functional.pad(self.in_order(x)[:, :-1], (1, 0))
    ...         return self.to_image(self.weight * before + self.bias).unsqueeze(1)
    >>> network = Chain((1, 3, 3))
    >>> check_network(network)  # raises an error if a pixel depends on a later one
    >>> Autoregressive(network).sample((5,)).shape
    torch.Size([5, 1, 3, 3])
    """

    ordering: Tensor

    @checked
    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        *,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
    ) -> None:
        super().__init__()
        self.pixels = prod(shape)
        self.shape = tuple(shape)
        self.likelihood = as_likelihood(likelihood)
        self.context_size = context_size
        order = raster(shape) if ordering is None else check_ordering(ordering, self.pixels)
        self.register_buffer("ordering", order.clone())
        self.inputs = as_inputs(inputs, self.likelihood)

    extra_repr = shown_arguments

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of every pixel, ``(batch, outputs, *shape)``.

        ``x`` holds values in the likelihood's support, ``(batch, *shape)``; the context is
        ``(batch, context_size)``, or None for a network without context.
        """

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the raw outputs of one pixel after the other, in order, ``(batch, outputs)`` each.

        Call it under ``torch.no_grad()``. ``x`` holds the pixels in drawing order,
        ``(batch, pixels)``. The caller fills it in: column t may be read once the outputs of pixel
        t + 1 are requested, and no sooner.
        """
        for step, position in enumerate(self.ordering.tolist()):
            known = torch.zeros_like(x)
            known[:, :step] = x[:, :step]
            yield self(self.to_image(known), context).flatten(-len(self.shape))[..., position]

    def features(self, x: Tensor) -> Tensor:
        """Encode values ``(…)`` as the network reads them, ``(…, inputs.features)``."""
        return self.inputs(x, self.likelihood).to(self.dtype)

    @property
    def members(self) -> Sequence["AutoregressiveNetwork"]:
        """Components of the equal mixture that the network represents; usually ``(self,)``."""
        return (self,)

    def training_member(self) -> Self:
        """Draw a member, whose expected log_prob is a lower bound of the mixture's.

        For training steps in which images are observed: draws of a latent site come from the
        mixture. A network with several ``members`` overrides it, without waiting for the device.
        """
        return self

    def log_probs(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Log-probability of each pixel given those before it, ``(batch, *shape)``, nats."""
        # At least float32, in which symbols are exact.
        raw = self(x.to(torch.promote_types(self.dtype, torch.float32)), context)
        self.likelihood.check_outputs(raw, (len(x), self.likelihood.outputs, *self.shape))
        image = as_image(self.shape)
        p = self.likelihood.distribution(raw.reshape(*raw.shape[:2], *image)).base_dist
        x = x.to(torch.promote_types(x.dtype, self.dtype))
        return p.log_prob(x.reshape(-1, *image)).reshape(x.shape)

    @torch.no_grad()
    def ancestral_sample(
        self,
        n: Count,
        context: Tensor | None = None,
        given: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> Tensor:
        """Draw ``n`` images pixel by pixel, each given those before it.

        ``given`` are images ``(n, *shape)``, and ``observed`` is a boolean mask of their pixels to
        keep, with all their digits; None: draw all pixels.

        Examples
        --------
        >>> from ppgen.autoregressive import Independent
        >>> Independent((1, 8, 8)).ancestral_sample(3).shape
        torch.Size([3, 1, 8, 8])
        """
        likelihood, dtype = self.likelihood, torch.promote_types(self.dtype, torch.float32)
        x = torch.zeros(n, self.pixels, dtype=dtype, device=self.ordering.device)
        if n == 0:  # of a member of a mixture; networks need not take empty batches
            return x.new_zeros(0, *self.shape)
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
            column.copy_(pixel)
            pixels.append(pixel)
        return self.to_image(torch.stack(pixels, -1))

    @property
    def pixel_distribution(self) -> TorchDistribution:
        """Distribution of a pixel whose raw outputs are zero: for its support and its values."""
        size = (self.likelihood.outputs, 1, 1, 1)
        raw = torch.zeros(size, dtype=self.dtype, device=self.ordering.device)
        return self.likelihood.distribution(raw).base_dist

    def in_order(self, x: Tensor) -> Tensor:
        """Flatten images ``(…, *shape)`` in drawing order, ``(…, pixels)``."""
        return x.flatten(-len(self.shape))[..., self.ordering]

    def to_image(self, x: Tensor) -> Tensor:
        """Convert values ``(…, pixels)`` in drawing order to images, ``(…, *shape)``."""
        return x[..., self.ordering.argsort()].unflatten(-1, self.shape)

    def context_vectors(self, context: Tensor | None, check_labels: bool = True) -> Tensor | None:
        """Validate a context and return vectors ``(…, context_size)`` in the parameters' type.

        Integer labels ``(…)`` become one-hot vectors. ``check_labels`` is whether to check their
        values, for which a GPU has to be waited for.
        """
        size, reason = self.context_size, f"the network has context_size {self.context_size}"
        if context is None:
            if size:
                raise ValueError(
                    f"context is None; expected one label or vector for each image, for {reason}"
                )
            return None
        expected = "a tensor of floating vectors, or of integer labels"
        if not isinstance(context, Tensor) or context.dtype == torch.bool:
            raise TypeError(f"context is {shown(context)}; expected {expected}")
        if size == 0:
            raise ValueError(
                f"context is a tensor of shape {tuple(context.shape)}; expected None, for {reason}"
            )
        if context.is_floating_point():
            if context.shape[-1:] != (size,):
                raise ValueError(
                    f"context has the shape {tuple(context.shape)}; expected vectors of length "
                    f"{size}, or integer labels, for {reason}"
                )
            return context.to(self.dtype)
        if check_labels and context.numel() > 0:
            lowest, highest = context.aminmax()
            if not 0 <= lowest <= highest < size:
                raise ValueError(
                    f"context holds labels from {lowest} to {highest}; expected 0 … {size - 1}, "
                    f"for {reason}"
                )
        # F.one_hot would read the values, and wait for the device.
        zeros = torch.zeros(*context.shape, size, dtype=self.dtype, device=context.device)
        return zeros.scatter_(-1, context.long().unsqueeze(-1), 1)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the parameters or, without any, of the buffers."""
        tensors = chain(self.parameters(), self.buffers())
        floating = (tensor.dtype for tensor in tensors if tensor.is_floating_point())
        return next(floating, torch.get_default_dtype())


def uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Draw initial weights as ``nn.Linear`` does, for units with ``fan_in`` inputs.

    Weights of a context are random too: with zeros, a latent variable as the context would start
    without a gradient, and might never be used.
    """
    weight: Tensor = torch.empty(shape).uniform_(-1, 1)
    return nn.Parameter(weight / max(1, fan_in) ** 0.5)
