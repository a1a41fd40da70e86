"""Orderings of pixels: permutations of any integer type, and nothing else."""

import pytest
import torch
from programs import LinearChain

from ppgen.autoregressive import check_ordering


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_an_ordering_of_any_integers_is_one_of_long(dtype):
    checked = check_ordering(torch.tensor([2, 0, 1], dtype=dtype), 3)
    assert checked.dtype == torch.long
    assert checked.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    "ordering",
    [[0.0, 1.0, 3.0, 2.0], torch.arange(4.0), ["0", "1"], "0123", [True, False]],
    ids=str,
)
def test_an_ordering_that_holds_no_integers_is_refused(ordering):
    each = (
        "integers, each of the 4"
        if isinstance(ordering, torch.Tensor)
        else r".* a whole number\) or None$"
    )
    with pytest.raises(TypeError, match=f"ordering is .*; expected {each}"):
        LinearChain((1, 2, 2), ordering=ordering)
