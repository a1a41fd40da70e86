r"""
6. Belief nets: many causes, and a bound in place of a sum
==========================================================

**Question.** A mixture explains an image by one class. Strokes, slants and sizes are better
described by several causes that act together. What does it cost to have many latents at a time, and
what can be done when their sum has too many terms?

With :math:`M` binary latents the sum has :math:`2^M` terms. For small :math:`M` we compute it. For
large :math:`M` we replace :math:`\log p(x)` by a lower bound, the *evidence lower bound* (ELBO),
and the posterior by a second program, the *guide*. This chapter has both on the same small net, so
we can see what the bound loses.
"""

# %%
# The model
# ---------
#
# A *sigmoid belief net* with one layer of latents draws :math:`M` causes, each on or off, and then
# every pixel given all causes:
#
# .. math::
#    z_m \sim \mathrm{Bern}(\sigma(b_m)), \quad m = 1, \dots, M, \qquad
#    x_d \mid z \sim \mathrm{Bern}\Big(\sigma\big(\textstyle\sum_m z_m w_{md} + c_d\big)\Big),
#    \quad d = 1, \dots, D,
#
# with :math:`\sigma(l) = 1 / (1 + e^{-l})`. A cause that is on adds its weights :math:`w_m` to the
# logits of the pixels. The net has :math:`M + MD + D` parameters. Every state :math:`z` has its own
# mean image, so it is a mixture of :math:`2^M` classes whose parameters are tied to each other.
#
# As a Pyro program, the model draws from the causes down to the image.

import pyro
import pyro.distributions as dist
import torch
from torch import nn

import ppgen
from ppgen import plots


class BeliefNet(ppgen.Program):
    def __init__(self, latents, pixels=64):
        super().__init__()
        self.prior_logits = nn.Parameter(torch.zeros(latents))
        self.down = nn.Linear(latents, pixels)  # wᵀ and c
        self.up = nn.Linear(pixels, latents)  # of the guide

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Bernoulli(logits=self.prior_logits).to_event(1))
            logits = self.down(z).unflatten(-1, (1, 8, 8))
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            logits = self.up(x.flatten(-3))
            pyro.sample("z", dist.Bernoulli(logits=logits).to_event(1))


# %%
# As in chapter 5, ``pyro.plate`` says that images are independent, ``to_event(1)`` that the
# :math:`M` causes of one image are one draw, and ``obs=x`` that the image is given. The guide draws
# the latent site ``"z"`` of the model, under the same name and in a plate of the same name, *given
# the image*. What it is for comes below.
#
# The exact likelihood and its cost
# ---------------------------------
#
# The joint probability is a product, so its logarithm is a sum. With the logits
# :math:`l_d(z) = \sum_m z_m w_{md} + c_d`,
#
# .. math::
#    \log p(x, z) = \sum_m \log p(z_m)
#    + \sum_d \big[ x_d \log \sigma(l_d(z)) + (1 - x_d) \log \sigma(-l_d(z)) \big],
#
# and :math:`\log p(x)` is the log-sum-exp of this over all states:
#
# .. math::
#    \log p(x) = \log \sum_{z \in \{0, 1\}^M} e^{\log p(x, z)}.
#
# We take the library's :class:`~ppgen.models.SigmoidBeliefNet` from here on. It is the program
# above with more layers and guides to choose from. Its ``conditionals[0]`` is our ``down``, and its
# ``encoders[0]`` our ``up``. Pixels start at the log-odds of the mean image, and few causes are on.

from torch.nn.functional import logsigmoid

from ppgen.models import SigmoidBeliefNet

digits = ppgen.data.load("digits").binarized()
train, test = (part.images.float() for part in (digits.train, digits.test))


def make(latents):
    torch.manual_seed(0)
    net = SigmoidBeliefNet(digits.image_shape, [latents], hidden=[])
    with torch.no_grad():
        net.conditionals[0].bias.copy_(train.mean(0).clamp(0.01, 0.99).logit().flatten())
        net.prior_logits.fill_(-1.0)
    return net


def states(latents):
    """Return all vectors of zeros and ones, (2^latents, latents)."""
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * latents)


