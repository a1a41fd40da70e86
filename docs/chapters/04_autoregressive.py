r"""
4. Autoregressive models: one pixel after the other
===================================================

**Question.** Independent pixels give no digits, and a table over all images is too large. Is there
a model in which every pixel may depend on every other, whose probabilities sum to one without any
sum over all images, and from which one can draw?

There is: write the joint distribution as a product of conditionals, and let a network compute them.
This chapter goes from tables to a recurrent network, NADE, MADE and PixelCNN. All of them have an
exact log-likelihood. They differ in how they share parameters, and in what a step costs.
"""

# %%
# The product rule
# ----------------
#
# Put the :math:`D` pixels in an order, such as line by line. Then
#
# .. math::
#    p(x) = \prod_{i=1}^D p(x_i \mid x_1, \dots, x_{i-1}) = \prod_{i=1}^D p(x_i \mid x_{<i})
#
# for any distribution and any order. Each factor is a distribution over the values of one pixel,
# for binary pixels a single number :math:`\mu_i(x_{<i}) = P(x_i = 1 \mid x_{<i})`. If each factor
# sums to one, so does the product: sum over :math:`x_D` first, which is in the last factor alone,
# then over :math:`x_{D-1}`, and so on. This is the argument of chapter 3 for a graph in which every
# earlier pixel is a parent. No normaliser is needed.
#
# To draw an image, draw :math:`x_1`, then :math:`x_2` given it, and so on: *ancestral sampling*. To
# compute :math:`\log p(x)` of a known image, all factors can be computed at the same time, as all
# conditions are known.
#
# The loss is a cross-entropy
# ---------------------------
#
# Let a network return the logit :math:`a_i` of each :math:`\mu_i = \sigma(a_i)`. Then
#
# .. math::
#    -\log p(x) = -\sum_i \log p(x_i \mid x_{<i})
#    = -\sum_i \big[ x_i \log \sigma(a_i) + (1 - x_i) \log(1 - \sigma(a_i)) \big],
#
# since of the two terms the one of the pixel's value is left. The right side is the binary
# *cross-entropy* of a classifier that predicts pixel :math:`i` from those before it. So maximum
# likelihood trains :math:`D` classifiers at once, and the loss that libraries call cross-entropy
# *is* the negative log-likelihood. Its mean over the data-generating distribution is
#
# .. math::
#    -\mathbb{E}_{p_{\text{data}}}[\log p(x)]
#    = H(p_{\text{data}}) + \operatorname{KL}(p_{\text{data}} \,\|\, p).
#
# The entropy :math:`H` is a floor that no model can go below on average. Further down we check the
# equality on every network of this chapter.
#
# Tables
# ------
#
# The most general conditionals are tables: one number for each pixel and each value of the pixels
# before it, :math:`2^{i-1}` rows for pixel :math:`i`. The ``glyphs`` are the 26 letters in
# :math:`5 \times 5` pixels. The last table alone has :math:`2^{24}`, about 17 million, rows, and
# all together have :math:`2^{25} - 1`. The maximum-likelihood estimate of each row is a relative
# frequency, by the argument of chapter 2: of the images that begin with these pixels, the share
# whose next pixel is white. A *pseudo-count* :math:`a` adds :math:`a` to both counts, and keeps
# probabilities off zero and one.
#
# :class:`~ppgen.autoregressive.ConditionalTables` keeps only the rows that were counted.
# :class:`~ppgen.models.AutoregressiveModel` makes a program of any network of
# :mod:`ppgen.autoregressive`: the image is observed at one ``pyro.sample`` whose distribution is
# the product of the conditionals.

import torch

import ppgen
from ppgen import plots
from ppgen.autoregressive import LSTM, ConditionalTables
from ppgen.models import AutoregressiveModel

