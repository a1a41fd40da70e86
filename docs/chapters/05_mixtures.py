r"""
5. Mixtures: a latent class, summed out exactly
===============================================

**Question.** Pixels of a handwritten digit depend on each other: a stroke at one place makes ink at
another place likely. What is the smallest step from independent pixels to a model that knows this,
and can its likelihood still be computed exactly?

The step is a *latent variable*: a number that is drawn with each image and is not in the data. Here
it is a class :math:`z \in \{1, \dots, K\}`. Given the class the pixels are independent, and because
we do not see the class they are dependent. With :math:`K` classes the latent is removed by a sum of
:math:`K` terms, so everything in this chapter is exact: the likelihood, the posterior of the class,
and the completion of half an image.
"""

# %%
# The model
# ---------
#
# The *naive Bayes mixture* draws a class, and then each pixel by itself:
#
# .. math::
#    z \sim \mathrm{Cat}(\pi), \qquad
#    x_d \mid z = k \sim \mathrm{Bern}(\mu_{kd}), \quad d = 1, \dots, D.
#
# :math:`\pi` is the vector of class probabilities and :math:`\mu_{kd}` the probability that pixel
# :math:`d` is white in class :math:`k`. Optimisers need parameters that may take any real value, so
# we write :math:`\pi = \mathrm{softmax}(b)` and :math:`\mu_{kd} = \sigma(l_{kd})`, with the sigmoid
# :math:`\sigma(l) = 1 / (1 + e^{-l})`. The numbers :math:`b_k` and :math:`l_{kd}` are called
# *logits*.
#
# The joint probability of image and class is a product, and its logarithm a sum:
#
# .. math::
#    \log p(x, z = k) = \log \pi_k
#    + \sum_{d=1}^D \big[ x_d \log \mu_{kd} + (1 - x_d) \log (1 - \mu_{kd}) \big].
#
# The probability of the image alone is the sum over the classes that may have made it,
#
# .. math::
#    p(x) = \sum_{k=1}^K p(x, z = k), \qquad
#    \log p(x) = \log \sum_{k=1}^K \exp\big( \log p(x, z = k) \big).
#
# The last expression is a *log-sum-exp*. Computed as written it fails: for 784 pixels every
# :math:`\exp(\dots)` is zero in floating point. With :math:`a_k = \log p(x, z = k)` and
# :math:`a^* = \max_k a_k`, the factor :math:`e^{a^*}` is taken out of the sum first:
#
# .. math::
#    \log \sum_k e^{a_k} = a^* + \log \sum_k e^{a_k - a^*}.
#
# Now the largest term is :math:`e^0 = 1`. Nothing overflows, and terms that underflow to zero are
# those that do not matter beside 1. ``torch.logsumexp`` does this.
#
# The program
# -----------
#
# Pyro writes a model as a function that draws what the model draws, in its order.
#
# * ``pyro.sample("z", distribution)`` draws a value and gives the random variable the name ``"z"``.
# * ``pyro.sample("x", distribution, obs=x)`` does not draw: the value is observed, and the
#   statement contributes :math:`\log p(x \mid z)`.
# * ``pyro.plate("data", N)`` says that what is inside is drawn :math:`N` times independently, along
#   the first dimension of the tensors.
# * ``to_event(3)`` says that the last three dimensions, channel, height and width, belong to one
#   draw. Without it every pixel would count as a draw of its own, and the plate of :math:`N` would
#   not match.
#
# Parameters are those of a torch module: a :class:`~ppgen.Program` is one.

import pyro
import pyro.distributions as dist
import torch
from torch import nn

import ppgen
from ppgen import plots


class Mixture(ppgen.Program):
    def __init__(self, classes):
        super().__init__()
        self.class_logits = nn.Parameter(torch.zeros(classes))
        self.pixel_logits = nn.Parameter(0.01 * torch.randn(classes, 1, 8, 8))

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            classes = dist.Categorical(logits=self.class_logits)
            z = pyro.sample("z", classes, infer={"enumerate": "parallel"})
            pixels = dist.Bernoulli(logits=self.pixel_logits[z]).to_event(3)
            return pyro.sample("x", pixels, obs=x)


torch.manual_seed(0)
by_hand = Mixture(classes=20)
print("three images drawn, shape", tuple(by_hand.model(n=3).shape))