def log_joint(net, x, z):
    """Return log p(x, z) of each image and state, (images, states)."""
    log_prior = z @ logsigmoid(net.prior_logits) + (1 - z) @ logsigmoid(-net.prior_logits)
    logits, x = net.conditionals[0](z), x.flatten(1)
    return log_prior + x @ logsigmoid(logits).T + (1 - x) @ logsigmoid(-logits).T


net, z = make(8), states(8)
with torch.no_grad():
    print(f"by the formula {log_joint(net, test, z).logsumexp(1).mean():.4f} nats an image")
    print(f"log_likelihood {net.log_likelihood(test).mean():.4f} nats an image")

# %%
# Each latent more doubles the number of terms. A single term is cheap, because the logits are
# linear in :math:`z`. Since :math:`\log \sigma(l) = l - \log(1 + e^l)` and
# :math:`\log \sigma(-l) = -\log(1 + e^l)`,
#
# .. math::
#    \log p(x, z) = c \cdot x + z \cdot (w x) + \log p(z) - \sum_d \log\big(1 + e^{l_d(z)}\big).
#
# The image enters through the :math:`M` numbers :math:`w x` alone, and the last sum does not depend
# on it. So :math:`N` images of :math:`D` pixels cost about :math:`2^M (N + D) M` operations, where
# a mixture of :math:`K` classes with free mean images costs :math:`K N D`. Here are the seconds of
# this machine for the 300 test images.

import time

from ppgen.models import BernoulliMixture


@torch.no_grad()
def seconds(program):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        program.log_likelihood(test)
        times.append(time.perf_counter() - start)
    return min(times)


latents, classes = [2, 4, 6, 8, 10, 12, 14], [4, 16, 64, 256, 1024]
nets = [seconds(make(number)) for number in latents]
mixtures = [seconds(BernoulliMixture(digits.image_shape, number)) for number in classes]
figure = plots.Figure((6, 4))
axes = figure.add_subplot(
    xscale="log",
    yscale="log",
    xlabel="terms of the sum: states $2^M$, or classes K",
    ylabel="seconds for 300 images",
    title="the cost of an exact likelihood",
)
axes.plot([2**number for number in latents], nets, "o-", label="belief net, M = 2 … 14")
axes.plot(classes, mixtures, "s-", label="mixture, K = 4 … 1024")
axes.legend()
figure

# %%
# **What to see.** Small sums cost little beside the call itself; then the time grows in proportion
# to the number of terms. A term of the net is cheaper than one of the mixture, but :math:`M` is in
# the exponent. At :math:`M = 14` the sum takes well under a second; at :math:`M = 200` it has about
# :math:`10^{60}` terms.
#
# Explaining away
# ---------------
#
# Could the sum be avoided? The causes are independent in the prior, :math:`p(z) = \prod_m p(z_m)`.
# If they were independent given the image too, the sum over states would fall apart into :math:`M`
# sums of two terms. They are not. Two causes of one pixel meet in it as arrows meet in a *collider*
# (chapter 3), and a collider that is observed opens the path between its causes.

from ppgen.graph import DAG

collider = DAG("z1 -> x; z2 -> x")
print(collider.explain("z1", "z2"))
print(collider.explain("z1", "z2", given="x"))
collider.draw(given="x", title="two causes of one pixel, which is observed")

# %%
# In numbers: each cause is on with probability 0.1, and the pixel has the logit
# :math:`-4 + 6 z_1 + 6 z_2`. So it is nearly always black unless a cause is on, and one is enough.

prior = torch.tensor([0.9, 0.1])
on = torch.arange(2.0)
joint = prior[:, None] * prior * (-4 + 6 * on[:, None] + 6 * on).sigmoid()  # p(z1, z2, x = 1)
posterior = joint / joint.sum()
print(f"p(z1 = 1)                 {prior[1]:.3f}")
print(f"p(z1 = 1 | x = 1)         {posterior[1].sum():.3f}")
print(f"p(z1 = 1 | x = 1, z2 = 1) {posterior[1, 1] / posterior[:, 1].sum():.3f}")

