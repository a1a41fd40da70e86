"""Autoregressive networks: the conditional of each pixel given those before it."""

from ppgen.autoregressive.checking import check_network
from ppgen.autoregressive.ensemble import Ensemble
from ppgen.autoregressive.independent import Independent
from ppgen.autoregressive.inputs import Embedding, GreyValues, InputEncoding, OneHot
from ppgen.autoregressive.made import MADE, FullyVisible
from ppgen.autoregressive.masked_conv import MaskedConv2d
from ppgen.autoregressive.masked_linear import masks
from ppgen.autoregressive.nade import NADE
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import check_ordering, raster
from ppgen.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from ppgen.autoregressive.sequence import LSTM, Transformer
from ppgen.autoregressive.tables import ConditionalTables

__all__ = [
    "LSTM",
    "MADE",
    "NADE",
    "AutoregressiveNetwork",
    "ConditionalTables",
    "Embedding",
    "Ensemble",
    "FullyVisible",
    "GatedPixelCNN",
    "GreyValues",
    "Independent",
    "InputEncoding",
    "MaskedConv2d",
    "OneHot",
    "PixelCNN",
    "Transformer",
    "check_network",
    "check_ordering",
    "masks",
    "raster",
]
