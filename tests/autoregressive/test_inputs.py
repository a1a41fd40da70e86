"""Input encodings by themselves; test_network_* test networks with them."""

import copy

import pytest
import torch

from ppgen.autoregressive import Embedding, FullyVisible, GreyValues, OneHot
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Bernoulli, Categorical


def test_grey_values_are_the_default_and_those_of_the_likelihood():
    network = FullyVisible((4,), Categorical(5))
    assert isinstance(network.inputs, GreyValues)
    x = torch.tensor([0.0, 1.0, 4.0])
    assert network.features(x).tolist() == [[0.0], [0.25], [1.0]]


def test_symbols_of_any_type_are_looked_up():
    embedding = Embedding(5, size=3)
    for dtype in (torch.uint8, torch.int64, torch.float32, torch.float64):
        x = torch.tensor([[4, 0], [1, 4]], dtype=dtype)
        assert torch.equal(embedding(x, Categorical(5)), embedding.table[x.long()])
        assert torch.equal(OneHot(5)(x, Categorical(5)), torch.eye(5)[x.long()])
    assert torch.equal(OneHot(2)(torch.ones(1), Bernoulli()), torch.tensor([[0.0, 1.0]]))


def test_only_an_embedding_is_part_of_the_state():
    assert not OneHot(5).state_dict()
    network = FullyVisible((4,), Categorical(5), inputs=Embedding(5, size=3))
    assert "inputs.table" in network.state_dict()
    other = FullyVisible((4,), Categorical(5), inputs=Embedding(5, size=3))
    other.load_state_dict(network.state_dict())
    x = torch.randint(5, (7, 4))
    assert torch.equal(*(Autoregressive(n).log_prob(x) for n in (other, network)))
    assert torch.equal(
        Autoregressive(copy.deepcopy(network)).log_prob(x), Autoregressive(network).log_prob(x)
    )


def test_many_symbols_are_told_apart_in_half_precision():
    """256 and 257 are the same number in bfloat16."""
    network = FullyVisible((2,), Categorical(300), inputs=OneHot(300)).bfloat16()
    log_prob = Autoregressive(network).log_prob(torch.tensor([[256, 0], [257, 0]]))
    assert log_prob[0] != log_prob[1]
    assert network.ancestral_sample(3).shape == (3, 2)


def test_encodings_show_their_arguments():
    assert repr(Embedding(27, size=8)) == "Embedding(levels=27, size=8)"
    assert repr(OneHot(3)) == "OneHot(levels=3)"
    assert repr(GreyValues()) == "GreyValues()"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneHot(1), "levels is 1; expected a whole number, 2 or more"),
        (lambda: Embedding(1), "levels is 1; expected a whole number, 2 or more"),
        (lambda: Embedding(5, size=0), "size is 0; expected a whole number, 1 or more"),
    ],
    ids=["one-hot", "levels", "size"],
)
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