# %%
# A white pixel makes both causes likely. To learn that :math:`z_2` is on makes :math:`z_1` unlikely
# again, since the pixel has been explained. This is *explaining away*. It makes the posterior
# :math:`p(z \mid x)` a table of :math:`2^M` numbers that does not factorise.
#
# The bound
# ---------
#
# Let :math:`q(z)` be any distribution over the states that is positive wherever
# :math:`p(x, z)` is. Multiply and divide by it, and read the sum as an expectation:
#
# .. math::
#    \log p(x) = \log \sum_z q(z) \frac{p(x, z)}{q(z)}
#    = \log \mathbb{E}_{q} \Big[ \frac{p(x, z)}{q(z)} \Big]
#    \;\ge\; \mathbb{E}_{q} \Big[ \log \frac{p(x, z)}{q(z)} \Big] = \mathrm{ELBO}(q).
#
# The inequality is Jensen's: the logarithm is concave, so the logarithm of a mean is at least the
# mean of the logarithms. This derivation shows that the ELBO is a bound, and not how far off it is.
#
# The second derivation does. Write :math:`p(x, z) = p(x) \, p(z \mid x)` inside the ELBO:
#
# .. math::
#    \mathrm{ELBO}(q)
#    = \mathbb{E}_{q} \Big[ \log p(x) + \log \frac{p(z \mid x)}{q(z)} \Big]
#    = \log p(x) - \mathrm{KL}\big( q(z) \,\|\, p(z \mid x) \big).
#
# :math:`\log p(x)` does not depend on :math:`z`, so its expectation is itself; the rest is the
# Kullback–Leibler divergence with its sign reversed. It is at least zero, and zero only if
# :math:`q` is the posterior. So
#
# * the ELBO can be estimated by draws from :math:`q`, without any sum over all states;
# * to raise it in :math:`q` brings :math:`q` closer to the posterior;
# * to raise it in the parameters of the model raises :math:`\log p(x)`, or lowers the divergence.
#
# **The guide** is the program of :math:`q`. In ours every image has its own :math:`q(z \mid x)`,
# whose logits a linear layer computes from the image: one set of parameters serves all images, old
# and new. That is called *amortised* inference. Our :math:`q` is factorised,
# :math:`q(z \mid x) = \prod_m q(z_m \mid x)`. It cannot express explaining away, and so it cannot
# close the gap.
#
# Gradients with discrete latents
# -------------------------------
#
# For the model's parameters :math:`\theta` the gradient goes inside the expectation, and a draw of
# :math:`z` gives an unbiased estimate of it. For the guide's parameters :math:`\phi` the
# distribution itself depends on them. Write
# :math:`f(z) = \log p(x, z) - \log q_\phi(z)`. By the product rule, and with
# :math:`\nabla q = q \nabla \log q`,
#
# .. math::
#    \nabla_\phi \sum_z q_\phi(z) f(z)
#    &= \sum_z f(z) \nabla_\phi q_\phi(z) + \sum_z q_\phi(z) \nabla_\phi f(z) \\
#    &= \mathbb{E}_q \big[ f(z) \nabla_\phi \log q_\phi(z) \big]
#    - \mathbb{E}_q \big[ \nabla_\phi \log q_\phi(z) \big].
#
# The last term is zero:
# :math:`\sum_z q \nabla \log q = \sum_z \nabla q = \nabla \sum_z q = \nabla 1 = 0`. What is left is
# the *score-function gradient*,
#
# .. math::
#    \nabla_\phi \mathrm{ELBO} = \mathbb{E}_q \big[ f(z) \nabla_\phi \log q_\phi(z) \big].
#
# It needs no derivative of :math:`f`, so it works for discrete :math:`z`. Its trouble is the
# variance. :math:`f(z)` is about −30 here for every :math:`z`, so each draw pushes away from
# itself, and only the average over many draws shows the difference between better and worse ones.
#
# A *baseline* :math:`b` that does not depend on :math:`z` may be subtracted: because
# :math:`\mathbb{E}_q[\nabla \log q] = 0`,
#
# .. math::
#    \nabla_\phi \mathrm{ELBO} = \mathbb{E}_q \big[ (f(z) - b) \nabla_\phi \log q_\phi(z) \big].
#
# We compare both on one image with the exact gradient, which is a sum over 256 states. The
# parameters are the logits of :math:`q`; the derivative of
# :math:`\log q(z_m)` in its logit is :math:`z_m - q(z_m = 1)`.

