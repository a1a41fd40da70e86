r"""
1. Densities over a few images, and why counting ends
=====================================================

**Question.** A black-and-white image of :math:`3 \times 3` pixels has one of 512 values. What does
it mean to give each of them a probability, how does one draw images, and why can the same not be
done by listing for :math:`28 \times 28` pixels?

A *generative model* of images is a probability distribution :math:`p(x)` over all images from which
one can draw, and whose value :math:`p(x)` one can compute or at least bound. On few pixels both can
be done by a table. We write the first program here, and meet the number that the rest of the course
tries to avoid: the sum over all images.
"""

# %%
# A distribution by the number of black pixels
# --------------------------------------------
#
# Let :math:`x \in \{0, 1\}^D` be an image of :math:`D` pixels, 1 for black, and
# :math:`k(x) = \sum_d x_d` its number of black pixels. We want images to be more probable the more
# black pixels they have. One way is to draw in two steps:
#
# 1. a count :math:`K` with :math:`P(K = k) \propto k`,
# 2. an image, uniformly among those with :math:`K` black pixels.
#
# The weights must sum to one. Since :math:`\sum_{k=0}^D k = D(D + 1)/2`,
#
# .. math::
#    P(K = k) = \frac{2k}{D(D + 1)},
#
# which for :math:`D = 9` is :math:`k / 45`. There are :math:`\binom{D}{k}` images with :math:`k`
# black pixels, and the second step chooses among them evenly, so
#
# .. math::
#    p(x) = \frac{P(K = k(x))}{\binom{D}{k(x)}}.
#
# :class:`~ppgen.distributions.CountImages` is this distribution for any weights.

import torch

from ppgen import plots
from ppgen.distributions import CountImages, all_images

p = CountImages.counts_proportional((1, 3, 3), dtype=torch.float64)
for k, weight in enumerate(p.weights):
    print(f"P(K = {k}) = {weight:.4f}")

# %%
# Does it sum to one? With 512 images we can ask all of them. ``log_prob`` gives logarithms; why
# becomes clear below.

images = all_images((1, 3, 3), dtype=torch.float64)
print(len(images), "images,", "sum of probabilities", p.log_prob(images).exp().sum().item())

# %%
# Five draws. Images are ``(batch, channel, height, width)`` throughout, and pictures show the value
# 1 as white, so we show ``1 - x``.

torch.manual_seed(0)
plots.image_grid(1 - p.sample((5,)), columns=5, title="five draws, by the count of black pixels")

# %%
# "More probable the more black pixels" could also be said of each image: :math:`p(x) \propto k(x)`.
# That is another distribution. An image with :math:`k` black pixels now has weight :math:`k`, there
# are :math:`\binom{D}{k}` of them, and :math:`\sum_k k \binom{D}{k} = D\,2^{D-1}`, so counts near
# the middle win because most images lie there.

q = CountImages.images_proportional((1, 3, 3), dtype=torch.float64)
counts = range(10)
plots.curves(
    {"P(K = k) ∝ k": (counts, p.weights), "p(x) ∝ k(x)": (counts, q.weights)},
    ylabel="probability of the count",
    xlabel="black pixels k",
)

# %%
# **What to see.** Under the first, all nine black is the most probable count, and since only one
# image has it, that image alone has probability 0.2. Under the second it has
# :math:`9 / (9 \cdot 2^8) \approx 0.004`. A sentence about "probability" says nothing until it says
# of what.
#
# The same at 28 × 28: logarithms
# -------------------------------
#
# :math:`\binom{784}{392}` has 235 digits. No floating-point number of 64 bits goes beyond
# :math:`10^{308}`, and :math:`2^{784}`, the number of images, is of that order too: it overflows in
# 32 bits, and its inverse underflows to zero. Their logarithms are small numbers:
#
# .. math::
#    \log p(x) &= \log P(K = k) - \log \binom{D}{k}, \\
#    \log \binom{D}{k} &= \log\Gamma(D + 1) - \log\Gamma(k + 1) - \log\Gamma(D - k + 1).
#
# So every distribution here works with :math:`\log p`, in *nats*: natural logarithms. A nat is
# :math:`1 / \log 2 \approx 1.44` bits.

large = CountImages.counts_proportional((1, 28, 28))
x = large.sample((3,))
for image, log_p in zip(x, large.log_prob(x), strict=True):
    print(f"{image.sum():3.0f} black pixels: log p = {log_p:.1f} nats, p = {log_p.exp():.3g}")

plots.image_grid(1 - x, columns=3, title="three draws at 28 × 28")

# %%
# A density that is learned
# -------------------------
#
# A formula for :math:`p` is rarely known. Suppose we are told the probabilities of 200 of the 512
# images and want those of the others. A network :math:`f_\theta` with a positive output can be
# fitted to the 200 numbers, but its outputs do not sum to one. Dividing by their sum makes them a
# distribution:
#
# .. math::
#    p_\theta(x) = \frac{f_\theta(x)}{Z_\theta}, \qquad Z_\theta = \sum_{x'} f_\theta(x').
#
# The *normaliser* :math:`Z_\theta` runs over all images. We fit :math:`\log f_\theta` to
# :math:`\log p` by squares, on images chosen at random.

