"""The mixture against enumeration of images, Pyro's own inference, and scikit-learn."""

import os
from functools import partial
from math import log
from pathlib import Path

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, config_enumerate, infer_discrete
from sklearn.naive_bayes import BernoulliNB
from torch.nn.utils import parameters_to_vector

import ppgen
from ppgen.batches import Batches
from ppgen.distributions import all_images
from ppgen.distributions.binary_images import image_number
from ppgen.models import BernoulliMixture
from ppgen.models.bernoulli_mixture_em import LARGEST_LOGIT, expectation, maximisation

FAILURE_RATE = 1e-4
SHAPE = (1, 3, 3)


def make(classes=4, image_shape=SHAPE, **counts):
    """A mixture of float64 with parameters of order one."""
    mixture = BernoulliMixture(image_shape, classes, **counts).double()
    scramble(mixture)
    return mixture


@torch.no_grad()
def scramble(mixture):
    for parameter in mixture.parameters():
        parameter.copy_(1.5 * torch.randn_like(parameter))


@pytest.fixture
def mixture():
    return make()


@pytest.fixture
def x(binary_images):
    return binary_images.double()


@pytest.fixture
def observed(x):
    """Masks with an image that is missing altogether, a pixel that always is, and a whole image."""
    mask = torch.rand(x.shape) < 0.6
    mask[0], mask[:, 0, 1, 1], mask[1] = False, False, True
    return mask


def is_finite(mixture):
    return bool(parameters_to_vector(mixture.parameters()).isfinite().all())


def mean_log_likelihood(mixture, *data):
    return mixture.log_likelihood(*data).mean().item()


def never_falls(values):
    # Rounding: terms of up to LARGEST_LOGIT nats a pixel cancel, 9 · 15 · 2e-16 = 3e-14.
    return bool((np.diff(values) > -1e-12).all())


# exactness


def test_the_probabilities_of_all_images_sum_to_one(mixture):
    log_likelihood = mixture.log_likelihood(all_images(SHAPE))
    assert log_likelihood.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_missing_pixels_are_summed_over(mixture, x, observed):
    every = all_images(SHAPE)
    log_likelihood = mixture.log_likelihood(every)
    found = mixture.log_likelihood(torch.where(observed, x, torch.nan), observed)
    for i in range(len(x)):
        agrees = ((every == x[i]) | ~observed[i]).flatten(1).all(1)
        assert found[i].item() == pytest.approx(log_likelihood[agrees].logsumexp(0).item())
    one_mask = mixture.log_likelihood(x, observed[5])
    torch.testing.assert_close(one_mask, mixture.log_likelihood(x, observed[5].expand(x.shape)))
    torch.testing.assert_close(found[0], torch.zeros_like(found[0]))


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "missing pixels"])
def test_pyros_own_enumeration_gives_the_same(masked, x, observed):
    mixture = make().float()
    data = (x.float(), observed) if masked else (x.float(),)
    expected = mixture.log_likelihood(*data)
    loss = TraceEnum_ELBO(max_plate_nesting=1).loss(mixture.model, mixture.guide, *data)
    assert -loss == pytest.approx(expected.sum().item(), rel=1e-5)
    torch.testing.assert_close(ppgen.elbo(mixture, data).per_image, expected.detach())
    marginals = TraceEnum_ELBO(max_plate_nesting=1).compute_marginals(
        mixture.model, mixture.guide, *data
    )
    torch.testing.assert_close(marginals["z"].probs, mixture.responsibilities(*data))


def test_infer_discrete_finds_the_most_probable_class(x):
    mixture = make().float()
    best = infer_discrete(config_enumerate(mixture.model), first_available_dim=-2, temperature=0)
    z = poutine.trace(best).get_trace(x.float()).nodes["z"]["value"]
    assert torch.equal(z, mixture.responsibilities(x.float()).argmax(1))


