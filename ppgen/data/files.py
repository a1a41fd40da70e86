"""Files that are missing, unreadable or to be downloaded: one clear error for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ppgen.data.dataset import DataError


def require(files: list[Path], name: str, alternative: Path | None = None) -> None:
    """Say which of the files are missing, where they were looked for and what to do."""
    missing = [file.name for file in files if not file.exists()]
    if missing:
        either = f" (or {alternative.name})" if alternative else ""
        raise DataError(
            f"data set {name!r}: {', '.join(missing)}{either} not found in {files[0].parent}; "
            "put them there, name another data folder by --data-root or PPGEN_DATA, "
            "or ask for a download by download=True or --download"
        )


def unreadable(name: str, files: list[Path], problem: object) -> DataError:
    """Make the error for files that are damaged or of the wrong kind."""
    if isinstance(problem, Exception):
        problem = str(problem) or type(problem).__name__
    paths = ", ".join(str(file) for file in files)
    return DataError(
        f"data set {name!r}: {paths} cannot be read ({problem}); delete it and fetch it anew"
    )


def download(files: list[Path], name: str, fetch: Callable[[], object]) -> None:
    """Fetch missing files by ``fetch``, whatever it may raise."""
    try:
        fetch()
    except Exception as error:  # of the network, the server, or a checksum
        missing = ", ".join(file.name for file in files if not file.exists())
        reason = " ".join(str(error).split())
        raise DataError(
            f"data set {name!r}: {missing} not found in {files[0].parent} and not to be downloaded "
            f"({reason}); fetch them by other means and put them there"
        ) from error
