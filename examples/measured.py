"""What a script measures after each epoch, kept beside the checkpoint so that a resume has it."""

import json
from pathlib import Path

from ppgen.training.checkpoint import Checkpoints


class Measured:
    """Numbers that ``measure()`` gives, by the number of the epoch.

    It is the callback of a fit, and with ``folder``, the ``out`` of the fit, they are kept there.
    Of several processes only one ``writes``.
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
        # Later ones are of epochs whose checkpoint was never written.
        earlier = {epoch: row for epoch, row in self.rows.items() if epoch < history.last}
        self.rows = earlier | {history.last: self.measure()}
        if self.path and self.writes:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self.rows))
            temporary.replace(self.path)  # so that there is a whole one at every moment

    def column(self, name, history):
        """Give the numbers of a history's epochs, and what was measured after each."""
        epochs = [epoch.number for epoch in history.epochs]
        return epochs, [self.rows[epoch][name] for epoch in epochs]
