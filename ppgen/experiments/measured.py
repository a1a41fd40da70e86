"""Measurements after each epoch, saved beside the checkpoint so that a resumed run has them."""

import json
from collections.abc import Callable
from pathlib import Path

from ppgen.program import Program
from ppgen.training import History
from ppgen.training.checkpoint import Checkpoints
from ppgen.whole_files import write_whole


class Measured:
    """Callback of a fit that records ``measure()`` after each epoch.

    Records are saved in ``folder``, the fit's ``out``, if it is given. Of several processes only
    one ``writes``.
    """

    def __init__(
        self,
        measure: Callable[[], dict[str, float]],
        folder: Path | None = None,
        *,
        resume: bool = False,
        writes: bool = True,
    ) -> None:
        self.measure, self.writes = measure, writes
        self.rows: dict[int, dict[str, float]] = {}
        self.path = folder / "measured.json" if folder else None
        if folder and self.path and resume and Checkpoints(folder).exist():
            if not self.path.exists():
                raise SystemExit(f"{self.path} is missing, so {folder} cannot be resumed")
            rows = json.loads(self.path.read_text())
            self.rows = {int(epoch): row for epoch, row in rows.items()}

    def __call__(self, program: Program, history: History) -> None:
        """Measure, and save what was measured so far."""
        # Drop later rows: the checkpoint of their epoch was never written.
        earlier = {epoch: row for epoch, row in self.rows.items() if epoch < history.last}
        self.rows = earlier | {history.last: self.measure()}
        if self.path and self.writes:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(self.rows).encode())

    def column(self, name: str, history: History) -> tuple[list[int], list[float]]:
        """Return the numbers of a history's epochs and the measurement after each."""
        epochs = [epoch.number for epoch in history.epochs]
        return epochs, [self.rows[epoch][name] for epoch in epochs]
