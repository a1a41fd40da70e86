"""How a program's sites follow the rows of its data, found by running it on fewer rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Any

import torch
from pyro.poutine import Trace
from pyro.poutine.util import site_is_subsample

from ppgen.data.batch import Batch
from ppgen.objectives.elbo import (
    Traces,
    guessed_plates,
    latent_sites,
    plate_nesting,
    sample_sites,
)
from ppgen.objectives.plates import RowPlates, Site, frames, is_factor, is_marked
from ppgen.objectives.splitting import IN_A_PLATE, Probe, why_whole

OWN_ROWS = (
    "for minibatches, put the rows in a plate of fixed size with subsample=index, the index being "
    "part of the data, and pass create_plates to an autoguide; or write a guide that computes its "
    "parameters from the rows"
)


@dataclass(frozen=True)
class Structure:
    """What is known of a program on some data.

    Attributes
    ----------
    plates
        Those over the rows.
    whole
        Why all rows have to be one batch; empty if they can be split.
    subsamples
        Whether the program draws a subsample itself, of its rows or in another plate.
    full
        Number of rows that a program stands for which scales its rows itself; None if it does not.
    shared
        Whether there are sites that all rows share.
    enumerated
        Whether the program marks sites for enumeration.
    nesting
        Dimensions that plates take.
    observed
        Names of the observed sites.
    """

    plates: RowPlates = field(default_factory=RowPlates)
    whole: str = ""
    subsamples: bool = False
    full: float | None = None
    shared: bool = True
    enumerated: bool = False
    nesting: int = 0
    observed: tuple[str, ...] = ()

    @property
    def by_row(self) -> bool:
        """Whether rows have terms of their own."""
        return bool(self.plates.names) and not self.subsamples


def find_structure(
    probe: Probe, batch: Batch, traces: Traces, plate: str | None = None
) -> Structure:
    """Find which plates are over the rows: those whose size follows the number of rows.

    ``traces`` are what the probe returned for the batch. If ``plate`` is named, the program is
    trusted.
    """
    rows = len(batch)
    known = Structure(
        enumerated=any(is_marked(s) for trace in traces for s in latent_sites(trace).values()),
        nesting=plate_nesting(traces),
        observed=tuple(
            n for n, s in sample_sites(traces[0]).items() if s["is_observed"] and not is_factor(s)
        ),
    )
    others: dict[int, Traces] = {}
    for size in _other_sizes(batch) if plate is None or rows > 2 else []:
        try:
            others[size] = probe.pair(resized(batch, size))
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # a program may raise errors of any kind
            which = f"{size} of the {rows} rows" if size < rows else f"{size // rows} copies"
            known = replace(known, whole=f"it cannot be run on {which}: {first_lines(error)}")
            few = size < rows
            plates = _of_model(probe, batch, size) if few else guessed_plates(traces[0], rows)
            remedy = OWN_ROWS if plates.names else IN_A_PLATE
            known = replace(known, whole=f"{known.whole}; {remedy}")
            return _with_plates(known, plates, traces)
    if plate is not None:
        return _named(known, plate, batch, traces, others)
    if not others:
        reason = f"no plate is over its rows; {IN_A_PLATE}"
        return _with_plates(replace(known, whole=reason), RowPlates(), traces)
    plates, subsampled = _following(rows, traces, others)
    if subsampled:
        reason = "it draws a subsample of its rows itself"
        found = _with_plates(replace(known, whole=reason, subsamples=True), plates, traces)
        return replace(found, full=float(rows))
    found = _with_plates(known, plates, traces)
    whole = why_whole(found.plates, batch, probe, traces, others)
    if whole:
        found = _with_plates(replace(known, whole=whole), RowPlates(), traces)
    return replace(found, full=_full(found.plates, rows, traces, others))


def _other_sizes(batch: Batch) -> list[int]:
    """Return other numbers of rows to run a program on; two rows or more, and so that they tell."""
    rows = len(batch)
    if not batch.rows:
        return []
    return [rows // 2, rows - 1] if rows > 3 else [2] if rows == 3 else [2 * rows]


def resized(batch: Batch, size: int) -> Batch:
    """Return the first rows of a batch, or copies of the batch if it has fewer."""
    return batch[:size] if size <= len(batch) else batch.repeated(size // len(batch))


def joined(found: Sequence[Structure]) -> Structure:
    """Join what is known of batches that hold different arguments, such as labels or none."""
    first = found[0]
    return replace(
        first,
        plates=RowPlates(frozenset[str]().union(*(s.plates.names for s in found))),
        whole=next((s.whole for s in found if s.whole), ""),
        subsamples=any(s.subsamples for s in found),
        full=first.full if all(s.full == first.full for s in found) else None,
        shared=any(s.shared for s in found),
        enumerated=any(s.enumerated for s in found),
        nesting=max(s.nesting for s in found),
        observed=tuple(dict.fromkeys(name for s in found for name in s.observed)),
    )


def first_lines(error: Exception) -> str:
    """Return what an error says first, without the table of shapes that Pyro adds."""
    text = str(error).partition("Trace Shapes:")[0]
    return shorten(text, 400, placeholder=" …") or repr(error)


def _of_model(probe: Probe, batch: Batch, few: int) -> RowPlates:
    """Find the plates over the rows by the model alone, if the guide fits all rows only."""
    try:
        whole, part = ((probe.model(some), Trace()) for some in (batch, batch[:few]))
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception:  # a program may raise errors of any kind
        return RowPlates()
    plates, subsampled = _following(len(batch), whole, {few: part})
    return RowPlates() if subsampled else plates


def _named(
    known: Structure, plate: str, batch: Batch, traces: Traces, others: dict[int, Traces]
) -> Structure:
    names = {f.name for trace in traces for s in sample_sites(trace).values() for f in frames(s)}
    if plate not in names:
        raise ValueError(
            f"plate is {plate!r}; expected one of the program's plates: {', '.join(sorted(names))}"
        )
    plates = RowPlates(frozenset([plate]))
    found = _with_plates(known, plates, traces)
    return replace(found, full=_full(plates, len(batch), traces, others))


def _with_plates(known: Structure, plates: RowPlates, traces: Traces) -> Structure:
    sites = [site for trace in traces for site in sample_sites(trace).values()]
    seen = [site for site in sample_sites(traces[0]).values() if site["is_observed"]]
    if seen and not any(plates.holds(site) for site in seen):
        plates = RowPlates()  # rows without outcomes of their own
    subsampled = {
        name
        for trace in traces
        for name, node in trace.nodes.items()
        if site_is_subsample(node) and len(node["value"]) < node["fn"].size
    }
    # A batch may be passed on as a subsample of a plate of fixed size, which then follows the rows.
    return replace(
        known,
        plates=plates,
        shared=any(not plates.holds(s) for s in sites),
        subsamples=known.subsamples or bool(subsampled - plates.names),
    )


def _following(rows: int, traces: Traces, others: dict[int, Traces]) -> tuple[RowPlates, bool]:
    """Find plates whose size follows the rows; else plates that are subsamples of the rows."""

    def sizes(pair: Traces) -> dict[str, tuple[int, int | None]]:
        found: dict[str, tuple[int, int | None]] = {}
        for site in (s for trace in pair for s in sample_sites(trace).values()):
            for frame in frames(site):
                size = frame_size(frame, site)
                if size > found.get(frame.name, (0, 0))[0]:
                    found[frame.name] = size, frame.full_size
        return found

    runs = {rows: sizes(traces), **{few: sizes(pair) for few, pair in others.items()}}

    def follows(name: str, which: int) -> bool:
        return all(name in found and found[name][which] == n for n, found in runs.items())

    names = runs[rows]
    by_size = frozenset(name for name in names if follows(name, 0))
    by_full_size = frozenset(name for name in names if follows(name, 1)) - by_size
    return RowPlates(by_size or by_full_size), bool(by_full_size and not by_size)


def frame_size(frame: Any, site: Site) -> int:
    """Return the size of a plate around a site; one that declares none has that of the site."""
    if frame.size and frame.size > 0:
        return frame.size
    shape = site["fn"].batch_shape
    return shape[frame.dim] if len(shape) >= -frame.dim else 1


def _full(plates: RowPlates, rows: int, traces: Traces, others: dict[int, Traces]) -> float | None:
    """Return the number of rows that the scales of observed sites stand for, if it is fixed."""

    def weights(pair: Traces, n: int) -> list[float]:
        sites = [s for s in sample_sites(pair[0]).values() if s["is_observed"] and plates.holds(s)]
        return [float(torch.as_tensor(s["scale"]).double().mean()) * n for s in sites]

    there = weights(traces, rows)
    if not there or not others:
        return None
    fixed = all(
        all(abs(a - b) < 1e-4 * abs(a) for a, b in zip(there, weights(pair, few), strict=False))
        for few, pair in others.items()
    )
    return there[0] if fixed else None
