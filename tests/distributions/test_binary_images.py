"""Laws of every distribution in `DISTRIBUTIONS`; a new one is one more line there."""

import copy
from math import prod

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from pyro.infer import Predictive, TraceEnum_ELBO
from torch import nn

from ppgen.distributions import CountImages, TabulatedDensity, all_images
from ppgen.distributions.states import image_number

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4


def count_weights(image, batch=()):
    concentration = torch.ones(prod(image) + 1, dtype=torch.float64)
    return CountImages(image, dist.Dirichlet(concentration).sample(batch))


def count_logits(image, batch=()):
    return CountImages(image, logits=torch.randn(*batch, prod(image) + 1, dtype=torch.float64))


def counts_proportional(image, batch=()):
    return CountImages.counts_proportional(image, torch.float64).expand(batch)


def images_proportional(image, batch=()):
    return CountImages.images_proportional(image, torch.float64).expand(batch)


def tabulated(image, batch=()):
    logits = torch.randn(*batch, 2 ** prod(image), dtype=torch.float64)
    return TabulatedDensity(image, logits)


def network(image, batch=()):
    layers = nn.Flatten(), nn.Linear(prod(image), 20), nn.Tanh(), nn.Linear(20, 1), nn.LogSigmoid()
    return TabulatedDensity.of_network(nn.Sequential(*layers).double(), image).expand(batch)


# maker of the distribution of an image shape and a batch shape
DISTRIBUTIONS = {
    make.__name__: make
    for make in (
        count_weights,
        count_logits,
        counts_proportional,
        images_proportional,
        tabulated,
        network,
    )
}

every = pytest.mark.parametrize("make", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
image_shapes = pytest.mark.parametrize("image", [(1, 1, 1), (1, 3, 3), (2, 2, 3)], ids=str)


def observing(p, x, subsample_size=None):
    with pyro.plate("data", len(x), subsample_size) as index:
        pyro.sample("x", p, obs=x[index])


# the list of all images


@image_shapes
def test_all_images_are_distinct_and_know_their_place(image):
    images = all_images(image)
    assert images.shape == (2 ** prod(image), *image)
    assert len(images.flatten(1).unique(dim=0)) == len(images)
    assert torch.equal(image_number(images), torch.arange(len(images)))


def test_all_images_have_the_floating_point_type_asked_for():
    assert all_images((1, 2, 2)).dtype == torch.get_default_dtype()
    assert all_images((1, 2, 2), torch.float64).dtype == torch.float64


# probability


@every
@image_shapes
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_probabilities_of_all_images_sum_to_one(make, image, batch):
    p = make(image, batch)
    total = p.log_prob(p.enumerate_support()).exp().sum(0)
    assert total.shape == batch
    torch.testing.assert_close(total, torch.ones(batch).double(), rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    image=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 2)),
    name=st.sampled_from(list(DISTRIBUTIONS)),
)
def test_probabilities_of_all_images_of_any_shape_sum_to_one(image, name):
    p = DISTRIBUTIONS[name](image)
    assert p.log_prob(all_images(image)).exp().sum().item() == pytest.approx(1, abs=1e-12)


@every
def test_samples_follow_the_probabilities(make):
    """Goodness of fit over all 16 images; those without probability are never drawn."""
    p = make((1, 2, 2))
    probabilities = p.log_prob(all_images((1, 2, 2))).exp()
    counts = image_number(p.sample((50_000,))).bincount(minlength=16)
    possible = probabilities > 0
    assert counts[~possible].sum() == 0
    assert multinomial_goodness_of_fit(probabilities[possible], counts[possible]) > FAILURE_RATE


@every
@image_shapes
def test_mean_and_variance_are_those_of_the_enumeration(make, image):
    p = make(image, (2,))
    images = p.enumerate_support()
    weights = p.log_prob(images).exp()[..., None, None, None]
    mean = (weights * images).sum(0)
    torch.testing.assert_close(p.mean, mean)
    torch.testing.assert_close(p.variance, (weights * (images - mean) ** 2).sum(0))


