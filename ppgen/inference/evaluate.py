"""Bounds on the log-likelihood of data, and how sure they are."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pyro import poutine
from torch import Tensor
from torch.utils.data import DataLoader

from ppgen.arguments import Seed, Size, checked
from ppgen.data.batch import Data
from ppgen.data.batches import EVALUATION_BATCH, Batches, Transform, parts_of_draws
from ppgen.data.streams import as_batches, count_rows
from ppgen.objectives.checked_runs import explained
from ppgen.objectives.objective import Objective
from ppgen.objectives.plates import Site, is_marked
from ppgen.objectives.preparation import prepare
from ppgen.objectives.weights import RowWeights
from ppgen.program import Pair, Program, accept
from ppgen.running import evaluating, own_random_state


@dataclass(frozen=True)
class Estimate:
    """Nats of some data: of each row, of what rows share, and in all.

    Attributes
    ----------
    per_example
        Nats of each row, ``(rows,)``; None if rows have no terms of their own.
    shared
        Nats of what all rows share, counted once; all nats if ``per_example`` is None.
    rows
        Number of rows.

    Examples
    --------
    >>> estimate = Estimate(torch.tensor([-3.0, -4.0, -5.0]))
    >>> print(estimate, estimate.total)
    -4.00 ± 0.58 nats -12.0
    """

    per_example: Tensor | None
    shared: float = 0.0
    rows: int = 0

    @property
    def each(self) -> Tensor:
        """Nats of each row, ``(rows,)``; raises a ValueError if rows have no terms of their own."""
        if self.per_example is None:
            raise ValueError(
                "rows have no terms of their own, only a total: they share latents or lie in no "
                "plate; log_predictive has a term for each row if they are in a plate"
            )
        return self.per_example

    @property
    def total(self) -> float:
        """Nats of all the data."""
        rows = 0.0 if self.per_example is None else self.per_example.double().sum().item()
        return rows + self.shared

    @property
    def mean(self) -> float:
        """Nats a row: the mean of ``per_example``, or the total divided by the rows."""
        if self.per_example is None:
            return self.total / max(1, self.rows)
        return self.per_example.double().mean().item()

    @property
    def standard_error(self) -> float:
        """Standard error of ``mean``, not of ``total``, over the population of rows, nats."""
        if self.per_example is None or len(self.per_example) < 2:
            return math.nan
        return (self.per_example.double().std() / math.sqrt(len(self.per_example))).item()

    def __str__(self) -> str:
        if self.per_example is None:
            return f"{self.total:.2f} nats in all"
        shared = f", and {self.shared:.2f} shared by all rows" if self.shared else ""
        return f"{self.mean:.2f} ± {self.standard_error:.2f} nats{shared}"

    def __repr__(self) -> str:
        rows = self.rows if self.per_example is None else len(self.per_example)
        return f"Estimate({self}, {rows} rows)"


@checked
def elbo(
    program: Any,
    data: Data,
    particles: Size | None = None,
    *,
    transform: Transform | None = None,
    batch_size: Size | None = None,
    seed: Seed = 0,
) -> Estimate:
    """Estimate the evidence lower bound of data, row by row if rows lie in a plate.

    The bound is that of the program's objective, the plain one if that is Rényi's. What rows share,
    such as the divergence of a shared latent, is counted once and apart.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    data, transform, batch_size
        As for :func:`ppgen.fit`; by default 1,000 rows a batch.
    particles
        Draws of the guide for each row; None: as many as the objective takes.
    seed
        Seed of the draws; the caller's generators are left unchanged.

    Raises
    ------
    ValueError
        If the program cannot be run on the data, model and guide do not match, rows lie outside the
        support of their site, or ``particles`` is below 1.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> elbo(vae, torch.zeros(10, 1, 8, 8)).per_example.shape
    torch.Size([10])
    """
    program = accept(program)
    batches = as_batches(data, batch_size, transform, program.device)
    with _judging(program, batches, seed) as objective:
        values, shared = [], 0.0
        for batch in batches:
            rows, common = objective.bounds(batch, particles)
            shared += float(common) * len(batch) / batches.rows
            values += [] if rows is None else [rows]
    return Estimate(torch.cat(values).cpu() if values else None, shared, batches.rows)


@checked
def iwae(
    program: Any,
    data: Data,
    particles: Size,
    *,
    proposal: Literal["guide", "prior"] = "guide",
    transform: Transform | None = None,
    chunk: Size = 20_000,
    seed: Seed = 0,
) -> Estimate:
    """Estimate log p(x) of each row by importance sampling from the guide.

    log 1/k Σ p(x, z_i) / q(z_i | x), a lower bound in expectation that rises with k (Burda,
    Grosse and Salakhutdinov 2016, Importance weighted autoencoders, equation 8). Every observed
    site counts, without scales. If rows share a latent, only the total can be estimated. Errors are
    those of :func:`elbo`.

    Parameters
    ----------
    program, data, transform, seed
        As for :func:`elbo`. All particles are drawn at once if the program allows for a further
        dimension, see :class:`ppgen.objectives.importance.Draws`.
    particles
        k, the draws of the guide for each row.
    proposal
        Which distribution draws the latents. ``"prior"`` is plain Monte Carlo,
        log 1/k Σ p(x | z_i), which needs draws exponential in number in the information that x
        holds on z.
    chunk
        Rows times particles that are in memory at a time; likelihoods with many raw outputs a
        pixel, such as a categorical one of 256 levels, need fewer.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> x = torch.zeros(10, 1, 8, 8)
    >>> iwae(vae, x, particles=100).mean >= elbo(vae, x, particles=100).mean
    True
    """
    program = accept(program)
    if proposal == "prior":
        program = _with_prior(program)
    return _weighed(program, data, particles, transform, chunk, seed, joint=True)


@checked
def log_predictive(
    program: Any,
    data: Data,
    draws: Size = 100,
    *,
    transform: Transform | None = None,
    chunk: Size = 20_000,
    seed: Seed = 0,
) -> Estimate:
    """Estimate the log posterior predictive density of each held-out row.

    log 1/k Σ p(x | s_i), with latents s_i that rows share drawn from the guide, and a row's own
    latents averaged over: log-mean-exp of log p(x, z_i | s_i) − log q(z_i | x, s_i) (Gelman et al.
    2013, Bayesian data analysis, equation 7.5). What is marked for enumeration is summed out.
    Errors are those of :func:`elbo`, and a ValueError if rows have no plate.

    Parameters
    ----------
    program, data, transform, chunk, seed
        As for :func:`iwae`: a fitted program, and held-out rows.
    draws
        k.

    Examples
    --------
    >>> import pyro, pyro.distributions as dist, ppgen
    >>> def model(x):
    ...     mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    ...     with pyro.plate("data", len(x)):
    ...         pyro.sample("x", dist.Normal(mean, 1.0), obs=x)
    >>> guide = pyro.infer.autoguide.AutoNormal(model)
    >>> program = ppgen.as_program((model, guide))
    >>> log_predictive(program, torch.randn(5)).per_example.shape
    torch.Size([5])
    """
    return _weighed(accept(program), data, draws, transform, chunk, seed, joint=False)


@contextmanager
def _judging(program: Program, batches: Batches, seed: int) -> Iterator[Objective]:
    """Prepare a program for the evaluation of data, and run it in evaluation mode."""
    with evaluating(program, seed):
        with own_random_state(seed):
            objective = prepare(program, batches)
        if objective.structure.whole:
            batches.take_whole(objective.structure.whole)
        with objective.running():
            yield objective


def _weighed(
    program: Program,
    data: Data,
    draws: int,
    transform: Transform | None,
    chunk: int,
    seed: int,
    joint: bool,
) -> Estimate:
    """Average importance weights, of rows and shared latents together or of rows alone."""
    loaded = isinstance(data, DataLoader)
    size = None if loaded else min(EVALUATION_BATCH, chunk, count_rows(data))
    batches = as_batches(data, size, transform, program.device)
    with _judging(program, batches, seed) as objective:
        whole = objective.structure.whole
        if objective.structure.subsamples:
            raise ValueError(
                "the program draws a subsample of its rows itself, so that importance weights are "
                "not those of the data; run it on all rows, or use elbo"
            )
        if not joint and not objective.structure.by_row:
            raise ValueError(f"no row has a density of its own: {whole}; use elbo or iwae")
        first = batches.first(None if whole else EVALUATION_BATCH)
        with explained(first, on_draws=objective.structure.enumerated):
            weights = RowWeights(objective, first)
        by_row = objective.structure.by_row and not (joint and weights.latents_shared)
        if not by_row:
            batches.take_whole(whole or "they share latent sites, so that only the total counts")
        elif weights.together and not whole:
            batches.batch_size = min(max(2, chunk // draws), batches.rows)
        sums = []
        for batch in batches:
            parts = []
            for some in parts_of_draws(draws, len(batch), chunk):
                rows, shared = weights(batch, some)
                parts.append(rows if by_row else rows.sum(1, keepdim=True) + shared)
            values = torch.cat(parts)
            sums.append(values.logsumexp(0) - math.log(draws))
    found = torch.cat(sums).cpu()
    if by_row:
        return Estimate(found, 0.0, batches.rows)
    return Estimate(None, float(found), batches.rows)


def _with_prior(program: Program) -> Program:
    """Return a program whose guide draws from the prior."""

    def hidden(site: Site) -> bool:
        return site["type"] == "sample" and (site["is_observed"] or is_marked(site))

    prior = Pair(program.model, poutine.block(program.model, hide_fn=hidden))
    prior.plate, prior.has_run = program.plate, True
    prior.floating_images = program.floating_images
    return prior
