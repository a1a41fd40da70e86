"""Print how all public calls end with one bad argument: python -m tests.fuzz [PART OF A NAME]."""

import sys
from collections.abc import Iterable

from .fuzzer import Case, fuzz, named_share, shares
from .targets import TARGETS

OUTCOMES = ("named", "unnamed", "accepted", "hang", "taken")


def row(name: str, cases: Iterable[Case]) -> str:
    """Write a line of the table."""
    cases = list(cases)
    counted = shares(cases)
    numbers = "".join(f"{counted[outcome]:10}" for outcome in OUTCOMES)
    return f"{name:46}{len(cases):7}{numbers}{100 * named_share(cases):8.1f} %"


def main(*parts: str) -> None:
    """Fuzz the targets whose name has one of these parts; all without one."""
    targets = [name for name in TARGETS if not parts or any(part in name for part in parts)]
    cases = fuzz(targets)
    head = "".join(f"{outcome:>10}" for outcome in OUTCOMES)
    print(f"{'':46}{'cases':>7}{head}{'named':>8}")
    for hot, title in ((False, "entrances"), (True, "within steps")):
        chosen = [case for case in cases if case.hot is hot]
        for room in dict.fromkeys(case.room for case in chosen):
            print(row(room, (case for case in chosen if case.room == room)))
        print(row(f"{title}, {len({case.target for case in chosen})} targets", chosen), "\n")
    print(row(f"all, {len(targets)} targets", cases), "\n")
    wrong = [case for case in cases if case.outcome in ("unnamed", "accepted", "hang")]
    for hot, title in ((False, "entrances"), (True, "within steps")):
        print(f"{title}, worst first")
        chosen = [case for case in wrong if case.hot is hot]
        by_target = {case.target: [] for case in chosen}
        for case in chosen:
            by_target[case.target].append(case)
        for target, of_target in sorted(by_target.items(), key=lambda item: -len(item[1])):
            print(f"  {target}: {len(of_target)}")
            for case in of_target:
                print(f"    {case.parameter} = {case.label}: {case.outcome} {case.message[:300]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
