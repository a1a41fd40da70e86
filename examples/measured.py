"""Measurements after each epoch, saved beside the checkpoint so that a resumed run has them."""

import json
from pathlib import Path

from ppgen.training.checkpoint import Checkpoints


class Measured:
    """Callback of a fit that records ``measure()`` after each epoch.

    Records are saved in ``folder``, the fit's ``out``, if it is given. Of several processes only
    one ``writes``.
    """

    def __init__(self, measure, folder=None, *, resume=False, writes=True):
        self.measure, self.rows = measure, {}
        self.path = folder and Path(folder, "measured.json")
        self.writes = writes
        if folder and resume and Checkpoints(folder).exist():
            if not self.path.exists():
                raise SystemExit(f"{self.path} is missing, so {folder} cannot be resumed")
            rows = json.loads(self.path.read_text())
            self.rows = {int(epoch): row for epoch, row in rows.items()}

    def __call__(self, program, history):
        # Drop later rows: the checkpoint of their epoch was never written.
        earlier = {epoch: row for epoch, row in self.rows.items() if epoch < history.last}
        self.rows = earlier | {history.last: self.measure()}
        if self.path and self.writes:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self.rows))
            temporary.replace(self.path)  # atomic, so that the file is always complete

    def column(self, name, history):
        """Return the numbers of a history's epochs and the measurement after each."""
        epochs = [epoch.number for epoch in history.epochs]
        return epochs, [self.rows[epoch][name] for epoch in epochs]
