"""Graphs of programs, compared with known edges and with interventions on each site."""

import functools
from contextlib import nullcontext

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.distributions.util import gather
from pyro.infer.reparam import LocScaleReparam, TransformReparam
from pyro.nn import PyroModule, PyroSample
from pyro.ops.indexing import Vindex
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ppgen.data import Part, Setting
from ppgen.graph import DAG, GraphError
from ppgen.models import PPCA, VAE, BernoulliMixture, HierarchicalVAE, SigmoidBeliefNet
from ppgen.program import Program


def eight_schools(y=None):
    mean = pyro.sample("mean", dist.Normal(0, 5))
    scale = pyro.sample("scale", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 4):
        theta = pyro.sample("theta", dist.Normal(mean, scale))
        pyro.sample("y", dist.Normal(theta, torch.arange(1.0, 5.0)), obs=y)


def topics(words=None):
    with pyro.plate("topics", 3):
        phi = pyro.sample("phi", dist.Dirichlet(torch.ones(5)))
    with pyro.plate("documents", 2):
        theta = pyro.sample("theta", dist.Dirichlet(torch.ones(3)))
        with pyro.plate("words", 4):
            z = pyro.sample("z", dist.Categorical(theta))
            pyro.sample("w", dist.Categorical(phi[z]), obs=words)


def ratings(r=None):
    users, items = pyro.plate("users", 3, dim=-1), pyro.plate("items", 4, dim=-2)
    with users:
        u = pyro.sample("u", dist.Normal(0, 1))
    with items:
        v = pyro.sample("v", dist.Normal(0, 1))
    with users, items:
        pyro.sample("r", dist.Normal(u * v, 1), obs=r)


def hidden_markov(x=None):
    table = torch.rand(3, 3) + 0.1
    z = torch.tensor(0)
    with pyro.plate("sequences", 2):
        for t in pyro.markov(range(3)):
            z = pyro.sample(f"z{t}", dist.Categorical(table[z]))
            pyro.sample(f"x{t}", dist.Normal(z.float(), 1.0), obs=None if x is None else x[t])


def whole_chain():
    scale = pyro.sample("scale", dist.LogNormal(0, 1))
    noise, one = dist.Normal(torch.zeros(1), scale).to_event(1), torch.eye(1)
    z = pyro.sample("z", dist.GaussianHMM(noise, one, noise, one, noise, duration=4))
    pyro.sample("x", dist.Normal(z.sum(), 1))


def parameters_only(x=None):
    loc = pyro.param("loc", torch.tensor(0.0))
    scale = pyro.param("scale", torch.tensor(1.0), constraint=constraints.positive)
    with pyro.plate("data", 5):
        pyro.sample("x", dist.Normal(loc, scale), obs=x)


def computed():
    a = pyro.sample("a", dist.Normal(0, 1))
    b = pyro.deterministic("b", 2 * a)
    pyro.sample("c", dist.Normal(b, 1))
    pyro.sample("d", dist.Normal(0, 1))


def discrete_mixture(x=None):
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("parts", 2):
        centre = pyro.sample("centre", dist.Normal(0, 5))
    with pyro.plate("data", 6):
        part = pyro.sample("part", dist.Categorical(weights), infer={"enumerate": "parallel"})
        pyro.sample("x", dist.Normal(centre[part], 1), obs=x)


def subsampled():
    scale = pyro.sample("scale", dist.LogNormal(0, 1))
    with pyro.plate("data", 10, subsample_size=3) as index:
        z = pyro.sample("z", dist.Normal(torch.arange(10.0)[index], scale))
        pyro.sample("x", dist.Normal(z, 1))


def masked():
    z = pyro.sample("z", dist.Bernoulli(0.5))
    with poutine.mask(mask=z.bool()):
        pyro.sample("x", dist.Normal(0, 1))
    pyro.sample("y", dist.Normal(z, 1).mask(False))


def sequential_plate():
    mean = pyro.sample("mean", dist.Normal(0, 1))
    for i in pyro.plate("i", 3):
        pyro.sample(f"x{i}", dist.Normal(mean, 1))


def in_python():
    a = pyro.sample("a", dist.Bernoulli(0.5))
    b = pyro.sample("b", dist.Poisson(3.0))
    loc = 1.0 if a else -1.0
    pyro.sample("c", dist.Normal(loc, 1.0))
    pyro.sample("d", dist.Normal(torch.zeros(int(b) + 1), 1.0).to_event(1))


