"""The mixture against enumeration of images, Pyro's own inference, and scikit-learn."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from mixtures import SHAPE, make
from pyro import poutine
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, config_enumerate, infer_discrete
from sklearn.naive_bayes import BernoulliNB

import ppgen
from ppgen.distributions import all_images
from ppgen.distributions.states import image_number

FAILURE_RATE = 1e-4


# exactness


def test_the_probabilities_of_all_images_sum_to_one(mixture):
    log_likelihood = mixture.log_likelihood(all_images(SHAPE))
    assert log_likelihood.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_missing_pixels_are_summed_over(mixture, x, observed):
    every = all_images(SHAPE)
    log_likelihood = mixture.log_likelihood(every)
    found = mixture.log_likelihood(torch.where(observed, x, torch.nan), observed)
    for i in range(len(x)):
        agrees = ((every == x[i]) | ~observed[i]).flatten(1).all(1)
        assert found[i].item() == pytest.approx(log_likelihood[agrees].logsumexp(0).item())
    one_mask = mixture.log_likelihood(x, observed[5])
    torch.testing.assert_close(one_mask, mixture.log_likelihood(x, observed[5].expand(x.shape)))
    torch.testing.assert_close(found[0], torch.zeros_like(found[0]))


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "missing pixels"])
def test_pyros_own_enumeration_gives_the_same(masked, x, observed):
    mixture = make().float()
    data = (x.float(), observed) if masked else (x.float(),)
    expected = mixture.log_likelihood(*data)
    loss = TraceEnum_ELBO(max_plate_nesting=1).loss(mixture.model, mixture.guide, *data)
    assert -loss == pytest.approx(expected.sum().item(), rel=1e-5)
    torch.testing.assert_close(ppgen.elbo(mixture, data).per_example, expected.detach())
    marginals = TraceEnum_ELBO(max_plate_nesting=1).compute_marginals(
        mixture.model, mixture.guide, *data
    )
    torch.testing.assert_close(marginals["z"].probs, mixture.responsibilities(*data))


def test_infer_discrete_finds_the_most_probable_class(x):
    mixture = make().float()
    best = infer_discrete(config_enumerate(mixture.model), first_available_dim=-2, temperature=0)
    z = poutine.trace(best).get_trace(x.float()).nodes["z"]["value"]
    assert torch.equal(z, mixture.responsibilities(x.float()).argmax(1))


@pytest.mark.parametrize("enumerated", [True, False], ids=["enumerated", "drawn"])
def test_a_guide_of_ones_own_that_holds_the_posterior_makes_the_bound_tight(enumerated, x):
    mixture = make().float()

    def guide(x):
        with pyro.plate("data", len(x)):
            posterior = dist.Categorical(mixture.responsibilities(x))
            infer = {"enumerate": "parallel"} if enumerated else {}
            pyro.sample("z", posterior, infer=infer)

    elbo = TraceEnum_ELBO(max_plate_nesting=1) if enumerated else Trace_ELBO()
    expected = mixture.log_likelihood(x.float()).sum().item()
    assert -elbo.loss(mixture.model, guide, x.float()) == pytest.approx(expected, rel=1e-5)
    if not enumerated:
        program = ppgen.as_program((mixture.model, guide))
        bound = ppgen.elbo(program, x).per_example
        torch.testing.assert_close(bound, mixture.log_likelihood(x.float()).detach())


def test_responsibilities_are_scikit_learns(mixture, x):
    theirs = BernoulliNB()
    theirs.classes_ = np.arange(4)
    theirs.class_log_prior_ = mixture.class_logits.log_softmax(0).detach().numpy()
    theirs.feature_log_prob_ = mixture.class_images.log().flatten(1).detach().numpy()
    expected = theirs.predict_proba(x.flatten(1).numpy())
    assert mixture.responsibilities(x).detach().numpy() == pytest.approx(expected)


def test_samples_follow_the_likelihood():
    """Goodness of fit over all 16 images of 2×2 pixels."""
    mixture = make(image_shape=(1, 2, 2))
    counts = image_number(ppgen.sample(mixture, 50_000)).bincount(minlength=16)
    probabilities = mixture.log_likelihood(all_images((1, 2, 2))).exp()
    assert multinomial_goodness_of_fit(probabilities, counts) > FAILURE_RATE


# completion


def test_the_mean_of_missing_pixels_is_that_of_all_completions(mixture, x, observed):
    every = all_images(SHAPE, torch.float64)
    probabilities = mixture.log_likelihood(every).exp()
    completed = mixture.complete(torch.where(observed, x, torch.nan), observed, mean=True)
    for i in range(len(x)):
        agrees = ((every == x[i]) | ~observed[i]).flatten(1).all(1).double()
        weights = agrees * probabilities / (agrees @ probabilities)
        torch.testing.assert_close(completed[i], torch.tensordot(weights, every, 1))


def test_completions_follow_the_conditional(mixture, x):
    """Goodness of fit over the 32 completions of an image with five missing pixels."""
    observed = torch.tensor([1, 0, 0, 1, 0, 1, 0, 1, 0]).bool().view(SHAPE)
    every = all_images(SHAPE, torch.float64)
    agrees = ((every == x[0]) | ~observed).flatten(1).all(1)
    probabilities = mixture.log_likelihood(every[agrees]).softmax(0)
    drawn = image_number(mixture.complete(x[:1].expand(20_000, *SHAPE), observed))
    counts = drawn.bincount(minlength=512)
    assert counts[~agrees].sum() == 0
    assert multinomial_goodness_of_fit(probabilities, counts[agrees]) > FAILURE_RATE
