"""`fit` against closed forms, a loop by hand, and arguments that cannot be meant."""

import copy
import warnings
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian, Mixture, Pixels, function_guide, function_model
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau

import ppgen
from ppgen.batches import Batches
from ppgen.inference import CheckpointError, NotFiniteError
from ppgen.objectives import MeanFieldELBO, TensorELBO

fit = partial(ppgen.fit, progress=False)


@pytest.fixture
def x():
    return torch.randn(60, 1, 1, 4) @ torch.tensor([1.0, 0.5, -0.5, 1.0]).diag()


def weights(program):
    return {name: value.clone() for name, value in program.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_maximum_likelihood_by_svi_reaches_the_closed_form(binary_images):
    program = Pixels()
    fit(program, binary_images, epochs=400, batch_size=40, optimizer=partial(Adam, lr=0.1))
    mean = binary_images.mean(0).clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(program.logits.detach().sigmoid(), mean, rtol=0, atol=2e-3)


def test_svi_reaches_the_exact_posterior(x):
    program = Gaussian()
    program.weights.requires_grad_(False)
    fit(program, x, epochs=300, batch_size=60, optimizer=partial(Adam, lr=0.02))
    found = program.encoder.weight.detach().clone(), program.encoder.bias.detach().clone()
    program.use_exact_posterior()
    torch.testing.assert_close(found[0], program.encoder.weight.detach(), rtol=0, atol=0.05)
    torch.testing.assert_close(found[1], program.encoder.bias.detach(), rtol=0, atol=0.05)


def test_equals_a_loop_by_hand_bit_for_bit(x):
    program = Gaussian()
    by_hand = copy.deepcopy(program)
    optimizer = SGD(by_hand.parameters(), lr=0.05)
    pyro.set_rng_seed(7)
    for epoch in (1, 2, 3):
        for (batch,) in Batches(x, 16).shuffled(seed=7, epoch=epoch):
            optimizer.zero_grad()
            loss = MeanFieldELBO().differentiable_loss(by_hand.model, by_hand.guide, batch)
            (loss / len(batch)).backward()
            optimizer.step()
    fit(program, x, epochs=3, batch_size=16, seed=7, optimizer=partial(SGD, lr=0.05))
    assert_same(weights(program), weights(by_hand))


ELBOS = {
    "TensorELBO": (Gaussian, TensorELBO()),
    "MeanFieldELBO": (Gaussian, MeanFieldELBO()),
    "Trace_ELBO": (Gaussian, Trace_ELBO()),
    "Trace_ELBO, particles": (Gaussian, Trace_ELBO(4, vectorize_particles=True)),
    "TraceMeanField_ELBO": (Gaussian, TraceMeanField_ELBO()),
    "RenyiELBO": (Gaussian, RenyiELBO(alpha=0.0, num_particles=4, vectorize_particles=True)),
    "TraceGraph_ELBO": (BeliefNet, TraceGraph_ELBO()),
    "ReweightedWakeSleep": (
        BeliefNet,
        ReweightedWakeSleep(num_particles=4, vectorize_particles=True, insomnia=1.0),
    ),
    "TensorELBO, score function": (BeliefNet, TensorELBO()),
    "TraceEnum_ELBO": (Mixture, TraceEnum_ELBO(max_plate_nesting=1)),
}


@pytest.mark.parametrize("name", ELBOS)
def test_any_elbo_trains_model_and_guide(name, x, binary_images):
    make, elbo = ELBOS[name]
    program = make()
    data = x if make is Gaussian else binary_images
    before = weights(program)
    history = fit(
        program, data, data, epochs=30, batch_size=20, elbo=elbo,
        optimizer=partial(Adam, lr=0.02),
    )  # fmt: skip
    validation = history.column("validation")[1]
    assert np.mean(validation[-5:]) > validation[0]
    assert all(not torch.equal(before[n], value) for n, value in program.named_parameters())
    assert not list(pyro.get_param_store())


def test_enumeration_gives_the_exact_likelihood(binary_images):
    program = Mixture()
    history = fit(program, binary_images, binary_images, epochs=0)
    exact = program.log_likelihood(binary_images).mean().item()
    assert history.epochs[0].validation == pytest.approx(exact, rel=1e-5)


def test_the_callers_random_numbers_and_settings_are_left_as_they_were(x):
    program = Gaussian()
    pyro.set_rng_seed(5)
    expected = torch.rand(3), np.random.rand(3)
    settings = torch.distributions.Distribution._validate_args
    pyro.set_rng_seed(5)
    fit(program, x, x, epochs=1)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])
    assert torch.distributions.Distribution._validate_args == settings