# shapes


@every
@pytest.mark.parametrize("batch", [(), (5,), (2, 5)], ids=str)
@pytest.mark.parametrize("sample", [(), (4,), (3, 4)], ids=str)
def test_shapes(make, batch, sample):
    p = make((2, 2, 2), batch)
    x = p.sample(sample)
    assert p.batch_shape == batch
    assert p.event_shape == (2, 2, 2)
    assert p.event_dim == p.support.event_dim == 3
    assert x.shape == (*sample, *batch, 2, 2, 2)
    assert p.log_prob(x).shape == (*sample, *batch)
    assert p.mean.shape == (*batch, 2, 2, 2)
    assert p.support.check(x).all()


@every
def test_one_image_is_judged_by_all_of_the_batch(make):
    p = make((1, 2, 2), (5,))
    x = p.sample()[0]
    torch.testing.assert_close(p.log_prob(x), p.log_prob(x.expand(5, 1, 2, 2)))


@every
def test_a_batch_is_each_of_its_members_by_itself(make):
    p = make((1, 2, 2), (2, 3))
    x = p.sample()
    alone = type(p)((1, 2, 2), logits=p.logits[1, 2])
    torch.testing.assert_close(p.log_prob(x)[1, 2], alone.log_prob(x[1, 2]))


@every
def test_expand(make):
    p = make((1, 2, 2), (3, 1))
    larger = p.expand((4, 3, 2))
    assert type(larger) is type(p)
    assert larger.batch_shape == (4, 3, 2)
    x = larger.sample()
    assert x.shape == (4, 3, 2, 1, 2, 2)
    torch.testing.assert_close(larger.log_prob(x), p.log_prob(x))
    torch.testing.assert_close(larger.mean, p.mean.expand(4, 3, 2, 1, 2, 2))
    torch.testing.assert_close(larger.expand((5, 4, 3, 2)).log_prob(x)[0], p.log_prob(x))


@every
def test_an_expanded_batch_is_drawn_independently(make):
    p = make((1, 3, 3)).expand((200,))
    assert len(p.sample().flatten(1).unique(dim=0)) > 1


# numbers


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floating_point_type_is_that_of_the_argument(make, dtype):
    p = make((1, 2, 2))
    p = type(p)((1, 2, 2), logits=p.logits.to(dtype))
    x = p.sample()
    assert {x.dtype, p.log_prob(x).dtype, p.mean.dtype, p.enumerate_support().dtype} == {dtype}


@every
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.bfloat16])
def test_images_of_any_type_are_judged(make, dtype):
    p = make((1, 3, 3))
    x = p.sample((5,))
    torch.testing.assert_close(p.log_prob(x.to(dtype)), p.log_prob(x))


@every
def test_sampling_leaves_no_graph(make):
    p = make((1, 2, 2))
    logits = p.logits.detach().requires_grad_()
    assert not type(p)((1, 2, 2), logits=logits).sample().requires_grad


@every
def test_gradients_in_the_logits_agree_with_finite_differences(make):
    p = make((1, 2, 2))
    x = p.sample((3,))
    logits = p.logits.detach().clamp(min=-20).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: type(p)((1, 2, 2), logits=t).log_prob(x), logits)


@every
def test_copies_are_the_same_distribution(make):
    p = type(make((1, 2, 2)))((1, 2, 2), logits=make((1, 2, 2)).logits.detach())
    x = p.sample((5,))
    assert torch.equal(copy.deepcopy(p).log_prob(x), p.log_prob(x))


# in programs


@every
def test_plate_scales_a_subsample(make):
    p = make((1, 3, 3))
    x = p.sample((12,))
    trace = poutine.trace(observing).get_trace(p, x, subsample_size=4)
    index = trace.nodes["data"]["value"]
    expected = 3 * p.log_prob(x[index]).sum()
    torch.testing.assert_close(trace.log_prob_sum(), expected)


