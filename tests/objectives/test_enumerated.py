"""EnumeratedELBO against Pyro's TraceEnum_ELBO and closed forms."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian, Mixture, prepared
from pyro import poutine
from pyro.infer import TraceEnum_ELBO
from torch import nn
from torch.autograd import grad

import ppgen
from ppgen.data.batch import Batch
from ppgen.objectives import EnumeratedELBO


class TwoCauses(ppgen.Program):
    """A class, and a switch whose probability depends on it; nothing is marked for enumeration."""

    objective = EnumeratedELBO()

    def __init__(self):
        super().__init__()
        self.switch = nn.Parameter(torch.randn(3))
        self.logits = nn.Parameter(torch.randn(3, 2, 9))

    def model(self, x=None, *, n=1):
        pyro.factor("prior", -self.switch.square().sum())
        with pyro.plate("data", n if x is None else len(x)):
            c = pyro.sample("c", dist.Categorical(torch.tensor([0.2, 0.3, 0.5])))
            s = pyro.sample("s", dist.Bernoulli(logits=self.switch[c])).long()
            logits = self.logits[c, s].unflatten(-1, (1, 3, 3))
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)


def no_guide(x):
    pass


def test_each_image_has_its_log_likelihood(binary_images):
    mixture = Mixture()
    found = EnumeratedELBO().per_example(mixture.model, no_guide, binary_images)
    torch.testing.assert_close(found, mixture.log_likelihood(binary_images))


@pytest.mark.parametrize("make", [Mixture, TwoCauses])
def test_loss_and_gradient_are_those_of_trace_enum(make, binary_images):
    program, x = make(), binary_images
    marked = pyro.infer.config_enumerate(program.model, "parallel")
    ours = EnumeratedELBO().differentiable_loss(program.model, no_guide, x)
    theirs = TraceEnum_ELBO(max_plate_nesting=1).differentiable_loss(marked, no_guide, x)
    torch.testing.assert_close(ours, theirs)
    parameters = list(program.parameters())
    torch.testing.assert_close(grad(ours, parameters), grad(theirs, parameters))


def test_shared_terms_are_apart(binary_images):
    program = TwoCauses()
    rows, shared = EnumeratedELBO().bounds(program.model, no_guide, binary_images)
    torch.testing.assert_close(shared, -program.switch.square().sum())
    loss = EnumeratedELBO().differentiable_loss(program.model, no_guide, binary_images)
    torch.testing.assert_close(loss, -rows.sum() - shared)


@pytest.mark.parametrize("scale", [1.0, 0.1, 5.0])
def test_masks_and_scales_are_those_of_trace_enum(scale):
    """A masked row has the log-likelihood 0, and a scale applies to the logarithm of the sum."""
    x, seen = torch.randn(6), torch.tensor([True, False, True, True, False, True])

    def model(x):
        with pyro.plate("data", len(x)), poutine.scale(scale=scale), poutine.mask(mask=seen):
            z = pyro.sample("z", dist.Categorical(torch.tensor([0.2, 0.3, 0.5])))
            pyro.sample("x", dist.Normal(z.float(), 1.0), obs=x)

    marked = pyro.infer.config_enumerate(model, "parallel")
    expected = -TraceEnum_ELBO(max_plate_nesting=1).loss(marked, no_guide, x)
    rows = EnumeratedELBO().per_example(model, no_guide, x)
    assert rows.sum().item() == pytest.approx(expected, rel=1e-5)
    assert not rows[~seen].any()
    judged = ppgen.elbo(ppgen.as_program(marked), x).per_example
    torch.testing.assert_close(judged, rows)


def test_a_subsampled_plate_scales_the_sum_and_a_mask_on_data_alone_leaves_the_latent():
    """By hand: 60 / 6 log Σ_z p(z) p(x | z) of the rows that are seen, log 1 of the others."""
    x, seen = torch.randn(6).double(), torch.tensor([True, False, True, True, False, True])
    p = torch.tensor([0.2, 0.3, 0.5]).double()

    def model(x):
        with pyro.plate("data", 60, subsample=torch.arange(6)):
            z = pyro.sample("z", dist.Categorical(p))
            with poutine.mask(mask=seen):
                pyro.sample("x", dist.Normal(z.double(), 1.0), obs=x)

    joint = p.log() + dist.Normal(torch.arange(3).double(), 1.0).log_prob(x[:, None])
    expected = 10 * torch.where(seen, joint.logsumexp(1), 0.0)
    rows = EnumeratedELBO().per_example(model, no_guide, x)
    torch.testing.assert_close(rows, expected, atol=1e-6, rtol=1e-6)
    marked = pyro.infer.config_enumerate(model, "parallel")
    theirs = TraceEnum_ELBO(max_plate_nesting=1).loss(marked, no_guide, x)
    assert EnumeratedELBO().loss(model, no_guide, x) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("scale", [0.1, torch.arange(1.0, 7.0)], ids=["of the latent", "of rows"])
def test_scales_that_differ_are_refused(scale):
    """As by Pyro: a sum over states has one logarithm, which has one scale."""

    def model(x):
        with pyro.plate("data", len(x)):
            with poutine.scale(scale=scale):
                z = pyro.sample("z", dist.Categorical(torch.tensor([0.2, 0.3, 0.5])))
            pyro.sample("x", dist.Normal(z.float(), 1.0), obs=x)

    marked = pyro.infer.config_enumerate(model, "parallel")
    with pytest.raises(ValueError, match="scale"):
        TraceEnum_ELBO(max_plate_nesting=1).loss(marked, no_guide, torch.randn(6))
    with pytest.raises(ValueError, match=r"scales .*; expected one scale"):
        EnumeratedELBO().loss(model, no_guide, torch.randn(6))


def test_fit_and_elbo_use_it(binary_images):
    program = TwoCauses()
    history = ppgen.fit(program, binary_images, epochs=30, batch_size=20, progress=False)
    assert history.epochs[-1].elbo > history.epochs[1].elbo
    bound = ppgen.elbo(program, binary_images)
    assert bound.per_example.shape == (40,)
    assert bound.mean == pytest.approx(
        -prepared(program, binary_images).value(Batch.of(binary_images)), abs=1e-4
    )


class Nested(ppgen.Program):
    """Latents in a plate within each image: their sums would have to come before a product."""

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x), dim=-1):
            with pyro.plate("parts", 2, dim=-2):
                pyro.sample("z", dist.Bernoulli(0.5))
            p = torch.tensor(0.5).expand(1, 3, 3)
            return pyro.sample("x", dist.Bernoulli(p).to_event(3), obs=x)


class Shared(ppgen.Program):
    """A latent class of the whole data set."""

    def model(self, x=None, *, n=1):
        z = pyro.sample("z", dist.Bernoulli(0.5))
        with pyro.plate("data", n if x is None else len(x)):
            p = (0.2 + 0.6 * z)[..., None, None, None].expand(*z.shape, 1, 3, 3)
            return pyro.sample("x", dist.Bernoulli(p).to_event(3), obs=x)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (BeliefNet(), "the guide draws z, and EnumeratedELBO takes an empty one"),
        (
            ppgen.as_program(Gaussian().model),
            "the site 'z' is Independent.* in the plates: data; .* expects",
        ),
        (Nested(), "the site 'z' is .* in the plates: data, parts; .* expects"),
        (Shared(), "the site 'z' is .* in the plates: no plate; .* expects"),
    ],
    ids=["a guide", "continuous", "nested", "shared"],
)
def test_what_it_cannot_sum_out_is_refused(program, why, binary_images):
    x = binary_images if "Independent" not in why else torch.randn(5, 1, 1, 4)
    with pytest.raises(ValueError, match=why):
        EnumeratedELBO().per_example(program.model, program.guide, x)


def test_rows_share_a_latent_that_is_summed_out():
    """log Σ_k p(k) Π p(x | k) has no part of a row: a total alone, and no log predictive."""

    def model(x):
        k = pyro.sample(
            "k", dist.Categorical(torch.tensor([0.3, 0.7])), infer={"enumerate": "parallel"}
        )
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(torch.tensor([-1.0, 1.0])[k], 1.0), obs=x)

    x = torch.arange(4.0)
    given = dist.Normal(torch.tensor([[-1.0], [1.0]]), 1.0).log_prob(x).sum(1)
    exact = (given + torch.tensor([0.3, 0.7]).log()).logsumexp(0).item()
    estimate = ppgen.elbo(model, x)
    assert estimate.per_example is None
    assert estimate.total == pytest.approx(exact, rel=1e-5)
    assert estimate.mean == pytest.approx(exact / 4, rel=1e-5)
    assert ppgen.iwae(model, x, 5).total == pytest.approx(exact, rel=1e-5)
    with pytest.raises(ValueError, match="no row has a density of its own"):
        ppgen.log_predictive(model, x, 5)
