"""`fit` without a progress bar, and the weights that it leaves."""

from functools import partial

import torch

import ppgen

fit = partial(ppgen.fit, progress=False)


def weights(program):
    return {name: value.clone() for name, value in program.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
