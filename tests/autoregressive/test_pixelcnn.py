"""PixelCNN and its gated form; test_network_* test the laws of all networks."""

from functools import partial

import pytest
import torch
from networks import ROUNDING, by_steps
from torch.utils.flop_counter import FlopCounterMode

import ppgen
from ppgen.autoregressive import GatedPixelCNN, PixelCNN
from ppgen.models import AutoregressiveModel

NETWORKS = {
    "PixelCNN": partial(PixelCNN, channels=6, blocks=2),
    "PixelCNN, 5×5": partial(PixelCNN, channels=6, blocks=2, kernel_size=5),
    "no block": partial(PixelCNN, channels=6, blocks=0),
    "GatedPixelCNN": partial(GatedPixelCNN, channels=4, blocks=2),
    "GatedPixelCNN, 5×5": partial(GatedPixelCNN, channels=4, blocks=2, kernel_size=5),
    "no layer": partial(GatedPixelCNN, channels=4, blocks=0),
}
every = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


@every
@pytest.mark.parametrize("image_shape", [(1, 11, 6), (3, 9, 4)], ids=["grey", "colour"])
@torch.no_grad()
def test_both_views_agree_on_images_that_outgrow_the_rows_kept(make, image_shape):
    network = make(image_shape, context_size=3).double()
    x = torch.bernoulli(torch.full((5, *image_shape), 0.5)).double()
    context = torch.randn(5, 3).double()
    torch.testing.assert_close(
        by_steps(network, x, context), network(x, context), rtol=0, atol=ROUNDING
    )


def influence(network, image_shape):
    """Return whether each conditional depends on each pixel, both in drawing order."""
    x = torch.rand(image_shape).double()
    jacobian = torch.autograd.functional.jacobian(
        lambda x: network.in_order(network(x[None])[0, 0]), x
    )
    return network.in_order(jacobian) != 0


def test_the_plain_network_has_a_blind_spot_however_deep_it_is():
    """Four and more pixels to the right in the row above: the first layer reaches three."""
    image_shape = (1, 4, 9)
    network = PixelCNN(image_shape, channels=8, blocks=12).double()
    seen = influence(network, image_shape).view(4, 9, 4, 9)
    assert seen[3, 2, 2, :6].all()
    assert not seen[3, 2, 2, 6:].any()
    assert seen[3, 2, 1, :7].all()  # another column for each row further up
    assert not seen[3, 2, 1, 7:].any()


@pytest.mark.parametrize("image_shape", [(1, 4, 9), (2, 3, 5)], ids=["grey", "colour"])
def test_the_gated_network_sees_every_earlier_pixel_and_no_other(image_shape):
    network = GatedPixelCNN(image_shape, channels=8, blocks=6).double()
    seen = influence(network, image_shape)
    assert torch.equal(seen, torch.ones_like(seen).tril(-1))


@every
@pytest.mark.parametrize("image_shape", [(1, 12, 12), (3, 8, 8)], ids=["grey", "colour"])
def test_an_image_costs_the_arithmetic_of_about_one_parallel_pass(make, image_shape):
    network = make(image_shape)
    with FlopCounterMode(display=False) as parallel, torch.no_grad():
        network(torch.zeros(4, *image_shape))
    with FlopCounterMode(display=False) as sampling:
        network.ancestral_sample(4)
    assert sampling.get_total_flops() <= 1.1 * parallel.get_total_flops()


def test_a_context_of_labels_is_learned_in_bfloat16():
    """Stripes along the rows for one label, along the columns for the other."""
    stripes = (torch.arange(8) % 2).expand(1, 8, 8).float()
    images = torch.stack([stripes, stripes.mT]).repeat(32, 1, 1, 1)
    labels = torch.tensor([0, 1]).repeat(32)
    model = AutoregressiveModel(PixelCNN((1, 8, 8), channels=8, blocks=1, context_size=2))
    adam = partial(torch.optim.Adam, lr=1e-2)
    ppgen.fit(
        model,
        (images, labels),
        epochs=60,
        batch_size=32,
        optimizer=adam,
        bfloat16=True,
        progress=False,
    )
    assert model.distribution(labels[:2]).log_prob(images[:2]).min() > -1
    assert torch.equal(ppgen.sample(model, 2, labels[:2]), images[:2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(PixelCNN, channels=5), "channels is 5; expected an even number"),
        (partial(PixelCNN, channels=1), "channels is 1; expected 2 or more"),
        (partial(PixelCNN, blocks=-1), "blocks is -1; expected a whole number, 0 or more"),
        (partial(PixelCNN, kernel_size=4), "kernel_size is 4; expected odd"),
        (partial(PixelCNN, kernel_size=-1), "kernel_size is -1; expected odd numbers, 1 or more"),
        (partial(GatedPixelCNN, channels=0), "channels is 0; expected a whole number, 1 or more"),
        (partial(GatedPixelCNN, blocks=-1), "blocks is -1; expected a whole number, 0 or more"),
        (partial(GatedPixelCNN, kernel_size=4), r"kernel_size is 4; expected odd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_network_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make((1, 8, 8))


@pytest.mark.parametrize(
    "options", [{"channels": 4.0}, {"blocks": 1.0}, {"kernel_size": 3.0}], ids=str
)
@pytest.mark.parametrize("network", [PixelCNN, GatedPixelCNN])
def test_parts_of_layers_are_refused(network, options):
    ((name, value),) = options.items()
    with pytest.raises(TypeError, match=rf"{name} is {value}; expected"):
        network((1, 8, 8), **options)


def test_weights_of_a_network_for_another_size_are_refused():
    saved = PixelCNN((1, 8, 8), channels=4, blocks=1).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch for ordering"):
        PixelCNN((1, 9, 9), channels=4, blocks=1).load_state_dict(saved)