# %%
# Enumeration
# -----------
#
# ``infer={"enumerate": "parallel"}`` is a mark at the site ``"z"``. It changes nothing when the
# model is run to draw images. For the likelihood, Pyro gives the site *all* its values at once in
# place of a draw, along a new dimension to the left of the plate: ``z`` then has the shape
# :math:`(K, 1)`, and everything computed from it gets the dimension :math:`K` by broadcasting. The
# log-probabilities at ``"x"`` have the shape :math:`(K, N)`, one for each class and image, and a
# log-sum-exp over the first dimension leaves :math:`\log p(x_n)`. This is called *enumeration*, or
# summing the latent out. ``pyro.infer.config_enumerate`` puts the same mark on all discrete sites
# of a model. A trace, the record of one run of a program, shows the shapes.

digits = ppgen.data.load("digits").binarized()
train, validation, test = (
    part.images.float() for part in (digits.train, digits.validation, digits.test)
)

enumerated = pyro.poutine.enum(pyro.infer.config_enumerate(by_hand.model), first_available_dim=-2)
trace = pyro.poutine.trace(enumerated).get_trace(test)
trace.compute_log_prob()
print(trace.format_shapes())

# %%
# In this table ``20 300`` to the left of the bar are the dimensions of class and plate, and
# ``1 8 8`` to its right is one image.
#
# In general one needs a second program, the *guide*, for the latents that cannot be summed out; it
# is the subject of chapters 6 and 7. Here no latent is left, and so no guide is needed.
# :func:`ppgen.elbo`, which in general is a lower bound on :math:`\log p(x)`, is then
# :math:`\log p(x)` itself. We check it against the formula, in a few lines of torch.

from torch.nn.functional import logsigmoid


@torch.no_grad()
def log_joint(class_logits, pixel_logits, x):
    """Return log p(x, z = k) of each image and class, (images, classes)."""
    logits, x = pixel_logits.flatten(1), x.flatten(1)
    pixels = x @ logsigmoid(logits).T + (1 - x) @ logsigmoid(-logits).T
    return class_logits.log_softmax(0) + pixels


formula = log_joint(by_hand.class_logits, by_hand.pixel_logits, test).logsumexp(1)
print(f"formula       {formula.mean():.4f} nats an image")
print(f"enumeration   {ppgen.elbo(by_hand, test).mean:.4f} nats an image")
print(f"D log(1/2)    {64 * torch.tensor(0.5).log():.4f}")

# %%
# Before training all pixels are white with probability near one half, so :math:`\log p(x)` is near
# :math:`-D \log 2`: −44.4 nats for 64 pixels. For the 784 pixels of MNIST it is −543.
#
# In the code above, :math:`\log \mu` and :math:`\log(1 - \mu)` are ``logsigmoid(logits)`` and
# ``logsigmoid(-logits)``. To compute :math:`\mu` first and then its logarithm would give
# :math:`-\infty` as soon as :math:`\mu` rounds to zero.
#
# Training by gradients
# ---------------------
#
# :func:`ppgen.fit` ascends :math:`\frac{1}{N} \sum_n \log p(x_n)` by stochastic gradients: each
# step takes a batch of images and one step of Adam. This is *stochastic variational inference*
# (SVI) in the special case that the bound is exact, which is maximum likelihood.
#
# :class:`~ppgen.models.BernoulliMixture` is the program above with what one needs around it. Its
# logits are :math:`l_{kd} = w_{kd} + c_d`, with a bias :math:`c_d` that all classes share. That
# adds nothing to what can be expressed, since :math:`w` alone could be anything; it lets gradients
# move what all classes have in common at once. Its sum over classes is computed by a matrix
# product, as in our formula, so no tensor of classes × images × pixels is made. The callback notes
# exact log-likelihoods after each epoch, a pass through the training images.

from ppgen.models import BernoulliMixture

curves = {name: ([], []) for name in ("EM, train", "EM, test", "SVI, train", "SVI, test")}


@torch.no_grad()
def note(way, mixture, passes):
    for part, images in {"train": train, "test": test}.items():
        curves[f"{way}, {part}"][0].append(passes)
        curves[f"{way}, {part}"][1].append(mixture.log_likelihood(images).mean().item())


torch.manual_seed(0)
by_svi = BernoulliMixture(digits.image_shape, classes=20)
history = ppgen.fit(
    by_svi,
    train,
    validation,
    epochs=40,
    lr=0.03,
    callback=lambda mixture, history: note("SVI", mixture, history.last),
    progress=False,
)
svi_test = curves["SVI, test"][1]
print(f"before training {svi_test[0]:.2f}, after 1 epoch {svi_test[1]:.2f},", end=" ")
print(f"after {history.last} {svi_test[-1]:.2f} nats a test image")

