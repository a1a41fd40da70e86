r"""
2. Maximum likelihood, and the first Pyro program
=================================================

**Question.** We have images, and a family of distributions :math:`p_\theta(x)` with a free
parameter :math:`\theta`. Which :math:`\theta` is best, and how is it found?

*Maximum likelihood* takes the :math:`\theta` under which the data are most probable. For the small
models of this chapter it has a closed form, which we derive. Each of them is then written as a Pyro
program and fitted by gradients, so that one can see that the general method reaches the known
answer. Later models have no closed form, and only the general method is left.
"""

# %%
# The objective
# -------------
#
# Let :math:`x_1, \dots, x_N` be independent draws from an unknown distribution
# :math:`p_{\text{data}}`. The *log-likelihood* of :math:`\theta` is
#
# .. math::
#    \ell(\theta) = \log \prod_{n=1}^N p_\theta(x_n) = \sum_{n=1}^N \log p_\theta(x_n).
#
# Its mean over the data, :math:`\ell(\theta) / N`, estimates
# :math:`\mathbb{E}_{p_{\text{data}}}[\log p_\theta(x)]`. Subtract the same expectation of
# :math:`\log p_{\text{data}}`, which does not depend on :math:`\theta`, and change the sign:
#
# .. math::
#    \mathbb{E}_{p_{\text{data}}}\!\left[\log \frac{p_{\text{data}}(x)}{p_\theta(x)}\right]
#    = \operatorname{KL}(p_{\text{data}} \,\|\, p_\theta) \ge 0.
#
# So to maximise the likelihood is to minimise an estimate of the Kullback-Leibler divergence from
# the data to the model. It is zero only if the two distributions are equal.
#
# Independent pixels
# ------------------
#
# The data are handwritten digits of :math:`8 \times 8` pixels. ``binarized`` makes each pixel
# white, the value 1, with its grey value as the probability.

import torch

import ppgen
from ppgen import plots

digits = ppgen.data.load("digits").binarized()
train, test = digits.train.images.float(), digits.test.images.float()
print(tuple(train.shape), "training images;", tuple(test.shape), "test images")

# %%
# The simplest model lets pixel :math:`d` be white with a probability :math:`\mu_d` of its own,
# whatever the other pixels are:
#
# .. math::
#    p_\mu(x) = \prod_{d=1}^{D} \mu_d^{x_d} (1 - \mu_d)^{1 - x_d}.
#
# Let :math:`n_d = \sum_n x_{nd}` be the number of images in which pixel :math:`d` is white. Then
#
# .. math::
#    \ell(\mu) = \sum_d \big[ n_d \log \mu_d + (N - n_d) \log(1 - \mu_d) \big],
#
# a sum in which each :math:`\mu_d` has one term. Where its derivative is zero,
#
# .. math::
#    \frac{n_d}{\mu_d} - \frac{N - n_d}{1 - \mu_d} = 0
#    \quad\Rightarrow\quad n_d (1 - \mu_d) = (N - n_d)\, \mu_d
#    \quad\Rightarrow\quad \hat\mu_d = \frac{n_d}{N}.
#
# The second derivative, :math:`-n_d / \mu_d^2 - (N - n_d) / (1 - \mu_d)^2`, is negative, so this is
# the maximum. The estimate is the mean of the pixel. Put it back: the largest mean log-likelihood
# is :math:`\sum_d [\hat\mu_d \log \hat\mu_d + (1 - \hat\mu_d) \log(1 - \hat\mu_d)]`, minus the sum
# of the entropies of the pixels.

mean = train.mean(0)
entropy = torch.special.entr(torch.stack([mean, 1 - mean])).sum()
print(f"largest mean log-likelihood: {-entropy:.3f} nats an image")
print(f"pixels that are black in every training image: {(mean == 0).sum()} of {mean.numel()}")

# %%
# The same as a Pyro program
# --------------------------
#
# A Pyro program is a Python function that draws random variables. Three statements suffice here.
#
# ``pyro.sample(name, distribution, obs=x)``
#     is a random variable. Without ``obs``, or with ``obs=None``, it is drawn. With ``obs`` it is
#     *observed*: its value is given, and its log-probability is added to that of the program.
# ``pyro.plate(name, size)``
#     says that what is drawn inside comes ``size`` times, each time independently of the others.
#     Its purpose is the same as that of the box in a drawing of a graphical model. Here it stands
#     for the images of a batch.
# ``pyro.param(name, start)``
#     is a parameter that is to be fitted, with its first value.
#
# ``to_event(3)`` says that the last three dimensions, channel, height and width, belong to one
# draw: the log-probabilities of the 64 pixels are added up to one number for each image. The plate
# covers what remains, the rows of the batch.
#
# A probability must lie between 0 and 1, and a step along a gradient knows no such bounds. So the
# parameter is the *logit* :math:`a = \log(\mu / (1 - \mu))`, any real number, and
# :math:`\mu = \sigma(a) = 1 / (1 + e^{-a})`.

