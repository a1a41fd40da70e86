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
    "negative epochs": ({"epochs": -1}, ValueError, "epochs is -1; expected a whole number, 0"),
    "batch size 0": ({"batch_size": 0}, ValueError, "batch_size is 0; expected a whole number, 1"),
    "batch beyond data": ({"batch_size": 61}, ValueError, "batch_size is 61; expected"),
    "patience alone": ({"patience": 3}, ValueError, "patience is 3; expected validation data"),
    "compile": (
        {"compile": "yes"},
        ValueError,
        "compile is 'yes'; expected 'auto', 'off', 'traced' or 'on'",
    ),
    "device": (
        {"device": "abacus"},
        ValueError,
        "device is 'abacus'; expected 'cpu', 'cuda' or another device of torch's",
    ),
    "clip": ({"clip_norm": 0.0}, ValueError, "clip_norm is 0.0; expected a positive"),
    "average": ({"average": 1.5}, ValueError, "average is 1.5; expected a number between"),
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
        ({"objective": Trace_ELBO}, "objective is the class Trace_ELBO; expected an ELBO"),
        ({"objective": pyro.infer.JitTrace_ELBO()}, "compile='on'"),
    ],
)
def test_things_of_the_wrong_kind(arguments, message, x):
    with pytest.raises(TypeError, match=message):
        fit(Gaussian(), x, **{"epochs": 1, "batch_size": 10, **arguments})


# images


def test_what_is_no_image(x):
    with pytest.raises(TypeError, match="data is None; expected a tensor or array"):
        fit(Gaussian(), None, epochs=1)


def test_no_images(x):
    with pytest.raises(
        ValueError, match=r"data has tensors of the lengths \{0: 0\}; expected one row"
    ):
        fit(Gaussian(), x[:0], epochs=1)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_images_that_are_not_finite(x, value):
    x[3, 0, 0, 1] = value
    with pytest.raises(ValueError, match="data holds NaN or infinite values"):
        fit(Gaussian(), x, epochs=1, batch_size=10)


def test_images_outside_the_support_are_named():
    images = torch.zeros(1050, 1, 3, 3)
    images[1042, 0, 1, 1] = 0.5
    with pytest.raises(ValueError, match=r"row 1042 .* has values from 0 to 0.5, outside the su"):
        fit(Pixels(), images, epochs=1, batch_size=10)


def test_images_of_the_wrong_shape_are_refused_before_training():
    vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    with pytest.raises(ValueError, match=r"x has the shape \(20, 1, 3, 3\); expected .*8, 8"):
        fit(vae, torch.zeros(20, 1, 3, 3), epochs=1, batch_size=10)
    with pytest.raises(ValueError, match=r"cannot be run on a batch of the shape \(20, 1, 1, 7\)"):
        fit(Gaussian(), torch.zeros(20, 1, 1, 7), epochs=1, batch_size=10)


def test_validation_images_of_another_shape_are_refused(x):
    with pytest.raises(ValueError, match=r"cannot be run on a batch of the shape \(9, 1, 1, 7\)"):
        fit(Gaussian(), x, torch.zeros(9, 1, 1, 7), epochs=1, batch_size=10)


# programs


def test_a_plate_of_another_size_is_refused_with_pyros_reason(x):
    def model(x):
        with pyro.plate("data", 7):
            mean = pyro.param("mean", torch.zeros(1, 1, 4))
            pyro.sample(
                "x", pyro.distributions.Normal(mean, 1.0).expand(x.shape).to_event(3), obs=x
            )

    with pytest.raises(ValueError, match=r"Shape mismatch inside plate\('data'\) at site x"):
        fit(ppgen.as_program(model), x, epochs=1, batch_size=10)


def latent(model_plate, guide_plate, guide_events=0, shape=1):
    """A latent of each row in the model; the guide declares something else."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pyro.distributions.Normal(0.0, 1.0))
            pyro.sample("x", pyro.distributions.Normal(z, 1.0), obs=x)

    def guide(x):
        size = len(x) if shape == "rows" else shape
        mean = pyro.param("mean", torch.tensor(0.0)).expand([size])
        pyro.sample("z", pyro.distributions.Normal(mean, 1.0).to_event(guide_events))

    return ppgen.as_program((model, guide))


@pytest.mark.parametrize("call", ["fit", "elbo", "iwae"])
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda: latent("data", None, 1, "rows"), "event_dims disagree at site 'z'"),
        (lambda: latent("data", None, 0, 1), "shapes disagree at site 'z'"),
    ],
    ids=["rows declared as an event", "one latent for all rows"],
)
def test_model_and_guide_have_to_match(program, message, call):
    """What Pyro's own check says; without it, the first bound is above the likelihood."""
    calls = {
        "fit": lambda p, x: fit(p, x, epochs=1),
        "elbo": ppgen.elbo,
        "iwae": lambda p, x: ppgen.iwae(p, x, 3),
    }
    with pytest.raises(ValueError, match=message):
        calls[call](program(), torch.randn(20))


@pytest.mark.parametrize("observes", [False, True], ids=["drawn", "observed"])
def test_a_site_of_the_guide_that_the_model_observes_is_refused(observes):
    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("x", pyro.distributions.Normal(0.0, 1.0), obs=x)

    def guide(x):
        mean = pyro.param("mean", torch.tensor(0.0))
        with pyro.plate("data", len(x)):
            fn = pyro.distributions.Normal(mean, 1.0)
            pyro.sample("x", fn, obs=x if observes else None)

    with pytest.raises(ValueError, match="the guide has the site 'x', which the model observes"):
        ppgen.elbo(ppgen.as_program((model, guide)), torch.randn(20))


def test_an_autoguide_for_latents_of_each_row_takes_all_rows_at_once(x):
    program = Gaussian()
    guide = pyro.infer.autoguide.AutoNormal(program.model)
    with pytest.warns(UserWarning, match=r"all \d+ rows are one batch .* subsample=index"):
        history = fit((program.model, guide), x, epochs=3, batch_size=10)
    assert history.steps == 3


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

    with pytest.raises(ValueError, match=r"Named makes the parameters decoder.* attributes"):
        fit(Named(), x, epochs=1, batch_size=20)
    before = decoder.weight.detach().clone()
    program = Named()
    fit((program.model, program.guide), x, epochs=1, batch_size=20)
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
    with pytest.raises(CheckpointError, match=r"cannot write checkpoint.pt into .*file/run"):
        fit(program, x, epochs=1, batch_size=10, out=tmp_path / "file" / "run")
    assert_same(before, weights(program))
