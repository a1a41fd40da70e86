r"""
7. The variational autoencoder
==============================

**Question.** Digits vary continuously in slant, width and style. With a continuous latent and a
neural network as the decoder the likelihood is an integral that no formula gives. How can such a
model be trained, and how can we know what its likelihood is?

The *variational autoencoder* (VAE) answers with the bound of chapter 6 and with a gradient that
continuous latents permit: one draw of the latent gives a useful estimate. We come to it step by
step, from the simplest estimate of the integral, each step beside the exact number. With a latent
of two dimensions the integral can be computed on a grid.
"""

# %%
# The model
# ---------
#
# A latent vector of :math:`K` dimensions is drawn from a standard Gaussian. A *decoder*, a neural
# network :math:`g_\theta`, computes from it the logits of all pixels:
#
# .. math::
#    z \sim \mathcal{N}(0, I), \qquad
#    x_d \mid z \sim \mathrm{Bern}\big(\sigma(g_\theta(z)_d)\big), \quad d = 1, \dots, D.
#
# The pixels are independent given :math:`z`, and dependent without it. The likelihood is an
# integral over all latents,
#
# .. math::
#    p(x) = \int p(x \mid z) \, p(z) \, dz = \mathbb{E}_{z \sim p(z)} \big[ p(x \mid z) \big].
#
# Estimates of the integral
# -------------------------
#
# A VAE with two latent dimensions, trained on MNIST, comes with the package. We draw an image from
# it, and ask for the image's probability. ``vae.decoded(z)`` is the distribution
# :math:`p(x \mid z)` for each latent of a batch. On a grid over the square from −4 to 4 the
# integral is a sum of :math:`p(x \mid z) p(z)` times the area of a cell, as a log-sum-exp.

import math

import torch

import ppgen
from ppgen import plots

normal = torch.distributions.Normal(0.0, 1.0)
mnist = ppgen.load("mnist-vae")
samples = ppgen.sample(mnist, 8, seed=1)
image = samples[:1]

line = torch.linspace(-4, 4, 160)
cell = (line[1] - line[0]).square()
with torch.no_grad():
    log_joint = torch.cat(
        [
            mnist.decoded(z).log_prob(image) + normal.log_prob(z).sum(-1)
            for z in torch.cartesian_prod(line, line).split(5000)
        ]
    )
log_p = (log_joint + cell.log()).logsumexp(0)
print(f"log p(x) = {log_p:.2f} nats, on a grid of {len(log_joint):,} latents")

# %%
# In more dimensions there is no grid. The expectation suggests *Monte Carlo*: draw :math:`z_i` from
# the prior and average,
#
# .. math::
#    p(x) \approx \frac{1}{N} \sum_{i=1}^N p(x \mid z_i), \qquad z_i \sim p(z).
#
# It is unbiased, and inefficient: nearly all draws are latents of other digits, whose
# :math:`p(x \mid z_i)` is smaller by many powers of ten. The few that fall where the posterior
# :math:`p(z \mid x)` is carry the sum. How few? The posterior is concentrated on a part of the
# prior of about the share :math:`e^{-I}`, where :math:`I = \mathrm{KL}(p(z \mid x) \,\|\, p(z))` is
# the information in nats that the image holds on its latent. So about :math:`e^I` draws are needed
# before one of them counts.
#
# *Importance sampling* draws from a distribution :math:`q` that knows better, and corrects for it:
#
# .. math::
#    p(x) = \int q(z) \frac{p(x \mid z) \, p(z)}{q(z)} \, dz
#    \approx \frac{1}{N} \sum_{i=1}^N w_i, \qquad
#    w_i = \frac{p(x \mid z_i) \, p(z_i)}{q(z_i)}, \quad z_i \sim q.
#
# It is unbiased for every :math:`q` that is positive wherever the posterior is. With the posterior
# itself as :math:`q` all weights equal :math:`p(x)`, and one draw is enough.
#
# The :math:`q` of a VAE is a Gaussian whose mean and standard deviation a second network, the
# *encoder*, computes from the image: :math:`q_\phi(z \mid x) = \mathcal{N}(\mu(x), \mathrm{diag}\,
# \sigma(x)^2)`. It is the *guide* of the program. Since one network serves all images, inference is
# *amortised*: an image that was never seen takes one pass through it.
#
# :func:`ppgen.iwae` computes both estimates.

log_posterior = log_joint + cell.log() - log_p  # of the cells
log_prior = normal.log_prob(torch.cartesian_prod(line, line)).sum(-1) + cell.log()
information = (log_posterior.exp() * (log_posterior - log_prior)).sum()
print(f"I = {information:.1f} nats, so e^I = {information.exp():.0f} draws of the prior")

