"""Programs in half and double precision, and the type in which images reach them."""

import pyro
import pyro.distributions as dist
import torch
from programs import Gaussian
from quiet_fit import fit

import ppgen


def test_bfloat16_trains_and_keeps_float32_weights():
    program = ppgen.models.VAE.mlp((1, 3, 3), latent=2, hidden=(16,))
    images = torch.bernoulli(torch.full((64, 1, 3, 3), 0.3))
    history = fit(program, images, images, epochs=10, batch_size=16, bfloat16=True)
    assert history.epochs[-1].validation > history.epochs[0].validation
    assert {p.dtype for p in program.parameters()} == {torch.float32}


def test_a_double_vae_takes_integer_images():
    digits = ppgen.data.load("digits").binarized().train.images
    vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2).double()
    fit(vae, digits, epochs=1)
    assert vae.decoder[0].weight.dtype == torch.float64


def test_a_program_in_float64_trains_in_float64(x):
    program = Gaussian().double()
    fit(program, x.double(), epochs=1, batch_size=20)
    assert program.weights.dtype == torch.float64


def test_images_come_in_the_type_of_parameters_that_are_made_on_the_way():
    seen = []

    def model(x=None, *, n=1):
        mean = pyro.param("mean", torch.zeros(4, dtype=torch.float64))
        with pyro.plate("data", n if x is None else len(x)):
            seen.append(None if x is None else x.dtype)
            return pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)

    fit(ppgen.as_program(model), torch.randn(10, 4), epochs=1)
    assert seen[-1] == torch.float64