@pytest.mark.parametrize("enumerated", [True, False], ids=["enumerated", "drawn"])
def test_a_guide_of_ones_own_that_holds_the_posterior_makes_the_bound_tight(enumerated, x):
    mixture = make().float()

    def guide(x):
        with pyro.plate("data", len(x)):
            posterior = dist.Categorical(mixture.responsibilities(x))
            infer = {"enumerate": "parallel"} if enumerated else {}
            pyro.sample("z", posterior, infer=infer)

    elbo = TraceEnum_ELBO(max_plate_nesting=1) if enumerated else Trace_ELBO()
    expected = mixture.log_likelihood(x.float()).sum().item()
    assert -elbo.loss(mixture.model, guide, x.float()) == pytest.approx(expected, rel=1e-5)
    if not enumerated:
        program = ppgen.as_program((mixture.model, guide))
        bound = ppgen.elbo(program, x).per_image
        torch.testing.assert_close(bound, mixture.log_likelihood(x.float()).detach())


def test_responsibilities_are_scikit_learns(mixture, x):
    theirs = BernoulliNB()
    theirs.classes_ = np.arange(4)
    theirs.class_log_prior_ = mixture.class_logits.log_softmax(0).detach().numpy()
    theirs.feature_log_prob_ = mixture.class_images.log().flatten(1).detach().numpy()
    expected = theirs.predict_proba(x.flatten(1).numpy())
    assert mixture.responsibilities(x).detach().numpy() == pytest.approx(expected)


def test_samples_follow_the_likelihood():
    """Goodness of fit over all 16 images of 2×2 pixels."""
    mixture = make(image_shape=(1, 2, 2))
    counts = image_number(ppgen.sample(mixture, 50_000)).bincount(minlength=16)
    probabilities = mixture.log_likelihood(all_images((1, 2, 2))).exp()
    assert multinomial_goodness_of_fit(probabilities, counts) > FAILURE_RATE


# completion


def test_the_mean_of_missing_pixels_is_that_of_all_completions(mixture, x, observed):
    every = all_images(SHAPE, torch.float64)
    probabilities = mixture.log_likelihood(every).exp()
    completed = mixture.complete(torch.where(observed, x, torch.nan), observed, mean=True)
    for i in range(len(x)):
        agrees = ((every == x[i]) | ~observed[i]).flatten(1).all(1).double()
        weights = agrees * probabilities / (agrees @ probabilities)
        torch.testing.assert_close(completed[i], torch.tensordot(weights, every, 1))


def test_completions_follow_the_conditional(mixture, x):
    """Goodness of fit over the 32 completions of an image with five missing pixels."""
    observed = torch.tensor([1, 0, 0, 1, 0, 1, 0, 1, 0]).bool().view(SHAPE)
    every = all_images(SHAPE, torch.float64)
    agrees = ((every == x[0]) | ~observed).flatten(1).all(1)
    probabilities = mixture.log_likelihood(every[agrees]).softmax(0)
    drawn = image_number(mixture.complete(x[:1].expand(20_000, *SHAPE), observed))
    counts = drawn.bincount(minlength=512)
    assert counts[~agrees].sum() == 0
    assert multinomial_goodness_of_fit(probabilities, counts[agrees]) > FAILURE_RATE


# expectation maximisation


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "missing pixels"])
@pytest.mark.parametrize("counts", [(0, 0), (0.3, 2.0)], ids=["likelihood", "posterior"])
def test_em_never_lowers_its_objective(masked, counts, x, observed):
    """50 starts each, half of them random parameters; a constant pixel, and duplicates."""
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
    """Each image once with each class as its label, the responsibility as its weight."""
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
    """Up to a constant, as the difference of two mixtures' log-densities shows."""
    ours, theirs = [], []
    for _ in range(2):
        mixture = make(pixel_pseudo_count=0.3, class_pseudo_count=2.0)
        ours.append(mixture.log_prior().item())
        probabilities = mixture.class_logits.softmax(0)
        density = dist.Dirichlet(torch.full((4,), 3.0).double()).log_prob(probabilities)
        theirs.append((density + dist.Beta(1.3, 1.3).log_prob(mixture.class_images).sum()).item())
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1])


