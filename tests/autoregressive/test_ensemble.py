"""An equal mixture of networks; the laws of all networks are in `test_network_*`."""

import pytest
import torch

import ppgen
from ppgen.autoregressive import MADE, NADE, Ensemble, Independent
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Categorical
from ppgen.models import AutoregressiveModel

SHAPE = (1, 2, 3)


def test_its_probability_is_the_mean_of_its_members():
    parts = [NADE(SHAPE, hidden=4, ordering=torch.randperm(6)), MADE(SHAPE, hidden=[8], masks=2)]
    ensemble = Ensemble(parts).double()
    assert next(iter(ensemble.members)) is parts[0]
    assert len(ensemble.members) == 3
    x = torch.bernoulli(torch.full((7, *SHAPE), 0.5))
    each = [Autoregressive(member).log_prob(x).exp() for member in ensemble.members]
    mean = sum(each) / 3
    torch.testing.assert_close(Autoregressive(ensemble).log_prob(x).exp(), mean)


def test_networks_that_were_fitted_keep_their_weights_and_the_whole_is_saved(tmp_path):
    parts = [NADE(SHAPE, hidden=4, ordering=torch.randperm(6)) for _ in range(2)]
    model = AutoregressiveModel(Ensemble(parts))
    x = torch.bernoulli(torch.full((20, *SHAPE), 0.5))
    ppgen.save(model, tmp_path / "model.pt")
    fresh = AutoregressiveModel(Ensemble([NADE(SHAPE, hidden=4) for _ in range(2)]))
    loaded = ppgen.load(tmp_path / "model.pt", fresh)
    assert torch.equal(loaded.network.members[1].ordering, parts[1].ordering)
    assert ppgen.elbo(loaded, x).total == ppgen.elbo(model, x).total


def test_a_fit_of_the_whole_raises_the_likelihood_of_the_mixture():
    model = AutoregressiveModel(Ensemble([NADE(SHAPE, hidden=4) for _ in range(2)]))
    x = torch.ones(40, *SHAPE)
    history = ppgen.fit(model, x, epochs=30, batch_size="all", lr=0.05, progress=False)
    # From about 6 log 1/2 = -4.2, fair pixels, towards 0: -0.05 to -0.11 with five seeds, so that
    # the bound is far from both.
    assert history.epochs[-1].elbo == pytest.approx(0, abs=0.5)
    assert ppgen.elbo(model, x).mean > -0.5


@pytest.mark.parametrize(
    "networks",
    [
        [],
        [Independent(SHAPE), Independent((6,))],
        [Independent(SHAPE), Independent(SHAPE, Categorical(3))],
        [Independent(SHAPE), Independent(SHAPE, context_size=2)],
    ],
    ids=["none", "shapes", "likelihoods", "contexts"],
)
def test_networks_that_have_no_mixture_are_refused(networks):
    with pytest.raises(ValueError, match=r"networks have .*; expected one or more networks that"):
        Ensemble(networks)
