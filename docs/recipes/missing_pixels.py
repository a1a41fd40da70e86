r"""
Learn from images with missing pixels, and complete them
========================================================

Missing values are a mask beside the images. Mixtures, probabilistic PCA (PPCA) and VAEs learn from
the pixels that are there; :func:`ppgen.inference.complete` draws (imputes) the others.
"""

# %%
# For the example, a quarter of the pixels of all training images becomes NaN, as a file with gaps
# would hold them.

import pyro
import torch

import ppgen
from ppgen.models import VAE, BernoulliMixture, networks

digits = ppgen.data.load("digits").binarized()
torch.manual_seed(0)
gaps = torch.rand(digits.train.images.shape) < 0.25
images = digits.train.images.float().masked_fill(gaps, torch.nan)

# %%
# **The task: learn.** A fit does not take NaN; make a mask of it, and put any pixel value in its
# place. A mixture of Bernoullis takes the mask as its second argument, also in :func:`ppgen.fit`,
# and sums missing pixels out exactly. :class:`~ppgen.models.PPCA`, for grey values, takes a mask in
# its methods ``fit_em``, ``log_likelihood``, ``posterior`` and ``complete``, and not in
# :func:`ppgen.fit`.

observed = ~images.isnan()
mixture = BernoulliMixture(digits.image_shape, classes=20, pixel_pseudo_count=0.1)
mixture.fit_em(images.nan_to_num(), observed)  # or ppgen.fit(mixture, (…, observed), epochs=…)
print("mixture: log p of whole test images", ppgen.elbo(mixture, digits.test.images))

# %%
# A VAE that learns from images with gaps is a subclass. The mask leaves missing pixels out of the
# likelihood; the encoder sees the known pixels and the mask.


class VAEWithGaps(VAE):
    def model(self, x, observed):
        with pyro.plate("data", len(x)):
            pixels = self.decoded(self.draw_prior()).base_dist
            pyro.sample("x", pixels.mask(observed).to_event(3), obs=x)

    def guide(self, x, observed):
        raw = self.encoder(torch.cat([x * observed, observed], 1))
        with pyro.plate("data", len(x)):
            self.draw_posterior(self.posterior(raw))


encoder = networks.mlp_encoder((2, 8, 8), outputs=2 * 8, hidden=[100])
decoder = networks.mlp_decoder(8, (1, 8, 8), outputs=1, hidden=[100])
vae = VAEWithGaps((1, 8, 8), encoder, decoder, latent=8)
ppgen.fit(vae, (images.nan_to_num(), observed), epochs=30, lr=3e-3, progress=False)
whole = torch.ones_like(digits.test.images, dtype=torch.bool)
print("VAE: log p of whole test images, at least", ppgen.elbo(vae, (digits.test.images, whole)))

# %%
# **The task: complete.** The mask broadcasts: here it says that the left half of each image is
# known. The mixture completes exactly. For a program with continuous latents, such as a VAE, a
# Gaussian is fitted to the latents of each image from its known pixels alone. The mask that this
# VAE takes itself must be True everywhere here, or the missing pixels would have no probability:
# ``complete`` applies the other. The gaps of the training images are completed in the same way, by
# ``complete(vae, images, observed, torch.ones_like(observed))``.

left = torch.arange(8) < 4
some = digits.test.spread(12).images.float()
rows = {"images": some, "known": torch.where(left, some, 0.5)}
for name, program, *context in (("mixture", mixture), ("VAE", vae, whole[:12])):
    completed = ppgen.inference.complete(program, some, left, *context, seed=0)
    rows[f"{name}, mean"] = completed.mean
    print(f"{name}: log p(right half | left half) {completed.log_prob.mean():.2f} nats an image")
ppgen.plots.image_rows(rows, "right halves of test images, given the left ones")

# %%
# **What to look at.** ``completed.samples`` are draws, ``completed.mean`` their mean, shown here:
# grey where the model is unsure. ``completed.log_prob`` says how probable the true pixels were,
# exactly for the mixture and as an estimate for the VAE. Missing pixels of images that are to be
# completed may be NaN; ``log_prob`` is NaN then. A :class:`~ppgen.models.VAE` that was fitted to
# whole images is completed as ``complete(vae, some, left)``. For gaps in tables, see :doc:`tables`.
#
# **Reference:** :func:`ppgen.inference.complete`, :class:`~ppgen.models.BernoulliMixture`,
# :class:`~ppgen.models.PPCA`, :func:`ppgen.inference.fit_latents`.
