"""The table of programs that go through every law of this folder: one line a program."""

from pyro.infer import TraceEnum_ELBO, TraceGraph_ELBO

from conformance import mixtures, networks, regressions, sequences
from conformance.case import Entry

__all__ = ["PROGRAMS", "names"]


def _enumerated():
    return TraceEnum_ELBO(max_plate_nesting=2)


_SHARED = {"iwae": "total", "log_predictive": True}
_SLOWLY = {"draws": "seed", "rate": 0.02}
_WHOLE = {"rows": False, "iwae": "total"}
_SUMMED = {"own_elbo": _enumerated}

# fmt: off
PROGRAMS = {
    "normal_mean": Entry(regressions.normal_mean, 8, **_SHARED, compile=True),
    "linear_regression": Entry(regressions.linear_regression, 8, **_SHARED),
    "logistic_regression": Entry(regressions.logistic_regression, 8, **_SHARED),
    "partial_pooling": Entry(regressions.partial_pooling, 8, **_SHARED),
    "zero_inflated": Entry(regressions.zero_inflated, 8, **_SHARED),
    "ratings": Entry(regressions.ratings, 8, **_SHARED),
    "bayesian_network": Entry(regressions.bayesian_network, 8, **_SHARED),
    "own_subsampling": Entry(regressions.own_subsampling, rows=False, iwae=None, draws=None),
    "scaled_plate": Entry(regressions.scaled_plate, 8, iwae="total"),
    "tempered": Entry(regressions.tempered, 8, iwae="total", bound=False),
    "censoring": Entry(regressions.censoring, 8, **_SHARED),
    "settings": Entry(regressions.settings, 8, **_SHARED),
    "low_rank": Entry(regressions.low_rank, 8, **_SHARED),
    "maximum_a_posteriori": Entry(regressions.maximum_a_posteriori, 8, **_SHARED, compile=True),
    "spline_guide": Entry(regressions.spline_guide, 8, **_SHARED | _SLOWLY),
    "inverse_autoregressive": Entry(regressions.inverse_autoregressive, 8, **_SHARED | _SLOWLY),
    "renyi": Entry(regressions.renyi, **_SHARED, draws="seed"),
    "double_precision": Entry(regressions.double_precision, 8, **_SHARED),
    "correlations": Entry(regressions.correlations, 8, **_SHARED),
    "matrices": Entry(regressions.matrices, 8, **_SHARED),
    "whole_event": Entry(regressions.whole_event, **_WHOLE),
    "sequential_plate": Entry(regressions.sequential_plate, **_WHOLE, traced=False),
    "random_walk": Entry(sequences.random_walk, **_WHOLE),
    "hidden_markov_chain": Entry(sequences.hidden_markov_chain, 4, **_SHARED, **_SUMMED, rate=0.2),
    "gaussian_chain": Entry(sequences.gaussian_chain, 4, posterior=False),
    "panel": Entry(sequences.panel, 4, **_SHARED),
    "gaussian_mixture": Entry(mixtures.gaussian_mixture, 8, **_SHARED, **_SUMMED),
    "broken_sticks": Entry(mixtures.broken_sticks, 8, **_SHARED, **_SUMMED),
    "topics": Entry(mixtures.topics, 5, **_SHARED, **_SUMMED, rate=0.2),
    "bags_of_words": Entry(mixtures.bags_of_words, 8, traced=False),
    "discrete_guide": Entry(mixtures.discrete_guide, 5, own_elbo=TraceGraph_ELBO),
    "decaying_baseline": Entry(mixtures.decaying_baseline, 5, own_elbo=TraceGraph_ELBO, sums=False),
    "enumerated_guide": Entry(mixtures.enumerated_guide, 5, **_SUMMED),
    "vae_functions": Entry(networks.vae_functions, 8, compile=True),
    "vae_class": Entry(networks.vae_class, 8, sums=False, traced=False),
    "two_views": Entry(networks.two_views, 8),
    "cooled_latent": Entry(networks.cooled_latent, 8, bound=False),
    "row_parameters": Entry(networks.row_parameters, iwae="total"),
    "looked_up_parameters": Entry(networks.looked_up_parameters, 8, iwae="total"),
    "masked_observations": Entry(networks.masked_observations, 8),
    "maximum_likelihood": Entry(networks.maximum_likelihood, 8, posterior=False),
}
# fmt: on


def names(where=lambda entry: True):
    """Names of the programs for which something holds, in the table's order."""
    return [name for name, entry in PROGRAMS.items() if where(entry)]