torch.manual_seed(0)
letters = ppgen.data.load("glyphs").train.images
counted = AutoregressiveModel(ConditionalTables.from_images(letters))
smoothed = AutoregressiveModel(ConditionalTables.from_images(letters, pseudo_count=0.02))
for name, model in {"counted": counted, "pseudo-count 0.02": smoothed}.items():
    nats = -model.distribution().log_prob(letters.float()).mean()
    print(f"{name:18} {nats:.4f} nats a letter, {nats / 25:.4f} a pixel")
print(f"log 26 = {torch.tensor(26.0).log():.4f}")

# %%
# The counted tables give each of the 26 letters the probability 1/26, and all other images zero.
# They have learned the letters by heart: no model can be better on these images, and none could be
# of less use for others.
#
# A network shares parameters
# ---------------------------
#
# A table learns nothing about a row from any other row. A network computes all conditionals with
# the same parameters :math:`\theta`, so what it learns from one image applies to similar ones. A
# *recurrent* network reads one pixel after the other and keeps a summary of what it has read, a
# vector :math:`h_i = f_\theta(h_{i-1}, x_{i-1})`, from which :math:`a_i = w^\top h_i + b`. The LSTM
# is such an :math:`f_\theta` that can keep a value over many steps.

lstm = AutoregressiveModel(LSTM((1, 5, 5), hidden=64))
history = ppgen.fit(lstm, letters, epochs=100, lr=0.01, progress=False)
print(f"LSTM: {-ppgen.elbo(lstm, letters).mean / 25:.4f} nats a pixel")

samples = {}
for name, model in {"counted": counted, "pseudo-count 0.02": smoothed, "LSTM": lstm}.items():
    drawn = ppgen.sample(model, 1000, seed=0)
    known = (drawn.flatten(1)[:, None] == letters.flatten(1)).all(-1).any(-1).float().mean()
    print(f"{name:18} {known:.3f} of 1,000 samples are letters")
    samples[name] = torch.nn.functional.pad(drawn[:36], (1, 1, 1, 1))  # letters apart
plots.image_grids(samples)

# %%
# **What to see.** All samples of the counted tables are letters. With a pseudo-count, once a pixel
# differs from all letters the rows that follow were never counted, and the rest of the image is
# noise: about a quarter of the samples are spoilt in this way. The LSTM comes near
# :math:`\log 26 / 25 \approx 0.130` nats a pixel, and nearly all of its samples are letters.
#
# Digits
# ------
#
# From here on the data are digits of :math:`8 \times 8` pixels, white from half grey on. Tables for
# 64 pixels would have :math:`2^{64}` rows. The smallest network that lets each pixel depend on all
# those before it is a logistic regression of each on the others, as in chapter 2:
# :math:`a_i = b_i + \sum_{j<i} W_{ij} x_j`, a *fully visible belief net* (FVSBN), with
# :math:`D(D-1)/2` weights. It is linear in the pixels. The next two networks have hidden units.
#
# NADE
# ----
#
# A perceptron for each pixel would have its own hidden units and :math:`O(D^2 H)` weights.
# The *neural autoregressive distribution estimator* shares the first layer:
#
# .. math::
#    h_i = \sigma\Big(c + \sum_{j<i} W_j x_j\Big), \qquad a_i = b_i + V_i^\top h_i,
#
# where :math:`W_j, V_i \in \mathbb{R}^H`. Pixel :math:`j` has the same weights :math:`W_j` for all
# pixels after it, so there are :math:`2DH + D + H` parameters. The sums inside :math:`\sigma` also
# share their terms. With :math:`s_1 = c`,
#
# .. math::
#    s_{i+1} = s_i + W_i x_i, \qquad h_i = \sigma(s_i).
#
# Computed from nothing, each of the :math:`D` sums would cost up to :math:`DH` operations,
# :math:`O(D^2 H)` in all. Going from one to the next costs :math:`H`, so :math:`O(DH)` in all, for
# the likelihood and also for a sample: when pixel :math:`i` has been drawn, one addition makes the
# next hidden units. But the steps come one after the other, and that suits no hardware that likes
# large matrix products.
#
# MADE
# ----
#
# The *masked autoencoder* computes all conditionals in one pass of an ordinary perceptron from
# :math:`D` inputs to :math:`D` outputs, in which connections are removed so that output :math:`i`
# does not see :math:`x_i` or any later pixel. Each unit gets a *degree*, the number of pixels,
# counted in the order, that it may depend on:
#
# - an input has its place in the order as its degree, from 1;
# - a hidden unit has any degree from 1 to :math:`D - 1`, and keeps connections from units whose
#   degree is *less than or equal* to its own;
# - the output of a pixel keeps connections from hidden units whose degree is *less* than the
#   pixel's place.
#
# Degrees never fall along kept connections, and the last one demands a rise. So a path from input
# :math:`j` to output :math:`i` exists only if :math:`j` comes before :math:`i`.
#
# By hand, for four inputs in the order :math:`x_2, x_4, x_1, x_3`: the places, and so the degrees,
# of :math:`x_1, \dots, x_4` are 3, 1, 4, 2. Take three hidden units of degrees 1, 2 and 3.
#
# - :math:`h_1` (degree 1) sees :math:`x_2`; :math:`h_2` (degree 2) sees :math:`x_2, x_4`;
#   :math:`h_3` (degree 3) sees :math:`x_2, x_4, x_1`. No hidden unit sees :math:`x_3`, the last.
# - The output of :math:`x_2` (place 1) sees none, :math:`x_4` (place 2) sees :math:`h_1`,
#   :math:`x_1` (place 3) sees :math:`h_1, h_2`, and :math:`x_3` (place 4) sees all three.
#
# :func:`ppgen.autoregressive.masks` takes positions from 0, so the order is ``[1, 3, 0, 2]``. Rows
# are the units above, columns the units below.

