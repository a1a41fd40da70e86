"""Errors of invalid dimensions, images and masks."""

import pytest
import torch
from dense_ppca import PIXELS, SHAPE, images_of

from ppgen.models import PPCA


@pytest.mark.parametrize("latent", [-1, 0, PIXELS, 100])
def test_dimensions_that_cannot_be(latent):
    expected = "a whole number, 1 or more$" if latent < 1 else ".* fewer than the 12 pix"
    with pytest.raises(ValueError, match=f"latent is {latent}; expected {expected}"):
        PPCA(SHAPE, latent)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("n", [5, 300])
@pytest.mark.parametrize("randomised", [False, True])
def test_values_that_are_not_finite(value, n, randomised):
    x = images_of(n)
    x[3, 0, 1, 2] = value
    with pytest.raises(ValueError, match=r"NaN or infinite values, first in (image|row) 3"):
        PPCA.from_images(x, 2, randomised=randomised)
    with pytest.raises(ValueError, match=r"NaN or infinite values, first in (image|row) 3"):
        PPCA(SHAPE, 2).double().fit_em(x)


def test_images_of_another_form(x, ppca):
    levels = torch.randint(0, 256, (20, *SHAPE), dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"images has the type torch.uint8; .* images / 255"):
        PPCA.from_images(levels, 2)
    with pytest.raises(ValueError, match=r"shape \(200, 12\); expected \(batch, channel"):
        PPCA.from_images(x.flatten(1), 2)
    with pytest.raises(ValueError, match="with one or more images"):
        PPCA.from_images(x[:0], 2)
    methods = {ppca.posterior: "x", ppca.log_likelihood: "x", ppca.fit_em: "images"}
    for method, name in methods.items():
        for wrong in (x.flatten(1), x[:, :, :2], x[0]):
            with pytest.raises(ValueError, match=rf"^{name} has the shape .* = \(1, 3, 4\)"):
                method(wrong)
        with pytest.raises(ValueError, match=rf"^{name} has the type torch.uint8; .* images / 255"):
            method(levels)


def test_masks_of_another_form(x, ppca):
    every = torch.ones(x.shape, dtype=torch.bool)
    for wrong, problem in {
        every.int(): "observed is of type torch.int32; expected booleans",
        every.flatten(1): r"observed has the shape \(200, 12\)",
        every[:9]: r"observed has the shape \(9, 1, 3, 4\)",
    }.items():
        for method in (ppca.posterior, ppca.complete, ppca.fit_em):
            with pytest.raises(ValueError, match=problem):
                method(x, wrong)
    with pytest.raises(ValueError, match="observed is False everywhere"):
        ppca.fit_em(x, ~every)