import pyro
import pyro.distributions as dist


def pixels(x=None, *, n=1):
    logits = pyro.param("logits", torch.zeros(1, 8, 8))
    with pyro.plate("data", n if x is None else len(x)):
        return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)


# %%
# :func:`ppgen.fit` maximises the mean log-likelihood by stochastic variational inference (SVI). In
# general SVI has a second program, the *guide*, for variables that are not observed, and maximises
# a lower bound of the log-likelihood, the *ELBO* (evidence lower bound; chapter 6). Nothing is
# unobserved here, so no guide is needed, and the bound *is* the log-likelihood. Each step computes
# the gradient on a batch of images and lets an optimiser, Adam, go a little way along it. We take
# all images at each step.
#
# :func:`ppgen.as_program` wraps the function so that it keeps its parameters.

program = ppgen.as_program(pixels)
history = ppgen.fit(program, train, steps=600, batch_size="all", lr=0.1, progress=False)
print("training images:", ppgen.elbo(program, train))
print("test images:    ", ppgen.elbo(program, test))

# %%
# The difference to the closed form, in nats, and the largest difference of a probability:

fitted = program.param("logits").detach().sigmoid()
print(f"{-entropy - ppgen.elbo(program, train).mean:.5f} nats below the maximum")
print(f"{(fitted - mean).abs().max():.5f} is the largest difference of a probability")

# %%
# The last differences are slow to vanish, and there is a reason: pixels that are always
# black have :math:`\hat\mu_d = 0`, whose logit is :math:`-\infty`. The gradient of the mean
# log-likelihood in the logit,
#
# .. math::
#    \frac{\partial}{\partial a_d} \frac{\ell}{N}
#    = \Big(\frac{\hat\mu_d}{\mu_d} - \frac{1 - \hat\mu_d}{1 - \mu_d}\Big)\, \mu_d (1 - \mu_d)
#    = \hat\mu_d - \sigma(a_d),
#
# where :math:`\mu_d (1 - \mu_d)` is the derivative of :math:`\sigma`, is the data's mean minus the
# model's. It vanishes only as :math:`a_d` runs to :math:`-\infty`. The closed form itself has a
# flaw there: an image with one such pixel white would have probability zero. That is
# *overfitting* in its plainest form, and chapter 4 uses the usual remedy, a small count added to
# both values of each pixel.
#
# The function draws images as well, when it is called without data. :func:`ppgen.sample` does that.

samples = ppgen.sample(program, 10, seed=0)
plots.image_grid(
    torch.cat([mean[None], fitted[None], samples]),
    columns=6,
    title="pixel means, the same by SVI, and ten samples",
)

# %%
# **What to see.** The first two images are equal: SVI has found the means. The samples are speckled
# and show no digit. The model knows how often a pixel is white, and nothing of which pixels are
# white together. On MNIST at :math:`28 \times 28` pixels the same model has 205.8 nats a test
# image, where the best models of this course have about 80.
#
# The rate of an exponential distribution
# ---------------------------------------
#
# Waiting times :math:`x_n > 0` with the density :math:`p_\lambda(x) = \lambda e^{-\lambda x}` have
#
# .. math::
#    \ell(\lambda) = \sum_n (\log \lambda - \lambda x_n) = N \log \lambda - \lambda \sum_n x_n,
#    \qquad
#    \ell'(\lambda) = \frac{N}{\lambda} - \sum_n x_n.
#
# The derivative is zero at :math:`\hat\lambda = N / \sum_n x_n`, the inverse of the mean, and
# :math:`\ell''(\lambda) = -N / \lambda^2 < 0` makes it the maximum. PyTorch's derivative must agree
# with :math:`\ell'` at any :math:`\lambda`. We ask at 1.

torch.manual_seed(0)
x = dist.Exponential(2.0).sample((200,))
rate = torch.tensor(1.0, requires_grad=True)
log_likelihood = dist.Exponential(rate).log_prob(x).sum()
log_likelihood.backward()
print(f"by autodiff {rate.grad:.3f}, by the formula {len(x) / 1.0 - x.sum():.3f}")

# %%
# :class:`~ppgen.models.Exponential` is the program: one parameter :math:`\log \lambda`, a plate and
# an observed sample. ``from_data`` is the closed form.

