r"""
Train a VAE on a folder of my own images
========================================

Image files become one tensor of bytes, the tensor becomes a data set of three parts, and a
variational autoencoder (VAE) is fitted to it.
"""

# %%
# For the example, a folder of PNG files is made of the digits that come with scikit-learn. You
# have such a folder already.

import tempfile
from pathlib import Path

import torch
from PIL import Image

import ppgen
from ppgen.data import Dataset, Part

folder = Path(tempfile.mkdtemp())
for number, digit in enumerate(ppgen.data.load("digits").train.images[:1000]):
    Image.fromarray((digit[0] * 15).numpy()).save(folder / f"{number:04}.png")

# %%
# **The task.** Read all files as grey levels 0 … 255 in one size, and put them in order at
# random, so that the three parts are alike. Images are ``(batch, channel, height, width)``. The
# likelihood says what a pixel is given the decoder's output: here a density of grey values, whose
# ``encode`` turns bytes into values between 0 and 1 and is drawn again in every batch.

from functools import partial

import numpy as np

from ppgen.likelihoods import ContinuousBernoulli
from ppgen.models import VAE

files = sorted(folder.glob("*.png"))
levels = np.stack([np.array(Image.open(file).convert("L").resize((8, 8))) for file in files])
images = torch.tensor(levels).unsqueeze(1)
images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
train, validation, test = images.tensor_split([int(0.8 * len(images)), int(0.9 * len(images))])
mine = Dataset("mine", 256, Part(train), Part(validation), Part(test))

likelihood = ContinuousBernoulli()
encode = partial(likelihood.encode, levels=mine.levels)
vae = VAE.mlp(mine.image_shape, latent=4, hidden=[200], likelihood=likelihood)
parts = mine.train.images, mine.validation.images
options = {"epochs": 50, "lr": 3e-3, "progress": False}
history = ppgen.fit(vae, *parts, transform=encode, **options)

# %%
# **What to look at.** The bound on the validation images should rise and level off; bits per pixel
# of test images can be compared between likelihoods and with other models. Eight bits are what a
# model has that knows nothing. Samples come last.

bound = ppgen.elbo(vae, mine.test.images, transform=encode)
bits = likelihood.bits_per_pixel(bound.each, mine.test.images, mine.levels).mean()
print(f"bound {bound}, {bits:.2f} bits per pixel; best epoch {history.best.number}")

grids = {
    "my images": encode(mine.test.images[:36]),
    "reconstructions": ppgen.reconstruct(vae, encode(mine.test.images[:36]), mean=True, seed=0),
    "samples": ppgen.sample(vae, 36, mean=True, seed=0),
}
ppgen.plots.image_grids(grids)

# %%
# Colour images have three channels: ``convert("RGB")``, and ``permute(0, 3, 1, 2)`` in place of
# ``unsqueeze(1)``. From 28×28 pixels on, take :meth:`ppgen.models.VAE.convolutional`. For black and
# white images, ``mine.binarized()`` and the default likelihood need no ``transform``. If the images
# do not fit into memory, pass a ``torch.utils.data`` data set. With few images, pass more epochs:
# an epoch is one pass through them. Other measures than the bound: :doc:`cheat_sheet`.
#
# **Reference:** :class:`~ppgen.data.Dataset`, :class:`~ppgen.models.VAE`,
# :mod:`ppgen.likelihoods`, :func:`ppgen.fit`, :func:`ppgen.reconstruct`.
