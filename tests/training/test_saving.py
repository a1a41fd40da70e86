"""Files of whole programs, and what a program is compared by."""

import os
from functools import partial

import networkx as nx
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import ppgen
from ppgen import autoregressive, likelihoods
from ppgen.models import (
    PPCA,
    VAE,
    AutoregressiveModel,
    BernoulliMixture,
    ExactSigmoidBeliefNet,
    Exponential,
    HierarchicalVAE,
    LatentPositionGraph,
    LinearRegression,
    LogisticRegression,
    SigmoidBeliefNet,
)
from ppgen.models.posteriors import InverseAutoregressiveFlow
from ppgen.training import CheckpointError
from ppgen.training.archive import read
from ppgen.training.description import describe

SHAPE = (1, 4, 4)

MODELS = {
    "VAE": partial(VAE.mlp, SHAPE, latent=2),
    "VAE with softplus": partial(VAE.mlp, SHAPE, latent=2, activation=nn.Softplus),
    "VAE with Gaussian pixels": partial(
        VAE.mlp, SHAPE, latent=2, likelihood=likelihoods.Gaussian(variance_floor=0.02)
    ),
    "VAE with levels": partial(
        VAE.mlp, SHAPE, latent=2, likelihood=likelihoods.DiscretizedLogisticMixture(2, levels=4)
    ),
    "VAE of convolutions": partial(VAE.convolutional, (1, 8, 8), latent=2),
    "VAE with a flow": partial(VAE.mlp, SHAPE, latent=InverseAutoregressiveFlow(2)),
    "VAE of three layers": partial(HierarchicalVAE.mlp, SHAPE, latent=4, above=(3, 2)),
    "PPCA": partial(PPCA, SHAPE, 2),
    "mixture": partial(BernoulliMixture, SHAPE, 3),
    "belief net": partial(SigmoidBeliefNet, SHAPE, (5, 4)),
    "exact belief net": lambda: ExactSigmoidBeliefNet(SigmoidBeliefNet(SHAPE, (5,))),
    "exponential": partial(Exponential, 2.0),
    "linear regression": partial(LinearRegression, 3),
    "logistic regression": partial(LogisticRegression, 3),
    "graph": partial(LatentPositionGraph.from_graph, nx.karate_club_graph()),
} | {
    name: lambda name=name: AutoregressiveModel(getattr(autoregressive, name)(SHAPE))
    for name in (
        *("Independent", "FullyVisible", "MADE", "NADE", "PixelCNN", "GatedPixelCNN", "LSTM"),
        "Transformer",
    )
}


class Coins(ppgen.Program):
    """A class of a user's own, with an attribute that counts."""

    def __init__(self, sides=2):
        super().__init__()
        self.logits = nn.Parameter(torch.randn(sides))
        self.network = nn.Sequential(nn.Linear(sides, sides), nn.Tanh())
        self.calls = 0

    def model(self, x=None, *, n=1):
        self.calls += 1
        with pyro.plate("data", n if x is None else len(x)):
            law = dist.Bernoulli(logits=self.network(self.logits)).to_event(1)
            return pyro.sample("x", law, obs=x)


class MoreCoins(Coins):
    """Another class with the same parameters."""


def drawn(program):
    pyro.set_rng_seed(0)
    with torch.no_grad():
        return program.model(n=3)


def same(one, other):
    one, other = (x if isinstance(x, tuple | list) else (x,) for x in (one, other))
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_the_projects_own_is_read_from_its_file_alone(name, tmp_path):
    program = MODELS[name]().double()
    program.observed = ("x",)
    ppgen.save(program, tmp_path / "model.pt")
    torch.manual_seed(5)  # a model made anew would have other parameters
    again = ppgen.load(tmp_path / "model.pt")
    assert type(again) is type(program)
    assert again.dtype == torch.float64
    assert again.observed == ("x",)
    assert describe("program", again) == describe("program", program)
    if name not in ("graph", "linear regression", "logistic regression"):
        assert same(drawn(again), drawn(program))
    assert all(map(torch.equal, again.parameters(), program.parameters()))