from ppgen.models import Exponential

by_steps, closed_form = Exponential(1.0), Exponential.from_data(x)
ppgen.fit(by_steps, x, steps=300, batch_size="all", lr=0.1, progress=False)
print(f"closed form {closed_form.rate:.5f}, by SVI {by_steps.rate:.5f}, drawn with 2")

rates = torch.linspace(1.3, 3.4, 100)
figure = plots.Figure((6, 4))
axes = figure.add_subplot(title="log-likelihood: one peak, at N / Σ x")
for count in (20, 200):
    draws = x[:count]
    peak = count / draws.sum()
    curve = count * rates.log() - rates * draws.sum()
    top = count * peak.log() - peak * draws.sum()
    axes.plot(rates, curve - top, label=f"the first {count} draws")
    axes.axvline(peak, color=axes.lines[-1].get_color(), linestyle="--")
axes.set(xlabel="rate λ", ylabel="nats below the maximum", ylim=(-8, 0.4))
axes.legend()
figure

# %%
# **What to see.** Each curve has one peak, at its dashed line. The peaks lie near the rate 2 that
# the data were drawn with, and not on it: with 200 draws the standard error is about
# :math:`\hat\lambda / \sqrt{200} \approx 0.14`, with 20 draws about three times as much (exercise
# 1). The more sharply the curve bends, the smaller is the error.
#
# Regression with Gaussian noise
# ------------------------------
#
# Let :math:`y_n` be a number, :math:`x_n \in \mathbb{R}^k` what it is predicted from, and
#
# .. math::
#    p(y_n \mid x_n) = \mathcal{N}(y_n;\ w^\top x_n,\ \sigma^2).
#
# With the matrix :math:`X` of rows :math:`x_n^\top` and the vector :math:`y`,
#
# .. math::
#    \ell(w, \sigma^2) = -\frac{N}{2} \log(2\pi\sigma^2) - \frac{1}{2\sigma^2} \|y - Xw\|^2.
#
# For any :math:`\sigma^2` the best :math:`w` minimises :math:`\|y - Xw\|^2`: maximum likelihood is
# *least squares*. Its gradient :math:`-2 X^\top (y - Xw)` is zero where
#
# .. math::
#    X^\top X\, w = X^\top y \quad\Rightarrow\quad \hat w = (X^\top X)^{-1} X^\top y,
#
# if the columns of :math:`X` are linearly independent. For :math:`\sigma^2` write
# :math:`v = \sigma^2` and differentiate:
#
# .. math::
#    -\frac{N}{2v} + \frac{1}{2v^2} \|y - X\hat w\|^2 = 0
#    \quad\Rightarrow\quad \hat\sigma^2 = \frac{1}{N} \|y - X \hat w\|^2,
#
# the mean squared residual.
#
# As data we take the grey value of one pixel in the middle, from -1 for black to 1 for white, and
# predict it from four pixels that come before it when one reads the image line by line: the one on
# its left and the three above. Chapter 4 makes this idea a model of whole images.

from ppgen.models import LinearRegression

grey = ppgen.data.load("digits").train.images[:, 0].float() / 8 - 1
y = grey[:, 4, 4]
names = ["constant", "left", "above left", "above", "above right"]
neighbours = [grey[:, 4, 3], grey[:, 3, 3], grey[:, 3, 4], grey[:, 3, 5]]
design = torch.stack([torch.ones(len(y)), *neighbours], dim=1)

exact = LinearRegression.from_data(y, design)
by_steps = LinearRegression(5)
ppgen.fit(by_steps, (y, design), steps=800, batch_size="all", lr=0.05, progress=False)
squares = torch.linalg.lstsq(design, y[:, None]).solution[:, 0]
print(f"{'':12} closed form    by SVI  least squares")
for row in zip(names, exact.weights, by_steps.weights, squares, strict=True):
    print("{:12} {:11.4f} {:9.4f} {:14.4f}".format(*row))
print(f"{'variance':12} {exact.variance:11.4f} {by_steps.variance:9.4f}")

