"""Programs whose guides are written out, or whose discrete sites are summed out."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.infer import JitTraceGraph_ELBO, TraceGraph_ELBO
from pyro.infer.autoguide import AutoDelta, AutoNormal

from benchmarks.pairs.data import DOCUMENT
from benchmarks.pairs.in_pyro.pair import enumerated, network, pair, start_at


def vae(start):
    encoder, decoder = network(start, "encoder"), network(start, "decoder")

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            zeros = x.new_zeros(len(x), decoder[0].in_features)
            z = pyro.sample("z", dist.Normal(zeros, 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            mean, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    return pair(model, guide)


def gaussian_mixture(start):
    def model(x):
        shares = pyro.sample("shares", dist.Dirichlet(x.new_ones(5)))
        with pyro.plate("classes", 5):
            mean = pyro.sample("mean", dist.Normal(x.new_zeros(2), 5.0).to_event(1))
            scale = pyro.sample("scale", dist.LogNormal(x.new_zeros(2), 1.0).to_event(1))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Categorical(shares), infer={"enumerate": "parallel"})
            pyro.sample("x", dist.Normal(mean[z], scale[z]).to_event(1), obs=x)

    guide = AutoNormal(poutine.block(model, hide=["z"]), init_loc_fn=start_at(start))
    return enumerated(model, guide, max_plate_nesting=1)


def hidden_markov(start):
    states, outputs = start["emission"].shape

    def model(x):
        rows = dist.Dirichlet(x.new_ones(states, states)).to_event(1)
        transition = pyro.sample("transition", rows)
        cells = dist.Beta(x.new_ones(states, outputs), 1.0).to_event(2)
        emission = pyro.sample("emission", cells)
        tones = pyro.plate("tones", outputs, dim=-1)
        with pyro.plate("data", len(x), dim=-2):
            z = 0
            for t in pyro.markov(range(x.shape[1])):
                state = dist.Categorical(transition[z])
                z = pyro.sample(f"z_{t}", state, infer={"enumerate": "parallel"})
                with tones:
                    tone = dist.Bernoulli(emission[z.squeeze(-1)])
                    pyro.sample(f"x_{t}", tone, obs=x[:, t])

    exposed = poutine.block(model, expose=["transition", "emission"])
    guide = AutoDelta(exposed, init_loc_fn=start_at(start))
    return enumerated(model, guide, max_plate_nesting=2)


def topics(start):
    shares, words = start["share_concentration"], start["topic_concentration"]

    def model(counts):
        with pyro.plate("themes", len(words)):
            prior = dist.Dirichlet(torch.full_like(words[0], 0.2))
            topics = pyro.sample("topics", prior)
        with pyro.plate("documents", len(counts)):
            share = pyro.sample("share", dist.Dirichlet(torch.full_like(shares[0], 0.5)))
            pyro.sample("counts", dist.Multinomial(DOCUMENT, share @ topics), obs=counts)

    def guide(counts):
        positive = constraints.positive
        with pyro.plate("themes", len(words)):
            topics = pyro.param("topic_concentration", words, constraint=positive)
            pyro.sample("topics", dist.Dirichlet(topics))
        with pyro.plate("documents", len(counts)):
            share = pyro.param("share_concentration", shares, constraint=positive)
            pyro.sample("share", dist.Dirichlet(share))

    return pair(model, guide)


def factor_analysis(start):
    def model(x):
        loadings = pyro.param("loadings", start["loadings"])
        noise = pyro.param("noise", x.new_ones(x.shape[-1]), constraint=constraints.positive)
        with pyro.plate("data", len(x)):
            zeros = x.new_zeros(len(x), len(loadings))
            z = pyro.sample("z", dist.Normal(zeros, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ loadings, noise).to_event(1), obs=x)

    def guide(x):
        shape = len(x), len(start["loadings"])
        mean = pyro.param("mean", x.new_zeros(shape))
        scale = pyro.param("scale", x.new_ones(shape), constraint=constraints.positive)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(mean, scale).to_event(1))

    return pair(model, guide)


def binary_codes(start):
    encoder, decoder = network(start, "encoder"), network(start, "decoder")

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            halves = x.new_full((len(x), decoder[0].in_features), 0.5)
            z = pyro.sample("z", dist.Bernoulli(halves).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Bernoulli(logits=encoder(x)).to_event(1))

    return pair(model, guide, TraceGraph_ELBO, JitTraceGraph_ELBO)


BUILDERS = {
    "VAE 784-400-20": vae,
    "Gaussian mixture, classes summed out": gaussian_mixture,
    "HMM, states summed out": hidden_markov,
    "topics, Dirichlet guide": topics,
    "factor analysis, pyro.param": factor_analysis,
    "binary codes, score function": binary_codes,
}
