"""Results of tests of independencies, and their report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppgen.graph.nodes import Independence, Node

SHOWN = 5  # pairs of nodes, or columns, that a report names


@dataclass(frozen=True)
class Outcome:
    """Result of one test.

    Attributes
    ----------
    method
        Name of the statistic, such as ``"G"`` or ``"partial correlation"``.
    statistic
        Its value.
    freedom
        Degrees of freedom; None for z; 0 if the data cannot contradict the statement.
    p_value
        Probability of a statistic at least as large if the statement holds.
    source
        Where the p-value comes from, such as ``"χ²"`` or ``"640 permutations"``; if the statement
        could not be tested, the reason.
    """

    method: str
    statistic: float
    freedom: int | None
    p_value: float
    source: str


@dataclass(frozen=True)
class IndependenceTest(Outcome):
    """Result of the test of one statement.

    Attributes
    ----------
    statement
        What was tested.
    n
        Number of rows with a value in every column of the statement.
    corrected
        The p-value corrected for all statements tested together (Holm 1979).
    holds
        Whether the corrected p-value is at least the level.
    """

    statement: Independence
    n: int
    corrected: float
    holds: bool

    @property
    def tested(self) -> bool:
        """Whether the data could have contradicted the statement."""
        return self.freedom != 0

    def __str__(self) -> str:
        if not self.tested:
            return f"not tested: {self.source}"
        freedom = "" if self.freedom is None else f"{self.freedom} df, "
        return (
            f"{self.method} {self.statistic:.2f} ({freedom}{self.source})"
            f", p {self.p_value:.2g}, corrected {self.corrected:.2g}"
            + ("" if self.holds else "  REJECTED")
        )


@dataclass(frozen=True, repr=False)
class Report(Sequence[IndependenceTest]):
    """Sequence of test results, one for each statement, on ``n`` observations.

    ``level`` is an upper bound on the probability that any true statement is rejected.
    ``inseparable`` has the pairs of observed nodes without an edge about which the graph implies
    nothing, because latent nodes connect them whatever is given. ``ignored`` has the columns of the
    data that are not of nodes.
    """

    rows: tuple[IndependenceTest, ...]
    level: float
    n: int
    inseparable: tuple[tuple[Node, Node], ...] = ()
    ignored: tuple[Node, ...] = ()

    @property
    def rejected(self) -> tuple[IndependenceTest, ...]:
        """Results whose statement the data reject."""
        return tuple(row for row in self if not row.holds)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        width = max((len(str(row.statement)) for row in self), default=0)
        lines = [
            f"{row.statement!s:{width}}  {row}" + (f", {row.n} rows" if row.n < self.n else "")
            for row in self
        ]
        tested = sum(row.tested for row in self)
        summary = [
            f"{len(self.rejected)} of {tested} statements rejected at level {self.level:g}"
            if tested
            else "nothing was tested"
        ]
        if tested < len(self):
            summary.append(f"{len(self) - tested} could not be tested")
        if pairs := [f"{x} and {y}" for x, y in self.inseparable]:
            summary.append(f"no observed nodes separate {'; '.join(_shown(pairs, 'pairs'))}")
        elif not self.rows:
            summary.append("there are no statements")
        if self.ignored:
            ignored = _shown(list(map(str, self.ignored)), "columns")
            summary.append(f"not nodes of the graph: {', '.join(ignored)}")
        return "\n".join([*lines, f"{', '.join(summary)}, {self.n} observations"])

    __repr__ = __str__


def _shown(names: list[str], what: str) -> list[str]:
    """First names of a list, and how many more there are."""
    more = len(names) - SHOWN
    return names[:SHOWN] + ([f"{more} more {what}"] if more > 0 else [])