def written():
    x = torch.zeros(3)
    x[0] = pyro.sample("a", dist.Normal(0, 1))
    b = pyro.sample("b", dist.Normal(0, 1))
    y = torch.zeros(2).copy_(b)
    w = torch.zeros(())
    w.data = b.data
    pyro.sample("c", dist.Normal(x[:2], 1).to_event(1))
    pyro.sample("d", dist.Normal(y, 1).to_event(1))
    pyro.sample("e", dist.Normal(torch.tensor([y[0], 1.0]), 1).to_event(1))
    pyro.sample("f", dist.Normal(w, 1))


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x


def networks():
    z = pyro.sample("z", dist.Normal(torch.zeros(2), 1).to_event(1))
    h = torch.nn.functional.relu(nn.Linear(2, 3)(z))
    h, _ = nn.GRU(3, 3)(h[None, None])
    h = torch.einsum("tbh,hk->bk", Doubling.apply(h), torch.randn(3, 2))
    pyro.sample("x", dist.MixtureSameFamily(dist.Categorical(logits=h), dist.Normal(h, 1.0)))


def flows():
    z = pyro.sample("z", dist.Normal(torch.zeros(1), 1).to_event(1))
    shift = dist.transforms.AffineTransform(z, 1.0)
    pyro.sample("x", dist.TransformedDistribution(dist.Normal(torch.zeros(1), 1.0), [shift]))
    base = dist.Normal(torch.zeros(2), 1.0).to_event(1)
    conditional = dist.transforms.ConditionalAffineCoupling(
        1, pyro.nn.ConditionalDenseNN(1, 1, [4], [1, 1])
    )
    pyro.sample("y", dist.ConditionalTransformedDistribution(base, [conditional]).condition(z))


def zero_inflated(config):
    """Like Pyro's example mixed_hmm, with one nested argument for all times."""
    steps, nothing = config["observations"]["step"], config["nothing"]
    y, by_state = torch.tensor(0), torch.rand(2, 2) + 0.1
    with pyro.plate("group", 3, dim=-1):
        effect = pyro.sample("e", dist.Categorical(torch.ones(3)))
        logits = Vindex(torch.randn(3, 4))[..., effect, :].reshape(3, 2, 2)
        with pyro.plate("individual", 2, dim=-2), poutine.mask(mask=config["mask"]):
            for t in pyro.markov(range(2)):
                y = pyro.sample(f"y{t}", dist.Categorical(logits=Vindex(logits)[..., y, :]))
                zero = steps[..., t] == nothing
                zeros = dist.Categorical(Vindex(by_state)[..., y, :])
                pyro.sample(f"zero{t}", zeros, obs=zero.long())
                step = dist.Gamma(Vindex(by_state[0])[..., y], 1.0)
                step = dist.MaskedMixture(zero, step, dist.Delta(torch.tensor(nothing)))
                pyro.sample(f"step{t}", step, obs=steps[..., t])


class Regression(PyroModule):
    def __init__(self):
        super().__init__()
        self.linear = PyroModule[nn.Linear](2, 1)
        self.linear.weight = PyroSample(dist.Normal(0, 1).expand([1, 2]).to_event(2))
        self.linear.bias = PyroSample(dist.Normal(0, 1).expand([1]).to_event(1))

    def forward(self, x, y=None):
        mean = self.linear(x).squeeze(-1)
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(mean, 1), obs=y)


# model, its arguments, its edges
PROGRAMS = {
    "hierarchy": (eight_schools, (), "mean-theta scale-theta theta-y"),
    "nested plates": (topics, (), "theta-z phi-w z-w"),
    "crossed plates": (ratings, (), "u-r v-r"),
    "markov in a plate": (hidden_markov, (), "z0-x0 z0-z1 z1-x1 z1-z2 z2-x2"),
    "a chain in one site": (whole_chain, (), "scale-z z-x"),
    "parameters only": (parameters_only, (), ""),
    "deterministic": (computed, (), "a-c"),
    "enumerable": (discrete_mixture, (), "weights-part centre-x part-x"),
    "subsampled": (subsampled, (), "scale-z z-x"),
    "sequential plate": (sequential_plate, (), "mean-x0 mean-x1 mean-x2"),
    "in-place": (written, (), "a-c b-d b-e b-f"),
    "networks": (networks, (), "z-x"),
    "flows": (flows, (), "z-x z-y"),
    "regression": (Regression(), (torch.ones(4, 2),), "linear.weight-y linear.bias-y"),
    "a mixture of images": (BernoulliMixture((1, 2, 2), 3).model, (), "z-x"),
    "a belief net of layers": (SigmoidBeliefNet((1, 2, 2), (3, 3, 2)).model, (), "z3-z2 z2-z z-x"),
    "a hierarchical VAE": (HierarchicalVAE.mlp((1, 2, 2), 2).model, (), "z2-z z-x"),
    "linear and Gaussian": (PPCA((1, 2, 2), 2).model, (), "z-x"),
}
table = pytest.mark.parametrize(("model", "args", "edges"), PROGRAMS.values(), ids=PROGRAMS)