from ppgen.autoregressive import MADE, check_network, masks

hidden, output = masks([1, 3, 0, 2], [[1, 2, 3]])
print("inputs → hidden", hidden.int(), sep="\n")
print("hidden → outputs", output.int(), sep="\n")

# %%
# These are the masks that we found. A second check asks the network itself. The *Jacobian*, the
# matrix of derivatives of each output in each input, must be zero wherever an input comes at or
# after the output's place. We put rows and columns in the order of drawing and take the largest
# absolute value over 50 random inputs.

made = MADE((1, 1, 4), ordering=[1, 3, 0, 2], hidden=[16], activation=torch.nn.Tanh)
torch.manual_seed(0)
for parameter in made.parameters():
    parameter.data.normal_()
inputs = torch.randn(50, 1, 1, 1, 4)
jacobians = [torch.autograd.functional.jacobian(made, x).view(4, 4) for x in inputs]
largest = torch.stack(jacobians).abs().amax(0)[[1, 3, 0, 2]][:, [1, 3, 0, 2]]
check_network(made)  # the same question, asked of any network; an error names the pixel

names = ["x2", "x4", "x1", "x3"]
figure = plots.Figure((4.8, 4))
axes = figure.add_subplot(xlabel="input", ylabel="output", title="outputs see earlier inputs only")
image = axes.imshow(largest, cmap="Blues", vmin=0)
axes.set(xticks=range(4), yticks=range(4), xticklabels=names, yticklabels=names)
axes.grid(False)
figure.colorbar(image, label="largest |derivative|")
figure

# %%
# **What to see.** Only the triangle below the diagonal is blue. The first row is empty: nothing
# comes before :math:`x_2`.
#
# Training is one pass for all pixels. A sample needs the pixels one after the other, each time a
# pass: :math:`D` passes. (``ppgen`` computes each hidden unit once, when the pixels it depends on
# are known, which costs one pass in all.)
#
# PixelCNN
# --------
#
# Neither NADE nor MADE knows that pixels lie in a plane. A convolution does: it uses the same small
# filter everywhere. To make it autoregressive in reading order, its filter is masked. Weights for
# pixels below the centre, and to the right of it in the same row, are zero. For the centre itself
# there are two types:
#
# - *type A*, for the first layer, which reads the image: the centre is masked, since a pixel must
#   not see itself;
# - *type B*, for all others: the centre is kept, since the features there depend on earlier pixels
#   alone.
#
# The rows below the centre would be all zero, so ``ppgen`` leaves them out.

