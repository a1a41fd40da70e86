r"""
9. Inside the latent space
==========================

**Question.** A trained VAE has put every image somewhere in its latent space. What lies where,
which dimensions are used, how good are the encoder's answers, and what can a VAE do without its
encoder?

A *latent space* is the space of the variable :math:`z` from which the decoder makes an image. In
this chapter the models are trained, and we look inside. The second half does inference for each
image by itself, without the encoder. That measures what the encoder loses, and it works where an
encoder has no answer: for images of which a half is missing.
"""

# %%
# A plane of digits
# -----------------
#
# The package comes with a VAE trained on MNIST, with two latents and binary pixels. Its model draws
# :math:`z` from a standard Gaussian, :math:`p(z) = \mathcal{N}(0, I)`, and pixels from Bernoullis
# given the decoder's outputs. Its guide is the encoder's Gaussian
# :math:`q(z \mid x) = \mathcal{N}(m(x), \mathrm{diag}\, s(x)^2)`, an approximation of the posterior
# :math:`p(z \mid x)`. With two dimensions we can look at all of the space at once: decode a grid of
# points, spaced so that each has the same share of the prior.

import torch

import ppgen
from ppgen import plots

mnist_vae = ppgen.load("mnist-vae")
plots.manifold(mnist_vae.decode, latent=2, steps=16)

# %%
# This surface of mean images inside the space of all images is called the *manifold* of the model.
# Neighbours look alike, since the decoder is continuous. Between two kinds of digits it passes
# through shapes that are neither.
#
# The other direction is the encoder's. We take digits that this model has never seen, from another
# collection: the digits of the package, enlarged from 8 × 8 to MNIST's size and made binary.

large = ppgen.data.load("digits").resized(28, margin=4).binarized("threshold")
x, labels = large.test.images.float(), large.test.labels
with torch.no_grad():
    means, scales = mnist_vae.encode(x)

figure = plots.scatter(means, labels)
figure.axes[0].set_title("means of q(z | x) by class")
figure

# %%
# **What to see.** The model was never told a label, and these digits are drawn with another pen at
# another size. Still 0, 1, 4 and 6 lie in regions of their own, where the manifold shows their
# shapes. The others overlap: two dimensions are few for ten classes.
#
# More dimensions
# ---------------
#
# We train a small VAE with ten latents on the 8 × 8 digits. Images have grey levels, and the
# transform ``encode`` makes them binary again for every batch, white with the grey value as the
# probability.

from functools import partial

import pyro

from ppgen.likelihoods import Bernoulli
from ppgen.models import VAE

digits = ppgen.data.load("digits")
encode = partial(Bernoulli().encode, levels=digits.levels)
pyro.set_rng_seed(0)
vae = VAE.mlp((1, 8, 8), latent=10, hidden=[64])
train, validation = digits.train.images, digits.validation.images
fit = {"epochs": 50, "lr": 5e-3, "average": 0.99, "progress": False}
ppgen.fit(vae, train, validation, transform=encode, **fit)

test = digits.binarized().test
x, labels = test.images.float(), test.labels
with torch.no_grad():
    means, scales = vae.encode(x)
print("ELBO of the test images:", ppgen.elbo(vae, x))

# %%
# Ten dimensions cannot be plotted, so we project them: *principal component analysis* finds the
# directions along which the means vary most, and we plot the first two. That is a shadow. Classes
# that overlap in it may be apart in the space, so we also ask a classifier in all dimensions: the
# label of the nearest training image.

from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

pca = PCA(2).fit(means)
shares = pca.explained_variance_ratio_
with torch.no_grad():
    train_means, _ = vae.encode(digits.binarized().train.images.float())
for name, project in {"10 latents": torch.as_tensor, "2 components": pca.transform}.items():
    neighbours = KNeighborsClassifier(1).fit(project(train_means), digits.train.labels)
    print(f"{name}: {neighbours.score(project(means), labels):.0%} have a neighbour of their class")

figure = plots.scatter(
    torch.as_tensor(pca.transform(means)),
    labels,
    xlabel=f"component 1, {shares[0]:.0%} of the variance",
    ylabel=f"component 2, {shares[1]:.0%}",
)
figure.axes[0].set_title("means of q(z | x), ten latents seen through PCA")
figure

# %%
# Which dimensions are used
# -------------------------
#
# The ELBO of an image is
#
# .. math::
#    \mathcal{L}(x) = \mathbb{E}_{q(z \mid x)}[\log p(x \mid z)]
#    - \mathrm{KL}(q(z \mid x) \,\|\, p(z)) .
#
# Both Gaussians have independent dimensions, so the divergence is a sum over them,
#
# .. math::
#    \mathrm{KL} = \sum_k \tfrac12 \bigl(m_k^2 + s_k^2 - 1 - \log s_k^2\bigr),
#
# and a dimension costs nothing if :math:`m_k = 0` and :math:`s_k = 1` for every image. If what it
# could tell of an image gains less in the first term than it costs in the second, training turns it
# off: its Gaussian becomes the prior. Such a dimension is *inactive*. The usual measure of activity
# is the variance over images of the mean :math:`m_k(x)`, and a usual threshold is 0.01.

