"""Arguments are checked by the annotations of public calls."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ppgen.arguments import Between, Count, Positive, Range, Size, Such, checked, kind_of

ADMITTED = [
    (Size, 1, 1),
    (Size, np.int64(3), 3),
    (Count, np.uint8(0), 0),
    (float, 3, 3.0),
    (float, np.float32(0.5), 0.5),
    (float, Fraction(1, 2), 0.5),
    (bool, np.bool_(True), True),
    (Size | None, None, None),
    (Sequence[Size], (1, 2), (1, 2)),
    (Sequence[Size], np.array([1, 2]), [1, 2]),
    (Sequence[float], [1, np.float64(2)], [1.0, 2.0]),
    (tuple[int, float], [1, 2], (1, 2.0)),
    (Mapping[str, int], {"a": np.int8(1)}, {"a": 1}),
    (Literal["a", "b"], "b", "b"),
    (Size | Literal["all"], "all", "all"),
    (str | Path, "name", "name"),
    (Callable[[], int], int, int),
    (type[nn.Module], nn.Linear, nn.Linear),
    (Any, 3, 3),
]

REFUSED = [
    (Size, 0, ValueError, "a whole number, 1 or more"),
    (Size, 2.0, TypeError, "a whole number, 1 or more"),
    (Size, True, TypeError, "a whole number, 1 or more"),
    (Size, 2**63, ValueError, "a whole number, 1 or more"),
    (Size, np.array([1]), TypeError, "a whole number, 1 or more"),
    (Size | None, "1", TypeError, "a whole number, 1 or more, or None"),
    (Positive, 0.0, ValueError, "a positive number"),
    (Positive, float("inf"), ValueError, "a positive number"),
    (Between, 1.0, ValueError, "a number between 0 and 1"),
    (Annotated[float, Range(2, 3)], 4, ValueError, "a number from 2 to 3"),
    (Annotated[float, Range(2, open=True)], 2, ValueError, "a number above 2"),
    (Annotated[int, Such(lambda n: n % 2, "an odd number")], 4, ValueError, "an odd number"),
    (float, float("nan"), ValueError, "a number"),
    (float, 1j, TypeError, "a number"),
    (bool, 1, TypeError, "True or False"),
    (Literal["a", "b"], "c", ValueError, "'a' or 'b'"),
    (Literal["a", "b"], 1, TypeError, "'a' or 'b'"),
    (Sequence[Size], "ab", TypeError, "a sequence (each a whole number, 1 or more)"),
    (Sequence[Size], {1, 2}, TypeError, "a sequence (each a whole number, 1 or more)"),
    (Sequence[Size], (1, 0), ValueError, "a sequence (each a whole number, 1 or more)"),
    (tuple[int, int], (1,), TypeError, "(a whole number, a whole number)"),
    (Mapping[str, int], {1: 1}, TypeError, "a mapping from a string to a whole number"),
    (Callable[..., int], 3, TypeError, "a function"),
    (Callable[[], int], 3, TypeError, "a function of 0 arguments"),
    (Callable[[int], int], lambda: 3, ValueError, "a function of 1 argument"),
    (nn.Module, nn.Linear, TypeError, "a Module: an object, such as Linear(…)"),
    (Path, 3, TypeError, "a path"),
    (Tensor, [1.0], TypeError, "a dense tensor of real numbers"),
    (Tensor, torch.ones(2) * 1j, ValueError, "a dense tensor of real numbers"),
    (Tensor, torch.eye(2).to_sparse(), ValueError, "a dense tensor of real numbers"),
    (Tensor, np.array(["a"]), ValueError, "a dense tensor of real numbers"),
]


def label(value: object) -> str:
    return str(value) if isinstance(value, str | int | float | type) else ""


@pytest.mark.parametrize(("hint", "value", "passed"), ADMITTED, ids=label)
def test_what_an_annotation_allows_is_passed_on(hint, value, passed):
    taken = kind_of(hint).take("x", value)
    assert taken == passed
    assert type(taken) is type(passed)


@pytest.mark.parametrize(("hint", "value", "error", "words"), REFUSED, ids=label)
def test_what_it_excludes_is_named(hint, value, error, words):
    with pytest.raises(error) as caught:
        kind_of(hint).take("x", value)
    message = str(caught.value)
    assert message.startswith("x is ")
    assert message.endswith(f"; expected {words}")


@given(st.integers(), st.integers(-5, 5), st.integers(-5, 5))
def test_whole_numbers_are_admitted_if_and_only_if_they_are_in_range(value, least, width):
    kind = kind_of(Annotated[int, Range(least, least + width)])
    assert kind.admits(value) == (value in range(least, least + width + 1))


def test_arrays_are_tensors_that_share_their_memory():
    array = np.zeros((2, 3))
    tensor = kind_of(Tensor).take("x", array)
    array[0, 0] = 1.0
    assert tensor[0, 0] == 1.0


def test_all_arguments_are_checked_wherever_they_stand():
    @checked
    def call(first: int, *others: int, last: int = 0, **options: int) -> tuple:
        return first, others, last, options

    assert call(1, 2, last=3, more=np.int64(4)) == (1, (2,), 3, {"more": 4})
    for arguments, name in (((1.5,), "first"), ((1, 1.5), "others")):
        with pytest.raises(TypeError, match=f"^{name} is 1.5"):
            call(*arguments)
    for name in ("last", "more"):
        with pytest.raises(TypeError, match=f"^{name} is 1.5"):
            call(1, **{name: 1.5})


def test_constructors_are_checked_and_name_other_ways_to_make_an_object():
    from ppgen.models import VAE

    with pytest.raises(TypeError, match=r"^VAE\(\) missing .* 'encoder'; expected .*VAE\.mlp\(…\)"):
        VAE((1, 8, 8), latent=2)