def test_validation_and_callback_do_not_change_the_training(x):
    plain, watched = Gaussian(), Gaussian()
    watched.load_state_dict(plain.state_dict())
    fit(plain, x, epochs=3, batch_size=20)

    def draw(program, history):
        torch.rand(10), np.random.rand(3), program.model(n=5)

    lasts = []
    fit(
        watched, x, torch.randn(9, 1, 1, 4), epochs=3, batch_size=20,
        callback=lambda p, h: (draw(p, h), lasts.append(weights(p)))[0],
    )  # fmt: skip
    assert_same(weights(plain), lasts[-1])


def test_early_stopping_restores_the_best_epoch(x):
    """Trained on data of another kind than the validation's, a program gets worse."""
    seen = {}
    program = Gaussian()
    history = fit(
        program, x + 3.0, x, epochs=50, batch_size=10, patience=4, optimizer=partial(Adam, lr=0.05),
        callback=lambda p, h: seen.setdefault(h.last, weights(p)) and None,
    )  # fmt: skip
    assert history.last == history.best.number + 4 < 50
    assert_same(weights(program), seen[history.best.number])
    validation = history.column("validation")[1]
    assert history.best.validation == max(validation)


def test_without_validation_the_last_weights_are_kept(x):
    seen = {}
    program = Gaussian()
    fit(program, x, epochs=3, callback=lambda p, h: seen.update({h.last: weights(p)}), batch_size=9)
    assert_same(weights(program), seen[3])


def test_a_callback_can_stop_the_fit(x):
    history = fit(Gaussian(), x, epochs=9, batch_size=9, callback=lambda p, h: h.last == 2)
    assert history.last == 2


