"""Every call in every floating-point type of torch's default, of the program and of the data."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import Gaussian

import ppgen
from ppgen import inference, models
from ppgen.models.posteriors import FactorisedBernoulli
from ppgen.objectives import TensorELBO

X = (torch.linspace(-1, 1, 48).view(12, 1, 1, 4) * 3).sin()
BINARY = (X > 0).float()
LEFT = torch.arange(4) < 2
TYPES = torch.float64, torch.float32, torch.bfloat16, torch.float16
TOLERANCES = dict(zip(TYPES, (1e-4, 1e-4, 0.01, 0.002), strict=True))
FIT = {"epochs": 3, "batch_size": 4, "progress": False}


def linear(dtype, x):
    """A program whose guide is exact; log p of all pixels and of the left ones; a comparison."""
    program = Gaussian(objective=TensorELBO()).to(dtype)
    program.use_exact_posterior()
    weights = program.weights.detach().double()
    covariance = weights.outer(weights) + 0.49 * torch.eye(4).double()
    pixels = x.flatten(1).to(dtype).double()
    p = dist.MultivariateNormal(torch.zeros(4).double(), covariance)
    given = dist.MultivariateNormal(torch.zeros(2).double(), covariance[:2, :2])

    def assert_near(found, expected, tolerance=0.0):
        tolerance += TOLERANCES[dtype] * expected.abs().max().item()
        torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=0)

    return program, p.log_prob(pixels), given.log_prob(pixels[:, :2]), assert_near


def brief(dtype):
    return str(dtype).removeprefix("torch.")


@pytest.mark.parametrize("data", TYPES[:3], ids=brief)
@pytest.mark.parametrize("dtype", TYPES, ids=brief)
@pytest.mark.parametrize("default", TYPES[:2], ids=brief)
def test_bounds_of_a_linear_program(default, dtype, data, default_dtype):
    """The guide is the exact posterior, so each bound is log p(x), up to rounding."""
    default_dtype(default)
    x = X.to(data)
    program, log_p, _, assert_near = linear(dtype, x)
    assert_near(ppgen.elbo(program, x, 3).per_example, log_p)
    assert_near(ppgen.iwae(program, x, 3).per_example, log_p)
    assert_near(ppgen.log_predictive(program, x, 3).per_example, log_p)
    assert ppgen.sample(program, 12).isfinite().all()
    for drawn in (ppgen.predict(program, x)["x"], ppgen.posterior(program, x)["z"]):
        assert drawn.isfinite().all()
    assert ppgen.fit(program, x, x, **FIT).last == 3
    assert {parameter.dtype for parameter in program.parameters()} == {dtype}


@pytest.mark.parametrize(
    ("default", "dtype"),
    zip(TYPES[:2] * 2, TYPES[1:2] + TYPES[:1] + TYPES[2:], strict=True),
    ids=brief,
)
def test_estimates_that_fit_or_move_latents(default, dtype, default_dtype):
    """Seeds are fixed; the tolerances are twice the largest error that was seen."""
    default_dtype(default)
    program, log_p, log_given, assert_near = linear(dtype, X)
    evidence = inference.log_evidence(program, program.guide, X, particles=3)
    assert_near(evidence.each, log_p)
    assert_near(inference.ais(program, X, 16, 20, leapfrogs=3).each, log_p, 0.8)
    assert_near(inference.fit_latents(program, X, steps=150, halvings=1).elbo, log_p, 0.25)
    completed = inference.complete(program, X, LEFT, steps=100, particles=200)
    assert_near(completed.log_prob, log_p - log_given, 0.05)
    for drawn in (completed.samples, completed.mean, ppgen.reconstruct(program, X)):
        assert drawn.isfinite().all()


MODELS = {
    "VAE": lambda: models.VAE.mlp((1, 1, 4), latent=2, hidden=(8,)),
    "binary latents": lambda: models.VAE.mlp((1, 1, 4), latent=FactorisedBernoulli(2)),
    "hierarchical": lambda: models.HierarchicalVAE.mlp((1, 1, 4), latent=2, above=(2,)),
    "belief net": lambda: models.SigmoidBeliefNet((1, 1, 4), [3]),
    "PPCA": lambda: models.PPCA((1, 1, 4), 2),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", TYPES[1:], ids=brief)
def test_models_in_other_types_have_the_bounds_of_double_precision(dtype, name, default_dtype):
    program = MODELS[name]().to(dtype)
    double = MODELS[name]().double()
    double.load_state_dict(program.state_dict())
    default_dtype(torch.float64)
    found, expected = (ppgen.elbo(p, BINARY, 50) for p in (program, double))
    assert found.mean == pytest.approx(expected.mean, rel=0.1)
    found, expected = (ppgen.iwae(p, BINARY, 200) for p in (program, double))
    assert found.mean == pytest.approx(expected.mean, rel=0.1)
    if dtype is not torch.float16:  # Adam's ε is 0 in it
        assert ppgen.fit(program, BINARY, **FIT).last == 3


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16], ids=brief)
@pytest.mark.parametrize("call", [ppgen.elbo, lambda p, x: ppgen.iwae(p, x, 50)])
def test_calls_under_autocast(call, kind):
    program = MODELS["VAE"]()
    expected = call(program, BINARY).mean
    with torch.autocast("cpu", dtype=kind):
        assert call(program, BINARY).mean == pytest.approx(expected, rel=0.1)
        assert ppgen.sample(program, 3).isfinite().all()
        history = ppgen.fit(program, BINARY, **FIT)
    assert history.last == 3


CALLS = {
    "elbo": lambda p, x: ppgen.elbo(p, x),
    "iwae": lambda p, x: ppgen.iwae(p, x, 3),
    "ais": lambda p, x: inference.ais(p, x, chains=2, temperatures=3),
    "fit_latents": lambda p, x: inference.fit_latents(p, x, steps=3),
    "predict": lambda p, x: ppgen.predict(p, x, draws=2),
    "fit": lambda p, x: ppgen.fit(p, x, epochs=1, progress=False),
}


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32], ids=brief)
@pytest.mark.parametrize("name", CALLS)
def test_plain_functions_get_bytes_as_bytes_in_every_call(name, kind):
    """Nothing but floating tensors is cast for programs that are run as they stand."""
    seen = set()

    def model(x):
        seen.add(x.dtype)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            logits = z[..., None, None, None].expand(*z.shape, 1, 1, 4)
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x.float())

    def guide(x):
        seen.add(x.dtype)
        mean = pyro.param("mean", torch.tensor(0.0))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(mean, 1.0))

    CALLS[name](ppgen.as_program((model, guide)), BINARY.to(kind))
    assert seen == {kind}


T0 = 1.7e9  # seconds


def moving(t, x):
    speed = pyro.param("speed", torch.tensor(1.0))
    with pyro.plate("rows", len(t)):
        pyro.sample("x", dist.Normal(speed * (t - T0), 1.0), obs=x)


@pytest.mark.parametrize("call", [ppgen.elbo, lambda p, data: ppgen.fit(p, data, **FIT)])
def test_data_that_the_program_s_type_would_round_away_is_named(call):
    t, x = T0 + torch.arange(50).double(), torch.zeros(50)
    with pytest.warns(UserWarning, match=r"data\[0\] is of torch.float64 .* subtract an offset"):
        call(ppgen.as_program(moving), (t, x))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "t", [torch.arange(50).double() / 7, torch.full((50,), T0).double(), torch.arange(50.0) + T0]
)
def test_harmless_rounding_is_done_in_silence(t):
    ppgen.elbo(ppgen.as_program(moving), (t, torch.zeros(50)))
