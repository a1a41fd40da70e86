"""Lists of statements, and how they and explanations show themselves in a notebook."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from html import escape
from itertools import islice
from typing import Annotated, Any, ParamSpec, TypeAlias

from ppgen.arguments import Count, Such, checked
from ppgen.graph.nodes import Independence

SHOWN = 50  # statements
Arguments = ParamSpec("Arguments")


def are_statements(statements: Iterable[Any]) -> bool:
    """Whether all items of a sequence are statements; those of an iterator are not yet known."""
    listed = statements if isinstance(statements, Sequence) else ()
    return all(isinstance(item, Independence) for item in listed)


AnyStatements: TypeAlias = Annotated[
    Iterable[Independence],
    Such(are_statements, "statements of the class ppgen.graph.Independence"),
]


class Statements(Iterator[Independence]):
    r"""Iterator over statements, which are computed when they are needed.

    ``print`` and notebooks show the first of them, which does not use them up.

    Examples
    --------
    >>> statements = Statements([Independence("a", "b"), Independence("a", "c", "b")])
    >>> print(statements)
    a ⊥ b
    a ⊥ c | b
    >>> print(statements.latex())
    \begin{aligned}
    a &\perp\!\!\!\perp b \\
    a &\perp\!\!\!\perp c \mid b
    \end{aligned}
    >>> len(list(statements))
    2
    """

    @checked
    def __init__(self, statements: AnyStatements) -> None:
        self._rest = iter(statements)
        self._seen: list[Independence] = []  # computed but not yet returned, last first

    def __next__(self) -> Independence:
        return self._seen.pop() if self._seen else next(self._rest)

    @checked
    def first(self, most: Count = SHOWN) -> tuple[list[Independence], bool]:
        """Return the next statements, and whether these are all; they stay in the iterator."""
        found = list(islice(self, most + 1))
        self._seen += reversed(found)
        return found[:most], len(found) <= most

    @checked
    def latex(self, most: Count = SHOWN) -> str:
        """Return the first ``most`` statements in LaTeX, for math mode, each in a line."""
        found, complete = self.first(most)
        lines = [s.latex().replace(r"\perp", r"&\perp", 1) for s in found] + [r"&\dots"] * (
            not complete
        )
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def __str__(self) -> str:
        found, complete = self.first()
        return "\n".join([*map(str, found), *["…"] * (not complete)]) or "no statements"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(str(self))


def statements(
    rule: Callable[Arguments, Iterator[Independence]],
) -> Callable[Arguments, Statements]:
    """Decorate a function that returns an iterator over statements."""

    @wraps(rule)
    def listed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Statements:
        return Statements(rule(*args, **kwargs))

    return listed


def as_html(text: str) -> str:
    """HTML of a text whose lines are indented by two blanks for each level."""
    parts: list[str] = []
    depth = -1
    for line in text.splitlines():
        level = (len(line) - len(line.lstrip())) // 2
        parts += ["<ul>"] * (level - depth) + ["</ul>"] * (depth - level)
        parts.append(f"<li>{escape(line.strip())}</li>")
        depth = level
    return "".join([*parts, *["</ul>"] * (depth + 1)])
