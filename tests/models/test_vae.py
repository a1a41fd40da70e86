"""The VAE against its likelihood by numerical integration over one latent dimension."""

import math

import pytest
import torch
from programs import weights_of
from torch import nn

import ppgen
from ppgen.likelihoods import Categorical
from ppgen.models import VAE


@pytest.fixture
def vae():
    program = VAE.mlp((1, 3, 3), latent=1, hidden=(8,))
    with torch.no_grad():
        program.decoder[0].weight.mul_(3)
        program.decoder[2].weight.mul_(3)
    return program


@pytest.fixture
def every_image():
    bits = torch.arange(512).unsqueeze(-1) >> torch.arange(9) & 1
    return bits.float().view(512, 1, 3, 3)


def log_likelihood(vae, x):
    """Integrate p(x | z) p(z) over z by the trapezoid rule, in float64."""
    z = torch.linspace(-8, 8, 2001, dtype=torch.float64)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    with torch.no_grad():
        raw = vae.double().decoder(z.view(-1, 1, 1))
        joint = vae.likelihood.distribution(raw).log_prob(x.double()) + prior.view(-1, 1)
        vae.float()
    return joint.logsumexp(0) + math.log(16 / 2000)


def test_the_probabilities_of_all_images_sum_to_one(vae, every_image):
    assert log_likelihood(vae, every_image).exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_the_importance_weighted_bound_reaches_the_integral(vae, every_image):
    """32 images at 5 standard errors of their mean weights: false alarms below 2e-5."""
    x = every_image[::16]
    with torch.no_grad():
        weights = weights_of(vae, x, 20_000).exp()
    relative_error = weights.std(0) / weights.mean(0) / 20_000**0.5
    found = ppgen.iwae(vae, x, 20_000, seed=1).per_example
    gap = found - log_likelihood(vae, x).float()
    assert (gap.abs() < 5 * relative_error + 1e-4).all()
    assert relative_error.max() < 0.05


def test_the_elbo_is_the_integral_less_the_divergence_from_the_posterior(vae, every_image):
    x = every_image[::64]
    z = torch.linspace(-8, 8, 4001)
    with torch.no_grad():
        mean, scale = vae.encode(x)
        q = torch.distributions.Normal(mean, scale)
        raw = vae.decoder(z.view(-1, 1, 1))
        joint = vae.likelihood.distribution(raw).log_prob(x)
        joint = joint + torch.distributions.Normal(0.0, 1.0).log_prob(z).view(-1, 1)
        posterior = joint - log_likelihood(vae, x).float()
        log_q = q.log_prob(z.view(-1, 1, 1)).squeeze(-1)
        divergence = torch.trapezoid(log_q.exp() * (log_q - posterior), z, dim=0)
    expected = log_likelihood(vae, x).float() - divergence
    found = ppgen.elbo(vae, x.repeat(400, 1, 1, 1)).per_example.view(400, 8)
    error = found.std(0) / 400**0.5
    # Eight images at 5 standard errors: false alarms below 1e-5.
    assert ((found.mean(0) - expected).abs() < 5 * error + 1e-4).all()
    assert (divergence > 0).all()


def test_samples_follow_the_likelihood(vae, every_image):
    """Chi-square test over the 512 images, rare ones pooled; the false alarm rate is 1e-4."""
    from scipy.stats import chisquare

    expected = log_likelihood(vae, every_image).exp() * 50_000
    images = ppgen.sample(vae, 50_000).view(-1, 9).long()
    counts = torch.bincount(images @ (1 << torch.arange(9)), minlength=512).double()
    common = expected >= 10
    observed = torch.cat([counts[common], counts[~common].sum().view(1)])
    wanted = torch.cat([expected[common], expected[~common].sum().view(1)])
    assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-4


def test_an_untrained_model_gives_each_pixel_about_one_bit():
    vae = VAE.mlp((1, 28, 28), latent=20, hidden=(400,))
    images = torch.bernoulli(torch.full((200, 1, 28, 28), 0.13))
    assert ppgen.elbo(vae, images).mean == pytest.approx(-784 * math.log(2), abs=10)


