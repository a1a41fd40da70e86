"""What annotations allow of collections: sequences, tuples and mappings."""

from collections.abc import Iterable, Mapping, Sequence

from .kinds import Kind


class Items(Kind):
    """A sequence or another collection of values of one kind."""

    def __init__(self, of: type, items: tuple[Kind, ...]) -> None:
        self.of, self.items = of, items

    def values(self, valid):
        yield from super().values(valid)
        yield "a fraction", 2.7
        if isinstance(valid, Iterable) and self.of is not Iterable:
            yield "a generator", (item for item in valid)
        if self.of in (Sequence, list, tuple):
            yield "a set", {3}
            yield "a dict", {3: 3}
        first = next(iter(valid), None) if isinstance(valid, Iterable) else None
        for label, item in [pair for kind in self.items for pair in kind.values(first)]:
            rest = list(valid)[1:] if isinstance(valid, list | tuple) else []
            yield f"[{label}, …]", [item, *rest]

    def doubtful(self, valid):
        if valid and isinstance(valid, list | tuple):
            yield "empty", ()
            yield "one more", [*valid, valid[-1]]
            yield "one less", valid[:-1]

    def takes(self, value):
        if not isinstance(value, self.of) or isinstance(value, str | bytes):
            return False
        lasting = isinstance(value, Sequence | set | frozenset)
        return not lasting or all(any(k.takes(i) for k in self.items) for i in value)


class Pairs(Kind):
    """A tuple with a kind for each place; a list is as good."""

    def __init__(self, *places: tuple[Kind, ...]) -> None:
        self.places = places

    def values(self, valid):
        yield from super().values(valid)
        items = tuple(valid) if isinstance(valid, list | tuple) else ()
        yield "one less", items[:-1]
        for label, item in [pair for kind in self.places[0] for pair in kind.values(None)]:
            yield f"({label}, …)", (item, *items[1:])

    def takes(self, value):
        if not isinstance(value, list | tuple) or len(value) != len(self.places):
            return False
        pairs = zip(self.places, value, strict=True)
        return all(any(kind.takes(item) for kind in kinds) for kinds, item in pairs)


class Table(Kind):
    """A mapping from names to values of one kind."""

    def __init__(self, keys: tuple[Kind, ...], values: tuple[Kind, ...]) -> None:
        self.keys, self.items = keys, values

    def values(self, valid):
        yield from super().values(valid)
        entries = valid if isinstance(valid, Mapping) else {}
        first = next(iter(entries.values()), None)
        yield "a number for a name", {1: first}
        for label, item in [pair for kind in self.items for pair in kind.values(first)]:
            yield f"{{name: {label}}}", {**entries, "a": item}

    def takes(self, value):
        if not isinstance(value, Mapping):
            return False
        keys = all(any(kind.takes(key) for kind in self.keys) for key in value)
        return keys and all(any(k.takes(i) for k in self.items) for i in value.values())
