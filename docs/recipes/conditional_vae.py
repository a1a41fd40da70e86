r"""
Give a VAE the class of each image
==================================

:class:`~ppgen.models.VAE` takes no labels. A subclass whose model and guide take the label as a
second argument is a class-conditional VAE: decoder and encoder see it beside what they see anyway.
"""

# %%
# **The task.** The model draws z from N(0, I) and the image given z and the label. The guide
# approximates p(z | image, label). Both networks have ten more inputs, the label, one-hot;
# ``decoded`` and ``posterior`` turn what they put out into distributions: a logit for each pixel,
# a mean and a log-variance for each latent.

import pyro
import torch
from torch.nn.functional import one_hot

import ppgen
from ppgen.models import VAE
from ppgen.models.networks import mlp, mlp_decoder


class ConditionalVAE(VAE):
    def model(self, x, label, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z_and_label = torch.cat([self.draw_prior(), one_hot(label, 10)], -1)
            return pyro.sample("x", self.decoded(z_and_label), obs=x)

    def guide(self, x, label):
        raw = self.encoder(torch.cat([x.flatten(1), one_hot(label, 10)], -1))
        with pyro.plate("data", len(x)):
            self.draw_posterior(self.posterior(raw))


encoder, decoder = mlp([64 + 10, 200, 2 * 8]), mlp_decoder(8 + 10, (1, 8, 8), outputs=1)
program = ConditionalVAE((1, 8, 8), encoder, decoder, latent=8)
digits = ppgen.data.load("digits").binarized()
train, test = (part.arguments(labelled=True) for part in (digits.train, digits.test))
ppgen.fit(program, train, epochs=60, lr=3e-3, progress=False)

# %%
# **What to look at.** Samples of each digit: the context of :func:`ppgen.sample` is the label of
# each image that is drawn.

print("log p(image | label) of test images, at least", ppgen.iwae(program, test, 100))
samples = ppgen.sample(program, 50, torch.arange(10).repeat(5), mean=True, seed=0)
ppgen.plots.image_grid(
    samples, columns=10, title="five images of each class, drawn given the label"
)

# %%
# By Bayes' rule the program also classifies: the label is the one that makes an image most
# probable.

images, labels = test
each = [ppgen.elbo(program, (images, torch.full_like(labels, k)), 10).each for k in range(10)]
right = (torch.stack(each).argmax(0) == labels).float().mean()
print(f"test images whose label has the highest bound: {right:.0%}")

# %%
# Autoregressive networks take labels without a class of one's own:
# ``AutoregressiveModel(PixelCNN(shape, context_size=10))``, fitted to images and labels in the same
# way; the script ``examples/pixelcnn.py --conditional`` does so. There log p(image | label) is
# exact.
#
# **Reference:** :class:`~ppgen.models.VAE`, ``ppgen.models.networks``, :func:`ppgen.sample`,
# :class:`~ppgen.data.Part`, :class:`~ppgen.models.AutoregressiveModel`.
