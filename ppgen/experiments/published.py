"""Test nats reported in papers, for comparison with one's own.

A result is shown beside the published figure of the same model name and data name. The source names
other differences, such as sizes. All figures were looked up in the papers themselves.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Test nats an image that a paper reports, and their source: paper, table and settings."""

    nats: float
    source: str

    def __str__(self) -> str:
        return f"{self.nats:.2f}: {self.source}"


LARGE_NET = "sigmoid belief net 200-200-200"
BURDA = "two layers of 200 tanh units, 5,000 particles"
GERMAIN = "Germain et al. 2015, table 6: one hidden layer of 8,000 units"
LAROCHELLE = "Larochelle and Murray 2011, section 6.2"
GREGOR = "Mnih and Gregor 2014, table"
YIN = "Yin and Zhou 2019, table 2: ARM, a bound"
REZENDE = "Mnih and Rezende 2016, table 1:"
FIVE_DRAWS = f"{REZENDE} 5 draws in training, 1,000 particles"
SALAKHUTDINOV = f"Salakhutdinov and Murray 2008, in {LAROCHELLE}"

ON_BINARIZED_MNIST = {
    **{
        f"mixture of {classes} Bernoullis, {way}": (nats, SALAKHUTDINOV)
        for classes, nats in {10: 168.95, 100: 142.63, 500: 137.64}.items()
        for way in ("EM", "SVI")
    },
    "FVSBN": (97.45, LAROCHELLE),
    "NADE": (88.33, "Uria et al. 2014, table 2: fixed order, 500 rectified linear units"),
    "MADE": (88.40, f"{GERMAIN}, 1 mask"),
    "MADE, 32 masks": (88.04, f"{GERMAIN}, 32 masks"),
    "PixelCNN": (81.30, "van den Oord et al. 2016, table 4"),
    "VAE, 50 latents": (88.71, f"Burda et al. 2016, table 3: {BURDA}"),
    "sigmoid belief net 200, factorised, NVIL": (113.1, f"{GREGOR} 1: a bound"),
    "sigmoid belief net 200, autoregressive, NVIL": (103.8, f"{GREGOR} 2: a bound"),
    "sigmoid belief net 200, factorised, wake-sleep": (107.2, YIN),
    "sigmoid belief net 200-200, factorised, wake-sleep": (96.7, YIN),
    "sigmoid belief net 200-200, factorised, NVIL": (99.8, f"{GREGOR} 1: a bound"),
    f"{LARGE_NET}, factorised, NVIL": (95.2, f"{REZENDE} 1,000 particles"),
    f"{LARGE_NET}, autoregressive, NVIL": (94.5, f"{GREGOR} 2: a bound"),
    f"{LARGE_NET}, factorised, VIMCO": (92.8, FIVE_DRAWS),
    f"{LARGE_NET}, factorised, wake-sleep": (93.4, FIVE_DRAWS),
}
ON_DYNAMIC_MNIST = {
    "VAE, 50 latents": (86.76, f"Burda et al. 2016, table 1: {BURDA}"),
    "convolutional VAE, 50 latents": (86.76, f"Burda et al. 2016, table 1: {BURDA}"),
}

FIGURES = {
    (model, data): Published(*figure)
    for data, figures in (
        ("binarized_mnist", ON_BINARIZED_MNIST),
        ("mnist, dynamic binarisation", ON_DYNAMIC_MNIST),
    )
    for model, figure in figures.items()
}
"""Published figures by model name and data name."""
