"""Programs with discrete latents, summed out or drawn by the guide."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.infer import TraceEnum_ELBO, TraceGraph_ELBO, config_enumerate
from pyro.infer.autoguide import AutoDelta, AutoNormal
from torch import nn

from conformance.case import Case


def gaussian_mixture():
    """Weights and centres are shared latents; each row's component is summed out."""
    x = torch.cat([torch.randn(12) * 0.5 - 2, torch.randn(12) * 0.5 + 2])

    @config_enumerate
    def model(x):
        weights = pyro.sample("weights", dist.Dirichlet(torch.full((2,), 2.0)))
        with pyro.plate("components", 2):
            centre = pyro.sample("centre", dist.Normal(torch.tensor([-1.0, 1.0]), 2.0))
        with pyro.plate("rows", len(x)):
            component = pyro.sample("component", dist.Categorical(weights))
            pyro.sample("x", dist.Normal(centre[component], 0.6), obs=x)

    guide = AutoNormal(poutine.block(model, hide=["component"]))
    return Case(model, guide, x, x[10:14])


def broken_sticks():
    """Sticks are broken by a cumulative product; components are summed out."""
    x = torch.cat([torch.randn(12, 2) * 0.3 + 2, torch.randn(12, 2) * 0.3 - 2])
    sticks = 4

    def model(x):
        with pyro.plate("sticks", sticks - 1):
            beta = pyro.sample("beta", dist.Beta(1.0, 1.5))
        rest = (1 - beta).cumprod(-1)
        weights = torch.cat([beta, beta.new_ones(1)]) * torch.cat([beta.new_ones(1), rest])
        with pyro.plate("components", sticks):
            centre = pyro.sample("centre", dist.Normal(torch.zeros(2), 2.0).to_event(1))
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Categorical(weights), infer={"enumerate": "parallel"})
            pyro.sample("x", dist.Normal(centre[z], 0.5).to_event(1), obs=x)

    def guide(x):
        a = pyro.param("a", lambda: torch.ones(sticks - 1), constraint=constraints.positive)
        start = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [0.0, 0.0]])
        centre = pyro.param("centres", lambda: start.to(torch.get_default_dtype()))
        scale = pyro.param(
            "scales", lambda: torch.full((sticks, 2), 0.2), constraint=constraints.positive
        )
        with pyro.plate("sticks", sticks - 1):
            pyro.sample("beta", dist.Beta(a, 1.5))
        with pyro.plate("components", sticks):
            pyro.sample("centre", dist.Normal(centre, scale).to_event(1))

    return Case(model, guide, x, x[10:14], objective=TraceEnum_ELBO(max_plate_nesting=1))


def topics():
    """Padded lists of words: each word's topic is summed out, each document's weights are not."""
    documents, words, vocabulary, kinds = 10, 6, 5, 2
    lengths = torch.arange(documents) % 4 + 3
    word = torch.randint(vocabulary, (documents, words))

    @config_enumerate
    def model(word, lengths):
        with pyro.plate("topics", kinds):
            topic = pyro.sample("topic", dist.Dirichlet(torch.full((vocabulary,), 2.0)))
        with pyro.plate("documents", len(word), dim=-2):
            weights = pyro.sample("weights", dist.Dirichlet(torch.ones(kinds)))
            mask = torch.arange(word.shape[1]) < lengths[:, None]
            with pyro.plate("words", word.shape[1], dim=-1), poutine.mask(mask=mask):
                kind = pyro.sample("kind", dist.Categorical(weights))
                pyro.sample("word", dist.Categorical(topic[kind]), obs=word)

    network = nn.Linear(vocabulary, kinds)
    shared = AutoDelta(poutine.block(model, expose=["topic"]))

    def guide(word, lengths):
        pyro.module("network", network)
        shared(word, lengths)
        mask = (torch.arange(word.shape[1]) < lengths[:, None]).unsqueeze(-1)
        counts = (nn.functional.one_hot(word, vocabulary) * mask).sum(1)
        concentration = network(counts.to(network.weight.dtype)).exp().unsqueeze(-2)
        with pyro.plate("documents", len(word), dim=-2):
            pyro.sample("weights", dist.Dirichlet(concentration))

    return Case(model, guide, (word, lengths), (word[:3], lengths[:3]))


def bags_of_words():
    """A multinomial whose total is that of the longest document among the rows."""
    lengths = torch.arange(16) % 5 + 4
    counts = torch.stack([dist.Multinomial(int(n), torch.ones(4)).sample() for n in lengths])
    encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)

    def model(counts):
        pyro.module("decoder", decoder)
        with pyro.plate("documents", len(counts)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            longest = int(counts.sum(-1).max())
            pyro.sample("counts", dist.Multinomial(longest, logits=decoder(z)), obs=counts)

    def guide(counts):
        pyro.module("encoder", encoder)
        scale = pyro.param("scale", lambda: torch.tensor(0.5), constraint=constraints.positive)
        with pyro.plate("documents", len(counts)):
            pyro.sample("z", dist.Normal(encoder(counts), scale).to_event(1))

    return Case(model, guide, counts, counts[:4])


def _two_kinds(objective, **infer):
    """Rows are of one of two kinds, which the guide's network tells from x."""
    kind = torch.rand(20) < 0.4
    x = torch.where(kind, 1.0, -1.0) + torch.randn(20)
    network = nn.Linear(1, 1)

    def model(x):
        with pyro.plate("rows", len(x)):
            kind = pyro.sample("kind", dist.Bernoulli(0.5))
            pyro.sample("x", dist.Normal(2 * kind - 1, 1.0), obs=x)

    def guide(x):
        pyro.module("network", network)
        with pyro.plate("rows", len(x)):
            pyro.sample("kind", dist.Bernoulli(logits=network(x[:, None])[:, 0]), infer=dict(infer))

    def exact_guide(x):
        with pyro.plate("rows", len(x)):
            pyro.sample("kind", dist.Bernoulli(logits=2 * x), infer=dict(infer))

    both = torch.stack([dist.Normal(mean, 1.0).log_prob(x) for mean in (-1.0, 1.0)])
    evidence = both.logsumexp(0) - torch.tensor(2.0).log()
    p = torch.sigmoid(2 * x)
    return Case(
        model,
        guide,
        x,
        x[:6],
        objective=objective,
        evidence=evidence,
        exact_guide=exact_guide,
        posterior={"kind": (p, (p * (1 - p)).sqrt())},
    )


def discrete_guide():
    """The guide draws a discrete latent."""
    return _two_kinds(TraceGraph_ELBO())


def decaying_baseline():
    """Pyro's objective keeps a running mean, one for each position in the batch, in its store."""
    return _two_kinds(
        TraceGraph_ELBO(), baseline={"use_decaying_avg_baseline": True, "baseline_beta": 0.9}
    )


def enumerated_guide():
    """The guide's discrete latent is summed out in the guide."""
    return _two_kinds(TraceEnum_ELBO(max_plate_nesting=1), enumerate="parallel")
