r"""
8. Likelihoods in one unit
==========================

**Question.** The decoder of a variational autoencoder returns numbers for each pixel. Which
distribution of grey values should they describe, and how can a density of real numbers be compared
with a probability of integers?

The VAE of chapter 7 saw black-and-white images, and a Bernoulli variable for each pixel was the
only choice. Real images have grey levels: 256 in most files, 17 in the digits that we use here.
People use Gaussians, Betas, Bernoullis with the grey level as a target, categorical variables and
mixtures of rounded logistic variables. Their log-likelihoods are numbers in nats, and still cannot
be compared as they stand. We derive what has to be added to each, train most of them, and put them
into one table.
"""

# %%
# Grey levels are integers
# ------------------------
#
# A pixel is one of :math:`L` grey levels :math:`v \in \{0, 1, \dots, L - 1\}`. The images that come
# with the package have :math:`L = 17` levels and :math:`D = 64` pixels.

import ppgen
from ppgen import plots

digits = ppgen.data.load("digits")
levels = digits.levels
train, validation, test = (part.images for part in (digits.train, digits.validation, digits.test))
share = train.flatten().long().bincount(minlength=levels) / train.numel()

figure = plots.Figure((6, 3))
axes = figure.add_subplot(xlabel="grey level", ylabel="share of the pixels")
axes.bar(range(levels), share)
axes.set(title="grey levels of the training digits", xticks=range(0, levels, 2))
figure

# %%
# About half of the pixels are exactly black, and the other levels share the rest. Keep this picture
# in mind: it decides which likelihood wins.
#
# Two kinds of numbers
# --------------------
#
# A *mass function* gives each integer a probability, :math:`P(v) \ge 0` with
# :math:`\sum_v P(v) = 1`, so :math:`\log P(v) \le 0`. A *density* gives each real number :math:`u`
# a value :math:`f(u) \ge 0` with :math:`\int f(u)\,du = 1`. It is a probability *per length*, it
# may be larger than one, and its value changes with the unit of length. Let :math:`y = c\,u` be the
# same grey value in another unit. A short interval :math:`du` becomes :math:`dy = c\,du` and keeps
# its probability, :math:`f_y(y)\,dy = f_u(u)\,du`, so
#
# .. math::
#    f_y(y) = \frac{f_u(y / c)}{c}, \qquad \log f_y(y) = \log f_u(u) - \log c .
#
# This is the *change of variables*. For an image of :math:`D` pixels the constant is
# :math:`D \log c`. One prediction for one image, with grey values once from 0 to 1 and once from 0
# to 16:

from math import log

import torch
from torch.distributions import Normal

image = test[0].float()
in_units = Normal(0.4, 0.3).log_prob(image / 16).sum()
in_levels = Normal(16 * 0.4, 16 * 0.3).log_prob(image).sum()
print(f"log-density from 0 to 1:  {in_units:8.2f} nats")
print(f"log-density from 0 to 16: {in_levels:8.2f} nats")
print(f"difference {in_units - in_levels:.2f} = 64 log 16 = {64 * log(16):.2f}")

# %%
# Nothing was learned between the two lines, and they differ by 177 nats. A log-density without its
# unit of length says nothing, and a log-density beside a log-mass is a comparison of two units.
#
# From a density to a mass
# ------------------------
#
# What we want of every model is :math:`P(v)`, the probability of the level that is in the file. A
# density on a scale from 0 to 1 has one by integration: divide the scale into :math:`L` intervals
# of length :math:`1/L`, one for each level,
#
# .. math::
#    P(v) = \int_{v/L}^{(v + 1)/L} f(u)\,du
#         = \frac{1}{L} \int_0^1 f\!\left(\frac{v + \varepsilon}{L}\right) d\varepsilon .
#
# For one pixel of a Gaussian the integral is a difference of two values of its distribution
# function. For a whole image under a latent variable model it is an integral over a box of
# :math:`D` dimensions, which nobody computes. But the second form is a mean over a uniform
# :math:`\varepsilon`, and the logarithm is concave, so by Jensen's inequality
#
# .. math::
#    \log P(v) = -\log L + \log \mathbb{E}_\varepsilon\!\left[
#        f\!\left(\tfrac{v + \varepsilon}{L}\right)\right]
#    \;\ge\; \mathbb{E}_\varepsilon\!\left[
#        \log f\!\left(\tfrac{v + \varepsilon}{L}\right)\right] - \log L .
#
# Adding the uniform :math:`\varepsilon` to the data is called *dequantisation*. The mean
# log-density of dequantised data, less :math:`\log L` for each pixel, is a lower bound on a
# log-mass. How much is lost? Write :math:`U` for the uniform density on the interval, which is
# :math:`L` there. Then
#
# .. math::
#    \log P(v) - \bigl(\mathbb{E}_U[\log f(u)] - \log L\bigr)
#    = \mathbb{E}_U\!\left[\log \frac{L}{f(u) / P(v)}\right]
#    = \mathrm{KL}\bigl(U \,\|\, f(u) / P(v)\bigr),
#
# the divergence between the uniform density and :math:`f` restricted to the interval. It is zero if
# :math:`f` is flat over each interval. Two Gaussians, one wide and one narrow:

