"""The masked autoencoder for distribution estimation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import check_kind, check_size
from ppgen.autoregressive.masked_linear import MaskedLinear, masked, sums_by_degree
from ppgen.autoregressive.masks import connections, draw_degrees
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.likelihoods import Likelihood


class MADE(AutoregressiveNetwork):
    """A perceptron from images to raw outputs, made autoregressive by masks on its weights.

    Every layer is W x + b + V y for the context y, with W masked (Germain et al. 2015, MADE:
    Masked autoencoder for distribution estimation, equations 8 to 13). With several masks, the
    network stands for the equal mixture of one MADE a mask, which share all weights: training
    takes one at random for each batch (section 4.2), and where their orderings differ as well, it
    is order-agnostic (section 4.1).

    Parameters
    ----------
    image_shape, likelihood, context_size, ordering
        As for :class:`AutoregressiveNetwork`.
    hidden
        Units of each hidden layer; none: outputs linear in the pixels before.
    masks
        Number of sets of degrees: one at equal distances, or several drawn at random.
    random_orderings
        Whether all but the first of several masks have an ordering of their own, drawn at random.
    direct
        Whether there are direct connections from the pixels to the outputs as well.
    activation
        Maker of the hidden units' nonlinearity.
    seed
        Of random degrees and orderings.

    Raises
    ------
    TypeError
        Where ``hidden`` is no sequence, or a size or ``masks`` no whole number.
    ValueError
        Where a size is less than 1, or random orderings are asked for with one mask.

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
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
        *,
        hidden: Sequence[int] = (500,),
        masks: int = 1,
        random_orderings: bool = False,
        direct: bool = True,
        activation: Callable[[], nn.Module] = nn.ReLU,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, context_size, ordering)
        check_kind("hidden", hidden, Sequence, f"the size of each layer, as [{hidden}]")
        self.hidden = tuple(hidden)
        for number, units in enumerate(self.hidden):
            check_size(f"hidden[{number}]", units)
        check_kind("masks", masks, Integral, "a whole number")
        if masks < 1 or (masks == 1 and random_orderings):
            raise ValueError(
                f"masks is {masks}; expected 1 or more, and 2 or more with random_orderings"
            )
        self.register_buffer("degrees", self._draw_degrees(masks, random_orderings, seed))
        sizes = [self.pixels, *self.hidden]
        outputs = self.likelihood.outputs * self.pixels
        self.layers = nn.ModuleList(
            MaskedLinear(below, above, context_size)
            for below, above in zip(sizes, [*self.hidden, outputs], strict=True)
        )
        self.direct = (
            nn.Parameter(torch.zeros(outputs, self.pixels)) if direct and self.hidden else None
        )
        self.activation = activation()

    def _draw_degrees(self, masks: int, random_orderings: bool, seed: int) -> Tensor:
        # (masks, units): in each row the degrees of the inputs, then those of the hidden layers
        generator = torch.Generator().manual_seed(seed) if masks > 1 else None
        rows = [self.ordering.argsort() + 1] * masks
        if random_orderings:
            rows[1:] = [torch.randperm(self.pixels, generator=generator) + 1 for _ in rows[1:]]
        hidden = [
            [draw_degrees(units, self.pixels, generator) for units in self.hidden] for _ in rows
        ]
        return torch.stack(
            [torch.cat([row, *more]) for row, more in zip(rows, hidden, strict=True)]
        )

    @property
    def members(self) -> Sequence[MADE]:
        """One MADE of a single mask for each mask; they share this one's parameters."""
        if len(self.degrees) == 1:
            return (self,)
        return [self._member(degrees) for degrees in self.degrees]

    def training_member(self) -> MADE:
        """Draw one of the masks, all equally likely."""
        if len(self.degrees) == 1:
            return self
        which = torch.randint(len(self.degrees), (1,), device=self.degrees.device)
        return self._member(self.degrees.index_select(0, which).squeeze(0))

    def _member(self, degrees: Tensor) -> MADE:
        member = copy.copy(self)
        ordering = degrees[: self.pixels].argsort()
        member._buffers = {"ordering": ordering, "degrees": degrees[None]}
        return member

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs of all pixels under the first mask."""
        x = units = x.flatten(1)
        degrees = self._layer_degrees
        *hidden_masks, output_mask = connections(degrees)
        *hidden_layers, output_layer = self.layers
        for layer, mask in zip(hidden_layers, hidden_masks, strict=True):
            units = self.activation(layer(units, mask, context))
        raw = output_layer(units, output_mask, context)
        if self.direct is not None:
            (mask,) = connections(degrees[:1])
            raw = raw + F.linear(x, masked(self.direct, mask))
        return raw.view(len(x), self.likelihood.outputs, *self.image_shape)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Give the outputs of one pixel after the other; each hidden unit is computed once.

        Units of degree t depend on the first t pixels alone, so they are computed when those are
        known, and so are the outputs of the pixel that comes next.
        """
        degrees = self._layer_degrees
        outputs = torch.arange(self.likelihood.outputs, device=x.device) * self.pixels
        # Of each layer, inputs and outputs included: units by degree, and how many have each.
        order = [layer.argsort() for layer in degrees]
        order.append((self.ordering[:, None] + outputs).flatten())
        counts = [layer.bincount(minlength=self.pixels + 1).tolist() for layer in degrees]
        counts.append([len(outputs)] * self.pixels)
        units = [x.new_zeros(len(layer), len(x)) for layer in degrees]

        def sums(weight: Tensor, bias: Tensor, below: int, above: int) -> Iterator[Tensor]:
            weight = weight.index_select(0, order[above]).index_select(1, order[below])
            bias = bias[order[above]].expand(-1, len(x)).contiguous()
            return sums_by_degree(weight, bias, units[below], counts[below], counts[above])

        *hidden, output = (
            sums(layer.weight, layer.bias_with(context), number, number + 1)
            for number, layer in enumerate(cast("list[MaskedLinear]", self.layers))
        )
        if self.direct is not None:
            direct = sums(self.direct, x.new_zeros(len(self.direct), 1), 0, -1)
            output = map(torch.add, output, direct)
        pixels, *parts = (layer.split(count) for layer, count in zip(units, counts, strict=False))
        for step in range(self.pixels):
            if step:
                pixels[step].copy_(x[:, step - 1])
            for new_sums, new_units in zip(hidden, parts, strict=True):
                new_units[step].copy_(self.activation(next(new_sums)))
            yield next(output).mT

    @property
    def _layer_degrees(self) -> Sequence[Tensor]:
        # Of the inputs and each hidden layer, under the first mask
        return self.degrees[0].split([self.pixels, *self.hidden])
