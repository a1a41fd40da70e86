"""All parameters stay finite for images and masks whose likelihood could be infinite."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import SHAPE, is_finite, make, never_falls

import ppgen
from ppgen.models import BernoulliMixture
from ppgen.models.bernoulli_mixture_em import LARGEST_LOGIT

HARD = {
    "constant pixels": torch.tensor([0.0, 1.0, 1.0, 0.0]).view(2, 1, 1, 2).repeat(1, 1, 2, 2),
    "all black": torch.zeros(6, *SHAPE),
    "duplicates": torch.eye(3).repeat(9, 1, 1, 1),
    "one image": torch.ones(1, *SHAPE),
    "more classes than images": torch.eye(9)[:3].view(3, *SHAPE),
}
hard = pytest.mark.parametrize("images", HARD.values(), ids=HARD)


@hard
@pytest.mark.parametrize("count", [0.0, 0.1])
def test_hard_data_leaves_finite_parameters(images, count):
    mixture = BernoulliMixture(images.shape[1:], 5, pixel_pseudo_count=count)
    values = mixture.fit_em(images)
    assert is_finite(mixture)
    assert np.isfinite(values).all()
    assert mixture.pixel_logits.abs().max() <= LARGEST_LOGIT
    if count == 0:
        # The likelihood is at most that of the frequencies of the images.
        _, counts = images.flatten(1).unique(dim=0, return_counts=True)
        frequencies = counts / len(images)
        assert values[-1] == pytest.approx((frequencies * frequencies.log()).sum().item(), abs=1e-3)
    several = images if len(images) > 1 else images.repeat(2, 1, 1, 1)
    ppgen.fit(mixture, several, epochs=3, progress=False)
    assert is_finite(mixture)


def test_missing_rows_and_columns_change_nothing(x):
    """Images without observed pixels, and pixels never observed, have no effect."""
    x[:, :, 0], x[5:9] = 1, 0
    observed = torch.ones_like(x, dtype=torch.bool)
    observed[:, :, 0], observed[5:9] = False, False
    mixture = BernoulliMixture(SHAPE, 3).double()
    mixture.fit_em(x, observed, iterations=30)
    assert is_finite(mixture)
    assert mixture.log_likelihood(x, observed)[5:9].abs().max() < 1e-12
    torch.testing.assert_close(mixture.class_images[:, :, 0], torch.full((3, 1, 3), 0.5).double())
    nothing = torch.zeros_like(observed)
    assert mixture.fit_em(x, nothing) == pytest.approx([0, 0], abs=1e-12)
    assert is_finite(mixture)


def test_a_class_that_explains_nothing_stays_finite(x):
    mixture = make(classes=2)
    with torch.no_grad():
        mixture.class_logits[1] = -2000
    assert never_falls(mixture.fit_em(x, iterations=5, tolerance=-1, warm_start=True))
    assert is_finite(mixture)
    assert mixture.responsibilities(x)[:, 1].max() < 1e-100


@settings(max_examples=30, deadline=None)
@given(
    images=st.integers(1, 8), classes=st.integers(1, 10), white=st.floats(0, 1),
    seen=st.floats(0, 1), seed=st.integers(0, 1000),
)  # fmt: skip
def test_em_is_finite_and_monotone_on_any_binary_data(images, classes, white, seen, seed):
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(images, 1, 2, 3, generator=generator) < white).double()
    observed = torch.rand(x.shape, generator=generator) < seen
    mixture = BernoulliMixture((1, 2, 3), classes).double()
    values = mixture.fit_em(x, observed, iterations=20, tolerance=-1, seed=seed)
    assert is_finite(mixture)
    assert len(values) == 21
    assert never_falls(values)