# %%
# Training by expectation maximisation
# ------------------------------------
#
# There is a second way, without gradients and learning rates. Take any probabilities
# :math:`r_1, \dots, r_K` over the classes of one image. They sum to one, so
# :math:`\log p(x) = \sum_k r_k \log p(x)`. By the definition of conditional probability
# :math:`p(x) = p(x, k) / p(k \mid x)`. Insert this, and multiply and divide by :math:`r_k`:
#
# .. math::
#    \log p(x)
#    = \sum_k r_k \log \frac{p(x, k)}{p(k \mid x)}
#    = \underbrace{\sum_k r_k \log \frac{p(x, k)}{r_k}}_{F(r, \theta)}
#    + \underbrace{\sum_k r_k \log \frac{r_k}{p(k \mid x)}}_{\mathrm{KL}(r \,\|\, p(k \mid x))}.
#
# The second term is a Kullback–Leibler divergence. It is never negative, and zero only if
# :math:`r_k = p(k \mid x)`. So :math:`F` is a lower bound on :math:`\log p(x)` for any :math:`r`.
# *Expectation maximisation* (EM) raises the sum of these bounds over the images in turn by its two
# arguments.
#
# **E-step.** Hold the parameters :math:`\theta = (\pi, \mu)`. The bound is highest when the
# divergence is zero, at the posterior of the class, called its *responsibilities*:
#
# .. math::
#    r_{nk} = p(z_n = k \mid x_n) = \frac{p(x_n, k)}{\sum_j p(x_n, j)}.
#
# That is a softmax over the log joint. After it :math:`F = \log p(x)`: the bound touches.
#
# **M-step.** Hold :math:`r`. The terms :math:`-r \log r` do not depend on the parameters, so we
# maximise
#
# .. math::
#    \sum_n \sum_k r_{nk} \Big( \log \pi_k
#    + \sum_d \big[ x_{nd} \log \mu_{kd} + (1 - x_{nd}) \log(1 - \mu_{kd}) \big] \Big).
#
# The derivative in one :math:`\mu_{kd}` is
# :math:`\sum_n r_{nk} \big( \frac{x_{nd}}{\mu_{kd}} - \frac{1 - x_{nd}}{1 - \mu_{kd}} \big)`.
# Multiply by :math:`\mu_{kd} (1 - \mu_{kd})` and set it to zero:
# :math:`\sum_n r_{nk} (x_{nd} - \mu_{kd}) = 0`. With :math:`N_k = \sum_n r_{nk}`, the expected
# number of images of class :math:`k`,
#
# .. math::
#    \mu_{kd} = \frac{1}{N_k} \sum_n r_{nk} x_{nd}.
#
# The :math:`\pi_k` must sum to one. With a Lagrange multiplier :math:`\lambda` for this, the
# derivative of :math:`\sum_k N_k \log \pi_k - \lambda (\sum_k \pi_k - 1)` is
# :math:`N_k / \pi_k - \lambda`. So :math:`\pi_k` is proportional to :math:`N_k`, and since the
# :math:`N_k` sum to :math:`N`,
#
# .. math::
#    \pi_k = \frac{N_k}{N}.
#
# Each class image is a weighted mean of the training images, and each class probability a weighted
# share.
#
# **No iteration lowers the likelihood.** After the E-step :math:`F` equals the log-likelihood. The
# M-step does not lower :math:`F`, and the log-likelihood is at least :math:`F` everywhere.
#
# Here is one iteration by hand, beside one of :meth:`~ppgen.models.BernoulliMixture.fit_em` from
# the same parameters.

torch.manual_seed(0)
by_em = BernoulliMixture(digits.image_shape, classes=20)
by_em.fit_em(train, iterations=2)
joint = log_joint(by_em.class_logits, by_em.pixel_logits, train)

responsibilities = joint.softmax(1)  # E-step, (images, classes)
images_of_class = responsibilities.sum(0)  # M-step
shares = images_of_class / len(train)
means = responsibilities.T @ train.flatten(1) / images_of_class[:, None]