fine = 100  # points in each interval
u = (torch.arange(levels * fine) + 0.5) / (levels * fine)
edges = torch.arange(levels + 1) / levels

figure = plots.Figure((9, 3.2))
for axes, scale in zip(figure.subplots(1, 2), (0.15, 0.03), strict=True):
    f = Normal(0.4, scale)
    mass = f.cdf(edges).diff()
    bound = f.log_prob(u).view(levels, fine).mean(1) - log(levels)
    gap = mass.log() - bound
    print(f"σ = {scale}: loss at the most probable level {gap[mass.argmax()]:.3f} nats,", end=" ")
    print(f"on average {(mass * gap)[mass > 1e-9].sum():.3f} nats")
    axes.bar((edges[1:] + edges[:-1]) / 2, mass * levels, 0.9 / levels, color="C1", alpha=0.6)
    axes.plot(u, f.log_prob(u).exp())
    axes.set(xlabel="grey value u", ylabel="density; mass × 17", title=f"σ = {scale}")
figure

# %%
# The bar over an interval has the area :math:`P(v)`. On the left the density is nearly flat in each
# interval and the bound is almost exact. On the right it changes by a factor within one interval,
# and the bound loses more.
#
# One unit: bits per dimension
# ----------------------------
#
# Logarithms to base 2 give bits, and one bit is :math:`\log 2` nats. Divided by the number of
# pixels, the log-mass of an image becomes
#
# .. math::
#    \text{bits per dimension} = -\frac{\log P(x)}{D \log 2}
#    \;\le\; -\frac{\log f(u) - D \log L}{D \log 2} \quad\text{in expectation.}
#
# It has a meaning outside of statistics. A code built from :math:`P` needs about
# :math:`-\log_2 P(x)` bits for the image :math:`x`, so this is the size of the compressed file for
# each pixel. Lower is better, 0 would be perfect knowledge, and
# :math:`\log_2 17 \approx 4.09` is the cost if nothing is known.
#
# A :class:`~ppgen.likelihoods.Likelihood` knows three things about this. ``encode`` turns grey
# levels into what its distribution takes: dequantised values for a density, numbers of bins for a
# mass. ``log_volume`` returns the nats to add to ``log_prob`` for each pixel: :math:`-\log L` for a
# density. ``bits_per_pixel`` puts both together. A model that knows nothing:

from ppgen import likelihoods

images = test[:3]
for likelihood in (likelihoods.ContinuousBernoulli(), likelihoods.Categorical(levels)):
    nothing = likelihood.distribution(torch.zeros(3, likelihood.outputs, 1, 8, 8))
    log_prob = nothing.log_prob(likelihood.encode(images, levels))
    bits = likelihood.bits_per_pixel(log_prob, images, levels)
    volume = likelihood.log_volume(images, levels)[0, 0, 0, 0]
    print(f"{likelihood}: log_prob {log_prob[0]:.2f}, log_volume {volume:.3f},", end=" ")
    print(f"{bits[0]:.4f} bits a pixel")

# %%
# The log-density of the uniform density is 0 and the log-mass of the uniform mass is :math:`-64
# \log 17`. In bits per pixel they agree, as they should. (``log_prob`` of a whole image,
# ``log_volume`` of one pixel.)
#
# Masses that share bins
# ----------------------
#
# ``Categorical(8)`` puts the 17 levels into 8 bins and predicts the bin. Its ``log_prob`` is a mass
# over bins, which are larger things than levels and therefore more probable. To predict the level,
# the bin's mass is divided evenly among the :math:`n_b` levels in it, so ``log_volume`` is
# :math:`-\log n_b`:

volume = likelihoods.Categorical(8).log_volume(torch.arange(levels), levels)
print("levels that share a bin:", [round(n) for n in volume.neg().exp().tolist()])

