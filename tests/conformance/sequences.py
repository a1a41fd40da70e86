"""Programs in time: a series without rows, hidden Markov chains, a panel."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.infer.autoguide import AutoDelta, AutoNormal

from conformance.case import Case


def random_walk():
    """One series: a step of `pyro.markov` for each time, and no plate."""
    steps = 8
    y = torch.randn(steps).cumsum(0) + 0.5 * torch.randn(steps)

    def model(y):
        z = torch.tensor(0.0)
        for t in pyro.markov(range(len(y))):
            z = pyro.sample(f"z_{t}", dist.Normal(z, 1.0))
            pyro.sample(f"y_{t}", dist.Normal(z, 0.5), obs=y[t])

    def guide(y):
        centre = pyro.param("centre", lambda: torch.zeros(steps))
        scale = pyro.param("scale", lambda: torch.ones(steps), constraint=constraints.positive)
        for t in pyro.markov(range(len(y))):
            pyro.sample(f"z_{t}", dist.Normal(centre[t], scale[t]))

    time = torch.arange(1.0, steps + 1)
    prior = torch.minimum(time[:, None], time)
    covariance = prior + 0.25 * torch.eye(steps)
    mean = prior @ torch.linalg.solve(covariance, y)
    posterior = prior - prior @ torch.linalg.solve(covariance, prior)
    factor = torch.linalg.cholesky(posterior)

    # Draws of all times are mean + factor @ noise: each time is normal given those before it.
    inverse = torch.linalg.inv(factor)

    def exact_guide(y):
        z = mean.clone()
        for t in range(len(y)):
            given = mean[t] - (inverse[t, :t] @ (z[:t] - mean[:t])) * factor[t, t]
            z = z.clone()
            z[t] = pyro.sample(f"z_{t}", dist.Normal(given, factor[t, t]))

    return Case(
        model,
        guide,
        y,
        evidence=dist.MultivariateNormal(torch.zeros(steps), covariance).log_prob(y),
        exact_guide=exact_guide,
        posterior={f"z_{t}": (mean[t], posterior[t, t].sqrt()) for t in range(steps)},
    )


def hidden_markov_chain():
    """Sequences of symbols of unequal length; states are summed out, tables have priors."""
    rows, length, states, symbols = 12, 5, 2, 3
    x = torch.randint(symbols, (rows, length))
    lengths = torch.arange(rows) % 3 + 3

    def model(x, lengths):
        move = pyro.sample(
            "move", dist.Dirichlet(torch.ones(states) + torch.eye(states)).to_event(1)
        )
        emit = pyro.sample("emit", dist.Dirichlet(torch.full((states, symbols), 2.0)).to_event(1))
        with pyro.plate("sequences", len(x), dim=-1):
            z = 0
            for t in pyro.markov(range(x.shape[1])):
                with poutine.mask(mask=t < lengths):
                    z = pyro.sample(
                        f"z_{t}", dist.Categorical(move[z]), infer={"enumerate": "parallel"}
                    )
                    pyro.sample(f"x_{t}", dist.Categorical(emit[z]), obs=x[:, t])

    guide = AutoDelta(poutine.block(model, expose=["move", "emit"]))
    return Case(model, guide, (x, lengths), (x[:4], lengths[:4]))


def gaussian_chain():
    """Pyro's own distribution over whole sequences: a row is an event of two dimensions."""
    x = torch.randn(16, 6, 2).cumsum(1)

    def model(x):
        decay = pyro.param("decay", lambda: torch.tensor(0.5), constraint=constraints.unit_interval)
        noise = pyro.param("noise", lambda: torch.ones(2), constraint=constraints.positive)

        def independent(*scale):
            return dist.Normal(torch.zeros(2), torch.stack(scale)).to_event(1)

        chain = dist.GaussianHMM(
            independent(*torch.ones(2)),
            decay * torch.eye(2),
            independent(*torch.ones(2)),
            torch.eye(2),
            independent(*noise),
            duration=x.shape[-2],
        )
        with pyro.plate("sequences", len(x)):
            pyro.sample("x", chain, obs=x)

    return Case(model, None, x, x[:4])


def panel():
    """As many times as rows, in a plate to the right of the rows'; each row has its own level."""
    rows = times = 12
    x = torch.randn(rows, 1) + 0.5 * torch.randn(rows, times)

    def model(x):
        with pyro.plate("times", times, dim=-1):
            season = pyro.sample("season", dist.Normal(0.0, 0.5))
        with pyro.plate("rows", len(x), dim=-2):
            level = pyro.sample("level", dist.Normal(0.0, 1.0))
            with pyro.plate("times_of_rows", times, dim=-1):
                pyro.sample("x", dist.Normal(level + season, 0.5), obs=x)

    shared = AutoNormal(poutine.block(model, expose=["season"]))

    def guide(x):
        shared(x)
        slope = pyro.param("slope", lambda: torch.tensor(0.5))
        scale = pyro.param("scale", lambda: torch.tensor(0.3), constraint=constraints.positive)
        with pyro.plate("rows", len(x), dim=-2):
            pyro.sample("level", dist.Normal(slope * x.mean(-1, keepdim=True), scale))

    return Case(model, guide, x, x[:5])
