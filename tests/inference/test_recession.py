"""Which designs have a maximum likelihood: against linear programs on the design itself."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy.optimize import linprog
from torch import nn

import ppgen
from ppgen.inference import NoMaximumError, maximum_likelihood
from ppgen.models import LogisticRegression


def cone_has_points(lines, still):
    """Whether some d has lines @ d >= 0, not all 0, and still @ d = 0 (Albert and Anderson)."""
    still = still if len(still) else None
    zeros = None if still is None else np.zeros(len(still))
    answer = linprog(-lines.sum(0), -lines, np.zeros(len(lines)), still, zeros, bounds=(-1, 1))
    return bool(-answer.fun > 1e-6)


def has_maximum(program, *data):
    try:
        maximum_likelihood(program, data)
    except NoMaximumError:
        return False
    return True


def designs(repeats, covariates=3):
    for seed in range(repeats):
        g = np.random.default_rng(seed)
        rows, columns = g.integers(4, 14), g.integers(1, covariates + 1)
        # Whole numbers make many designs that are separable but for ties.
        x = g.normal(size=(rows, columns)) if seed % 2 else g.integers(-2, 3, (rows, columns)) * 1.0
        x[:, 0] = 1
        if np.linalg.matrix_rank(x) == columns:
            yield x, g


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_classes(dtype):
    found, expected = [], []
    for x, g in designs(60):
        y = (g.random(len(x)) < g.choice([0.5, 0.1])).astype(float)
        expected.append(not cone_has_points((2 * y - 1)[:, None] * x, x[:0]))
        program = LogisticRegression(x.shape[1]).to(dtype)
        found.append(has_maximum(program, torch.tensor(y).to(dtype), torch.tensor(x).to(dtype)))
    assert found == expected
    assert 10 < sum(expected) < len(expected) - 10


class Counts(ppgen.Program):
    """A regression on numbers of successes in ten, or on Poisson counts, by their canonical link.

    Some of the first rise without end, as classes do; others have a largest term.
    """

    def __init__(self, columns, make):
        super().__init__()
        self.weights, self.make = nn.Parameter(torch.zeros(columns).double()), make

    def model(self, y=None, x=None, *, n=1):
        with pyro.plate("data", n if y is None else len(y)):
            return pyro.sample("y", self.make(x @ self.weights), obs=y)


def of_ten(logits):
    """Ten classes a row: torch's Binomial has a wrong second derivative at the logit 0."""
    return dist.Bernoulli(logits=logits[:, None]).expand((len(logits), 10)).to_event(1)


def poisson(logits):
    return dist.Poisson(logits.exp())


@pytest.mark.parametrize("make", [of_ten, poisson])
def test_counts(make):
    found, expected = [], []
    top = 10 if make is of_ten else np.inf
    for x, g in designs(50):
        y = np.where(g.random(len(x)) < 0.8, g.choice([0, 10], len(x)), g.integers(1, 10, len(x)))
        y = np.where((y == 10) & (top == np.inf), 0, y).astype(float)
        lines = np.where(y == 0, -1.0, 1.0)[:, None] * x
        ends = (y == 0) | (y == top)
        expected.append(not (ends.any() and cone_has_points(lines[ends], x[~ends])))
        data = (np.arange(10) < y[:, None]).astype(float) if make is of_ten else y
        program = Counts(x.shape[1], make)
        found.append(has_maximum(program, torch.tensor(data), torch.tensor(x)))
    assert found == expected
    assert 5 < sum(expected) < len(expected) - 5


class Softmax(ppgen.Program):
    """Three classes; the first has the logit 0."""

    def __init__(self, columns):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(columns, 2).double())

    def model(self, y=None, x=None, *, n=1):
        logits = nn.functional.pad(x @ self.weights, (1, 0))
        with pyro.plate("data", n if y is None else len(y)):
            return pyro.sample("y", dist.Categorical(logits=logits), obs=y)


def test_three_classes():
    """Each row asks that its class's logit is the highest, or one of them, along the direction."""
    found, expected = [], []
    for x, g in designs(60, covariates=2):
        y = g.integers(0, 3, len(x))
        y = np.sort(y)[np.argsort(np.argsort(x[:, -1] + g.normal(size=len(x)) * g.choice([0, 2])))]
        blocks = np.concatenate([np.zeros((1, 2)), np.eye(2)])
        lines = np.array(
            [
                np.kron(row, blocks[label] - blocks[other])
                for row, label in zip(x, y, strict=True)
                for other in {0, 1, 2} - {label}
            ]
        )
        expected.append(not cone_has_points(lines, lines[:0]))
        program = Softmax(x.shape[1])
        found.append(has_maximum(program, torch.tensor(y), torch.tensor(x)))
    assert found == expected
    assert 5 < sum(expected) < len(expected) - 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_one_class_alone(y, dtype):
    ones = torch.ones(20, 1, dtype=dtype)
    with pytest.raises(NoMaximumError, match="no single maximum") as caught:
        maximum_likelihood(LogisticRegression(1).to(dtype), (y * ones[:, 0], ones))
    assert caught.value.direction.tolist() == [2 * y - 1]


def test_a_prior_makes_a_maximum():
    def model(y, x):
        w = pyro.sample("w", dist.Normal(torch.zeros(1).double(), 5.0).to_event(1))
        with pyro.plate("data", len(y)):
            pyro.sample("y", dist.Bernoulli(logits=x @ w), obs=y)

    y, x = torch.zeros(20).double(), torch.ones(20, 1).double()
    assert has_maximum((model, pyro.infer.autoguide.AutoDelta(model)), y, x)