def test_the_average_is_the_recursion_by_hand(x):
    raw, averaged = Gaussian(), Gaussian()
    averaged.load_state_dict(raw.state_dict())
    expected = raw.weights.detach().clone()
    step = 0

    class Recorder(SGD):
        def step(self):
            nonlocal expected, step
            super().step()
            step += 1
            decay = min(0.9, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * raw.weights.detach()

    fit(raw, x, epochs=2, batch_size=10, optimizer=partial(Recorder, lr=0.01))
    fit(averaged, x, epochs=2, batch_size=10, optimizer=partial(SGD, lr=0.01), average=0.9)
    torch.testing.assert_close(averaged.weights.detach(), expected)
    assert not torch.equal(averaged.weights, raw.weights)


def test_clipping_bounds_the_step(x):
    program = Gaussian()
    before = program.weights.detach().clone()
    fit(program, 10 * x, epochs=1, batch_size=60, optimizer=partial(SGD, lr=1.0), clip_norm=0.1)
    assert 0 < (program.weights - before).norm() <= 0.1 + 1e-6


SCHEDULES = [
    partial(ExponentialLR, gamma=0.5),
    partial(ReduceLROnPlateau, factor=0.1, patience=0, threshold=0.05),
]


@pytest.mark.parametrize("scheduler", SCHEDULES)
def test_the_schedule_steps_once_an_epoch(x, scheduler):
    history = fit(
        Gaussian(), x + 3.0, x, epochs=6, batch_size=10,
        optimizer=partial(SGD, lr=0.1), scheduler=scheduler, clip_norm=1.0,
    )  # fmt: skip
    alone = SGD([nn.Parameter(torch.zeros(()))], lr=0.1)
    schedule = scheduler(alone)
    expected = [0.1]
    for epoch in history.epochs[1:]:
        expected.append(alone.param_groups[0]["lr"])
        alone.step()
        schedule.step(*[-epoch.validation] * isinstance(schedule, ReduceLROnPlateau))
    rates = history.column("learning_rate")[1]
    assert rates == pytest.approx(expected)
    assert rates[-1] < rates[0]


def test_context_goes_to_model_and_guide(x):
    class Shifted(Pixels):
        def model(self, x=None, y=None, *, n=1):
            seen.append(y)
            return super().model(x, n=n)

        def guide(self, x, y):
            """Nothing is latent."""

    seen = []
    images = torch.ones(10, 1, 3, 3)
    fit(Shifted(), (images, torch.arange(10)), epochs=1, batch_size=5)
    assert sorted(torch.cat(seen[-2:]).tolist()) == list(range(10))


def test_bfloat16_trains_and_keeps_float32_weights(x):
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


@pytest.mark.parametrize("training", [True, False])
def test_the_program_is_left_in_the_mode_it_was_in(x, training):
    program = Gaussian().train(training)
    fit(program, x, x, epochs=1, callback=lambda p, h: not p.training or pytest.fail("training"))
    assert program.training == training


def test_the_progress_bar_shows_bound_and_speed(x, capsys):
    history = ppgen.fit(Gaussian(), x, x, epochs=3, batch_size=20)
    shown = capsys.readouterr().err
    assert "images/s, ELBO -" in shown
    assert f"epoch 3, validation {history.epochs[3].validation:.2f}" in shown
    assert "180/180" in shown


def test_tensorboard_gets_every_epoch(x, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = fit(Gaussian(), x, x, epochs=3, batch_size=20, out=tmp_path, tensorboard=True)
    log = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    written = [event.value for event in log.Scalars("validation")]
    assert written == pytest.approx(history.column("validation")[1], rel=1e-5)


class Exploding(Gaussian):
    """Its encoder's weight becomes infinite at the eighth step."""

    calls = 0

    def guide(self, x):
        self.calls += self.training
        if self.training and self.calls == 8:
            self.encoder.weight.data[0, 0] = torch.inf
        return super().guide(x)


def test_a_loss_that_is_not_finite_names_step_site_and_parameter(x, tmp_path):
    with pytest.raises(NotFiniteError) as caught:
        fit(Exploding(), x, epochs=5, batch_size=20, out=tmp_path)
    message = str(caught.value)
    assert "epoch 3, step 2: the loss is" in message
    assert "sites: z" in message or "encoder.weight" in message
    assert "encoder.weight" in message
    assert str(tmp_path / "checkpoint.pt") in message
    assert ppgen.inference.load(Gaussian(), tmp_path).encoder.weight.isfinite().all()


def test_a_gradient_that_is_not_finite_is_found_before_the_step(x):
    class Root(Pixels):
        def __init__(self):
            super().__init__((1, 1, 4))
            self.zero = nn.Parameter(torch.zeros(()))

        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                mean = self.logits + self.zero.sqrt()  # the derivative at 0 is infinite
                return pyro.sample("x", pyro.distributions.Normal(mean, 1.0).to_event(3), obs=x)

    program = Root()
    with pytest.raises(NotFiniteError, match="gradients of the parameters: zero"):
        fit(program, x, epochs=1, batch_size=20)
    assert torch.equal(program.logits, torch.zeros(1, 1, 4))


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


def test_validation_images_of_another_shape_are_refused(x):
    with pytest.raises(ValueError, match=r"cannot be run on a batch of the shape \(9, 1, 1, 7\)"):
        fit(Gaussian(), x, torch.zeros(9, 1, 1, 7), epochs=1, batch_size=10)


def test_parameters_of_bare_functions_would_be_lost(x):
    with pytest.raises(ValueError, match="would be lost after this call; keep them in a program"):
        fit((function_model, function_guide), x, epochs=1, batch_size=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": Adam([nn.Parameter(torch.zeros(1))])}, "optimizer is Adam"),
        ({"optimizer": pyro.optim.Adam({"lr": 0.1})}, "expected a maker of torch optimisers"),
        ({"elbo": Trace_ELBO}, "elbo is <class .*; expected an instance"),
        ({"elbo": pyro.infer.JitTrace_ELBO()}, "compile='on'"),
    ],
)
def test_things_of_the_wrong_kind(arguments, message, x):
    with pytest.raises(TypeError, match=message):
        fit(Gaussian(), x, epochs=1, batch_size=10, **arguments)


def test_a_binomial_is_a_likelihood_like_any_other():
    class Levels(Pixels):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                levels = pyro.distributions.Binomial(16, logits=self.logits).to_event(3)
                return pyro.sample("x", levels, obs=x)

    images = torch.randint(0, 17, (45, 1, 3, 3), dtype=torch.uint8)
    program = Levels()
    fit(program, images, epochs=300, batch_size=20, optimizer=partial(Adam, lr=0.05))
    mean = images.float().mean(0) / 16
    torch.testing.assert_close(program.logits.detach().sigmoid(), mean, rtol=0, atol=0.05)


def test_a_validation_that_is_not_finite_is_never_the_best():
    values = [np.nan, -3.0, np.inf, -2.0, -np.inf, -2.5]
    epochs = [ppgen.inference.Epoch(i, None, value, 0.0, 0.1) for i, value in enumerate(values)]
    assert ppgen.inference.History(epochs).best is epochs[3]
    assert ppgen.inference.History(epochs[:1]).best is None


def test_a_program_without_parameters_says_so():
    program = Pixels()
    program.logits.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameters to train"):
        fit(program, torch.ones(5, 1, 3, 3), epochs=1, batch_size=5)


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


def test_nothing_is_warned_of_in_a_plain_fit(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(Gaussian(), x, x, epochs=2, batch_size=25, average=0.9)