torch.manual_seed(0)
x, draws = test[:1], 10_000
with torch.no_grad():
    probabilities = net.encoders[0](x.flatten(1)).sigmoid()[0]
    q = dist.Bernoulli(probabilities).to_event(1)

    def f(z):
        return log_joint(net, x, z)[0] - q.log_prob(z)

    every = (q.log_prob(z).exp() * f(z))[:, None] * (z - probabilities)
    exact = every.sum(0)
    bound = (q.log_prob(z).exp() * f(z)).sum()
    drawn = q.sample((draws,))
    score = drawn - probabilities
    estimates = {
        "no baseline": f(drawn)[:, None] * score,
        "baseline": (f(drawn) - bound)[:, None] * score,
    }

print(f"ELBO {bound:.2f} nats; gradient in the first logit {exact[0]:.3f}")
for name, each in estimates.items():
    print(f"{name:12} mean {each[:, 0].mean():6.3f}, standard deviation {each[:, 0].std():6.3f}")
ratio = (estimates["no baseline"].std(0) / estimates["baseline"].std(0)).square().mean()
print(f"draws needed without baseline for the same error: {ratio:.0f} times as many")

number = torch.arange(1, draws + 1)
figure = plots.Figure((6, 4))
axes = figure.add_subplot(
    xscale="log", xlabel="draws", ylabel="gradient in the first logit", ylim=(-4, 4)
)
axes.set(title="a baseline does not bias, and saves draws")
for name, each in estimates.items():
    axes.plot(number, each[:, 0].cumsum(0) / number, label=name)
axes.axhline(exact[0], color="black", linestyle="--", label="exact")
axes.legend()
figure

# %%
# Three ways to reduce the variance have names, and work in ppgen for any program:
#
# * **NVIL** learns the baseline: a network predicts :math:`f` from the image. The objective is
#   Pyro's ``TraceGraph_ELBO``, and the net brings its baselines with it.
# * **VIMCO** draws several :math:`z` for each image, and the others serve as the baseline of each.
#   It maximises a tighter bound, see below. The objective is
#   :class:`~ppgen.objectives.ImportanceWeightedELBO`.
# * **Wake–sleep**, in its reweighted form, draws several too. It moves the guide towards the draws
#   with the largest weights :math:`p(x, z) / q(z \mid x)`, without a score-function gradient of the
#   bound. The objective is :class:`~ppgen.objectives.WakeSleepELBO`.
#
# A tighter bound
# ---------------
#
# The mean of :math:`k` weights :math:`w_i = p(x, z_i) / q(z_i \mid x)`, with independent draws
# :math:`z_i` of the guide, has the expectation :math:`p(x)`. So Jensen's inequality gives a bound
# for every :math:`k`:
#
# .. math::
#    L_k = \mathbb{E} \Big[ \log \frac{1}{k} \sum_{i=1}^k w_i \Big]
#    \;\le\; \log \mathbb{E} \Big[ \frac{1}{k} \sum_{i=1}^k w_i \Big] = \log p(x).
#
# :math:`L_1` is the ELBO. The mean of more weights varies less, so less is lost by the logarithm:
# :math:`L_k` rises with :math:`k`, and reaches :math:`\log p(x)` as :math:`k \to \infty`.
#
# Training, beside the truth
# --------------------------
#
# With eight latents we can train by the exact likelihood,
# :class:`~ppgen.models.ExactSigmoidBeliefNet`, and by each bound. After every fourth epoch we note
# the exact likelihood of the test images and, of the nets with a guide, what the ELBO misses.

from ppgen.models import ExactSigmoidBeliefNet
from ppgen.objectives import ImportanceWeightedELBO, WakeSleepELBO

