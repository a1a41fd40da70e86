"""Every estimator against a closed form, on one Gaussian program in six ways to write it.

Each row has a latent z ~ N(0, 1) and observes x ~ N(2 z + 1, 1); the guide is not the posterior, so
that every estimate has an error. An importance weight has the evidence as its mean, whatever the
guide: estimates of log p are compared by exp(estimate − log p), whose mean is one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch.distributions import Normal

import ppgen
from conformance.laws import Recorder

ROWS, SLOPE, SHIFT = 23, 2.0, 1.0
RUNS = 5
RATE = 0.01  # of false alarms, of all tests of this file together, for a random seed; it is fixed


@dataclass(frozen=True)
class Way:
    """A way to write the program.

    Attributes
    ----------
    sites
        How many observed sites there are, each ~ N(2 z + 1, 1).
    scale
        Scale of the observed sites.
    mask
        Whether every third row has no observations.
    subsampled
        Whether the plate has all rows of the data as its size, and those of a batch by an index.
    batch
        Rows of a batch.
    """

    sites: int = 1
    scale: float = 1.0
    mask: bool = False
    subsampled: bool = False
    batch: int = ROWS

    @property
    def data(self):
        """Index, observations of all sites, and which rows have them."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            z = torch.randn(ROWS, 1)
            x = SLOPE * z + SHIFT + torch.randn(ROWS, self.sites)
        index = torch.arange(ROWS)
        return index, x, index % 3 > 0 if self.mask else index >= 0

    def plate(self, x, index):
        return pyro.plate("rows", ROWS if self.subsampled else len(x),
                          subsample=index if self.subsampled else None)  # fmt: skip

    def model(self, index, x, seen):
        with self.plate(x, index):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))
            with poutine.scale(scale=self.scale), poutine.mask(mask=seen):
                for i in range(self.sites):
                    pyro.sample(f"x_{i}", dist.Normal(SLOPE * z + SHIFT, 1.0), obs=x[:, i])

    def guide(self, index, x, seen):
        offset = pyro.param("offset", lambda: torch.tensor(0.1))
        with self.plate(x, index):
            pyro.sample("z", dist.Normal(self.centre(x, seen) + offset - 0.1, self.width(seen)))

    def centre(self, x, seen):
        """Mean of the guide: somewhat off that of the posterior."""
        return 0.3 * (x.mean(1) - SHIFT) * seen

    def width(self, seen):
        """Deviation of the guide: above that of the posterior, so that weights have a variance."""
        return torch.where(seen, 0.55, 1.2)

    @property
    def program(self):
        return ppgen.as_program((self.model, self.guide))

    @property
    def evidence(self):
        """The log-probability of each row's observations, without scales."""
        _, x, seen = self.data
        n, r = self.sites, (x - SHIFT).double()
        total = 1 + n * SLOPE**2  # determinant of I + slope² 1 1ᵀ
        squares = r.square().sum(1) - SLOPE**2 * r.sum(1).square() / total
        return -0.5 * (squares + math.log(total) + n * math.log(2 * math.pi)) * seen

    @property
    def bound(self):
        """The ELBO of each row, with scales."""
        _, x, seen = self.data
        centre, width = self.centre(x, seen).double(), self.width(seen).double()
        fitted = Normal(SLOPE * centre + SHIFT, 1.0).log_prob(x.double().T).sum(0)
        fitted = fitted - self.sites * (SLOPE * width) ** 2 / 2
        divergence = (width**2 + centre**2 - 1) / 2 - width.log()
        return self.scale * fitted * seen - divergence


WAYS = {
    "plain": Way(),
    "masked": Way(mask=True),
    "scaled": Way(scale=0.5),
    "subsampled": Way(subsampled=True, batch=6),
    "two sites": Way(sites=2),
    "last short batch": Way(batch=5),
    "all at once": Way(sites=2, mask=True, subsampled=True, batch=5),
}


def elbo(way):
    found = [
        ppgen.elbo(way.program, way.data, 30, batch_size=way.batch, seed=s).each
        for s in range(RUNS)
    ]
    return torch.stack(found).double() - way.bound


def history(way):
    """ELBO of epochs that change nothing: the mean over rows, however batches are cut."""
    fitted = ppgen.fit(
        way.program, way.data, epochs=40, batch_size=way.batch, seed=0, progress=False,
        device="cpu", optimizer=partial(Recorder, gradients=[]), compile="off",
    )  # fmt: skip
    found = [epoch.elbo for epoch in fitted.epochs if epoch.elbo is not None]
    return torch.tensor(found, dtype=torch.float64) - way.bound.mean()


def weights(estimate, way):
    """Importance weights over the evidence, less one."""
    return torch.stack([(estimate(s).each.double() - way.evidence).exp() for s in range(RUNS)]) - 1


def iwae(way):
    return weights(lambda s: ppgen.iwae(way.program, way.data, 20, chunk=200, seed=s), way)


def prior(way):
    """With the prior as proposal."""
    return weights(lambda s: ppgen.iwae(way.program, way.data, 100, proposal="prior", seed=s), way)


def log_predictive(way):
    return weights(lambda s: ppgen.log_predictive(way.program, way.data, 20, seed=s), way)


def ais(way):
    return weights(
        lambda s: ppgen.inference.ais(way.program, way.data, temperatures=3, chains=10, seed=s), way
    )


def posterior(way):
    """Draws from the guide, standardised."""
    _, x, seen = way.data
    z = ppgen.posterior(way.program, way.data, 100, seed=0)["z"].double()
    return (z - way.centre(x, seen)) / way.width(seen)


def spread(way):
    """Their squares have the mean one."""
    return posterior(way).square() - 1


def predicted(way):
    """New outcomes given draws from the guide, standardised."""
    _, outcomes, seen = way.data
    drawn = ppgen.predict(way.program, way.data, 100, seed=0)
    x = torch.stack([drawn[f"x_{i}"] for i in range(way.sites)]).double()
    mean = SLOPE * way.centre(outcomes, seen) + SHIFT
    return ((x - mean) / (1 + (SLOPE * way.width(seen)) ** 2).sqrt()).mean(0)


ESTIMATORS: dict[str, Callable[[Way], torch.Tensor]] = {
    "elbo": elbo, "history of fit": history, "iwae": iwae,
    "iwae by the prior": prior, "log_predictive": log_predictive, "ais": ais,
    "posterior": posterior, "variance of posterior": spread, "predict": predicted,
}  # fmt: skip
# Bonferroni's correction for all pairs.
LARGEST = NormalDist().inv_cdf(1 - RATE / (2 * len(ESTIMATORS) * len(WAYS)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_mean_error_is_zero(estimator, way):
    """Errors of rows are independent: their sum over its standard deviation is standard normal."""
    errors = ESTIMATORS[estimator](WAYS[way])
    score = float(errors.sum() / errors.square().sum().sqrt())
    assert abs(score) < LARGEST, (score, float(errors.mean()))
