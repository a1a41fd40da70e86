"""What a fit shows as it goes on: the progress bar and TensorBoard."""

import re

import pytest
from programs import Gaussian
from quiet_fit import fit

import ppgen


def test_the_progress_bar_fits_a_line_and_ends_with_the_result(x, capsys):
    history = ppgen.fit(Gaussian(), x, x, epochs=30, batch_size=20, device="cpu")
    lines = re.split(r"[\r\n]+", capsys.readouterr().err.strip())
    assert max(map(len, lines)) < 80
    assert lines[0].startswith("on cpu:   0%|")
    assert any(re.search(r"^epoch \d+ on cpu: .*left, ELBO -\d+", line) for line in lines)
    assert lines[-1].strip() == (
        f"epoch 30, {history.seconds:,.1f} s of steps on cpu, ELBO {history.epochs[-1].elbo:.2f}, "
        f"best validation {history.best.validation:.2f}"
    )


def test_the_bar_tells_of_a_long_validation(x, capsys, monkeypatch):
    monkeypatch.setattr("ppgen.training.progress.LONG", -1.0)
    ppgen.fit(Gaussian(), x, (x,), epochs=2, batch_size=20, device="cpu")
    shown = capsys.readouterr().err
    assert [shown.count(f", validating {share}%") for share in (0, 100)] == [3, 3]


def test_tensorboard_gets_every_epoch(x, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = fit(Gaussian(), x, x, epochs=3, batch_size=20, out=tmp_path, tensorboard=True)
    log = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    written = [event.value for event in log.Scalars("validation")]
    assert written == pytest.approx(history.column("validation")[1], rel=1e-5)


class Shell:
    """A notebook's display, which keeps the figures that it is given."""

    def __init__(self):
        self.figures = []

    def __call__(self, figure, display_id):
        assert display_id
        self.update(figure)
        return self

    def update(self, figure):
        self.figures.append(figure)


def test_a_notebook_shows_the_curve_as_it_grows(x, monkeypatch):
    ipython = pytest.importorskip("IPython")
    shell = Shell()
    monkeypatch.setattr(ipython, "get_ipython", lambda: shell)
    monkeypatch.setattr(ipython.display, "display", shell)
    monkeypatch.setattr("ppgen.training.progress.SECONDS_BETWEEN_FIGURES", -1.0)
    ppgen.fit(Gaussian(), x, x, epochs=3, progress="curve")
    drawn = [len(figure.axes[0].lines[0].get_xdata()) for figure in shell.figures[2:]]
    assert drawn == [1, 2, 3, 3]  # after each epoch, and in the end


def test_outside_a_notebook_there_is_no_curve(x):
    with pytest.raises(ValueError, match="progress is 'curve'; expected True or False outside"):
        ppgen.fit(Gaussian(), x, epochs=1, progress="curve")
