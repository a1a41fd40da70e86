import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from ppgen import data
from ppgen.data.batch import Batch, Setting
from ppgen.data.batches import Batches
from ppgen.data.streams import as_batches

light = settings(max_examples=50, deadline=None, database=None)
seeds = st.integers(0, 2**64)
epochs = st.integers(0, 10**6)


@st.composite
def sizes(draw):
    n = draw(st.integers(1, 60))
    return n, draw(st.integers(1, n))


def numbered(n):
    """``n`` images of 2×2 pixels, each of its own number."""
    return torch.arange(float(n)).view(n, 1, 1, 1).expand(n, 1, 2, 2)


class Rows(Dataset):
    """The same images, one by one."""

    def __init__(self, n):
        self.images = numbered(n)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i]


def order(batches, seed, epoch):
    return [int(image[0, 0, 0]) for x, *_ in batches.shuffled(seed, epoch) for image in x]


# properties, for any number of images and any batch size


@light
@given(sizes(), seeds, epochs)
def test_an_epoch_has_every_image_once(size, seed, epoch):
    n, batch_size = size
    assert sorted(order(Batches(numbered(n), batch_size), seed, epoch)) == list(range(n))


@light
@given(sizes(), seeds, epochs)
def test_all_batches_are_full_but_the_last(size, seed, epoch):
    n, batch_size = size
    batches = Batches(numbered(n), batch_size)
    for lengths in (
        [len(x) for (x,) in batches.shuffled(seed, epoch)],
        [len(x) for (x,) in batches],
    ):
        assert lengths[:-1] == [batch_size] * (len(batches) - 1)
        # A last row joins the batch before it.
        assert min(2, batch_size, n) <= lengths[-1] <= batch_size + (batch_size > 1)
        assert sum(lengths) == batches.rows == n


