"""Mistakes that are made in a first hour, and what is said about them."""

from functools import partial

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import ppgen
from ppgen import plots
from ppgen.autoregressive import NADE
from ppgen.graph import DAG
from ppgen.likelihoods import Beta, Gaussian, SoftBernoulli
from ppgen.models import PPCA, VAE, BernoulliMixture

SHAPE = (1, 4, 4)
fit = partial(ppgen.fit, epochs=1, progress=False)


def images(n=40):
    return torch.bernoulli(torch.full((n, *SHAPE), 0.4))


def levels(n=40):
    return torch.randint(0, 256, (n, *SHAPE)).index_fill_(0, torch.tensor([0]), 200)


def decoder(*last):
    return nn.Sequential(nn.Linear(2, 16), *last, nn.Unflatten(-1, (1, *SHAPE)))


def encoder(outputs):
    return nn.Sequential(nn.Flatten(1), nn.Linear(16, outputs))


def line(x, y=None):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("y", dist.Bernoulli(logits=slope * x), obs=y)


def lines():
    return ppgen.as_program((line, pyro.infer.autoguide.AutoNormal(line)))


def fitted():
    program = lines()
    fit(program, {"x": torch.randn(30), "y": torch.ones(30)})
    return program


def print_history(history):
    print(history)


class Pair(nn.Module):
    """Returns mean and log-variance, as encoders of other libraries do."""

    def __init__(self):
        super().__init__()
        self.layer = encoder(2)

    def forward(self, x):
        return self.layer(x), self.layer(x)


def labelled(x, label, *, n=1):
    with pyro.plate("data", n if x is None else len(x)):
        return pyro.sample("x", dist.Normal(label, 1.0), obs=x)


def pixels_in_a_plate(x):
    logits = pyro.param("logits", torch.zeros(SHAPE))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Bernoulli(logits=logits), obs=x)


