"""The VAE learns real digits with every likelihood."""

import math
from functools import partial

import pytest
import torch

import ppgen
from ppgen.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogisticMixture,
    Gaussian,
    HomoscedasticGaussian,
    LogitNormal,
    SoftBernoulli,
)
from ppgen.models import VAE

MAKERS = {
    "Bernoulli": Bernoulli,
    "SoftBernoulli": SoftBernoulli,
    "Gaussian": Gaussian,
    "HomoscedasticGaussian": HomoscedasticGaussian,
    "Beta": Beta,
    "ContinuousBernoulli": ContinuousBernoulli,
    "LogitNormal": LogitNormal,
    "Categorical": partial(Categorical, 5),
    "DiscretizedLogisticMixture": partial(DiscretizedLogisticMixture, 3, 17),
}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@pytest.fixture(scope="module")
def digits():
    return ppgen.data.load("digits")


@every
def test_two_epochs_on_digits(make, digits):
    vae = VAE.mlp(digits.image_shape, latent=4, hidden=(64,), likelihood=make())
    encode = partial(vae.likelihood.encode, levels=digits.levels)
    images = digits.test.images
    before = ppgen.elbo(vae, images, transform=encode)
    start = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    history = ppgen.fit(
        vae,
        digits.train.images,
        digits.validation.images,
        epochs=2,
        batch_size=64,
        transform=encode,
        progress=False,
    )
    after = ppgen.elbo(vae, images, transform=encode)
    assert all(math.isfinite(epoch.validation) for epoch in history.epochs)
    assert after.per_example.isfinite().all()
    gain = after.mean - before.mean
    assert gain > 5 * math.hypot(before.standard_error, after.standard_error)
    for name, tensor in vae.state_dict().items():
        assert not torch.equal(tensor, start[name]), name


@every
def test_images_from_the_model_and_back(make, digits):
    vae = VAE.mlp(digits.image_shape, latent=4, hidden=(64,), likelihood=make())
    x = vae.likelihood.encode(digits.test.images[:9], digits.levels)
    samples = ppgen.sample(vae, 9)
    for images in (
        vae.likelihood.grey(samples),
        ppgen.sample(vae, 9, mean=True),
        ppgen.reconstruct(vae, x, mean=True),
        ppgen.reconstruct(vae, samples, mean=True),
        vae.decode(torch.randn(9, 4)),
    ):
        assert images.shape == (9, *digits.image_shape)
        assert images.is_floating_point()
        assert 0 <= images.min() <= images.max() <= 1


@every
def test_a_saved_state_is_the_whole_model(make, digits):
    vae, other = (VAE.mlp(digits.image_shape, 4, hidden=(64,), likelihood=make()) for _ in range(2))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    other.load_state_dict(vae.state_dict())
    x = vae.likelihood.encode(digits.test.images[:50], digits.levels)
    assert torch.equal(ppgen.elbo(other, x).per_example, ppgen.elbo(vae, x).per_example)