@pytest.mark.parametrize("counts", [(0, 0), (0.5, 2.0)], ids=["likelihood", "posterior"])
def test_svi_and_em_reach_the_same_optimum(counts):
    """In two batches, so that SVI must divide the prior among them rightly."""
    true = BernoulliMixture(SHAPE, 3).double()
    with torch.no_grad():  # three classes far apart, so that the optimum is sharp
        true.weights.copy_(4 * torch.bernoulli(torch.full_like(true.weights, 0.5)) - 2)
    x = ppgen.sample(true, 200)
    em, svi = (BernoulliMixture(SHAPE, 3, *counts).double() for _ in range(2))
    em.fit_em(x, iterations=1000, tolerance=1e-10)
    svi.fit_em(x, iterations=0)  # the same start
    optimizer = partial(torch.optim.Adam, lr=0.1)
    scheduler = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.97)
    how = {"optimizer": optimizer, "scheduler": scheduler, "progress": False}
    ppgen.fit(svi, x, epochs=200, batch_size=100, **how)

    def objective(mixture):
        return mean_log_likelihood(mixture, x) + mixture.log_prior().item() / len(x)

    assert objective(svi) == pytest.approx(objective(em), abs=1e-4)
    torch.testing.assert_close(svi.class_images, em.class_images, atol=1e-2, rtol=0)
    classes = [mixture.class_logits.softmax(0) for mixture in (svi, em)]
    torch.testing.assert_close(*classes, atol=1e-2, rtol=0)


def test_svi_learns_from_what_was_seen(x, observed):
    mixture = BernoulliMixture(SHAPE, classes=1)
    data = (x, observed)
    optimizer = partial(torch.optim.Adam, lr=0.1)
    ppgen.fit(mixture, data, epochs=300, batch_size=40, optimizer=optimizer, progress=False)
    seen = observed.sum(0)
    expected = (x * observed).sum(0) / seen.clamp(min=1)
    expected[seen == 0] = 0.5
    torch.testing.assert_close(mixture.class_images[0].double(), expected, atol=5e-3, rtol=0)