before, after = by_em.fit_em(train, iterations=1, warm_start=True)
print(f"log-likelihood {before:.3f}, after the iteration {after:.3f} nats an image")
difference = (by_em.class_images.flatten(1) - means).abs().max().item()
print(f"largest difference of a pixel probability from the one by hand: {difference:.0e}")
difference = (by_em.class_logits.softmax(0) - shares).abs().max().item()
print(f"largest difference of a class probability:                      {difference:.0e}")

# %%
# Now whole fits. ``fit_em`` starts from images that it chooses far apart from each other; with
# equal classes it could not start, since all responsibilities would be equal for ever.

by_em.fit_em(train, callback=lambda mixture, values: note("EM", mixture, len(values) - 1))
em_test = curves["EM, test"][1]
print(f"EM, test: best {max(em_test):.2f}, at the end {em_test[-1]:.2f} nats an image")
figure = plots.Figure((6, 4))
plots.curves(
    {name: (passes[1:], nats[1:]) for name, (passes, nats) in curves.items()},
    ylabel="log p(x), nats an image",
    xlabel="passes through the training images",
    axes=figure.add_subplot(title="EM climbs in a few passes, and overfits first"),
)

# %%
# **What to see.** EM needs a few passes where Adam needs tens, since each M-step is exact. On the
# training images both climb until they are stopped. On the test images EM is best after a few
# passes and then falls by about a tenth of a nat: it *overfits*. A class of few images has pixels
# that are white in none of them, and :math:`\mu_{kd} = 0` says that they never will be. Adam has
# not got that far after 40 passes. More classes, and so fewer images in each, overfit more.
#
# A prior avoids it. *Pseudo-counts* add :math:`a` white and :math:`a` black pixels to every pixel
# of every class before the M-step divides:
#
# .. math::
#    \mu_{kd} = \frac{a + \sum_n r_{nk} x_{nd}}{2a + N_k}.
#
# This is the maximum of the posterior density under a Beta distribution with both parameters
# :math:`1 + a` as the prior of each :math:`\mu_{kd}`.

mixtures = {}
for count in (0.0, 0.1, 1.0):
    mixtures[count] = BernoulliMixture(digits.image_shape, 40, pixel_pseudo_count=count)
    mixtures[count].fit_em(train)
    with torch.no_grad():
        nats = [mixtures[count].log_likelihood(images).mean() for images in (train, test)]
    print(f"40 classes, pseudo-count {count:3}: train {nats[0]:.2f}, test {nats[1]:.2f} nats")

# %%
# What was learned
# ----------------
#
# The image of a class is its vector of pixel probabilities. No label was used.

mixture = BernoulliMixture(digits.image_shape, 20, pixel_pseudo_count=0.1)
mixture.fit_em(train)
largest_first = mixture.class_logits.argsort(descending=True)
plots.image_grid(
    mixture.class_images[largest_first], columns=10, title="pixel probabilities of the 20 classes"
)

# %%
# To draw an image, draw a class and then its pixels.

plots.image_grids(
    {
        "16 samples": ppgen.sample(mixture, 16, seed=0),
        "16 test images": digits.test.spread(16).images.float(),
    }
)

# %%
# **What to see.** The class images are digits, some of them twice for different hands. The test
# images are speckled themselves, since each grey level was turned into black or white by a draw.
# The samples are more so: given the class, neighbouring pixels do not know of each other. A mixture
# can repair this only by more classes, and the number of shapes grows much faster than any
# :math:`K`. Chapters 6 and 7 let several latents act at a time.
#
# Why logarithms
# --------------
#
# The probability of independent events is the product of their probabilities. Take 1,000 of them,
# drawn evenly between 0 and 1, and multiply the first :math:`N`. Floating-point numbers have a
# smallest positive value. Below it a product is rounded to zero, and all is lost: its logarithm is
# :math:`-\infty` and it has no gradient. The sum of logarithms is an ordinary number.

import math

counts = [10, 20, 50, 100, 200, 500, 1000]
torch.manual_seed(0)
probabilities = torch.rand(1000, dtype=torch.float64)
lines = {"sum of logarithms": [probabilities[:n].log().sum().item() for n in counts]}
for name, dtype in {"float32": torch.float32, "float64": torch.float64}.items():
    products = [probabilities[:n].to(dtype).prod() for n in counts]
    lines[f"log of the product, {name}"] = [product.log().item() for product in products]

print("    N  " + "  ".join(f"{name:>27}" for name in lines))
for row in zip(counts, *lines.values(), strict=True):
    print(f"{row[0]:5}  " + "  ".join(f"{value:27.2f}" for value in row[1:]))

