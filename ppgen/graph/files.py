"""Read graphs from files, and write them."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from ppgen.arguments import checked
from ppgen.graph import formats
from ppgen.graph.core import AnyDAG, BaseDAG, with_causes
from ppgen.graph.nodes import GraphError
from ppgen.reading import limited

LARGEST = 2**27  # bytes


@runtime_checkable
class OpenText(Protocol):
    """An open text file."""

    def read(self) -> str:
        """Return the rest of it."""


@checked
def read(
    cls: type[AnyDAG],
    source: str | Path | OpenText,
    format: str | None = None,  # noqa: A002
) -> AnyDAG:
    """DAG of a file: the path of one, or an open text file.

    Parameters
    ----------
    format
        ``"text"``, ``"dagitty"``, ``"dot"``, ``"graphml"``, ``"bif"`` (a Bayesian network, whose
        tables are skipped) or ``"lists"`` (of early versions of dagitty). By default that of the
        name of the file or, if it has none of their suffixes, of its content.

    Raises
    ------
    GraphError
        With file, line and column, if the text is not a graph; also if it is not UTF-8.

    Examples
    --------
    >>> import io
    >>> from ppgen.graph import DAG
    >>> DAG.read(io.StringIO("digraph { a -> b; b -> c }")).nodes
    ('a', 'b', 'c')
    """
    if not isinstance(source, str | Path):
        return cls(with_causes(*formats.parse(source.read(), format)))
    try:
        path = limited(source, LARGEST, pipes=True)
        text = path.read_bytes().decode("utf-8-sig")  # line ends as they are
        format = format or formats.SUFFIXES.get(path.suffix.lower())  # noqa: A001
        return cls(with_causes(*formats.parse(text, format)))
    except UnicodeDecodeError as error:
        raise GraphError(f"{source} is not UTF-8 text: {error}") from error
    except ValueError as error:
        raise GraphError(f"{source}: {error}") from error


@checked
def export(dag: BaseDAG, format: str = "text") -> str:  # noqa: A002
    """Graph as text.

    Parameters
    ----------
    format
        ``"text"``, a line that ``DAG`` reads; ``"dagitty"``; ``"dot"``, for Graphviz;
        ``"graphml"``; or ``"tikz"``, a picture for LaTeX. All but the last can be read back.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("x [exposure]; y [outcome]; x -> m -> y; x <-> y")
    >>> dag.export()
    'x [exposure]; y [outcome]; x -> m; m -> y; x <-> y'
    >>> print(dag.export("dagitty"))
    dag {
    x [exposure]
    y [outcome]
    m
    x -> m
    m -> y
    x <-> y
    }
    <BLANKLINE>
    """
    return formats.written(dag.graph, format)


@checked
def write(dag: BaseDAG, path: str | Path, format: str | None = None) -> None:  # noqa: A002
    """Write the graph to a file, in the format of its suffix, such as ``.dot`` or ``.graphml``.

    ``format`` is one of those of ``export``, for files with other names.
    """
    chosen = format or formats.SUFFIXES.get(Path(path).suffix.lower())
    if chosen is None:
        known = ", ".join(formats.SUFFIXES)
        raise GraphError(f"path is {path}; expected a name that ends with {known}, or a format")
    Path(path).write_text(formats.written(dag.graph, chosen), encoding="utf-8", newline="")