from ppgen.autoregressive import GatedPixelCNN, MaskedConv2d, PixelCNN

for kind in ("A", "B"):
    print(f"type {kind}, of a 5×5 filter", MaskedConv2d(1, 1, 5, kind).mask[0, 0].int(), sep="\n")

# %%
# One layer sees a few pixels around, and a stack sees more with every layer: its *receptive field*.
# We measure it: which inputs have a derivative of the output at one pixel?


def receptive_field(network):
    x = torch.randn(20, 1, 15, 15, requires_grad=True)
    network(x)[:, 0, 0, 9, 7].sum().backward()
    seen = (x.grad.abs().amax(0) > 0).float()[0] * 0.6
    seen[9, 7] = 1
    return seen


fields = {
    "PixelCNN, 1 block": PixelCNN((1, 15, 15), channels=16, blocks=1),
    "PixelCNN, 6 blocks": PixelCNN((1, 15, 15), channels=16, blocks=6),
    "GatedPixelCNN, 6 blocks": GatedPixelCNN((1, 15, 15), channels=16, blocks=6),
}
plots.image_grids({name: receptive_field(network)[None, None] for name, network in fields.items()})

# %%
# **What to see.** White is the pixel that is predicted, grey what it depends on. A
# :math:`7 \times 7` layer and one block with a :math:`3 \times 3` filter see a small rectangle; six
# blocks see most of what comes before. But on the right, just above, a wedge stays dark however
# many layers there are. Masked filters reach to the right only by going up, so no path leads there.
# This *blind spot* is closed in the gated PixelCNN by a second stack of filters that sees whole
# rows above.
#
# A label for each image
# ----------------------
#
# To draw a digit on demand, condition on its class :math:`y`:
# :math:`p(x \mid y) = \prod_i p(x_i \mid x_{<i}, y)`. Each layer computes :math:`W * x + b + V y`,
# with the class as a vector of zeros with a one: each class has its own bias. ``context_size=10``
# adds the ten columns of :math:`V`, and labels are the program's second argument.
#
# Now we fit them all. ``average=0.98`` evaluates, and keeps, a moving average of the weights over
# some fifty steps, which evens out the noise of the single steps.

from ppgen.autoregressive import NADE, FullyVisible, Independent

digits = ppgen.data.load("digits").binarized("threshold")
shape = digits.image_shape
settings = {  # network, learning rate, epochs
    "FVSBN": (FullyVisible(shape), 0.02, 20),
    "NADE": (NADE(shape, hidden=50), 0.03, 15),
    "MADE": (MADE(shape, hidden=[100]), 0.01, 20),
    "PixelCNN given y": (
        PixelCNN(shape, channels=24, blocks=2, kernel_size=5, context_size=10),
        0.01,
        12,
    ),
}
models = {"independent": AutoregressiveModel(Independent.from_images(digits.train.images))}
for name, (network, rate, epochs) in settings.items():
    models[name] = AutoregressiveModel(network)
    labelled = network.context_size > 0
    ppgen.fit(
        models[name],
        digits.train.arguments(labelled),
        digits.validation.arguments(labelled),
        epochs=epochs,
        batch_size=64,
        lr=rate,
        average=0.98,
        progress=False,
    )

print(f"{'':18} test nats  parameters")
for name, model in models.items():
    test = digits.test.arguments(model.network.context_size > 0)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{name:18} {-ppgen.elbo(model, test).mean:9.2f} {parameters:11,}")

# %%
# Every network is far below the independent pixels. The hidden units of NADE and MADE take off
# another half to one nat from what linear logits reach. The last row is not of the same kind, as it
# is told the label. But a model that knows the label is a model that does not, by summing over it:
# :math:`p(x) = \sum_y p(y)\, p(x \mid y)`, with :math:`p(y) = 1/10`. And Bayes' theorem turns it
# into a classifier: :math:`p(y \mid x) = p(y)\, p(x \mid y) / p(x)`.