figure = plots.Figure((6, 4))
axes = figure.add_subplot(xscale="log", xlabel="N, probabilities multiplied", ylabel="nats")
axes.set(title="a product of probabilities soon underflows")
for (name, nats), marker in zip(lines.items(), ("", "o", "x"), strict=True):
    finite = [value if math.isfinite(value) else math.nan for value in nats]
    axes.plot(counts, finite, marker or "-", markersize=8, label=name)
for dtype in (torch.float32, torch.float64):
    limits = torch.finfo(dtype)
    smallest = math.log(limits.tiny) + math.log(limits.eps)
    name = str(dtype).removeprefix("torch.")
    axes.axhline(smallest, color="grey", linestyle=":")
    axes.annotate(f"smallest {name}", (10, smallest), xytext=(0, 3), textcoords="offset points")
axes.legend()
figure

# %%
# **What to see.** In 32 bits the product is lost between 100 and 200 factors, in 64 bits between
# 500 and 1,000. Just above the smallest number digits are lost already: at 100 factors the product
# in 32 bits is off by 0.03 nats.
#
# Images reach this at once. A sample of a mixture at :math:`28 \times 28` pixels, which comes with
# the package:

mnist = ppgen.load("mnist-mixture")
image = ppgen.sample(mnist, 1, seed=0)
with torch.no_grad():
    log_p = mnist.log_likelihood(image)[0]
print(f"log p = {log_p:.1f} nats; p in float32 = {log_p.exp().item()}")

# %%
# Frankenstein digits
# -------------------
#
# A model with exact likelihoods can be asked whether images come from where its training images
# come from. Join the left half of one digit to the right half of a digit of another class. Each
# half is perfect; only their combination is wrong.

from ppgen.data import spliced

splices = spliced(digits.test.images, digits.test.labels, len(test), seed=0).images.float()
with torch.no_grad():
    held_out, real, fake = (mixture.log_likelihood(x) for x in (validation, test, splices))

figure = plots.Figure((8, 3.4))
rows = {"real": (test, real), "spliced": (splices, fake)}
for row_axes, (name, (images, scores)) in zip(figure.subplots(2, 8), rows.items(), strict=True):
    for axes, image, score in zip(row_axes, images, scores, strict=False):
        plots.image_grid(image[None], title=f"{score:.1f}", axes=axes)
    row_axes[0].set_ylabel(name)
figure.suptitle("log p(x) of real and of spliced digits, nats")
figure

# %%
# A single image tells little, because the log-probabilities of real digits vary about as much as
# the two kinds differ.

print(f"real    {real.mean():.2f} nats, standard deviation {real.std():.2f}")
print(f"spliced {fake.mean():.2f} nats, standard deviation {fake.std():.2f}")

# %%
# A batch tells more: the standard deviation of the mean of :math:`B` images is smaller by
# :math:`\sqrt B`. So we *test* the hypothesis that a batch is real. The statistic is the mean
# log-probability of the batch. We flag the batch if the mean is below a threshold. The threshold
# comes from real images that had no part in training, the validation images: batches drawn from
# them fall below it with the probability that we choose, the *false-alarm rate*, here 5 %. The
# *power* of the test is the share of spliced batches that it flags.
# :class:`~ppgen.inference.BatchTest` does this, and counts both shares on the test images.

from ppgen.inference import BatchTest

sizes = [1, 2, 3, 5, 7, 10, 15, 20, 30]
rates = {"spliced": [], "real": []}
for size in sizes:
    batch_test = BatchTest(held_out, size, false_alarm_rate=0.05)
    for name, scores in {"spliced": fake, "real": real}.items():
        rates[name].append(batch_test.rejection_rate(scores))
    print(f"{size:2} images: power {rates['spliced'][-1]}, false alarms {rates['real'][-1]}")

figure = plots.Figure((6, 4))
axes = figure.add_subplot(title="batches that the test flags", ylim=(0, 1.02))
for name, found in rates.items():
    values = torch.tensor([rate.value for rate in found])
    errors = torch.tensor([rate.standard_error for rate in found])
    axes.fill_between(sizes, (values - errors).clamp(0), (values + errors).clamp(max=1), alpha=0.2)
    plots.curves({f"{name} batches": (sizes, values)}, "share flagged", "images a batch", axes=axes)
axes.axhline(0.05, color="grey", linestyle=":", label="5 %")
axes.legend()
figure