# %%
# Bernoulli with a grey target is no distribution of grey values
# --------------------------------------------------------------
#
# A popular objective takes the grey value :math:`x = v / 16 \in [0, 1]` as a target for the
# probability :math:`p` of a Bernoulli variable, and maximises
#
# .. math::
#    x \log p + (1 - x) \log(1 - p),
#
# minus the *cross-entropy* of :math:`x` and :math:`p`. Its derivative in :math:`p` is
# :math:`x / p - (1 - x) / (1 - p)`, whose mean over the data is zero at
# :math:`p = \mathbb{E}[x]`. So it finds the mean of the grey values, and pictures of means look
# good. But for it to be the log of a mass of grey levels, the sum over the 17 levels should be one:

for p in (0.001, 0.1, 0.5):
    raw = torch.tensor(p).logit().expand(levels, 1, 1, 1, 1)
    soft = likelihoods.SoftBernoulli()
    every_level = soft.encode(torch.arange(levels).view(-1, 1, 1, 1), levels)
    total = soft.distribution(raw).log_prob(every_level).exp().sum()
    print(f"p = {p}: sum over the grey levels {total:.3f}")

# %%
# The levels 0 and 16 alone have the sum :math:`(1 - p) + p = 1`, and the others come on top. The
# sum depends on :math:`p` and is largest at :math:`p = \tfrac12`, so a model raises this
# "likelihood" by being grey and undecided. It is a valid bound for something else: :math:`x \log p
# + (1-x)\log(1-p)` is the mean log-mass of a *binary* pixel that is drawn white with probability
# :math:`x`. Its nats are nats of binary images, and :class:`~ppgen.likelihoods.SoftBernoulli`
# raises an error if they are to be converted to bits of grey levels.
#
# Divided by its integral, the same formula is a density on :math:`[0, 1]`. That is the *continuous
# Bernoulli*, with
#
# .. math::
#    f(u) = \frac{p^u (1 - p)^{1 - u}}{C(p)}, \qquad
#    C(p) = \int_0^1 p^u (1 - p)^{1 - u}\,du = \frac{2p - 1}{\log p - \log(1 - p)} .
#
# Gaussian: a density without an upper bound
# ------------------------------------------
#
# With mean :math:`\mu` and variance :math:`\sigma^2` from the decoder,
#
# .. math::
#    \log f(u) = -\frac{(u - \mu)^2}{2\sigma^2} - \log\sigma - \tfrac12 \log 2\pi .
#
# If :math:`\sigma` is fixed, only :math:`(u - \mu)^2` is left of it, the squared error; the choice
# of :math:`\sigma` then decides how much an error weighs beside the ELBO's divergence. If
# :math:`\sigma` is learned, its derivative is zero where
# :math:`\sigma^2 = \mathbb{E}[(u - \mu)^2]`, the mean squared error.
#
# Some corner pixels are black in every image. For them :math:`u = \mu = 0` is possible, and then
# :math:`\log f = -\log\sigma + \text{const}` grows without bound as :math:`\sigma \to 0`. No image
# is modelled better by this. The number only says that a density may be as high as it likes on a
# single point, which has no length. Dequantised data cannot be caught in a point. Uniform on an
# interval of length :math:`1/L`, it has the variance :math:`1/(12 L^2)`, and with :math:`\mu` at
# its middle
#
# .. math::
#    \mathbb{E}[\log f(u)] - \log L = -\frac{1}{24 L^2 \sigma^2} - \log(L\sigma)
#    - \tfrac12 \log 2\pi,
#
# which is largest at :math:`\sigma^2 = 1/(12L^2)`, where it is
# :math:`-\tfrac12 \log(2\pi e / 12) \approx -0.18` nats. So a Gaussian pays at least 0.25 bits for
# a pixel that never changes, by this bound.

constant = (train == 0).flatten(1).all(0).sum()
print(f"{constant} of the 64 pixels are black in all training images")

log_scale = torch.linspace(-4, 0, 401)  # base 10
scale = 10**log_scale
raw_bits = -Normal(0.0, scale).log_prob(torch.zeros(())) / log(2)
uniform = (torch.arange(1000).view(-1, 1) + 0.5) / 1000 / levels
dequantised = Normal(0.5 / levels, scale).log_prob(uniform).mean(0)
bits = -(dequantised - log(levels)) / log(2)
print(f"lowest bound on the bits of a constant pixel: {bits.min():.3f}")

