"""Pyro's rules for the distribution of any autoregressive network."""

import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import LinearChain
from pyro.infer import Predictive, TraceEnum_ELBO, config_enumerate
from pyro.poutine import mask, trace
from torch import nn

import ppgen
from ppgen import Program
from ppgen.autoregressive import MADE, Independent
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Bernoulli, Beta, Categorical, ContinuousBernoulli
from ppgen.models import AutoregressiveModel
from ppgen.objectives import MeanFieldELBO


@pytest.fixture
def network():
    return LinearChain((1, 2, 2))


@pytest.fixture
def conditional():
    return LinearChain((1, 2, 2), context_size=3)


def images(*batch):
    return torch.bernoulli(torch.full((*batch, 1, 2, 2), 0.5))


# shapes


@pytest.mark.parametrize("batch", [(), (5,), (4, 5)], ids=str)
@pytest.mark.parametrize("sample", [(), (2,), (3, 2)], ids=str)
def test_shapes(conditional, batch, sample):
    p = Autoregressive(conditional, torch.randn(*batch, 3))
    x = p.sample(sample)
    assert p.batch_shape == batch
    assert p.event_shape == (1, 2, 2)
    assert p.shape(sample) == x.shape == (*sample, *batch, 1, 2, 2)
    assert p.log_prob(x).shape == (*sample, *batch)
    assert p.log_prob(images()).shape == batch


def test_log_prob_broadcasts_images_over_contexts_and_contexts_over_images(conditional):
    context, x = torch.randn(6, 1, 3), images(5)
    log_prob = Autoregressive(conditional, context).log_prob(x)
    assert log_prob.shape == (6, 5)
    alone = Autoregressive(conditional, context[2, 0]).log_prob(x[4])
    torch.testing.assert_close(log_prob[2, 4], alone)


@pytest.mark.parametrize("with_context", [False, True])
def test_expand(network, conditional, with_context):
    p = Autoregressive(conditional, torch.randn(5, 3)) if with_context else Autoregressive(network)
    expanded = p.expand((4, 5))
    x = images(5)
    assert expanded.batch_shape == (4, 5)
    assert expanded.sample((2,)).shape == (2, 4, 5, 1, 2, 2)
    assert expanded.log_prob(x).shape == (4, 5)
    torch.testing.assert_close(expanded.log_prob(x)[3], p.log_prob(x))
    assert expanded.expand((6, 4, 5)).log_prob(x).shape == (6, 4, 5)


def test_labels_are_one_hot_contexts(conditional):
    labels, x = torch.tensor([2, 0]), images(2)
    by_label = Autoregressive(conditional, labels).log_prob(x)
    by_vector = Autoregressive(conditional, torch.eye(3)[labels]).log_prob(x)
    assert torch.equal(by_label, by_vector)


def test_to_event_takes_images_together(conditional):
    p = Autoregressive(conditional, torch.randn(5, 3))
    x = p.sample()
    together = p.to_event(1)
    assert together.event_shape == (5, 1, 2, 2)
    torch.testing.assert_close(together.log_prob(x), p.log_prob(x).sum())


def test_sequences_have_one_event_dimension():
    p = Autoregressive(LinearChain((4,), Categorical(3), context_size=3), torch.randn(5, 3))
    x = p.sample((2,))
    assert (p.batch_shape, p.event_shape) == ((5,), (4,))
    assert p.event_dim == p.support.event_dim == 1
    assert x.shape == (2, 5, 4)
    assert p.support.check(x).all()
    assert p.log_prob(x).shape == p.expand((2, 5)).log_prob(x).shape == (2, 5)
    assert p.enumerate_support().shape == (81, 5, 4)
    torch.testing.assert_close(p.log_prob(p.enumerate_support()).logsumexp(0), torch.zeros(5))
    with pytest.raises(ValueError, match="support"):
        Autoregressive(p.network, p.context, validate_args=True).log_prob(torch.full((4,), 3.0))


def test_mask_leaves_images_out(network):
    p = Autoregressive(network).expand((4,))
    x = p.sample()
    kept = torch.tensor([True, False, True, False])
    torch.testing.assert_close(p.mask(kept).log_prob(x), p.log_prob(x).where(kept, 0.0))


# in programs


def test_a_masked_and_subsampled_plate_counts_what_it_should(network):
    x = images(10)

    def model(subsample, kept):
        with pyro.plate("data", 10, subsample=subsample) as index, mask(mask=kept[index]):
            pyro.sample("x", Autoregressive(network), obs=x[index])

    index = torch.tensor([1, 4, 7, 8])
    kept = torch.arange(10) % 2 == 0
    expected = Autoregressive(network).log_prob(x)[index][kept[index]].sum() * 10 / 4
    log_prob = trace(model).get_trace(index, kept).log_prob_sum()
    torch.testing.assert_close(log_prob, expected)


