r"""
10. Two models without a network: probabilistic PCA and random graphs
=====================================================================

**Question.** What is left of a latent variable model if the decoder is linear, and of likelihood
models if the data is a graph? In both cases so little stands between the formula and the answer
that every number can be checked.

The VAE of chapter 7 has a network as its decoder, and its likelihood can only be bounded. Here the
decoder is a matrix. Likelihood, posterior and optimum then have formulas, and stochastic
variational inference (SVI) can be held against them. The second model has no images at all: it
draws the edges of a graph from the places of its nodes, and its likelihood has a single maximum.
"""

# %%
# Probabilistic PCA
# -----------------
#
# Let :math:`x \in \mathbb{R}^D` be an image as a column of grey values, and :math:`z` a latent
# vector of :math:`d < D` dimensions:
#
# .. math::
#    z \sim \mathcal{N}(0, I), \qquad
#    x \mid z \sim \mathcal{N}(W z + \mu,\; \sigma^2 I).
#
# The parameters are the *loadings* :math:`W`, a :math:`D \times d` matrix, the mean :math:`\mu` and
# the noise :math:`\sigma^2`. As a Pyro program this is two lines within a plate. ``pyro.sample``
# with a name draws a variable; with ``obs=x`` it is observed, and its log-density counts;
# ``pyro.plate`` says that the images are independent of each other:
#
# .. code-block:: python
#
#    def model(x):
#        with pyro.plate("data", len(x)):
#            z = pyro.sample("z", dist.Normal(torch.zeros(d), 1.0).to_event(1))
#            pyro.sample("x", dist.Normal(z @ W.T + mu, sigma).to_event(1), obs=x)
#
# :class:`~ppgen.models.PPCA` is this program.
#
# The marginal
# ------------
#
# Write :math:`x = W z + \mu + \sigma \epsilon` with :math:`\epsilon \sim \mathcal{N}(0, I)`
# independent of :math:`z`. A linear function of Gaussians is Gaussian, so mean and covariance say
# all:
#
# .. math::
#    \mathbb{E}[x] = \mu, \qquad
#    \mathrm{Cov}[x] = W\, \mathbb{E}[z z^\top] W^\top
#    + \sigma^2\, \mathbb{E}[\epsilon \epsilon^\top] = W W^\top + \sigma^2 I =: C .
#
# No integral over :math:`z` is left: :math:`p(x) = \mathcal{N}(x; \mu, C)`. Note that
# :math:`(W R)(W R)^\top = W W^\top` for any rotation :math:`R`, so the data cannot tell :math:`W`
# from :math:`W R`.
#
# Maximum likelihood in closed form
# ---------------------------------
#
# With :math:`N` images :math:`x_n`, the derivative in :math:`\mu` is zero at the mean of the
# images. Put that in, and write :math:`S = \tfrac1N \sum_n (x_n - \mu)(x_n - \mu)^\top`. The
# log-likelihood of an image, on average, is
#
# .. math::
#    \ell = -\tfrac12 \bigl( D \log 2\pi + \log\det C + \mathrm{tr}(C^{-1} S) \bigr).
#
# *Step 1, the stationary points.* With :math:`\partial \log\det C = \mathrm{tr}(C^{-1} \partial
# C)`, :math:`\partial C^{-1} = -C^{-1} (\partial C)\, C^{-1}` and :math:`\partial C = \partial W\,
# W^\top + W\, \partial W^\top`, the gradient in :math:`W` is
#
# .. math::
#    \frac{\partial \ell}{\partial W} = C^{-1} S C^{-1} W - C^{-1} W = 0
#    \quad\Longleftrightarrow\quad S\, C^{-1} W = W .
#
# *Step 2, eigenvectors.* Take the singular value decomposition :math:`W = U K R` with orthonormal
# columns in :math:`U`, a diagonal :math:`K` and a rotation :math:`R`. A column :math:`u_j` of
# :math:`U` is an eigenvector of :math:`C = U K^2 U^\top + \sigma^2 I` with the eigenvalue
# :math:`k_j^2 + \sigma^2`. So the condition reads
#
# .. math::
#    S u_j = (k_j^2 + \sigma^2)\, u_j \qquad\text{wherever } k_j \neq 0 :
#
# the columns of :math:`U` are eigenvectors of :math:`S`, with eigenvalues
# :math:`\lambda_j = k_j^2 + \sigma^2`. Hence :math:`k_j = (\lambda_j - \sigma^2)^{1/2}` and
#
# .. math::
#    W = U (\Lambda - \sigma^2 I)^{1/2} R .
#
# *Step 3, the noise.* In the basis of the eigenvectors, :math:`C` has the eigenvalues
# :math:`\lambda_j` for the :math:`d` chosen ones and :math:`\sigma^2` for all others, so
#
# .. math::
#    \ell = -\tfrac12 \Bigl( D \log 2\pi + \sum_{j \text{ chosen}} (\log\lambda_j + 1)
#    + (D - d) \log\sigma^2 + \frac{1}{\sigma^2} \sum_{j \text{ others}} \lambda_j \Bigr).
#
# The derivative in :math:`\sigma^2` is zero at
# :math:`\sigma^2 = \tfrac{1}{D - d} \sum_{j\text{ others}} \lambda_j`, the mean of the discarded
# eigenvalues.
#
# *Step 4, which to choose.* Put :math:`\sigma^2` in. Since :math:`\sum_j \log\lambda_j` over all
# :math:`j` is fixed, :math:`\ell` is largest if :math:`(D - d)\log\sigma^2 - \sum_{\text{others}}
# \log\lambda_j` is smallest: the log of the mean of the discarded eigenvalues less the mean of
# their logs. By Jensen's inequality it is never negative, and it is smallest if the discarded are
# neighbours in size. As :math:`k_j^2 = \lambda_j - \sigma^2` may not be negative, they are the
# smallest ones.
#
# In code this is one eigendecomposition, here by hand and by the class. Grey values are from 0 to
# 1, so log-likelihoods are log-densities on that scale.

