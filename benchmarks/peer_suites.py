"""The test suites of networkx and pgmpy with our answers in place of theirs.

``python -m benchmarks.peer_suites`` runs tests from the installed packages, first as they are, then
with each function below in place of the peer's. It prints how many of the tests that ask for one of
our answers pass, and exits with status 1 if one fails that is not explained below.
"""

import functools
import os
import re
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from unittest.mock import patch

import networkx as nx
import pytest

from ppgen.graph import DAG, GraphError

SUITES = {
    "networkx": ("algorithms/tests/test_d_separation.py", "algorithms/tests/test_dag.py"),
    "pgmpy": ("tests/test_base/test_DAG.py", "tests/test_base/test_ADMG.py",
              "tests/test_models/test_DiscreteBayesianNetwork.py", "tests/test_identification",
              "tests/test_inference/test_CausalInference.py"),
}  # fmt: skip

EXPLAINED = {
    "::test_reflexive_transitive_closure": "its graph has a cycle",
    "::test_ancestors_descendants_undirected": "its graph is undirected",
    "::test_minimal_dseparator": "of the minimal separators {C, E} and {B, E}, ours is the second",
    "::test_is_valid_adjustment_set": "theirs pairs the i-th cause with the i-th effect, and "
    "so misses that z2 opens x1 → z1 → z2 ← y2",
}
"""Why tests fail with our answers, by the ends of their names."""

OURS: dict[str, object] = {}
"""Our answers by the places where the peers have theirs: a module, a class if any, and a name."""


def answers(*places):
    """Decorate a function that takes the place of some of a peer's."""

    def add(function):
        OURS.update(dict.fromkeys(places, function))
        return function

    return add


def dag_of(graph):
    """Our DAG of a graph of networkx, with the errors of networkx."""
    if not graph.is_directed():
        raise nx.NetworkXNotImplemented("not implemented for undirected type")
    try:
        return DAG(graph)
    except GraphError as error:
        raise nx.NetworkXError(str(error)) from None


