"""Whether a batch of images is real: a test of their mean log-probability under a model."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ppgen.arguments import Between, Seed, Size, checked

Alternative = Literal["less", "two-sided"]

FAR = {"less": torch.neg, "two-sided": torch.abs}
"""How far a batch is out, from its mean less that of the held-out images."""

REPLICATES, REPLICATE_RESAMPLES = 50, 1000
"""Bootstrap replicates of the threshold, for the standard error of a rate; draws for each."""


@dataclass(frozen=True)
class RejectionRate:
    """Share of batches that a test flags, between 0 and 1.

    The standard error is that of an estimate for other images of the same origin; an upper bound.

    Examples
    --------
    >>> print(RejectionRate(0.05, 0.01))
    0.050 ± 0.010
    """

    value: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.standard_error:.3f}"


@checked
class BatchTest:
    """A test of the hypothesis that a batch of images comes from where held-out images come from.

    The statistic is the mean score of the batch less that of the held-out images; scores are
    log-probabilities under a model, in nats, or any other number an image. Its distribution under
    the hypothesis comes from the held-out scores: batches of the size are drawn from them with
    replacement, and the held-out mean varies by its own standard error, by the central limit
    theorem. All is divided by the error of the held-out standard deviation, as in Student's t, so
    the rate of false alarms holds for Gaussian scores however few are held out. Skewed scores
    need many: at a rate of 5 %, 14 % of batches of 5 exponential scores are flagged with 3 held
    out, 9 % of batches of 30 with 30, 6 % of batches of 10 with 200. Held-out images must have
    had no part in training or in the choice of a model: it raises their scores.

    With ``"less"`` a batch is flagged if it is improbable, which has the most power against
    images that the model finds hard. But images can also be too probable: a density is often
    highest at images that look like no data, such as flat ones. ``"two-sided"`` flags both, as a
    test of typicality (Nalisnick et al. 2019, Detecting out-of-distribution inputs to deep
    generative models using typicality), with less power against improbable batches.

    Parameters
    ----------
    held_out
        Score of each held-out image, ``(images,)``; two or more.
    batch_size
        Images in a batch to be tested.
    false_alarm_rate
        Share of real batches that are flagged, on average over held-out sets of this size.
    alternative
        ``"less"`` or ``"two-sided"``.
    resamples, seed
        Draws from the distribution of the statistic, and their seed.

    Attributes
    ----------
    centre
        Mean of the held-out scores.
    null
        How far real batches are out, in ascending order, ``(resamples,)``: for ``"less"`` held-out
        mean less batch mean, for ``"two-sided"`` its absolute value.
    threshold
        Batches that are further out are flagged.

    Raises
    ------
    ValueError
        If the held-out scores are fewer than two or not finite, or an argument is out of range.

    Examples
    --------
    >>> held_out, real = torch.randn(2, 1000)
    >>> test = BatchTest(held_out, batch_size=25, false_alarm_rate=0.05)
    >>> test.rejects(real[:25] - 2)
    tensor(True)
    >>> test.rejection_rate(real - 2).value  # its power; of real scores, its false alarms
    1.0
    """

    def __init__(
        self,
        held_out: Tensor,
        batch_size: Size,
        false_alarm_rate: Between = 0.05,
        alternative: Alternative = "less",
        resamples: Size = 10_000,
        seed: Seed = 0,
    ) -> None:
        if held_out.dim() != 1 or len(held_out) < 2:
            raise ValueError(
                f"held_out has the shape {tuple(held_out.shape)}; expected (images,), 2 or more"
            )
        if not held_out.isfinite().all():
            raise ValueError("held_out holds NaN or infinite values; expected finite scores")
        # A product such as 0.29 × 100 may be rounded to just below 29.
        flagged = math.floor(false_alarm_rate * (resamples + 1) + 1e-9)
        if flagged < 1:
            raise ValueError(
                f"resamples is {resamples}; expected {math.ceil(1 / false_alarm_rate) - 1} or more "
                f"for the false_alarm_rate {false_alarm_rate}"
            )
        self.batch_size = batch_size
        self.false_alarm_rate = false_alarm_rate
        self.alternative = alternative
        self.seed = seed
        self.held_out = held_out.double()
        self.centre = self.held_out.mean()
        generator = torch.Generator().manual_seed(seed)
        self.null = self._draw_null(self.held_out, resamples, generator).sort().values
        self.threshold = self.null[resamples - flagged]

    @checked
    def p_value(self, scores: Tensor) -> Tensor:
        """Probability that a real batch is at least as far out; of batches ``(..., batch_size)``.

        One draw more than there are counts as that far (Davison and Hinkley 1997, Bootstrap methods
        and their application, equation 4.11), so that no p-value is zero. Minus infinity, the score
        of an impossible image, is flagged. Raises a ValueError if batches have another size, or
        scores are NaN or infinity.
        """
        nearer = torch.searchsorted(self.null, self._far(self._means(scores)))
        return (len(self.null) - nearer + 1) / (len(self.null) + 1)

    @checked
    def rejects(self, scores: Tensor) -> Tensor:
        """Whether batches are flagged, ``(...)``; arguments and errors as for :meth:`p_value`."""
        return self._far(self._means(scores)) > self.threshold

    @checked
    def rejection_rate(self, scores: Tensor, batches: Size = 2000, seed: Seed = 0) -> RejectionRate:
        """Share of batches of these images that are flagged.

        It is the power of the test if they are not real, and its false-alarm rate if they are.
        Images are shuffled and cut into batches that share none, again and again, so that each
        batch is drawn as a real one is; batches drawn with replacement would bias the estimate.

        The standard error has two parts. That of these images is at most that of a single shuffle
        (Hoeffding 1963, Probability inequalities for sums of bounded random variables, section 5),
        a binomial one; two flagged and two other batches are added in case all are flagged or none
        (Agresti and Coull 1998, Approximate is better than "exact" for interval estimation of
        binomial proportions). That of the held-out images is by the bootstrap.

        Parameters
        ----------
        scores
            Score of each image, ``(images,)``, as many as the batch size or more; errors as for
            :meth:`p_value`.
        batches, seed
            Least number of batches that are tested, and the seed of the shuffles.
        """
        disjoint = len(scores) // self.batch_size if scores.dim() == 1 else 0
        if disjoint == 0:
            raise ValueError(
                f"scores has the shape {tuple(scores.shape)}; expected (images,), as many as the "
                f"batch size, {self.batch_size}, or more"
            )
        generator = torch.Generator().manual_seed(seed)
        kept = disjoint * self.batch_size
        orders = math.ceil(batches / disjoint)
        shuffles = torch.stack(
            [torch.randperm(len(scores), generator=generator)[:kept] for _ in range(orders)]
        )
        means = self._means(scores[shuffles.to(scores.device)].view(-1, self.batch_size))
        value = (self._far(means) > self.threshold).double().mean().item()
        shrunk = (disjoint * value + 2) / (disjoint + 4)
        variance = shrunk * (1 - shrunk) / (disjoint + 4)
        centres, thresholds = self._replicates
        replicates = (self._far(means[:, None], centres) > thresholds).double().mean(0)
        return RejectionRate(value, math.sqrt(variance + replicates.var().item()))

    @cached_property
    def _replicates(self) -> tuple[Tensor, Tensor]:
        """Centres and thresholds from held-out scores drawn with replacement from the real ones."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        drawn = torch.randint(
            len(self.held_out), (REPLICATES, len(self.held_out)), generator=generator
        )
        held_out = self.held_out[drawn.to(self.held_out.device)]
        null = self._draw_null(held_out, REPLICATE_RESAMPLES, generator)
        return held_out.mean(-1), null.quantile(1 - self.false_alarm_rate, dim=-1)

    def _draw_null(self, held_out: Tensor, resamples: int, generator: torch.Generator) -> Tensor:
        """Draw how far real batches are out, ``(..., resamples)``."""
        images, shape = held_out.shape[-1], (*held_out.shape[:-1], resamples)
        centre, scale = held_out.mean(-1, keepdim=True), held_out.std(-1, keepdim=True)
        noise = torch.randn(shape, generator=generator, dtype=held_out.dtype).to(held_out.device)
        means = scale / math.sqrt(images) * noise
        spread = (held_out - centre) * math.sqrt(images / (images - 1))
        for _ in range(self.batch_size):
            drawn = torch.randint(images, shape, generator=generator).to(held_out.device)
            means += spread.gather(-1, drawn) / self.batch_size
        # The standard deviation of few is uncertain: for Gaussian scores, means follow Student's t.
        degrees = torch.full(shape, images - 1.0, dtype=held_out.dtype)
        known = torch._standard_gamma(degrees / 2, generator=generator) * 2 / degrees
        return self._far(means / known.sqrt().to(held_out.device), torch.zeros_like(centre))

    def _means(self, scores: Tensor) -> Tensor:
        if scores.dim() == 0 or scores.shape[-1] != self.batch_size:
            raise ValueError(
                f"scores has the shape {tuple(scores.shape)}; expected (..., {self.batch_size}), "
                "the batch size of this test"
            )
        if not (scores < math.inf).all():
            raise ValueError(
                "scores holds NaN or infinity; expected finite numbers, or minus infinity if a "
                "model holds an image impossible"
            )
        return scores.to(self.centre).mean(-1)

    def _far(self, means: Tensor, centre: Tensor | None = None) -> Tensor:
        return FAR[self.alternative](means - (self.centre if centre is None else centre))