import torch

import ppgen
from ppgen import plots
from ppgen.models import PPCA

digits = ppgen.data.load("digits")
x, held_out = digits.train.images.double() / 16, digits.test.images.double() / 16
d = 16

rows = x.flatten(1)
mu = rows.mean(0)
S = (rows - mu).T @ (rows - mu) / len(rows)
eigenvalues, U = torch.linalg.eigh(S)  # from the smallest to the largest
noise = eigenvalues[:-d].mean()
W = U[:, -d:] * (eigenvalues[-d:] - noise).sqrt()
C = W @ W.T + noise * torch.eye(64, dtype=torch.float64)
by_hand = torch.distributions.MultivariateNormal(mu, C).log_prob(rows)

ppca = PPCA.from_images(x, latent=d)
print(f"σ by hand {noise.sqrt():.6f}, by PPCA {ppca.scale.item():.6f}")
print(f"log p(x) by hand {by_hand.mean():.6f}, by PPCA {ppca.log_likelihood(x).mean():.6f} nats")

# %%
# scikit-learn has the same model inside its ``PCA``: ``get_covariance`` is :math:`C`, and ``score``
# the mean log-likelihood. It divides :math:`S` by :math:`N - 1` in place of :math:`N`. Multiplied
# by :math:`(N - 1)/N` its covariance is the maximum of the likelihood.

from sklearn.decomposition import PCA

n = len(rows)
sklearn = PCA(d).fit(rows)
covariance = torch.as_tensor(sklearn.get_covariance()) * (n - 1) / n
loadings = ppca.loadings.flatten(1).detach()
ours = loadings.T @ loadings + ppca.scale.item() ** 2 * torch.eye(64)
print(f"largest difference of covariances {(covariance - ours).abs().max():.1e}")
print(f"mean log p(x): scikit-learn {sklearn.score(rows):.7f},", end=" ")
print(f"PPCA {ppca.log_likelihood(x).mean():.7f} nats")

