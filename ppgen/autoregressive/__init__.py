"""Autoregressive networks: the conditional of each pixel given those before it."""

from ppgen.autoregressive.checking import check_network
from ppgen.autoregressive.fully_visible import FullyVisible
from ppgen.autoregressive.gated_pixelcnn import GatedPixelCNN
from ppgen.autoregressive.independent import Independent
from ppgen.autoregressive.lstm import LSTM
from ppgen.autoregressive.made import MADE
from ppgen.autoregressive.masked_conv import MaskedConv2d
from ppgen.autoregressive.masks import masks
from ppgen.autoregressive.nade import NADE
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import check_ordering, raster
from ppgen.autoregressive.pixelcnn import PixelCNN
from ppgen.autoregressive.tables import ConditionalTables
from ppgen.autoregressive.transformer import Transformer

__all__ = [
    "LSTM",
    "MADE",
    "NADE",
    "AutoregressiveNetwork",
    "ConditionalTables",
    "FullyVisible",
    "GatedPixelCNN",
    "Independent",
    "MaskedConv2d",
    "PixelCNN",
    "Transformer",
    "check_network",
    "check_ordering",
    "masks",
    "raster",
]