figure = plots.curves(
    {"value 0, as it is": (log_scale, raw_bits), "dequantised, a bound on bits": (log_scale, bits)},
    ylabel="−log2 density; bits of the level",
    xlabel="log10 σ",
)
figure.axes[0].set(ylim=(-14, 10), title="a black pixel under a Gaussian")
figure

# %%
# Three more
# ----------
#
# * :class:`~ppgen.likelihoods.Beta`: a density on :math:`(0, 1)`, proportional to
#   :math:`u^{\alpha - 1}(1 - u)^{\beta - 1}`. No mass is lost outside of the scale. With
#   :math:`\alpha < 1` it has a pole at black, which suits images with much black.
# * :class:`~ppgen.likelihoods.LogitNormal`: :math:`u = 1/(1 + e^{-t})` with a Gaussian :math:`t`.
#   Its density is a change of variables with :math:`du/dt = u(1 - u)`, so
#   :math:`\log f(u) = \log \mathcal{N}(t; \mu, \sigma^2) - \log u - \log(1 - u)`.
# * :class:`~ppgen.likelihoods.DiscretizedLogisticMixture`: a mass. A logistic variable has the
#   distribution function :math:`F(t) = 1/(1 + e^{-(t - \mu)/s})`. Rounded to the nearest level it
#   has :math:`P(v) = F(v + \tfrac12) - F(v - \tfrac12)`, with the tails added to the first and the
#   last level. A few of these are mixed. Unlike the categorical it knows that levels are ordered,
#   with 3 numbers for each component in place of one for each level.
#
# What can each of them say about a single pixel? We take one near the middle, whose histogram has
# two ends and little between, and fit the parameters of each likelihood to its 1197 values by
# gradient steps on the mean ``log_prob``.

pixel = train[:, :, 3:4, 4:5]
histogram = pixel.flatten().long().bincount(minlength=levels) / len(pixel)
choices = {
    "Gaussian": likelihoods.Gaussian(),
    "continuous Bernoulli": likelihoods.ContinuousBernoulli(),
    "Beta": likelihoods.Beta(),
    "logit-normal": likelihoods.LogitNormal(),
    "categorical, 8 bins": likelihoods.Categorical(8),
    "3 logistics": likelihoods.DiscretizedLogisticMixture(3, levels),
}
every_level = torch.arange(levels).view(-1, 1, 1, 1)

torch.manual_seed(0)
figure = plots.Figure((9, 5))
for axes, (name, likelihood) in zip(figure.subplots(2, 3).flat, choices.items(), strict=True):
    raw = (0.1 * torch.randn(likelihood.outputs, 1, 1, 1)).requires_grad_()
    adam = torch.optim.Adam([raw], lr=0.1)
    for _ in range(100):
        adam.zero_grad()
        log_prob = likelihood.distribution(raw).log_prob(likelihood.encode(pixel, levels))
        (-log_prob.mean()).backward()
        adam.step()
    with torch.no_grad():
        p = likelihood.distribution(raw)
        log_prob = p.log_prob(likelihood.encode(pixel, levels))
        bits = likelihood.bits_per_pixel(log_prob, pixel, levels).mean()
        draws = [likelihood.encode(every_level, levels) for _ in range(100)]
        volume = likelihood.log_volume(every_level, levels).flatten()
        mass = torch.stack([(p.log_prob(x) + volume).exp() for x in draws]).mean(0)
    axes.bar(range(levels), histogram, color="lightgrey")
    axes.plot(range(levels), mass, marker=".", color="C1")
    axes.set(title=f"{name}: {bits:.2f} bits", ylim=(0, 1.1 * histogram.max()))
figure.supxlabel("grey level")
figure.supylabel("probability: data (bars), fitted mass (line)")

entropy = -(histogram * histogram.clamp(min=1e-9).log2()).sum()
print(f"entropy of the histogram: {entropy:.2f} bits")
figure

