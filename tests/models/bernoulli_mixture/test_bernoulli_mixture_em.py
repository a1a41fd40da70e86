"""Expectation maximisation: its objective, its M-step against scikit-learn, and its end."""

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from mixtures import SHAPE, is_finite, make, mean_log_likelihood, never_falls
from sklearn.naive_bayes import BernoulliNB

from ppgen.models import BernoulliMixture
from ppgen.models.bernoulli_mixture_em import expectation, maximisation


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "missing pixels"])
@pytest.mark.parametrize("counts", [(0, 0), (0.3, 2.0)], ids=["likelihood", "posterior"])
def test_em_never_lowers_its_objective(masked, counts, x, observed):
    """50 starts, half of them random, on images with duplicates and a constant pixel."""
    x[:, 0, 0, 0], x[:, 0, 2, 2], x[20:] = 0, 1, x[:20].clone()
    data = (x, observed) if masked else (x,)
    for seed in range(50):
        mixture = make(1 + seed % 7, pixel_pseudo_count=counts[0], class_pseudo_count=counts[1])
        values = mixture.fit_em(
            *data, iterations=15, tolerance=-1, warm_start=seed % 2 == 0, seed=seed, batch_size=25
        )
        assert len(values) == 16
        assert never_falls(values)
        assert is_finite(mixture)


def test_em_ends_where_the_gradient_is_zero(x):
    mixture = make(pixel_pseudo_count=0.5, class_pseudo_count=1.0)
    mixture.fit_em(x, iterations=2000, tolerance=1e-13)
    (mixture.log_likelihood(x).sum() + mixture.log_prior()).backward()
    for parameter in mixture.parameters():
        assert parameter.grad.abs().max() < 1e-3


def test_one_class_has_the_pixel_means(x):
    mixture = BernoulliMixture(SHAPE, classes=1).double()
    mixture.fit_em(x, iterations=1)
    torch.testing.assert_close(mixture.class_images[0], x.mean(0))


@pytest.mark.parametrize("count", [0.0, 0.7])
def test_the_m_step_is_scikit_learns_naive_bayes_on_weighted_copies(count, mixture, x):
    """A copy of each image has each class as its label, with its responsibility as the weight."""
    expected = expectation(mixture.class_logits, mixture.pixel_logits, [(x,)])
    class_logits, pixel_logits = maximisation(expected, mixture.pixel_logits, count)
    theirs = BernoulliNB(alpha=count, force_alpha=True)
    labels = np.repeat(np.arange(4), len(x))
    weights = mixture.responsibilities(x).T.reshape(-1).detach().numpy()
    theirs.fit(x.repeat(4, 1, 1, 1).flatten(1).numpy(), labels, weights)
    found = pixel_logits.sigmoid().log().flatten(1).detach().numpy()
    assert found == pytest.approx(theirs.feature_log_prob_)
    assert class_logits.detach().numpy() == pytest.approx(theirs.class_log_prior_)


def test_the_prior_is_dirichlet_and_beta():
    """Differences of two mixtures' log-densities are compared, since constants are left out."""
    ours, theirs = [], []
    for _ in range(2):
        mixture = make(pixel_pseudo_count=0.3, class_pseudo_count=2.0)
        ours.append(mixture.log_prior().item())
        probabilities = mixture.class_logits.softmax(0)
        density = dist.Dirichlet(torch.full((4,), 3.0).double()).log_prob(probabilities)
        theirs.append((density + dist.Beta(1.3, 1.3).log_prob(mixture.class_images).sum()).item())
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1])


def test_em_gives_the_same_for_any_batches_and_types(x):
    values = [
        BernoulliMixture(SHAPE, 3).double().fit_em(images, iterations=5, batch_size=batch_size)
        for images, batch_size in (
            *((x, 40), (x, 7), (x.to(torch.uint8), 1000), (x.bool(), 13)),
            *((x.to(torch.int64), 40), (x.to(torch.int8), 7), (x.float(), 13)),
        )
    ]
    for other in values[1:]:
        assert other == pytest.approx(values[0], rel=1e-12)


def test_em_goes_on_and_stops_where_it_is_told(x):
    once, twice = (BernoulliMixture(SHAPE, 3).double() for _ in range(2))
    whole = once.fit_em(x, iterations=6, tolerance=-1)
    first = twice.fit_em(x, iterations=2, tolerance=-1)
    then = twice.fit_em(x, iterations=4, tolerance=-1, warm_start=True)
    assert whole == pytest.approx(first + then[1:])
    assert whole[-1] == pytest.approx(mean_log_likelihood(once, x))
    gains = np.diff(once.fit_em(x, iterations=1000, tolerance=1e-3))
    assert (gains[:-1] >= 1e-3).all()
    assert gains[-1] < 1e-3
    seen = []
    stopped = once.fit_em(
        x, callback=lambda mixture, values: seen.append(len(values)) or len(values) == 3
    )
    assert seen == [1, 2, 3]
    assert len(stopped) == 3