# %%
# The left neighbour and the pixel above have the largest weights. A fit by steps took hundreds of
# them for what is one system of linear equations. Use a closed form if there is one.
#
# A penalty is a prior
# --------------------
#
# Often a penalty on large weights is added, and one maximises
#
# .. math::
#    \sum_n \log p(y_n \mid x_n, \theta) - \lambda \|\theta\|^2.
#
# Let the weights be random instead, with independent prior densities
# :math:`\mathcal{N}(0, s^2)`. By Bayes' theorem the *posterior*, their density given the data, is
# :math:`p(\theta \mid y) = p(y \mid \theta)\, p(\theta) / p(y)`. The denominator does not depend on
# :math:`\theta`, so the most probable :math:`\theta`, the *maximum a posteriori* (MAP) estimate,
# maximises
#
# .. math::
#    \sum_n \log p(y_n \mid x_n, \theta) + \log p(\theta)
#    = \sum_n \log p(y_n \mid x_n, \theta) - \frac{1}{2 s^2} \|\theta\|^2 + \text{constant}.
#
# The two objectives are the same if :math:`\lambda = 1 / (2 s^2)`: the penalty
# :math:`\lambda\|\theta\|^2` is a Gaussian prior of each weight, with variance
# :math:`1 / (2\lambda)`. Optimisers know a third way to say it. *Weight decay* :math:`\delta` adds
# :math:`\delta\,\theta` to the gradient of the loss. The loss of :func:`ppgen.fit` is the mean over
# :math:`N` rows, so the penalty's gradient in it is :math:`2\lambda\,\theta / N`, and
# :math:`\delta = 2\lambda / N`. :class:`~ppgen.inference.L2Penalty` holds the three numbers.
#
# We tell threes from eights by logistic regression,
# :math:`P(y = 1 \mid x) = \sigma(\theta^\top x)`, on 16 mean grey values and a constant, from 40
# images.

from ppgen.inference import L2Penalty


def three_or_eight(part, rows=None):
    chosen = ((part.labels == 3) | (part.labels == 8)).nonzero()[:rows, 0]
    cells = torch.nn.functional.avg_pool2d(part.images[chosen].float(), 2).flatten(1) / 8 - 1
    design = torch.cat([torch.ones(len(cells), 1), cells], dim=1)
    return (part.labels[chosen] == 8).float(), design


data = three_or_eight(ppgen.data.load("digits").train, rows=40)
held_out = three_or_eight(ppgen.data.load("digits").test)
penalty = L2Penalty(0.1)
print("prior variance", penalty.prior_variance, "and weight decay", penalty.weight_decay(40))

# %%
# The first way is weight decay, with :class:`~ppgen.models.LogisticRegression`. The second is a
# Pyro program with a prior, in which the weights are a ``pyro.sample`` that is not observed. Such a
# *latent* variable needs a guide, a program that proposes values for it. Pyro's ``AutoDelta`` is a
# guide that puts all probability on one value, and fits that value. What the ELBO then maximises is
# :math:`\log p(y \mid \theta) + \log p(\theta)` at that value, which is the MAP objective.

from functools import partial

from pyro.infer.autoguide import AutoDelta

from ppgen.models import LogisticRegression

decayed = LogisticRegression(17)
adam = partial(torch.optim.Adam, lr=0.1, weight_decay=penalty.weight_decay(40))
ppgen.fit(decayed, data, steps=800, batch_size="all", optimizer=adam, progress=False)


def with_prior(y, design):
    weights = pyro.sample("weights", penalty.prior(torch.zeros(17)))
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=design @ weights), obs=y)


guide = AutoDelta(with_prior)
bayesian = ppgen.as_program((with_prior, guide))
ppgen.fit(bayesian, data, steps=800, batch_size="all", lr=0.1, progress=False)
mode = guide(*data)["weights"].detach()
print(f"largest difference of a weight: {(decayed.weights - mode).abs().max():.5f}")

# %%
# The third is the penalty as it is written above. ``pyro.factor`` adds a number to the
# log-probability of a program. With few parameters, Newton's method finds the maximum to rounding
# in a few iterations: :func:`ppgen.inference.maximum_likelihood`. We use it for several strengths
# :math:`\lambda`.

from ppgen.inference import maximum_likelihood


class Penalised(LogisticRegression):
    def __init__(self, strength):
        super().__init__(17)
        self.penalty = L2Penalty(strength)

    def model(self, y=None, design=None, *, n=1):
        pyro.factor("penalty", -self.penalty([self.weights]))
        return super().model(y, design, n=n)


strengths = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
best = {s: maximum_likelihood(Penalised(s).double(), data).program.weights for s in strengths}
print(f"largest difference of a weight: {(best[0.1] - mode).abs().max():.5f}")


def mean_nats(rows):
    y, design = (tensor.double() for tensor in rows)
    scored = [dist.Bernoulli(logits=design @ w).log_prob(y).mean().item() for w in best.values()]
    return strengths, scored