@every
def test_mask_leaves_out_single_images(make):
    p = make((1, 3, 3))
    x = p.sample((4,))
    mask = torch.tensor([True, False, True, False])
    trace = poutine.trace(poutine.mask(observing, mask=mask)).get_trace(p, x)
    torch.testing.assert_close(trace.log_prob_sum(), p.log_prob(x)[mask].sum())
    torch.testing.assert_close(p.expand((4,)).mask(mask).log_prob(x), p.log_prob(x) * mask)


@every
def test_predictive(make):
    def model():
        with pyro.plate("data", 3):
            pyro.sample("x", make((1, 2, 2)))

    for parallel in (False, True):
        draws = Predictive(model, num_samples=7, parallel=parallel)()["x"]
        assert draws.flatten(1, -4).shape == (7, 3, 1, 2, 2)


@every
@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
@pytest.mark.parametrize("expand", [True, False])
def test_enumerated_support(make, batch, expand):
    p = make((1, 2, 2), batch)
    images = p.enumerate_support(expand)
    assert p.has_enumerate_support
    assert images.shape == (16, *(batch if expand else (1,) * len(batch)), 1, 2, 2)
    assert p.support.check(images).all()


@every
def test_a_latent_image_is_summed_out(make):
    """The image that a noisy sum of its pixels was taken of, against the sum over all 16."""
    p = make((1, 2, 2))
    slopes = torch.tensor([1.0, 2.0, -1.0, 0.5]).double()
    y = torch.tensor([0.3, 2.0, -1.0]).double()

    def model():
        with pyro.plate("data", 3):
            image = pyro.sample("image", p, infer={"enumerate": "parallel"})
            pyro.sample("y", dist.Normal(image.flatten(-3) @ slopes, 0.5), obs=y)

    elbo = -TraceEnum_ELBO(max_plate_nesting=1).loss(model, lambda: None)
    images = all_images((1, 2, 2), torch.float64)
    terms = dist.Normal(images.flatten(1) @ slopes, 0.5).log_prob(y[:, None]) + p.log_prob(images)
    assert elbo == pytest.approx(terms.logsumexp(1).sum().item(), abs=1e-10)


# bad input


@every
def test_images_that_are_not_binary_are_refused(make):
    with pytest.raises(ValueError, match=r"value argument .* support .*Boolean"):
        make((1, 2, 2)).log_prob(torch.full((1, 2, 2), 0.5))


@every
@pytest.mark.parametrize("shape", [(4,), (2, 2), (5, 1, 2, 3), (1, 4, 1)], ids=str)
def test_images_of_another_shape_are_refused(make, shape):
    with pytest.raises(ValueError, match=r"value has the shape .* = \(1, 2, 2\)"):
        make((1, 2, 2)).log_prob(torch.ones(shape))


@every
@pytest.mark.parametrize("image", [(3, 3), (1, 0, 3), (1, 1, 3, 3)], ids=str)
def test_what_is_no_image_shape_is_refused(make, image):
    p = make((1, 2, 2))
    with pytest.raises(ValueError, match=r"image_shape is .* expected"):
        type(p)(image, logits=p.logits)


@every
def test_nan_is_refused_by_name(make):
    logits = make((1, 2, 2)).logits.detach().clone()
    logits[3] = torch.nan
    with pytest.raises(ValueError, match="parameter logits"):
        type(make((1, 2, 2)))((1, 2, 2), logits=logits)


@pytest.mark.parametrize("image", [(1, 5, 5), (1, 28, 28)], ids=str)
def test_too_many_images_to_list_say_how_many_they_are(image):
    states = {25: r"2\^25 ≈ 10\^8", 784: r"2\^784 ≈ 10\^236"}[prod(image)]
    with pytest.raises(ValueError, match=states):
        all_images(image)
    with pytest.raises(ValueError, match=states):
        TabulatedDensity(image, torch.zeros(16))
    with pytest.raises(ValueError, match=states):
        TabulatedDensity.of_network(nn.Flatten(), image)
    p = CountImages.counts_proportional(image)
    assert not p.has_enumerate_support
    with pytest.raises(NotImplementedError, match=states):
        p.enumerate_support()
