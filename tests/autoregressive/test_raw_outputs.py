"""Raw outputs of the wrong shape raise an error in log_prob and in sample."""

import pytest
import torch
from programs import LinearChain

from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Bernoulli, Categorical


class Misshapen(LinearChain):
    """Returns raw outputs, and steps, without the dimension of the outputs."""

    def forward(self, x, context=None):
        return super().forward(x, context)[:, 0]


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(17)], ids=str)
def test_outputs_of_the_wrong_shape_are_refused(likelihood):
    p, outputs = Autoregressive(Misshapen((1, 2, 2), likelihood)), likelihood.outputs
    message = rf"raw has the shape \(17, 1, 2, 2\); expected \(17, {outputs}, 1, 2, 2\)"
    with pytest.raises(ValueError, match=message):
        p.log_prob(torch.zeros(17, 1, 2, 2))
    with pytest.raises(ValueError, match=rf"raw has the shape \(40,\); expected \(40, {outputs}\)"):
        p.sample((40,))


def test_another_number_of_outputs_is_refused():
    network = LinearChain((1, 2, 2), Categorical(40))
    network.likelihood = Categorical(17)
    p = Autoregressive(network)
    message = r"raw has the shape \(5, 40.*; expected \(5, 17.*outputs of Categorical\(levels=17\)"
    with pytest.raises(ValueError, match=message):
        p.log_prob(torch.zeros(5, 1, 2, 2))
    with pytest.raises(ValueError, match=message):
        p.sample((5,))