@pytest.mark.parametrize("parallel", [False, True])
def test_predictive_draws_images(network, parallel):
    program = AutoregressiveModel(network)
    drawn = Predictive(program.model, num_samples=3, parallel=parallel)(None, n=5)["x"]
    assert drawn.reshape(3, 5, 1, 2, 2).shape == (3, 5, 1, 2, 2)


def test_samples_and_log_prob_are_those_of_the_program(conditional):
    program, labels = AutoregressiveModel(conditional), torch.tensor([0, 1, 2, 0])
    x = ppgen.sample(program, 4, labels, seed=3)
    bound = ppgen.elbo(program, (x, labels)).per_example
    torch.testing.assert_close(bound, program.distribution(labels).log_prob(x))
    torch.testing.assert_close(ppgen.iwae(program, (x, labels), particles=2).per_example, bound)


def test_a_discrete_latent_is_summed_out():
    """TraceEnum_ELBO over a latent image of 2×2 pixels, against the sum by hand."""
    prior = LinearChain((1, 2, 2))
    weight = torch.randn(4, 9)

    @config_enumerate
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", Autoregressive(prior))
            logits = (z.flatten(-3) @ weight).unflatten(-1, (1, 3, 3))
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    x = torch.bernoulli(torch.full((6, 1, 3, 3), 0.5))
    loss = TraceEnum_ELBO(max_plate_nesting=1).loss(model, lambda x: None, x)
    z = Autoregressive(prior).enumerate_support()
    logits = (z.flatten(1) @ weight).view(16, 1, 1, 3, 3)
    joint = Autoregressive(prior).log_prob(z)[:, None]
    joint = joint + dist.Bernoulli(logits=logits).to_event(3).log_prob(x)
    assert loss == pytest.approx(-joint.logsumexp(0).sum().item(), rel=1e-5)


def test_enumerated_images_are_all_different(conditional):
    p = Autoregressive(conditional, torch.randn(5, 3))
    assert p.has_enumerate_support
    assert p.enumerate_support().shape == (16, 5, 1, 2, 2)
    few = p.enumerate_support(expand=False)
    assert few.shape == (16, 1, 1, 2, 2)
    assert len(few.flatten(1).unique(dim=0)) == 16


def test_many_images_are_not_enumerated():
    p = Autoregressive(Independent((1, 28, 28)))
    assert not p.has_enumerate_support
    with pytest.raises(NotImplementedError, match=r"\(1, 28, 28\): there are 2\^784 ≈ 10\^236"):
        p.enumerate_support()
    p = Autoregressive(Independent((1, 2, 4), Categorical(9)))
    assert not p.has_enumerate_support
    with pytest.raises(NotImplementedError, match=r"\(1, 2, 4\): there are 9\^8 ≈ 10\^8 images"):
        p.enumerate_support()


def test_grey_images_are_not_enumerated():
    p = Autoregressive(Independent((1, 1, 1), ContinuousBernoulli()))
    assert not p.has_enumerate_support
    with pytest.raises(NotImplementedError, match=r"likelihood is Cont.*expected one that does"):
        p.enumerate_support()


def test_as_a_guide_it_reaches_the_posterior_of_a_discrete_latent():
    """Two latent bits that probably differ, given x: no factorised guide can express that."""

    class Xor(Program):
        objective = pyro.infer.TraceEnum_ELBO(max_plate_nesting=1)

        def __init__(self):
            super().__init__()
            self.network = LinearChain((1, 1, 2))

        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Bernoulli(0.5 * torch.ones(1, 1, 2)).to_event(3))
                different = (z[..., :1] != z[..., 1:]).float()
                return pyro.sample("x", dist.Bernoulli(0.1 + 0.8 * different).to_event(3), obs=x)

        @config_enumerate
        def guide(self, x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", Autoregressive(self.network))

    program = Xor()
    x = torch.ones(1, 1, 1, 1)
    optimizer = torch.optim.Adam(program.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        program.objective.differentiable_loss(program.model, program.guide, x).backward()
        optimizer.step()
    q = Autoregressive(program.network)
    expected = torch.tensor([0.05, 0.45, 0.45, 0.05])
    probabilities = q.log_prob(q.enumerate_support()).exp()
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=0.01)


def test_as_the_likelihood_of_a_latent_model():
    class PixelVAE(Program):
        objective = MeanFieldELBO()

        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(9, 4))
            self.network = LinearChain((1, 3, 3), context_size=2)

        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
                return pyro.sample("x", Autoregressive(self.network, z), obs=x)

        def guide(self, x):
            mean, log_scale = self.encoder(x).chunk(2, -1)
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    program = PixelVAE()
    x = torch.bernoulli(torch.full((50, 1, 3, 3), 0.3))
    before = ppgen.elbo(program, x, particles=20).mean
    ppgen.fit(program, x, epochs=200, progress=False)
    assert ppgen.elbo(program, x, particles=20).mean > before + 1
    assert ppgen.sample(program, 7).shape == (7, 1, 3, 3)
    assert ppgen.iwae(program, x, particles=10).per_example.isfinite().all()


