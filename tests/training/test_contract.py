"""Programs that would be trained by a wrong bound are refused before training."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoDelta
from torch import nn

import ppgen
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


CALLS = {
    "fit": lambda program, x: fit(program, x, batch_size=5),
    "elbo": ppgen.elbo,
    "iwae": lambda program, x: ppgen.iwae(program, x, 3),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"guide": "other"}, "the guide draws the site 'z' in the plate 'other' over the images"),
        ({"latent": "zs"}, "the model draws the site 'z' in the plate 'zs' over the images"),
    ],
    ids=["guide", "model"],
)
def test_a_second_plate_over_the_images_is_refused(names, message, call):
    with pytest.raises(ValueError, match=message):
        call(Plates(**names), torch.randn(20, 1, 1, 4))


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


@pytest.mark.parametrize(
    "call", [lambda p, x: fit(p, x, batch_size=5), ppgen.elbo], ids=["fit", "elbo"]
)
def test_pyros_elbo_would_count_it_in_each_batch(call):
    x = torch.full((20, 1, 1, 1), 2.0)
    with pytest.raises(ValueError, match="the site 'mean' is shared by all images, and Trace_ELBO"):
        call(shared_mean(Trace_ELBO()), x)