def as_edges(text):
    return {tuple(edge.split("-")) for edge in text.split()}


def by_intervention(model, args, draws=4):
    """Edges u → v such that the density of v at a fixed value changes with the value of u."""

    def run(values):
        pyro.set_rng_seed(1)  # all draws outside of sites must stay the same
        conditioned = poutine.condition(model, data=values) if values else model
        return poutine.trace(conditioned).get_trace(*args)

    first = run({})
    names = [n for n in first.stochastic_nodes if not n.startswith("_")]
    names = [n for n in names if type(first.nodes[n]["fn"]).__name__ != "_Subsample"]
    values = {n: first.nodes[n]["value"].detach() for n in names}
    # The seed keeps the subsample fixed, which would otherwise change all densities.
    edges = set()
    for u in names:
        for seed in range(draws):
            pyro.set_rng_seed(seed + 2)
            other = values | {u: first.nodes[u]["fn"].sample()}
            before, after = run(values), run(other)
            for v in names:
                densities = [t.nodes[v]["fn"].log_prob(values[v]) for t in (before, after)]
                if v != u and not torch.equal(*densities):
                    edges.add((u, v))
    return edges


@table
def test_edges_are_those_of_the_program(model, args, edges):
    assert set(DAG.from_program(model, *args).graph.edges) == as_edges(edges)


def test_times_in_one_nested_argument_are_told_apart():
    """Whether a step is zero depends on the same entry, which no intervention on sites shows."""
    step = torch.tensor([0.5, 0.3]).repeat(2, 3, 1)
    config = {"nothing": 0.5, "mask": torch.ones(2, 3).bool(), "observations": {"step": step}}
    expected = "e-y0 e-y1 y0-y1 y0-zero0 y0-step0 zero0-step0 y1-zero1 y1-step1 zero1-step1"
    assert set(DAG.from_program(zero_inflated, config).graph.edges) == as_edges(expected)


@table
def test_edges_are_those_that_interventions_find(model, args, edges):
    if model is subsampled:
        pytest.skip("fixed sites change the random numbers of the subsample")
    assert by_intervention(model, args) == set(DAG.from_program(model, *args).graph.edges)


@pytest.mark.parametrize("seed", range(5))
def test_python_decisions_depend_on_the_values_read(seed):
    pyro.set_rng_seed(seed)
    edges = set(DAG.from_program(in_python).graph.edges)
    assert edges == as_edges("a-c a-d b-d")


def test_masks_count_as_dependence():
    dag = DAG.from_program(masked)
    assert set(dag.graph.edges) == as_edges("z-x z-y")


# distributions and attributes


@pytest.mark.parametrize(
    "make",
    [
        lambda z: dist.Normal(0.0, z),
        lambda z: dist.Uniform(0.0, z),
        lambda z: dist.Delta(z),
        lambda z: dist.Gamma(z, 1.0),
        lambda z: dist.Beta(z, 1.0),
        lambda z: dist.Dirichlet(z.expand(3)),
        lambda z: dist.Binomial(5, z / (1 + z)),
        lambda z: dist.NegativeBinomial(5.0, z / (1 + z)),
        lambda z: dist.Multinomial(3, torch.stack([z, z])),
        lambda z: dist.OneHotCategorical(torch.stack([z, 1 / z])),
        lambda z: dist.VonMises(0.0, z),
        lambda z: dist.LKJCholesky(3, z),
        lambda z: dist.MultivariateNormal(torch.zeros(2), z * torch.eye(2)),
        lambda z: dist.LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), z.expand(2)),
        lambda z: dist.ZeroInflatedPoisson(z, gate=torch.tensor(0.2)),
        lambda z: dist.RelaxedBernoulliStraightThrough(torch.tensor(0.5), z / (1 + z)),
        lambda z: dist.Normal(z, 1.0).expand([2, 3]).to_event(1).mask(torch.ones(2).bool()),
    ],
)
def test_parameters_of_every_distribution_are_tracked(make):
    def model():
        z = pyro.sample("z", dist.LogNormal(0, 1))
        pyro.sample("x", make(z))
        pyro.sample("later", dist.Normal(0, 1))

    assert set(DAG.from_program(model).graph.edges) == {("z", "x")}


