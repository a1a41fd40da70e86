"""Inference without the encoder: a Gaussian of its own for every image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.optim import Adam

from ppgen.arguments import Positive, Seed, Size, checked
from ppgen.data.batch import repeat_rows
from ppgen.data.batches import parts_of_draws
from ppgen.inference.images import observed_batch
from ppgen.inference.local_latents import LocalLatents, Values
from ppgen.program import accept
from ppgen.running import evaluating, own_random_state

IMAGES_AT_ONCE = 5_000
"""Images times draws of their latents that are evaluated, or completed, together."""

WINDOW = 25
"""Steps whose parameters are averaged, and after which the rise of an objective is measured."""

DRAWS = 4
"""Evaluations of a noisy objective by which its rise is measured."""

RowObjectives = Callable[[list[Tensor], Tensor], Tensor]
"""From the parameters of some rows, and their numbers, to their objectives, ``(rows,)``."""


@dataclass(frozen=True)
class FittedLatents:
    """A diagonal Gaussian for every image, and how good it is.

    Attributes
    ----------
    means, scales
        Of each latent site, ``(batch, …)``, as real numbers if the site has another support.
    elbo, start_elbo
        Bound of each image under its Gaussian, and under the one from which the fit started, by the
        same draws, ``(batch,)``, in nats.
    steps, converged, failed
        Gradient steps that each image took; whether it stopped by its own criterion rather than by
        the number of steps; and whether its bound became NaN, ``(batch,)``. Its Gaussian is then
        the best one before.
    guide
        A Pyro program that draws the latents of these images from their Gaussians.

    Examples
    --------
    >>> import ppgen
    >>> vae, images = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> fitted = ppgen.inference.fit_latents(vae, images)
    >>> fitted.means["z"].shape, fitted.gap.shape
    (torch.Size([5, 2]), torch.Size([5]))
    >>> repr(fitted).partition(";")[0]
    'FittedLatents(z (5, 2)'
    """

    means: Values
    scales: Values
    elbo: Tensor
    start_elbo: Tensor
    steps: Tensor
    converged: Tensor
    failed: Tensor
    guide: Any

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {tuple(each.shape)}" for name, each in self.means.items())
        return (
            f"FittedLatents({shapes}; elbo {self.elbo.mean():.2f} nats, "
            f"{int(self.converged.sum())} of {len(self.converged)} converged)"
        )

    @property
    def gap(self) -> Tensor:
        """Nats by which each image's bound is better than at the start, ``(batch,)``.

        Started from the guide, this is the amortisation gap (Cremer, Li and Duvenaud 2018,
        Inference suboptimality in variational autoencoders, equation 7).
        """
        return self.elbo - self.start_elbo


@checked
def fit_latents(
    program: Any,
    x: Tensor,
    *context: Tensor,
    observed: Tensor | None = None,
    start: Literal["prior", "guide"] = "prior",
    steps: Size = 2000,
    learning_rate: Positive = 0.05,
    tolerance: float = 0.02,
    halvings: Size = 6,
    particles: Size = 64,
    seed: Seed = 0,
) -> FittedLatents:
    """Fit a diagonal Gaussian to the latents of each image by ascent on the image's own ELBO.

    All images are fitted at once; each has its own parameters, Adam and stopping. Works for any
    program with continuous latents. If pixels are missing, the bound is that on the log-probability
    of the others.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts; its parameters stay as they are.
    x
        Images ``(batch, channel, height, width)``, in memory all at once; missing pixels may hold
        anything, NaN as well.
    context
        Further tensors that the model takes.
    observed
        Which pixels are known, booleans that broadcast to ``x``; None: all.
    start
        ``"prior"``: N(0, 1) for every real number; ``"guide"``: the guide's answer to ``x``, which
        is then improved (semi-amortised inference). The result is never worse than its start.
    steps
        Gradient steps an image takes at most, by Adam with this ``learning_rate``.
    tolerance, halvings
        When an image's ELBO has not risen by ``tolerance`` nats in 25 steps, the image halves its
        steps; after this number of halvings it stops.
    particles
        Draws for the ELBO that is reported.
    seed
        Of all draws; the caller's generators are left as they were.

    Raises
    ------
    ValueError
        If a latent is discrete, shared by images, or there is none; if images share another
        term; if ``observed`` has the wrong shape; or if observed pixels lie outside the support of
        their site.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> fitted = fit_latents(vae, torch.zeros(3, 1, 8, 8), start="guide", steps=100)
    >>> fitted.means["z"].shape, bool((fitted.gap >= 0).all())
    (torch.Size([3, 2]), True)
    """
    program = accept(program)
    batch, mask = observed_batch(program, x, *context, observed=observed)
    with evaluating(program, seed):
        latents = LocalLatents(program, batch, mask)
        means, scales = latents.moments() if start == "guide" else latents.standard()
        names = list(means)

        def values(parameters: list[Tensor]) -> tuple[Values, Values]:
            each = iter(parameters)
            return {n: next(each) for n in names}, {n: next(each).exp() for n in names}

        def bound(parameters: list[Tensor], rows: Tensor) -> Tensor:
            means, scales = values(parameters)
            drawn = {n: mean + scales[n] * torch.randn_like(mean) for n, mean in means.items()}
            known = None if mask is None else mask[rows]
            log_prior, log_likelihood = latents.log_probs(drawn, batch[rows], known)
            # Constant in the parameters, so that the gradient's noise vanishes where q is the
            # posterior (Roeder, Wu and Duvenaud 2017, Sticking the landing).
            q = {n: Normal(mean.detach(), scales[n].detach()) for n, mean in means.items()}
            log_q = [q[n].log_prob(z).view(len(rows), -1).sum(1) for n, z in drawn.items()]
            return log_prior + log_likelihood - torch.stack(log_q).sum(0)

        started = [*means.values(), *(scale.log() for scale in scales.values())]
        ascent = ascend(bound, started, steps, learning_rate, tolerance, halvings)
        all_rows = torch.arange(len(x), device=program.device)

        def final(parameters: list[Tensor]) -> Tensor:
            draws = []
            with own_random_state(seed):  # the same draws for both
                for some in parts_of_draws(particles, len(x), IMAGES_AT_ONCE):
                    repeated = [repeat_rows(p, some) for p in parameters]
                    draws.append(bound(repeated, all_rows.repeat(some)).view(-1, len(x)))
            return torch.cat(draws).mean(0)

        before, after = final(started), final(ascent.parameters)
        better = after > before  # False if it is NaN
        for end, begin in zip(ascent.parameters, started, strict=True):
            end[~better] = begin[~better]
        means, scales = values(ascent.parameters)
    return FittedLatents(
        means,
        scales,
        elbo=torch.where(better, after, before),
        start_elbo=before,
        steps=ascent.steps,
        converged=ascent.converged,
        failed=ascent.failed,
        guide=latents.guide(means, scales),
    )


@dataclass
class Ascent:
    """Where the ascent of each objective ended, one row each."""

    parameters: list[Tensor]  # the average over the last window
    steps: Tensor  # gradient steps that it took
    converged: Tensor  # whether it stopped because it rose no more
    failed: Tensor  # whether it stopped because it was no longer finite


def ascend(
    objective: RowObjectives,
    start: Sequence[Tensor],
    steps: int,
    learning_rate: float,
    tolerance: float,
    halvings: int,
) -> Ascent:
    """Maximise every row's objective by Adam, and drop rows as they stop.

    Each objective is a function of its own row of the parameters alone, noisy or not. When it has
    not risen by ``tolerance`` in :data:`WINDOW` steps, the row halves its steps; after ``halvings``
    of these, or ``steps`` in all, it stops.

    Examples
    --------
    >>> peaks = torch.tensor([1.0, -2.0, 3.0])
    >>> found = ascend(lambda p, rows: -((p[0] - peaks[rows]) ** 2), [torch.zeros(3)],
    ...                steps=2000, learning_rate=0.05, tolerance=1e-6, halvings=6)
    >>> found.parameters[0].round(decimals=2)
    tensor([ 1., -2.,  3.])
    """
    rows = torch.arange(len(start[0]), device=start[0].device)
    no = torch.zeros_like(rows, dtype=torch.bool)
    result = Ascent([p.clone() for p in start], torch.zeros_like(rows), no, no.clone())
    parameters = [p.detach().clone().requires_grad_() for p in start]
    # The usual memory of 1,000 steps for the squared gradient would outlast the whole ascent.
    optimizer = Adam(parameters, lr=learning_rate, betas=(0.9, 0.95), maximize=True)
    halved = torch.zeros_like(rows)
    done = 0
    while done < steps and len(rows):
        window = min(WINDOW, steps - done)
        averages = [torch.zeros_like(p[rows]) for p in parameters]
        for _ in range(window):
            _climb(objective, optimizer, rows, 0.5**halved)
            for average, parameter in zip(averages, parameters, strict=True):
                average.add_(parameter.detach()[rows], alpha=1 / window)
        done += window
        before = [p[rows] for p in result.parameters]
        # By the same random numbers, so that little noise is left.
        rise = _value(objective, averages, rows) - _value(objective, before, rows)
        finite = rise.isfinite()
        for last, average in zip(result.parameters, averages, strict=True):
            last[rows[finite]] = average[finite]
        halved[rows] += ~(rise > tolerance)  # of NaN too
        running = finite & (halved[rows] <= halvings)
        result.steps[rows] = done
        result.failed[rows] = ~finite
        result.converged[rows] = finite & ~running
        rows = rows[running]
    return result


def _climb(objective: RowObjectives, optimizer: Adam, rows: Tensor, shares: Tensor) -> None:
    """Take a step by the gradients of some rows, each row's a share of Adam's in length."""
    parameters = optimizer.param_groups[0]["params"]
    before = [p.detach().clone() for p in parameters]
    optimizer.zero_grad()
    with torch.enable_grad():
        objective([p[rows] for p in parameters], rows).sum().backward(inputs=parameters)
    optimizer.step()
    for parameter, old in zip(parameters, before, strict=True):
        share = shares.to(old).view(-1, *[1] * (old.dim() - 1))
        parameter.data = old + share * (parameter.data - old)


def _value(objective: RowObjectives, parameters: list[Tensor], rows: Tensor) -> Tensor:
    """Average a few evaluations of a noisy objective, from the same random numbers each time."""
    with own_random_state(len(rows)), torch.no_grad():
        return torch.stack([objective(parameters, rows) for _ in range(DRAWS)]).mean(0)