def test_em_gives_the_same_for_any_batches_and_types(x):
    values = [
        BernoulliMixture(SHAPE, 3).double().fit_em(images, iterations=5, batch_size=batch_size)
        for images, batch_size in ((x, 40), (x, 7), (x.to(torch.uint8), 1000), (x.bool(), 13))
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


# the start


def test_an_untrained_mixture_gives_each_pixel_one_bit():
    mixture = BernoulliMixture((1, 28, 28))
    images = torch.bernoulli(torch.full((100, 1, 28, 28), 0.13))
    assert mean_log_likelihood(mixture, images) == pytest.approx(-784 * log(2), abs=1)


def test_em_and_svi_learn_real_digits():
    digits = ppgen.data.load("digits").binarized()
    train, test = digits.train.images, digits.test.images
    scores = {}
    for classes in (1, 10):
        mixture = BernoulliMixture(digits.image_shape, classes, pixel_pseudo_count=0.1)
        mixture.fit_em(train)
        scores[classes] = mean_log_likelihood(mixture, test)
    mixture = BernoulliMixture(digits.image_shape, 10, pixel_pseudo_count=0.1)
    optimizer = partial(torch.optim.Adam, lr=0.05)
    ppgen.fit(mixture, train, epochs=20, optimizer=optimizer, progress=False)
    scores["svi"] = mean_log_likelihood(mixture, test)
    assert scores[10] > scores[1] + 2
    assert scores["svi"] > scores[1] + 2


# bad input


HARD = {
    "constant pixels": torch.tensor([0.0, 1.0, 1.0, 0.0]).view(2, 1, 1, 2).repeat(1, 1, 2, 2),
    "all black": torch.zeros(6, *SHAPE),
    "duplicates": torch.bernoulli(torch.full((1, *SHAPE), 0.5)).repeat(9, 1, 1, 1),
    "one image": torch.ones(1, *SHAPE),
    "more classes than images": torch.bernoulli(torch.full((3, *SHAPE), 0.5)),
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
        # The likelihood of the data cannot be higher than that of their own frequencies.
        _, counts = images.flatten(1).unique(dim=0, return_counts=True)
        frequencies = counts / len(images)
        assert values[-1] == pytest.approx((frequencies * frequencies.log()).sum().item(), abs=1e-3)
    ppgen.fit(mixture, images, epochs=3, progress=False)
    assert is_finite(mixture)


def test_missing_rows_and_columns_change_nothing(x):
    """Images without any pixel, and pixels in no image, stay at what is known without them."""
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


def test_bad_arguments(x):
    for shape in ((3, 3), (1, 0, 3)):
        with pytest.raises(ValueError, match=r"image_shape is .*expected \(channel, height, width"):
            BernoulliMixture(shape)
    with pytest.raises(ValueError, match="classes is 0; expected 1 or more"):
        BernoulliMixture(SHAPE, classes=0)
    with pytest.raises(ValueError, match="pixel_pseudo_count is -1; expected 0 or more"):
        BernoulliMixture(SHAPE, pixel_pseudo_count=-1)
    with pytest.raises(ValueError, match="class_pseudo_count is nan; expected 0 or more"):
        BernoulliMixture(SHAPE, class_pseudo_count=float("nan"))
    with pytest.raises(ValueError, match="iterations is -1; expected 0 or more"):
        make().fit_em(x, iterations=-1)
    with pytest.raises(ValueError, match="batch_size is 0"):
        make().fit_em(x, batch_size=0)


@pytest.mark.parametrize("call", ["log_likelihood", "responsibilities", "complete", "fit_em"])
def test_images_and_masks_that_do_not_fit_are_refused(call, x):
    mixture = make()
    whole = torch.ones(SHAPE, dtype=torch.bool)

    def use(images, observed=whole):
        return getattr(mixture, call)(images, observed)

    with pytest.raises(ValueError, match=r"x has the shape \(40, 9\); expected \(batch, channel"):
        use(x.flatten(1))
    with pytest.raises(ValueError, match=r"image 3 has the value 0.5; expected 0 and 1"):
        use(torch.cat([x[:3], 0.5 * torch.ones(1, *SHAPE)]))
    with pytest.raises(ValueError, match=r"observed is of type torch.float64; expected booleans"):
        use(x, whole.double())
    with pytest.raises(ValueError, match=r"observed has the shape \(4,\); .* \(40, 1, 3, 3\)"):
        use(x, torch.ones(4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"observed has .*\(39, 1, 3, 3\)"):
        use(x, whole.expand(39, *SHAPE))


def test_grey_images_are_refused_by_fit():
    digits = ppgen.data.load("digits")
    with pytest.raises(ValueError, match="outside the support"):
        ppgen.fit(BernoulliMixture((1, 8, 8)), digits.train.images, epochs=1, progress=False)


# what a program promises


def test_checkpoints_resume_to_the_same_numbers(tmp_path, binary_images):
    def run(epochs, **where):
        pyro.set_rng_seed(0)
        mixture = BernoulliMixture(SHAPE, 3, pixel_pseudo_count=0.1)
        ppgen.fit(mixture, binary_images, epochs=epochs, batch_size=15, progress=False, **where)
        return parameters_to_vector(mixture.parameters())

    whole = run(4)
    run(2, out=tmp_path)
    assert torch.equal(run(4, out=tmp_path, resume=True), whole)


@pytest.mark.slow
def test_compiled_steps_give_the_same(binary_images, recwarn):
    losses = []
    for compiled in ("off", "on"):
        pyro.set_rng_seed(0)
        mixture = BernoulliMixture(SHAPE, 3, pixel_pseudo_count=0.1)
        history = ppgen.fit(
            mixture, binary_images, epochs=3, batch_size=20, compile=compiled, progress=False
        )
        losses.append([epoch.elbo for epoch in history.epochs[1:]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert not [w for w in recwarn if "uncompiled" in str(w.message)]


BINARIZED_MNIST = Path(os.environ.get("PPGEN_DATA", ""), "binarized_mnist.npz")


@pytest.mark.slow
@pytest.mark.skipif(not BINARIZED_MNIST.is_file(), reason="PPGEN_DATA names no folder with it")
def test_the_first_epoch_on_binarized_mnist():
    images = ppgen.data.load("binarized_mnist").train.images
    mixture = BernoulliMixture((1, 28, 28))
    batches = [batch for (batch,) in Batches(images)]

    def score():
        with torch.no_grad():
            return torch.cat([mixture.log_likelihood(batch) for batch in batches]).mean().item()

    assert score() == pytest.approx(-543, abs=5)
    optimizer = partial(torch.optim.Adam, lr=0.03)
    ppgen.fit(mixture, images, epochs=1, optimizer=optimizer, progress=False)
    assert score() > -180