@pytest.mark.parametrize(
    "make",
    [
        lambda a: dist.Gamma(a, 1.0),
        lambda a: dist.Chi2(a),
        lambda a: dist.InverseGamma(a, 1.0),
        lambda a: dist.Beta(a, 1.0),
        lambda a: dist.StudentT(a, 0.0, 1.0),
        lambda a: dist.GammaPoisson(a, 1.0),
        lambda a: dist.LKJCholesky(3, a),
    ],
)
def test_samplers_that_write_in_place_add_no_edge_past_their_site(make):
    def model():
        a = pyro.sample("a", dist.LogNormal(0, 1))
        b = pyro.sample("b", make(a))
        c = pyro.sample("c", dist.Normal(b.sum(), 1))
        pyro.sample("d", dist.Normal(c, 1))

    assert set(DAG.from_program(model).graph.edges) == as_edges("a-b b-c c-d")


def sparse_gamma_net(x=None):
    """Each layer is Gamma, with weights of its own: six edges."""
    with pyro.plate("weights", 3):
        w = [pyro.sample(f"w{i}", dist.Gamma(0.3, 1.0)) for i in range(3)]
    with pyro.plate("data", 2):
        top = pyro.sample("top", dist.Gamma(0.1, 0.1 / (w[0].sum() + 1)))
        middle = pyro.sample("middle", dist.Gamma(0.1, 0.1 / (top * w[1].sum() + 1e-3)))
        low = pyro.sample("low", dist.Gamma(0.1, 0.1 / (middle * w[2].sum() + 1e-3)))
        pyro.sample("x", dist.Poisson(low + 1e-3), obs=x)


def test_a_sparse_gamma_belief_net():
    edges = "w0-top w1-middle w2-low top-middle middle-low low-x"
    assert set(DAG.from_program(sparse_gamma_net).graph.edges) == as_edges(edges)


def test_node_attributes():
    nodes = DAG.from_program(topics, torch.zeros(4, 2).long()).graph.nodes
    assert nodes["w"] == {
        "latent": False,
        "observed": True,
        "plates": ("documents", "words"),
        "distribution": "Categorical",
    }
    assert nodes["phi"]["plates"] == ("topics",)
    assert not nodes["z"]["observed"]


def test_nothing_is_latent_unless_asked():
    y = torch.zeros(4)
    assert DAG.from_program(eight_schools, y).latent == frozenset()
    dag = DAG.from_program(eight_schools, y, latent="unobserved")
    assert dag.latent == {"mean", "scale", "theta"}
    assert list(dag.implied_independencies()) == []
    assert dag.d_separated("mean", "y", given="theta")


def test_deterministic_sites_are_nodes_if_asked():
    dag = DAG.from_program(computed, deterministic=True)
    assert set(dag.graph.edges) == as_edges("a-b b-c")
    assert dag.graph.nodes["b"]["distribution"] == "Deterministic"
    assert not dag.graph.nodes["b"]["observed"]


@pytest.mark.parametrize(
    ("reparam", "edges"),
    [
        (LocScaleReparam(), "mean-z_decentered mean-z z_decentered-z z-y"),
        (TransformReparam(), "mean-z_base z_base-z z-y"),
    ],
)
def test_reparametrised_sites_are_not_observed(reparam, edges):
    def model(y):
        mean = pyro.sample("mean", dist.Normal(0, 1))
        base = dist.LogNormal if isinstance(reparam, TransformReparam) else dist.Normal
        z = pyro.sample("z", base(mean, torch.ones(2)).to_event(1))
        pyro.sample("y", dist.Normal(z.sum(), 1), obs=y)

    dag = DAG.from_program(
        poutine.reparam(model, config={"z": reparam}), torch.tensor(1.0), latent="unobserved"
    )
    assert set(dag.graph.edges) == as_edges(edges)
    assert set(dag.nodes) - dag.latent == {"y"}


