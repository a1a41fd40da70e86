"""Data that no program can be fitted to: each is an error that names what was expected."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import JitTrace_ELBO, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch.utils.data import DataLoader, Dataset, TensorDataset

import ppgen
from ppgen.objectives import EnumeratedELBO

X = torch.linspace(-1, 1, 20)
Y = 2 * X
HOLED = Y.masked_fill(torch.arange(20) == 7, torch.nan)


def model(x, y=None):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("y", dist.Normal(slope * x, 1.0), obs=y)


def guide(x, y=None):
    loc = pyro.param("loc", torch.tensor(0.0))
    pyro.sample("slope", dist.Normal(loc, 0.1))


def mixture(x, y):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Categorical(torch.ones(2)), infer={"enumerate": "parallel"})
        pyro.sample("y", dist.Normal(z * x, pyro.param("scale", torch.tensor(1.0))), obs=y)


class Changing(Dataset):
    """Rows of a second kind from the sixteenth on."""

    def __init__(self, second):
        self.second = second

    def __len__(self):
        return 20

    def __getitem__(self, i):
        return (X[i], Y[i]) if i < 15 else self.second(X[i], Y[i])


SECOND = {
    "by keyword": lambda x, y: {"x": x, "y": y},
    "without outcomes": lambda x, y: (x,),
    "of two outcomes": lambda x, y: (x, y.expand(2)),
    "of strings": lambda x, y: (x, "one"),
}


def fit(data, validation=None, program=(model, guide), **options):
    options = {"steps": 8, "batch_size": 5, "progress": False} | options
    if isinstance(data, DataLoader) or len(data[0] if isinstance(data, tuple) else X) < 5:
        del options["batch_size"]
    return ppgen.fit(ppgen.as_program(program), data, validation, **options)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param((X, Y[:9]), r"lengths \{0: 20, 1: 9\}; expected the same", id="unequal rows"),
        pytest.param({"x": X, "y": Y[:9]}, r"lengths \{'x': 20, 'y': 9\}", id="unequal, by name"),
        pytest.param((X[:1], Y[:1]), "data has one row, .* expected two or more", id="one row"),
        pytest.param((X[:0], Y[:0]), "expected one row or more", id="no row"),
        pytest.param(TensorDataset(X[:0], Y[:0]), "expected one row or more", id="no row in a set"),
        pytest.param(
            DataLoader(TensorDataset(X[:0], Y[:0])), "is an empty data set", id="an empty loader"
        ),
        pytest.param({"y": Y}, "missing 1 required positional argument: 'x'", id="no key x"),
        pytest.param({"x": X, "Y": Y}, "unexpected keyword argument 'Y'", id="a misspelt key"),
        pytest.param({"x": X}, "latent site 'y' is missing from the guide", id="no outcomes"),
        pytest.param((X, HOLED), "data holds NaN .* row 7", id="NaN"),
        pytest.param({"x": HOLED, "y": Y}, "data holds NaN .* row 7", id="NaN by name"),
        pytest.param(
            DataLoader(TensorDataset(X, HOLED), batch_size=5),
            "data holds NaN .* row 7",
            id="NaN in a loader",
        ),
        pytest.param(
            DataLoader(TensorDataset(X[:16], Y[:16]), batch_size=5),
            "last batch has one of the 16 rows; .* expected another batch_size, or drop_last=True",
            id="a loader that ends in one row",
        ),
        pytest.param((X, np.array(["a"] * 20)), "array of type <U1; expected numbers", id="texts"),
    ],
)
def test_data_that_cannot_be_fitted(data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fit(data)


@pytest.mark.parametrize("name", SECOND)
@pytest.mark.parametrize("loaded", [True, False], ids=["a loader", "a data set"])
def test_rows_of_another_structure_among_the_others(name, loaded):
    data = Changing(SECOND[name])
    with pytest.raises(
        ValueError,
        match=r"expected (the same (arguments|structure|in each)|numbers)",
    ):
        fit(DataLoader(data, batch_size=5) if loaded else data)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        pytest.param(
            {"x": X, "y": Y}, r"\{'x': 1, 'y': 1\}; expected .* \{0: 1, 1: 1\}", id="dict"
        ),
        pytest.param(X, r"\{0: 1\}; expected those of the data", id="a part of the arguments"),
        pytest.param((X[:, None], Y[:, None]), r"\{0: 2, 1: 2\}; expected", id="more dimensions"),
        pytest.param((X, HOLED), "data holds NaN .* row 7", id="NaN"),
        pytest.param((X, Y[:9]), "lengths", id="unequal rows"),
        pytest.param((X[:0], Y[:0]), "expected one row or more", id="no row"),
    ],
)
def test_validation_data_of_another_kind(validation, message):
    with pytest.raises(ValueError, match=f"^validation: .*{message}"):
        fit((X, Y), validation)


@pytest.mark.parametrize(
    ("program", "objective", "message"),
    [
        ((model, guide), JitTrace_ELBO(), "expected an instance of one of Pyro's ELBOs"),
        ((model, guide), "Trace_ELBO", "objective is 'Trace_ELBO'; expected"),
        ((model, guide), EnumeratedELBO(), "the guide draws slope, and EnumeratedELBO takes"),
        ((mixture, lambda x, y: None), Trace_ELBO(), "Trace_ELBO sums nothing out; expected pyro"),
    ],
    ids=["compiled by jit", "a name", "no guide expected", "sums nothing out"],
)
def test_an_objective_that_cannot_take_the_program(program, objective, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fit((X, Y), program=program, objective=objective)


def fixed_plate(x, y):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    with pyro.plate("data", 20):
        pyro.sample("y", dist.Normal(slope * x, 1.0), obs=y)


def no_plate(x, y):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    pyro.sample("y", dist.Normal(slope * x, 1.0).to_event(1), obs=y)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (fixed_plate, "it cannot be run on 10 of the 20 rows"),
        (no_plate, "no plate around observed"),
    ],
    ids=["a fixed plate", "no plate"],
)
def test_plates_that_do_not_follow_the_rows(program, reason):
    """All rows are one batch, with one warning that says why; asked for, without."""
    with pytest.warns(
        UserWarning, match=f"all 20 rows are one batch at each step: {reason}"
    ) as seen:
        history = fit((X, Y), program=(program, AutoNormal(program)))
    assert len(seen) == 1
    assert history.steps == 8
    fit((X, Y), program=(program, AutoNormal(program)), batch_size="all")


def test_no_bad_data_changes_the_program():
    program = ppgen.as_program((model, guide))
    fit((X, Y), program=program)
    before = {name: value.clone() for name, value in program.state_dict().items()}
    for data in ((X, HOLED), (X, Y[:9]), {"x": X}, (X[:1], Y[:1])):
        with pytest.raises(ValueError, match=r"expected|missing from the guide"):
            ppgen.fit(program, data, steps=5, progress=False)
    assert all(torch.equal(before[name], value) for name, value in program.state_dict().items())


def test_all_rows_of_a_loader_are_those_of_its_one_batch():
    loader = DataLoader(TensorDataset(X, Y), batch_size=20)
    program = ppgen.as_program((model, guide))
    assert ppgen.fit(program, loader, steps=8, batch_size="all", progress=False).steps == 8


def test_all_rows_are_not_taken_from_a_loader_of_several_batches():
    loader = DataLoader(TensorDataset(X, Y), batch_size=5)
    program = ppgen.as_program((model, guide))
    with pytest.raises(ValueError, match=r"batch_size is 'all'; expected .* a loader with one"):
        ppgen.fit(program, loader, steps=8, batch_size="all", progress=False)


@pytest.mark.parametrize("turned", [False, True], ids=["outcomes (N, 1)", "means (N, 1)"])
def test_columns_against_rows_are_refused_as_by_pyro(turned):
    """Their log-probabilities would be N×N: each outcome under the mean of every row."""

    def columns(x, y):
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(slope * x, 1.0), obs=y)

    data = (X[:, None], Y) if turned else (X, Y[:, None])
    for objective in (None, Trace_ELBO(), Trace_ELBO(max_plate_nesting=1)):
        with pytest.raises(ValueError, match="invalid log_prob shape"):
            fit(data, program=(columns, guide), objective=objective)


def test_running_out_of_memory_in_a_step_is_no_fault_of_the_data():
    class Grown(ppgen.models.LinearRegression):
        def model(self, *args, **kwargs):
            if self.training:
                raise MemoryError
            return super().model(*args, **kwargs)

    program = Grown(1).train()
    with pytest.raises(MemoryError):
        ppgen.fit(program, (Y, X[:, None]), steps=3, progress=False)