# %%
# The covariances agree to nine digits or more. The log-likelihoods differ by about :math:`10^{-5}`
# nats, owing to the factor :math:`N / (N - 1)`, and that of maximum likelihood is the higher one,
# as it must be.
#
# The posterior
# -------------
#
# Of :math:`\log p(z) + \log p(x \mid z)` as a function of :math:`z` the quadratic part is
# :math:`-\tfrac12 z^\top (I + W^\top W / \sigma^2)\, z` and the linear one
# :math:`z^\top W^\top (x - \mu) / \sigma^2`. A Gaussian with precision :math:`P` and mean :math:`m`
# has :math:`-\tfrac12 z^\top P z + z^\top P m`. Comparison gives
#
# .. math::
#    p(z \mid x) = \mathcal{N}\bigl(m,\, P^{-1}\bigr), \qquad
#    P = I + \frac{W^\top W}{\sigma^2}, \qquad m = P^{-1}\, \frac{W^\top (x - \mu)}{\sigma^2} .
#
# The mean is linear in :math:`x`, and the covariance is the same for all images. The first two
# dimensions of the means, coloured by class:

z = ppca.posterior(x).mean.detach()
figure = plots.scatter(z[:, :2].float(), digits.train.labels)
figure.axes[0].set_title("posterior means, first two of 16 latents")
figure

# %%
# The decoded mean :math:`W m + \mu` is the reconstruction. More dimensions keep more of the image:

some = digits.test.spread(10).images.double() / 16
rows_shown = {"test images": some}
for dimensions in (2, 8, 16, 32, 56, 60):
    model = PPCA.from_images(x, latent=dimensions)
    if dimensions <= 32:
        with torch.no_grad():
            rows_shown[f"d = {dimensions}"] = model.decode(model.posterior(some).mean)
    trained, tested = (model.log_likelihood(part).mean() for part in (x, held_out))
    print(f"d = {dimensions:2}: log p(x) training {trained:6.2f}, test {tested:6.2f} nats")
plots.image_rows(rows_shown, "reconstructions")

# %%
# The log-likelihood of test images says how many dimensions the data supports. At few dimensions
# the noise has to be large enough for all that the loadings leave out. At 60 it is estimated from
# the directions along which the training images hardly vary, far too small for others: the training
# images become more probable and the test images less. That is overfitting.
#
# New images, as :math:`\mathbb{E}[x \mid z]` for :math:`z` from the prior, and as full draws with
# noise:

new = {
    "mean given z": ppgen.sample(ppca, 36, mean=True, seed=0),
    "with noise": ppgen.sample(ppca, 36, seed=0),
}
plots.image_grids(new)

# %%
# They have strokes in the right places and are hardly digits. Under this model all images are one
# Gaussian cloud, and the space between two digits is as probable as they are. A decoder that is a
# network bends the plane; that is what a VAE adds.
#
# A walk along one latent, with the others where a given image has them, adds a multiple of one
# column of :math:`W`: in the closed form the columns are the principal axes.

start = ppca.posterior(some[:1]).mean[0]
offsets = torch.linspace(-3, 3, 7).double()
with torch.no_grad():
    walks = ppca.walk(start, offsets)[:5]
rows_shown = {f"latent {k + 1}": walk for k, walk in enumerate(walks)}
plots.image_rows(rows_shown, "from −3 to 3 standard deviations of the prior")

# %%
# SVI reaches the same likelihood
# -------------------------------
#
# Now we forget the formula and fit the Pyro program by gradients. The *guide* is a Gaussian whose
# mean is linear in :math:`x`, with one covariance for all images: a family that contains the
# posterior. SVI maximises the ELBO,
#
# .. math::
#    \mathbb{E}_{q(z \mid x)}[\log p(x, z) - \log q(z \mid x)]
#    = \log p(x) - \mathrm{KL}(q(z \mid x) \,\|\, p(z \mid x)),
#
# which equals the log-likelihood where the guide is the posterior. So its maximum over both is the
# maximum likelihood.

from functools import partial

from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

