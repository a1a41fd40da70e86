"""Write files so that there is a whole one at every moment."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview, previous: Path | None = None) -> None:
    """Write a file, or raise an OSError and keep what was saved before.

    It is written to a temporary file, flushed to the disk and renamed, so that no link at ``path``
    is followed; what was at ``path`` is renamed ``previous``.
    """
    # Of its own: several processes may write the same file at once.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        temporary.unlink(missing_ok=True)  # of a process that was killed
        with open(temporary, "xb") as file:  # follows no link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        temporary.replace(path)
    finally:
        with suppress(OSError):  # not there after a rename, and nowhere where the folder cannot be
            temporary.unlink()
