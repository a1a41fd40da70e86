r"""
Use my own networks, likelihood and posterior
=============================================

A VAE is made of an encoder, a decoder, a likelihood of the pixels and a family of posteriors. Each
can be a class of yours. So can the network of an autoregressive model.
"""

# %%
# **A likelihood** says how many raw outputs a pixel needs, and turns them into a distribution.
# Raw outputs are ``(*batch, outputs, channel, height, width)``. A density of grey values between
# 0 and 1 is a subclass of :class:`~ppgen.likelihoods.Density`, which supplies ``encode`` and bits
# per pixel; one of whole levels is a subclass of :class:`~ppgen.likelihoods.Mass`.

from functools import partial

import pyro.distributions as dist
import torch
from torch import nn
from torch.distributions import constraints, transform_to

import ppgen
from ppgen.autoregressive import AutoregressiveNetwork, check_network
from ppgen.likelihoods import Density
from ppgen.models import VAE, AutoregressiveModel
from ppgen.models.posteriors import Posterior


class Laplace(Density):
    outputs = 2

    def distribution(self, raw):
        location, log_scale = raw.unbind(-4)
        return dist.Laplace(location, log_scale.exp() + 0.01).to_event(3)


# %%
# **Networks** are any ``torch.nn.Module``. The encoder returns what the posterior needs, for a
# diagonal Gaussian the means and then the log-variances; the decoder returns raw outputs.

latent = 8
encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 200), nn.SiLU(), nn.Linear(200, 2 * latent))
decoder = nn.Sequential(
    nn.Linear(latent, 200), nn.SiLU(), nn.Linear(200, 2 * 64), nn.Unflatten(-1, (2, 1, 8, 8))
)
digits = ppgen.data.load("digits")
vae = VAE(digits.image_shape, encoder, decoder, latent, Laplace())
encode = partial(vae.likelihood.encode, levels=digits.levels)
parts = digits.train.images, digits.validation.images
ppgen.fit(vae, *parts, transform=encode, epochs=30, progress=False)

bound = ppgen.elbo(vae, digits.test.images, transform=encode).each
bits = vae.likelihood.bits_per_pixel(bound, digits.test.images, digits.levels).mean()
print(f"{bits:.2f} bits per pixel; log2 of 17 levels is 4.09")

# %%
# **A posterior** q(z | x), the guide's family of distributions, takes the place of ``latent``. It
# sets ``outputs``, the number of encoder outputs of an image; ``forward`` turns them into a
# distribution. This one has a full covariance matrix.


class FullGaussian(Posterior):
    def __init__(self, latent):
        super().__init__(latent)
        self.outputs = latent + latent**2

    def forward(self, raw):
        mean, square = raw[..., : self.latent], raw[..., self.latent :]
        factor = transform_to(constraints.lower_cholesky)(square.unflatten(-1, (self.latent, -1)))
        return dist.MultivariateNormal(mean, scale_tril=factor)


binary = digits.binarized()
full = VAE.mlp(digits.image_shape, FullGaussian(4), hidden=[200])
ppgen.fit(full, binary.train.images, binary.validation.images, epochs=30, progress=False)
print("bound of test images:", ppgen.elbo(full, binary.test.images))

# %%
# **An autoregressive network** defines ``forward``: the raw outputs of all pixels at once, each
# from the pixels before it alone. :func:`~ppgen.autoregressive.check_network` finds out whether
# that is so, and raises an error that names the first pixel whose outputs know too much.


class TwoBefore(AutoregressiveNetwork):
    def __init__(self, shape):
        super().__init__(shape)
        self.weight = nn.Parameter(torch.zeros(2, self.pixels))
        self.bias = nn.Parameter(torch.zeros(self.pixels))

    def forward(self, x, context=None):
        before = nn.functional.pad(self.in_order(x), (2, 0))
        raw = self.weight[0] * before[:, :-2] + self.weight[1] * before[:, 1:-1] + self.bias
        return self.to_image(raw).unsqueeze(1)


network = TwoBefore(digits.image_shape)
check_network(network)
program = AutoregressiveModel(network)
ppgen.fit(program, binary.train.images, epochs=20, lr=0.05, progress=False)
print("log p of test images:", ppgen.elbo(program, binary.test.images))

# %%
# **What to look at.** Bits per pixel compare likelihoods of every kind; nats of densities and of
# masses cannot be compared. If ``encoder`` or ``decoder`` returns another shape than is needed, the
# error says which one is.
#
# Other posteriors are ready, such as ``ppgen.models.posteriors.InverseAutoregressiveFlow(latent)``.
# A guide that does not fit into this form belongs to a :class:`ppgen.Program` of one's own.
# Recurrent networks (RNN) are among the autoregressive ones: :class:`ppgen.autoregressive.LSTM`.
#
# **Reference:** :class:`~ppgen.likelihoods.Likelihood`, :class:`~ppgen.models.VAE`,
# :class:`ppgen.models.posteriors.Posterior`, :class:`~ppgen.autoregressive.AutoregressiveNetwork`.
