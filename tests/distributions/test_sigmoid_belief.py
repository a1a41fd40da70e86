"""The sum over all states of the latents against a plain loop, and draws."""

from itertools import accumulate, pairwise, product

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from pyro.infer import TraceEnum_ELBO, config_enumerate
from torch.autograd import grad
from torch.profiler import ProfilerActivity, profile

from ppgen.distributions import SigmoidBelief, all_images
from ppgen.distributions.states import image_number

FAILURE_RATE = 1e-4
SHAPE = (1, 3, 3)
TINY = 1e-4  # MiB: a state at a time

# latents of each layer, from below
LAYERS = [(1,), (4,), (3, 2), (2, 3, 2), (1, 1, 1, 1)]
layers = pytest.mark.parametrize("latents", LAYERS, ids=str)


def make(latents, shape=SHAPE, memory=256.0, dtype=torch.float64):
    """Make a net with random parameters of order one; return it and the parameters."""
    sizes = list(pairwise([torch.Size(shape).numel(), *latents]))
    parameters = [
        (1.5 * torch.randn(size, dtype=dtype)).requires_grad_()
        for below, above in sizes
        for size in ((above, below), (below,))
    ]
    prior = torch.randn(latents[-1], dtype=dtype).requires_grad_()
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    return SigmoidBelief(shape, prior, pairs, memory), [prior, *parameters]


def written_out(p, x):
    """Return log p(x) as the logarithm of a sum of products over all joint states of all layers."""

    def bernoulli(logits, value):
        return dist.Bernoulli(logits=logits).to_event(1).log_prob(value).exp()

    total = 0.0
    binary = torch.tensor([0.0, 1.0], dtype=p.prior_logits.dtype)
    sizes = [len(weight) for weight, _ in p.layers]
    for state in product(binary, repeat=sum(sizes)):
        z = torch.stack(state).split(sizes)  # from the lowest layer up
        probability = bernoulli(p.prior_logits, z[-1])
        for above, below, (weight, bias) in zip(z, [x.flatten(1), *z], p.layers, strict=False):
            probability = probability * bernoulli(above @ weight + bias, below)
        total = total + probability
    return total.log()


@layers
@pytest.mark.parametrize("memory", [256.0, TINY])
def test_log_prob_and_gradient_are_those_of_the_sum_written_out(latents, memory, binary_images):
    p, parameters = make(latents, memory=memory)
    x = binary_images[:7].double()
    ours, expected = p.log_prob(x), written_out(p, x)
    torch.testing.assert_close(ours, expected)
    weights = torch.randn(7, dtype=torch.float64)
    torch.testing.assert_close(
        grad((weights * ours).sum(), parameters), grad((weights * expected).sum(), parameters)
    )


@layers
def test_the_probabilities_of_all_images_sum_to_one(latents):
    p, _ = make(latents)
    total = p.log_prob(all_images(SHAPE)).logsumexp(0)
    torch.testing.assert_close(total, torch.zeros((), dtype=torch.float64))


@settings(deadline=None, max_examples=50)
@given(
    latents=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    images=st.integers(1, 9),
    memory=st.floats(1e-6, 1e-2),
)
def test_the_chunks_change_nothing(latents, images, memory):
    whole, parameters = make(latents)
    chunked = SigmoidBelief(SHAPE, whole.prior_logits, whole.layers, memory)
    x = torch.bernoulli(torch.full((images, *SHAPE), 0.5, dtype=torch.float64))
    values = [p.log_prob(x) for p in (whole, chunked)]
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(grad(value.sum(), parameters) for value in values))


@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
@pytest.mark.parametrize("latents", [(14,), (8, 6)], ids=str)
def test_no_more_memory_is_taken_than_was_asked_for(latents, gradient):
    """Peak memory beyond the images: 16,384 states of 400 pixels would take 25 MiB a tensor."""
    memory = 2.0
    p, parameters = make(latents, (1, 20, 20), memory, torch.float32)
    x = torch.bernoulli(torch.full((50, 1, 20, 20), 0.5))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        if gradient:
            grad(p.log_prob(x).sum(), parameters)
        else:
            with torch.no_grad():
                p.log_prob(x)
    events = profiler.profiler.kineto_results.events()
    allocations = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    peak = max(accumulate(size for _, size in allocations)) / 2**20
    assert 0.1 * memory < peak < memory


def test_draws_follow_the_probabilities():
    p, _ = make((3, 2), (1, 2, 2))
    x = p.sample((100_000,))
    counts = image_number(x).bincount(minlength=16)
    probabilities = p.log_prob(all_images((1, 2, 2))).exp().detach()
    assert multinomial_goodness_of_fit(probabilities, counts) > FAILURE_RATE


