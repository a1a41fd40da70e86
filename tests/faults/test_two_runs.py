"""Two runs in one folder, and one that is read while it goes on."""

import errno
import os
import signal
import warnings

import pytest
import torch
from faulty_runs import (
    assert_ends_as,
    end_of,
    fingerprint,
    forked,
    reached,
    train,
    wait_for_a_signal,
)

import ppgen
from ppgen.training.archive import CheckpointError
from ppgen.training.checkpoint import Checkpoints

pytestmark = pytest.mark.usefixtures("one_thread")


def waiting(folder):
    """Train to the third epoch, print a line, and wait to be killed."""

    def wait(program, history):
        if history.last == 3:
            print("waiting")
            wait_for_a_signal()

    return lambda: train(folder, callback=wait)


@pytest.mark.parametrize("resume", [True, False])
def test_the_second_run_is_told_and_the_first_goes_on(resume, whole, tmp_path):
    with forked(waiting(tmp_path)) as (child, pipe):
        assert pipe.readline() == "waiting\n"
        with pytest.raises(CheckpointError, match=f"another run goes on in {tmp_path}; wait for"):
            train(tmp_path, resume=resume)
        os.kill(child, signal.SIGKILL)
        assert end_of(child) == signal.SIGKILL
        assert reached(tmp_path) == 2
        assert_ends_as(whole, tmp_path)


def test_the_lock_goes_with_its_process_though_a_child_of_it_lives(whole, tmp_path):
    """As the workers of a loader do, for some seconds."""

    def task():
        def fork(program, history):
            if history.last == 3:
                if not os.fork():
                    print(os.getpid())
                    wait_for_a_signal()
                wait_for_a_signal()

        train(tmp_path, callback=fork)

    with forked(task) as (child, pipe):
        grandchild = int(pipe.readline())
        os.kill(child, signal.SIGKILL)
        assert end_of(child) == signal.SIGKILL
        try:
            assert_ends_as(whole, tmp_path)
        finally:
            os.kill(grandchild, signal.SIGKILL)


def test_a_run_that_fails_gives_its_folder_back(whole, tmp_path):
    def fail(program, history):
        raise KeyError(history.last)

    with pytest.raises(KeyError):
        train(tmp_path, callback=fail)
    assert_ends_as(whole, tmp_path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF])
def test_where_files_cannot_be_locked_a_run_goes_on_with_a_warning(
    code, whole, monkeypatch, tmp_path
):
    def flock(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", flock)
    (tmp_path / "checkpoint.pt.7.partial").write_text("perhaps of a run that goes on")
    with pytest.warns(UserWarning, match=rf"cannot be locked \({os.strerror(code)}\)"):
        assert fingerprint(train(tmp_path)) == whole
    assert (tmp_path / "checkpoint.pt.7.partial").exists()


def test_a_folder_is_read_while_checkpoints_are_written(tmp_path):
    def save():
        number = 0
        while True:
            number += 1
            weights = torch.full((1000,), float(number))
            Checkpoints(tmp_path).save({"result": {"weights": weights}, "number": number})
            if number == 2:
                print("begun")

    with forked(save) as (_, pipe), warnings.catch_warnings():
        assert pipe.readline() == "begun\n"
        warnings.simplefilter("error")
        before = 0
        for _ in range(300):
            found = Checkpoints(tmp_path).load()
            assert (found["result"]["weights"] == found["number"]).all()
            assert found["number"] >= before
            before = found["number"]
    assert before > 3


def test_a_program_is_read_while_its_run_goes_on(tmp_path):
    with forked(waiting(tmp_path)) as (_, pipe):
        assert pipe.readline() == "waiting\n"
        program, _ = train(tmp_path / "two", 2)
        loaded = ppgen.load(tmp_path, type(program)())
    for name, value in program.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_a_program_is_saved_by_several_processes_at_once(tmp_path):
    """As a script does that torchrun starts."""
    path = tmp_path / "program.pt"
    vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)

    def save():
        for _ in range(20):
            ppgen.save(vae, path)

    with forked(save) as (first, pipe), forked(save) as (second, other):
        assert [end_of(first), end_of(second)] == [0, 0], pipe.read() + other.read()
    assert all(map(torch.equal, ppgen.load(path).parameters(), vae.parameters()))
    assert list(tmp_path.iterdir()) == [path]