@pytest.mark.parametrize("event", [0, 1])
def test_a_delta_is_observed_only_at_another_value_than_its_own(event):
    def model(y):
        a = pyro.sample("a", dist.Normal(torch.zeros(2), 1).to_event(1))
        with pyro.plate("two", 2) if event == 0 else nullcontext():
            pyro.sample("b", dist.Delta(2 * a, event_dim=event).mask(False), obs=2 * a)
            pyro.sample("c", dist.Delta(a, event_dim=event), obs=y)

    dag = DAG.from_program(model, torch.zeros(2))
    assert set(dag.graph.edges) == as_edges("a-b a-c")
    assert dict(dag.graph.nodes(data="observed")) == {"a": False, "b": False, "c": True}


def test_a_factor_is_an_observed_node():
    def model():
        a, b = (pyro.sample(name, dist.Normal(0, 1)) for name in "ab")
        pyro.factor("near", -((a - b) ** 2))

    dag = DAG.from_program(model)
    assert set(dag.graph.edges) == as_edges("a-near b-near")
    assert dag.graph.nodes["near"]["observed"]
    assert dag.d_separated("a", "b")
    assert not dag.d_separated("a", "b", given="near")


def test_later_sites_depend_on_observed_values():
    def model(x):
        a = pyro.sample("a", dist.Normal(0, 1), obs=x)
        pyro.sample("b", dist.Normal(a, 1))

    assert set(DAG.from_program(model, torch.tensor(1.0)).graph.edges) == {("a", "b")}


def test_dependence_through_the_data_is_found():
    def autoregression(x, scale):
        for t in range(3):
            past = x[t - 1] if t else torch.tensor(0.0)
            pyro.sample(f"x{t}", dist.Normal(past, scale), obs=x[t])

    dag = DAG.from_program(autoregression, torch.randn(3), torch.tensor(1.0))
    assert set(dag.graph.edges) == as_edges("x0-x1 x1-x2")


def test_partly_observed_sites():
    def model():
        mean = pyro.sample("mean", dist.Normal(0, 1))
        with pyro.plate("data", 3):
            mask = torch.tensor([True, False, True])
            pyro.sample("x", dist.Normal(mean, 1), obs=torch.zeros(3), obs_mask=mask)

    dag = DAG.from_program(model)
    assert set(dag.graph.edges) == as_edges("mean-x_observed mean-x_unobserved")
    assert dag.graph.nodes["x_observed"]["observed"]
    assert not dag.graph.nodes["x_unobserved"]["observed"]


# programs of this library


def test_a_vae_generates_and_then_observes():
    dag = DAG.from_program(VAE.mlp((1, 4, 4), latent=2))
    assert set(dag.graph.edges) == {("z", "x")}
    assert [dag.graph.nodes[n]["observed"] for n in ("z", "x")] == [False, True]
    assert all(plates == ("data",) for _, plates in dag.graph.nodes(data="plates"))


def test_pairs_modules_and_models_have_the_same_graph():
    vae = VAE.mlp((1, 4, 4), latent=2)
    images = torch.zeros(3, 1, 4, 4)
    for program, args in [((vae.model, vae.guide), ()), (vae, (images,)), (vae.model, (images,))]:
        dag = DAG.from_program(program, *args)
        assert dict(dag.graph.nodes(data="observed")) == {"z": False, "x": True}
        assert set(dag.graph.edges) == {("z", "x")}


def two_outputs(counts=None, sizes=None):
    with pyro.plate("rows", 3):
        rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
        counts = pyro.sample("counts", dist.Poisson(rate), obs=counts)
        sizes = pyro.sample("sizes", dist.Normal(counts, rate), obs=sizes)
    return counts, sizes


def named_outputs(*, counts=None, sizes=None):
    return dict(zip(("counts", "sizes"), two_outputs(counts, sizes), strict=True))


def one_output(heights=None):
    mean = pyro.sample("mean", dist.Normal(0, 1))
    with pyro.plate("rows", 3 if heights is None else len(heights)):
        return pyro.sample("height", dist.Normal(mean, 1), obs=heights)


