"""The one error of this room."""


class GraphError(ValueError):
    """A graph, or a question about it, that cannot be meant."""
