r"""
Give a VAE the class of each image
==================================

:class:`~ppgen.models.VAE` takes no labels. A class-conditional VAE is a program of one's own:
decoder and encoder see the label beside what they see anyway, and the label is a second argument.
"""

# %%
# **The task.** The model draws z from N(0, I) and the image given z and the label. The guide
# approximates p(z | image, label). Both take the labels as one more tensor of rows.

import pyro
import pyro.distributions as dist
import torch
from torch import nn
from torch.nn.functional import one_hot

import ppgen


class ConditionalVAE(ppgen.Program):
    objective = ppgen.objectives.MeanFieldELBO()  # the divergence in closed form

    def __init__(self, latent=8):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Linear(74, 200), nn.ReLU(), nn.Linear(200, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent + 10, 200), nn.ReLU(), nn.Linear(200, 64))

    def model(self, x, label, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(self.latent), 1.0).to_event(1))
            logits = self.decoder(torch.cat([z, one_hot(label, 10)], -1)).unflatten(-1, (1, 8, 8))
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    def guide(self, x, label):
        with pyro.plate("data", len(x)):
            raw = self.encoder(torch.cat([x.flatten(1), one_hot(label, 10)], -1))
            loc, log_scale = raw.chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


digits = ppgen.data.load("digits").binarized()
train, validation, test = (
    part.arguments(labelled=True) for part in (digits.train, digits.validation, digits.test)
)
program = ConditionalVAE()
history = ppgen.fit(program, train, validation, epochs=60, lr=3e-3, progress=False)

# %%
# **What to look at.** Samples of each digit: the context of :func:`ppgen.sample` is the label of
# each image that is drawn.

print("log p(image | label) of test images, at least", ppgen.iwae(program, test, 100))
wished = torch.arange(10).repeat(5)
samples = ppgen.sample(program, len(wished), wished, mean=True, seed=0)
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
# **Reference:** :class:`ppgen.Program`, :func:`ppgen.sample`, :class:`~ppgen.data.Part`,
# :class:`~ppgen.models.AutoregressiveModel`, :class:`~ppgen.objectives.MeanFieldELBO`.