def test_shapes_are_those_of_pyros_distributions():
    p, _ = make((3,))
    wide = p.expand((2, 5))
    assert (wide.batch_shape, wide.event_shape) == ((2, 5), SHAPE)
    assert wide.has_rsample is False
    x = wide.sample((4,))
    assert x.shape == (4, 2, 5, *SHAPE)
    assert wide.log_prob(x).shape == (4, 2, 5)
    assert wide.log_prob(x[0, 0, 0]).shape == (2, 5)
    assert p.log_prob(x[0, 0, 0]).shape == ()
    torch.testing.assert_close(wide.log_prob(x), p.log_prob(x))


def test_masked_images_of_a_plate_count_nothing(binary_images):
    p, _ = make((3,))
    x, mask = binary_images.double(), torch.rand(40) < 0.5

    def model():
        with pyro.plate("data", 40), poutine.mask(mask=mask):
            pyro.sample("x", p, obs=x)

    total = poutine.trace(model).get_trace().log_prob_sum()
    torch.testing.assert_close(total, p.log_prob(x)[mask].sum())


def test_a_latent_image_is_summed_out():
    """The image that a noisy sum of its pixels was taken of, against the sum over all 16."""
    p, _ = make((3, 2), (1, 2, 2))
    slopes = torch.tensor([1.0, 2.0, -1.0, 0.5]).double()
    y = torch.tensor([0.3, 2.0, -1.0]).double()

    @config_enumerate
    def model():
        with pyro.plate("data", 3):
            image = pyro.sample("image", p)
            pyro.sample("y", dist.Normal(image.flatten(-3) @ slopes, 0.5), obs=y)

    elbo = -TraceEnum_ELBO(max_plate_nesting=1).loss(model, lambda: None)
    images = all_images((1, 2, 2), torch.float64)
    terms = dist.Normal(images.flatten(1) @ slopes, 0.5).log_prob(y[:, None]) + p.log_prob(images)
    assert elbo == pytest.approx(terms.logsumexp(1).sum().item(), abs=1e-10)


def test_all_images_are_listed_where_they_are_few():
    wide = make((2,), (1, 2, 2))[0].expand((3,))
    assert wide.enumerate_support().shape == (16, 3, 1, 2, 2)
    assert wide.enumerate_support(expand=False).shape == (16, 1, 1, 2, 2)
    assert wide.enumerate_support().dtype == torch.float64
    many, _ = make((2,), (1, 28, 28))
    assert not many.has_enumerate_support
    with pytest.raises(NotImplementedError, match=r"2\^784"):
        many.enumerate_support()


def test_the_mean_says_what_to_do_instead():
    with pytest.raises(NotImplementedError, match=r"expected .* their average"):
        _ = make((2,))[0].mean


def test_probabilities_may_be_tiny():
    weights, biases = torch.full((1, 784), 1.0), torch.full((784,), -30.0)
    p = SigmoidBelief((1, 28, 28), torch.zeros(1), [(weights, biases)])
    torch.testing.assert_close(p.log_prob(torch.ones(1, 1, 28, 28)), torch.tensor([-22736.69315]))


# bad input


@pytest.mark.parametrize(
    ("latents", "states"), [((21,), "2^21"), ((200,), "2^200"), ((3, 12, 9), "2^21")], ids=str
)
def test_too_many_states_are_refused_with_their_number(latents, states):
    with pytest.raises(ValueError, match=states.replace("^", r"\^")):
        make(latents)


def test_layers_that_do_not_meet_are_not_too_many():
    p, _ = make((9, 11, 9))
    assert len(p.layers) == 3


def test_shapes_that_do_not_suit_each_other_are_refused():
    weights, biases = torch.zeros(2, 9), torch.zeros(9)
    for prior, layers in [
        (torch.zeros(3), [(weights, biases)]),
        (torch.zeros(2), [(weights, biases[:8])]),
        (torch.zeros(2), [(weights.mT, biases)]),
        (torch.zeros(9), []),
    ]:
        with pytest.raises(ValueError, match="prior_logits has the shape"):
            SigmoidBelief(SHAPE, prior, layers)


@pytest.mark.parametrize("memory", [0.0, -1.0, float("nan")])
def test_memory_must_be_positive(memory):
    with pytest.raises(ValueError, match="memory is"):
        make((2,), memory=memory)


def test_grey_images_are_refused():
    p, _ = make((2,))
    with pytest.raises(ValueError, match="support"):
        p.log_prob(torch.full(SHAPE, 0.5, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(9,), (1, 9, 1), (5, 1, 3, 4)], ids=str)
def test_images_of_another_shape_are_refused(shape):
    p, _ = make((2,))
    with pytest.raises(ValueError, match=r"value has the shape .* = \(1, 3, 3\)"):
        p.log_prob(torch.ones(shape))