def in_networkx(function):
    """Decorate a function so that its errors are those of networkx."""

    @functools.wraps(function)
    def answer(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except GraphError as error:
            unknown = "is not a node of the graph" in str(error)
            raise (nx.NodeNotFound if unknown else nx.NetworkXError)(str(error)) from None

    return answer


@answers("networkx:is_d_separator")
@in_networkx
def is_d_separator(graph, x, y, z):
    return dag_of(graph).d_separated(x, y, z)


@answers("networkx:find_minimal_d_separator")
@in_networkx
def find_minimal_d_separator(graph, x, y, *, included=None, restricted=None):
    must = () if included is None else included
    return dag_of(graph).minimal_separator(x, y, restricted, must)


@answers("networkx:is_minimal_d_separator")
@in_networkx
def is_minimal_d_separator(graph, x, y, z, *, included=None, restricted=None):
    dag = dag_of(graph)
    known = dag.node_set(z)
    return dag.minimal_separator(x, y, known, () if included is None else included) == known


@answers("networkx:ancestors")
@in_networkx
def ancestors(graph, node):
    return dag_of(graph).ancestors(node) - {node}


@answers("networkx:descendants")
@in_networkx
def descendants(graph, node):
    return dag_of(graph).descendants(node) - {node}


@answers("networkx:is_directed_acyclic_graph")
def is_directed_acyclic_graph(graph):
    try:
        return bool(dag_of(graph))
    except nx.NetworkXException:
        return False


@answers("networkx:dag.v_structures")
@in_networkx
def v_structures(graph):
    return iter(dag_of(graph).v_structures())


def without_latents(graph):
    """Our DAG of a graph of pgmpy, with all nodes observed."""
    plain = nx.DiGraph()
    plain.add_nodes_from(graph)
    plain.add_edges_from(graph.edges)
    return DAG(plain)


def assertions(statements):
    """Our statements as those of pgmpy."""
    from pgmpy.independencies import Independencies

    return Independencies(*([sorted(s.x), sorted(s.y), sorted(s.given)] for s in statements))


@answers("pgmpy.base:DAG.active_trail_nodes")
def active_trail_nodes(self, variables, observed=None, include_latents=False):
    dag = DAG(self)
    hidden = frozenset() if include_latents else dag.latent
    starts = variables if isinstance(variables, list) else [variables]
    known = dag.node_set(observed or ())
    return {
        node: set() if node in known else set(dag.reachable(node, known) - hidden)
        for node in starts
    }


@answers("pgmpy.base:DAG.is_dconnected")
def is_dconnected(self, start, end, observed=None, include_latents=False):
    return not DAG(self).d_separated(start, end, observed or ())


@answers("pgmpy.base:DAG.minimal_dseparator")
def minimal_dseparator(self, start, end, include_latents=False):
    dag = DAG(self)
    if self.has_edge(start, end) or self.has_edge(end, start):
        raise ValueError("start and end are adjacent")
    return dag.minimal_separator(start, end, dag.nodes if include_latents else None)


@answers("pgmpy.base:DAG.get_independencies")
def get_independencies(self, latex=False, include_latents=False):
    dag = without_latents(self) if include_latents else DAG(self)
    found = assertions(dag.implied_independencies())
    return found.reduce().latex_string() if latex else found.reduce()


@answers("pgmpy.base:DAG.local_independencies")
def local_independencies(self, variables):
    dag = without_latents(self)
    chosen = dag.node_set(variables)
    return assertions(s for s in dag.local_independencies() if s.x <= chosen)


@answers("pgmpy.base:DAG.is_iequivalent")
def is_iequivalent(self, model):
    if not isinstance(model, nx.DiGraph):
        raise TypeError(f"model is {model!r}")
    return DAG(self).equivalent(DAG(model))


@answers("pgmpy.base:DAG.get_immoralities")
def get_immoralities(self):
    found = {node: [] for node in self}
    for a, c, b in DAG(self).v_structures():
        found[c].append(tuple(sorted((a, b))))
    return found


@answers("pgmpy.base:DAG.moralize")
def moralize(self):
    from pgmpy.base import UndirectedGraph

    return UndirectedGraph(DAG(self).moral())


@answers("pgmpy.base:DAG.get_parents")
def get_parents(self, node):
    return DAG(self).in_order(DAG(self).parents(node))


@answers("pgmpy.base:DAG.get_children")
def get_children(self, node):
    return DAG(self).in_order(DAG(self).children(node))


@answers("pgmpy.base:DAG.get_ancestors")
def get_ancestors(self, nodes):
    return set(DAG(self).ancestors(nodes))


@answers(
    "pgmpy.base:DAG.get_markov_blanket", "pgmpy.models:DiscreteBayesianNetwork.get_markov_blanket"
)
def get_markov_blanket(self, node):
    return list(without_latents(self).markov_blanket(node))


@answers("pgmpy.base:DAG.to_pdag")
def to_pdag(self):
    from pgmpy.base import PDAG

    pattern = without_latents(self).cpdag()
    undirected = [edge for edge in self.edges if frozenset(edge) in pattern.undirected]
    found = PDAG(list(pattern.directed), undirected, latents=self.latents)
    found.add_nodes_from(self.nodes)
    return found


@answers("pgmpy.base:ADMG.is_mseparated")
def is_mseparated(self, nodes_u, nodes_v, conditional_set=None):
    return DAG(self).d_separated(nodes_u, nodes_v, conditional_set or ())


@answers("pgmpy.base:ADMG.mconnected_nodes")
def mconnected_nodes(self, nodes_u, nodes_v=None, conditional_set=None):
    dag = DAG(self)
    found = dag.reachable(nodes_u, conditional_set or ()) & dag.visible
    return set(found if nodes_v is None else found & dag.node_set(nodes_v))


@answers("pgmpy.base:ADMG.get_ancestors")
def admg_ancestors(self, nodes):
    return set(DAG(self).ancestors(nodes)) & set(self)


@answers("pgmpy.base:ADMG.get_descendants")
def admg_descendants(self, nodes):
    return set(DAG(self).descendants(nodes))


@answers("pgmpy.inference:CausalInference.is_valid_backdoor_adjustment_set",
         "pgmpy.inference:CausalInference.is_valid_adjustment_set")  # fmt: skip
def is_valid_adjustment_set(self, X, Y, Z=(), adjustment_set=()):  # noqa: N803, the peer's names
    return DAG(self.dag).is_adjustment_set(
        X, Y, {*([Z] if isinstance(Z, str) else Z), *adjustment_set}
    )


@answers("pgmpy.inference:CausalInference.get_all_backdoor_adjustment_sets")
def get_all_backdoor_adjustment_sets(self, X, Y):  # noqa: N803
    found = frozenset(DAG(self.dag).adjustment_sets(X, Y))
    if not found:
        raise ValueError("there is no set to adjust for")
    return found - {frozenset()}


@answers("pgmpy.inference:CausalInference.get_minimal_adjustment_set")
def get_minimal_adjustment_set(self, X, Y):  # noqa: N803
    return DAG(self.dag).adjustment_set(X, Y)


@answers("pgmpy.inference:CausalInference.is_valid_frontdoor_adjustment_set")
def is_valid_frontdoor_adjustment_set(self, X, Y, Z=()):  # noqa: N803
    return DAG(self.dag).explain_front_door(X, Y, Z or ()).valid


@answers("pgmpy.inference:CausalInference.get_all_frontdoor_adjustment_sets")
def get_all_frontdoor_adjustment_sets(self, X, Y):  # noqa: N803
    return frozenset(DAG(self.dag).front_door_sets(X, Y)) - {frozenset()}


@answers("pgmpy.inference:CausalInference.get_total_conditional_ivs")
def get_total_conditional_ivs(self, X, Y, scaling_indicators=None):  # noqa: N803
    found = DAG(self.dag).instruments(X, Y)
    return [(one.node, set(one.given)) for one in found if one.given]


@answers("pgmpy.identification:Adjustment._validate")
def validate_adjustment(self, causal_graph):
    return DAG(causal_graph).is_adjustment_set(given=causal_graph.get_role("adjustment"))


@answers("pgmpy.identification:Frontdoor._validate")
def validate_front_door(self, causal_graph):
    return DAG(causal_graph).explain_front_door(given=causal_graph.get_role("frontdoor")).valid


class Suite:
    """A plugin of pytest that puts our answers, or counters of calls, in place of the peer's.

    Attributes
    ----------
    asked
        Tests that called one of them.
    failed
        Tests that failed, with the last line of the error.
    """

    def __init__(self, peer, ours):
        self.peer, self.ours = peer, ours
        self.asked, self.failed = set(), {}
        self.test = ""

    def counted(self, function):
        """Wrap a function so that the tests that call it are recorded."""

        @functools.wraps(function)
        def answer(*args, **kwargs):
            self.asked.add(self.test)
            return function(*args, **kwargs)

        return answer

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        """Put the answers in place while a test runs."""
        self.test = item.nodeid
        with ExitStack() as stack:
            for place, function in OURS.items():
                if place.startswith(self.peer):
                    owner, _, name = re.fullmatch(r"(.*)([.:])(\w+)", place).groups()
                    owner = resolve_name(owner)
                    answer = function if self.ours else vars(owner)[name]
                    stack.enter_context(patch.object(owner, name, self.counted(answer)))
            return (yield)

    def pytest_runtest_logreport(self, report):
        """Record a failure."""
        if report.failed:
            self.failed[report.nodeid] = str(report.longrepr).splitlines()[-1]


def main(names):
    """Run the suites, and print what passes."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # pgmpy's tests that need files from there fail at once
    status = 0
    for peer in names or SUITES:
        if find_spec(peer) is None:
            print(f"{peer} is not installed")
            continue
        folder = Path(find_spec(peer).origin).parent
        files = [str(folder / name) for name in SUITES[peer]]
        suites = [Suite(peer, ours) for ours in (False, True)]
        for suite in suites:
            pytest.main(["-q", "-Wignore", "-pno:cacheprovider", "--tb=no", *files], [suite])
        theirs, ours = suites
        asked = ours.asked - theirs.failed.keys()
        failed = {test: line for test, line in ours.failed.items() if test not in theirs.failed}
        passed = len(asked - failed.keys())
        print(f"{peer}: {passed} of {len(asked)} tests pass that ask for one of our answers,")
        print(f"  without {len(theirs.failed)} tests that fail as they are")
        for test, line in failed.items():
            reason = next((why for end, why in EXPLAINED.items() if test.endswith(end)), "")
            print(f"  {test.rpartition('/')[2]}: {reason or line}")
            status |= not reason
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
