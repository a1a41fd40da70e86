"""Run a call in a forked process, which may take memory or time without end."""

import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 20  # a call that takes them is one that does not end
MEMORY = 3 * 2**30  # beyond what the process has


@dataclass
class Outcome:
    """What became of a call: its error, and the memory that it took at most, in bytes."""

    error: Exception | None
    memory: int


def forked(call: Callable[[], object]) -> Outcome:
    """Return the outcome of a call; raise AssertionError if it does not end."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        with os.fdopen(writing, "wb") as file:
            file.write(pickle.dumps(_outcome(call)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    _, status = os.waitpid(process, 0)
    assert content, f"the call does not end: status {status}"
    return pickle.loads(content)


def _outcome(call: Callable[[], object]) -> Outcome:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # those of the other process do not exist here
    before, error = _peak(), None
    taken = int(_status("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY,) * 2)
    try:
        call()
    except Exception as raised:
        error = type(raised)(str(raised))
    return Outcome(error, _peak() - before)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status(name: str) -> str:
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(f"{name}:"))