@light
@given(sizes(), st.integers(2, 5), seeds)
@pytest.mark.parametrize("source", [numbered, Rows], ids=["in memory", "a data set"])
def test_processes_share_every_batch_equally_two_rows_each_or_more(source, size, parts, seed):
    """As many batches as one process has, of the same rows, so that any number may go on."""
    n, batch_size = size
    batches = as_batches(source(n), batch_size)
    alone = [set(x.flatten().tolist()) for (x, *_) in batches.shuffled(seed, 1)]
    shared = [[x for (x, *_) in batches.shuffled(seed, 1, part, parts)] for part in range(parts)]
    assert len(alone) == len(batches)
    for rows, parted in zip(alone, zip(*shared, strict=True), strict=True):
        assert len({len(part) for part in parted}) == 1
        assert len(parted[0]) == max(2, -(-len(rows) // parts))
        assert set(torch.cat(parted).flatten().tolist()) == rows


@light
@given(sizes())
def test_iteration_keeps_the_order_of_the_data(size):
    n, batch_size = size
    images = torch.cat([x for (x,) in Batches(numbered(n), batch_size)])
    assert torch.equal(images, numbered(n).float())


@light
@given(sizes(), seeds, epochs)
def test_order_is_fixed_by_seed_and_epoch_alone(size, seed, epoch):
    """Not by the global generator, nor by the batch size."""
    n, batch_size = size
    first = order(Batches(numbered(n), batch_size), seed, epoch)
    torch.manual_seed(123)
    torch.rand(5)
    assert order(Batches(numbered(n), n), seed, epoch) == first


@light
@given(sizes(), seeds, epochs)
def test_context_stays_with_its_image(size, seed, epoch):
    n, batch_size = size
    context = (torch.arange(n), torch.arange(n).view(n, 1) * 2.0)
    batches = Batches((numbered(n), *context), batch_size, transform=lambda x: x + 1.0)
    for epoch_batches in (batches, batches.shuffled(seed, epoch)):
        for x, labels, doubled in epoch_batches:
            assert torch.equal(x[:, 0, 0, 0], labels + 1.0)
            assert torch.equal(doubled[:, 0], labels * 2.0)


@light
@given(seeds, epochs, st.integers(1, 1000))
def test_another_seed_or_epoch_has_another_order(seed, epoch, step):
    """Of 60! orders; equal ones would be no chance."""
    batches = Batches(numbered(60), 7)
    first = order(batches, seed, epoch)
    assert order(batches, seed, epoch + step) != first
    assert order(batches, seed + step, epoch) != first


def test_seed_and_epoch_do_not_stand_in_for_each_other():
    batches = Batches(numbered(60), 7)
    orders = {tuple(order(batches, seed, epoch)) for seed in range(15) for epoch in range(15)}
    assert len(orders) == 15 * 15


def test_every_image_comes_first_equally_often():
    """A chi-squared test of 7 degrees of freedom at an error rate of 1e-4, with fixed seeds."""
    batches = Batches(numbered(8), 8)
    first = torch.tensor([order(batches, 0, epoch)[0] for epoch in range(2000)])
    counts = first.bincount(minlength=8)
    assert ((counts - 250) ** 2 / 250).sum() < 29.88


def test_shuffling_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    list(Batches(numbered(10), 3).shuffled(0, 1))
    assert torch.equal(torch.get_rng_state(), before)


# what a batch holds


def test_images_in_bytes_become_floating_point_with_their_values():
    data = numbered(4).to(torch.uint8)
    (x,) = next(iter(Batches(data, 4)))
    assert x.dtype == torch.get_default_dtype()
    assert torch.equal(x, data.float())


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("given", [torch.uint8, torch.float32, torch.float64])
def test_images_have_the_type_that_is_asked_for(dtype, given):
    (x,) = next(iter(Batches(numbered(4).to(given), 4, dtype=dtype)))
    assert x.dtype == dtype
    assert torch.equal(x, numbered(4).to(dtype))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_whole_numbers_and_booleans_stay_what_they_are(dtype):
    (batch,) = Batches({"index": torch.ones(4, 3, dtype=dtype)}, dtype=torch.float64)
    assert batch.kwargs["index"].dtype == dtype


@pytest.mark.parametrize("data", [3, "digits", None, 2.5])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(TypeError, match=f"data is {data!r}; expected a tensor or array, a tuple"):
        Batches(data, 1)


def test_what_is_no_tensor_is_a_setting_and_passed_on():
    settings = {
        "k": 3,
        "kind": "t",
        "prior": {"a": torch.ones(2)},
        "none": None,
        "one": torch.ones(()),
    }
    batches = Batches({"x": np.arange(5.0), **settings}, 2)
    for batch in batches.shuffled(0, 1):
        assert {name: batch.kwargs[name] for name in settings} == settings
        assert batch.kwargs["x"].dtype == torch.get_default_dtype()
    (batch,) = Batches((torch.arange(3), Setting(torch.zeros(7, 2))), 3)
    assert batch.args[1].shape == (7, 2)


def test_no_arguments_are_one_batch():
    batches = Batches(())
    assert [(batch.args, batch.kwargs, len(batch)) for batch in batches] == [((), {}, 1)]


def test_the_checksum_tells_data_apart():
    x, y = torch.arange(12).view(12, 1), torch.zeros(12)
    sums = [Batches(d, 2).checksum() for d in (x, 11 - x, (x, y), (x, y + 1), x.flip(0))]
    assert len(set(sums[:4])) == 4
    assert sums[4] == sums[1]
    assert Batches(x, 5).checksum() == sums[0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.uint8])
def test_data_of_any_type_has_a_checksum(dtype):
    x = torch.arange(4).view(4, 1) % 2
    sums = {Batches(x.to(dtype)).checksum(), Batches((1 - x).to(dtype)).checksum()}
    assert len(sums) == 2
    leaf = torch.ones(4, 1, requires_grad=True)
    assert Batches(leaf).checksum() == Batches(leaf.detach()).checksum()


def test_context_keeps_its_type():
    labels = torch.arange(4, dtype=torch.int64)
    _, y = next(iter(Batches((numbered(4), labels), 4)))
    assert y.dtype == torch.int64


def test_transform_is_applied_to_each_batch_in_place_of_the_conversion():
    seen = []

    def transform(images):
        seen.append((images.dtype, len(images)))
        return images * 0.5

    images = torch.cat([x for (x,) in Batches(numbered(5), 2, transform)])
    assert torch.equal(images, numbered(5) * 0.5)
    assert seen == [(torch.float32, 2), (torch.float32, 3)]


@pytest.mark.parametrize(("n", "expected"), [(3, 3), (1000, 1000), (1002, 1000)])
def test_without_a_batch_size_it_suits_evaluation(n, expected):
    batches = Batches(numbered(n))
    assert batches.batch_size == expected
    assert len(batches) == -(-n // expected)


# errors


@pytest.mark.parametrize("data", [torch.zeros(0, 1, 2, 2), (torch.zeros(0, 1, 2, 2),) * 2])
def test_empty_data_is_refused(data):
    with pytest.raises(
        ValueError, match=r"^data has tensors of the lengths .*; expected one row or more$"
    ):
        Batches(data, 1)


@pytest.mark.parametrize("batch_size", [0, -1, 6])
def test_batch_size_outside_the_data_is_refused(batch_size):
    message = f"^batch_size is {batch_size}; expected between 1 and the 5 rows of data$"
    with pytest.raises(ValueError, match=message):
        Batches(numbered(5), batch_size)


def test_unequal_lengths_are_refused():
    message = r"^data has tensors of the lengths \{0: 5, 1: 4\}; .* ppgen\.data\.Setting"
    with pytest.raises(ValueError, match=message):
        Batches((numbered(5), torch.zeros(4)), 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("position", [0, 1])
def test_values_that_are_not_finite_are_refused(value, position):
    tensors = (torch.zeros(5, 1, 2, 2), torch.zeros(5, 3))
    tensors[position][4, 0] = value
    with pytest.raises(
        ValueError, match=r"^data holds NaN or infinite values, first in row 4; expected"
    ):
        Batches(tensors, 2)


def test_nan_in_rows_of_single_numbers_is_named():
    with pytest.raises(ValueError, match="first in row 2"):
        Batches(torch.tensor([0.0, 1.0, torch.nan]))


def test_a_data_set_of_images_is_no_argument_but_its_parts_are():
    digits = data.load("digits").binarized()
    with pytest.raises(TypeError, match=r"expected one of its parts, such as data\.train"):
        Batches(digits)
    assert len(Batch.of(digits.test)) == len(digits.test)
