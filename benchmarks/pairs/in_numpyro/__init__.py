"""The same models and guides in NumPyro; without torch, for a process of its own."""

from collections.abc import Callable, Mapping

from benchmarks.pairs.in_numpyro import automatic, written
from benchmarks.pairs.in_numpyro.pair import Pair

BUILDERS: Mapping[str, Callable[..., Pair]] = automatic.BUILDERS | written.BUILDERS
"""Builders of the programs, from first values of their sites and parameters."""
