"""Parts of a VAE: convolutions, posteriors and layers."""

import pytest
import torch
from programs import weights_of
from torch import nn
from torch.distributions import kl_divergence

import ppgen
from ppgen.models import VAE, HierarchicalVAE
from ppgen.models.networks import (
    convolutional_decoder,
    convolutional_encoder,
    resized,
    transposed,
)
from ppgen.models.posteriors import DiagonalGaussian, InverseAutoregressiveFlow
from ppgen.objectives import TensorELBO

image_shapes = pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 25, 31), (2, 1, 5)], ids=str)


# convolutions


@image_shapes
@pytest.mark.parametrize("batch", [(), (4,), (3, 4)], ids=str)
@pytest.mark.parametrize("channels", [(6,), (6, 4, 5)], ids=str)
@pytest.mark.parametrize("upsampling", [transposed, resized])
def test_shapes_of_any_image(image_shape, batch, channels, upsampling):
    encoder = convolutional_encoder(image_shape, 7, channels, hidden=9, blocks=1)
    decoder = convolutional_decoder(
        7, image_shape, 2, channels, hidden=9, blocks=1, upsampling=upsampling
    )
    code = encoder(torch.randn(*batch, *image_shape))
    assert code.shape == (*batch, 7)
    assert decoder(code).shape == (*batch, 2, *image_shape)


def test_leading_dimensions_are_all_batches():
    encoder = convolutional_encoder((1, 8, 8), 7)
    x = torch.randn(3, 4, 1, 8, 8)
    torch.testing.assert_close(encoder(x)[1, 2], encoder(x[1, 2]))


def test_every_weight_matters():
    decoder = convolutional_decoder(3, (1, 9, 7), 2, blocks=1)
    decoder(torch.randn(5, 3)).pow(2).sum().backward()
    assert all(parameter.grad.any() for parameter in decoder.parameters())


# posteriors


def test_a_flow_is_normalised():
    """Numerical integration of q(z | x) over two latent dimensions."""
    q = InverseAutoregressiveFlow(latent=2, hidden=16).double()
    for parameter in q.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    posterior = q(torch.randn(q.outputs).double())
    axis = torch.linspace(-12, 12, 601).double()
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        total = posterior.log_prob(grid).exp().sum() * 0.04**2
    assert total.item() == pytest.approx(1, abs=1e-3)


def test_a_flow_without_transforms_is_its_gaussian():
    raw = torch.randn(5, 3 * 2 + 16)
    flow = InverseAutoregressiveFlow(latent=3, transforms=0)(raw)
    gaussian = DiagonalGaussian(3)(raw[:, :6])
    z = gaussian.sample()
    torch.testing.assert_close(flow.log_prob(z), gaussian.log_prob(z))


def test_two_dimensions_are_dependent_under_a_flow_and_not_under_a_gaussian():
    q = InverseAutoregressiveFlow(latent=2, hidden=16)
    for parameter in q.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    z = q(torch.zeros(q.outputs)).sample((20_000,))
    assert z.T.corrcoef()[0, 1].abs() > 0.05  # seven standard errors of independent draws


def test_log_variances_of_a_gaussian_are_log_variances():
    q = DiagonalGaussian(1)(torch.tensor([0.5, 0.0, 1.0, 2.0]).view(2, 2))
    torch.testing.assert_close(q.mean, torch.tensor([[0.5], [1.0]]))
    torch.testing.assert_close(q.variance, torch.tensor([[1.0], [torch.e**2]]))
    prior = DiagonalGaussian(1)(torch.zeros(2))
    expected = 0.5 * (q.variance + q.mean**2 - 1 - q.variance.log()).squeeze(-1)
    torch.testing.assert_close(kl_divergence(q, prior), expected)


# whole models


