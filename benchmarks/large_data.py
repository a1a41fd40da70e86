"""Memory of a fit on many images stored as bytes."""

from functools import partial

import torch

import ppgen
from benchmarks.comparison import Comparison, Settings, Way
from ppgen.likelihoods import SoftBernoulli
from ppgen.models import VAE

IMAGES = 1_000_000
PARTS = 10  # the other way is measured on one of this many parts


def memory(settings: Settings):
    n = settings.size(IMAGES, 1_000)
    data = torch.randint(256, (n, 1, 28, 28), dtype=torch.uint8)

    def fit(images, transform):
        torch.manual_seed(0)
        vae = VAE.mlp((1, 28, 28), latent=10, hidden=[100], likelihood=SoftBernoulli())
        ppgen.fit(
            vae,
            images,
            epochs=1,
            batch_size=settings.size(10_000, 100),
            transform=transform,
            device=str(settings.device),
            progress=False,
        )

    encode = partial(SoftBernoulli().encode, levels=256)
    images, mebibytes = f"{n:,} images of 28×28", data.nbytes / 2**20
    return Comparison(
        ours=Way(
            f"fit, {images} as uint8",
            lambda: fit(data, encode),
            check=lambda: f"the data set itself is {mebibytes:,.0f} MiB, in memory already",
        ),
        others=(
            Way(
                "fit, the same made grey values first",
                lambda: fit(encode(data[: n // PARTS]), None),
                scale=PARTS,
            ),
        ),
        memory=True,
    )


ROWS = {"an epoch of many images kept as uint8": memory}