ways = {
    "NVIL": pyro.infer.TraceGraph_ELBO(),
    "VIMCO": ImportanceWeightedELBO(5),
    "wake-sleep": WakeSleepELBO(5),
    "likelihood": None,
}
trained, likelihoods, gaps = {}, {}, {}
for way, objective in ways.items():
    trained[way] = net = make(8)
    likelihoods[way], gaps[way] = ([], []), ([], [])

    def note(program, history, way=way, net=net):
        if history.last % 4 == 0:
            with torch.no_grad():
                nats = net.log_likelihood(test).mean().item()
            gap = nats - ppgen.iwae(net, test, particles=1).mean
            for (epochs, values), value in ((likelihoods[way], nats), (gaps[way], gap)):
                epochs.append(history.last)
                values.append(value)

    program = net if objective else ExactSigmoidBeliefNet(net)
    ppgen.fit(
        program, train, epochs=20, lr=0.02, objective=objective, callback=note, progress=False
    )

figure = plots.Figure((9, 4))
left, right = figure.subplots(1, 2)
left.set_title("exact likelihood, test images")
right.set_title("what the ELBO misses")
plots.curves(likelihoods, "log p(x), nats an image", axes=left)
plots.curves(
    {way: curve for way, curve in gaps.items() if way != "likelihood"},
    "log p(x) − ELBO, nats an image",
    axes=right,
)
figure

# %%
for way, (_, values) in likelihoods.items():
    gap = "no guide" if way == "likelihood" else f"gap {gaps[way][1][-1]:.2f}"
    print(f"trained by {way:11} log p(x) {values[-1]:.2f} nats, {gap}")

# %%
# **What to see.** VIMCO and wake–sleep come within a tenth of a nat of the training by the
# likelihood itself. NVIL, with one draw an image and a baseline that has to be learned first, is
# slower. The gap does not go away, and grows again as the causes come into use. A bound
# alone would not tell whether a model is better or only its bound tighter: NVIL has the smallest
# gap and the worst model.
#
# :func:`ppgen.iwae` estimates :math:`L_k`. Its draws are called *particles*, and more of them close
# the gap.

net = trained["VIMCO"]
particles = [1, 3, 10, 30, 100, 300, 1000]
bounds = [ppgen.iwae(net, test, particles=number).mean for number in particles]
with torch.no_grad():
    exact = net.log_likelihood(test).mean().item()

figure = plots.Figure((6, 4))
axes = figure.add_subplot(xscale="log", xlabel="particles k", ylabel="nats an image")
axes.set(title="the importance-weighted bound rises to log p(x)")
axes.plot(particles, bounds, "o-", label="bound $L_k$")
axes.axhline(exact, color="black", linestyle="--", label="exact log p(x)")
axes.legend()
figure

# %%
# What the gap is made of
# -----------------------
#
# The gap is :math:`\mathrm{KL}(q \| p(z \mid x))`. With 256 states we can compute it, and find out
# whose fault it is. Give every image its own logits, free of the linear layer, and raise the exact
# ELBO in them. What then remains is due to the factorisation; what was gained, to amortisation.

z = states(8)
with torch.no_grad():
    joint = log_joint(net, test, z)
    log_p = joint.logsumexp(1)


def exact_elbo(logits):
    log_q = logsigmoid(logits) @ z.T + logsigmoid(-logits) @ (1 - z).T
    return (log_q.exp() * (joint - log_q)).sum(1)


with torch.no_grad():
    logits = net.encoders[0](test.flatten(1))
    amortised = log_p - exact_elbo(logits)
logits.requires_grad_()
adam = torch.optim.Adam([logits], lr=0.05)
for _ in range(200):
    adam.zero_grad()
    loss = -exact_elbo(logits).sum()
    loss.backward()
    adam.step()
factorised = (log_p - exact_elbo(logits)).detach()

print(f"KL of the guide           {amortised.mean():.2f} nats an image")
print(f"KL of the best factorised {factorised.mean():.2f} nats an image")

