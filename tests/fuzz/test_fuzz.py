"""One bad argument at a time, to every public call: it ends in an error that names it."""

from typing import Literal

import numpy as np
import pytest

from .bad_values import bad_values
from .fuzzer import fuzz, named_share, names, undisturbed
from .public import is_hot, targets
from .targets import ROOMS, TARGETS, run

ENTRANCES = [name for name in TARGETS if not is_hot(name)]
BAR = 0.95


def in_numpy(value):
    """Numbers of Python's as numbers of numpy's, also in lists and tuples."""
    if type(value) in (list, tuple):
        return type(value)(map(in_numpy, value))
    kinds = {int: np.int64, float: np.float64, bool: np.bool_}
    return kinds.get(type(value), lambda same: same)(value)


def check(cases):
    accepted = [str(case) for case in cases if case.outcome == "accepted"]
    assert not accepted, "nonsense is accepted:\n" + "\n".join(accepted)
    check_hangs(cases)
    unnamed = [str(case) for case in cases if case.outcome == "unnamed"]
    assert named_share(cases) >= BAR, "errors do not name the argument:\n" + "\n".join(unnamed)


def check_hangs(cases):
    hanging = [str(case) for case in cases if case.outcome == "hang"]
    assert not hanging, "calls hang:\n" + "\n".join(hanging)


def test_every_public_name_has_a_valid_call():
    assert set(TARGETS) == set(targets())


@pytest.mark.parametrize(
    ("parameter", "message", "named"),
    [
        ("n", "n is 2.7; expected a whole number, 1 or more", True),
        ("n", "n is 2.7", False),
        ("n", "'<' not supported between instances of 'str' and 'int'; expected n", False),
        ("x", "x has the shape (4, 4); expected (batch, channel, height, width)", True),
        ("x", "Expected all tensors to have x and y", False),
        ("start", "only Tensors of floating point dtype can require gradients", False),
        ("speed", "draw() got an unexpected keyword argument 'speed'; expected n", True),
        ("speed", "draw() got an unexpected keyword argument 'speed'", False),
    ],
)
def test_a_named_error_has_the_name_and_what_is_expected(parameter, message, named):
    assert names(parameter, message) is named


def test_bad_values_are_those_that_the_signature_excludes():
    def call(n: int, rate: float, kind: Literal["a", "b"] | None = None, sizes: list[int] = ()):
        """Take four arguments."""

    found = {}
    for bad in bad_values("call", call, {"n": 3, "rate": 0.5, "sizes": [1]}):
        if bad.nonsense:
            found.setdefault(bad.parameter, {})[bad.label] = bad.value
    assert {"None", "NaN", "2.7", "minus one", "zero", "True", "10**30"} <= set(found["n"])
    assert {"None", "NaN", "infinity", "True"} <= set(found["rate"])
    assert not {"a half", "2.7"} & set(found["rate"])
    assert "nearly a" in found["kind"]
    assert "None" not in found["kind"]
    assert {"[2.7, …]", "[None, …]", "a set", "a string"} <= set(found["sizes"])


@pytest.mark.parametrize("name", TARGETS)
def test_the_valid_call_succeeds_also_with_numbers_of_numpy(name):
    with undisturbed():
        run(*TARGETS[name]())
    with undisturbed():
        function, arguments = TARGETS[name]()
        run(function, {key: in_numpy(value) for key, value in arguments.items()})


def test_a_sample_of_bad_arguments_is_refused_by_name():
    check(fuzz(ENTRANCES, share=0.06))


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_all_bad_arguments_are_refused_by_name(room):
    check(fuzz([name for name in ENTRANCES if name.startswith(f"{room}.")]))


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_no_call_within_a_step_hangs(room):
    check_hangs(fuzz([name for name in TARGETS if is_hot(name) and name.startswith(f"{room}.")]))
