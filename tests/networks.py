"""Every network under test in `NETWORKS`, every encoding in `INPUTS`; a new one is one line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from programs import LinearChain
from scipy.stats import chisquare

from ppgen.autoregressive import (
    LSTM,
    MADE,
    NADE,
    AutoregressiveNetwork,
    ConditionalTables,
    Embedding,
    Ensemble,
    FullyVisible,
    GatedPixelCNN,
    GreyValues,
    Independent,
    OneHot,
    PixelCNN,
    Transformer,
)
from ppgen.likelihoods import Categorical

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4

# Of float64, in sums of at most some hundred terms of order one, with a wide margin.
ROUNDING = 1e-10


def dense_tables(shape, ordering=None):
    pixels = torch.Size(shape).numel()
    tables = [torch.rand((2,) * length, dtype=torch.double) for length in range(1, pixels + 1)]
    tables = [(table / table.sum(-1, keepdim=True)).numpy() for table in tables]
    return ConditionalTables.from_tables(shape, tables, ordering)


def prefix_tree(shape, ordering=None):
    images = torch.bernoulli(torch.full((60, *shape), 0.5))
    return ConditionalTables.from_images(images, pseudo_count=0.4, ordering=ordering)


def ensemble(shape, **options):
    return Ensemble([NADE(shape, hidden=4, **options), MADE(shape, hidden=[9], masks=2, **options)])


@dataclass(frozen=True)
class Entry:
    """A network under test, and which arguments it has."""

    make: Callable[..., AutoregressiveNetwork]
    context: bool = True
    ordering: bool = True
    any_likelihood: bool = True
    inputs: bool = True
    differentiable: bool = True
    waits: bool = False  # for a GPU, before it draws pixel by pixel


LOOKED_UP = dict.fromkeys(("context", "any_likelihood", "inputs", "differentiable"), False)

NETWORKS = {
    "Independent": Entry(Independent, ordering=False, inputs=False),
    "FullyVisible": Entry(FullyVisible, waits=True),
    "MADE": Entry(partial(MADE, hidden=[20]), waits=True),
    "MADE, two layers, no direct": Entry(partial(MADE, hidden=[12, 15], direct=False), waits=True),
    "MADE, three masks": Entry(partial(MADE, hidden=[12, 15], masks=3), waits=True),
    "MADE, three orderings": Entry(
        partial(MADE, hidden=[20], masks=3, random_orderings=True), waits=True
    ),
    "NADE": Entry(partial(NADE, hidden=5)),
    "Ensemble": Entry(ensemble, waits=True),
    "PixelCNN": Entry(partial(PixelCNN, channels=8, blocks=2), ordering=False),
    "PixelCNN, 5×5": Entry(partial(PixelCNN, channels=4, blocks=1, kernel_size=5), ordering=False),
    "GatedPixelCNN": Entry(partial(GatedPixelCNN, channels=4, blocks=2), ordering=False),
    "ConditionalTables, dense": Entry(dense_tables, **LOOKED_UP),
    "ConditionalTables, tree": Entry(prefix_tree, **LOOKED_UP),
    "LSTM": Entry(partial(LSTM, hidden=6)),
    "LSTM, two layers": Entry(partial(LSTM, hidden=5, layers=2)),
    "Transformer": Entry(partial(Transformer, width=6, layers=2, heads=2)),
    "Transformer, window": Entry(partial(Transformer, width=6, layers=2, heads=2, window=3)),
    "Transformer, span": Entry(partial(Transformer, width=6, layers=2, heads=2, span=4)),
    "a network of one's own": Entry(LinearChain, inputs=False, waits=True),
}

INPUTS = {
    "grey": lambda levels: GreyValues(),
    "one-hot": OneHot,
    "embedding": partial(Embedding, size=2),
}

every = pytest.mark.parametrize("entry", NETWORKS.values(), ids=NETWORKS)
every_input = pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
shapes = pytest.mark.parametrize(
    "shape", [(1, 3, 3), (2, 2, 3), (7,)], ids=["grey", "colour", "sequence"]
)
orderings = pytest.mark.parametrize("shuffled", [False, True], ids=["raster", "shuffled"])


def make(entry, shape=(1, 3, 3), shuffled=False, **options):
    """Make a network with weights far from zero, in float64."""
    if shuffled:
        options["ordering"] = torch.randperm(torch.Size(shape).numel())
    network = entry.make(shape, **options).double().eval()
    for parameter in network.parameters():
        parameter.data = 1.5 * parameter.data + 0.3 * torch.randn_like(parameter)
    return network


def make_or_skip(entry, shape=(1, 3, 3), shuffled=False, **options):
    if not entry.inputs and isinstance(options.get("inputs"), GreyValues):  # as by default
        del options["inputs"]
    wanted = {"context": "context_size" in options, "ordering": shuffled}
    wanted |= {"any_likelihood": "likelihood" in options, "inputs": "inputs" in options}
    for name, is_wanted in wanted.items():
        if is_wanted and not getattr(entry, name):
            pytest.skip(f"has no argument for {name}")
    return make(entry, shape, shuffled, **options)


def of_symbols(entry, inputs, shape=(1, 3, 3), shuffled=False, levels=3, **options):
    """Make a network whose pixels have three values, read by an encoding."""
    options |= {"likelihood": Categorical(levels), "inputs": inputs(levels)}
    return make_or_skip(entry, shape, shuffled, **options)


def all_images(shape, levels=2):
    pixels = torch.Size(shape).numel()
    digits = torch.arange(levels**pixels)[:, None] // levels ** torch.arange(pixels) % levels
    return digits.double().view(-1, *shape)


def numbers(images, levels=2):
    """Return the place of each image in `all_images`."""
    digits = images.flatten(1).long()
    return (digits * levels ** torch.arange(digits.shape[1])).sum(1)


def p_value(probabilities, counts):
    """Return the p-value of a chi-square test that merges cells with expected counts below 10."""
    expected = probabilities * counts.sum()
    rare = expected < 10
    cells = [torch.cat([t[~rare], t[rare].sum(0, keepdim=True)]) for t in (counts, expected)]
    observed, expected = (t[cells[1] > 0] for t in cells)
    return chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


@torch.no_grad()
def by_steps(network, x, context=None):
    """Return raw outputs of the sequential view, in which pixels not yet drawn are NaN."""
    known = network.in_order(x)
    buffer = torch.full_like(known, torch.nan)
    raws = []
    for step, raw in enumerate(network.steps(buffer, context)):
        raws.append(raw.clone())
        buffer[:, step] = known[:, step]
    return network.to_image(torch.stack(raws, -1))
