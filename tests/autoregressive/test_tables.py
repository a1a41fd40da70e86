"""Conditional probability tables against counting by hand."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from ppgen import data
from ppgen.autoregressive import ConditionalTables
from ppgen.autoregressive.tables import CERTAIN, PrefixTree
from ppgen.distributions import Autoregressive

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4


def counted_by_hand(sequences, pseudo_count):
    """The tables of binary sequences, prefix by prefix."""
    tables = []
    for length in range(len(sequences[0])):
        table = np.empty((2,) * (length + 1))
        for prefix in product((0, 1), repeat=length):
            follows = [s[length] for s in sequences if tuple(s[:length]) == prefix]
            counts = np.array([follows.count(0), follows.count(1)]) + pseudo_count
            table[prefix] = counts / counts.sum() if counts.sum() else 0.5
        tables.append(table)
    return tables


def all_images(pixels, *image):
    return torch.tensor(list(product((0.0, 1.0), repeat=pixels))).view(-1, *image)


@pytest.fixture
def glyphs():
    return data.load("glyphs").train.images.float()


# what the tables hold


@settings(max_examples=40, deadline=None)
@given(
    images=st.lists(st.lists(st.integers(0, 1), min_size=6, max_size=6), min_size=1, max_size=12),
    pseudo_count=st.sampled_from([0.0, 0.1, 1.0]),
    ordering=st.permutations(range(6)),
)
def test_a_tree_counts_as_by_hand(images, pseudo_count, ordering):
    images = torch.tensor(images).view(-1, 1, 2, 3)
    network = ConditionalTables.from_images(images, pseudo_count, ordering)
    in_order = images.flatten(1)[:, ordering].tolist()
    for table, expected in zip(
        network.to_tables(), counted_by_hand(in_order, pseudo_count), strict=True
    ):
        np.testing.assert_allclose(table, expected, rtol=2e-6)  # logits up to 5 in float32


@pytest.mark.parametrize("pseudo_count", [0.0, 0.3])
def test_both_forms_agree(pseudo_count, binary_images):
    tree = ConditionalTables.from_images(binary_images[:20], pseudo_count)
    dense = ConditionalTables.from_tables((1, 3, 3), tree.to_tables())
    x = all_images(9, 1, 3, 3)
    torch.testing.assert_close(dense(x), tree(x), rtol=1e-5, atol=1e-5)
    log_probs = [Autoregressive(network).log_prob(x) for network in (tree, dense)]
    torch.testing.assert_close(*log_probs)


def test_the_indices_are_the_pixels_in_order():
    """The joint of two pixels, p(x1) p(x2 | x1), in a column read from below."""
    first, second = np.array([0.3, 0.7]), np.array([[0.9, 0.1], [0.2, 0.8]])
    network = ConditionalTables.from_tables((1, 2, 1), [first, second], ordering=[1, 0])
    x = all_images(2, 1, 2, 1)  # (x2, x1) = 00, 01, 10, 11
    probabilities = Autoregressive(network).log_prob(x).exp()
    torch.testing.assert_close(probabilities, torch.tensor([0.27, 0.14, 0.03, 0.56]))


def test_images_that_occur_twice_count_twice():
    images = all_images(2, 1, 1, 2)[[0, 3, 3, 3]]
    p = Autoregressive(ConditionalTables.from_images(images))
    torch.testing.assert_close(p.log_prob(images[:2]).exp(), torch.tensor([0.25, 0.75]))


def test_glyphs_are_drawn_alike_and_nothing_else_is(glyphs):
    """Chi-square test of 2,600 letters."""
    p = Autoregressive(ConditionalTables.from_images(glyphs))
    assert -p.log_prob(glyphs).mean().item() / 25 == pytest.approx(
        math.log(26) / 25, rel=3e-6
    )  # 25 terms
    same = (p.sample((2600,)).flatten(1)[:, None] == glyphs.flatten(1)).all(-1)
    assert same.any(1).all()
    assert chisquare(same.sum(0)).pvalue > FAILURE_RATE


# probabilities of 0 and 1


@pytest.mark.parametrize("form", ["tree", "dense"])
def test_impossible_images_have_probability_zero_and_no_nan(form, binary_images):
    network = ConditionalTables.from_images(binary_images[:3])
    if form == "dense":
        network = ConditionalTables.from_tables((1, 3, 3), network.to_tables())
    x = all_images(9, 1, 3, 3)
    log_prob = Autoregressive(network).log_prob(x)
    possible = (x[:, None] == binary_images[:3]).flatten(2).all(-1).any(1)
    assert log_prob.isfinite().all()
    assert (log_prob[possible] > -2).all()
    assert (log_prob[~possible] <= -CERTAIN).all()
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=5e-6)  # 9 terms of float32


def test_after_a_prefix_that_was_never_counted_either_pixel_is_as_likely():
    images = all_images(3, 1, 1, 3)[:4]  # the first pixel is black
    for pseudo_count, first in {0.0: 1e-30, 1.0: 1 / 6}.items():
        network = ConditionalTables.from_images(images, pseudo_count)
        probabilities = network(all_images(3, 1, 1, 3)[4:]).sigmoid().flatten(1)
        assert (probabilities[:, 0] <= first * 1.0001).all()
        assert (probabilities[:, 1:] == 0.5).all()


# modules


def test_tables_are_buffers_in_the_type_of_the_module(glyphs):
    network = ConditionalTables.from_images(glyphs, 0.1)
    assert list(network.parameters()) == []
    assert network.dtype == network(glyphs).dtype == torch.float32
    assert network.double().dtype == network(glyphs).dtype == torch.float64


def test_a_state_dict_of_other_images_of_the_same_number_is_taken(glyphs):
    network = ConditionalTables.from_images(glyphs)
    other = ConditionalTables.from_images(1 - glyphs, 0.5)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(glyphs), network(glyphs))
    fewer = ConditionalTables.from_images(glyphs[:3])
    with pytest.raises(RuntimeError, match=r"size mismatch for tables\.columns"):
        fewer.load_state_dict(network.state_dict())


# bad input


def uniform(pixels=4):
    return [np.full((2,) * length, 0.5) for length in range(1, pixels + 1)]


def changed(number, change):
    tables = uniform()
    tables[number] = change(tables[number])
    return tables


def with_entry(index, value):
    def change(table):
        table[index] = value
        return table

    return change


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (uniform(3), "tables are those of 3 pixels; expected 4"),
        (uniform(5), "tables are those of 5 pixels; expected 4"),
        ([], "tables are those of 0 pixels; expected 4"),
        (changed(2, lambda t: t[0]), r"tables\[2\] has the shape \(2, 2\); expected \(2, 2, 2\)"),
        (changed(1, lambda t: t.ravel()), r"tables\[1\] has the shape \(4,\); expected \(2, 2\)"),
        (changed(0, lambda t: t[0]), r"tables\[0\] is no array"),
        (changed(3, list), r"tables\[3\] is no array"),
        (changed(3, lambda t: t.astype(object)), r"tables\[3\] is no array of numbers"),
        (changed(3, lambda t: t.astype(str)), r"tables\[3\] is no array of numbers"),
        (changed(3, lambda t: t + 0j), r"tables\[3\] is no array of numbers"),
        (changed(3, with_entry((0, 1, 0, 1), np.nan)), r"tables\[3\] holds NaN"),
        (changed(1, with_entry((0,), [-0.5, 1.5])), r"tables\[1\] holds values from -0.5 to 1.5"),
        (changed(1, with_entry((0, 1), np.inf)), r"tables\[1\] holds values from 0.5 to inf"),
        (
            changed(2, with_entry((1, 0), [0.6, 0.5])),
            r"tables\[2\]\[1\]\[0\] holds \[0.6, 0.5\], which sum to 1.1",
        ),
        (changed(0, with_entry((), 0.0)), r"tables\[0\] holds \[0.0, 0.0\], which sum to 0"),
    ],
)
def test_bad_tables_are_refused_by_name(tables, message):
    with pytest.raises(ValueError, match=message):
        ConditionalTables.from_tables((1, 2, 2), tables)


def test_rounded_tables_are_taken():
    tables = [np.array([1 / 3, 2 / 3], np.float32), np.eye(2, dtype=int)]
    network = ConditionalTables.from_tables((1, 1, 2), tables)
    assert network(torch.ones(1, 1, 1, 2)).sigmoid().flatten().tolist() == pytest.approx([2 / 3, 1])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.full((2, 1, 2, 2), 0.5), "image 0 has the value 0.5; expected 0 and 1"),
        (torch.full((2, 1, 2, 2), torch.nan), "image 0 has the value nan; expected 0 and 1"),
        (torch.zeros(0, 1, 2, 2), r"images have the shape \(0, 1, 2, 2\)"),
        (torch.zeros(2), r"images have the shape \(2,\)"),
    ],
)
def test_images_that_cannot_be_counted_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        ConditionalTables.from_images(images)


@pytest.mark.parametrize("pseudo_count", [-1, math.nan, math.inf])
def test_a_pseudo_count_that_is_none_is_refused(pseudo_count, glyphs):
    with pytest.raises(ValueError, match=f"pseudo_count is {pseudo_count}"):
        ConditionalTables.from_images(glyphs, pseudo_count)


def test_dense_tables_of_large_images_are_refused():
    network = ConditionalTables.from_images(torch.zeros(1, 1, 2, 13))
    with pytest.raises(ValueError, match=r"\(1, 2, 13\), that is 26 pixels.*save the tree"):
        network.to_tables()


@pytest.mark.parametrize("pixels", [1, 7, 8, 9, 25])
@pytest.mark.parametrize("transposed", [False, True])
def test_the_leaves_of_a_tree_are_the_images_in_order(pixels, transposed):
    images = torch.bernoulli(torch.full((40, pixels), 0.4))
    tree = PrefixTree(images.T.contiguous().T if transposed else images)
    distinct, counts = images.to(torch.uint8).unique(dim=0, return_counts=True)
    assert torch.equal(tree.images, distinct.repeat_interleave(counts, 0))