numbers = [1, 10, 100, 1000, 10_000]
estimates = {
    name: [ppgen.iwae(mnist, image, n, proposal=proposal).mean for n in numbers]
    for name, proposal in {"draws of the prior": "prior", "draws of the guide": "guide"}.items()
}
for name, values in estimates.items():
    print(f"{name}: " + ", ".join(f"{value:.2f}" for value in values))

torch.manual_seed(0)
with torch.no_grad():
    mean, scale = mnist.encode(image)
dots, guided = torch.randn(1000, 2), mean + scale * torch.randn(200, 2)

figure = plots.Figure((10, 4.2))
left, right = figure.subplots(1, 2)
left.set(title="where the draws fall", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
left.scatter(*dots.T, s=6, label="draws of the prior")
left.scatter(*guided.T, s=6, label="draws of the guide")
density = log_posterior.view(160, 160).T.exp()
left.contour(line, line, density, levels=[0.05 * density.max()], colors="black")
left.plot([], [], color="black", label="5 % of the posterior's highest density")
left.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
right.set(title="estimates of log p(x)", xscale="log", xlabel="draws", ylabel="nats")
for values in estimates.values():
    right.plot(numbers, values, "o-")
right.axhline(log_p, color="black", linestyle="--", label="log p(x) on the grid")
figure.legend(loc="outside lower center", ncols=4, frameon=False)
figure

# %%
# **What to see.** The posterior of this image is a spot that few draws of the prior hit. A hundred
# of them give an estimate that is about five nats too low, and nothing in it says so: the large
# terms have not been met. The guide is within half a nat with ten draws. Each dimension more
# multiplies the draws that the prior needs. With 50 dimensions a digit of MNIST typically holds 20
# nats or more of information on its latent, and :math:`e^{20}` are half a billion draws an image.
#
# The bound
# ---------
#
# The logarithm of an average of weights is at least the average of their logarithms (Jensen,
# chapter 6), so
#
# .. math::
#    \log p(x) \;\ge\; \mathbb{E}_{q_\phi(z \mid x)} \Big[
#    \log \frac{p_\theta(x \mid z) \, p(z)}{q_\phi(z \mid x)} \Big]
#    = \underbrace{\mathbb{E}_{q_\phi} \big[ \log p_\theta(x \mid z) \big]}_{\text{reconstruction}}
#    - \underbrace{\mathrm{KL}\big( q_\phi(z \mid x) \,\|\, p(z) \big)}_{\text{divergence}}.
#
# The second step splits the logarithm of the product and collects
# :math:`\mathbb{E}_q[\log q(z \mid x) - \log p(z)]`, which is the Kullback–Leibler divergence. The
# first term rewards latents from which the image can be recovered. The second charges for what the
# latent says of the image, in nats. The sum is the ELBO.
#
# **The divergence in closed form.** Both distributions have independent dimensions, so it is a sum
# over dimensions. For one of them, with :math:`q = \mathcal{N}(\mu, \sigma^2)` and
# :math:`p = \mathcal{N}(0, 1)`,
#
# .. math::
#    \log q(z) - \log p(z)
#    = -\tfrac{1}{2} \log(2\pi\sigma^2) - \frac{(z - \mu)^2}{2\sigma^2}
#    + \tfrac{1}{2} \log(2\pi) + \frac{z^2}{2}.
#
# Take the expectation under :math:`q`. The constants :math:`2\pi` cancel.
# :math:`\mathbb{E}[(z - \mu)^2] = \sigma^2` makes the second term :math:`-\frac{1}{2}`, and
# :math:`\mathbb{E}[z^2] = \mu^2 + \sigma^2`. So
#
# .. math::
#    \mathrm{KL} = \tfrac{1}{2} \sum_{k=1}^K
#    \big( \mu_k^2 + \sigma_k^2 - 1 - \log \sigma_k^2 \big).
#
# It is zero for :math:`\mu = 0`, :math:`\sigma = 1`, when the guide ignores the image. A check
# against draws:

q = torch.distributions.Normal(mean, scale)
z = q.sample((100_000,))
by_draws = (q.log_prob(z) - normal.log_prob(z)).sum(-1).mean()
by_formula = 0.5 * (mean**2 + scale**2 - 1 - 2 * scale.log()).sum()
print(f"KL by the formula {by_formula:.3f}, by 100,000 draws {by_draws:.3f} nats")

# %%
# The gradient
# ------------
#
# The reconstruction is an expectation under :math:`q_\phi`, and its gradient in :math:`\phi` is
# needed. With :math:`f(z) = \log p(x \mid z)`, the *score-function gradient* of chapter 6 is
#
# .. math::
#    \nabla_\phi \, \mathbb{E}_{q_\phi}[f(z)]
#    = \mathbb{E}_{q_\phi} \big[ f(z) \nabla_\phi \log q_\phi(z) \big].
#
# It knows :math:`f` at the draws only, and not in which direction :math:`f` rises. For continuous
# latents there is more. A Gaussian draw can be made from a standard one by shifting and scaling,
#
# .. math::
#    z = \mu + \sigma \varepsilon, \qquad \varepsilon \sim \mathcal{N}(0, I),
#
# so that the distribution of what is random, :math:`\varepsilon`, does not depend on :math:`\phi`.
# Then the gradient goes inside the expectation, and on through :math:`f` by the chain rule:
#
# .. math::
#    \nabla_\phi \, \mathbb{E}_{\varepsilon} \big[ f(\mu + \sigma \varepsilon) \big]
#    = \mathbb{E}_{\varepsilon} \big[ \nabla_\phi f(\mu + \sigma \varepsilon) \big],
#    \qquad
#    \frac{\partial f}{\partial \mu} = f'(z), \quad
#    \frac{\partial f}{\partial \sigma} = f'(z) \, \varepsilon.
#
# This is the *reparametrised* gradient. In torch it is what ``rsample`` does, and Pyro uses it
# wherever a distribution has it. We compare the estimates of the gradient in :math:`\mu_1`.

draws = 5000
epsilon = torch.randn(draws, 2)
z = (mean + scale * epsilon).detach().requires_grad_()
f = mnist.decoded(z).log_prob(image)
(slope,) = torch.autograd.grad(f.sum(), z)

f, score = f.detach(), epsilon[:, 0] / scale[0, 0]  # d log q / d mu is (z − μ) / σ²
gradients = {
    "score function": f * score,
    "score function, baseline": (f - f.mean()) * score,
    "reparametrised": slope[:, 0],
}
for name, each in gradients.items():
    error = each.std() / math.sqrt(draws)
    print(f"{name:25} {each.mean():8.2f} ± {error:5.2f}, of one draw: ± {each.std():7.2f}")

# %%
# The second column is the mean of 5,000 draws with its standard error, the last the standard
# deviation of a single draw. All three estimate the same number. Without a baseline the
# score-function gradient is lost in its noise: its standard deviation is about a hundred times that
# of the reparametrised one, so it needs about ten thousand times as many draws. A baseline removes
# most of that, in two dimensions. In more dimensions it helps less: :math:`f` varies with all
# latents, and each latent's score is multiplied by all that variation, while the derivative in
# one latent asks about that latent alone. The reparametrised gradient is why a VAE can be trained
# with one draw an image.
#
# The program
# -----------
#
# Here is the whole VAE as a Pyro program. The model draws :math:`z`, and then the image given
# :math:`z`. The guide draws the same site ``"z"`` given the image.
#
# * ``pyro.plate("data", N)`` says that :math:`N` images, along the first dimension of the tensors,
#   are independent given the parameters. Model and guide open the same plate, and the ELBO of a
#   batch is a sum over it.
# * ``dist.Normal(loc, scale)`` with tensors of the shape :math:`(N, K)` is :math:`N \times K`
#   separate draws. ``.to_event(1)`` makes the last dimension one draw of a vector: its
#   log-probability has the shape :math:`(N)`, as the plate expects. ``.to_event(3)`` does so for
#   channel, height and width.
# * The encoder's second output is :math:`\log \sigma^2`, which may be any number; the exponential
#   makes it positive.
# * :class:`~ppgen.objectives.MeanFieldELBO` computes the divergence by the closed form. By default
#   both terms are estimated from the same draw.

import pyro
import pyro.distributions as dist
from torch import nn


class WrittenOut(ppgen.Program):
    objective = ppgen.objectives.MeanFieldELBO()

    def __init__(self, latent=2, hidden=200):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Flatten(-3), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 64), nn.Unflatten(-1, (1, 8, 8))
        )

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            prior = dist.Normal(torch.zeros(self.latent), 1.0).to_event(1)
            z = pyro.sample("z", prior)
            pixels = dist.Bernoulli(logits=self.decoder(z)).to_event(3)
            return pyro.sample("x", pixels, obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            mean, log_variance = self.encoder(x).chunk(2, dim=-1)
            q = dist.Normal(mean, (0.5 * log_variance).exp()).to_event(1)
            pyro.sample("z", q)


digits = ppgen.data.load("digits").binarized()
train, validation, test = (
    part.images.float() for part in (digits.train, digits.validation, digits.test)
)
torch.manual_seed(0)
written_out = WrittenOut()
before = ppgen.elbo(written_out, test)
history = ppgen.fit(
    written_out, train, validation, epochs=3, lr=3e-3, batch_size=64, progress=False
)
print("ELBO before:", before)
print("after 3 epochs:", ppgen.elbo(written_out, test))

# %%
# Training with validation and early stopping
# -------------------------------------------
#
# :class:`~ppgen.models.VAE` is the same program with networks, likelihoods and posteriors to choose
# from. ``VAE.mlp`` makes encoder and decoder of perceptrons. With ``validation`` images
# :func:`ppgen.fit` computes their ELBO after each epoch. ``patience=10`` stops when 10 epochs have
# brought no better one, and the weights of the best epoch are restored: this is *early stopping*.
# The callback keeps what the model draws before training and half-way.

from ppgen.models import VAE

torch.manual_seed(0)
vae = VAE.mlp(digits.image_shape, latent=2, hidden=[400])
drawn = {}


def keep(program, history):
    name = {0: "before training", 12: "after 12 epochs"}.get(history.last)
    if name:
        drawn[name] = ppgen.sample(program, 36, mean=True, seed=0)


history = ppgen.fit(
    vae,
    train,
    validation,
    epochs=60,
    lr=5e-3,
    batch_size=64,
    patience=10,
    callback=keep,
    progress=False,
)
drawn["after training"] = ppgen.sample(vae, 36, mean=True, seed=0)

epochs, nats = history.column("validation")
figure = plots.Figure((6, 4))
plots.curves(
    {"training": history.column("elbo"), "validation": (epochs[1:], nats[1:])},
    ylabel="ELBO, nats an image",
    marks={"best epoch": history.best.number},
    axes=figure.add_subplot(title="the best epoch on validation images is kept"),
)
figure

# %%
# The validation ELBO before training is left out of the figure. It is near
# :math:`-64 \log 2 \approx -44.4` nats, as of pixels drawn by a coin; for the 784 pixels of MNIST
# that is −543. The training curve goes on rising when the validation curve has flattened; the
# distance between them is overfitting.
#
# Images drawn by the model, as means :math:`\sigma(g(z))` at draws of the prior:

print(f"ELBO before training {nats[0]:.2f}, best epoch {history.best.number}", end=" ")
print(f"of {history.last} with {history.best.validation:.2f} nats an image")
plots.image_grids(drawn)

# %%
# Reconstructions: the guide draws a latent for a test image, and the decoder shows its mean image.

some = digits.test.spread(24).images.float()
plots.reconstructions(some, ppgen.reconstruct(vae, some, mean=True, seed=0), pairs=6)

# %%
# The latent plane, decoded on a grid whose steps hold equal shares of the prior:

plots.manifold(vae.decode, latent=2, steps=16)

# %%
# **What to see.** Neighbours in the plane are alike, and digits turn into each other through images
# that are between them. Mean images are smooth, because two numbers cannot tell where a pixel is
# flipped; what they leave open the Bernoulli noise has to explain. The VAE that comes with the
# package, at :math:`28 \times 28` pixels:

plots.manifold(mnist.decode, latent=2, steps=12)

# %%
# How good is the bound?
# ----------------------
#
# The ELBO misses :math:`\mathrm{KL}(q_\phi(z \mid x) \,\|\, p(z \mid x))`. The
# *importance-weighted* bound of chapter 6, with :math:`k` draws called particles, misses less:
#
# .. math::
#    L_k = \mathbb{E} \Big[ \log \frac{1}{k} \sum_{i=1}^k w_i \Big], \qquad
#    L_1 = \mathrm{ELBO} \le L_2 \le \dots \le \log p(x).
#
# Here we know where it ends: on a grid, for all test images at once. The logits of the grid's
# latents are a matrix, and with it all :math:`\log p(x \mid z)` a matrix product.

from torch.nn.functional import softplus

line = torch.linspace(-5, 5, 120)
z = torch.cartesian_prod(line, line)
with torch.no_grad():
    logits = vae.decoder(z).flatten(1)
    log_joint = test.flatten(1) @ logits.T - softplus(logits).sum(1)
    log_joint += normal.log_prob(z).sum(1) + 2 * (line[1] - line[0]).log()
log_p = log_joint.logsumexp(1).mean().item()

particles = [1, 3, 10, 30, 100, 300, 1000]
bounds = [ppgen.iwae(vae, test, k).mean for k in particles]
print(f"ELBO {ppgen.elbo(vae, test, particles=100).mean:.2f}", end=", ")
print(f"1,000 particles {bounds[-1]:.2f}, on the grid {log_p:.2f} nats an image")

figure = plots.Figure((6, 4))
axes = figure.add_subplot(xscale="log", xlabel="particles k", ylabel="nats a test image")
axes.set(title="more particles, a tighter bound")
axes.plot(particles, bounds, "o-", label="importance-weighted bound $L_k$")
axes.axhline(log_p, color="black", linestyle="--", label="log p(x), on the grid")
axes.legend()
figure

# %%
# **What to see.** The bound rises towards the exact value, and the ELBO is off by about half a nat.
# The grid used :math:`\log \sigma(l) = l - \log(1 + e^l)`, as chapter 6 did.
#
# A wrong :math:`q` is not corrected by any number of particles that one can afford. If it is narrow
# and misses a part of the posterior, no draw ever falls there, and the estimate is too low without
# a sign of it. Another image drawn from the shipped model shows it.

other = samples[1:2]
for name, proposal in {"guide": "guide", "prior": "prior"}.items():
    found = ppgen.iwae(mnist, other, 10_000, proposal=proposal).mean
    print(f"10,000 draws of the {name}: {found:.2f} nats")

# %%
# Both estimates are lower bounds in expectation, so the higher one is nearer to the truth. This
# image is unlike the digits on which the encoder was trained, and the encoder's Gaussian lies
# beside the posterior.
#
# Save and load
# -------------
#
# :func:`ppgen.save` writes the weights, and what the program was made of, into one file.
# :func:`ppgen.load` makes it again. Nothing in the file is executed.

from pathlib import Path
from tempfile import mkdtemp

path = Path(mkdtemp(), "digits_vae.pt")
ppgen.save(vae, path)
again = ppgen.load(path)
print(torch.equal(ppgen.elbo(vae, test).per_example, ppgen.elbo(again, test).per_example))

# %%
# With more latents and larger data: on binarised MNIST a VAE with 50 latent dimensions reaches
# −94.7 nats an image by 1,000 particles, after 30 epochs and less than two minutes on one core. A
# convolutional one, trained on new binary draws of the grey levels in each epoch, reaches −85.1 by
# 5,000 particles in 80 minutes. The mixture of 100 classes of chapter 5 has −137.0. ``RESULTS.md``
# has the commands.
#
# Exercises
# ---------
#
# **1.** A decoder ignores :math:`z`: its logits are constant. Which guide maximises the ELBO, and
# what is the ELBO then?
#
# .. dropdown:: Answer to 1
#
#    The reconstruction does not depend on :math:`q`, so the best :math:`q` has the divergence zero:
#    it is the prior, for every image. The ELBO is :math:`\log p(x)` of independent pixels, exactly.
#    This *posterior collapse* is a stationary point of training; decoders that can model the pixels
#    without a latent, such as autoregressive ones, are drawn to it.
#
# **2.** Let :math:`q = \mathcal{N}(\mu, 1)` and :math:`f(z) = z^2`. Compute mean and variance of
# both gradient estimates in :math:`\mu` from one draw.
#
# .. dropdown:: Answer to 2
#
#    Both have the mean :math:`\frac{d}{d\mu} (\mu^2 + 1) = 2\mu`. Reparametrised:
#    :math:`2(\mu + \varepsilon)`, with the variance 4. Score function:
#    :math:`(\mu + \varepsilon)^2 \varepsilon`. Its second moment is
#    :math:`\mu^4 \, \mathbb{E}[\varepsilon^2] + 6 \mu^2 \, \mathbb{E}[\varepsilon^4]
#    + \mathbb{E}[\varepsilon^6] = \mu^4 + 18 \mu^2 + 15`, since odd moments are zero. Subtract
#    :math:`4\mu^2`: the variance is :math:`\mu^4 + 14 \mu^2 + 15`. It is larger for every
#    :math:`\mu`, and grows without bound.
#
# **3.** Show that the average of the ELBO's divergence over the data is at least the mutual
# information of image and latent under :math:`p_\text{data}(x) \, q(z \mid x)`.
#
# .. dropdown:: Answer to 3
#
#    Let :math:`q(z) = \mathbb{E}_x[q(z \mid x)]` be the average posterior. Insert
#    :math:`q(z)/q(z)`: :math:`\mathbb{E}_x \mathrm{KL}(q(z \mid x) \| p(z)) =
#    \mathbb{E}_x \mathrm{KL}(q(z \mid x) \| q(z)) + \mathrm{KL}(q(z) \| p(z))`. The first term is
#    the mutual information, and the second is not negative.
