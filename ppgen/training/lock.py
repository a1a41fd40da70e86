"""A lock that a killed process does not leave behind."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ppgen.training.archive import CheckpointError

HELD: set[int] = set()
"""Descriptors of locked files, which forked children close: the lock is that of all copies."""


def _close(descriptor: int) -> None:
    if descriptor in HELD:
        HELD.discard(descriptor)
        os.close(descriptor)


def _close_all() -> None:
    for descriptor in [*HELD]:
        _close(descriptor)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file for this run; yield False, with a warning, if files cannot be locked there.

    Raises a CheckpointError if another run has locked it. The system takes the lock back however
    the process ends. Its children do not hold it, for a loader's workers may outlive it.
    """
    with ExitStack() as stack:
        alone = True
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock  # only where there is POSIX

            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            HELD.add(descriptor)
            stack.callback(_close, descriptor)
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise CheckpointError(
                f"another run goes on in {path.parent}; wait for its end, or name another folder"
            ) from error
        except (OSError, ImportError) as error:
            alone = False
            warnings.warn(
                f"{path} cannot be locked ({getattr(error, 'strerror', None) or error}): see to "
                "it that no other run writes into its folder",
                stacklevel=2,
            )
        yield alone
