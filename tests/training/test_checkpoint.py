"""Checkpoints: a killed run ends as if it had not been, and nothing saved is ever lost."""

import os
import pickle
import random
from functools import partial

import numpy as np
import pyro
import pytest
import torch
from programs import Gaussian, Pixels, function_guide, function_model
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

import ppgen
from ppgen.objectives import BetaELBO, MeanFieldELBO
from ppgen.running import own_random_state, random_state, set_random_state
from ppgen.training import CheckpointError, load
from ppgen.training.archive import read

fit = partial(ppgen.fit, progress=False)


@pytest.fixture
def x():
    return torch.randn(60, 1, 1, 4)


pytestmark = pytest.mark.usefixtures("one_thread")


def train(folder, epochs=12):
    """Use everything that has a state: dropout, schedule, average, validation, numpy, Python."""
    pyro.set_rng_seed(0)
    data = torch.bernoulli(torch.full((200, 1, 8, 8), 0.4))
    vae = ppgen.models.VAE.mlp((1, 8, 8), latent=3, hidden=(32,))
    vae.encoder.insert(1, torch.nn.Dropout(0.2))

    def noisy(images):
        flip = np.random.rand() < 0.5 and random.random() < 0.5
        return torch.bernoulli(images.flip(-1) if flip else images)

    history = fit(
        vae, data[:150], data[150:], epochs=epochs, batch_size=32, transform=noisy,
        optimizer=partial(Adam, lr=0.01), scheduler=partial(CosineAnnealingLR, T_max=12),
        average=0.9, out=folder, resume=True,
    )  # fmt: skip
    return vae, history


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of twelve epochs without a break."""
    return train(tmp_path_factory.mktemp("whole"))


def assert_same_run(first, second):
    (vae, history), (other_vae, other_history) = first, second
    for name, value in vae.state_dict().items():
        assert torch.equal(value, other_vae.state_dict()[name]), name
    for name in ("elbo", "validation", "learning_rate"):
        assert history.column(name) == other_history.column(name)


def test_a_run_in_parts_equals_a_run_in_one(whole, tmp_path):
    for epochs in (3, 4, 9):
        train(tmp_path / "parts", epochs)
    assert_same_run(whole, train(tmp_path / "parts"))


def test_a_finished_run_is_not_trained_again(tmp_path):
    _, history = train(tmp_path, 3)
    saved = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    assert train(tmp_path, 3)[1] == history
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns == saved


def flip_a_bit_of_the_weights(path):
    raw = bytearray(path.read_bytes())
    weights = next(iter(read(path)["program"].values())).numpy().tobytes()
    raw[raw.index(weights) + 5] ^= 1
    path.write_bytes(raw)


def run_code(path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(path.parent / "was here"),))

    torch.save({"format": "ppgen checkpoint", "version": 1, "program": Evil()}, path)


def without(key):
    """Leave an entry out of a file."""

    def harm(path):
        content = read(path)
        del content[key]
        torch.save(content | {"version": 1} if key != "version" else content, path)

    return harm


DAMAGE = {
    "flipped bit": (flip_a_bit_of_the_weights, "is damaged: it fails its checksum"),
    "cut short": (lambda p: p.write_bytes(p.read_bytes()[:1000]), "is no readable checkpoint"),
    "empty": (lambda p: p.write_bytes(b""), "is no readable checkpoint"),
    "text": (lambda p: p.write_text("hello"), "is no readable checkpoint"),
    "plain pickle": (lambda p: p.write_bytes(pickle.dumps([1])), "is no readable checkpoint"),
    "another torch file": (lambda p: torch.save({"a": 1}, p), "is a file of another kind"),
    "another version": (
        lambda p: torch.save({"format": "ppgen checkpoint", "version": 99}, p),
        "has the format version 99; this ppgen reads 1 and 2",
    ),
    "code": (run_code, r"is no readable checkpoint: it holds \w+\.mkdir, which might run code"),
    "no digest": (lambda p: torch.save(read(p), p), "is damaged: the digest at its end is missing"),
    "no version": (without("version"), "has the format version None; this ppgen reads 1 and 2"),
    "no weights": (without("result"), "holds no weights; expected a dict as its entry 'result'"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(name, whole, tmp_path):
    harm, message = DAMAGE[name]
    train(tmp_path / "run", 5)
    harm(tmp_path / "run" / "checkpoint.pt")
    with pytest.warns(UserWarning, match=rf"checkpoint\.pt {message}.*going on from .*previous"):
        again = train(tmp_path / "run")
    assert_same_run(whole, again)
    assert not (tmp_path / "run" / "was here").exists()


def test_a_checkpoint_of_the_first_version_is_gone_on_with(whole, tmp_path):
    """It has no digest at its end, and else the same content."""
    train(tmp_path, 5)
    for path in tmp_path.glob("*.pt"):
        torch.save(read(path) | {"version": 1}, path)
        read(path)
    assert_same_run(whole, train(tmp_path))


@pytest.mark.parametrize("key", ["program", "optimizer", "history", "random", "kept"])
def test_a_checkpoint_without_an_entry_is_named(key, tmp_path):
    train(tmp_path, 1)
    without(key)(tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=f"not of such a fit: it has no '{key}'"):
        train(tmp_path)


def test_a_file_of_a_program_alone_is_no_checkpoint_of_a_run(x, tmp_path):
    ppgen.save(Gaussian(), tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="a file of a program, not a checkpoint of a fit"):
        fit(Gaussian(), x, epochs=1, out=tmp_path, resume=True)


def test_a_program_without_a_description_is_asked_for(tmp_path):
    torch.save({"format": "ppgen checkpoint", "version": 1, "result": {}}, tmp_path / "old.pt")
    with pytest.raises(
        CheckpointError, match=r"expected load\(path, program\).* state of a program: it"
    ):
        load(tmp_path / "old.pt")


def test_where_both_are_damaged_the_run_does_not_start_anew(tmp_path):
    train(tmp_path, 3)
    for path in tmp_path.glob("*.pt"):
        path.write_bytes(b"?")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is no.*previous\.pt is no"):
        train(tmp_path)


def test_a_checkpoint_of_another_program_is_refused(x, tmp_path):
    fit(Gaussian(), x, epochs=1, batch_size=20, out=tmp_path)
    with pytest.raises(CheckpointError, match=r"another program: parameter 'weights' is .* \(4,\)"):
        fit(
            Gaussian(5),
            torch.randn(60, 1, 1, 5),
            epochs=2,
            batch_size=20,
            out=tmp_path,
            resume=True,
        )
    with pytest.raises(CheckpointError, match="another program: parameter 'logits'"):
        load(tmp_path, Pixels())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"batch_size": 30}, "batch_size was 20 and is 30"),
        (
            {"optimizer": partial(Adam, lr=1e-2)},
            "settings: optimizer's lr was 0.001 and is 0.01",
        ),
        ({"clip_norm": 1.0}, "clip_norm was None and is 1.0"),
        (
            {"objective": pyro.infer.Trace_ELBO()},
            "objective was 'MeanFieldELBO' and is 'Trace_ELBO'",
        ),
        ({"objective": BetaELBO(beta=2.0)}, "objective's beta was 'absent' and is 2.0"),
        ({"objective": MeanFieldELBO(2)}, "settings: objective's num_particles was 1 and is 2$"),
        ({"scheduler": partial(StepLR, step_size=1)}, "scheduler was None and is 'StepLR'"),
        ({"average": 0.9}, "average was None and is 0.9"),
    ],
)
def test_a_run_is_not_resumed_under_other_settings(x, tmp_path, change, message):
    fit(Gaussian(), x, epochs=1, batch_size=20, out=tmp_path)
    with pytest.raises(CheckpointError, match=message):
        fit(
            Gaussian(),
            x,
            **{"epochs": 2, "batch_size": 20, "out": tmp_path, "resume": True, **change},
        )


def test_a_schedule_made_for_fewer_epochs_is_not_gone_on_with(x, tmp_path):
    def run(epochs, **options):
        schedule = partial(CosineAnnealingLR, T_max=epochs)
        return fit(
            Gaussian(), x, epochs=epochs, batch_size=20, scheduler=schedule, out=tmp_path, **options
        )

    run(2)
    with pytest.raises(CheckpointError, match=r"settings: scheduler's T_max was 2 and is 4$"):
        run(4, resume=True)


def test_a_run_is_not_resumed_on_other_images(x, tmp_path):
    fit(Gaussian(), x, epochs=1, batch_size=20, out=tmp_path)
    with pytest.raises(CheckpointError, match=r"data was .* and is"):
        fit(Gaussian(), 1 - x, epochs=2, batch_size=20, out=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"validation was None and is \d+"):
        fit(Gaussian(), x, x, epochs=2, batch_size=20, out=tmp_path, resume=True)


def test_a_run_that_its_callback_stopped_stays_stopped(x, tmp_path):
    for _ in range(3):
        history = fit(
            Gaussian(), x, epochs=9, batch_size=20, out=tmp_path, resume=True,
            callback=lambda p, h: h.last >= 2,
        )  # fmt: skip
        assert history.last == 2


def test_load_gives_the_weights_that_the_fit_ended_with(x, tmp_path):
    program = Gaussian()
    fit(program, x + 3, x, epochs=9, batch_size=20, out=tmp_path, average=0.9)
    loaded = load(tmp_path, Gaussian())
    pyro.set_rng_seed(0)
    elbo = ppgen.elbo(program, x).per_example
    pyro.set_rng_seed(0)
    assert torch.equal(elbo, ppgen.elbo(loaded, x).per_example)


def test_load_makes_the_parameters_of_plain_functions(x, tmp_path):
    pair = ppgen.as_program((function_model, function_guide))
    fit(pair, x, epochs=2, batch_size=20, out=tmp_path)
    loaded = load(tmp_path, (function_model, function_guide), x[:2])
    assert torch.equal(ppgen.elbo(pair, x).per_example, ppgen.elbo(loaded, x).per_example)


def test_load_without_an_example_says_what_to_pass(x, tmp_path):
    pair = ppgen.as_program((function_model, function_guide))
    fit(pair, x, epochs=1, batch_size=20, out=tmp_path)
    with pytest.raises(CheckpointError, match=r"load\(path, program, data\)"):
        load(tmp_path, (function_model, function_guide))


def test_load_from_an_empty_folder_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint in"):
        load(tmp_path, Gaussian())


def test_random_state_round_trip_through_a_safe_file(tmp_path):
    torch.save(random_state(), tmp_path / "state")
    expected = torch.rand(3), np.random.rand(3), np.random.randn(), random.random()
    set_random_state(torch.load(tmp_path / "state", weights_only=True))
    again = torch.rand(3), np.random.rand(3), np.random.randn(), random.random()
    assert torch.equal(again[0], expected[0])
    assert np.array_equal(again[1], expected[1])
    assert again[2:] == expected[2:]


def test_own_random_state_is_restored_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(KeyError), own_random_state(3):
        raise KeyError(torch.rand(2))
    assert torch.equal(before, torch.get_rng_state())
