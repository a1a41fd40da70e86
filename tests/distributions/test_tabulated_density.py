import pyro
import pytest
import torch
from torch import nn
from torch.optim import Rprop

import ppgen
from ppgen.distributions import CountImages, TabulatedDensity, all_images
from ppgen.distributions.states import image_number
from ppgen.objectives import TensorELBO


def perceptron(image, outputs=1, hidden=16):
    pixels = torch.Size(image).numel()
    layers = nn.Linear(pixels, hidden), nn.Tanh(), nn.Linear(hidden, outputs), nn.LogSigmoid()
    return nn.Sequential(nn.Flatten(), *layers).double()


class Learned(ppgen.Program):
    def __init__(self, network, image):
        super().__init__()
        self.network = network
        self.image_shape = image

    def model(self, x=None, *, n=1):
        p = TabulatedDensity.of_network(self.network, self.image_shape)
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", p, obs=x)


class Table(nn.Module):
    """log f of each image as a parameter of its own."""

    def __init__(self, images):
        super().__init__()
        self.log_f = nn.Parameter(torch.zeros(images))

    def forward(self, x):
        return self.log_f[image_number(x)]


# against other ways to the same number


@pytest.mark.parametrize("image", [(1, 2, 2), (1, 3, 3), (3, 1, 4)], ids=str)
def test_log_prob_is_the_networks_output_over_the_sum_of_all(image):
    network = perceptron(image)
    p = TabulatedDensity.of_network(network, image)
    x = p.sample((20,))
    positive = network(all_images(image, torch.float64)).exp()
    expected = network(x).squeeze(-1) - positive.sum().log()
    torch.testing.assert_close(p.log_prob(x), expected, rtol=0, atol=1e-12)


def test_the_logarithms_of_probabilities_give_these_back():
    truth = CountImages.counts_proportional((1, 3, 3), torch.float64)
    images = all_images((1, 3, 3), torch.float64)
    p = TabulatedDensity((1, 3, 3), truth.log_prob(images))
    torch.testing.assert_close(p.log_prob(images), truth.log_prob(images))
    torch.testing.assert_close(p.mean, truth.mean)


def test_a_constant_factor_changes_nothing():
    logits = torch.randn(16)
    images = all_images((1, 2, 2))
    p, scaled = (TabulatedDensity((1, 2, 2), t) for t in (logits, logits + 500))
    torch.testing.assert_close(p.log_prob(images), scaled.log_prob(images), atol=1e-4, rtol=0)


def test_outputs_far_below_the_smallest_number_are_normalised():
    p = TabulatedDensity((1, 2, 2), torch.full((16,), -500.0))
    torch.testing.assert_close(p.log_prob(torch.ones(1, 2, 2)), -torch.tensor(16.0).log())


# gradients and fits


def test_gradient_in_the_networks_weights_agrees_with_finite_differences():
    network = perceptron((1, 2, 2), hidden=3)
    x = TabulatedDensity.of_network(network, (1, 2, 2)).sample((3,))
    names, values = zip(*network.named_parameters(), strict=True)

    def log_prob(*parameters):
        parameters = dict(zip(names, parameters, strict=True))
        images = all_images((1, 2, 2), torch.float64)
        logits = torch.func.functional_call(network, parameters, images).flatten()
        return TabulatedDensity((1, 2, 2), logits).log_prob(x)

    values = tuple(value.detach().requires_grad_() for value in values)
    assert torch.autograd.gradcheck(log_prob, values)


def test_svi_trains_the_network_through_the_normaliser():
    """The gradient of the loss is that of −Σ log f + N log Σ f, written out by hand."""
    program = Learned(perceptron((1, 2, 2)), (1, 2, 2))
    x = torch.bernoulli(torch.full((30, 1, 2, 2), 0.3)).double()
    TensorELBO().differentiable_loss(program.model, program.guide, x).backward()
    found = [p.grad.clone() for p in program.parameters()]
    program.zero_grad()
    log_f = program.network(all_images((1, 2, 2), torch.float64))
    (-program.network(x).sum() + len(x) * log_f.logsumexp(0).squeeze()).backward()
    for gradient, parameter in zip(found, program.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_svi_of_a_free_table_reaches_the_frequencies_of_the_images():
    """Maximum likelihood in closed form: the share of each image among the data."""
    x = all_images((1, 2, 2)).repeat_interleave(torch.arange(1, 17), dim=0)
    program = Learned(Table(16), (1, 2, 2))
    ppgen.fit(
        program,
        x,
        epochs=100,
        batch_size=len(x),
        optimizer=Rprop,
        progress=False,
    )
    frequencies = torch.arange(1, 17) / 136
    fitted = program.network.log_f.detach().softmax(0)
    torch.testing.assert_close(fitted, frequencies, rtol=1e-3, atol=0)
    assert ppgen.sample(program, 5).shape == (5, 1, 2, 2)
    assert ppgen.sample(program, 5, mean=True).shape == (5, 1, 2, 2)


def test_type_of_the_images_is_that_of_the_network():
    network = perceptron((1, 2, 2))
    assert TabulatedDensity.of_network(network, (1, 2, 2)).sample().dtype == torch.float64
    assert TabulatedDensity.of_network(network.float(), (1, 2, 2)).sample().dtype == torch.float32


# bad input


@pytest.mark.parametrize("shape", [(), (15,), (16, 2)], ids=str)
def test_a_wrong_number_of_outputs_is_refused(shape):
    with pytest.raises(ValueError, match=r"logits has the shape .* expected \(…, 16\)"):
        TabulatedDensity((1, 2, 2), torch.zeros(shape))


def test_a_network_with_two_outputs_is_refused():
    with pytest.raises(ValueError, match=r"logits has the shape \(32,\); expected \(…, 16\)"):
        TabulatedDensity.of_network(perceptron((1, 2, 2), outputs=2), (1, 2, 2))


def test_a_fit_at_28x28_says_how_large_the_support_is():
    x = torch.zeros(4, 1, 28, 28)
    program = Learned(perceptron((1, 28, 28)), (1, 28, 28))
    with pytest.raises(ValueError, match=r"2\^784 ≈ 10\^236"):
        ppgen.fit(program, x, epochs=1, progress=False)
