"""Arguments, images, programs and folders that are refused before training."""

import pyro
import pytest
import torch
from programs import Gaussian, Pixels, function_guide, function_model
from pyro.infer import Trace_ELBO
from quiet_fit import assert_same, fit, weights
from torch import nn
from torch.optim import Adam

import ppgen
from ppgen.training import CheckpointError

# arguments


BAD = {
    "negative epochs": ({"epochs": -1}, ValueError, "epochs is -1; expected 0 or more"),
    "batch size 0": ({"batch_size": 0}, ValueError, "batch_size is 0; expected between 1"),
    "batch beyond data": ({"batch_size": 61}, ValueError, "batch_size is 61; expected"),
    "patience alone": ({"patience": 3}, ValueError, "patience is 3; expected .* validation"),
    "compile": ({"compile": "yes"}, ValueError, "compile is 'yes'; expected 'off', 'on'"),
    "device": ({"device": "abacus"}, ValueError, "device is 'abacus', which is not to be had"),
    "clip": ({"clip_norm": 0.0}, ValueError, "clip_norm is 0.0; expected a positive"),
    "average": ({"average": 1.5}, ValueError, "average is 1.5; expected a decay between"),
    "resume nowhere": ({"resume": True}, ValueError, "resume and tensorboard need a folder"),
}


@pytest.mark.parametrize("name", BAD)
def test_arguments_that_cannot_be_meant(name, x):
    arguments, error, message = BAD[name]
    with pytest.raises(error, match=message):
        fit(Gaussian(), x, **{"epochs": 1, "batch_size": 10, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": Adam([nn.Parameter(torch.zeros(1))])}, "optimizer is Adam"),
        ({"optimizer": pyro.optim.Adam({"lr": 0.1})}, "expected a maker of torch optimisers"),
        ({"epochs": 1.5}, "epochs is 1.5; expected a whole number"),
        ({"objective": Trace_ELBO}, "objective is <class .*; expected an instance"),
        ({"objective": pyro.infer.JitTrace_ELBO()}, "compile='on'"),
    ],
)
def test_things_of_the_wrong_kind(arguments, message, x):
    with pytest.raises(TypeError, match=message):
        fit(Gaussian(), x, **{"epochs": 1, "batch_size": 10, **arguments})


# images


def test_what_is_no_image(x):
    with pytest.raises(TypeError, match="data holds a NoneType; expected tensors of images"):
        fit(Gaussian(), None, epochs=1)


def test_no_images(x):
    with pytest.raises(ValueError, match=r"data has \[0\] images; expected one or more"):
        fit(Gaussian(), x[:0], epochs=1)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_images_that_are_not_finite(x, value):
    x[3, 0, 0, 1] = value
    with pytest.raises(ValueError, match="data holds NaN or infinite values"):
        fit(Gaussian(), x, epochs=1, batch_size=10)


def test_images_outside_the_support_are_named():
    images = torch.zeros(50, 1, 3, 3)
    images[42, 0, 1, 1] = 0.5
    with pytest.raises(ValueError, match=r"image 42 has values from 0 to 0.5, outside the support"):
        fit(Pixels(), images, epochs=1, batch_size=10)


def test_images_of_the_wrong_shape_are_refused_before_training():
    vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    with pytest.raises(ValueError, match=r"x has the shape \(10, 1, 3, 3\); expected .*8, 8"):
        fit(vae, torch.zeros(20, 1, 3, 3), epochs=1, batch_size=10)
    with pytest.raises(ValueError, match=r"cannot be run on a batch of the shape \(10, 1, 1, 7\)"):
        fit(Gaussian(), torch.zeros(20, 1, 1, 7), epochs=1, batch_size=10)


def test_validation_images_of_another_shape_are_refused(x):
    with pytest.raises(ValueError, match=r"cannot be run on a batch of the shape \(9, 1, 1, 7\)"):
        fit(Gaussian(), x, torch.zeros(9, 1, 1, 7), epochs=1, batch_size=10)


