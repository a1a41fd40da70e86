r"""
Write the independencies of a graph in LaTeX
============================================

A directed acyclic graph (DAG) implies conditional independencies. :class:`~ppgen.graph.DAG` lists
them, and writes them and its factorisation for a paper.
"""

# %%
# **The task.** A graph from a line of text, its factorisation, and the statements of the chain rule
# along an ordering. All is for LaTeX's math mode, and needs the package ``amsmath``.

from ppgen.graph import DAG

dag = DAG("S -> A; S -> R; AP -> R; R -> G")
print(dag.factorisation(latex=True))
print(dag.chain_rule_independencies().latex())

# %%
# In a document, within ``\[`` and ``\]``, this is
#
# .. math::
#
#    p(S)\, p(\mathrm{AP})\, p(A \mid S)\, p(R \mid S, \mathrm{AP})\, p(G \mid R)
#
# .. math::
#
#    \begin{aligned}
#    \mathrm{AP} &\perp\!\!\!\perp S \\
#    A &\perp\!\!\!\perp \mathrm{AP} \mid S \\
#    A &\perp\!\!\!\perp R \mid \mathrm{AP}, S \\
#    G &\perp\!\!\!\perp A, \mathrm{AP}, S \mid R
#    \end{aligned}
#
# Letters and Greek names such as ``theta`` are symbols, and may have an index: ``theta_1`` is
# :math:`\theta_{1}`. Other names stand upright.
#
# Which list is meant depends on the question:
#
# .. list-table::
#    :header-rows: 1
#    :widths: 45 55
#
#    * - method
#      - statements
#    * - ``chain_rule_independencies(ordering)``
#      - each node against those before it, given as few of them as do
#    * - ``local_independencies()``
#      - each node against its other non-descendants, given its parents
#    * - ``basis_independencies()``
#      - one for each missing edge; they imply all others
#    * - ``implied_independencies()``
#      - each pair of nodes, given each minimal set that separates it
#    * - ``independencies()``
#      - each pair, given every set that separates it; can be very many

for statement in dag.implied_independencies():
    print(statement, "    ", statement.latex())

# %%
# The graph of any Pyro program is read off the program. If the program takes data, pass them, as
# to the program itself. The picture is for the eye, and ``dag.export("tikz")`` for the paper.

import pyro
import pyro.distributions as dist
import torch


def model(x, y=None):
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    noise = pyro.sample("noise", dist.HalfNormal(1.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(slope * x, noise), obs=y)


x = torch.linspace(-1, 1, 10)
print(DAG.from_program(model, x).factorisation(latex=True))
dag.draw(highlight=["S", "R", "AP"], given="G", title="given G, the path from S to AP is open")

# %%
# **What to look at.** A statement is printed as text by ``print`` and typeset in a notebook. Lists
# are iterators, computed as they are read; ``latex(most=10)`` ends with dots if there are more.
# From a shell: ``ppgen dag 'S -> A; S -> R; AP -> R; R -> G' --independencies``.
#
# **Reference:** :class:`~ppgen.graph.DAG`, :class:`~ppgen.graph.Statements`,
# :class:`~ppgen.graph.Independence`.
