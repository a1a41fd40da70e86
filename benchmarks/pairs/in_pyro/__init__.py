"""Models and guides in Pyro, as its users write them."""

from collections.abc import Callable, Mapping

from benchmarks.pairs.in_pyro import automatic, written
from benchmarks.pairs.in_pyro.pair import Pair, Start

BUILDERS: Mapping[str, Callable[[Start], Pair]] = automatic.BUILDERS | written.BUILDERS
"""Builders of the programs, from first values of their sites and parameters."""