# programs


WRONG = {
    "another size": ("plate", r"Shape mismatch inside plate\('data'\) at site x dim -1, 7 vs 10"),
    "subsampled": ("scale", r"data of size 10, with the scale 6.0; expected one plate .*unscaled"),
    "no to_event": ("event", r"all dimensions of an image declared by to_event"),
    "unobserved": ("obs", r"observes nothing at the site 'x'"),
    "another name": ("name", r"observes nothing at the site 'x' \(its sites: image\)"),
    "too small": ("shape", r"distribution at the site 'x' has the shape \(10, 1, 1, 3\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_model_outside_the_contract_is_refused_before_training(name, x):
    wrong, message = WRONG[name]
    parameter = nn.Parameter(torch.zeros(1, 1, 3 if wrong == "shape" else 4))

    class Model(ppgen.Program):
        def __init__(self):
            super().__init__()
            self.mean = parameter

        def model(self, x=None, *, n=1):
            size = 7 if wrong == "plate" else len(x)
            normal = pyro.distributions.Normal(self.mean.expand(len(x), -1, -1, -1), 1.0)
            size, subsample = (60, x) if wrong == "scale" else (size, None)
            with pyro.plate("data", size if wrong != "event" else 4, subsample=subsample):
                pyro.sample(
                    "image" if wrong == "name" else "x",
                    normal if wrong == "event" else normal.to_event(3),
                    obs=None if wrong == "obs" else x,
                )

    with pytest.raises(ValueError, match=message):
        fit(Model(), x, epochs=1, batch_size=10)


def test_an_autoguide_for_latents_of_each_image_is_refused(x):
    program = Gaussian()
    guide = pyro.infer.autoguide.AutoNormal(program.model)
    with pytest.raises(ValueError, match=r"must not depend on the number of images.*write a guide"):
        fit((program.model, guide), x, epochs=1, batch_size=10)


def test_parameters_of_bare_functions_would_be_lost(x):
    with pytest.raises(ValueError, match="would be lost after this call; keep them in a program"):
        fit((function_model, function_guide), x, epochs=1, batch_size=10)


def test_a_network_that_only_a_helper_knows_is_not_left_untrained(x):
    decoder = torch.nn.Linear(1, 4)

    def decode(z):
        return decoder(z).unflatten(-1, (1, 1, 4))

    class Hidden(Gaussian):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", pyro.distributions.Normal(torch.zeros(1), 1.0).to_event(1))
                return pyro.sample("x", pyro.distributions.Normal(decode(z), 1).to_event(3), obs=x)

    with pytest.raises(ValueError, match=r"shapes .*\(4, 1\).* that want gradients"):
        fit(Hidden(), x, epochs=1, batch_size=20)

    class Named(Hidden):
        def model(self, *args, **kwargs):
            pyro.module("decoder", decoder)
            return super().model(*args, **kwargs)

    before = decoder.weight.detach().clone()
    fit(Named(), x, epochs=1, batch_size=20)
    assert not torch.equal(decoder.weight, before)


def test_a_program_without_parameters_says_so():
    program = Pixels()
    program.logits.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameters to train"):
        fit(program, torch.ones(5, 1, 3, 3), epochs=1, batch_size=5)


# folders


def test_a_folder_that_holds_another_run_is_not_overwritten(x, tmp_path):
    fit(Gaussian(), x, epochs=1, batch_size=10, out=tmp_path)
    saved = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(CheckpointError, match="holds the checkpoint of another run"):
        fit(Gaussian(), x, epochs=1, batch_size=10, out=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == saved


def test_a_folder_that_cannot_be_written_is_known_before_training(x, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    program = Gaussian()
    before = weights(program)
    with pytest.raises(CheckpointError, match=r"cannot write a checkpoint into .*file/run"):
        fit(program, x, epochs=1, batch_size=10, out=tmp_path / "file" / "run")
    assert_same(before, weights(program))