pixelcnn = models["PixelCNN given y"]
x, labels = digits.test.images.float(), digits.test.labels
with torch.no_grad():
    given = [pixelcnn.log_likelihood(x, context=torch.full((len(x),), y)) for y in range(10)]
given = torch.stack(given, dim=1)  # log p(x | y), (images, 10)
log_p = given.logsumexp(1) - torch.tensor(10.0).log()
print(f"PixelCNN, labels summed out: {-log_p.mean():.2f} nats")
print(f"test digits that p(y | x) reads right: {(given.argmax(1) == labels).float().mean():.2f}")

# %%
# Samples, and digits on demand from the PixelCNN:

rows = {name: ppgen.sample(models[name], 10, seed=1) for name in ("independent", "FVSBN")}
nade, made = (ppgen.sample(models[name], 20, seed=1) for name in ("NADE", "MADE"))
rows |= {"NADE": nade[:10], "NADE, more": nade[10:], "MADE": made[:10], "MADE, more": made[10:]}
for seed, name in enumerate(["PixelCNN given 0 … 9", "and again"]):
    rows[name] = ppgen.sample(pixelcnn, 10, torch.arange(10), seed=seed)
plots.image_rows(rows, title="samples")

# %%
# **What to see.** The independent pixels are specks. The others draw strokes, and some of their
# samples can be read as digits. Most of those of the PixelCNN can be read as the digits that were
# asked for, 0 to 9 from left to right. Longer training helps: 50 epochs with 32 channels reach
# about 14.4 nats given the label.
#
# At :math:`28 \times 28` pixels the same networks are far apart. On binarised MNIST the recorded
# runs reach, in nats a test image: independent pixels 205.8, MADE with 300 hidden units 92.1, NADE
# with as many 88.0, and a PixelCNN 82.0. NADE took three times as long as MADE on one core. MADE
# gains from width: trained on fresh binarisations of MNIST it goes from 90.3 with 300 units to 84.3
# with 4,000.
#
# The loss is the likelihood, checked
# -----------------------------------
#
# The sum of PyTorch's cross-entropy over pixels beside minus the log-probability, for each network:

from torch.nn.functional import binary_cross_entropy_with_logits

for name, model in models.items():
    context = labels if model.network.context_size else None
    with torch.no_grad():
        vectors = model.network.context_vectors(context)
        logits = model.network(x, vectors)[:, 0]
        log_prob = model.distribution(context).log_prob(x)
    cross_entropy = binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    print(f"{name:18} largest difference {(log_prob + cross_entropy).abs().max():.1e} nats")

# %%
# And the probabilities of all images sum to one without being divided by anything. With
# :math:`3 \times 3` pixels all 512 can be asked, here of a MADE with random weights:

from ppgen.distributions import all_images

small = AutoregressiveModel(MADE((1, 3, 3), hidden=[20])).distribution()
print(f"sum over 512 images: {small.log_prob(all_images((1, 3, 3))).exp().sum():.6f}")

# %%
# Pixel by pixel
# --------------
#
# :func:`ppgen.sample` does what this loop does, faster: ask the network for the next pixel, toss a
# coin with that probability, write the pixel down.

network = models["MADE"].network
torch.manual_seed(12)
image, stages = torch.zeros(1, 1, 8, 8), []
with torch.no_grad():
    for i in range(64):
        probability = network(image).sigmoid().flatten()[i]
        image.view(-1)[i] = torch.bernoulli(probability)
        if i % 8 == 7:
            stage = image.clone()
            stage.view(-1)[i + 1 :] = 0.5
            stages.append(stage)
plots.image_grid(torch.cat(stages), columns=8, title="a sample of MADE after each row of pixels")

