"""check_network raises an error for a network that is not autoregressive, and names the pixel."""

import copy

import pytest
import torch
from programs import LinearChain
from torch import nn

from ppgen.autoregressive import AutoregressiveNetwork, check_network
from ppgen.likelihoods import Categorical

ORDERING = [5, 0, 3, 1, 4, 2]


class Leaking(LinearChain):
    """The logit of one pixel also depends on another pixel."""

    def __init__(self, pixel, source, weight=1.0):
        super().__init__((1, 2, 3), context_size=2, ordering=ORDERING)
        self.pixel, self.source = pixel, source
        self.extra = nn.Parameter(torch.tensor(weight))

    def forward(self, x, context=None):
        raw = super().forward(x, context).flatten(2)
        leak = torch.zeros_like(raw)
        leak[:, 0, self.pixel] = self.extra * x.flatten(1)[:, self.source]
        return (raw + leak).unflatten(2, self.shape)


def test_a_pixel_that_knows_itself_is_named():
    with pytest.raises(ValueError, match=r"\(0, 1, 0\) \(number 2 of .* with that pixel itself"):
        check_network(Leaking(pixel=3, source=3))


def test_a_later_pixel_is_named_by_the_ordering_and_not_by_its_place():
    message = r"\(0, 1, 0\) \(number 2 of .* with the pixel \(0, 0, 1\) \(number 3 of"
    with pytest.raises(ValueError, match=message):
        check_network(Leaking(pixel=3, source=1))
    check_network(Leaking(pixel=1, source=3))


def test_a_weight_that_is_zero_hides_nothing():
    with pytest.raises(ValueError, match="itself"):
        check_network(Leaking(pixel=3, source=3, weight=0.0))


def test_the_first_of_several_is_named():
    class Backwards(LinearChain):
        def forward(self, x, context=None):
            return super().forward(x.flip(-1)).flip(-1)

    with pytest.raises(ValueError, match=r"the pixel \(0, 0, 0\) \(number 0 of"):
        check_network(Backwards((1, 1, 4)))


@pytest.mark.parametrize("change", [1.0, torch.nan])
def test_a_step_that_differs_from_the_parallel_view_is_named(change):
    class Differing(LinearChain):
        def steps(self, x, context=None):
            for number, raw in enumerate(super().steps(x, context)):
                yield raw + change if number == 4 else raw

    with pytest.raises(ValueError, match=r"steps and forward .* \(0, 1, 1\) \(number 4 of"):
        check_network(Differing((1, 3, 3)))


def test_steps_that_read_ahead_are_found():
    class Ahead(LinearChain):
        def steps(self, x, context=None):
            raw = self.in_order(self(self.to_image(x), context))
            yield from raw.unbind(-1)

    with pytest.raises(ValueError, match=r"steps and forward .* \(0, 0, 0\)"):
        check_network(Ahead((1, 2, 2)))


class Constant(AutoregressiveNetwork):
    """The same outputs for all four pixels, in any number of steps."""

    def __init__(self, count):
        super().__init__((1, 2, 2))
        self.count = count

    def forward(self, x, context=None):
        return torch.zeros(len(x), 1, 1, 2, 2)

    def steps(self, x, context=None):
        yield from torch.zeros(self.count, len(x), 1)


@pytest.mark.parametrize(("count", "word"), [(3, "fewer"), (5, "more")])
def test_another_number_of_steps_is_refused(count, word):
    with pytest.raises(ValueError, match=f"steps yields {word} steps than there are pixels, 4"):
        check_network(Constant(count))


def test_outputs_of_another_shape_are_refused():
    class Squeezed(LinearChain):
        def forward(self, x, context=None):
            return super().forward(x, context)[:, 0]

    with pytest.raises(ValueError, match=r"raw has the shape \(8, 1, 2, 2\); expected \(8, 3, 1"):
        check_network(Squeezed((1, 2, 2), Categorical(3)))


def test_the_network_stays_as_it_was():
    network = LinearChain((1, 2, 2)).train()
    before = copy.deepcopy(network.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    check_network(network)
    assert torch.equal(torch.rand(1), expected)
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
