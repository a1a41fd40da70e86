"""Questions about random graphs."""

from dataclasses import dataclass
from random import Random

from ppgen.graph import DAG, Explanation, Independence

NODES = 6
EDGES = 0.4  # probability of each


@dataclass(frozen=True)
class Question:
    """Whether a graph implies a statement.

    Examples
    --------
    >>> question = ask(Random(1))
    >>> question.explanation.query == question.statement
    True
    """

    dag: DAG
    statement: Independence

    @property
    def explanation(self) -> Explanation:
        """The answer and its reasons."""
        return self.dag.explain(self.statement.x, self.statement.y, self.statement.given)


def ask(random: Random) -> Question:
    """Draw a graph and a statement about two of its nodes that are not joined by an arrow.

    The statement holds with probability 1/2, if both answers exist for the graph.
    """
    names = [chr(ord("a") + i) for i in range(NODES)]
    pairs = [(a, b) for i, b in enumerate(names) for a in names[:i]]
    while True:
        edges = [pair for pair in pairs if random.random() < EDGES]
        apart = [pair for pair in pairs if pair not in edges]
        if edges and apart:
            break
    dag = DAG("; ".join([*names, *(f"{a} -> {b}" for a, b in edges)]))
    wanted = random.random() < 0.5
    for _ in range(100):
        x, y = random.sample(random.choice(apart), 2)
        rest = [name for name in names if name not in (x, y)]
        statement = Independence(x, y, random.sample(rest, random.randint(0, 2)))
        if dag.d_separated(x, y, statement.given) is wanted:
            break
    return Question(dag, statement)
