"""Bad values of parameters that are annotated as Any, from what their documentation says."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from .nonsense_graphs import (
    not_an_ordering,
    not_columns,
    not_edges,
    not_edges_or_cycle,
    not_named,
    not_nodes,
    not_parents,
    not_statements,
    not_tables,
)

Values = Callable[[Any], dict[str, Any]]


def not_data(valid: Any) -> dict[str, Any]:
    """Return what is no data for a program."""
    tensor, put = first_tensor(valid)
    return {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "a number for a name": {1: tensor},
        "an array of strings": put(np.full(tensor.shape, "a")),
        "complex": put(tensor.to(torch.complex64)),
        "sparse": put(tensor.to_sparse()),
        "NaN": put(tensor * math.nan),
        "empty": put(tensor[:0]),
        "tensors of two lengths": (tensor, tensor[1:]),
    }


def strange_data(valid: Any) -> dict[str, Any]:
    """Return data in other forms and sizes, and what is passed on to the program as it is."""
    tensor, put = first_tensor(valid)
    return {
        "a function": math.sin,
        "an object": object(),
        "a list of strings": ["a", "b"],
        "a dict of strings": {"x": "abc"},
        "an array": put(tensor.numpy()),
        "an unknown name": {"unknown": tensor},
        "one argument too many": (tensor, tensor, tensor, tensor),
        "one dimension less": put(tensor.flatten()[: len(tensor)]),
        "one dimension more": put(tensor.unsqueeze(-1)),
        "one column less": put(tensor[..., :-1] if tensor.dim() > 1 else tensor),
        "beyond one": put(tensor + 300),
        "bytes": put((tensor * 255).byte()),
        "a single row": tensor[:1],
        "in float64": put(tensor.double()),
    }


def first_tensor(data: Any) -> tuple[torch.Tensor, Callable[[Any], Any]]:
    """Return the first tensor of data, and a function that puts another in its place."""
    if isinstance(data, dict):
        name = next(iter(data))
        return data[name], lambda other: {**data, name: other}
    return data, lambda other: other


def not_a_program(valid: Any) -> dict[str, Any]:
    """Return what is no program."""
    return {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "the class": type(valid),
        "a tuple of three": (math.sin, math.sin, math.sin),
        "a tuple with a number": (math.sin, 3),
        "a list": [valid],
        "an object": object(),
        "a tensor": torch.zeros(3),
    }


def odd_programs(valid: Any) -> dict[str, Any]:
    """Return programs that do not suit the data."""
    return {"a network": nn.Linear(2, 2), "another function": math.sin}


def not_a_graph(valid: Any) -> dict[str, Any]:
    """Return what is no simple graph."""
    return {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "an object": object(),
        "a matrix that is not square": torch.zeros(3, 4),
        "a matrix of fractions": torch.full((8, 8), 0.5),
        "a complex matrix": torch.zeros(8, 8, dtype=torch.complex64),
        "a list of strings": ["a", "b"],
    }


def not_rows(valid: Any) -> dict[str, Any]:
    """Return what are no rows of a history."""
    return {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "a list of numbers": [3],
        "an unknown figure": [{**valid[0], "unknown": 3}],
        "a missing figure": [{"number": 0}],
    }


NONSENSE: dict[str, Values] = {
    "program": not_a_program,
    "data": not_data,
    "validation": not_data,
    "graph": not_a_graph,
    "graph.DAG.test:data": not_columns,
    "model": lambda valid: {"None": None, "a number": 3, "a string": "abc", "an object": object()},
    "value": lambda valid: {},
    "distribution": lambda valid: {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "the class": type(valid),
        "a tensor": torch.zeros(3),
    },
    **dict.fromkeys(
        ("x", "y", "given", "among", "must", "cause", "effect", "nodes", "node", "highlight"),
        not_nodes,
    ),
    "latent": not_nodes,
    "graph.DAG:source": not_edges,
    "graph.check_joint:graph": not_edges_or_cycle,
    "graph.check_joint:tables": not_tables,
    "graph.check_joint:parents": not_parents,
    "graph.DAG.chain_rule_independencies:ordering": not_an_ordering,
    "graph.DAG.in_order:nodes": not_nodes,
    "graph.DAG.test:statements": not_statements,
    "graph.DAG.test:names": lambda valid: {
        "a number": 3,
        "a string": "abc",
        "a list of lists": [["x"]],
        "a generator": (name for name in "zxmyuw"),
    },
    "graph.Statements:statements": not_statements,
    **dict.fromkeys((f"graph.Independence:{name}" for name in ("x", "y", "given")), not_named),
    "training.History.from_list:rows": not_rows,
    "data.Setting:value": lambda valid: {},
    "inference.maximise:batches": lambda valid: {
        "None": None,
        "a number": 3,
        "a string": "abc",
        "an object": object(),
        "a list of numbers": [3],
        "a list of strings": ["a", "b"],
    },
}
"""Bad values of parameters that are annotated as Any, by their names."""

DOUBTFUL: dict[str, Values] = {
    "program": odd_programs,
    "data": strange_data,
    "graph.DAG.test:data": lambda valid: {},
    "validation": strange_data,
}
"""Values that may be taken or refused."""

OPTIONAL = {
    *("validation", "among", "must", "cause", "effect", "training.load:program"),
    *("training.load:data", "seed"),
}
"""Parameters annotated as Any for which None is the default."""
