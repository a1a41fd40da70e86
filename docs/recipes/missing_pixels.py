r"""
Learn from images with missing pixels, and complete them
========================================================

Missing values are a mask beside the images. Models that can sum out pixels learn from what is
there; :func:`ppgen.inference.complete` draws what is not.
"""

# %%
# For the example, a quarter of the pixels of all training images becomes NaN, as a file with gaps
# would hold them.

import torch

import ppgen
from ppgen.models import VAE, BernoulliMixture

digits = ppgen.data.load("digits").binarized()
torch.manual_seed(0)
gaps = torch.rand(digits.train.images.shape) < 0.25
images = digits.train.images.float().masked_fill(gaps, torch.nan)

# %%
# **The task: learn.** A fit does not take NaN; make a mask of it, and put any pixel value in its
# place. A mixture of Bernoullis takes the mask as its second argument and sums missing pixels out
# exactly. So does :class:`~ppgen.models.PPCA` for grey values.

observed = ~images.isnan()
mixture = BernoulliMixture(digits.image_shape, classes=20, pixel_pseudo_count=0.1)
mixture.fit_em(images.nan_to_num(), observed)  # or ppgen.fit(mixture, (…, observed), epochs=…)
print("log p of whole test images:", ppgen.elbo(mixture, digits.test.images))

# %%
# **The task: complete.** The mask broadcasts: here it says that the left half of each image is
# known. The mixture completes exactly; for a program with continuous latents, such as a VAE, a
# Gaussian is fitted to the latents of each image from its known pixels alone.

vae = VAE.mlp(digits.image_shape, latent=8, hidden=[100])
ppgen.fit(vae, digits.train.images, digits.validation.images, epochs=30, lr=3e-3, progress=False)

left = torch.arange(8) < 4
some = digits.test.spread(12).images.float()
rows = {"images": some, "known": torch.where(left, some, 0.5)}
for name, program in {"mixture": mixture, "VAE": vae}.items():
    completed = ppgen.inference.complete(program, some, left, seed=0)
    rows[f"{name}, mean"] = completed.mean
    print(f"{name}: log p(right half | left half) {completed.log_prob.mean():.2f} nats an image")
ppgen.plots.image_rows(rows, "right halves of test images, given the left ones")

# %%
# **What to look at.** ``completed.samples`` are draws, ``completed.mean`` their mean, shown here:
# grey where the model is unsure. ``completed.log_prob`` says how probable the true pixels were,
# exactly for the mixture and as an estimate for the VAE, which was fitted to whole images. Missing
# pixels of images that are to be completed may be NaN; ``log_prob`` is NaN then.
#
# To let a VAE learn from images with gaps, write it as a :class:`ppgen.Program` that takes the
# mask, and observe ``dist.Bernoulli(logits=logits).mask(observed).to_event(3)``.
#
# **Reference:** :func:`ppgen.inference.complete`, :class:`~ppgen.models.BernoulliMixture`,
# :class:`~ppgen.models.PPCA`, :func:`ppgen.inference.fit_latents`.
