"""Probabilistic PCA in closed form, 60,000 × 784, 64 dimensions, beside scikit-learn's PCA.

    PPGEN_DATA=... python benchmarks/ppca.py

Both take the training and validation images of MNIST as float64, in turns within one process.
"""

import argparse
import os

import torch
from sklearn.decomposition import PCA
from timing import interleaved, print_table

from ppgen import data
from ppgen.models import PPCA


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", default=os.environ.get("PPGEN_DATA"))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    mnist = data.load("mnist", options.data_root)
    images = torch.cat([mnist.train.images, mnist.validation.images]).double() / 255
    rows, latent = images.flatten(1).numpy(), options.latent
    ways = {
        "scikit-learn's PCA": lambda: PCA(latent).fit(rows),
        "PPCA.closed_form": lambda: PPCA.closed_form(images, latent),
    }
    print_table(interleaved(ways, options.rounds, repeats=1), ["scikit-learn's PCA"], unit="s")
    peer = PCA(latent).fit(rows).score(rows)
    ppca = PPCA.closed_form(images, latent)
    with torch.no_grad():
        own = torch.cat([ppca.log_likelihood(x) for x in images.split(1000)]).mean().item()
    print(f"mean log-likelihood, nats an image: {peer:.9f}, {own:.9f}, difference {own - peer:.1e}")


if __name__ == "__main__":
    main()