MISTAKES = {
    "bytes": (lambda: fit(VAE.mlp(SHAPE), levels().float()), "divide grey levels 0 … 255 by 255"),
    "bytes to grey": (
        lambda: fit(VAE.mlp(SHAPE, likelihood=SoftBernoulli()), levels().byte()),
        "encode",
    ),
    "whole numbers": (
        lambda: fit(VAE.mlp(SHAPE), images().long()),
        r"expected floating tensors, perhaps for data\[0\], which is of torch.int64",
    ),
    "grey to binary": (
        lambda: fit(VAE.mlp(SHAPE), torch.rand(40, *SHAPE)),
        r"transform=torch\.bernoulli, or name a likelihood of grey values",
    ),
    "bytes to a Gaussian": (
        lambda: fit(VAE.mlp(SHAPE, likelihood=Gaussian()), 1e6 * levels()),
        "images / 255|cannot be run",
    ),
    "a name for a likelihood": (
        lambda: VAE.mlp(SHAPE, likelihood="beta"),
        r"likelihood is 'beta'; expected an object of ppgen\.likelihoods, such as Bernoulli\(\)",
    ),
    "a class for a likelihood": (lambda: VAE.mlp(SHAPE, likelihood=Beta), r"such as Beta\(…\)"),
    "no networks": (lambda: VAE(SHAPE, latent=2), r"or VAE\.convolutional\(…\), VAE\.mlp\(…\)"),
    "an unknown option": (
        lambda: fit(VAE.mlp(SHAPE), images(), learning_rate=0.1),
        r"'learning_rate'; expected program, data, .* lr,",
    ),
    "a network for a program": (lambda: fit(NADE(SHAPE), images()), "AutoregressiveModel"),
    "a network that is judged": (lambda: ppgen.elbo(NADE(SHAPE), images()), "AutoregressiveModel"),
    "an encoder of pairs": (
        lambda: fit(VAE(SHAPE, Pair(), decoder(), 2), images()),
        r"encoder returns \(Tensor .*expected a tensor of the shape \(batch, 4\)",
    ),
    "an encoder of means": (
        lambda: fit(VAE(SHAPE, encoder(2), decoder(), 2), images()),
        r"encoder returns .*\(40, 2\).* means and then log-variances",
    ),
    "text for an encoder": (lambda: VAE(SHAPE, "abc", decoder(), 2), "encoder is 'abc'"),
    "an activation that is made": (
        lambda: VAE.mlp(SHAPE, activation=nn.ReLU()),
        r"activation is ReLU\(\); expected a class or function",
    ),
    "bytes to a plot": (lambda: plots.image_grid(levels()), "images / 255"),
    "images without channels": (
        lambda: plots.image_grid(images()[:, 0]),
        r"shape \(40, 4, 4\); expected \(batch, channel, height, width\)",
    ),
    "MNIST": (lambda: ppgen.data.load("MNIST"), "did you mean 'mnist'"),
    "Fashion-MNIST": (lambda: ppgen.data.load("Fashion-MNIST"), "did you mean 'fashion_mnist'"),
    "complex images": (
        lambda: ppgen.reconstruct(VAE.mlp(SHAPE), images().to(torch.complex64)),
        "x is Tensor .*complex64; expected a dense tensor of real numbers",
    ),
    "prediction before a fit": (
        lambda: ppgen.predict(lines(), torch.randn(9)),
        r"the guide has never been run, .*; expected a program after ppgen\.fit",
    ),
    "an outcome that is forgotten": (
        lambda: ppgen.elbo(fitted(), torch.randn(9)),
        r"site 'y' is missing from the guide.* observed by obs=; [^;]*marked: infer=[^;]*$",
    ),
    "truth values for outcomes": (
        lambda: fit(lines(), {"x": torch.randn(9), "y": torch.arange(9) < 5}),
        r"floating tensors, perhaps for data\['y'\], which is of torch.bool",
    ),
    "almost a name": (
        lambda: fit(lines(), torch.randn(9), epoch=3),
        r"'epoch'; did you mean 'epochs'\?; expected program, data",
    ),
    "gaps": (
        lambda: fit(VAE.mlp(SHAPE), images().masked_fill(images() > 0, torch.nan)),
        "data holds NaN .*, first in row 0; .* a boolean mask beside them",
    ),
    "a frame for its columns": (
        lambda: fit(labelled, pd.DataFrame({"x": [0.5, 1.5], "label": [0.0, 1.0]})),
        r"missing .*'label'; .* a dict by their names, such as dict\(frame\)",
    ),
    "labels that are forgotten": (
        lambda: ppgen.sample(labelled, 5),
        r"(?s)missing .*'label'.*sample takes the further arguments of the model after n",
    ),
    "a graph without arguments": (
        lambda: DAG.from_program(line),
        r"(?s)missing .*'x'.*from_program takes the model's arguments after the model",
    ),
    "a model and a guide": (
        lambda: ppgen.as_program(line, line),
        r"got too many positional arguments; expected program, objective",
    ),
    "a callback of one argument": (
        lambda: fit(fitted(), torch.randn(9), callback=print_history),
        "callback is the function print_history; expected a function of 2 arguments or None",
    ),
    "a file for a graph": (
        lambda: DAG("graph.dot"),
        r"the name of a file; expected a graph, or DAG\.read\('graph\.dot'\)",
    ),
    "a formula for a graph": (lambda: DAG("y ~ x"), "column 3: expected a node.*, found '~'"),
    "dimensions of a row that are not declared": (
        lambda: fit(pixels_in_a_plate, images()),
        r"Shape mismatch inside plate.*; expected .* declared by \.to_event\(number\)",
    ),
    "keys that are no names": (
        lambda: fit(VAE.mlp(SHAPE), {1: images()}),
        r"data has the keys \[1\]; expected names of arguments",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_what_to_do(name):
    call, message = MISTAKES[name]
    with pytest.raises((TypeError, ValueError, ArithmeticError), match=message):
        call()


def test_a_sigmoid_before_a_likelihood_of_logits_raises_a_warning():
    vae = VAE(SHAPE, encoder(4), decoder(nn.Sigmoid()), 2)
    with pytest.warns(UserWarning, match="if the network ends with a Sigmoid, leave it out"):
        fit(vae, images())


def test_probabilities_that_a_program_gives_raise_none():
    def model(x):
        with pyro.plate("data", len(x)):
            probs = 0.6 + 0.1 * torch.rand(x.shape[1:])
            pyro.sample("x", dist.Bernoulli(probs).to_event(3), obs=x)

    ppgen.elbo(ppgen.as_program(model), images())  # warnings are errors here


def test_an_outcome_that_is_left_out_raises_a_warning():
    def model(x, y=None):
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            return slope * x if y is None else pyro.sample("y", dist.Normal(slope * x, 1.0), obs=y)

    program = ppgen.as_program((model, pyro.infer.autoguide.AutoNormal(model)))
    with pytest.warns(UserWarning, match="the model observes no site"):
        fit(program, {"x": torch.randn(30)})


def test_draws_from_the_prior_of_each_row_need_no_guide():
    def model(x, y=None):
        with pyro.plate("data", len(x)):
            slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
            return pyro.sample("y", dist.Bernoulli(logits=slope * x), obs=y)

    program = ppgen.as_program((model, pyro.infer.autoguide.AutoNormal(model)))
    drawn = ppgen.predict(program, torch.randn(9), rows="prior")
    assert drawn["y"].shape == (1, 9)


def test_a_plate_of_a_fixed_size_raises_a_warning_that_shows_the_right_one():
    def fixed(x):
        with pyro.plate("data", 30):
            loc = pyro.param("loc", torch.zeros(()))
            pyro.sample("x", dist.Normal(loc, 1.0), obs=x)

    with pytest.warns(UserWarning, match=r"of their number: pyro\.plate\(.data., len\(x\)\);"):
        fit(ppgen.as_program(fixed), torch.randn(30), batch_size=10)


def test_arrays_and_frames_are_data():
    x = images(30).numpy()
    known = np.arange(4) < 2
    assert BernoulliMixture(SHAPE, 3).fit_em(x, known, iterations=2)
    assert PPCA.from_images(np.random.rand(30, *SHAPE), 2).latent == 2
    assert plots.image_grid(x).axes
    vae = VAE.mlp(np.array(SHAPE), latent=np.int64(2))
    assert ppgen.inference.complete(vae, x, known, steps=2, particles=2).samples.shape[1] == 30
    column = np.linspace(0, 1, 30, dtype=np.float32)[:, None]  # its strides are those of a row

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(pyro.param("m", torch.zeros(1)), 1.0).to_event(1), obs=x)

    for data in (column, torch.from_numpy(column.copy()[:, 0])[None].t()):
        assert fit(ppgen.as_program(model), data).last == 1


def notes(call):
    with pytest.raises(TypeError) as raised:
        call()
    return getattr(raised.value, "__notes__", [])


def test_an_error_inside_a_program_gets_no_note_about_its_own_arguments():
    def net(x, w):
        return x * w

    def broken(x=None, *, n=1):
        with pyro.plate("data", n):
            return pyro.sample("x", dist.Normal(net(torch.zeros(n)), 1.0), obs=x)

    def refusing(x=None, *, n=1):
        raise TypeError("column age has missing values in a positional column")

    for program in (broken, refusing):
        assert notes(lambda program=program: ppgen.sample(program, 3)) == []
        assert notes(lambda program=program: DAG.from_program(program)) == []


def test_one_row_of_a_context_serves_all():
    def model(x, label, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Normal(label, 0.001), obs=x)

    for label in (torch.tensor(7.0), torch.tensor([7.0])):  # within ten standard deviations
        assert ppgen.sample(model, 5, label) == pytest.approx(np.full(5, 7.0), abs=0.01)
    with pytest.raises(ValueError, match=r"context\[0\] has the shape \(3,\); expected 5 rows"):
        ppgen.sample(model, 5, torch.zeros(3))
