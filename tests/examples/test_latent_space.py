"""Interpolation and active units of the example of the latent space, against exact cases."""

import math
import runpy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "latent_space.py"))
active_units, slerp = SCRIPT["active_units"], SCRIPT["slerp"]


def vectors(seed, latent=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 7, latent, dtype=torch.float64, generator=generator)


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(deadline=None)
def test_the_arc_turns_evenly_in_the_plane_of_both(seed, weight):
    """Among unit vectors it is the rotation of the start by its share of the angle."""
    start, end = torch.nn.functional.normalize(vectors(seed), dim=-1)
    angle = (start * end).sum(-1, keepdim=True).acos()
    across = torch.nn.functional.normalize(end - angle.cos() * start, dim=-1)
    rotated = (weight * angle).cos() * start + (weight * angle).sin() * across
    torch.testing.assert_close(slerp(start, end, weight), rotated, atol=1e-7, rtol=1e-7)


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_the_arc_begins_and_ends_where_it_should_and_is_the_same_backwards(seed):
    start, end = vectors(seed)
    weights = torch.linspace(0, 1, 5, dtype=torch.float64).view(-1, 1, 1)
    way = slerp(start, end, weights)
    torch.testing.assert_close(way[0], start)
    torch.testing.assert_close(way[-1], end)
    torch.testing.assert_close(way, slerp(end, start, 1 - weights))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [3.0, 6.0]),
        ([1.0, 2.0], [-2.0, -4.0]),
        ([0.0, 0.0], [1.0, 1.0]),
        ([1.0, 1.0], [0.0, 0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([2.0], [-3.0]),
        ([1.0, 0.0], [1.0, 1e-9]),
    ],
    ids=str,
)
def test_on_one_line_through_the_origin_the_way_is_straight(start, end, dtype):
    start, end = torch.tensor(start, dtype=dtype), torch.tensor(end, dtype=dtype)
    torch.testing.assert_close(slerp(start, end, 0.3), torch.lerp(start, end, 0.3))
    start.requires_grad_()
    slerp(start, end, 0.3).sum().backward()
    assert start.grad.isfinite().all()


def test_in_many_dimensions_the_arc_keeps_the_length_of_draws_and_the_chord_does_not():
    """Lengths of N(0, I) in 400 dimensions are 20 ± 0.7; the chord's middle is shorter by √2."""
    start, end = torch.randn(2, 1000, 400, generator=torch.Generator().manual_seed(0))
    assert slerp(start, end, 0.5).norm(dim=-1).mean() == pytest.approx(20, abs=0.2)
    assert torch.lerp(start, end, 0.5).norm(dim=-1).mean() == pytest.approx(
        20 / math.sqrt(2), abs=0.2
    )


def test_units_are_active_where_their_means_vary_enough():
    even = torch.tensor([-1.0, 1.0]).repeat(500)  # variance 1, up to 1/999
    scales = torch.tensor([1.0, 0.11, 0.09, 0.0])
    means = even[:, None] * scales + torch.tensor([0.0, 3.0, 3.0, 3.0])
    assert active_units(means).tolist() == [True, True, False, False]
    assert active_units(means, threshold=0.5).tolist() == [True, False, False, False]
