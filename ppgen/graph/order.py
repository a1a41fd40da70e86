"""Order the nodes of each layer of a drawing so that few edges cross."""

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping

Key = Hashable  # a node, or the bend of an edge that passes a layer
Plates = Mapping[Key, tuple[str, ...]]  # names of the plates of each key, outermost first
Rows = list[list[Key]]

SWEEPS = 60  # from each start
PATIENCE = 20  # sweeps without a better result
CHOICES = 8  # orders with the fewest crossings
WORK = 10_000  # maximum number of links times sweeps, as large graphs take long
SWAPS = 60_000  # maximum number of links times rounds of swaps after each


def ordered(
    layer: Mapping[Key, int], links: Iterable[tuple[Key, Key]], inside: Plates
) -> list[Rows]:
    """Orders of each layer from left to right, with few crossings and the keys of a plate together.

    Sweeps sort each layer by the mean places of neighbours in the one before (Sugiyama et al.
    1981), and keys side by side are swapped as long as this removes crossings (Gansner et al. 1993,
    A technique for drawing directed graphs). They start from three orders: that of ``layer``, and
    those in which searches from the top and from the bottom find the keys.

    Examples
    --------
    >>> ordered({"a": 0, "b": 0, "c": 1, "d": 1}, [("a", "d"), ("b", "c")], {})[0]
    [['b', 'a'], ['c', 'd']]
    """
    keys = list(layer)
    number = {key: i for i, key in enumerate(keys)}
    numbers = [(number[a], number[b]) for a, b in links]
    order = _Order(list(layer.values()), numbers, [tuple(inside.get(key, ())) for key in keys])
    found: dict[tuple[int, float], list[list[int]]] = {}  # by crossings and distances
    sweeps = max(2, min(SWEEPS, WORK // max(len(numbers), 1)))
    for start in (range(len(keys)), order.search(order.rows), order.search(order.rows[::-1])):
        order.arrange(start)
        idle = 0
        for sweep in range(sweeps):
            # Every other time, keys of equal means change places, to leave local optima.
            turn = sweep % 4 < 2
            order.sweep(down=sweep % 2 == 0, turn=turn)
            order.swap(turn=turn)
            cost = order.crossings(), order.distance()
            idle = idle + 1 if found and cost >= min(found) else 0
            found[cost] = [list(row) for row in order.rows]
            if idle == PATIENCE:
                break
    best = [found[cost] for cost in sorted(found) if cost[0] == min(found)[0]][:CHOICES]
    return [[[keys[i] for i in row] for row in rows] for rows in best]


class _Order:
    """Order of keys, as numbers, in each layer; ``place`` is the position of each in its layer."""

    def __init__(
        self, layer: list[int], links: list[tuple[int, int]], inside: list[tuple[str, ...]]
    ) -> None:
        self.layer, self.inside, self.plates = layer, inside, any(inside)
        self.above: list[list[int]] = [[] for _ in layer]
        self.below: list[list[int]] = [[] for _ in layer]
        for a, b in links:
            self.below[a].append(b)
            self.above[b].append(a)
        self.place = [0] * len(layer)
        self.arrange(range(len(layer)))

    def arrange(self, keys: Iterable[int]) -> None:
        """Put the keys of each layer into the order of all keys, those of a plate together."""
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for key in keys:
            self.rows[self.layer[key]].append(key)
        if self.plates:
            middle = {key: i - len(row) / 2 for row in self.rows for i, key in enumerate(row)}
            order = {key: i for i, key in enumerate(_grouped(list(middle), self.inside, middle))}
            self.rows = [sorted(row, key=order.__getitem__) for row in self.rows]
        self._number(self.rows)

    def _number(self, rows: Iterable[list[int]]) -> None:
        for row in rows:
            for i, key in enumerate(row):
                self.place[key] = i

    def search(self, rows: list[list[int]]) -> list[int]:
        """All keys as breadth-first searches from the keys of the first rows find them."""
        found: dict[int, None] = {}
        for root in (key for row in rows for key in row):
            queue = [root] if root not in found else []
            for key in queue:  # which grows
                if key not in found:
                    found[key] = None
                    queue += self.below[key] + self.above[key]
        return list(found)

    def sweep(self, down: bool, turn: bool) -> None:
        """Sort each layer by means; keys without neighbours in the layer before stay there."""
        near, place = (self.above if down else self.below), self.place
        for row in self.rows if down else reversed(self.rows):
            means = {k: sum([place[n] for n in near[k]]) / len(near[k]) for k in row if near[k]}
            moved = iter(sorted(reversed(means) if turn else means, key=means.__getitem__))
            row[:] = [next(moved) if key in means else key for key in row]
            self._number([row])
        if self.plates:
            self.arrange([key for row in self.rows for key in row])

    def swap(self, turn: bool) -> None:
        """Swap neighbours with the same plates while this removes a crossing, for some rounds.

        If ``turn``, swaps that change nothing are made as well.
        """
        place, inside = self.place, self.inside
        waiting = set(range(len(self.rows)))  # layers next to which something has changed
        links = sum(map(len, self.below))
        for _ in range(max(1, SWAPS // max(links, 1))):
            changed = set()
            for layer in sorted(waiting):
                row = self.rows[layer]
                ups = [sorted([place[n] for n in self.above[key]]) for key in row]
                downs = [sorted([place[n] for n in self.below[key]]) for key in row]
                for i in range(len(row) - 1):
                    j, a, b = i + 1, row[i], row[i + 1]
                    gain = _gain(ups[i], ups[j]) + _gain(downs[i], downs[j])
                    if (gain > 0 or (turn and gain == 0)) and inside[a] == inside[b]:
                        row[i], row[j], place[a], place[b] = b, a, j, i
                        ups[i], ups[j], downs[i], downs[j] = ups[j], ups[i], downs[j], downs[i]
                        if gain:
                            changed.add(layer)
            waiting = {near for layer in changed for near in (layer - 1, layer, layer + 1)}
            waiting &= set(range(len(self.rows)))
            if not waiting:
                break

    def crossings(self) -> int:
        """Count the crossings of links."""
        count, place = 0, self.place
        for row in self.rows:
            before: list[int] = []
            for key in row:
                ends = [place[n] for n in self.below[key]]
                for end in ends:
                    count += len(before) - bisect_right(before, end)
                for end in ends:
                    insort(before, end)
        return count

    def distance(self) -> float:
        """Sum of the horizontal distances of links, if all rows are centred."""
        x = [self.place[i] - len(self.rows[layer]) / 2 for i, layer in enumerate(self.layer)]
        return sum(abs(x[a] - x[b]) for a, near in enumerate(self.below) for b in near)


def _gain(first: list[int], second: list[int]) -> int:
    """Count the crossings that disappear if two neighbours with these sorted ends are swapped."""
    if not first or not second:
        return 0
    if first[-1] < second[0]:
        return -len(first) * len(second)
    gain = 0
    for a in first:
        for b in second:
            gain += (a > b) - (a < b)
    return gain


def _grouped(
    keys: list[int], inside: list[tuple[str, ...]], place: Mapping[int, float], depth: int = 0
) -> list[int]:
    """Sort by place; the keys of a plate are one block at their mean place."""
    blocks: dict[tuple[str, str | int], list[int]] = {}
    for key in keys:
        plates = inside[key][depth:]
        blocks.setdefault(("plate", plates[0]) if plates else ("free", key), []).append(key)
    mean = {name: sum(place[k] for k in block) / len(block) for name, block in blocks.items()}
    result: list[int] = []
    for name in sorted(blocks, key=mean.__getitem__):
        block, nested = blocks[name], name[0] == "plate"
        result += _grouped(block, inside, place, depth + 1) if nested else block
    return result
