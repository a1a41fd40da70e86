"""Programs whose guides are written out, or whose discrete sites are summed out."""

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.contrib.funsor import config_enumerate, markov
from numpyro.distributions import constraints
from numpyro.handlers import block
from numpyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO
from numpyro.infer.autoguide import AutoNormal

from benchmarks.pairs.data import DOCUMENT
from benchmarks.pairs.in_numpyro.pair import Pair, perceptron, start_at


def vae(start):
    def model(x):
        with numpyro.plate("data", len(x)):
            zeros = jnp.zeros((len(x), start["decoder.0.weight"].shape[1]))
            z = numpyro.sample("z", dist.Normal(zeros, 1.0).to_event(1))
            logits = perceptron(start, "decoder", z)
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x):
        with numpyro.plate("data", len(x)):
            mean, log_scale = jnp.split(perceptron(start, "encoder", x), 2, -1)
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return Pair(model, guide, Trace_ELBO())


def gaussian_mixture(start):
    def model(x):
        shares = numpyro.sample("shares", dist.Dirichlet(jnp.ones(5)))
        with numpyro.plate("classes", 5):
            mean = numpyro.sample("mean", dist.Normal(jnp.zeros(2), 5.0).to_event(1))
            scale = numpyro.sample("scale", dist.LogNormal(jnp.zeros(2), 1.0).to_event(1))
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Categorical(shares), infer={"enumerate": "parallel"})
            numpyro.sample("x", dist.Normal(mean[z], scale[z]).to_event(1), obs=x)

    guide = AutoNormal(block(model, hide=["z"]), init_loc_fn=start_at(start))
    return Pair(model, guide, TraceEnum_ELBO(max_plate_nesting=1))


def hidden_markov(start):
    states, outputs = start["emission"].shape

    @config_enumerate
    def model(x):
        rows = dist.Dirichlet(jnp.ones((states, states))).to_event(1)
        transition = numpyro.sample("transition", rows)
        cells = dist.Beta(jnp.ones((states, outputs)), 1.0).to_event(2)
        emission = numpyro.sample("emission", cells)
        tones = numpyro.plate("tones", outputs, dim=-1)
        with numpyro.plate("data", len(x), dim=-2):
            z = 0
            for t in markov(range(x.shape[1])):  # TraceEnum_ELBO does not sum over a scan
                z = numpyro.sample(f"z_{t}", dist.Categorical(transition[z]))
                with tones:
                    tone = dist.Bernoulli(emission[z.squeeze(-1)])
                    numpyro.sample(f"x_{t}", tone, obs=x[:, t])

    def guide(x):
        # Pyro's AutoDelta, whose parameters are logits; those of NumPyro's break sticks.
        logits = numpyro.param("transition_logits", jnp.log(start["transition"]))
        numpyro.sample("transition", dist.Delta(jax.nn.softmax(logits), event_dim=2))
        unit = constraints.unit_interval
        emission = numpyro.param("emission_point", start["emission"], constraint=unit)
        numpyro.sample("emission", dist.Delta(emission, event_dim=2))

    return Pair(model, guide, TraceEnum_ELBO(max_plate_nesting=2))


def topics(start):
    shares, words = start["share_concentration"], start["topic_concentration"]

    def model(counts):
        with numpyro.plate("themes", len(words)):
            topics = numpyro.sample("topics", dist.Dirichlet(jnp.full_like(words[0], 0.2)))
        with numpyro.plate("documents", len(counts)):
            share = numpyro.sample("share", dist.Dirichlet(jnp.full_like(shares[0], 0.5)))
            numpyro.sample("counts", dist.Multinomial(DOCUMENT, share @ topics), obs=counts)

    def guide(counts):
        positive = constraints.positive
        with numpyro.plate("themes", len(words)):
            topics = numpyro.param("topic_concentration", words, constraint=positive)
            numpyro.sample("topics", dist.Dirichlet(topics))
        with numpyro.plate("documents", len(counts)):
            share = numpyro.param("share_concentration", shares, constraint=positive)
            numpyro.sample("share", dist.Dirichlet(share))

    return Pair(model, guide, Trace_ELBO())


def factor_analysis(start):
    positive = constraints.positive

    def model(x):
        loadings = numpyro.param("loadings", start["loadings"])
        noise = numpyro.param("noise", jnp.ones(x.shape[-1]), constraint=positive)
        with numpyro.plate("data", len(x)):
            zeros = jnp.zeros((len(x), len(loadings)))
            z = numpyro.sample("z", dist.Normal(zeros, 1.0).to_event(1))
            numpyro.sample("x", dist.Normal(z @ loadings, noise).to_event(1), obs=x)

    def guide(x):
        shape = len(x), len(start["loadings"])
        mean = numpyro.param("mean", jnp.zeros(shape))
        scale = numpyro.param("scale", jnp.ones(shape), constraint=positive)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.Normal(mean, scale).to_event(1))

    return Pair(model, guide, Trace_ELBO())


def binary_codes(start):
    def model(x):
        with numpyro.plate("data", len(x)):
            halves = jnp.full((len(x), start["decoder.0.weight"].shape[1]), 0.5)
            z = numpyro.sample("z", dist.Bernoulli(halves).to_event(1))
            logits = perceptron(start, "decoder", z)
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x):
        with numpyro.plate("data", len(x)):
            logits = perceptron(start, "encoder", x)
            numpyro.sample("z", dist.Bernoulli(logits=logits).to_event(1))

    return Pair(model, guide, TraceGraph_ELBO())


BUILDERS = {
    "VAE 784-400-20": vae,
    "Gaussian mixture, classes summed out": gaussian_mixture,
    "HMM, states summed out": hidden_markov,
    "topics, Dirichlet guide": topics,
    "factor analysis, pyro.param": factor_analysis,
    "binary codes, score function": binary_codes,
}