activity = means.var(0)
divergence = 0.5 * (means**2 + scales**2 - 1 - 2 * scales.log()).mean(0)
order = activity.argsort(descending=True)
print(
    f"active: {(activity > 0.01).sum()} of {len(activity)}; KL in all {divergence.sum():.1f} nats"
)

figure = plots.Figure((8, 3.2))
left, right = figure.subplots(1, 2)
left.bar(range(1, 11), activity[order])
left.set(title="variance of the means", xlabel="dimension, by variance", xticks=range(1, 11))
right.bar(range(1, 11), divergence[order])
right.set(title="mean KL, nats", xlabel="dimension, by variance", xticks=range(1, 11))
figure

# %%
# The dimensions differ much, although nothing in the model tells one from another. The first few
# carry half a nat or more each, the last ones next to nothing. The mean divergence is an upper
# bound of the information, in nats, that :math:`z` carries about the image: four nats are not much
# more than the :math:`\log 10 \approx 2.3` of the class.
#
# Interpolation
# -------------
#
# Between the latents of two images, :math:`z = (1 - w)\, z_0 + w\, z_1` with :math:`w` from 0 to 1
# is a path, and its decoded means are a film from one to the other. At the ends are the two images
# themselves.

first_of = [(labels == digit).nonzero()[0].item() for digit in range(10)]
pairs = [(first_of[a], first_of[b]) for a, b in [(0, 4), (6, 7), (2, 1), (3, 0)]]
weights = torch.linspace(0, 1, 9).view(-1, 1)
rows = []
with torch.no_grad():
    for first, last in pairs:
        path = vae.decode(torch.lerp(means[first], means[last], weights))
        rows += [x[first : first + 1], path, x[last : last + 1]]
plots.image_grid(torch.cat(rows), 11, "from the image on the left to that on the right")

# %%
# The mean of two images in the space of pixels shows both at once, one fading out. The path in the
# latent space goes through images that the decoder makes elsewhere too, some of them of other
# digits. Longer training and more pixels make them sharper; ``examples/latent_space.py`` does both.
#
# Inference without the encoder
# -----------------------------
#
# The encoder is one network for all images. This is *amortised* inference: its cost is paid once,
# in training, and the answer for a new image takes one pass. But nothing in the ELBO demands an
# encoder. For a single image :math:`x` the bound holds for any Gaussian,
#
# .. math::
#    \mathcal{L}(x; m, s) = \mathbb{E}_{\epsilon \sim \mathcal{N}(0, I)}\bigl[
#    \log p(x \mid m + s\,\epsilon) + \log p(m + s\,\epsilon)
#    - \log q(m + s\,\epsilon)\bigr] \le \log p(x),
#
# so we can give each image parameters :math:`m` and :math:`s` of its own and climb the gradient. In
# the expectation :math:`z = m + s\,\epsilon` has noise that does not depend on the parameters, so
# the gradient goes through :math:`z`: this is the reparametrised gradient of chapter 7.
#
# In Pyro a guide with parameters of its own is a function. ``pyro.param`` names a tensor that is to
# be trained, with its start and, for :math:`s`, the constraint that it is positive. ``pyro.sample``
# draws :math:`z` and has the same name as in the model, and ``pyro.plate`` says that rows are
# independent. The decoder stays as it is: the VAE is an ordinary ``torch`` module, and ``SVI``
# trains only what ``pyro.param`` declares.

import pyro.distributions as dist
from pyro.infer import SVI, Trace_ELBO

some = x[:30]


def own_gaussians(x):
    m = pyro.param("m", torch.zeros(len(x), 10))
    s = pyro.param("s", torch.ones(len(x), 10), constraint=dist.constraints.positive)
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(m, s).to_event(1))


