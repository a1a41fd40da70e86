"""Run every target with one bad argument at a time, and classify how the calls end."""

import io
import random
import re
import resource
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyro
import torch

import ppgen
from ppgen.running import seed_generators

from .bad_values import Bad, bad_values
from .public import is_hot
from .targets import TARGETS, run

CPU_SECONDS, SECONDS = 3, 60
"""After which a call counts as hanging; valid calls take a few milliseconds."""

MEMORY = 2**30
"""Bytes that a call may take."""

SOURCE = str(Path(ppgen.__file__).parent)

NAMED = TypeError, ValueError, RuntimeError, ArithmeticError, NotImplementedError, SystemExit
ADVICE = re.compile(
    r"\b[Ee]xpected|which is not|did you mean|choose|transform the data|go on with|name another"
    r"|needs?\b|must\b|use "
)
BY_TORCH = re.compile(r"Expected parameter \w+ \(")
OTHER_NAMES = {
    "x": ("data", "image", "images"),
    "images": ("image", "data"),
    "source": ("graph", "line"),
    "graph": ("line",),
    "data": ("batch", "rows"),
    "path": ("file",),
}
"""Words that name a parameter as well."""


@dataclass(frozen=True)
class Case:
    """A target with one bad argument, and how the call ended."""

    target: str
    parameter: str
    label: str
    nonsense: bool
    outcome: str
    message: str = ""

    @property
    def room(self) -> str:
        """The room of the target."""
        return self.target.partition(".")[0]

    @property
    def hot(self) -> bool:
        """Whether the target runs within each step."""
        return is_hot(self.target)

    def __str__(self) -> str:
        return f"{self.target}({self.parameter}={self.label}): {self.outcome} {self.message}"


class HangError(BaseException):
    """Raised by the alarm."""


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise a HangError in the main thread after some seconds of the processor, or of the clock."""

    def ring(*_: Any) -> None:
        raise HangError

    timers = {signal.ITIMER_PROF: CPU_SECONDS, signal.ITIMER_REAL: SECONDS}
    before = {number: signal.signal(number, ring) for number in (signal.SIGPROF, signal.SIGALRM)}
    for timer, seconds in timers.items():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def memory_limit(size: int) -> Iterator[None]:
    """Let the process map that many bytes more than it has; beyond, there is a MemoryError."""
    if not Path("/proc/self/statm").exists():
        yield
        return
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run in a new folder, silently, from the same random numbers, and restore all state."""
    pyro.clear_param_store()
    seed_generators(0)
    dtype = torch.get_default_dtype()
    quiet = io.StringIO()
    with (
        TemporaryDirectory() as folder,
        chdir(folder),
        warnings.catch_warnings(),
        redirect_stdout(quiet),
        redirect_stderr(quiet),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def names(parameter: str, message: str) -> bool:
    """Whether a message names a parameter and says what is expected."""
    words = (parameter, *OTHER_NAMES.get(parameter, ()))
    return bool(ADVICE.search(message)) and any(named(word, message) for word in words)


def named(word: str, message: str) -> bool:
    """Whether a message speaks of an argument of this name; a letter alone may be anything."""
    after = r"\b" if len(word) > 1 else r"(\[| (is|has|holds|contains|of)\b)"
    return bool(re.search(rf"(?<![\w.])['\"]?{re.escape(word)}['\"]?{after}", message))


def classify(error: BaseException, parameters: Iterable[str]) -> str:
    """Return whether an error is one of ppgen's that names one of these parameters."""
    if isinstance(error, HangError):
        return "hang"
    frames = traceback.extract_tb(error.__traceback__)
    # The calls of distributions are checked by torch, by the names of their parameters.
    ours = frames[-1].filename.startswith(SOURCE) or BY_TORCH.match(str(error))
    if ours and isinstance(error, NAMED) and any(names(p, str(error)) for p in parameters):
        return "named"
    return "unnamed"


def try_out(target: str, bad: Bad) -> Case:
    """Call a target with a bad argument."""
    function, arguments = TARGETS[target]()
    about = (target, bad.parameter, bad.label, bad.nonsense)
    try:
        with time_limit(), memory_limit(MEMORY):
            run(function, arguments | {bad.parameter: bad.value})
    except (Exception, SystemExit, HangError) as error:
        # If two arguments do not suit each other, an error may speak of either.
        known = [bad.parameter] if bad.nonsense else [bad.parameter, *arguments]
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return Case(*about, classify(error, known), text)
    return Case(*about, "accepted" if bad.nonsense else "taken")


def fuzz(targets: Iterable[str] = TARGETS, share: float = 1.0, seed: int = 0) -> list[Case]:
    """Run all cases of some targets, or a share of them drawn at random."""
    cases = []
    for target in targets:
        draw = random.Random(f"{seed} {target}")  # other targets do not change its cases
        with undisturbed():
            found = list(bad_values(target, *TARGETS[target]()))
        chosen = [bad for bad in found if draw.random() < share]
        if chosen:
            with undisturbed():
                run(*TARGETS[target]())  # imports what it needs
        for bad in chosen:
            with undisturbed():
                cases.append(try_out(target, bad))
    return cases


def shares(cases: Iterable[Case]) -> Counter[str]:
    """Count the outcomes."""
    return Counter(case.outcome for case in cases)


def named_share(cases: Iterable[Case]) -> float:
    """Return the share of named errors among the calls that were refused or should be."""
    counted = shares(cases)
    judged = sum(counted.values()) - counted["taken"]
    return counted["named"] / max(1, judged)
