"""BernoulliTable against Pyro's Bernoulli, which it equals, and enumeration."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.distributions.testing.gof import multinomial_goodness_of_fit
from pyro.infer import TraceEnum_ELBO, config_enumerate
from torch.autograd import grad
from torch.utils._python_dispatch import TorchDispatchMode

from ppgen.distributions import BernoulliTable, all_images
from ppgen.distributions.states import image_number

FAILURE_RATE = 1e-4


@pytest.fixture
def logits():
    return (2 * torch.randn(4, 1, 2, 3, dtype=torch.float64)).requires_grad_()


def bernoulli(logits, index):
    return dist.Bernoulli(logits=logits[index]).to_event(3)


def draw(*batch, image=(1, 2, 3)):
    return torch.bernoulli(torch.full((*batch, *image), 0.5, dtype=torch.float64))


EVERY_ROW = torch.arange(4).view(4, 1)

# name -> index, batch shape of the images
SHAPES = {
    "one row": (torch.tensor(2), (7,)),
    "a row each": (torch.tensor([0, 3, 3, 1, 2]), (5,)),
    "summed out": (EVERY_ROW, (5,)),
    "summed out, with particles": (EVERY_ROW.view(4, 1, 1), (3, 5)),
    "two dimensions summed out": (EVERY_ROW.view(2, 2, 1), (5,)),
    "rows for many images": (torch.tensor([0, 3, 3]), (5, 1)),
    "one image": (torch.tensor([1, 2]), ()),
    "int32": (torch.tensor([1, 2], dtype=torch.int32), (2,)),
}
shapes = pytest.mark.parametrize(("index", "batch"), SHAPES.values(), ids=SHAPES)


@shapes
def test_log_prob_and_gradient_are_those_of_bernoulli(logits, index, batch):
    x = draw(*batch)
    ours = BernoulliTable(logits, index).log_prob(x)
    theirs = bernoulli(logits, index.long()).log_prob(x)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(theirs)
    found, expected = (grad((weights * value).sum(), logits) for value in (ours, theirs))
    torch.testing.assert_close(found, expected)


@shapes
def test_shapes_moments_and_expansion_are_those_of_bernoulli(logits, index, batch):
    ours, theirs = BernoulliTable(logits, index), bernoulli(logits, index.long())
    larger = torch.Size([2, *index.shape])
    for p, q in ((ours, theirs), (ours.expand(larger), theirs.expand(larger))):
        assert (p.batch_shape, p.event_shape, p.event_dim) == (q.batch_shape, q.event_shape, 3)
        torch.testing.assert_close(p.mean, q.mean)
        torch.testing.assert_close(p.variance, q.variance)
        assert p.sample((3,)).shape == q.sample((3,)).shape
        x = p.sample()
        assert x.dtype == torch.float64
        torch.testing.assert_close(p.log_prob(x), q.log_prob(x))
    assert ours.support.event_dim == 3


def test_the_probabilities_of_all_images_sum_to_one(logits):
    total = BernoulliTable(logits, EVERY_ROW).log_prob(all_images((1, 2, 3))).exp().sum(-1)
    torch.testing.assert_close(total, torch.ones(4, dtype=torch.float64))


def test_missing_pixels_are_summed_over(logits):
    """log p of observed pixels against the sum over all images that agree with them."""
    x, observed = draw(5), torch.rand(5, 1, 2, 3) < 0.5
    observed[0], observed[1] = True, False
    every = all_images((1, 2, 3), torch.float64)
    log_prob = BernoulliTable(logits, EVERY_ROW).log_prob(every)
    for i in range(5):
        agrees = ((every == x[i]) | ~observed[i]).flatten(1).all(1)
        expected = log_prob[:, agrees].logsumexp(1)
        there = torch.where(observed, x, torch.nan)
        found = BernoulliTable(logits, EVERY_ROW, observed).log_prob(there)[:, i]
        torch.testing.assert_close(found, expected)
        alone = BernoulliTable(logits, torch.arange(4), observed[i])
        torch.testing.assert_close(alone.log_prob(there[i]), expected)


def test_masks_are_part_of_the_batch_shape(logits):
    observed = torch.rand(5, 1, 2, 3) < 0.5
    p = BernoulliTable(logits, EVERY_ROW, observed)
    assert p.batch_shape == (4, 5)
    assert p.expand((2, 4, 5)).log_prob(draw(5)).shape == (2, 4, 5)
    assert p.sample().shape == (4, 5, 1, 2, 3)


def test_samples_follow_the_probabilities():
    """Goodness of fit over all 16 images of 2×2 pixels; chance of failure 1e-4 a row."""
    logits = torch.randn(3, 1, 2, 2)
    p = BernoulliTable(logits, torch.arange(3))
    counts = image_number(p.sample((20_000,)))
    probabilities = p.log_prob(all_images((1, 2, 2)).unsqueeze(1)).exp()
    for row in range(3):
        fit = multinomial_goodness_of_fit(probabilities[:, row], counts[:, row].bincount())
        assert fit > FAILURE_RATE


def program(distribution, logits, x, subsample=None):
    """A mixture, its images in a plate, half of them masked out."""
    with pyro.plate("data", len(x), subsample=subsample) as i:
        classes = dist.Categorical(logits=torch.zeros(4, dtype=torch.float64))
        z = pyro.sample("z", classes, infer={"enumerate": "parallel"})
        with poutine.mask(mask=i % 2 == 0):
            pyro.sample("x", distribution(logits, z), obs=x[i])


@pytest.mark.parametrize("subsample", [None, torch.tensor([1, 4, 5, 8])], ids=["all", "some"])
def test_an_enumerated_class_gives_the_same_loss_in_a_masked_and_subsampled_plate(
    logits, subsample
):
    x = draw(10)

    def loss(distribution):
        elbo = pyro.infer.TraceEnum_ELBO(max_plate_nesting=1)
        return elbo.differentiable_loss(
            lambda: program(distribution, logits, x, subsample), lambda: None
        )

    ours, theirs = loss(BernoulliTable), loss(bernoulli)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(grad(ours, logits), grad(theirs, logits))


def test_class_and_image_are_both_summed_out(logits):
    """A latent image from the row of a latent class, against the sum over all 4 × 64 of them."""
    slopes = torch.arange(6.0).double()
    y = torch.tensor([0.3, 7.0, -1.0]).double()

    @config_enumerate
    def model():
        with pyro.plate("data", 3):
            z = pyro.sample("z", dist.Categorical(torch.ones(4).double()))
            image = pyro.sample("image", BernoulliTable(logits, z))
            pyro.sample("y", dist.Normal(image.flatten(-3) @ slopes, 0.5), obs=y)

    elbo = -TraceEnum_ELBO(max_plate_nesting=1).loss(model, lambda: None)
    images = all_images((1, 2, 3), torch.float64)
    prior = (bernoulli(logits, EVERY_ROW).log_prob(images).exp().mean(0)).log()
    terms = dist.Normal(images.flatten(1) @ slopes, 0.5).log_prob(y[:, None]) + prior
    assert elbo == pytest.approx(terms.logsumexp(1).sum().item(), abs=1e-10)


def test_all_images_are_listed_where_they_are_few_and_each_counts_once(logits):
    p = BernoulliTable(logits, EVERY_ROW)
    assert p.enumerate_support().shape == (64, 4, 1, 1, 2, 3)
    assert p.enumerate_support(expand=False).shape == (64, 1, 1, 1, 2, 3)
    assert BernoulliTable(logits.view(4, 6), torch.tensor(0)).enumerate_support().shape == (64, 6)
    partly = BernoulliTable(logits, EVERY_ROW, torch.zeros(1, 2, 3).bool())
    many = BernoulliTable(torch.zeros(4, 1, 28, 28), torch.tensor(0))
    for p, reason in ((partly, "observed is a mask.*expected None"), (many, r"2\^784")):
        assert not p.has_enumerate_support
        with pytest.raises(NotImplementedError, match=reason):
            p.enumerate_support()


class LargestTensor(TorchDispatchMode):
    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        tensors = made if isinstance(made, tuple | list) else (made,)
        # Views take no memory: only what is stored counts.
        sizes = [t.untyped_storage().nbytes() // 8 for t in tensors if isinstance(t, torch.Tensor)]
        self.numel = max([self.numel, *sizes])
        return made


def test_nothing_of_the_size_of_rows_by_images_by_pixels_is_made():
    logits = torch.randn(30, 1, 4, 10, dtype=torch.float64, requires_grad=True)
    x = draw(50, image=(1, 4, 10))
    sizes = {}
    for distribution in (BernoulliTable, bernoulli):
        with LargestTensor() as largest:
            distribution(logits, torch.arange(30).view(30, 1)).log_prob(x).sum().backward()
        sizes[distribution] = largest.numel
    assert sizes == {BernoulliTable: 50 * 40, bernoulli: 30 * 50 * 40}


def test_other_types_of_images_are_taken(logits):
    x = draw(5)
    p = BernoulliTable(logits, EVERY_ROW)
    for other in (x.to(torch.uint8), x.bool(), x.float()):
        torch.testing.assert_close(p.log_prob(other), p.log_prob(x))


def test_images_need_not_have_three_dimensions():
    p = BernoulliTable(torch.zeros(4, 6), torch.tensor([1, 2]))
    assert p.event_shape == (6,)
    assert p.log_prob(torch.ones(2, 6)).tolist() == pytest.approx([-6 * 0.6931472] * 2)


@pytest.mark.parametrize("shape", [(6,), (1, 3, 2), (5, 1, 2, 1)], ids=str)
def test_images_of_another_shape_are_refused(logits, shape):
    with pytest.raises(ValueError, match=r"value has the shape .* = \(1, 2, 3\)"):
        BernoulliTable(logits, torch.tensor(0)).log_prob(torch.ones(shape))


def test_bad_arguments(logits):
    with pytest.raises(ValueError, match=r"logits has the shape \(4,\); expected a row"):
        BernoulliTable(torch.zeros(4), torch.tensor(0))
    with pytest.raises(ValueError, match=r"index has the type torch.float32; expected integers"):
        BernoulliTable(logits, torch.tensor(0.0))
    for observed in (torch.ones(1, 2, 3), torch.ones(3, 1, 3, 3).bool(), torch.ones(3).bool()):
        with pytest.raises(ValueError, match=r"observed has .*expected booleans \(…, 1, 2, 3\)"):
            BernoulliTable(logits, torch.tensor(0), observed)
    with pytest.raises(ValueError, match=r"index holds rows from -1 to 4; expected 0 … 3"):
        BernoulliTable(logits, torch.tensor([-1, 4]), validate_args=True)
    with pytest.raises(ValueError, match="support"):
        BernoulliTable(logits, torch.tensor(0), validate_args=True).log_prob(0.5 * draw(1))


@pytest.mark.parametrize("white", [0.0, 1.0])
@pytest.mark.parametrize(("size", "pixels"), [(15.0, 196_608), (1e6, 50), (1e30, 50)])
def test_huge_logits_in_float32_do_not_cancel(white, size, pixels):
    """Near 0 for the likely image: −pixels log(1 + exp(−size)), computed in float64."""
    logits = torch.full((1, pixels), size * (2 * white - 1))
    table = BernoulliTable(logits, torch.tensor([0]))
    expected = -pixels * torch.tensor(-size).double().exp().log1p().item()
    assert table.log_prob(torch.full((pixels,), white)).item() == pytest.approx(
        expected, rel=1e-3
    )  # of 2e5 float32 terms
    opposite = table.log_prob(torch.full((pixels,), 1 - white)).item()
    assert opposite == pytest.approx(-pixels * size, rel=1e-4)
