"""Full disks, limits of size and memory, folders that cannot be written: nothing is lost."""

import errno
import os
import resource
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from faulty_runs import (
    EPOCHS,
    AtCall,
    Noisy,
    assert_ends_as,
    end_of,
    fingerprint,
    forked,
    is_of_the_system,
    reached,
    train,
    write_a_part,
)

import ppgen
from ppgen.training.archive import CheckpointError
from ppgen.training.checkpoint import Checkpoints

pytestmark = pytest.mark.usefixtures("one_thread")


@contextmanager
def limited(kind, most):
    """Limit what this process may use, for a while."""
    before, highest = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, highest))
    try:
        yield
    finally:
        resource.setrlimit(kind, (before, highest))


@pytest.mark.parametrize(
    "code",
    [errno.ENOSPC, *(pytest.param(c, marks=pytest.mark.slow) for c in (errno.EDQUOT, errno.EIO))],
    ids=errno.errorcode.get,
)
@pytest.mark.parametrize("save", [1, 3], ids=["first save", "third save"])
def test_any_call_of_a_save_may_fail(code, save, whole, monkeypatch, tmp_path):
    """Each call to the system in its turn; a write after a part of what is saved."""

    def fail(called, buffer):
        write_a_part(called, buffer)
        raise OSError(code, os.strerror(code))

    errors = []
    for number in range(1, 100):
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            watch = AtCall(patch, save, number, fail, is_of_the_system)
            try:
                train(folder)
            except CheckpointError as error:
                errors.append(str(error))
                assert reached(folder) == save - 2
            else:  # it was the removal of the temporary file, which is gone
                assert reached(folder) == EPOCHS
        if len(watch.calls) < number:
            break
        assert_ends_as(whole, folder)
    kept = "nothing is saved yet" if save == 1 else "the file before it is kept"
    assert len(errors) > 5
    assert all(os.strerror(code) in error and kept in error for error in errors)


@pytest.mark.parametrize("before", [0, 2], ids=["nothing saved", "two epochs saved"])
def test_a_limit_on_the_size_of_files(before, whole, tmp_path):
    train(tmp_path / "size", before)
    size = (tmp_path / "size" / "checkpoint.pt").stat().st_size
    for most in range(0, size, 8192):
        folder = tmp_path / str(most)
        if before:
            train(folder, before)
        with (
            limited(resource.RLIMIT_FSIZE, most),
            pytest.raises(CheckpointError, match=r"cannot write checkpoint.pt .*File too large"),
        ):
            train(folder)
        assert reached(folder) == (before or -1)
        assert_ends_as(whole, folder)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system tells no sizes there")
def test_too_little_memory_to_save(tmp_path):
    def save(mebibytes):
        weights = torch.ones(2**24)  # 64 MiB
        most = memory() + mebibytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        Checkpoints(tmp_path).save({"result": {"weights": weights}})

    Checkpoints(tmp_path).save({"result": {"weights": torch.zeros(1)}})
    for mebibytes in (1, 8, 32, 56, 1024):
        with forked(lambda mebibytes=mebibytes: save(mebibytes)) as (child, pipe):
            shown, end = pipe.read(), end_of(child)
        weights = Checkpoints(tmp_path).load()["result"]["weights"]
        if mebibytes < 64:
            assert end == -1
            assert "CheckpointError: there is not enough memory to save" in shown
            assert torch.equal(weights, torch.zeros(1))
        else:
            assert end == 0
            assert torch.equal(weights, torch.ones(2**24))


def memory():
    """Return the size of this process's address space in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


@pytest.fixture
def read_only():
    """Make a folder that others than its owner may read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def without_rights(task):
    """Run a task as a user who owns nothing; return its end and what it printed."""

    def as_nobody():
        if os.geteuid() == 0:
            os.setuid(65534)
        task()

    with forked(as_nobody) as (child, pipe):
        return end_of(child), pipe.read()


@pytest.mark.parametrize("before", [None, 2], ids=["nothing saved", "two epochs saved"])
def test_a_folder_that_cannot_be_written(before, whole, read_only):
    folder = read_only / "run"
    if before is not None:
        train(folder, before)
    else:
        folder.mkdir()
    folder.chmod(0o555)
    end, shown = without_rights(lambda: train(folder))
    assert end == -1
    assert f"CheckpointError: cannot write checkpoint.pt into {folder} (Permission denied)" in shown
    folder.chmod(0o755)
    assert reached(folder) == (-1 if before is None else before)
    assert_ends_as(whole, folder)


def test_a_finished_run_in_a_folder_that_can_only_be_read(whole, read_only):
    train(read_only)
    read_only.chmod(0o555)

    def finish():
        with pytest.warns(UserWarning, match=r"checkpoint.lock cannot be locked \(Permission"):
            print(fingerprint(train(read_only)))
        ppgen.load(read_only, Noisy())

    end, shown = without_rights(finish)
    assert (end, shown.strip()) == (0, whole)
    read_only.chmod(0o755)


@pytest.mark.parametrize("of_this_process", [False, True])
@pytest.mark.parametrize("kind", ["link", "folder", "file"])
def test_what_lies_where_the_temporary_file_would_is_not_written_into(
    of_this_process, kind, whole, tmp_path
):
    mine, folder = tmp_path / "mine", tmp_path / "run"
    name = f"checkpoint.pt.{os.getpid()}.partial" if of_this_process else "checkpoint.pt.partial"
    mine.write_text("mine")
    folder.mkdir()
    temporary = folder / name
    if kind == "link":
        temporary.symlink_to(mine)
    elif kind == "folder":
        temporary.mkdir()
    else:
        temporary.write_text("of a run that was killed")
    if kind == "folder" and of_this_process:
        with pytest.raises(CheckpointError, match=r"cannot write checkpoint.pt .*Is a directory"):
            train(folder)
        temporary.rmdir()
    elif kind == "folder":
        train(folder)
        temporary.rmdir()
    assert_ends_as(whole, folder)
    assert mine.read_text() == "mine"


def test_out_is_a_file(tmp_path):
    (tmp_path / "run").write_text("mine")
    with (
        pytest.warns(UserWarning, match="cannot be locked"),
        pytest.raises(CheckpointError, match=r"cannot write checkpoint.pt into .*File exists"),
    ):
        train(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.filterwarnings("ignore:.*is no readable")
def test_a_damaged_checkpoint_never_replaces_a_whole_one(whole, monkeypatch, tmp_path):
    """The run goes on from the one before it, which stays until there is another."""

    def stop(called, buffer):
        raise KeyboardInterrupt

    train(tmp_path / "damaged", 3)
    (tmp_path / "damaged" / "checkpoint.pt").write_text("damaged")
    for number in range(1, 100):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "damaged", folder)
        with monkeypatch.context() as patch:
            watch = AtCall(patch, 1, number, stop, is_of_the_system)
            train(folder, 4)
        if len(watch.calls) < number:
            break
        assert Checkpoints(folder).load()
        assert fingerprint(train(folder)) == whole
    assert number > 5
