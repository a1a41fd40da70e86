"""Calls in several threads give the numbers of the same calls one after the other."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
import torch
from programs import Gaussian, function_guide, function_model, prepared
from quiet_fit import assert_same, fit, weights
from torch import nn
from torch.distributions import Distribution

import ppgen
from ppgen.inference import complete
from ppgen.running import TURN, own_random_state

PAIRS = 20


def gaussian(**attributes):
    with own_random_state(3):
        return Gaussian(**attributes)


def functions():
    return ppgen.as_program((function_model, function_guide))


def all_at_once(*calls):
    """Start each call in a thread of its own; return their results."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("make", [gaussian, functions])
def test_fits_at_once_give_the_weights_of_fits_alone(make, x):
    def fitted(seed):
        program = make()
        fit(program, x, x[:9], epochs=2, batch_size=20, seed=seed, average=0.9)
        return weights(program)

    alone = [fitted(seed) for seed in (1, 2)]
    outside = torch.get_rng_state(), Distribution._validate_args
    for _ in range(PAIRS // 2):
        for expected, found in zip(
            alone, all_at_once(lambda: fitted(1), lambda: fitted(2)), strict=True
        ):
            assert_same(expected, found)
    assert torch.equal(torch.get_rng_state(), outside[0])
    assert Distribution._validate_args == outside[1]


CALLS = {
    "sample": lambda p, x: ppgen.sample(p, 5, seed=1),
    "reconstruct": lambda p, x: ppgen.reconstruct(p, x, seed=1),
    "predict": lambda p, x: ppgen.predict(p, x, 3, seed=1)["x"],
    "posterior": lambda p, x: ppgen.posterior(p, x, 3, seed=1)["z"],
    "elbo": lambda p, x: ppgen.elbo(p, x, 3).per_example,
    "iwae": lambda p, x: ppgen.iwae(p, x, 3).per_example,
    "ais": lambda p, x: ppgen.inference.ais(p, x[:3], 2, 3).per_example,
    "complete": lambda p, x: complete(p, x[:3], torch.arange(4) < 2, steps=3).samples,
    "as a file is loaded": lambda p, x: prepared(p, x) and ppgen.sample(p, 5, seed=1),
    "data set": lambda p, x: ppgen.elbo(p, torch.utils.data.StackDataset(x)).per_example,
}


def test_calls_beside_others_return_what_they_return_alone(x):
    program = gaussian()
    alone = [call(program, x) for call in CALLS.values()]
    for _ in range(4):
        waiting = [lambda call=call: call(program, x) for call in CALLS.values()]
        training, *found = all_at_once(lambda: fit(gaussian(), x, epochs=9), *waiting)
        assert training.last == 9
        for name, expected, tensor in zip(CALLS, alone, found, strict=True):
            assert torch.equal(expected, tensor), name
    assert program.training


def test_a_long_fit_gives_way_to_a_call_in_another_thread(x):
    program, threads, ended = gaussian(), [], Event()

    def sample():
        ppgen.sample(program, 5, seed=0)
        ended.set()

    def callback(_, history):
        if not threads:
            threads.append(Thread(target=sample))
            threads[0].start()
        return ended.is_set()

    assert fit(program, x, epochs=100_000, callback=callback).last < 100_000
    threads[0].join()


def test_a_callback_may_fit_another_program(x):
    alone, within = gaussian(), []
    fit(alone, x, epochs=2)

    def callback(_, history):
        within.append(gaussian())
        fit(within[-1], x, epochs=2)

    outer = gaussian()
    fit(outer, x, epochs=2, callback=callback)
    for program in (outer, *within):
        assert_same(weights(alone), weights(program))


def test_ctrl_c_while_a_fit_gives_way_ends_it_with_its_weights(x, monkeypatch):
    program, state = gaussian(), torch.get_rng_state()

    def wait():
        signal.raise_signal(signal.SIGINT)
        TURN._lock.acquire()

    monkeypatch.setattr(TURN, "_wait", wait)
    with TURN._queue, pytest.warns(UserWarning, match="Ctrl-C"):  # as if another thread waited
        fit(program, x, epochs=3)
    monkeypatch.undo()
    assert_same(weights(gaussian()), weights(program))
    assert torch.equal(torch.get_rng_state(), state)
    assert fit(program, x, epochs=3).last == 3


def test_a_callback_may_wait_for_a_thread_that_judges_the_program(x):
    program, alone, values = gaussian(), gaussian(), []

    def callback(program, history):
        with ThreadPoolExecutor(1) as pool:
            values.append(pool.submit(ppgen.elbo, program, x).result().total)

    fit(program, x, epochs=2, callback=callback)
    assert values[-1] == ppgen.elbo(program, x).total
    fit(alone, x, epochs=2)
    assert_same(weights(alone), weights(program))


def test_networks_that_other_threads_run_are_none_of_the_programs(x):
    foreign = nn.Linear(2, 2)

    def model(x):
        thread = Thread(target=lambda: foreign(torch.zeros(1, 2)))
        thread.start()
        thread.join()
        return function_model(x)

    program = ppgen.as_program((model, function_guide))
    fit(program, x, epochs=1)
    assert foreign not in program.parts


@pytest.mark.usefixtures("one_thread")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_during_a_call_of_another_thread_has_its_turn():
    begun, over = Event(), Event()

    def call():
        with own_random_state(0):
            begun.set()
            over.wait()

    thread = Thread(target=call)
    thread.start()
    begun.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        with own_random_state(1):
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    over.set()
    thread.join()
