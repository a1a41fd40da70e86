"""Programs whose guides are of Pyro's automatic ones."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import (
    AutoDiagonalNormal,
    AutoIAFNormal,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)

from benchmarks.pairs.data import MINIBATCH
from benchmarks.pairs.in_pyro.pair import pair, start_at


def logistic_regression(start):
    def model(x, y):
        scale = pyro.sample("scale", dist.HalfCauchy(1.0))
        bias = pyro.sample("bias", dist.Normal(0.0, 1.0))
        with pyro.plate("columns", x.shape[-1]):
            weights = pyro.sample("weights", dist.Normal(0.0, scale))
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Bernoulli(logits=x @ weights + bias), obs=y)

    return pair(model, AutoNormal(model, init_loc_fn=start_at(start)))


def eight_schools(start):
    def model(y, error):
        mean = pyro.sample("mean", dist.Normal(0.0, 5.0))
        spread = pyro.sample("spread", dist.HalfCauchy(5.0))
        with pyro.plate("schools", len(y)):
            effect = pyro.sample("effect", dist.Normal(mean, spread))
            pyro.sample("y", dist.Normal(effect, error), obs=y)

    return pair(model, AutoNormal(model, init_loc_fn=start_at(start)))


def partial_pooling(start):
    def model(group, x, y):
        mean = pyro.sample("mean", dist.Normal(x.new_zeros(2), 2.0).to_event(1))
        spread = pyro.sample("spread", dist.HalfNormal(x.new_ones(2)).to_event(1))
        noise = pyro.sample("noise", dist.HalfNormal(1.0))
        with pyro.plate("groups", 30):
            line = pyro.sample("line", dist.Normal(mean, spread).to_event(1))
        with pyro.plate("data", len(x)):
            predicted = line[group, 0] + line[group, 1] * x
            pyro.sample("y", dist.Normal(predicted, noise), obs=y)

    return pair(model, AutoMultivariateNormal(model, init_loc_fn=start_at(start)))


def negative_binomial(start):
    def model(x, y):
        bias = pyro.sample("bias", dist.Normal(0.0, 1.0))
        zeros = x.new_zeros(x.shape[-1])
        weights = pyro.sample("weights", dist.Normal(zeros, 1.0).to_event(1))
        shape = pyro.sample("shape", dist.Gamma(2.0, 1.0))
        with pyro.plate("data", len(x)):
            mean = (x @ weights + bias).exp()
            pyro.sample("y", dist.GammaPoisson(shape, shape / mean), obs=y)

    guide = AutoLowRankMultivariateNormal(model, init_loc_fn=start_at(start), rank=3)
    return pair(model, guide)


def gaussian_process(start):
    def model(x, y):
        length = pyro.sample("length", dist.LogNormal(0.0, 1.0))
        scale = pyro.sample("scale", dist.HalfNormal(2.0))
        noise = pyro.sample("noise", dist.HalfNormal(1.0))
        distance = (x[:, None] - x) / length
        kernel = scale**2 * (-0.5 * distance**2).exp()
        kernel = kernel + (noise**2 + 1e-4) * torch.eye(len(x), device=x.device)
        curve = dist.MultivariateNormal(torch.zeros_like(x), covariance_matrix=kernel)
        pyro.sample("y", curve, obs=y)

    return pair(model, AutoNormal(model, init_loc_fn=start_at(start)))


def stochastic_volatility(start):
    def model(r):
        level = pyro.sample("level", dist.Normal(0.0, 2.0))
        spread = pyro.sample("spread", dist.Exponential(10.0))
        freedom = pyro.sample("freedom", dist.Exponential(0.1))
        walk = pyro.sample("walk", dist.Normal(torch.zeros_like(r), 1.0).to_event(1))
        scale = (level + spread * walk.cumsum(-1)).exp()
        with pyro.plate("days", len(r)):
            pyro.sample("r", dist.StudentT(freedom, 0.0, scale), obs=r)

    return pair(model, AutoNormal(model, init_loc_fn=start_at(start)))


def item_response(start):
    def model(right):
        people, items = right.shape
        with pyro.plate("items", items, dim=-1):
            difficulty = pyro.sample("difficulty", dist.Normal(0.0, 2.0))
            slope = pyro.sample("slope", dist.LogNormal(0.0, 0.5))
        with pyro.plate("people", people, dim=-2):
            ability = pyro.sample("ability", dist.Normal(0.0, 1.0))
            with pyro.plate("answers", items, dim=-1):
                logits = slope * (ability - difficulty)
                pyro.sample("right", dist.Bernoulli(logits=logits), obs=right)

    return pair(model, AutoNormal(model, init_loc_fn=start_at(start)))


def beta_binomial(start):
    def model(trials, hits):
        mean = pyro.sample("mean", dist.Beta(2.0, 2.0))
        weight = pyro.sample("weight", dist.Gamma(2.0, 0.1))
        with pyro.plate("players", len(trials)):
            rate = pyro.sample("rate", dist.Beta(mean * weight, (1 - mean) * weight))
            pyro.sample("hits", dist.Binomial(trials, rate), obs=hits)

    return pair(model, AutoIAFNormal(model, hidden_dim=[20], num_transforms=1))


def survival(start):
    def model(x, time, event):
        bias = pyro.sample("bias", dist.Normal(0.0, 1.0))
        zeros = x.new_zeros(x.shape[-1])
        weights = pyro.sample("weights", dist.Normal(zeros, 1.0).to_event(1))
        shape = pyro.sample("shape", dist.LogNormal(0.0, 1.0))
        scale = (x @ weights + bias).exp()
        with pyro.plate("data", len(x)):
            lifetime = dist.Weibull(scale, shape)
            pyro.sample("time", lifetime.mask(event.bool()), obs=time)
            pyro.factor("survived", (event - 1) * (time / scale) ** shape)

    return pair(model, AutoDiagonalNormal(model, init_loc_fn=start_at(start)))


def robust_regression(start):
    def model(x, y):
        zeros = x.new_zeros(x.shape[-1])
        weights = pyro.sample("weights", dist.Normal(zeros, 2.0).to_event(1))
        scale = pyro.sample("scale", dist.HalfNormal(2.0))
        freedom = pyro.sample("freedom", dist.Gamma(2.0, 0.1))
        with pyro.plate("data", len(x), subsample_size=MINIBATCH) as rows:
            predicted = x[rows] @ weights
            pyro.sample("y", dist.StudentT(freedom, predicted, scale), obs=y[rows])

    return pair(model, AutoNormal(model, init_loc_fn=start_at(start)))


BUILDERS = {
    "logistic regression, half-Cauchy scale": logistic_regression,
    "eight schools": eight_schools,
    "partial pooling, full-rank guide": partial_pooling,
    "negative binomial, low-rank guide": negative_binomial,
    "Gaussian process": gaussian_process,
    "stochastic volatility": stochastic_volatility,
    "item response, crossed plates": item_response,
    "beta-binomial, flow guide": beta_binomial,
    "survival, censored": survival,
    "robust regression, minibatches": robust_regression,
}