def test_maximum_likelihood_is_the_pixel_mean(binary_images):
    program = AutoregressiveModel(Independent((1, 3, 3)))
    ppgen.fit(
        program,
        binary_images,
        epochs=300,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.1),
        progress=False,
    )
    closed = Independent.from_images(binary_images, pseudo_count=0)
    torch.testing.assert_close(program.network.raw, closed.raw, rtol=0, atol=1e-3)


def test_a_distribution_can_be_pickled(network):
    p = Autoregressive(network)
    copy = pickle.loads(pickle.dumps(p))
    x = images(3)
    assert torch.equal(copy.log_prob(x), p.log_prob(x))


# bad input


@pytest.mark.parametrize("network", [nn.Linear, nn.Linear(2, 2), None], ids=str)
def test_what_is_no_network_is_refused(network):
    for make in (Autoregressive, AutoregressiveModel):
        with pytest.raises(TypeError, match=r"network is .*expected an AutoregressiveNetwork"):
            make(network)


def test_the_mean_says_what_to_do_instead(network):
    with pytest.raises(NotImplementedError, match="mean=False"):
        _ = Autoregressive(network).mean
    with pytest.raises(NotImplementedError, match="mean=False"):
        ppgen.sample(AutoregressiveModel(network), 3, mean=True)


def test_validation_names_the_value(network):
    p = Autoregressive(network, validate_args=True)
    with pytest.raises(ValueError, match="support"):
        p.log_prob(torch.full((1, 2, 2), 0.5))


def test_a_completion_from_anything_but_a_prefix_is_refused(network):
    observed = torch.tensor([[[True, False], [True, False]]])
    with pytest.raises(ValueError, match="observed holds pixels that come after"):
        Autoregressive(network).complete(images(3), observed)


def test_given_pixels_outside_the_support_are_refused(network):
    observed = torch.tensor([[[True, False], [False, False]]])
    with pytest.raises(ValueError, match="value holds given pixels outside"):
        Autoregressive(network).complete(torch.full((1, 2, 2), 0.5), observed)


def test_a_single_member_completes_without_a_parallel_pass(monkeypatch):
    network = MADE((1, 2, 2), hidden=[8])
    observed = torch.tensor([[[True, True], [False, False]]])
    monkeypatch.setattr(MADE, "forward", None)
    x = images(3)
    completed = Autoregressive(network).complete(x, observed)
    assert torch.equal(completed[..., 0, :], x[..., 0, :])


def test_given_pixels_keep_all_their_digits():
    """Grey values of float64 under a network of float32."""
    network = Independent((1, 2, 2), ContinuousBernoulli())
    observed = torch.tensor([[[True, True], [True, False]]])
    x = torch.rand(5, 1, 2, 2, dtype=torch.float64)
    completed = Autoregressive(network).complete(x, observed)
    assert torch.equal(completed[:, observed], x[:, observed])
    assert not torch.equal(completed, x)


def test_masks_of_another_shape_are_refused(network):
    with pytest.raises(ValueError, match=r"observed has the shape \(3, 3\)"):
        Autoregressive(network).complete(images(3), torch.ones(3, 3, dtype=torch.bool))


def test_closed_form_needs_binary_images_and_finite_logits():
    with pytest.raises(ValueError, match="binarise"):
        Independent.from_images(torch.full((3, 1, 2, 2), 0.5))
    with pytest.raises(ValueError, match="there are 0 images"):
        Independent.from_images(torch.zeros(0, 1, 2, 2))
    with pytest.raises(ValueError, match="pseudo_count is 0"):
        Independent.from_images(torch.zeros(3, 1, 2, 2), pseudo_count=0)
    for wrong in (-0.1, torch.inf, torch.nan):
        with pytest.raises(
            ValueError, match=rf"pseudo_count is {wrong}; expected a number, 0 or more"
        ):
            Independent.from_images(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), pseudo_count=wrong)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Beta(), Categorical(3)], ids=repr)
def test_members_that_draw_no_image(likelihood):
    """Of three members one draws the only image; exactly one completion is possible."""
    p = Autoregressive(MADE((1, 2, 2), likelihood, hidden=[4], masks=3))
    for count in (0, 1, 1, 2):
        assert p.sample((count,)).shape == (count, 1, 2, 2)
    x = p.sample((1,))
    known = torch.ones_like(x, dtype=torch.bool)
    assert torch.equal(p.complete(x, known), x)
    assert p.complete(x, ~known).shape == x.shape
