"""Test nats reported in papers, for comparison with one's own.

A result is shown beside the published figure of the same model name and data name. The source names
other differences, such as sizes. All figures were looked up in the papers themselves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Test nats an image that a paper reports, and their source: paper, table and settings."""

    nats: float
    source: str


BINARIZED, DYNAMIC = "binarized_mnist", "mnist, dynamic binarisation"
LARGE_NET = "sigmoid belief net 200-200-200"

MIXTURES = {10: 168.95, 100: 142.63, 500: 137.64}

FIGURES = {
    **{
        (f"mixture of {classes} Bernoullis, {way}", BINARIZED): Published(
            nats, "Salakhutdinov and Murray 2008, in Larochelle and Murray 2011, section 6.2"
        )
        for classes, nats in MIXTURES.items()
        for way in ("EM", "SVI")
    },
    ("FVSBN", BINARIZED): Published(97.45, "Larochelle and Murray 2011, section 6.2"),
    ("NADE", BINARIZED): Published(
        88.33, "Uria et al. 2014, table 2: fixed order, 500 rectified linear units"
    ),
    ("MADE", BINARIZED): Published(
        88.40, "Germain et al. 2015, table 6: one hidden layer of 8,000 units, 1 mask"
    ),
    ("MADE, 32 masks", BINARIZED): Published(
        88.04, "Germain et al. 2015, table 6: one hidden layer of 8,000 units, 32 masks"
    ),
    ("PixelCNN", BINARIZED): Published(81.30, "van den Oord et al. 2016, table 4"),
    ("VAE, 50 latents", BINARIZED): Published(
        88.71, "Burda et al. 2016, table 3: two layers of 200 tanh units, 5,000 particles"
    ),
    **{
        (f"{kind}, 50 latents", DYNAMIC): Published(
            86.76, "Burda et al. 2016, table 1: two layers of 200 tanh units, 5,000 particles"
        )
        for kind in ("VAE", "convolutional VAE")
    },
    ("sigmoid belief net 200, factorised, NVIL", BINARIZED): Published(
        113.1, "Mnih and Gregor 2014, table 1: a bound"
    ),
    ("sigmoid belief net 200, autoregressive, NVIL", BINARIZED): Published(
        103.8, "Mnih and Gregor 2014, table 2: a bound"
    ),
    ("sigmoid belief net 200-200, factorised, NVIL", BINARIZED): Published(
        99.8, "Mnih and Gregor 2014, table 1: a bound"
    ),
    (f"{LARGE_NET}, factorised, NVIL", BINARIZED): Published(
        95.2, "Mnih and Rezende 2016, table 1: 1,000 particles"
    ),
    (f"{LARGE_NET}, autoregressive, NVIL", BINARIZED): Published(
        94.5, "Mnih and Gregor 2014, table 2: a bound"
    ),
    (f"{LARGE_NET}, factorised, VIMCO", BINARIZED): Published(
        92.8, "Mnih and Rezende 2016, table 1: 5 draws in training, 1,000 particles"
    ),
    (f"{LARGE_NET}, factorised, wake-sleep", BINARIZED): Published(
        93.4, "Mnih and Rezende 2016, table 1: 5 draws in training, 1,000 particles"
    ),
}
"""Published figures by model name and data name."""