pyro.clear_param_store()
svi = SVI(vae.model, own_gaussians, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
losses = [svi.step(some) / len(some) for _ in range(200)]
encoder_bound = ppgen.elbo(vae, some, particles=64).mean

steps = torch.arange(20, 201, 20)
smooth = -torch.tensor(losses).view(-1, 20).mean(1)
figure = plots.curves(
    {"own Gaussians": (steps, smooth), "encoder": ([20, 200], [encoder_bound] * 2)},
    ylabel="ELBO, nats an image",
    xlabel="gradient step",
)
figure.axes[0].set_title("one Gaussian for every image, from the prior")
figure

# %%
# From the prior, which knows nothing of the image, a hundred steps come within a few tenths of a
# nat of the encoder's bound; the noise of steps of constant size keeps them there.
# :func:`~ppgen.inference.fit_latents` does this for any program, with a step size for each image
# that falls when its bound rises no more. It can also start from the encoder's answer and improve
# it.
#
# The distance of the encoder's bound from the truth has two parts:
#
# .. math::
#    \log p(x) - \mathcal{L}(x; \text{encoder})
#    &= \underbrace{\log p(x) - \max_{m, s}\mathcal{L}(x; m, s)}_{\text{approximation gap}} \\
#    &+ \underbrace{\max_{m, s}\mathcal{L}(x; m, s)
#    - \mathcal{L}(x; \text{encoder})}_{\text{amortisation gap}} .
#
# The first is there because posteriors are not Gaussians without correlations, the second because
# one network has to answer for all images.

from ppgen.inference import fit_latents

improved = fit_latents(vae, some, start="guide")
print(f"encoder           {improved.start_elbo.mean():8.2f} nats")
print(f"own Gaussians     {improved.elbo.mean():8.2f} nats")
print(f"amortisation gap  {improved.gap.mean():8.2f} nats, at most {improved.gap.max():.2f}")

# %%
# The gap is small on average. This encoder was trained on digits from the same source. The MNIST
# model and the enlarged digits are another matter, and there with two latents we can also compute
# the truth: :math:`p(x) = \int p(x \mid z)\, p(z)\, dz` by a sum over a fine grid of the plane,
# and the posterior as each point's share of it.

foreign = large.test.spread(6).images.float()
fits = {start: fit_latents(mnist_vae, foreign, start=start) for start in ("guide", "prior")}

side = torch.linspace(-3, 3, 121)
z = torch.cartesian_prod(side, side)
area = (side[1] - side[0]) ** 2
with torch.no_grad():
    pixels = mnist_vae.decoded(z)
    log_prior = dist.Normal(0.0, 1.0).log_prob(z).sum(-1)
    log_joint = torch.stack([pixels.log_prob(image) for image in foreign]) + log_prior
    encoded = mnist_vae.encode(foreign)
log_p = log_joint.logsumexp(1) + area.log()
best = torch.maximum(fits["guide"].elbo, fits["prior"].elbo)
encoder_bound = fits["guide"].start_elbo
print(f"log p(x), by the grid             {log_p.mean():8.1f} nats")
print(f"own Gaussians, better of 2 starts {best.mean():8.1f} nats")
print(f"own Gaussians, from the encoder   {fits['guide'].elbo.mean():8.1f} nats")
print(f"encoder                           {encoder_bound.mean():8.1f} nats")

# %%
# Posteriors of the four images with the largest gaps, in grey, with the ellipses of two standard
# deviations. The part of the plane that is shown differs from panel to panel.

from matplotlib.patches import Ellipse

figure = plots.Figure((10, 3.2))
gap = best - encoder_bound
for axes, n in zip(figure.subplots(1, 4), gap.argsort(descending=True)[:4].tolist(), strict=True):
    posterior = log_joint[n].softmax(0).view(121, 121).T
    axes.imshow(posterior.sqrt(), cmap="Greys", origin="lower", extent=(-3, 3, -3, 3))
    gaussians = {"encoder": [part[n] for part in encoded]}
    for start, fitted in fits.items():
        gaussians[f"own, started from the {start}"] = [fitted.means["z"][n], fitted.scales["z"][n]]
    colours = iter(("tab:red", "tab:blue", "tab:green"))
    for name, (mean, scale) in gaussians.items():
        size = (4 * scale).tolist()
        ellipse = Ellipse(mean.tolist(), *size, fill=False, color=next(colours), label=name)
        axes.add_patch(ellipse)
    points = torch.stack([z[log_joint[n].argmax()], *(mean for mean, _ in gaussians.values())])
    low, high = points.amin(0), points.amax(0)
    centre, reach = (low + high) / 2, (high - low).max() / 2 + 0.25
    (x_low, y_low), (x_high, y_high) = (centre - reach).tolist(), (centre + reach).tolist()
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high), xlabel="$z_1$")
    axes.set_title(f"gap {gap[n]:.0f} nats")
figure.axes[0].set_ylabel("$z_2$")
figure.legend(handles=figure.axes[0].patches, loc="outside lower center", ncols=3, frameon=False)
figure