@pytest.mark.parametrize(
    ("model", "latent", "edges"),
    [
        (one_output, {"mean"}, "mean-height"),
        (two_outputs, {"rate"}, "rate-counts rate-sizes counts-sizes"),
        (named_outputs, {"rate"}, "rate-counts rate-sizes counts-sizes"),
        (eight_schools, {"mean", "scale", "theta", "y"}, "mean-theta scale-theta theta-y"),
    ],
    ids=["a tensor", "a tuple", "a dict", "nothing"],
)
def test_a_pair_without_arguments_observes_what_its_model_returned(model, latent, edges):
    dag = DAG.from_program((model, lambda *args, **kwargs: None), latent="unobserved")
    assert dag.latent == latent
    assert set(dag.graph.edges) == as_edges(edges)


@pytest.mark.parametrize("returned", [torch.ones(2), 3.0, ("x", None), {"no": "argument"}])
def test_what_a_model_returns_need_not_be_its_data(returned):
    def model(*, n=2):
        with pyro.plate("rows", n):
            pyro.sample("x", dist.Normal(0, 1))
        return returned

    dag = DAG.from_program((model, lambda: None))
    assert dict(dag.graph.nodes(data="observed")) == {"x": False}


class OnNumbers(Program):
    """Of images, labels and a scale; its network takes floating-point images alone."""

    def __init__(self):
        super().__init__()
        self.network = nn.Linear(4, 2).double()

    def model(self, x=None, y=None, *, scale=1.0):
        with pyro.plate("data", 2 if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2).double(), scale).to_event(1))
            if x is not None:
                pyro.sample("loc", dist.Normal(self.network(x.flatten(1)) + z, 1.0).to_event(1))
            y = pyro.sample("y", dist.Bernoulli(logits=z.sum(-1)), obs=y)


IMAGES = torch.ones(3, 1, 2, 2, dtype=torch.uint8)
LABELS = torch.ones(3)


@pytest.mark.parametrize(
    ("args", "kwargs", "edges", "observed"),
    [
        ((IMAGES,), {}, "z-loc z-y", False),
        ((IMAGES.numpy(),), {}, "z-loc z-y", False),
        ((IMAGES, LABELS), {}, "z-loc z-y", True),
        (((IMAGES, LABELS),), {}, "z-loc z-y", True),
        (({"x": IMAGES, "y": LABELS, "scale": 2.0},), {}, "z-loc z-y", True),
        ((IMAGES,), {"y": LABELS, "scale": Setting(torch.tensor([0.5, 2.0]))}, "z-loc z-y", True),
        ((TensorDataset(IMAGES, LABELS),), {}, "z-loc z-y", True),
        ((DataLoader(TensorDataset(IMAGES, LABELS), batch_size=2),), {}, "z-loc z-y", True),
        ((Part(IMAGES, torch.zeros(3)),), {}, "z-loc z-y", False),
        ((None, LABELS[:2]), {}, "z-y", True),
        ((None,), {}, "z-y", False),
        ((), {"y": LABELS[:2], "scale": 3}, "z-y", True),
    ],
)
def test_arguments_of_a_program_are_taken_and_cast_as_in_training(args, kwargs, edges, observed):
    dag = DAG.from_program(OnNumbers(), *args, **kwargs)
    assert set(dag.graph.edges) == as_edges(edges)
    assert dag.graph.nodes["y"]["observed"] == observed


def test_an_object_with_a_model_alone_is_a_program():
    class Holder:
        def model(self, heights=None):
            return one_output(heights)

    dag = DAG.from_program(Holder(), torch.ones(3).double().numpy())
    assert dict(dag.graph.nodes(data="observed")) == {"mean": False, "height": True}