torch.manual_seed(0)
by_svi = PPCA((1, 8, 8), latent=8).double()
steps = 400
history = ppgen.fit(
    by_svi,
    x,
    epochs=steps,
    batch_size="all",
    optimizer=partial(Adam, lr=0.03),
    scheduler=partial(CosineAnnealingLR, T_max=steps),
    progress=False,
)
optimum = PPCA.from_images(x, latent=8).log_likelihood(x).mean().item()
print(f"closed form {optimum:.3f}, SVI {by_svi.log_likelihood(x).mean():.3f} nats")

epochs, elbo = history.column("elbo")
lines = {"ELBO of SVI": (epochs, elbo), "closed form": ([1, steps], [optimum, optimum])}
figure = plots.curves(lines, "nats an image", xlabel="step")
figure.axes[0].set(ylim=(optimum - 60, optimum + 5), title="SVI against the closed form, d = 8")
figure

# %%
# SVI ends within about a hundredth of a nat of the closed form. Its loadings are another rotation
# of the principal axes, which has the same likelihood.
#
# Random graphs
# -------------
#
# The second model draws graphs. Node :math:`i` of :math:`n` has a known position :math:`x_i` in the
# plane, and each pair :math:`i < j` has an edge, :math:`e_{ij} = 1`, independently of the other
# pairs with a probability that depends on the inner product:
#
# .. math::
#    P(e_{ij} = 1) = \sigma(\eta_{ij}), \qquad \eta_{ij} = a\, x_i^\top x_j + b, \qquad
#    \sigma(t) = \frac{1}{1 + e^{-t}} .
#
# With :math:`a > 0`, nodes in the same direction from the origin are often joined, and :math:`b`
# sets how many edges there are. The log-likelihood is
#
# .. math::
#    \ell(a, b) = \sum_{i < j} e_{ij} \log\sigma(\eta_{ij})
#    + (1 - e_{ij}) \log(1 - \sigma(\eta_{ij}))
#    = \sum_{i < j} e_{ij}\, \eta_{ij} - \log(1 + e^{\eta_{ij}}),
#
# since :math:`\log\sigma(t) = t - \log(1 + e^t)` and :math:`\log(1 - \sigma(t)) = -\log(1 + e^t)`.
# The derivative of :math:`\log(1 + e^t)` is :math:`\sigma(t)`, so by the chain rule
#
# .. math::
#    \frac{\partial \ell}{\partial a} = \sum_{i<j} \bigl(e_{ij} - \sigma(\eta_{ij})\bigr)\,
#    x_i^\top x_j, \qquad
#    \frac{\partial \ell}{\partial b} = \sum_{i<j} \bigl(e_{ij} - \sigma(\eta_{ij})\bigr).
#
# At the maximum the expected number of edges equals the observed one. We draw a graph with
# :math:`a = 2`, :math:`b = -2`, and compare the formula with what automatic differentiation says.

from torch.nn.functional import logsigmoid

from ppgen.models import KnownPositionGraph

torch.manual_seed(1)
positions = torch.randn(60, 2).double()
truth = KnownPositionGraph(positions).double()
with torch.no_grad():
    truth.slope.fill_(2.0)
    truth.intercept.fill_(-2.0)
graph = truth.draw()
edges, pairs = truth.observations(graph)
print(f"{graph.number_of_edges()} edges among {len(pairs)} pairs")

inner = (positions[pairs[:, 0]] * positions[pairs[:, 1]]).sum(1)


def log_likelihood(a, b):
    eta = a * inner + b
    return (edges * logsigmoid(eta) + (1 - edges) * logsigmoid(-eta)).sum()


a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (1.0, 0.0))
log_likelihood(a, b).backward()
rest = edges - (a * inner + b).sigmoid()
print(f"automatic  {a.grad:.6f} {b.grad:.6f}")
print(f"formula    {(rest * inner).sum():.6f} {rest.sum():.6f}")

