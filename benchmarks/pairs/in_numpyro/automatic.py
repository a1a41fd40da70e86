"""Programs whose guides are of NumPyro's automatic ones."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.example_libraries import stax
from numpyro.handlers import mask
from numpyro.infer import Trace_ELBO
from numpyro.infer.autoguide import (
    AutoDiagonalNormal,
    AutoIAFNormal,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)

from benchmarks.pairs.data import MINIBATCH
from benchmarks.pairs.in_numpyro.pair import Pair, start_at


def automatic(model, guide, start, **keywords):
    return Pair(model, guide(model, init_loc_fn=start_at(start), **keywords), Trace_ELBO())


def logistic_regression(start):
    def model(x, y):
        scale = numpyro.sample("scale", dist.HalfCauchy(1.0))
        bias = numpyro.sample("bias", dist.Normal(0.0, 1.0))
        with numpyro.plate("columns", x.shape[-1]):
            weights = numpyro.sample("weights", dist.Normal(0.0, scale))
        with numpyro.plate("data", len(x)):
            numpyro.sample("y", dist.Bernoulli(logits=x @ weights + bias), obs=y)

    return automatic(model, AutoNormal, start)


def eight_schools(start):
    def model(y, error):
        mean = numpyro.sample("mean", dist.Normal(0.0, 5.0))
        spread = numpyro.sample("spread", dist.HalfCauchy(5.0))
        with numpyro.plate("schools", len(y)):
            effect = numpyro.sample("effect", dist.Normal(mean, spread))
            numpyro.sample("y", dist.Normal(effect, error), obs=y)

    return automatic(model, AutoNormal, start)


def partial_pooling(start):
    def model(group, x, y):
        mean = numpyro.sample("mean", dist.Normal(jnp.zeros(2), 2.0).to_event(1))
        spread = numpyro.sample("spread", dist.HalfNormal(jnp.ones(2)).to_event(1))
        noise = numpyro.sample("noise", dist.HalfNormal(1.0))
        with numpyro.plate("groups", 30):
            line = numpyro.sample("line", dist.Normal(mean, spread).to_event(1))
        with numpyro.plate("data", len(x)):
            predicted = line[group, 0] + line[group, 1] * x
            numpyro.sample("y", dist.Normal(predicted, noise), obs=y)

    return automatic(model, AutoMultivariateNormal, start)


def negative_binomial(start):
    def model(x, y):
        bias = numpyro.sample("bias", dist.Normal(0.0, 1.0))
        zeros = jnp.zeros(x.shape[-1])
        weights = numpyro.sample("weights", dist.Normal(zeros, 1.0).to_event(1))
        shape = numpyro.sample("shape", dist.Gamma(2.0, 1.0))
        with numpyro.plate("data", len(x)):
            mean = jnp.exp(x @ weights + bias)
            numpyro.sample("y", dist.GammaPoisson(shape, shape / mean), obs=y)

    return automatic(model, AutoLowRankMultivariateNormal, start, rank=3)


def gaussian_process(start):
    def model(x, y):
        length = numpyro.sample("length", dist.LogNormal(0.0, 1.0))
        scale = numpyro.sample("scale", dist.HalfNormal(2.0))
        noise = numpyro.sample("noise", dist.HalfNormal(1.0))
        distance = (x[:, None] - x) / length
        kernel = scale**2 * jnp.exp(-0.5 * distance**2)
        kernel = kernel + (noise**2 + 1e-4) * jnp.eye(len(x))
        curve = dist.MultivariateNormal(jnp.zeros_like(x), covariance_matrix=kernel)
        numpyro.sample("y", curve, obs=y)

    return automatic(model, AutoNormal, start)


def stochastic_volatility(start):
    def model(r):
        level = numpyro.sample("level", dist.Normal(0.0, 2.0))
        spread = numpyro.sample("spread", dist.Exponential(10.0))
        freedom = numpyro.sample("freedom", dist.Exponential(0.1))
        walk = numpyro.sample("walk", dist.Normal(jnp.zeros_like(r), 1.0).to_event(1))
        scale = jnp.exp(level + spread * walk.cumsum(-1))
        with numpyro.plate("days", len(r)):
            numpyro.sample("r", dist.StudentT(freedom, 0.0, scale), obs=r)

    return automatic(model, AutoNormal, start)


def item_response(start):
    def model(right):
        people, items = right.shape
        with numpyro.plate("items", items, dim=-1):
            difficulty = numpyro.sample("difficulty", dist.Normal(0.0, 2.0))
            slope = numpyro.sample("slope", dist.LogNormal(0.0, 0.5))
        with numpyro.plate("people", people, dim=-2):
            ability = numpyro.sample("ability", dist.Normal(0.0, 1.0))
            with numpyro.plate("answers", items, dim=-1):
                logits = slope * (ability - difficulty)
                numpyro.sample("right", dist.Bernoulli(logits=logits), obs=right)

    return automatic(model, AutoNormal, start)


def beta_binomial(start):
    def model(trials, hits):
        mean = numpyro.sample("mean", dist.Beta(2.0, 2.0))
        weight = numpyro.sample("weight", dist.Gamma(2.0, 0.1))
        with numpyro.plate("players", len(trials)):
            rate = numpyro.sample("rate", dist.Beta(mean * weight, (1 - mean) * weight))
            numpyro.sample("hits", dist.Binomial(trials, rate), obs=hits)

    flow = {"num_flows": 1, "hidden_dims": [20], "nonlinearity": stax.Relu}
    return automatic(model, AutoIAFNormal, start, **flow)


def survival(start):
    def model(x, time, event):
        bias = numpyro.sample("bias", dist.Normal(0.0, 1.0))
        zeros = jnp.zeros(x.shape[-1])
        weights = numpyro.sample("weights", dist.Normal(zeros, 1.0).to_event(1))
        shape = numpyro.sample("shape", dist.LogNormal(0.0, 1.0))
        scale = jnp.exp(x @ weights + bias)
        with numpyro.plate("data", len(x)):
            with mask(mask=event.astype(bool)):
                numpyro.sample("time", dist.Weibull(scale, shape), obs=time)
            numpyro.factor("survived", (event - 1) * (time / scale) ** shape)

    return automatic(model, AutoDiagonalNormal, start)


def robust_regression(start):
    def model(x, y):
        zeros = jnp.zeros(x.shape[-1])
        weights = numpyro.sample("weights", dist.Normal(zeros, 2.0).to_event(1))
        scale = numpyro.sample("scale", dist.HalfNormal(2.0))
        freedom = numpyro.sample("freedom", dist.Gamma(2.0, 0.1))
        with numpyro.plate("data", len(x), subsample_size=MINIBATCH) as rows:
            predicted = x[rows] @ weights
            numpyro.sample("y", dist.StudentT(freedom, predicted, scale), obs=y[rows])

    return automatic(model, AutoNormal, start)


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