# %%
# The first number is the gap of VIMCO in the figure above, now without the noise of single draws.
# Most of it is due to amortisation: a linear layer is a simple encoder. To see the explaining away
# itself, take the two causes with the strongest correlation given one test image, and compare their
# posterior with the product of its margins.

posterior = (joint - log_p[:, None]).exp()  # p(z | x), (images, states)
means = posterior @ z
centred = z - means[:, None]  # (images, states, latents)
covariance = torch.einsum("ns,nsi,nsj->nij", posterior, centred, centred)
image, first, second = (covariance.triu(1).abs() == covariance.triu(1).abs().max()).nonzero()[0]
pair = torch.stack(
    [
        torch.stack([posterior[image, (z[:, first] == a) & (z[:, second] == b)].sum() for b in on])
        for a in on
    ]
)
product = pair.sum(1)[:, None] * pair.sum(0)
print(f"causes {first.item() + 1} and {second.item() + 1} given test image {image.item()}")
for a in (0, 1):
    for b in (0, 1):
        print(f"  {a}, {b}: posterior {pair[a, b]:.2f}, product of margins {product[a, b]:.2f}")

# %%
# What the causes are
# -------------------
#
# The mean image with all causes off, and with one on at a time.

with torch.no_grad():
    one_on = net.conditionals[0](torch.cat([torch.zeros(1, 8), torch.eye(8)])).sigmoid()
plots.image_grid(
    one_on.unflatten(-1, digits.image_shape), columns=9, title="all off, then causes 1 to 8"
)

# %%
# Causes are no digits: each moves ink from one place to another, and images are made by
# combinations. With eight of them the net has 584 parameters, fewer than half of those of chapter
# 5's mixture of 20 classes, and comes within about a nat of it.

plots.image_grids(
    {
        "16 samples": ppgen.sample(net, 16, seed=0),
        "16 test images": digits.test.spread(16).images.float(),
    }
)

# %%
# For more latents only the bounds are left. On binarised MNIST a net of 200 latents trained by
# wake–sleep for 60 epochs reaches −109.1 nats an image, estimated with 1,000 particles. The mixture
# of 100 classes reaches −137.0, and nets of 6 latents between −164.7 and −161.6, all exact.
# ``RESULTS.md`` has the commands.
#
# Exercises
# ---------
#
# **1.** Suppose each pixel depends on one cause only, the pixels of different causes being
# disjoint. Show that the posterior factorises, and that :math:`\log p(x)` costs :math:`M` sums of
# two terms.
#
# .. dropdown:: Answer to 1
#
#    Let :math:`D_m` be the pixels of cause :math:`m`. Then
#    :math:`p(x, z) = \prod_m p(z_m) \prod_{d \in D_m} p(x_d \mid z_m)`, a product of functions of
#    one :math:`z_m` each. So :math:`p(z \mid x)` is one too, and
#    :math:`p(x) = \prod_m \sum_{z_m} p(z_m) \prod_{d \in D_m} p(x_d \mid z_m)`. There is no
#    collider of two causes.
#
# **2.** Which constant baseline minimises the variance of the score-function gradient in one logit?
#
# .. dropdown:: Answer to 2
#
#    Let :math:`s = \partial \log q / \partial l`, with :math:`\mathbb{E}[s] = 0`. The mean of
#    :math:`(f - b) s` does not depend on :math:`b`, so minimise
#    :math:`\mathbb{E}[(f - b)^2 s^2]`. Its derivative in :math:`b` is zero for
#    :math:`b = \mathbb{E}[f s^2] / \mathbb{E}[s^2]`, a weighted mean of :math:`f`. If :math:`f` and
#    :math:`s^2` are uncorrelated, that is the ELBO, which we used above.
#
# **3.** Show that :math:`L_2 \ge L_1`.
#
# .. dropdown:: Answer to 3
#
#    By concavity :math:`\log \frac{w_1 + w_2}{2} \ge \frac{1}{2} (\log w_1 + \log w_2)`. Take
#    expectations: both terms on the right have the mean :math:`L_1`. The same with all subsets of
#    :math:`k` out of :math:`k + 1` weights gives :math:`L_{k+1} \ge L_k`.