# %%
# Completion
# ----------
#
# Suppose the upper half of an image is known. In reading order the lower half comes after it, so
# ancestral sampling that starts in the middle draws from
# :math:`p(\text{lower} \mid \text{upper})` exactly, and
# :math:`\log p(\text{lower} \mid \text{upper})` is the sum of the last 32 terms.
# :func:`ppgen.inference.complete` does both. (With the *left* half known the order of the pixels
# would have to go column by column: see exercise 3.)

from ppgen.inference import complete

upper = torch.zeros(shape, dtype=torch.bool)
upper[:, :4] = True
some = digits.test.spread(10)
by_nade = complete(models["NADE"], some.images.float(), upper, draws=2, seed=0)
by_cnn = complete(pixelcnn, some.images.float(), upper, some.labels, draws=1, seed=0)

with torch.no_grad():
    for name, context in {"NADE": None, "PixelCNN given y": labels}.items():
        log_p = [models[name].log_likelihood(x, known, context) for known in (None, upper)]
        print(
            f"{name:18} log p(lower | upper) = {(log_p[0] - log_p[1]).mean():.2f} nats a test image"
        )

plots.image_rows(
    {
        "test images": some.images.float(),
        "given": torch.where(upper, some.images.float(), 0.5),
        "NADE, a draw": by_nade.samples[0],
        "NADE, another": by_nade.samples[1],
        "NADE, mean": by_nade.mean,
        "PixelCNN, a draw": by_cnn.samples[0],
        "PixelCNN, mean": by_cnn.mean,
    }
)

# %%
# **What to see.** Draws continue the strokes of the upper half, and differ where several endings
# are possible; the means are grey there. The PixelCNN is told the label, so it has fewer endings to
# choose from, and gives the true lower halves a higher probability on average.
#
# Autoregressive models have exact likelihoods and sharp samples. Their price: a sample takes
# :math:`D` steps one after the other, an order has to be chosen, and there is no short description
# of an image, no latent variable. The next chapters have that.
#
# Exercises
# ---------
#
# **1.** How many parameters has a NADE with :math:`H` hidden units, and for which :math:`H` has it
# fewer than the FVSBN on :math:`D` pixels?
#
# .. dropdown:: Answer to 1
#
#    :math:`2DH + D + H` against :math:`D(D-1)/2 + D`. So about :math:`H < D/4`. With
#    :math:`D = 64` and :math:`H = 50`, NADE has 6,514. (``FullyVisible`` stores the whole
#    :math:`D \times D` matrix, masked, so that :math:`64^2 + 64 = 4160` numbers are counted above,
#    of which 2,080 are used.)
#
# **2.** In MADE, what goes wrong if hidden units keep connections from units of *less* than their
# degree, and outputs from units of less than or equal degree than their place?
#
# .. dropdown:: Answer to 2
#
#    A hidden unit of degree :math:`k` then sees inputs of places below :math:`k`, and an output of
#    place :math:`i` sees hidden units up to degree :math:`i`, so inputs of places below :math:`i`.
#    With one hidden layer this is autoregressive as well, with degrees from 2 to :math:`D`. With
#    more hidden layers each one loses a degree more, since the demand for a rise is made at every
#    layer: after :math:`L` layers an output sees only inputs at least :math:`L` places before it.
#
# **3.** Complete right halves of digits from their left halves, exactly. Which ``ordering`` does
# NADE need?
#
# .. dropdown:: Answer to 3
#
#    Column by column: ``NADE((1, 8, 8), ordering=torch.arange(64).view(8, 8).T.flatten())``. Fit
#    it, and pass a mask with ``left[..., :4] = True`` to ``complete``. With the order of reading,
#    ``complete`` raises an error, since the known pixels are not the first ones.
#
# **4.** How many layers of masked :math:`3 \times 3` filters of type B, after a :math:`7 \times 7`
# one of type A, does a pixel of a :math:`28 \times 28` image need to depend on the first row,
# whatever its place?
#
# .. dropdown:: Answer to 4
#
#    The first layer looks 3 rows up, each other layer 1. The last row is 27 rows below the first,
#    so 24 layers. Filters of :math:`7 \times 7` look 3 rows up, and 8 layers after the first are
#    enough.
