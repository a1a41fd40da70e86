"""Signals end a run by name, at any time, and it goes on to the same numbers."""

import os
import signal

import pytest
from faulty_runs import (
    EPOCHS,
    AtCall,
    assert_ends_as,
    end_of,
    forked,
    is_of_the_system,
    reached,
    train,
    wait_for_a_signal,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_a_signal_between_saves(name, whole, tmp_path):
    sent = getattr(signal, name)

    def wait(program, history):
        if history.last == 3:
            print("waiting")
            wait_for_a_signal()

    def task():
        _, history = train(tmp_path, callback=wait)
        print(history.last)

    with forked(task) as (child, pipe):
        assert pipe.readline() == "waiting\n"
        os.kill(child, sent)
        shown, end = pipe.read(), end_of(child)
    assert (end, shown) == ((0, "3\n") if name == "SIGINT" else (sent, ""))
    assert reached(tmp_path) == 2
    assert_ends_as(whole, tmp_path)


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_signal_at_any_call_of_a_save(name, whole, tmp_path):
    sent = getattr(signal, name)
    for number in range(1, 100):
        folder = tmp_path / str(number)

        def task(folder=folder, number=number):
            with pytest.MonkeyPatch.context() as patch:
                watch = AtCall(
                    patch, 3, number, lambda *_: signal.raise_signal(sent), is_of_the_system
                )
                train(folder)
            print(len(watch.calls))

        with forked(task) as (child, pipe):
            shown, end = pipe.read(), end_of(child)
        assert end in (0, sent), shown
        if reached(folder) == EPOCHS:
            break
        assert reached(folder) in (1, 2)
        assert_ends_as(whole, folder)
    assert number > 5
