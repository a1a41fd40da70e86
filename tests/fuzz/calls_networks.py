"""Valid calls of networks."""

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ppgen import autoregressive, likelihoods

from .samples import ROWS, SHAPE, binary, labels, mask, nade

NETWORK = {"shape": SHAPE}
TABLES = [np.full((2,) * k, 0.5) for k in range(1, 7)]


def tables():
    """Tables of binary images, counted."""
    return autoregressive.ConditionalTables.from_images(binary())


def saved_tables():
    """The path of tables that were saved."""
    tables().save("tables.npz")
    return Path("tables.npz")


def pickled_tables():
    """The path of a pickled list of arrays."""
    Path("tables.pkl").write_bytes(pickle.dumps(TABLES))
    return Path("tables.pkl")


def made():
    """A MADE."""
    return autoregressive.MADE(SHAPE, hidden=[4])


def view(network, name):
    """A view of a network and its arguments."""
    x = binary() if name == "forward" else binary().flatten(1)
    return getattr(network.requires_grad_(False), name), {"x": x, "context": None}


def lstm():
    """An LSTM."""
    return autoregressive.LSTM(SHAPE, hidden=3)


def gated():
    """A gated PixelCNN."""
    return autoregressive.GatedPixelCNN(SHAPE, channels=2, blocks=1)


def pixelcnn():
    """A PixelCNN."""
    return autoregressive.PixelCNN(SHAPE, channels=2, blocks=1)


def independent():
    """A network of independent pixels."""
    return autoregressive.Independent(SHAPE)


def ensemble():
    """A mixture of two networks."""
    return autoregressive.Ensemble([nade(), made()])


AUTOREGRESSIVE = {
    "Ensemble": lambda: (autoregressive.Ensemble, {"networks": [nade(), made()]}),
    "Ensemble.forward": lambda: view(ensemble(), "forward"),
    "LSTM": lambda: (autoregressive.LSTM, {**NETWORK, "hidden": 3, "layers": 1}),
    "LSTM.forward": lambda: view(lstm(), "forward"),
    "LSTM.steps": lambda: view(lstm(), "steps"),
    "MADE": lambda: (autoregressive.MADE, {**NETWORK, "hidden": [4]}),
    "MADE.forward": lambda: view(made(), "forward"),
    "MADE.steps": lambda: view(made(), "steps"),
    "NADE": lambda: (autoregressive.NADE, {**NETWORK, "hidden": 3}),
    "NADE.forward": lambda: view(nade(), "forward"),
    "NADE.steps": lambda: view(nade(), "steps"),
    "AutoregressiveNetwork.steps": lambda: (
        partial(autoregressive.AutoregressiveNetwork.steps, made().requires_grad_(False)),
        {"x": binary().flatten(1)},
    ),
    "AutoregressiveNetwork.features": lambda: (nade().features, {"x": binary()}),
    "AutoregressiveNetwork.log_probs": lambda: (nade().log_probs, {"x": binary()}),
    "AutoregressiveNetwork.ancestral_sample": lambda: (
        nade().ancestral_sample,
        {"n": ROWS, "given": binary(), "observed": mask()},
    ),
    "AutoregressiveNetwork.in_order": lambda: (nade().in_order, {"x": binary()}),
    "AutoregressiveNetwork.to_image": lambda: (nade().to_image, {"x": binary().flatten(1)}),
    "AutoregressiveNetwork.context_vectors": lambda: (
        nade(2).context_vectors,
        {"context": labels(), "check_labels": True},
    ),
    "ConditionalTables": lambda: (
        autoregressive.ConditionalTables,
        {**NETWORK, "tables": tables().tables},
    ),
    "ConditionalTables.from_images": lambda: (
        autoregressive.ConditionalTables.from_images,
        {"images": binary()},
    ),
    "ConditionalTables.from_tables": lambda: (
        autoregressive.ConditionalTables.from_tables,
        {**NETWORK, "tables": TABLES},
    ),
    "ConditionalTables.from_pickle": lambda: (
        autoregressive.ConditionalTables.from_pickle,
        {"path": pickled_tables(), **NETWORK},
    ),
    "ConditionalTables.load": lambda: (
        autoregressive.ConditionalTables.load,
        {"path": saved_tables()},
    ),
    "ConditionalTables.save": lambda: (tables().save, {"path": Path("tables.npz")}),
    "ConditionalTables.forward": lambda: view(tables(), "forward"),
    "ConditionalTables.steps": lambda: view(tables(), "steps"),
    "Embedding": lambda: (autoregressive.Embedding, {"levels": 3, "size": 2}),
    "Embedding.forward": lambda: (
        autoregressive.Embedding(3, 2).forward,
        {"x": torch.arange(3), "likelihood": likelihoods.Categorical(3)},
    ),
    "FullyVisible": lambda: (autoregressive.FullyVisible, NETWORK),
    "GatedPixelCNN": lambda: (
        autoregressive.GatedPixelCNN,
        {**NETWORK, "channels": 2, "blocks": 1},
    ),
    "GatedPixelCNN.forward": lambda: view(gated(), "forward"),
    "GatedPixelCNN.steps": lambda: view(gated(), "steps"),
    "GreyValues.forward": lambda: (
        autoregressive.GreyValues().forward,
        {"x": binary(), "likelihood": likelihoods.Bernoulli()},
    ),
    "Independent": lambda: (autoregressive.Independent, NETWORK),
    "Independent.from_images": lambda: (
        autoregressive.Independent.from_images,
        {"images": binary()},
    ),
    "Independent.forward": lambda: view(independent(), "forward"),
    "Independent.steps": lambda: view(independent(), "steps"),
    "MaskedConv2d": lambda: (
        autoregressive.MaskedConv2d,
        {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "mask_type": "A"},
    ),
    "MaskedConv2d.forward": lambda: (
        autoregressive.MaskedConv2d(1, 2, 3, "A").forward,
        {"x": binary()},
    ),
    "OneHot": lambda: (autoregressive.OneHot, {"levels": 3}),
    "PixelCNN": lambda: (autoregressive.PixelCNN, {**NETWORK, "channels": 2, "blocks": 1}),
    "PixelCNN.forward": lambda: view(pixelcnn(), "forward"),
    "PixelCNN.steps": lambda: view(pixelcnn(), "steps"),
    "Transformer": lambda: (
        autoregressive.Transformer,
        {**NETWORK, "width": 4, "layers": 1, "heads": 2, "span": 2},
    ),
    "check_network": lambda: (autoregressive.check_network, {"network": nade()}),
    "check_ordering": lambda: (
        autoregressive.check_ordering,
        {"ordering": [1, 0, 2], "pixels": 3},
    ),
    "masks": lambda: (autoregressive.masks, {"ordering": [1, 0, 2], "hidden_degrees": [[1, 2]]}),
    "raster": lambda: (autoregressive.raster, NETWORK),
}