# %%
# The entropy of the histogram is the least that any distribution of this one pixel can reach on
# these values. A Gaussian has one hump and lies in part outside of the scale: here it is worse than
# the uniform distribution's 4.09 bits. The Beta and the logit-normal rise at both
# ends. The logistic mixture, whose tails gather in the first and the last level, nearly reaches the
# entropy. In a VAE each image has
# its own distribution of each pixel, given its latents, so the shapes that are needed are narrower.
# They are still not Gaussian.
#
# The same VAE with each
# ----------------------
#
# We now train a small VAE with most of them. The model draws latents :math:`z` of 8 dimensions from
# a standard Gaussian (``pyro.sample("z", …)``) and the pixels from the likelihood, given the
# decoder's outputs (``pyro.sample("x", …, obs=x)``), for all images of a batch in a ``pyro.plate``,
# which says that they are independent. The guide draws :math:`z` from the encoder's Gaussian. Only
# the likelihood differs. :func:`ppgen.fit` maximises the ELBO, a lower bound of :math:`\log p(x)`,
# with ``encode`` as the transform of each batch, so every batch is dequantised again. The result is
# measured by :func:`ppgen.iwae`, a tighter lower bound from 50 draws of the guide for each image.

from functools import partial

import pyro

from ppgen.models import VAE

choices = {
    "mixture of 3 logistics": likelihoods.DiscretizedLogisticMixture(3, levels),
    "categorical, 17 levels": likelihoods.Categorical(levels),
    "categorical, 8 bins": likelihoods.Categorical(8),
    "Beta": likelihoods.Beta(),
    "continuous Bernoulli": likelihoods.ContinuousBernoulli(),
    "Gaussian": likelihoods.Gaussian(),
    "Gaussian, one variance": likelihoods.HomoscedasticGaussian(),
}
kinds = {likelihoods.Mass: "mass", likelihoods.Density: "density"}

print(f"{'':24} {'kind':8} log_prob, nats   bits a pixel, at most")
vaes = {}
for name, likelihood in choices.items():
    pyro.set_rng_seed(0)
    vae = VAE.mlp((1, 8, 8), 8, hidden=[64], likelihood=likelihood)
    encode = partial(likelihood.encode, levels=levels)
    fit = {"epochs": 16, "batch_size": 128, "lr": 8e-3, "progress": False}
    ppgen.fit(vae, train, validation, transform=encode, **fit)
    bound = ppgen.iwae(vae, test, 50, transform=encode)
    bits = likelihood.bits_per_pixel(bound.per_example, test, levels)
    kind = next(word for base, word in kinds.items() if isinstance(likelihood, base))
    print(f"{name:24} {kind:8} {bound.mean:14.1f} {bits.mean():18.2f}")
    vaes[name] = vae

# %%
# Two points of reference that need no network: the uniform mass, and a histogram for each pixel by
# itself, in which every level gets one extra count so that none has probability zero.

counts = torch.nn.functional.one_hot(train.long(), levels).sum(0) + 1
log_mass = (counts / counts.sum(-1, keepdim=True)).log()
one = torch.nn.functional.one_hot(test.long(), levels)
print(f"uniform:                   {log(levels) / log(2):.2f} bits a pixel")
print(f"a histogram of each pixel: {-(one * log_mass).sum(-1).mean() / log(2):.2f} bits a pixel")

# %%
# **What to see.** The column of nats puts the likelihoods into a wrong order: densities have
# positive numbers and seem to beat all masses, and 8 bins seem to beat 17 levels. In bits per pixel
# the masses over all levels lead, then come the densities on the interval, then the bins and the
# Gaussians. After this short training only the masses over all levels are
# clearly better than the histograms, which know nothing of the image. The Gaussians are worse than
# the histograms, and stay so after seven times as many steps.
#
# The reason is in the first figure. Half of the pixels are exactly black. A mass puts nearly all
# probability on that one level and pays almost nothing for it. A density has to be high over the
# whole interval :math:`[0, 1/17)` and fall off at once; a Gaussian pays 0.25 bits there even if it
# has a variance for each pixel. With one variance for all it cannot be narrow on black pixels and
# wide on the edges of a stroke. And 8 bins lose the difference between levels 0, 1 and 2, which
# costs :math:`\log_2 3 \approx 1.6` bits for each black pixel.
#
# More training lowers all of them: those seven times as many steps bring the logistic mixture to
# about 2.0 bits, the Beta to 2.25, the Gaussian to 2.8 and the one with one variance to 3.5. On
# MNIST with 256 levels the differences are larger: there the logistic mixture needs about 1.4 bits
# a pixel, the Beta 2.1, the Gaussian 4.7 and the one with one variance 7.2 (``RESULTS.md`` has the
# commands).
#
# Means hide it
# -------------
#
# What of this can be seen in pictures? First the usual figure, mean images at latents of given test
# images.

some = digits.test.spread(10).images
rows = {"test images": some / (levels - 1)}
for name in ("mixture of 3 logistics", "Beta", "Gaussian", "Gaussian, one variance"):
    x = vaes[name].likelihood.encode(some, levels)
    rows[name] = ppgen.reconstruct(vaes[name], x, mean=True, seed=0)