def test_it_learns_real_digits():
    digits = ppgen.data.load("digits").binarized()
    vae = VAE.mlp(digits.image_shape, latent=4, hidden=(128,))
    history = ppgen.fit(
        vae, digits.train.images, digits.validation.images, epochs=40, progress=False
    )
    pixels = digits.train.images.float().mean(0).clamp(1e-3, 1 - 1e-3)
    independent = torch.distributions.Bernoulli(pixels).log_prob(digits.test.images.float())
    assert ppgen.elbo(vae, digits.test.images).mean > independent.sum((1, 2, 3)).mean() + 2
    assert history.best.validation > history.epochs[0].validation + 15


def test_shapes_and_the_networks_of_ones_own():
    vae = VAE(
        (3, 4, 5),
        encoder=nn.Sequential(nn.Flatten(), nn.Linear(60, 4)),
        decoder=nn.Sequential(nn.Linear(2, 60), nn.Unflatten(-1, (1, 3, 4, 5))),
        latent=2,
    )
    assert vae.model(n=6).shape == (6, 3, 4, 5)
    assert vae.decode(torch.zeros(7, 8, 2)).shape == (7, 8, 3, 4, 5)
    assert [t.shape for t in vae.encode(torch.zeros(9, 3, 4, 5))] == [(9, 2), (9, 2)]


def test_the_prior_is_no_part_of_the_state_but_follows_the_module():
    vae = VAE.mlp((1, 3, 3), latent=2)
    assert not [name for name in vae.state_dict() if "prior" in name]
    assert vae.double().model(n=2).dtype == torch.float64


def test_bad_arguments():
    with pytest.raises(ValueError, match="latent is 0; expected a Posterior, or a whole number, 1"):
        VAE.mlp((1, 3, 3), latent=0)
    with pytest.raises(ValueError, match=r"x has the shape \(2, 9\); expected .*\(1, 3, 3\)"):
        VAE.mlp((1, 3, 3)).guide(torch.zeros(2, 9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "bernoulli"}, "likelihood is 'bernoulli'; expected an object of ppgen"),
        ({"likelihood": Categorical}, "likelihood is the class Categorical; expected an object"),
        ({"latent": 2.0}, "latent is 2.0; expected a Posterior, or a whole number"),
        ({"latent": "flow"}, "latent is 'flow'; expected a Posterior, or a whole number"),
        ({"image_shape": 64}, r"image_shape is 64; expected \(channel, height, width\)"),
    ],
)
def test_arguments_of_another_kind_are_refused(options, message):
    with pytest.raises(TypeError, match=message):
        VAE.mlp(**{"image_shape": (1, 2, 2), **options})


def test_networks_without_convolutions_are_refused():
    with pytest.raises(ValueError, match=r"channels is \(\); expected the channels"):
        VAE.convolutional((1, 8, 8), channels=())


@pytest.mark.parametrize(
    ("outputs", "batch"), [((1, 2, 2), 5), ((40, 1, 2, 2), 5), ((1, 2, 2), 17)], ids=str
)
def test_a_decoder_whose_outputs_do_not_fit_is_refused(outputs, batch):
    decoder = nn.Sequential(nn.Linear(3, math.prod(outputs)), nn.Unflatten(-1, outputs))
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(4, 6))
    vae = VAE((1, 2, 2), encoder, decoder, 3, Categorical(17))
    message = (
        rf"raw has the shape .*; expected \({batch}, 17, 1, 2, 2\), the outputs of Categorical"
    )
    x = torch.zeros(batch, 1, 2, 2)
    for run in (lambda: vae.model(x), lambda: vae.decode(torch.zeros(batch, 3))):
        with pytest.raises(ValueError, match=message):
            run()
    with pytest.raises(ValueError, match=r"cannot be run on a batch .*: raw has the shape"):
        ppgen.fit(vae, x, epochs=1, progress=False)