# %%
# **What to see.** For images from another source the encoder is often in a wrong place, and sure of
# it: its ellipse lies where the posterior has nothing. The fitted Gaussian moves to a mode of the
# posterior. Ascent is local, so which mode it finds depends on where it starts, and it is best to
# start more than once. What remains to :math:`\log p(x)` is the approximation gap, and what is left
# of local optima.
#
# Completing images
# -----------------
#
# Let :math:`x = (x_o, x_m)` be the observed and the missing pixels. The encoder takes whole images
# and has no answer for :math:`x_o` alone. But pixels are independent given :math:`z`, so
# :math:`p(x_o \mid z)` is the product over the observed pixels: the missing ones are left out of
# the sum of logarithms, and that is all. A Gaussian fitted on
#
# .. math::
#    \mathcal{L}(x_o; m, s) = \mathbb{E}_q\bigl[\log p(x_o \mid z)\bigr]
#    - \mathrm{KL}(q \,\|\, p(z)) \le \log p(x_o)
#
# approximates :math:`p(z \mid x_o)`, and decoded draws from it complete the image:
#
# .. math::
#    p(x_m \mid x_o) = \int p(x_m \mid z)\, p(z \mid x_o)\, dz .
#
# :func:`~ppgen.inference.complete` does this. The mask is true at pixels that are given, here the
# left half, and broadcasts over images.

from ppgen.inference import complete, log_evidence

left = torch.arange(8) < 4
some = test.spread(30).images.float()
completed = complete(vae, some, left, draws=3, particles=100, steps=250)

shown = slice(0, 30, 3)
rows = {
    "test images": some[shown],
    "given": torch.where(left, some, 0.5)[shown],
    "mean": completed.mean[shown],
    "draw": completed.samples[0, shown],
    "another": completed.samples[1, shown],
    "a third": completed.samples[2, shown],
}
plots.image_rows(rows, "right halves from left halves")

# %%
# Draws of one image differ where the left half leaves the digit open. How good are they? The number
# to look at is :math:`\log p(x_m \mid x_o)` of the true right half, against :math:`\log p(x_m)` of
# a model that was shown nothing. Both follow from probabilities of sets of pixels,
#
# .. math::
#    \log p(x_m \mid x_o) = \log p(x) - \log p(x_o),
#
# each estimated by importance weights from its own fitted Gaussian. As the difference of two lower
# bounds it is an estimate, and not a bound.

alone = fit_latents(vae, some, observed=~left, steps=250)
nothing = log_evidence(vae, alone.guide, some, observed=~left, particles=100).per_example
gain = completed.log_prob - nothing
print(f"log p(right half | left half) {completed.log_prob.mean():7.2f} nats")
print(f"log p(right half)             {nothing.mean():7.2f} nats")
print(f"gain {gain.mean():.2f} ± {gain.std() / len(gain) ** 0.5:.2f}")

# %%
# The mean gain estimates the *mutual information* of the halves, :math:`\mathbb{E}[\log p(x_m \mid
# x_o) - \log p(x_m)]`, under the model: how many nats the left half tells of the right one. All of
# it goes through :math:`z`, since given :math:`z` the halves are independent.
#
# Exercises
# ---------
#
# **1.** Where does the divergence of two Gaussians above come from? Derive
# :math:`\mathrm{KL}(\mathcal{N}(m, s^2) \| \mathcal{N}(0, 1))`.
#
# .. dropdown:: Answer to 1
#
#    :math:`\log q - \log p = -\tfrac12 (z - m)^2 / s^2 - \log s + \tfrac12 z^2`. Under :math:`q`,
#    :math:`\mathbb{E}(z - m)^2 = s^2` and :math:`\mathbb{E} z^2 = m^2 + s^2`, which gives
#    :math:`-\tfrac12 - \log s + \tfrac12(m^2 + s^2)`.
#
# **2.** Show that turning :math:`z` by any rotation leaves the model the same if the decoder turns
# it back. Why then do single dimensions come out active or inactive?
#
# .. dropdown:: Answer to 2
#
#    A standard Gaussian is the same after a rotation, so :math:`p(x)` does not change. But
#    :math:`q(z \mid x)` has independent dimensions. The divergence is smallest if the posterior's
#    axes lie along the coordinates, so the *guide* prefers directions, and puts unused ones on
#    coordinates of their own.
#
# **3.** Fit the images of the section on inference from the prior, ``start="prior"``, and compare
# each bound with that from the encoder. Why can it be lower for some?
#
# .. dropdown:: Answer to 3
#
#    ``fit_latents(vae, x)``. The bound of an image is not concave in :math:`m` and :math:`s`: the
#    ascent may end in another mode of the posterior. On average the two starts agree closely.
#
# **4.** Put all 64 pixels into ``observed``, and none. What do
# :func:`~ppgen.inference.fit_latents` and :func:`~ppgen.inference.complete` return?
#
# .. dropdown:: Answer to 4
#
#    With all pixels it is the fit of the whole image, and nothing is left to complete. With none
#    the likelihood term is empty, the Gaussian is the prior and its bound is 0, since
#    :math:`p(\text{no pixels}) = 1`; completions are samples of the model.
