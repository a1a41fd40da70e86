"""What is a row's and what rows share: found, weighed and judged apart."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import prepared
from pyro.infer import (
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from pyro.infer.autoguide import AutoDelta
from torch import nn

import ppgen
from ppgen.data.batch import Batch
from ppgen.objectives import TensorELBO


class Plates(ppgen.Program):
    """z ~ N(0, 1) and x ~ N(z, 1), with names to choose for their plates."""

    def __init__(self, latent="data", guide="data"):
        super().__init__()
        self.latent, self.guides = latent, guide
        self.mean = nn.Parameter(torch.zeros(1))

    def model(self, x=None, *, n=1):
        size = n if x is None else len(x)
        images = pyro.plate("data", size)
        with images if self.latent == "data" else pyro.plate(self.latent, size):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
        with images:
            mean = z.view(-1, 1, 1, 1).expand(-1, 1, 1, 4)
            return pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)

    def guide(self, x):
        with pyro.plate(self.guides, len(x)):
            pyro.sample("z", dist.Normal(self.mean, 1.0).to_event(1))


def fit(program, x, **options):
    return ppgen.fit(program, x, epochs=1, progress=False, **options)


@pytest.mark.parametrize("names", [{"guide": "other"}, {"latent": "zs"}], ids=["guide", "model"])
def test_rows_may_lie_in_plates_of_several_names(names):
    """Each plate that follows the rows holds them; p(x) = N(0, 2) for each of four equal draws."""
    program, x = Plates(**names), torch.randn(20, 1, 1, 4)
    pyro.set_rng_seed(1)
    found = ppgen.elbo(program, x, particles=20)
    expected = ppgen.elbo(Plates(), x, particles=20)
    torch.testing.assert_close(found.per_example, expected.per_example)
    assert found.shared == 0
    assert ppgen.iwae(program, x, 3).per_example.shape == (20,)
    assert fit(program, x, batch_size=5).last == 1


def test_a_plate_that_happens_to_have_the_batchs_size_is_allowed():
    def model(x=None, *, n=1):
        with pyro.plate("weights", 10):
            weights = pyro.sample("w", dist.Normal(0.0, 1.0))
        with pyro.plate("data", n if x is None else len(x)):
            mean = weights.mean().expand(1, 1, 4)
            return pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)

    def guide(x):
        location = pyro.param("location", torch.zeros(10))
        with pyro.plate("weights", 10):
            pyro.sample("w", dist.Delta(location))

    program = ppgen.as_program((model, guide))
    assert fit(program, torch.randn(20, 1, 1, 4), batch_size=10).last == 1


def shared_mean(elbo):
    def model(x=None, *, n=1):
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Normal(mean.expand(1, 1, 1), 1.0).to_event(3), obs=x)

    program = ppgen.as_program((model, AutoDelta(model)))
    program.objective = elbo
    return program


@pytest.mark.parametrize(
    ("elbo", "batch_size"),
    [(TensorELBO(), 5), (TensorELBO(), 20), (Trace_ELBO(), 20)],
    ids=["tensors-5", "tensors-20", "pyro-20"],
)
def test_the_prior_of_what_images_share_counts_once(elbo, batch_size):
    """The mode of a normal mean is n / (n + 1) of the images' own."""
    program, x = shared_mean(elbo), torch.full((20, 1, 1, 1), 2.0)
    optimizer = lambda parameters: torch.optim.SGD(parameters, lr=0.1)  # noqa: E731
    options = {"epochs": 300, "batch_size": batch_size, "optimizer": optimizer}
    ppgen.fit(program, x, progress=False, **options)
    (mode,) = program.parameters()
    assert mode.item() == pytest.approx(2 * 20 / 21, abs=1e-4)


@pytest.mark.parametrize("elbo", [TensorELBO(), Trace_ELBO()], ids=["tensors", "pyro"])
def test_what_rows_share_is_apart_and_counts_once(elbo):
    program, x = shared_mean(elbo), torch.full((20, 1, 1, 1), 2.0)
    whole = ppgen.elbo(program, x)
    few = ppgen.elbo(program, x[:2])
    (mode,) = program.parameters()
    expected = dist.Normal(0.0, 1.0).log_prob(mode.detach()).item()
    assert whole.shared == pytest.approx(expected, rel=1e-5)
    assert few.shared == whole.shared
    torch.testing.assert_close(few.per_example, whole.per_example[:2])
    assert whole.total == pytest.approx(whole.per_example.sum().item() + whole.shared)
    assert whole.mean == few.mean


@pytest.mark.parametrize("kind", [Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO, TraceEnum_ELBO])
def test_losses_of_batches_add_up_to_that_of_the_data_for_any_elbo(kind):
    program, x = shared_mean(kind()), torch.randn(20, 1, 1, 1)
    objective = prepared(program, x)

    def loss(part):
        batch = Batch.of(part)
        return float(objective.elbo.loss(*objective.programs(batch), part))

    whole, parts = loss(x), sum(loss(part) for part in x.split(6))
    assert parts == pytest.approx(whole, rel=1e-5)


def test_a_bound_that_is_no_sum_over_rows_takes_all_rows_at_once():
    program, x = shared_mean(RenyiELBO(alpha=0.5)), torch.randn(20, 1, 1, 1)
    with pytest.warns(UserWarning, match=r"all 20 rows .*RenyiELBO is no sum over rows"):
        assert fit(program, x, batch_size=5).steps == 1