from torch import nn

network = nn.Sequential(nn.Flatten(), nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
network.append(nn.Linear(64, 1))
order = torch.randperm(len(images))
known, held_out = order[:200], order[200:250]
x, target = images.float(), q.log_prob(images).float().clamp(min=-20)

adam = torch.optim.Adam(network.parameters(), lr=1e-2)
for _ in range(500):
    adam.zero_grad()
    loss = (network(x[known]).squeeze(-1) - target[known]).square().mean()
    loss.backward()
    adam.step()

with torch.no_grad():
    log_f = network(x).squeeze(-1)
    learned = log_f - log_f.logsumexp(0)  # log f − log Z
print(f"Z = {log_f.exp().sum():.3f}; after division the sum is {learned.exp().sum():.6f}")
error = (learned.exp() / q.log_prob(images).float().exp() - 1)[held_out].abs()
print(f"held-out images off by more than 10 %: {(error > 0.1).sum()} of {len(held_out)}")

# %%
# The division needs :math:`Z_\theta`, and here :math:`\log Z_\theta = \log \sum_x \exp(\log f)` is
# computed from logarithms without ever leaving them; ``logsumexp`` subtracts the largest before it
# takes exponentials.

plots.scatter(
    torch.stack([q.log_prob(images).float()[held_out], learned[held_out]], 1),
    xlabel="log p of held-out images, true",
    ylabel="log p, learned",
)

# %%
# Why that ends
# -------------
#
# For :math:`28 \times 28` pixels :math:`Z_\theta` has :math:`2^{784} \approx 10^{236}` terms. A
# Monte Carlo estimate replaces the sum by a mean over :math:`N` uniform draws,
#
# .. math::
#    Z_\theta = 2^D \, \mathbb{E}_{x \sim \text{uniform}}[f_\theta(x)]
#    \approx \frac{2^D}{N} \sum_{n=1}^N f_\theta(x_n).
#
# It is unbiased, and useless if few of the draws carry the sum. The *effective sample size*
# :math:`(\sum_n f_n)^2 / \sum_n f_n^2` says how many draws do: it is :math:`N` if all :math:`f_n`
# are equal, and 1 if one of them is everything. Digits are a small corner of all images, so for a
# density of digits uniform draws miss everything that counts. We take one that we know: each pixel
# black with its own probability.

import ppgen

for side in (2, 4, 8):
    digits = ppgen.data.load("digits").resized(side).binarized().train.images.float()
    mean = digits.mean(0).clamp(0.01, 0.99)
    uniform = torch.randint(2, (100_000, *mean.shape)).float()
    log_f = torch.distributions.Bernoulli(mean).log_prob(uniform).sum((-3, -2, -1))
    log_size = 2 * log_f.logsumexp(0) - (2 * log_f).logsumexp(0)
    print(f"{side} × {side}: effective draws of 100,000: {log_size.exp():10.1f}")

# %%
# **What to see.** At :math:`8 \times 8` pixels, a twelfth of an MNIST digit, a hundred thousand
# draws are worth a handful. The chapters that follow avoid the sum in three ways: by conditionals
# that sum to one each (chapter 4), by latent variables that are summed out exactly (chapter 5), and
# by bounds (chapters 6 and 7).
#
# Exercises
# ---------
#
# **1.** Show that :math:`\sum_k k \binom{D}{k} = D\,2^{D-1}`.
#
# .. dropdown:: Answer to 1
#
#    Differentiate :math:`(1 + t)^D = \sum_k \binom{D}{k} t^k` in :math:`t` and put :math:`t = 1`.
#    Or: count the pairs of an image and one of its black pixels. Choose the pixel first,
#    :math:`D` ways, then the colours of the others, :math:`2^{D-1}` ways.
#
# **2.** Which weights :math:`P(K = k)` make all pixels independent and black with probability
# :math:`\tfrac{1}{2}`? Check your answer with ``CountImages`` on all 512 images.
#
# .. dropdown:: Answer to 2
#
#    :math:`P(K = k) = \binom{D}{k} 2^{-D}`, the binomial distribution; then :math:`p(x) = 2^{-D}`
#    for every image. ``CountImages((1, 3, 3), logits=log_binomials)`` with the logarithms of the
#    binomial coefficients gives ``log_prob`` :math:`= -9 \log 2 \approx -6.24` everywhere.
#
# **3.** The loss above compares logarithms. What goes wrong with
# :math:`(f_\theta(x) - p(x))^2` as the number of pixels grows, even where it can be computed?
#
# .. dropdown:: Answer to 3
#
#    All :math:`p(x)` are near zero, at 784 pixels far below the smallest floating-point number. So
#    :math:`f = 0` has almost no loss and the gradient vanishes, while :math:`Z_\theta = 0` and
#    nothing has been learned. Relative errors are what counts, and those are differences of
#    logarithms.