# %%
# One maximum
# -----------
#
# Differentiate once more, with :math:`\sigma' = \sigma(1 - \sigma)`. In the direction
# :math:`(v_a, v_b)` the second derivative is
#
# .. math::
#    -\sum_{i<j} \sigma(\eta_{ij})(1 - \sigma(\eta_{ij}))\,
#    \bigl(v_a\, x_i^\top x_j + v_b\bigr)^2 \le 0,
#
# so :math:`\ell` is concave. It is zero only if :math:`v_a\, x_i^\top x_j + v_b = 0` for all pairs,
# which for :math:`v \ne 0` is impossible unless all inner products are equal. So :math:`\ell` is
# strictly concave and has at most one maximum. It has one if the inner products do not separate the
# pairs with an edge from those without; otherwise :math:`a` would grow for ever.
#
# On a concave function Newton's method, with steps halved where needed, finds the top.
# :func:`~ppgen.inference.maximum_likelihood` does so for any Pyro program without latents. Minus
# the matrix of second derivatives is the *observed information*, and its inverse holds the squares
# of the standard errors.

from ppgen.inference import maximum_likelihood

fitted = KnownPositionGraph(positions).double()
found = maximum_likelihood(fitted, (edges, pairs))
for name in ("slope", "intercept"):
    value, error = getattr(fitted, name).item(), found.standard_errors[name].item()
    print(f"{name:9} {value:6.3f} ± {error:.3f}")
print(f"{found.maximum.iterations} Newton steps, gradient {found.maximum.gradient_norm:.1e}")

side_a, side_b = torch.linspace(0.5, 4, 60).double(), torch.linspace(-3.5, -0.5, 60).double()
with torch.no_grad():
    surface = torch.stack([torch.stack([log_likelihood(a, b) for a in side_a]) for b in side_b])
figure = plots.Figure((6, 4))
axes = figure.add_subplot(xlabel="slope a", ylabel="intercept b")
heights = [-100, -50, -20, -10, -5, -2, -1]
axes.contour(side_a, side_b, surface - found.log_likelihood, heights, cmap="viridis")
axes.plot(2, -2, "x", color="C1", label="drawn with")
axes.plot(fitted.slope.item(), fitted.intercept.item(), "o", color="C0", label="maximum likelihood")
axes.legend()
axes.set_title("log-likelihood: 1 to 100 nats below its maximum")
figure

# %%
# The points above a level of a concave function form a convex set, and there is a single top. New
# graphs from the fitted model, at the same positions:

import networkx as nx

figure = plots.Figure((9, 2.3))
panels = {"data": graph, "new graph": fitted.draw(), "another": fitted.draw()}
where = dict(enumerate(positions.tolist()))
for axes, (name, panel) in zip(figure.subplots(1, 3), panels.items(), strict=True):
    nx.draw_networkx_edges(panel, where, ax=axes, width=0.4, alpha=0.5)
    nx.draw_networkx_nodes(panel, where, ax=axes, node_size=18)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(f"{name}: {panel.number_of_edges()} edges")
figure

# %%
# Positions that nobody knows
# ---------------------------
#
# Of a real graph only the edges are known. Then positions are latent variables with a prior
# :math:`x_i \sim \mathcal{N}(0, I)`, one for each node, in a plate of nodes, and the guide is a
# Gaussian for each coordinate: :class:`~ppgen.models.LatentPositionGraph`. Rows of data are the
# pairs. The positions are shared by all pairs, so the ELBO is that of the whole graph.
#
# Can the positions be found from the graph at all? Only inner products enter, and for every
# rotation or reflection :math:`Q`
#
# .. math::
#    (Q x_i)^\top (Q x_j) = x_i^\top Q^\top Q\, x_j = x_i^\top x_j,
#
# while the prior is the same in all directions. So positions are determined up to a rotation and a
# reflection at best: the model is not *identifiable* beyond that. A scale :math:`x \to c\,x` could
# be undone by :math:`a \to a / c^2`; this freedom the prior takes away. We fit the graph from
# above, without telling the positions, and compare with the truth.

from ppgen.models import LatentPositionGraph

