"""Laws of `expand`, which all custom distributions share; a new one is one more line here."""

import pyro.distributions as dist
import pytest
import torch

from ppgen.autoregressive import Independent
from ppgen.distributions import (
    Autoregressive,
    BernoulliTable,
    CountImages,
    SigmoidBelief,
    TabulatedDensity,
)
from ppgen.distributions.pixels import DiscretizedLogistic, TruncatedExponential

IMAGE = (1, 1, 2)


def sigmoid_belief(validate_args):
    layer = torch.zeros(3, 2), torch.zeros(2)
    p = SigmoidBelief(IMAGE, torch.zeros(3), [layer], validate_args=validate_args)
    return p.expand((3,))  # it has no batch shape of its own


# maker of a distribution of the batch shape (3,), with or without validation
DISTRIBUTIONS = {
    "Autoregressive": lambda v: Autoregressive(Independent(IMAGE, None, 4), torch.arange(3), v),
    "BernoulliTable": lambda v: BernoulliTable(torch.zeros(4, *IMAGE), torch.arange(3), None, v),
    "CountImages": lambda v: CountImages(IMAGE, logits=torch.zeros(3, 3), validate_args=v),
    "DiscretizedLogistic": lambda v: DiscretizedLogistic(
        torch.zeros(3), torch.ones(3), 4, validate_args=v
    ),
    "SigmoidBelief": sigmoid_belief,
    "TabulatedDensity": lambda v: TabulatedDensity(IMAGE, torch.zeros(3, 4), v),
    "TruncatedExponential": lambda v: TruncatedExponential(torch.zeros(3), v),
    "Pyro's own": lambda v: dist.Normal(torch.zeros(3), 1.0, validate_args=v),
}
every = pytest.mark.parametrize("make", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)


@every
@pytest.mark.parametrize("validate_args", [False, True])
def test_a_larger_batch_shape_is_taken_and_validation_stays_as_it_is(make, validate_args):
    p = make(validate_args)
    larger = p.expand((2, 3))
    assert (larger.batch_shape, larger.event_shape) == ((2, 3), p.event_shape)
    assert larger._validate_args == validate_args
    x = larger.sample((4,))
    assert x.shape == (4, 2, 3, *p.event_shape)
    torch.testing.assert_close(larger.log_prob(x), p.log_prob(x))


@every
@pytest.mark.parametrize("shape", [(5,), (3, 1), (3, 2), ()], ids=str)
def test_what_the_batch_shape_does_not_broadcast_to_is_refused(make, shape):
    with pytest.raises((ValueError, RuntimeError), match=r"batch_shape is|size"):
        make(True).expand(shape)


@every
def test_a_subclass_with_another_constructor_needs_its_own(make):
    p = make(True)

    class Named(type(p)):
        def __init__(self, name):
            self.name = name

    p.__class__ = Named
    with pytest.raises(NotImplementedError, match=r"must also define a custom \.expand"):
        p.expand((2, 3))
