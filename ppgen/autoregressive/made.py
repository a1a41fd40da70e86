"""The masked autoencoder for distribution estimation, and the fully visible belief net."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Count, Seed, Size, checked
from ppgen.autoregressive.inputs import AnyInputs
from ppgen.autoregressive.masked_linear import (
    MaskedLinear,
    connections,
    draw_degrees,
    masked,
    sums_by_degree,
)
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import Ordering, Shape
from ppgen.likelihoods import AnyLikelihood


@checked
class MADE(AutoregressiveNetwork):
    """A perceptron from images to raw outputs, made autoregressive by masks on its weights.

    Every layer is W x + b + V y for the context y, with W masked (Germain et al. 2015, MADE:
    Masked autoencoder for distribution estimation, equations 8 to 13). With several masks, the
    network is the equal mixture of one MADE per mask, which share all weights. Training draws one
    mask for each batch (section 4.2). If their orderings differ, it is order-agnostic (section
    4.1).

    Parameters
    ----------
    shape, likelihood, context_size, ordering, inputs
        As for :class:`AutoregressiveNetwork`.
    hidden
        Number of units of each hidden layer; empty: outputs linear in the earlier pixels.
    masks
        Number of sets of degrees: one at equal distances, or several drawn at random.
    random_orderings
        Whether all masks but the first have their own random ordering.
    direct
        Whether to add direct connections from the inputs to the outputs.
    activation
        Class or function that makes the hidden units' nonlinearity.
    seed
        Seed of random degrees and orderings.

    Examples
    --------
    >>> network = MADE((1, 8, 8), hidden=[100, 100])
    >>> network(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 1, 8, 8])
    >>> len(MADE((1, 8, 8), masks=4, random_orderings=True).members)
    4
    """

    degrees: Tensor

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        *,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
        hidden: Sequence[Size] = (500,),
        masks: Size = 1,
        random_orderings: bool = False,
        direct: bool = True,
        activation: Callable[[], nn.Module] = nn.ReLU,
        seed: Seed = 0,
    ) -> None:
        super().__init__(shape, likelihood, context_size, ordering=ordering, inputs=inputs)
        self.hidden = tuple(hidden)
        if masks == 1 and random_orderings:
            raise ValueError("masks is 1; expected 2 or more with random_orderings")
        self.register_buffer("degrees", self._draw_degrees(masks, random_orderings, seed))
        read, outputs = (self.pixels * n for n in (self.inputs.features, self.likelihood.outputs))
        self.layers = nn.ModuleList(
            MaskedLinear(below, above, self.context_size)
            for below, above in zip([read, *self.hidden], [*self.hidden, outputs], strict=True)
        )
        self.direct = nn.Parameter(torch.zeros(outputs, read)) if direct and self.hidden else None
        self.activation = activation()

    def _draw_degrees(self, masks: int, random_orderings: bool, seed: int) -> Tensor:
        # (masks, units): each row holds the degrees of the pixels, then of the hidden layers.
        generator = torch.Generator().manual_seed(seed) if masks > 1 else None
        rows = [self.ordering.argsort() + 1] * masks
        if random_orderings:
            rows[1:] = [torch.randperm(self.pixels, generator=generator) + 1 for _ in rows[1:]]
        return torch.stack(
            [
                torch.cat([row, *(draw_degrees(n, self.pixels, generator) for n in self.hidden)])
                for row in rows
            ]
        )

    @property
    def members(self) -> Sequence[Self]:
        """One MADE for each mask; they share this one's parameters."""
        if len(self.degrees) == 1:
            return (self,)
        return [self._member(degrees) for degrees in self.degrees]

    def training_member(self) -> Self:
        """Draw one of the masks uniformly."""
        if len(self.degrees) == 1:
            return self
        which = torch.randint(len(self.degrees), (1,), device=self.degrees.device)
        return self._member(self.degrees.index_select(0, which).squeeze(0))

    def _member(self, degrees: Tensor) -> Self:
        member = copy.copy(self)
        ordering = degrees[: self.pixels].argsort()
        member._buffers = {"ordering": ordering, "degrees": degrees[None]}
        return member

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of all pixels under the first mask."""
        read = units = self.features(x).flatten(1)
        pixels, layers = self._degrees()
        *hidden_masks, output_mask = connections(pixels, layers)
        *hidden_layers, output_layer = self.layers
        for layer, mask in zip(hidden_layers, hidden_masks, strict=True):
            units = self.activation(layer(units, mask, context))
        raw = output_layer(units, output_mask, context)
        if self.direct is not None:
            (mask,) = connections(pixels, layers[:1])
            raw = raw + F.linear(read, masked(self.direct, mask))
        return raw.view(len(x), self.likelihood.outputs, *self.shape)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the outputs of one pixel after the other.

        Hidden units of degree t are computed once, as soon as the first t pixels are known.
        """
        _, degrees = self._degrees()
        features = torch.arange(self.inputs.features, device=x.device)
        outputs = torch.arange(self.likelihood.outputs, device=x.device) * self.pixels
        # Of each layer, inputs and outputs included: units by degree, and how many have each.
        order = [
            (self.ordering[:, None] * len(features) + features).flatten(),
            *(layer.argsort() for layer in degrees[1:]),
            (self.ordering[:, None] + outputs).flatten(),
        ]
        counts = [layer.bincount(minlength=self.pixels + 1).tolist() for layer in degrees]
        counts.append([len(outputs)] * self.pixels)
        units = [x.new_zeros(len(layer), len(x), dtype=self.dtype) for layer in degrees]

        def sums(weight: Tensor, bias: Tensor, below: int, above: int) -> Iterator[Tensor]:
            weight = weight.index_select(0, order[above]).index_select(1, order[below])
            bias = bias[order[above]].expand(-1, len(x)).contiguous()
            return sums_by_degree(weight, bias, units[below], counts[below], counts[above])

        *hidden, output = (
            sums(layer.weight, layer.bias_with(context), number, number + 1)
            for number, layer in enumerate(cast("list[MaskedLinear]", self.layers))
        )
        if self.direct is not None:
            direct = sums(self.direct, self.direct.new_zeros(len(self.direct), 1), 0, -1)
            output = map(torch.add, output, direct)
        # By degree, from 0: no input has that degree.
        read, *parts = (layer.split(count) for layer, count in zip(units, counts, strict=False))
        for step in range(self.pixels):
            if step:
                read[step].copy_(self.inputs(x[:, step - 1], self.likelihood).mT)
            for new_sums, new_units in zip(hidden, parts, strict=True):
                new_units[step].copy_(self.activation(next(new_sums)))
            yield next(output).mT

    def _degrees(self) -> tuple[Tensor, list[Tensor]]:
        # Under the first mask: of the pixels; and of the inputs and each hidden layer.
        pixels, *hidden = self.degrees[0].split([self.pixels, *self.hidden])
        return pixels, [pixels.repeat_interleave(self.inputs.features), *hidden]


@checked
class FullyVisible(MADE):
    """Raw outputs of each pixel, linear in the pixels before it and in the context.

    With binary pixels it is a logistic regression of each pixel on the earlier ones (Frey 1998;
    FVSBN): a :class:`MADE` without hidden layers. Parameters are those of
    :class:`AutoregressiveNetwork`.

    Examples
    --------
    >>> network = FullyVisible((1, 8, 8))
    >>> network(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 1, 8, 8])
    """

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        *,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
    ) -> None:
        given = shape, likelihood, context_size
        super().__init__(*given, ordering=ordering, inputs=inputs, hidden=())