@pytest.mark.parametrize(
    ("there", "here", "message"),
    [
        ("VAE", "VAE with softplus", r"encoder\.2 was 'ReLU' and is 'Softplus'"),
        ("VAE with softplus", "VAE", r"encoder\.2 was 'Softplus' and is 'ReLU'"),
        ("exponential", "mixture", "parameter 'pixel_logits'|parameter "),
    ],
)
@pytest.mark.parametrize("kind", ["a file", "a fit"])
def test_a_model_made_in_another_way_is_refused(there, here, message, kind, tmp_path):
    program = MODELS[there]()
    if kind == "a file":
        path = tmp_path / "model.pt"
        ppgen.save(program, path)
    else:
        path = tmp_path
        x = torch.ones(4, *([] if there == "exponential" else SHAPE))
        ppgen.fit(program, x, epochs=1, out=path, progress=False)
    other = MODELS[here]()
    before = {key: value.clone() for key, value in other.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"of another program: .*{message}"):
        ppgen.load(path, other)
    assert all(torch.equal(before[key], value) for key, value in other.state_dict().items())


def test_another_likelihood_with_the_same_shapes_is_refused(tmp_path):
    """Log p(x) of one and of the other differ by tens of nats, and nothing else would tell."""
    bernoulli = VAE.mlp(SHAPE, latent=2)
    soft = VAE.mlp(SHAPE, latent=2, likelihood=likelihoods.ContinuousBernoulli())
    ppgen.save(bernoulli, tmp_path / "vae.pt")
    message = "likelihood was 'Bernoulli' and is 'ContinuousBernoulli'"
    with pytest.raises(CheckpointError, match=message):
        ppgen.load(tmp_path / "vae.pt", soft)
    x = torch.ones(4, *SHAPE)
    ppgen.fit(bernoulli, x, epochs=1, out=tmp_path / "fit", progress=False)
    with pytest.raises(CheckpointError, match=message):
        ppgen.fit(soft, x, epochs=2, out=tmp_path / "fit", resume=True, progress=False)


def test_a_constant_of_the_likelihood_is_compared(tmp_path):
    floor = partial(VAE.mlp, SHAPE, latent=2)
    ppgen.save(floor(likelihood=likelihoods.Gaussian(variance_floor=0.1)), tmp_path / "vae.pt")
    with pytest.raises(CheckpointError, match=r"likelihood\.variance_floor was 0\.1 and is 0\.2"):
        ppgen.load(tmp_path / "vae.pt", floor(likelihood=likelihoods.Gaussian(variance_floor=0.2)))


def test_a_class_of_the_users_own_is_filled_and_checked(tmp_path):
    coins = Coins()
    ppgen.save(coins, tmp_path / "coins.pt")
    coins.calls = 7
    with pytest.raises(
        CheckpointError, match=r"^expected load\(path, program\).* state of a Coins: it or a part"
    ):
        ppgen.load(tmp_path / "coins.pt")
    again = ppgen.load(tmp_path / "coins.pt", Coins())
    assert torch.equal(drawn(again), drawn(coins))
    with pytest.raises(CheckpointError, match="program was 'Coins' and is 'MoreCoins'"):
        ppgen.load(tmp_path / "coins.pt", MoreCoins())
    with pytest.raises(CheckpointError, match=r"parameter 'logits' is of the shape \(2,\) and"):
        ppgen.load(tmp_path / "coins.pt", Coins(3))


def test_a_network_of_the_users_own_in_a_model_of_ours_is_named(tmp_path):
    class Network(nn.Linear):
        pass

    vae = VAE(SHAPE, nn.Sequential(nn.Flatten(), Network(16, 4)), nn.Linear(2, 16), 2)
    ppgen.save(vae, tmp_path / "vae.pt")
    with pytest.raises(CheckpointError, match="program is None"):
        ppgen.load(tmp_path / "vae.pt")
    plain = VAE(SHAPE, nn.Sequential(nn.Flatten(), nn.Linear(16, 4)), nn.Linear(2, 16), 2)
    with pytest.raises(CheckpointError, match=r"encoder\.1 was '\S+Network' and is 'Linear'"):
        ppgen.load(tmp_path / "vae.pt", plain)


def test_functions_and_their_parameters(tmp_path):
    def model(x):
        mean = pyro.param("mean", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(mean, 1.0), obs=x)

    x = torch.randn(20) + 3
    program = ppgen.as_program(model)
    ppgen.fit(program, x, steps=20, lr=0.1, progress=False)
    ppgen.save(program, tmp_path / "model.pt")
    again = ppgen.load(tmp_path / "model.pt", model, x)
    assert ppgen.elbo(again, x).total == ppgen.elbo(program, x).total
    assert again.observed == ("x",)
    with pytest.raises(CheckpointError, match=r"load\(path, program, data\)"):
        ppgen.load(tmp_path / "model.pt", model)