plots.image_rows(rows, "mean images, given latents of the test images")

# %%
# Nobody could read the table off these means. Those of the Gaussian with one variance, the last of
# the table, are as close to the digits as any. A likelihood is a statement about pixels, not only
# about their means, so one has to draw them. New images, every pixel drawn from its distribution
# given :math:`z`:

rows = {}
for name in ("mixture of 3 logistics", "Beta", "Gaussian", "Gaussian, one variance"):
    drawn = ppgen.sample(vaes[name], 10, seed=0)
    rows[name] = vaes[name].likelihood.grey(drawn)
plots.image_rows(rows, "new images, with every pixel drawn")

# %%
# The logistic mixture has a black background. Under the Gaussian with one variance every pixel has
# noise of the same size, black or not. That noise is what the model says images look like, and
# papers that show means only do not show it.
#
# What a bound on bits means
# --------------------------
#
# Each number of the table is an upper bound on the bits per pixel of its model, for up to two
# reasons:
#
# 1. :math:`\log p(x)` of a VAE is itself bounded from below, by the ELBO or by importance weights.
#    This holds for masses and densities alike.
# 2. For a density, dequantisation bounds :math:`\log P(v)` by Jensen's inequality. For a mass over
#    all levels this step is exact, with nothing added.
#
# Both make the number worse than the truth, never better. So "at most 2.1 bits" is a fact about the
# model. "Model A is better than model B" does not follow from two bounds alone: B's might be
# looser. Here a part of the densities' distance is owed to uniform dequantisation. A learned
# distribution of the noise :math:`\varepsilon` would make the bound tighter.
#
# Exercises
# ---------
#
# **1.** Take the base of 256 levels. A paper reports a Gaussian VAE at −2000 nats for images of 784
# pixels, log-density on the scale from 0 to 255, dequantised by a uniform variable in [0, 1). How
# many bits per pixel is that, and what would the log-density be on the scale from 0 to 1?
#
# .. dropdown:: Answer to 1
#
#    In units of levels the intervals have length 1, so nothing is added:
#    :math:`2000 / (784 \log 2) \approx 3.68` bits per pixel at most. On the scale from 0 to 1, with
#    :math:`u = y / 256`, the log-density is larger by
#    :math:`784 \log 256 \approx 4347` nats: about :math:`+2347`. The bits are the same.
#
# **2.** Show that no density and no mass can have fewer bits per pixel, on average over the data's
# own distribution, than the entropy of the images. Why does this not contradict the first curve of
# the Gaussian figure?
#
# .. dropdown:: Answer to 2
#
#    Let :math:`P_0` be the distribution of the images. By Gibbs' inequality
#    :math:`\mathbb{E}_{P_0}[-\log_2 P(x)] = H(P_0) + \mathrm{KL}(P_0 \| P) / \log 2 \ge H(P_0)` for
#    every mass :math:`P`, and a bound from dequantised densities is larger still. The first curve
#    is not of that kind: it is the density at a point, with no interval and no :math:`\log L`, so
#    it is not :math:`-\log_2` of any probability.
#
# **3.** Train :class:`~ppgen.likelihoods.Categorical` with 2, 4, 8 and 17 bins. Which part of the
# change in bits is due to ``log_volume`` alone?
#
# .. dropdown:: Answer to 3
#
#    Average ``log_volume`` over the test images and divide by :math:`-\log 2`: that is a cost which
#    no training can lower. With 8 bins it is above 1 bit a pixel, since bins have 2 or 3 levels;
#    with 2 bins it is about 3. What remains is the cost of predicting the bin, which falls as bins
#    get wider.
#
# **4.** Derive the best :math:`\sigma` for dequantised constant pixels from the formula above, and
# the value 0.25 bits.
#
# .. dropdown:: Answer to 4
#
#    The derivative in :math:`\sigma` is :math:`1/(12 L^2\sigma^3) - 1/\sigma`, zero at
#    :math:`\sigma^2 = 1/(12 L^2)`. There the first term is :math:`-\tfrac12` and
#    :math:`\log(L\sigma) = -\tfrac12\log 12`, together
#    :math:`-\tfrac12(1 + \log 2\pi - \log 12) = -\tfrac12\log(2\pi e/12) \approx -0.176` nats,
#    which is 0.255 bits. :math:`L` has dropped out.
