"""Bad values of the parameters of graphs, from what their documentation says."""

import math
from typing import Any

import numpy as np


def not_nodes(valid: Any) -> dict[str, Any]:
    """Return what are no nodes of a graph."""
    return {
        "an unknown node": "unknown",
        "a number": 3,
        "a list with an unknown node": ["x", "unknown"],
        "a list of lists": [["x"], ["y"]],
        "an object": object(),
        "a function": math.sin,
        "a dict of numbers": {3: "x"},
    }


def not_columns(valid: Any) -> dict[str, Any]:
    """Return what are no columns of data."""
    return {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "an object": object(),
        "numbers for names": {1: [1, 2], 2: [3, 4]},
        "columns of two lengths": {**valid, "z": [1.0, 2.0]},
        "complex columns": {name: column + 1j for name, column in valid.items()},
        "a matrix with too many columns": np.zeros((30, 9)),
        "a single number for a column": {**valid, "z": 3.0},
    }


def not_edges(valid: Any) -> dict[str, Any]:
    """Return what is no source of a graph."""
    return {
        "None": None,
        "a number": 3,
        "an object": object(),
        "no text of a graph": "a ->",
        "a cycle": "a -> b -> a",
        "strings": ["abc"],
        "a list of triples": [("a", "b", "c")],
        "a list of numbers": [3],
        "unhashable nodes": [(["a"], "b")],
        "bytes": b"a -> b",
    }


def not_edges_or_cycle(valid: Any) -> dict[str, Any]:
    """Return what is no source of a graph that may have cycles."""
    return {label: value for label, value in not_edges(valid).items() if label != "a cycle"}


def not_an_ordering(valid: Any) -> dict[str, Any]:
    """Return what is no order of the nodes of a graph."""
    twice = {"a node twice": [*valid, valid[0]], "a node less": valid[1:]}
    return twice | {k: v for k, v in not_nodes(valid).items() if k != "a dict of numbers"}


def not_named(valid: Any) -> dict[str, Any]:
    """Return what are no nodes of any graph."""
    return {
        "a list of lists": [["x"]],
        "a list of dicts": [{}],
        "a dict of lists": {"x": []}.items(),
    }


def not_tables(valid: Any) -> dict[str, Any]:
    """Return what are no conditional tables."""
    return {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "a list": [[0.5, 0.5]],
        "an unknown node": {**valid, "c": [1.0]},
        "a table of strings": {**valid, "a": ["x", "y"]},
        "a complex table": {**valid, "a": [0.5 + 1j, 0.5]},
        "a table of another shape": {**valid, "b": [0.5, 0.5]},
        "no sum of one": {**valid, "a": [0.5, 0.6]},
        "NaN": {**valid, "a": [math.nan, 0.5]},
        "None for a table": {**valid, "a": None},
        "a missing table": {"a": [0.5, 0.5]},
    }


def not_parents(valid: Any) -> dict[str, Any]:
    """Return what are no orders of parents."""
    return {
        "a number": 3,
        "a string": "abc",
        "a list": ["a"],
        "an unknown node": {"c": ["a"]},
        "an unknown parent": {"b": ["c"]},
        "a number for parents": {"b": 3},
    }


def not_statements(valid: Any) -> dict[str, Any]:
    """Return what are no statements."""
    return {
        "a number": 3,
        "a string": "abc",
        "a list of strings": ["a", "b"],
        "a list of pairs": [("a", "b")],
        "a list of None": [None],
    }
