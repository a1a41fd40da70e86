"""Two processes against one, on the same joint batches."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from several_processes import (
    example,
    first_draws,
    fit_in_a_held_folder,
    fit_vae,
    fit_without_draws,
    fork,
    train,
)

from ppgen.training.archive import CheckpointError
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.lock import locked
from ppgen.training.processes import Processes

# Relative, of float64: two processes add the same terms in another order than one, each rounded to
# 1e-16. The margin is for fifty steps of Adam, which divide small gradients by small roots.
ROUNDING = 1e-9

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def alone():
    """Program and loss curve of one process."""
    return fit_vae(epochs=10)


@pytest.fixture(scope="module")
def trained(alone, tmp_path_factory):
    """What two processes found, and their folder; they are forked when all is imported."""
    folder = tmp_path_factory.mktemp("trained")
    fork(train, folder)
    return [json.loads((folder / f"rank_{rank}.json").read_text()) for rank in (0, 1)], folder


def test_the_loss_curve_is_that_of_one_process(trained, alone):
    (first, second), _ = trained
    program, curve = alone
    assert first["curve"][1:] == second["curve"][1:]
    as_tensors = [torch.tensor(each[1:], dtype=torch.double) for each in (first["curve"], curve)]
    torch.testing.assert_close(*as_tensors, rtol=ROUNDING, atol=0)
    sums = [parameter.double().sum().item() for parameter in program.parameters()]
    # Weights of either sign partly cancel in their sums.
    assert first["weights"] == second["weights"] == pytest.approx(sums, rel=10 * ROUNDING)


@pytest.mark.slow
def test_it_is_in_float32_too(trained):
    (first, _), _ = trained
    _, alone = fit_vae(epochs=10, dtype=torch.float32)
    as_tensors = [torch.tensor(each[1:]) for each in (first["curve in float32"], alone)]
    # Sums of some hundred terms, each rounded to 6e-8.
    torch.testing.assert_close(*as_tensors, rtol=1e-5, atol=0)


def test_gradients_that_pyro_computes_are_averaged(trained):
    (first, second), _ = trained
    alone = torch.tensor(fit_without_draws()[1:], dtype=torch.double)
    assert first["without draws"] == second["without draws"]
    found = torch.tensor(first["without draws"][1:], dtype=torch.double)
    torch.testing.assert_close(found, alone, rtol=ROUNDING, atol=0)


def test_an_image_comes_again_where_they_do_not_divide(trained):
    (first, _), _ = trained
    alone = fit_without_draws(images=157)
    # Three of 157 images count twice: two hundredths of the gradient, and less of the bound.
    assert first["of another size"][-1] == pytest.approx(alone[-1], rel=0.02)
    assert first["of another size"][-1] != pytest.approx(alone[-1], rel=ROUNDING)


def test_each_process_draws_from_its_own_stream(trained):
    (first, second), _ = trained
    assert first["stream"][0] == pytest.approx(first_draws()[0])
    assert not set(first["stream"]) & set(second["stream"])
    assert len(set(first["stream"] + second["stream"])) == 10


def test_one_callback_stops_all(trained):
    found, _ = trained
    assert [len(each["stopped"]) for each in found] == [3, 3]


def test_a_run_goes_on_in_one_process(trained):
    _, folder = trained
    _, alone = fit_vae(epochs=6)
    _, resumed = fit_vae(epochs=6, out=folder / "to_resume", resume=True)
    resumed, alone = (torch.tensor(each[1:], dtype=torch.double) for each in (resumed, alone))
    torch.testing.assert_close(resumed, alone, rtol=ROUNDING, atol=0)


def test_what_cannot_be_shared_is_refused_by_all(trained):
    for found in trained[0]:
        assert "batch_size is 33; expected a multiple of the 2 processes" in found["refused 1"]
        assert "data differs from process to process" in found["refused 2"]


def test_a_folder_of_another_run_is_refused_by_all(tmp_path):
    """The first of them finds it locked, and tells the other."""
    with locked(tmp_path / "held" / "checkpoint.lock") as alone:
        assert alone
        fork(fit_in_a_held_folder, tmp_path)
    for rank in (0, 1):
        found = json.loads((tmp_path / f"rank_{rank}.json").read_text())
        assert f"another run goes on in {tmp_path / 'held'}" in found["refused"]
        assert found["free"] == 2  # which both of them fit in together
    Checkpoints(tmp_path / "free").load()


def test_of_leader_raises_its_error():
    def fail():
        raise CheckpointError("locked")

    with pytest.raises(CheckpointError, match="locked"):
        Processes().of_leader(fail)
    assert Processes().of_leader(lambda: 3) == 3


def test_more_processes_than_images():
    with pytest.raises(ValueError, match="data has 3 rows; expected 4 or more, one for each"):
        Processes(0, 4).check_divides(3, 4)


def test_a_process_that_dies_ends_the_run_and_leaves_the_checkpoint(tmp_path):
    """Under torchrun itself: two processes of it, and a third that started them."""
    worker = Path(__file__).with_name("several_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(worker), "die", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "SIGKILL" in done.stderr
    assert not list(tmp_path.glob("rank_*"))
    history = json.loads(Checkpoints(tmp_path / "of_the_dead").load()["history"])
    assert 2 <= history[-1]["number"] <= 3


def test_an_example_is_one_run(tmp_path):
    leader, other = fork(example, tmp_path)
    assert leader.count("Test images, nats: bound") == 1
    assert "Test images" not in other
    assert {path.name for path in (tmp_path / "empty").iterdir()} == {"out"}
    assert "test_elbo" in json.loads((tmp_path / "empty/out/metrics.json").read_text())
