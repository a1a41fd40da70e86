"""Data sets and loaders of torch's, read batch by batch."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, StackDataset

import ppgen
from ppgen.data.batches import Batches
from ppgen.data.streams import StreamedBatches

ROWS = torch.arange(9.0)


class Rows(Dataset):
    """Nine numbers."""

    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        return ROWS[index]


class Ready(IterableDataset):
    """Batches that are made elsewhere."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def ready(*batches):
    return DataLoader(Ready(batches), batch_size=None, collate_fn=lambda batch: batch)


def numbers(batches):
    return sorted(float(x) for batch in batches for x in batch[0])


def test_a_data_set_is_shuffled_and_a_last_row_joins_the_batch_before_it():
    batches = StreamedBatches(Rows(), batch_size=4)
    assert len(batches) == 2
    assert [len(batch) for batch in batches] == [4, 5]
    assert numbers(batches.shuffled(0, 1)) == ROWS.tolist()
    first, second = (next(iter(batches.shuffled(0, epoch)))[0].tolist() for epoch in (1, 2))
    assert first != second


@pytest.mark.parametrize(
    ("loader", "rows", "length"),
    [
        (DataLoader(Rows(), batch_size=4), 9, 3),
        (DataLoader(Rows(), batch_size=4, drop_last=True), 8, 2),
        (DataLoader(Rows(), batch_size=4, collate_fn=torch.stack), 9, 3),
        (ready(ROWS[:3], ROWS[3:]), 9, 2),
    ],
    ids=["plain", "drop_last", "collate_fn", "own batches"],
)
def test_rows_and_batches_of_a_loader_are_counted(loader, rows, length):
    batches = StreamedBatches(loader)
    assert (batches.rows, len(batches)) == (rows, length)
    assert len(numbers(batches.shuffled(0, 1))) == rows


def test_reading_a_loader_leaves_the_generators_alone():
    state = torch.get_rng_state()
    StreamedBatches(DataLoader(Rows(), batch_size=4, shuffle=True))
    assert torch.equal(state, torch.get_rng_state())


def test_an_argument_of_another_type_or_dimension_is_an_error():
    for other in (ROWS.int(), ROWS.view(9, 1)):
        with pytest.raises(ValueError, match="expected the same in each batch"):
            StreamedBatches(ready((ROWS,), (other,)))


@pytest.mark.parametrize(
    "call", [ppgen.elbo, partial(ppgen.fit, epochs=1), partial(ppgen.iwae, particles=2)]
)
def test_a_data_set_without_a_length_is_refused(call):
    with pytest.raises(TypeError, match="data is a Ready without a length; expected a map-style"):
        call(HalfLabelled(), Ready([ROWS]))


class HalfLabelled(ppgen.Program):
    """Labels are drawn by the guide in batches that have none."""

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.randn(2))
        self.slope = nn.Parameter(torch.zeros(1))

    def model(self, x, y=None):
        with pyro.plate("data", len(x)):
            y = pyro.sample("y", dist.Bernoulli(0.5), obs=y)
            pyro.sample("x", dist.Normal(self.means[y.long()], 1.0), obs=x)

    def guide(self, x, y=None):
        if y is None:
            with pyro.plate("data", len(x)):
                logits = self.slope * x
                pyro.sample("y", dist.Bernoulli(logits=logits), infer={"enumerate": "parallel"})


@pytest.mark.parametrize("without", [(torch.randn(6),), (torch.randn(6), None)])
def test_batches_of_a_loader_may_lack_an_argument(without):
    program, x = HalfLabelled(), torch.randn(6)
    loader = ready((x, (x > 0).float()), without)
    history = ppgen.fit(program, loader, epochs=2, progress=False, device="cpu")
    assert set(program.observed) == {"x", "y"}
    assert history.epochs[-1].elbo < 0
    assert ppgen.elbo(program, loader).per_example.shape == (12,)
    parts = [ppgen.elbo(program, data).total for data in ((x, (x > 0).float()), without)]
    assert ppgen.elbo(program, loader).total == pytest.approx(sum(parts), rel=1e-5)


def test_a_program_that_needs_all_rows_takes_no_loader_of_several_batches():
    def model(x):
        z = pyro.sample("z", dist.Normal(0.0, 1.0).expand([len(x)]).to_event(1))
        pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    program = ppgen.as_program((model, pyro.infer.autoguide.AutoNormal(model)))
    with pytest.raises(ValueError, match="needs all rows at once"):
        ppgen.fit(program, ready(ROWS[:4], ROWS[4:]), epochs=1, progress=False)


def test_rows_that_are_one_batch_keep_their_order():
    batches = StreamedBatches([torch.tensor(float(i)) for i in range(20)], 4)
    batches.take_whole("their order counts")
    (batch,) = batches.shuffled(seed=0, epoch=1)
    assert batch[0].tolist() == list(range(20))


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize("size", [5, 9, 11, 12])
@pytest.mark.parametrize("kind", ["tensor", "data set", "loader"])
def test_processes_take_as_many_rows_of_as_many_batches(kind, size, parts):
    rows = torch.arange(float(size))
    batches = {
        "tensor": lambda: Batches(rows, 4),
        "data set": lambda: StreamedBatches(StackDataset(x=rows), 4),
        "loader": lambda: StreamedBatches(DataLoader(StackDataset(x=rows), batch_size=4)),
    }[kind]()
    taken = [list(batches.shuffled(0, 1, part, parts)) for part in range(parts)]
    counts = [[len(batch) for batch in batches] for batches in taken]
    assert all(len(count) == len(batches) for count in counts)
    assert all(count == counts[0] for count in counts)
    seen = torch.cat([tensor for of_one in taken for batch in of_one for tensor in batch.tensors])
    assert set(seen.tolist()) == set(rows.tolist())
    whole = [len(batch) for batch in batches.shuffled(0, 1)]
    of_one = [max(2, -(-rows // parts)) if parts > 1 else rows for rows in whole]
    assert counts[0] == of_one