@pytest.mark.parametrize("wrap", [lambda m: m, functools.partial, lambda m: (m, None)])
def test_modules_run_in_evaluation_mode_and_get_their_modes_back(wrap):
    norm, modes = nn.BatchNorm1d(2), []

    class Normalising(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = norm

        def forward(self):
            modes.append(norm.training)
            pyro.sample("x", dist.Normal(norm(torch.zeros(3, 2)), 1).to_event(2))

    model = Normalising().train()
    DAG.from_program(wrap(model))
    assert not any(modes)
    assert model.training
    assert norm.training
    assert norm.num_batches_tracked == 0


def test_arguments_of_a_plain_model_are_passed_as_they_are():
    def model(config, *others, flag=None):
        assert (type(config), others, flag) == (dict, ((1, 2), "text"), [3])
        assert config["x"].dtype == torch.uint8
        pyro.sample("x", dist.Normal(config["x"].float(), 1))

    config = {"x": IMAGES, "path": None}
    assert DAG.from_program(model, config, (1, 2), "text", flag=[3]).nodes == ("x",)


# programs that run only with discrete sites summed out


def tracking(seen):
    """Assign points to moving objects: Pyro's tutorial tracking_1d in short.

    ``gather`` looks up one object for each point, or all of them if `assign` is summed out.
    """
    with pyro.plate("objects", 2):
        exists = pyro.sample("exists", dist.Bernoulli(0.5))
        with poutine.mask(mask=exists.bool()):
            speed = pyro.sample("speed", dist.Normal(0, 1))
    places = torch.arange(4.0)[:, None] * torch.cat([speed, torch.zeros(1)])
    with pyro.plate("points", 5), pyro.plate("time", 4):
        assign = pyro.sample("assign", dist.Categorical(torch.ones(3)))
        pyro.sample("seen", dist.Normal(gather(places, assign, -1), 0.1), obs=seen)


@pytest.mark.parametrize("pair", [False, True])
def test_a_program_that_runs_only_with_discrete_sites_summed_out(pair):
    seen = torch.zeros(4, 5)
    with pytest.raises(RuntimeError, match=r"size of tensor a \(3\) must match"):
        tracking(seen)
    dag = DAG.from_program((tracking, lambda seen: None) if pair else tracking, seen)
    assert set(dag.graph.edges) == as_edges("exists-speed speed-seen assign-seen")
    assert dag.graph.nodes["assign"]["plates"] == ("points", "time")
    assert dict(dag.graph.nodes(data="observed")) == {
        "exists": False, "speed": False, "assign": False, "seen": True
    }  # fmt: skip


def test_a_program_that_runs_neither_way_is_refused_with_its_own_error():
    def model():
        z = pyro.sample("z", dist.Bernoulli(0.5))
        pyro.sample("x", dist.Normal(z + torch.ones(2) + torch.ones(3), 1))

    with pytest.raises(
        GraphError,
        match=r"neither on draws of its discrete sites z \(RuntimeError: The size of tensor a \(2\)"
        r" .*\), nor with them summed out \(RuntimeError: .*pyro.condition\(model, data=\{'z': ",
    ):
        DAG.from_program(model)


def test_guides_and_partial_functions_are_programs_too():
    vae = VAE.mlp((1, 4, 4), latent=2)
    assert DAG.from_program(vae.guide, torch.zeros(3, 1, 4, 4)).nodes == ("z",)
    assert DAG.from_program(functools.partial(eight_schools, y=torch.zeros(4))).graph.nodes["y"][
        "observed"
    ]


# side effects and errors


def test_no_side_effects():
    class Normalised(Program):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(1)

        def model(self, x=None, *, n=2):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(0, 1))
                loc = self.norm(z[:, None]).view(-1, 1, 1, 1)
                return pyro.sample("x", dist.Normal(loc, 1.0).to_event(3), obs=x)

    program = Normalised().train()
    state = {name: value.clone() for name, value in program.state_dict().items()}
    pyro.param("mine", torch.tensor(3.0))
    random = torch.get_rng_state()
    DAG.from_program(program)
    DAG.from_program(parameters_only)
    assert list(pyro.get_param_store()) == ["mine"]
    assert torch.equal(torch.get_rng_state(), random)
    assert program.training
    assert program.norm.training
    assert all(torch.equal(value, state[name]) for name, value in program.state_dict().items())
    assert all(type(p) is nn.Parameter for p in program.parameters())


def test_trained_parameters_are_found():
    pyro.param("loc", torch.tensor(3.0))

    def model():
        pyro.sample("x", dist.Normal(pyro.param("loc"), 1))

    assert DAG.from_program(model).nodes == ("x",)


def test_invalid_arguments_raise_errors():
    with pytest.raises(GraphError, match="latent is 'some'; expected one of 'none', 'unobserved'"):
        DAG.from_program(computed, latent="some")
    with pytest.raises(GraphError, match="model has no sample site"):
        DAG.from_program(lambda: None)
    with pytest.raises(TypeError, match="program is 3; expected"):
        DAG.from_program(3)


def test_errors_of_the_model_have_no_side_effects():
    def model():
        pyro.sample("x", dist.Normal(0, 1))
        pyro.param("p", torch.tensor(1.0))
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        DAG.from_program(model)
    assert list(pyro.get_param_store()) == []
    assert type(torch.ones(1) + 1) is torch.Tensor
