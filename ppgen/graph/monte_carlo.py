"""Sequential Monte Carlo p-values."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, exp

import numpy as np

ENOUGH = 20  # draws above the observed statistic after which no more are made
FIRST = 64  # draws of the first batch; each later one is twice as long
FAR = 1000  # draws after which a statistic that is far above all of them needs no more


@dataclass(frozen=True)
class MonteCarlo:
    """How many draws a p-value may take.

    Attributes
    ----------
    threshold
        Smallest p-value that decides anything: the level divided by the number of statements.
    most
        Largest number of draws; by default ten times as many as the threshold needs.
    """

    threshold: float = 0.05
    most: int | None = None

    @property
    def limit(self) -> int:
        """Largest number of draws."""
        return max(FAR - 1, ceil(10 / self.threshold)) if self.most is None else self.most

    def p_value(
        self, observed: float, draw: Callable[[int], np.ndarray], batch: int = 2**14
    ) -> tuple[float, int]:
        """P-value of a statistic and the number of draws it took.

        ``draw(count)`` returns statistics under the null hypothesis, ``(count,)``; it is called for
        at most ``batch`` of them. Draws end at the 20th that is above the observed statistic
        (Besag and Clifford 1991, Sequential Monte Carlo p-values). One that is equal counts half:
        this is the mid-p-value (Lancaster 1961, Significance tests in discrete distributions),
        whose mean is 1/2 for any discrete statistic, while the common p-value is too large.

        After 1,000 draws, a statistic so far above all of them that even a thousandth of the
        threshold is out of reach gets the smallest p-value, 1 / (1 + limit), without more draws.
        The tail behind them is taken to be the larger of an exponential, half as steep as that of
        χ², and a gamma distribution with their mean and variance (as Winkler et al. 2016, Faster
        permutation inference in brain imaging).
        """
        tolerance = 1e-9 * max(1.0, abs(observed))
        above, done, size, top = 0.0, 0, FIRST, -np.inf
        while done < self.limit:
            drawn = draw(min(size, batch, self.limit - done))
            size *= 2
            ties = np.abs(drawn - observed) <= tolerance
            counts = above + np.cumsum(np.where(ties, 0.5, drawn > observed))
            if counts[-1] >= ENOUGH:
                last = int(np.searchsorted(counts, ENOUGH))
                return float(counts[last]) / (done + last + 1), done + last + 1
            above, done, top = float(counts[-1]), done + len(drawn), max(top, drawn.max())
            if not above and done >= FAR and self._out_of_reach(observed - top, observed, drawn):
                break
        return (1 + above) / (1 + self.limit), done

    def _out_of_reach(self, distance: float, observed: float, drawn: np.ndarray) -> bool:
        from scipy.special import gammaincc  # here, as it is slow to import

        mean, variance = drawn.mean(), max(drawn.var(), np.finfo(float).tiny)
        tail = max(
            exp(-distance / 4) / FAR, gammaincc(mean**2 / variance, observed * mean / variance)
        )
        return tail < self.threshold / 1000