figure = plots.Figure((10, 4))
left, right = figure.subplots(1, 2)
left.plot(best[0.1].detach(), "o", markersize=11, markerfacecolor="none", label="penalty, Newton")
left.plot(decayed.weights.detach(), "o", markersize=7, markerfacecolor="none", label="decay, Adam")
left.plot(mode, ".", markersize=4, label="prior, AutoDelta")
left.set(
    xlabel="weight; 0 is the constant", ylabel="value", title="three ways, one optimum (λ = 0.1)"
)
left.legend()
lines = {"training": mean_nats(data), "test": mean_nats(held_out)}
plots.curves(lines, ylabel="mean log-likelihood, nats", xlabel="strength λ", axes=right)
right.set(xscale="log", title="test images need some penalty")
figure

# %%
# **What to see.** On the left all three ways give the same weights. On the right, the training
# images always prefer less penalty. The test images have an optimum in between, near
# :math:`\lambda = 0.1`. Without a penalty there is no maximum at all here: a plane separates the
# 40 training images, and twice its weights separate them with more certainty, without end.
#
# The MAP estimate is one point of the posterior. It says nothing of how wide the posterior is, and
# predictions by it are too sure. Chapter 6 fits whole distributions of what is not observed.
#
# Exercises
# ---------
#
# **1.** The *Fisher information* is :math:`-\mathbb{E}[\ell''(\theta)]`, and the standard error of
# a maximum-likelihood estimate is about one over its root. Derive it for :math:`\lambda` and for
# :math:`\mu_d`, and check the first with ``closed_form.standard_error(200)`` and with
# :func:`ppgen.inference.maximum_likelihood`.
#
# .. dropdown:: Answer to 1
#
#    :math:`-\ell''(\lambda) = N / \lambda^2`, so the standard error is :math:`\lambda / \sqrt N`.
#    For a pixel, :math:`-\mathbb{E}[\ell''] = N / \mu + N / (1 - \mu) = N / (\mu (1 - \mu))`, since
#    :math:`\mathbb{E}[n_d] = N\mu`, and the standard error is :math:`\sqrt{\mu(1 - \mu)/N}`, that
#    of a mean of coin tosses.
#    ``maximum_likelihood(Exponential().double(), (x,)).standard_error(lambda p: p.rate)`` computes
#    the first from second derivatives by autodiff, and agrees.
#
# **2.** Show that :math:`\mathbb{E}[\hat\sigma^2] = \sigma^2 (N - k) / N`: maximum likelihood
# underestimates the noise of a regression. Where does the rest go?
#
# .. dropdown:: Answer to 2
#
#    The residual is :math:`(I - H)\,y` with :math:`H = X (X^\top X)^{-1} X^\top`, the projection
#    onto the :math:`k` columns of :math:`X`. It removes :math:`Xw`, so the residual is
#    :math:`(I - H)\,\varepsilon` for the noise :math:`\varepsilon`. A projection has the square
#    :math:`(I - H)^2 = I - H`, so
#
#    .. math::
#       \mathbb{E}\|(I - H)\varepsilon\|^2 = \mathbb{E}[\varepsilon^\top (I - H)\, \varepsilon]
#       = \sigma^2 \operatorname{tr}(I - H) = \sigma^2 (N - k).
#
#    The rest of the noise lies in the column space, and the fitted weights have followed it.
#
# **3.** A pixel has :math:`K` grey levels with probabilities :math:`\pi_1, \dots, \pi_K` that sum
# to one, and level :math:`k` was seen :math:`n_k` times. Find the maximum likelihood.
#
# .. dropdown:: Answer to 3
#
#    Maximise :math:`\sum_k n_k \log \pi_k` with a Lagrange multiplier for :math:`\sum_k \pi_k = 1`:
#    :math:`n_k / \pi_k = \alpha` for all :math:`k`, so :math:`\pi_k = n_k / \alpha`, and the sum
#    gives :math:`\alpha = \sum_k n_k = N`. Again :math:`\hat\pi_k = n_k / N`.
#
# **4.** Which prior makes the MAP estimate of :math:`\mu_d` equal to
# :math:`(n_d + a) / (N + 2a)`? Change the program ``pixels`` so that SVI finds it.
#
# .. dropdown:: Answer to 4
#
#    :math:`\text{Beta}(1 + a, 1 + a)`, whose density is proportional to
#    :math:`\mu^a (1 - \mu)^a`: it acts as :math:`a` more white and :math:`a` more black images.
#    Sample ``probs`` from ``dist.Beta(1 + a, 1 + a).expand((1, 8, 8)).to_event(3)`` before the
#    plate, use ``dist.Bernoulli(probs)``, and fit it with ``AutoDelta``. The guide optimises the
#    value in unconstrained numbers without any change of the density, so the answer is the mode
#    of :math:`\mu`, as asked.