def test_a_file_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "was here"),))

    content = {"format": "ppgen checkpoint", "version": 1, "result": {}, "object": Evil()}
    torch.save(content, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="no readable"):
        ppgen.load(tmp_path / "evil.pt")
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize("name", ["torch.nn.init.zeros_", "ppgen.models.vae.pyro.sample"])
def test_a_file_calls_no_function_of_a_trusted_package(name, tmp_path):
    class Call:
        def __reduce__(self):
            target = torch.nn.init.zeros_ if "init" in name else pyro.sample
            return (target, (torch.ones(3),))

    content = {"format": "ppgen checkpoint", "version": 1, "result": {}, "object": Call()}
    torch.save(content, tmp_path / "call.pt")
    with pytest.raises(CheckpointError, match="no readable"):
        ppgen.load(tmp_path / "call.pt")


def test_a_file_that_cannot_be_written_leaves_the_one_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "vae.pt"
    ppgen.save(MODELS["VAE"](), path)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device.*before it is kept"):
        ppgen.save(MODELS["VAE"](), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_object_adds_little_to_the_parameters(tmp_path):
    """Its tensors are those of the state, written once."""
    vae = VAE.mlp((1, 28, 28), latent=20)
    ppgen.save(vae, tmp_path / "vae.pt")
    torch.save(vae.state_dict(), tmp_path / "state.pt")
    added = (tmp_path / "vae.pt").stat().st_size - (tmp_path / "state.pt").stat().st_size
    assert added < 10_000


def test_a_fit_goes_on_into_a_file_and_back(tmp_path):
    vae = MODELS["VAE"]()
    x = torch.ones(4, *SHAPE)
    ppgen.fit(vae, x, epochs=2, progress=False)
    ppgen.save(vae, tmp_path / "vae.pt")
    assert read(tmp_path / "vae.pt")["description"] == describe("program", vae)
    assert ppgen.elbo(ppgen.load(tmp_path / "vae.pt"), x).total == ppgen.elbo(vae, x).total


def half_normal(upper):
    def model(x):
        constraint = dist.constraints.interval(0.0, upper)
        scale = pyro.param("scale", torch.tensor(0.5), constraint=constraint)
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(0.0, scale), obs=x)

    return model


def test_another_constraint_is_refused(tmp_path):
    """The file holds the unconstrained value, which means another scale under another bound."""
    x = torch.randn(20)
    program = ppgen.as_program(half_normal(1.0))
    ppgen.fit(program, x, steps=3, progress=False)
    ppgen.save(program, tmp_path / "model.pt")
    again = ppgen.load(tmp_path / "model.pt", half_normal(1.0), x)
    assert ppgen.elbo(again, x).total == ppgen.elbo(program, x).total
    with pytest.raises(CheckpointError, match=r"constraint of scale was .*1\.0.* and is .*10\.0"):
        ppgen.load(tmp_path / "model.pt", half_normal(10.0), x)


def test_names_of_parameters_that_torch_keeps_for_itself(tmp_path):
    names = ["a.b", "a/b", "keys", "training", "_modules", "values"]

    def model(x):
        means = [pyro.param(name, torch.tensor(float(i))) for i, name in enumerate(names)]
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(torch.stack(means).sum(), 1.0), obs=x)

    x = torch.randn(20)
    program = ppgen.as_program(model)
    assert ppgen.elbo(program, x).total == pytest.approx(
        dist.Normal(15.0, 1.0).log_prob(x).sum().item(), rel=1e-5
    )
    assert len(list(program.parameters())) == len(names)
    ppgen.save(program, tmp_path / "model.pt")
    assert ppgen.elbo(ppgen.load(tmp_path / "model.pt", model, x), x).total == pytest.approx(
        ppgen.elbo(program, x).total, rel=1e-6
    )


@pytest.mark.parametrize("name", ["vae.tmp", "vae", "vae.pt.tmp"])
def test_any_name_of_a_file_and_no_other_file_is_touched(name, tmp_path):
    (tmp_path / "vae.tmp").write_text("mine") if name != "vae.tmp" else None
    ppgen.save(MODELS["VAE"](), tmp_path / name)
    ppgen.load(tmp_path / name)
    assert name == "vae.tmp" or (tmp_path / "vae.tmp").read_text() == "mine"
