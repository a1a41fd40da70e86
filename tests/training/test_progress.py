"""What a fit shows as it goes on: the progress bar and TensorBoard."""

import pytest
from programs import Gaussian
from quiet_fit import fit

import ppgen


def test_the_progress_bar_shows_bound_and_speed(x, capsys):
    history = ppgen.fit(Gaussian(), x, x, epochs=3, batch_size=20)
    shown = capsys.readouterr().err
    assert "rows/s, ELBO -" in shown
    assert f"epoch 3, validation {history.epochs[3].validation:.2f}" in shown
    assert "180/180" in shown


def test_tensorboard_gets_every_epoch(x, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = fit(Gaussian(), x, x, epochs=3, batch_size=20, out=tmp_path, tensorboard=True)
    log = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    written = [event.value for event in log.Scalars("validation")]
    assert written == pytest.approx(history.column("validation")[1], rel=1e-5)
