"""A run that is killed, at any moment of a save or elsewhere, ends as if it had not been."""

import multiprocessing
import os
import random
import select
import shutil
import signal
import time

import pytest
from faulty_runs import EPOCHS, AtCall, assert_ends_as, die, end_of, forked, reached, train
from tqdm.auto import tqdm

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    """Count the moments before and after a call in a save that replaces two others."""
    with pytest.MonkeyPatch.context() as patch:
        watch = AtCall(patch, 3, None, None)
        train(tmp_path_factory.mktemp("moments"))
    return len(watch.calls)


@pytest.fixture(scope="module")
def seconds(tmp_path_factory):
    """Measure how long a run takes in a process of its own."""
    folder, before = tmp_path_factory.mktemp("timed"), time.perf_counter()
    with forked(lambda: train(folder)) as (child, _):
        end_of(child)
    return time.perf_counter() - before


def killed_while_saving(folder, chance, moments):
    """Train in a process that kills itself at a moment of one of its saves."""
    before = reached(folder)
    save = chance.randint(1, EPOCHS - before)
    moment, share = chance.randint(1, moments), chance.random()

    def task():
        random.seed(share)
        with pytest.MonkeyPatch.context() as patch:
            AtCall(patch, save, moment, die)
            train(folder)

    with forked(task) as (child, pipe):
        shown, end = pipe.read(), end_of(child)
    assert end in (0, signal.SIGKILL), shown
    if end:
        assert reached(folder) in (before + save - 1, before + save)
    return end


def killed_at_some_time(folder, chance, seconds):
    """Train in a process that is killed from outside."""
    before = reached(folder)
    with forked(lambda: train(folder)) as (child, pipe):
        select.select([], [], [], chance.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        shown, end = pipe.read(), end_of(child)
    assert end in (0, signal.SIGKILL), shown
    assert reached(folder) >= before
    return end


def survives(kill, kills, seed, whole, tmp_path):
    """Kill ``kills`` times, up to three times in a row; each time a copy of the run is ended."""
    chance, done, row = random.Random(seed), 0, 0
    while done < kills:
        if row == 3 or reached(tmp_path / "run") == EPOCHS:
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
            row = 0
        if kill(tmp_path / "run", chance):
            done, row = done + 1, row + 1
            if (tmp_path / "run").exists():
                shutil.copytree(tmp_path / "run", tmp_path / "copy")
            assert_ends_as(whole, tmp_path / "copy")
            shutil.rmtree(tmp_path / "copy")
    return done


few_and_many = pytest.mark.parametrize(
    "kills", [10, pytest.param(500, marks=pytest.mark.slow)], ids=["few", "many"]
)


@few_and_many
def test_killed_while_a_checkpoint_is_written(kills, whole, moments, tmp_path):
    def kill(folder, chance):
        return killed_while_saving(folder, chance, moments)

    assert survives(kill, kills, 0, whole, tmp_path) == kills


@few_and_many
def test_killed_at_random_moments(kills, whole, seconds, tmp_path):
    def kill(folder, chance):
        return killed_at_some_time(folder, chance, seconds)

    assert survives(kill, kills, 1, whole, tmp_path) == kills


def test_a_process_killed_in_a_lock_of_tqdm_stops_no_other(monkeypatch, tmp_path):
    """Forked processes share the lock of tqdm's bars, which disabled bars take as well."""
    lock = multiprocessing.RLock()
    monkeypatch.setattr(tqdm, "_lock", lock, raising=False)
    with forked(lambda: lock.acquire() and os.kill(os.getpid(), signal.SIGKILL)) as (child, _):
        end_of(child)
    assert not lock.acquire(block=False)
    with forked(lambda: train(tmp_path)) as (child, pipe):
        assert select.select([pipe], [], [], 60)[0], "it waits for the lock"
        assert end_of(child) == 0, pipe.read()
