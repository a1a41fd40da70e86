"""Every network refuses arguments that do not fit, and says why."""

import pytest
import torch
from networks import every, make

from ppgen.autoregressive import Embedding, OneHot
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Bernoulli, Categorical, ContinuousBernoulli, SoftBernoulli


@every
@pytest.mark.parametrize("shape", [(), (0, 3, 3)], ids=str)
def test_a_shape_without_pixels_is_refused(entry, shape):
    with pytest.raises(
        ValueError, match=r"shape is \(.*expected a sequence of sizes|have the shape"
    ):
        make(entry, shape)


@every
@pytest.mark.parametrize(
    "ordering", [[0, 1, 2, 3, 4, 5, 6, 7, 7], [1, 0], list(range(1, 10))], ids=str
)
def test_an_ordering_that_is_no_permutation_is_refused(entry, ordering):
    if not entry.ordering:
        pytest.skip("takes no ordering")
    with pytest.raises(ValueError, match="ordering is"):
        make(entry, ordering=ordering)


@every
@pytest.mark.parametrize("likelihood", ["bernoulli", 17, Bernoulli], ids=str)
def test_what_is_no_likelihood_is_refused(entry, likelihood):
    if not entry.any_likelihood:
        pytest.skip("takes no likelihood")
    with pytest.raises(
        TypeError, match=r"likelihood is .*expected an object of ppgen.likelihoods.*Bernoulli\(\)"
    ):
        make(entry, likelihood=likelihood)


@every
def test_a_shape_that_is_a_number_is_refused(entry):
    if not entry.any_likelihood:
        pytest.skip("is made of tables, which have a shape")
    with pytest.raises(TypeError, match=r"shape is 64; expected a sequence .*\(length,\)"):
        entry.make(64)
    with pytest.raises(TypeError, match=r"shape is \(1, 2\.0, 2\); expected a sequence"):
        entry.make((1, 2.0, 2))


@every
def test_an_encoding_that_does_not_suit_the_likelihood_is_refused(entry):
    if not entry.inputs:
        pytest.skip("has no argument for inputs")
    for likelihood in (Categorical(4), Bernoulli(), SoftBernoulli(), ContinuousBernoulli()):
        for inputs in (OneHot(3), Embedding(3, size=5)):
            with pytest.raises(ValueError, match=r"inputs is .*levels=3.*; expected .* 3 symbols"):
                make(entry, likelihood=likelihood, inputs=inputs)
    with pytest.raises(
        TypeError, match=r"inputs is 'embedding'; expected an encoding, .*Embedding\("
    ):
        make(entry, inputs="embedding")


@every
def test_a_context_that_does_not_fit_is_refused(entry):
    with pytest.raises(ValueError, match="context is a tensor"):
        Autoregressive(make(entry), torch.zeros(3))
    if not entry.context:
        return
    network = make(entry, context_size=4)
    with pytest.raises(ValueError, match="context is None"):
        Autoregressive(network)
    with pytest.raises(ValueError, match=r"shape \(2, 3\).*length 4"):
        Autoregressive(network, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="labels from 1 to 4"):
        Autoregressive(network, torch.tensor([1, 4]))
    with pytest.raises(ValueError, match="context_size is -1"):
        make(entry, context_size=-1)
    with pytest.raises(TypeError, match=r"context is \[1, 2\]; expected a dense tensor"):
        Autoregressive(network, [1, 2])
    with pytest.raises(TypeError, match=r"context is Tensor .* type torch\.bool; expected"):
        Autoregressive(network, torch.tensor([True, False]))


@every
def test_images_of_another_size_are_refused(entry):
    p = Autoregressive(make(entry))
    with pytest.raises(ValueError, match=r"value has the shape \(5, 1, 4, 4\)"):
        p.log_prob(torch.zeros(5, 1, 4, 4))