torch.manual_seed(2)
latent = LatentPositionGraph.from_graph(graph)
steps = 600
ppgen.fit(
    latent,
    latent.observations(graph),
    epochs=steps,
    batch_size="all",
    optimizer=partial(Adam, lr=0.05),
    scheduler=partial(CosineAnnealingLR, T_max=steps),
    progress=False,
)
guessed = latent.posterior().mean.detach().double()
guessed_inner = (guessed[pairs[:, 0]] * guessed[pairs[:, 1]]).sum(1)
correlation = torch.corrcoef(torch.stack([inner, guessed_inner]))[0, 1]
print(f"correlation of the inner products with the true ones: {correlation:.2f}")

# %%
# To compare the positions themselves, turn them: the orthogonal :math:`Q` that minimises
# :math:`\sum_i \|Q \hat x_i - x_i\|^2` is :math:`Q = U V^\top` from the singular value
# decomposition :math:`\sum_i x_i \hat x_i^\top = U \Sigma V^\top`. This is the *Procrustes*
# problem.

U, _, Vt = torch.linalg.svd(positions.T @ guessed)
turned = guessed @ (U @ Vt).T

figure = plots.Figure((9, 4))
found_in = {"as found": guessed, "turned by the best Q": turned}
for axes, (name, places) in zip(figure.subplots(1, 2), found_in.items(), strict=True):
    for true, place in zip(positions.tolist(), places.tolist(), strict=True):
        axes.plot(*zip(true, place, strict=True), color="lightgrey", linewidth=1, zorder=1)
    axes.scatter(*positions.T, s=14, label="true position")
    axes.scatter(*places.T, s=14, label="found")
    distance = (places - positions).norm(dim=1).mean()
    axes.set(aspect="equal", xlim=(-3.5, 3.5), ylim=(-3, 3), xlabel="$x_1$", ylabel="$x_2$")
    axes.set_title(f"{name}: mean distance {distance:.2f}")
figure.axes[0].legend(loc="upper left")
figure

# %%
# **What to see.** On the left each node is far from its true place. On the right, after one
# rotation or reflection for all of them, most nodes lie much nearer. What remains is the
# uncertainty of each node, which has 59 pairs with one bit or less in each.
#
# Exercises
# ---------
#
# **1.** What is probabilistic PCA in the limit :math:`\sigma^2 \to 0`? Look at the posterior mean.
#
# .. dropdown:: Answer to 1
#
#    :math:`m = (\sigma^2 I + W^\top W)^{-1} W^\top (x - \mu) \to (W^\top W)^{-1} W^\top (x - \mu)`,
#    the least-squares projection on the principal axes: ordinary PCA. The covariance
#    :math:`\sigma^2 (\sigma^2 I + W^\top W)^{-1}` goes to zero. With :math:`\sigma^2 > 0` means are
#    drawn towards 0.
#
# **2.** Show that the estimate of the ELBO has no variance if the guide is the exact posterior.
#
# .. dropdown:: Answer to 2
#
#    :math:`\log p(x, z) - \log p(z \mid x) = \log p(x)` for every :math:`z`, so each draw gives the
#    same number. ``ppgen.elbo(ppca, x)`` equals ``ppca.log_likelihood(x)`` row by row, since
#    ``from_images`` sets the guide to the posterior.
#
# **3.** Show that at the maximum of :math:`\ell(a, b)` the model expects as many edges as there
# are. What else does it expect correctly?
#
# .. dropdown:: Answer to 3
#
#    The derivative in :math:`b` is :math:`\sum e_{ij} - \sum \sigma(\eta_{ij})`, and the second sum
#    is the expected number of edges. The derivative in :math:`a` says the same of
#    :math:`\sum e_{ij}\, x_i^\top x_j`, the sum of inner products over the edges.
#
# **4.** With known positions, what happens to :math:`a` if all of them are doubled? And to the
# likelihood at the maximum?
#
# .. dropdown:: Answer to 4
#
#    Inner products are four times as large, so :math:`a` becomes a quarter, and the likelihood is
#    the same. Only the product :math:`a\, x_i^\top x_j` enters.
