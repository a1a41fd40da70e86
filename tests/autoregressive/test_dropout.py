"""Dropout inside networks: it acts in training alone, on what layers add, and in any order."""

from functools import partial

import pytest
import torch
from networks import ROUNDING
from torch.nn import functional as F

import ppgen
from ppgen.autoregressive import GatedPixelCNN, PixelCNN, Transformer
from ppgen.models import AutoregressiveModel

SHAPE = (1, 4, 4)


def dropped_layers(network):
    """Return the layers whose inputs (or outputs, of a transformer) dropout may set to zero."""
    match network:
        case PixelCNN():
            return [(block.widen, ["weight"]) for block in network.blocks]
        case GatedPixelCNN():
            gated = [network.read, *network.layers]
            mixes = [(layer.mix, ["weight"]) for layer in gated]
            return mixes + [(layer.vertical, ["weight"]) for layer in network.layers]
        case Transformer():
            added = [
                layer for block in network.blocks for layer in (block.out, block.perceptron[3])
            ]
            return [(layer, ["weight", "bias"]) for layer in added]


NETWORKS = {
    "PixelCNN": partial(PixelCNN, channels=8, blocks=2),
    "GatedPixelCNN": partial(GatedPixelCNN, channels=6, blocks=2),
    "Transformer": partial(Transformer, width=8, layers=2, heads=2),
}
every = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def with_dropout(make, p, **options):
    network = make(SHAPE, dropout=p, **options).double()
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return network


def binary(batch):
    return torch.bernoulli(torch.full((batch, *SHAPE), 0.5)).double()


@every
def test_in_evaluation_nothing_is_dropped(make):
    network, plain = with_dropout(make, 0.5).eval(), make(SHAPE).double().eval()
    plain.load_state_dict(network.state_dict())
    x = binary(3)
    assert torch.equal(network(x), plain(x))


@every
def test_certain_dropout_leaves_networks_whose_layers_add_nothing(make):
    """An exact oracle of where dropout acts: the same network with those layers' weights zero."""
    network = with_dropout(make, 1.0).train()
    x = binary(3)
    dropped = network(x)
    for layer, names in dropped_layers(network):
        for name in names:
            getattr(layer, name).data.zero_()
    network.eval()
    torch.testing.assert_close(dropped, network(x))


@every
def test_under_dropout_no_pixel_sees_itself_or_later_ones(make):
    network = with_dropout(make, 0.5).train()
    x = binary(2)

    def outputs(images):
        torch.manual_seed(0)
        return network(images).flatten(1)

    first = outputs(x)
    for pixel in range(x[0].numel()):
        changed = x.clone().flatten(1)
        changed[:, pixel] = 1 - changed[:, pixel]
        again = outputs(changed.view_as(x))
        # A convolution may compute tiles of pixels together, and round all of them.
        torch.testing.assert_close(
            again[:, : pixel + 1], first[:, : pixel + 1], rtol=0, atol=ROUNDING
        )
    again = network(x).flatten(1)
    assert not torch.allclose(again, first), "each pass has masks of its own"


@every
def test_training_with_dropout_goes_on_where_it_stopped(make, tmp_path):
    """Its draws belong to the state of a fit, whether steps are compiled or not."""
    x = binary(64).float()

    def fitted(epochs, resume, folder):
        torch.manual_seed(3)
        model = AutoregressiveModel(make(SHAPE, dropout=0.3))
        ppgen.fit(model, x, epochs=epochs, out=folder, resume=resume, batch_size=16, progress=False)
        return model.state_dict()

    whole = fitted(3, False, tmp_path / "whole")
    fitted(1, False, tmp_path / "parts")
    parts = fitted(3, True, tmp_path / "parts")
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name


def test_dropout_has_the_scale_of_torch_s():
    """Kept numbers grow by 1 / (1 − p), so that a layer's expected input is that without it."""
    network = with_dropout(NETWORKS["PixelCNN"], 0.25).train()
    read = []
    network.blocks[0].widen.register_forward_pre_hook(lambda layer, inputs: read.append(inputs[0]))
    x = binary(2)
    torch.manual_seed(0)
    network(x)
    network.eval()
    network(x)
    torch.manual_seed(0)
    assert torch.equal(read[0], F.dropout(read[1], 0.25))


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
@every
def test_a_probability_that_is_none_is_named(make, p):
    with pytest.raises(ValueError, match="dropout is"):
        make(SHAPE, dropout=p)
