"""Probabilistic PCA in closed form, 60,000 × 784, 64 dimensions, compared with scikit-learn's.

Both fit the same float64 images, drawn from the model: 64 factors and noise.
"""

import torch
from sklearn.decomposition import PCA

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.models import PPCA


def closed_form(settings: Settings):
    images, side, latent = settings.size((60_000, 28, 64), (300, 6, 4))
    x = torch.randn(images, latent, dtype=torch.double) @ torch.randn(latent, side**2).double()
    x += 0.3 * torch.randn_like(x)
    rows, x = x.numpy(), x.view(-1, 1, side, side).to(settings.device)

    def check():
        theirs = PCA(latent).fit(rows).score(rows)
        ppca = PPCA.from_images(x, latent)
        with torch.no_grad():
            ours = torch.cat([ppca.log_likelihood(part) for part in x.split(1000)]).mean().item()
        return f"log-likelihoods differ by {abs(ours - theirs):.0e} nats of {abs(theirs):.0f}"

    return Comparison(
        ours=Way("PPCA.from_images", lambda: PPCA.from_images(x, latent)),
        others=(Way("scikit-learn's PCA", lambda: PCA(latent).fit(rows), check=check),),
    )


ROWS = {"64 axes of 60,000 images": closed_form}
