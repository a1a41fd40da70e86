"""A lock that a killed process does not leave behind."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ppgen.training.archive import CheckpointError


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file for this process; yield False, with a warning, if files cannot be locked there.

    Raises a CheckpointError if another process has locked it. The system takes the lock back
    however the process ends, and its children never hold it: a loader's workers may outlive it.
    """
    with ExitStack() as stack:
        alone = True
        try:
            from fcntl import LOCK_EX, LOCK_NB, lockf  # only where there is POSIX

            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            stack.callback(os.close, descriptor)
            lockf(descriptor, LOCK_EX | LOCK_NB)
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
