"""What annotations allow: each kind knows values worth a try, and which values it takes."""

import math
from collections.abc import Hashable, Iterator
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

HUGE = 10**30


class Kind:
    """What an annotation allows."""

    def values(self, valid: Any) -> Iterator[tuple[str, Any]]:
        """Yield values worth a try, with labels."""
        yield from {
            "None": None,
            "a number": 3,
            "a string": "abc",
            "an object": object(),
            "a list of strings": ["a", "b"],
        }.items()

    def doubtful(self, valid: Any) -> Iterator[tuple[str, Any]]:
        """Yield values that the annotation does not exclude, but which may be refused."""
        return iter(())

    def takes(self, value: Any) -> bool:
        """Whether a value is allowed."""
        raise NotImplementedError


class Number(Kind):
    """A finite number of Python's or numpy's within a range."""

    def __init__(self, number: type, *ranges: Any) -> None:
        self.number, self.ranges = number, ranges

    def values(self, valid):
        yield from {
            "None": None,
            "a string": "3",
            "a list": [3],
            "a complex number": 1j,
            "a tensor of two": torch.tensor([1.0, 2.0]),
            "True": True,
            "NaN": math.nan,
            "infinity": math.inf,
            "minus one": -1,
            "zero": 0,
            "a half": 0.5,
            "2.7": 2.7,
            "10**30": HUGE,
            "numpy's NaN": np.float64("nan"),
            "a negative number of numpy's": np.int64(-1),
        }.items()

    def takes(self, value):
        if isinstance(value, bool | np.bool_) or not isinstance(value, self.number):
            return False
        small = self.number is Real or abs(value) < 2**63
        return math.isfinite(value) and small and all(r.holds(value) for r in self.ranges)


class Truth(Kind):
    """True or False."""

    def values(self, valid):
        yield from {"None": None, "yes": "yes", "no": "no", "2": 2, "a half": 0.5, "[]": []}.items()

    def takes(self, value):
        return isinstance(value, bool | np.bool_)


class Choice(Kind):
    """One of a few values."""

    def __init__(self, *choices: Any) -> None:
        self.choices = choices

    def values(self, valid):
        yield from {"an unknown name": "abc", "a number": 3, "None": None, "a list": ["a"]}.items()
        for choice in self.choices:
            if isinstance(choice, str):
                yield f"nearly {choice}", choice[:-1]
                yield f"{choice} in capitals", choice.upper()

    def takes(self, value):
        return isinstance(value, Hashable) and value in self.choices


class Text(Kind):
    """A string."""

    def values(self, valid):
        yield from {"None": None, "a number": 3, "a list": ["a"], "bytes": b"a"}.items()

    def takes(self, value):
        return isinstance(value, str)


class Function(Kind):
    """Anything that can be called."""

    def values(self, valid):
        yield from {"None": None, "a number": 3, "a string": "relu"}.items()
        yield "a list of functions", [math.sin]

    def takes(self, value):
        return callable(value)


class File(Kind):
    """The path of a file."""

    def values(self, valid):
        yield from {"None": None, "a number": 3, "a list": ["a"], "an object": object()}.items()

    def takes(self, value):
        return isinstance(value, Path)


class Instance(Kind):
    """An object of a class."""

    def __init__(self, of: type) -> None:
        self.of = of

    def values(self, valid):
        yield from super().values(valid)
        yield "the class", type(valid) if isinstance(valid, self.of) else self.of
        yield "a function", lambda *args, **kwargs: None

    def takes(self, value):
        return isinstance(value, self.of)


class Tensors(Kind):
    """A dense tensor of real numbers or truth values."""

    def values(self, valid):
        yield from super().values(valid)
        if isinstance(valid, torch.Tensor):
            yield "complex", valid.to(torch.complex64)
            yield "sparse", valid.to_sparse()
            yield "an array of strings", np.full(valid.shape, "a")

    def doubtful(self, valid):
        if not isinstance(valid, torch.Tensor):
            return
        yield "one dimension more", valid.unsqueeze(0)
        yield "one dimension less", valid[0] if valid.dim() else valid.unsqueeze(0)
        yield "empty", valid[:0] if valid.dim() else torch.empty(0)
        yield "an array", valid.detach().numpy()
        yield "a list", valid.tolist()
        yield "one column less", valid[..., :-1] if valid.dim() else valid
        if valid.is_floating_point():
            yield "NaN", valid.detach() * math.nan
            yield "infinite", valid.detach() + math.inf
            yield "whole numbers", valid.detach().long()
            yield "beyond one", valid.detach() + 300
        elif valid.dtype == torch.bool:
            yield "whole numbers", valid.long()
            yield "floating-point numbers", valid.float()
        else:
            yield "floating-point numbers", valid + 0.5
            yield "negative", valid.long() - 99
            yield "large", valid.long() + 999

    def takes(self, value):
        dense = isinstance(value, torch.Tensor) and value.layout is torch.strided
        return dense and not value.is_complex()


class Anything(Kind):
    """What an annotation does not limit; the documentation may."""

    def values(self, valid):
        return iter(())

    def takes(self, value):
        return True