# %%
# **What to see.** The power rises with the batch size, and the false alarms stay near 5 % within
# their error, which the bands show: one standard error. The threshold must come from held-out
# images. Training images have higher log-probabilities than new ones, so a threshold from them
# would call real images spliced too often.
#
# ``examples/frankenstein.py`` compares the mixture with a VAE and with MADE, which need smaller
# batches.
#
# Completing an image
# -------------------
#
# Let :math:`x_L` be the left half of an image and :math:`x_R` its right half. Given the class they
# are independent. So sum over the class, with its posterior from the left half alone:
#
# .. math::
#    p(x_R \mid x_L) = \sum_k p(k \mid x_L) \, p(x_R \mid k), \qquad
#    p(k \mid x_L) \propto \pi_k \prod_{d \in L} \mu_{kd}^{x_d} (1 - \mu_{kd})^{1 - x_d}.
#
# In :math:`p(k \mid x_L)` the missing pixels have disappeared: the sum over both values of a pixel
# is :math:`\mu + (1 - \mu) = 1`. To marginalise a pixel of this model is to leave it out. The
# average completion is the mixture of the class images with these weights; a draw takes one class,
# and then its pixels.

left = torch.arange(8) < 4
some = digits.test.spread(8).images.float()
plots.image_rows(
    {
        "test images": some,
        "given": torch.where(left, some, 0.5),
        "mean": mixture.complete(some, left, mean=True),
        "a draw": mixture.complete(some, left),
        "another": mixture.complete(some, left),
    }
)

# %%
# How good are completions? The true right half has the probability
# :math:`\log p(x_R \mid x_L) = \log p(x) - \log p(x_L)`, and without the left half it would have
# :math:`\log p(x_R)`. Their difference is what the left half tells of the right one.

with torch.no_grad():
    given = mixture.log_likelihood(test) - mixture.log_likelihood(test, left)
    alone = mixture.log_likelihood(test, ~left)
print(f"log p(right | left) {given.mean():.2f}, log p(right) {alone.mean():.2f} nats an image")

# %%
# At :math:`28 \times 28` pixels the same takes about a minute of EM. The mixture of 100 classes
# that comes with the package reaches −137.0 nats on the test images of binarised MNIST. These are
# its classes.

plots.image_grid(mnist.class_images, title="100 classes of MNIST")

# %%
# Exercises
# ---------
#
# **1.** Show that :math:`\nabla_\theta \log p(x) = \sum_k r_k \nabla_\theta \log p(x, k)`, with the
# responsibilities :math:`r_k` of the E-step. What do EM and gradient ascent have in common?
#
# .. dropdown:: Answer to 1
#
#    :math:`\nabla \log p(x) = \frac{1}{p(x)} \sum_k \nabla p(x, k)`, and
#    :math:`\nabla p(x, k) = p(x, k) \nabla \log p(x, k)`. The factor :math:`p(x, k) / p(x)` is
#    :math:`r_k`. So both work with the same weighted log joint: EM goes to its maximum with the
#    weights held, the gradient takes one step and computes the weights again.
#
# **2.** Two pixels have the means :math:`\mathbb{E}[x_d] = \sum_k \pi_k \mu_{kd}`. Show that their
# covariance is :math:`\sum_k \pi_k (\mu_{k1} - \mathbb{E}[x_1]) (\mu_{k2} - \mathbb{E}[x_2])`. For
# which mixtures are all pixels uncorrelated?
#
# .. dropdown:: Answer to 2
#
#    Given the class they are independent, so
#    :math:`\mathbb{E}[x_1 x_2] = \sum_k \pi_k \mu_{k1} \mu_{k2}`. Subtract
#    :math:`\mathbb{E}[x_1] \mathbb{E}[x_2]` and complete the product. It is the covariance of the
#    class means over the classes. With :math:`K = 1`, or all :math:`\mu_k` equal, it is zero for
#    all pairs; so it is if each pixel but one has the same mean in all classes.
#
# **3.** Initialise all :math:`\mu_k` equal and run EM. What happens, and why does it not happen to
# Adam in this chapter?
#
# .. dropdown:: Answer to 3
#
#    All classes explain every image equally well, so :math:`r_{nk} = \pi_k` for all images, and the
#    M-step gives every class the mean image. They stay equal, and the mixture is a model of
#    independent pixels. It is a stationary point of the gradient too; Adam's program starts from
#    weights drawn with a standard deviation of 0.01, which differ a little.
