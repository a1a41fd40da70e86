"""Laws of every likelihood in `LIKELIHOODS`; a new one is one more line there."""

import pytest
import torch
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from torch.distributions import Normal

from ppgen.likelihoods import Bernoulli

# Chance that a statistical test fails on right code, were its seed not fixed.
FAILURE_RATE = 1e-4


def gaussian_raw(likelihood, *batch, image=(1, 3, 3)):
    return 2 * torch.randn(*batch, likelihood.outputs, *image)


# name -> likelihood, maker of moderate raw outputs, whether images are binary (and so countable)
LIKELIHOODS = {
    "Bernoulli": (Bernoulli(), gaussian_raw, True),
}

every = pytest.mark.parametrize(
    ("likelihood", "make_raw"), [entry[:2] for entry in LIKELIHOODS.values()], ids=LIKELIHOODS
)
binary = pytest.mark.parametrize(
    ("likelihood", "make_raw"),
    [entry[:2] for entry in LIKELIHOODS.values() if entry[2]],
    ids=[name for name, entry in LIKELIHOODS.items() if entry[2]],
)
image_shapes = pytest.mark.parametrize("image", [(1, 3, 3), (3, 2, 4)], ids=["grey", "colour"])


def all_binary_images(pixels, *image):
    """All images of so many pixels, that of number i with the binary digits of i."""
    numbers = torch.arange(2**pixels)
    return (numbers[:, None] >> torch.arange(pixels) & 1).float().view(-1, *image)


def grey_images(levels, image=(1, 3, 3), n=500):
    """Integer grey levels, among them all black and all white images."""
    images = torch.randint(0, levels, (n, *image), dtype=torch.uint8)
    images[0], images[1] = 0, levels - 1
    return images


# probability


@binary
def test_probabilities_of_all_images_sum_to_one(likelihood, make_raw):
    p = likelihood.distribution(make_raw(likelihood).double())
    log_probs = p.log_prob(all_binary_images(9, 1, 3, 3).double())
    assert log_probs.shape == (512,)
    assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-12)


@binary
def test_samples_follow_the_probabilities(likelihood, make_raw):
    """Goodness of fit over all 16 images of 2×2 pixels."""
    p = likelihood.distribution(make_raw(likelihood, image=(1, 2, 2)) / 2)
    probabilities = p.log_prob(all_binary_images(4, 1, 2, 2)).exp()
    numbers = (p.sample((20_000,)).flatten(1).long() << torch.arange(4)).sum(1)
    counts = numbers.bincount(minlength=16)
    assert multinomial_goodness_of_fit(probabilities, counts) > FAILURE_RATE


@every
@image_shapes
def test_mean_of_samples_follows_mean(likelihood, make_raw, image):
    """A z-test for each pixel, Bonferroni's correction over all."""
    raw = make_raw(likelihood, 2, image=image)
    samples = likelihood.distribution(raw).sample((20_000,))
    standard_error = samples.std(0) / len(samples) ** 0.5
    mean = likelihood.mean(likelihood.distribution(raw))
    z = (samples.mean(0) - mean) / standard_error.clamp(min=1e-6)
    bound = Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / (2 * z.numel())))
    assert z.abs().max() < bound


@every
def test_mean_is_a_grey_value(likelihood, make_raw):
    mean = likelihood.mean(likelihood.distribution(make_raw(likelihood, 100) * 20))
    assert mean.min() >= 0
    assert mean.max() <= 1


# shapes


@every
@image_shapes
@pytest.mark.parametrize("batch", [(), (5,), (2, 5), (3, 2, 5)], ids=str)
def test_shapes(likelihood, make_raw, batch, image):
    raw = make_raw(likelihood, *batch, image=image)
    p = likelihood.distribution(raw)
    x = p.sample((4,))
    assert p.batch_shape == batch
    assert p.event_shape == image
    assert x.shape == (4, *batch, *image)
    assert p.log_prob(x).shape == (4, *batch)
    assert likelihood.mean(likelihood.distribution(raw)).shape == (*batch, *image)


@every
def test_a_batch_of_raw_outputs_is_each_of_them_by_itself(likelihood, make_raw):
    raw = make_raw(likelihood, 2, 5)
    x = likelihood.distribution(raw).sample()
    together = likelihood.distribution(raw).log_prob(x)
    for i, j in [(0, 0), (1, 3)]:
        alone = likelihood.distribution(raw[i, j]).log_prob(x[i, j])
        torch.testing.assert_close(together[i, j], alone)


# numbers


@every
@pytest.mark.parametrize("scale", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("levels", [2, 256])
def test_log_prob_and_gradients_are_finite_up_to_50(likelihood, make_raw, scale, levels):
    raw = (make_raw(likelihood, 500).sign() * scale).requires_grad_()
    x = likelihood.encode(grey_images(levels), levels)
    log_prob = likelihood.distribution(raw).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.dtype == torch.float32
    assert log_prob.isfinite().all()
    assert raw.grad.isfinite().all()
    assert raw.grad.any()


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_to_float32(likelihood, make_raw, dtype):
    raw = make_raw(likelihood, 5).to(dtype)
    x = likelihood.distribution(raw.float()).sample()
    log_prob = likelihood.distribution(raw).log_prob(x)
    assert log_prob.dtype == torch.float32
    assert likelihood.mean(likelihood.distribution(raw)).dtype == torch.float32
    torch.testing.assert_close(log_prob, likelihood.distribution(raw.float()).log_prob(x))


@every
def test_float64_stays_float64(likelihood, make_raw):
    raw = make_raw(likelihood, 5).double()
    p = likelihood.distribution(raw)
    x = p.sample()
    assert x.dtype == likelihood.mean(likelihood.distribution(raw)).dtype == torch.float64
    assert p.log_prob(x).dtype == torch.float64


# from grey levels to the support


@every
@image_shapes
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_encoded_images_lie_in_the_support(likelihood, make_raw, levels, image):
    images = grey_images(levels, image)
    x = likelihood.encode(images, levels)
    p = likelihood.distribution(make_raw(likelihood, image=image))
    assert x.shape == images.shape
    assert x.dtype == torch.get_default_dtype()
    assert p.support.check(x).all()


@every
@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_encode_leaves_its_argument_as_it_is(likelihood, make_raw, levels, dtype):
    images = grey_images(levels).to(dtype)
    before = images.clone()
    likelihood.encode(images, levels)
    assert torch.equal(images, before)


@binary
def test_binary_images_are_encoded_as_themselves(likelihood, make_raw):
    images = grey_images(2)
    assert torch.equal(likelihood.encode(images, 2), images.float())


@pytest.mark.parametrize("levels", [17, 256])
def test_bernoulli_draws_white_with_the_grey_value_anew_each_time(levels):
    """Shares of white, a z-test for each level, Bonferroni's correction over all."""
    images = torch.arange(levels, dtype=torch.uint8).expand(5000, levels)
    first, second = (Bernoulli().encode(images, levels) for _ in range(2))
    grey = torch.arange(levels) / (levels - 1)
    z = (first.mean(0) - grey) / (grey * (1 - grey) / 5000).sqrt().clamp(min=1e-6)
    bound = Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / (2 * levels)))
    assert z.abs().max() < bound
    assert not torch.equal(first, second)