MODELS = {
    "convolutions": lambda shape: VAE.convolutional(shape, latent=3, channels=(4, 4), hidden=8),
    "a flow": lambda shape: VAE.mlp(shape, InverseAutoregressiveFlow(3, hidden=8), hidden=(8,)),
    "two layers": lambda shape: HierarchicalVAE.mlp(shape, 3, hidden=(8,), above=(2,)),
    "three layers, convolutions and a flow": lambda shape: HierarchicalVAE.convolutional(
        shape, InverseAutoregressiveFlow(3, hidden=8), channels=(4,), hidden=8, above=(3, 2)
    ),
}
every = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@every
def test_a_model_is_fitted_evaluated_sampled_and_reconstructed(make, tmp_path):
    vae = make((1, 6, 5))
    x = torch.bernoulli(torch.rand(1, 1, 6, 5).expand(200, 1, 6, 5))
    before = ppgen.elbo(vae, x, particles=10).mean
    ppgen.fit(
        vae,
        x,
        epochs=15,
        batch_size=50,
        optimizer=lambda p: torch.optim.Adam(p, lr=5e-3),
        out=tmp_path,
        progress=False,
    )
    bound = ppgen.elbo(vae, x, particles=10)
    assert bound.mean > before + 1
    assert ppgen.iwae(vae, x, particles=100).mean > bound.mean
    assert ppgen.sample(vae, 7).shape == (7, 1, 6, 5)
    assert ppgen.reconstruct(vae, x).shape == x.shape
    again = make((1, 6, 5))
    ppgen.load(tmp_path, again, x)
    assert ppgen.elbo(again, x, particles=10).mean == bound.mean


@every
def test_the_bound_is_below_the_likelihood_by_monte_carlo(make):
    vae = make((1, 1, 3))
    images = torch.cartesian_prod(*3 * [torch.tensor([0.0, 1.0])]).view(8, 1, 1, 3)
    log_p = ppgen.iwae(vae, images, 20_000, proposal="prior").per_example
    assert log_p.exp().sum().item() == pytest.approx(1, abs=0.02)
    assert (ppgen.elbo(vae, images, particles=500).per_example < log_p + 0.05).all()
    with torch.no_grad():
        weights = weights_of(vae, images, 20_000).exp()
    relative_error = weights.std(0) / weights.mean(0) / 20_000**0.5
    gap = weights.mean(0).log() - log_p
    assert (gap.abs() < 5 * relative_error + 0.03).all()
    assert relative_error.max() < 0.2


def test_two_layers_with_a_constant_conditional_are_one():
    """If p(z | z2) = N(0, 1) and q(z2 | z) = p(z2), the bound equals that of one layer."""
    two = HierarchicalVAE.mlp((1, 2, 2), 3, hidden=(8,), above=(2,))
    for network in (*two.conditionals, *two.inferences):
        for parameter in network.parameters():
            parameter.data.zero_()
    one = VAE.mlp((1, 2, 2), 3, hidden=(8,))
    one.encoder, one.decoder, one.objective = two.encoder, two.decoder, TensorELBO()
    x = torch.bernoulli(torch.full((50, 1, 2, 2), 0.5))
    assert ppgen.elbo(two, x, particles=400).mean == pytest.approx(
        ppgen.elbo(one, x, particles=400).mean, abs=0.05
    )


def test_the_networks_between_layers_have_their_own_hidden_layers():
    vae = HierarchicalVAE.mlp(
        (1, 2, 2),
        3,
        hidden=(8,),
        activation=nn.ReLU,
        above=(2,),
        conditional_hidden=(5, 6),
        conditional_activation=nn.Sigmoid,
    )
    for network, (inputs, outputs) in zip(
        (*vae.conditionals, *vae.inferences), ((2, 6), (3, 4)), strict=True
    ):
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        assert [layer.in_features for layer in linear] == [inputs, 5, 6]
        assert linear[-1].out_features == outputs
        assert [type(layer) for layer in network[1::2]] == [nn.Sigmoid, nn.Sigmoid]
    assert [type(layer) for layer in vae.decoder[1:3]] == [nn.ReLU, nn.Linear]


@pytest.mark.parametrize("make", [VAE.mlp, VAE.convolutional])
def test_what_follows_the_latent_is_named(make):
    with pytest.raises(TypeError, match="positional"):
        make((1, 8, 8), 3, (8,))


@pytest.mark.parametrize("above", [(), (0,), (3, -1)], ids=str)
def test_layers_without_dimensions_are_refused(above):
    with pytest.raises(ValueError, match="above is"):
        HierarchicalVAE.mlp((1, 2, 2), 3, above=above)


def test_a_latent_without_dimensions_is_refused():
    with pytest.raises(ValueError, match="latent is 0"):
        VAE.convolutional((1, 8, 8), latent=0)
