"""What the laws share: guides without noise, an optimiser that only looks, a fit to be judged."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import torch
from pyro import poutine
from pyro.distributions import Unit
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample

import ppgen
from conformance.case import Case, arguments
from conformance.programs import PROGRAMS

QUIET = {"progress": False, "device": "cpu"}


class MeanDraws(Messenger):
    """Every draw is the mean of its distribution; a discrete draw is the likelier of two values.

    A draw then depends on its own row alone, and neither on a seed nor on the rows beside it.
    Sites that are summed out stay as they are.
    """

    def _pyro_sample(self, msg):
        if msg["is_observed"] or site_is_subsample(msg) or msg["infer"].get("enumerate"):
            return
        mean = msg["fn"].mean
        if msg["fn"].support.is_discrete:
            mean = (mean > 0.5).to(mean.dtype)
        msg["value"] = mean


def without_noise(entry, guide):
    """The guide with its draws fixed, as the entry asks."""
    if guide is None:
        return None

    def fixed(*args, **kwargs):
        if entry.draws == "mean":
            with MeanDraws():
                return guide(*args, **kwargs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return guide(*args, **kwargs)

    return fixed


class Recorder(torch.optim.Optimizer):
    """Keeps the gradients of each step and leaves the parameters as they are."""

    def __init__(self, parameters, gradients):
        super().__init__(list(parameters), {"lr": 0.0})
        self.gradients = gradients

    def step(self, closure=None):
        parameters = [p for group in self.param_groups for p in group["params"]]
        found = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        self.gradients.append(torch.cat([g.detach().clone().flatten() for g in found]))


def rows_of(data) -> int:
    """Rows of the data of a case."""
    values = data.values() if isinstance(data, dict) else data
    values = [data] if isinstance(data, torch.Tensor) else values
    return next(len(v) for v in values if hasattr(v, "shape") and len(v.shape))


def random_states():
    """States of the generators that a caller may use."""
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


def losses(history) -> list[float]:
    """ELBO of each epoch, nats a row."""
    return [epoch.elbo for epoch in history.epochs if epoch.elbo is not None]


@dataclass
class Fitted:
    """A program after twenty steps of Adam on all rows, and what the fit left behind."""

    case: Case
    program: Any
    history: Any
    store: list[str]
    random_states: tuple[Any, Any]


@functools.cache
def fitted(name) -> Fitted:
    """Fit a program of the table once for all tests that do not change it."""
    entry = PROGRAMS[name]
    case = entry.make()
    program = case.program()
    pyro.clear_param_store()
    before = random_states()
    history = ppgen.fit(
        program,
        case.data,
        epochs=20,
        batch_size="all",
        optimizer=functools.partial(torch.optim.Adam, lr=entry.rate),
        **QUIET,
    )
    left = list(pyro.get_param_store().keys())
    return Fitted(case, program, history, left, (before, random_states()))


class Unconditioned(Messenger):
    """Observed sites are drawn; deterministic sites and factors stay.

    `poutine.uncondition` draws deterministic sites as well, which a plate then expands.
    """

    def _pyro_sample(self, msg):
        if msg["is_observed"] and not msg["infer"].get("_deterministic") and not is_factor(msg):
            msg["is_observed"], msg["value"], msg["done"] = False, None, False


def is_factor(site) -> bool:
    """Whether a site is `pyro.factor`'s."""
    return isinstance(getattr(site["fn"], "base_dist", site["fn"]), Unit)


def is_own_subsample(site) -> bool:
    """Whether a site chooses rows at random."""
    size = getattr(site["fn"], "subsample_size", None)
    return site_is_subsample(site) and size is not None and size < site["fn"].size


@dataclass
class Sites:
    """Values of a model's run: of sites that `predict` returns, and of latent sites."""

    observed: dict[str, torch.Tensor]
    latent: dict[str, torch.Tensor]


def sites(program, data, *, drawn=False) -> Sites:
    """Run the model once on its data, or with its observed sites drawn, as Pyro traces it."""
    args, kwargs = arguments(data)
    observed, latent = {}, {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        given = poutine.trace(program.model).get_trace(*args, **kwargs)
        with Unconditioned():
            free = poutine.trace(program.model).get_trace(*args, **kwargs)
    for name, site in given.nodes.items():
        if site["type"] != "sample" or is_factor(site):
            continue
        value = (free if drawn else given).nodes[name]["value"]
        if site_is_subsample(site):
            if is_own_subsample(site):
                observed[name] = value
        elif site["is_observed"] or site["infer"].get("_deterministic"):
            observed[name] = value
        else:
            latent[name] = value
    return Sites(observed, latent)
