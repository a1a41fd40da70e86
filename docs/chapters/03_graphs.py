r"""
3. Graphs: which variables depend on which
==========================================

**Question.** A model of nine variables is drawn as a graph with arrows. Which of the variables does
the drawing declare independent, given which others? And why may the arrows not run in a circle?

The models of the later chapters are drawn as such graphs, and what is cheap or dear to compute in
them can be read off. This chapter says what the arrows mean, how independencies are found by hand
and by :class:`ppgen.graph.DAG`, and how to hold them against data.
"""

# %%
# A graph is a product of conditionals
# ------------------------------------
#
# Any joint distribution can be written by the *chain rule*, in any order of the variables:
#
# .. math::
#    p(x_1, \dots, x_n) = p(x_1)\, p(x_2 \mid x_1)\, p(x_3 \mid x_1, x_2) \cdots
#    p(x_n \mid x_1, \dots, x_{n-1}).
#
# Nothing is assumed, and nothing is saved: with binary variables the last factor alone is a table
# of :math:`2^{n-1}` rows. A *directed acyclic graph* (DAG) leaves conditions out. Each variable is
# a node, and its factor depends on its *parents* alone, the nodes with an arrow into it:
#
# .. math::
#    p(x_1, \dots, x_n) = \prod_i p(x_i \mid x_{\text{parents of } i}).
#
# The example of this chapter is a household with a cat and a dog.

from ppgen.graph import DAG

dag = DAG("""
    S -> A; S -> R; AP -> R; R -> G; S -> U; R -> U; R -> DB; R -> CM; DB -> CH; CM -> CH
    S [label="season"]; A [label="allergies"]; R [label="rain"]; AP [label="air pressure"]
    G [label="grass wet"]; U [label="umbrella"]; DB [label="dog barks"]; CM [label="cat mood"]
    CH [label="cat hides"]
""")
print(dag.factorisation())
dag.draw(title="weather and animals")

# %%
# With nine binary variables the full table has :math:`2^9 - 1 = 511` free numbers. In the product,
# a node with :math:`k` parents has :math:`2^k`: in all
# :math:`1 + 1 + 2 + 4 + 2 + 4 + 2 + 2 + 4 = 22`.
#
# Independencies along an ordering
# --------------------------------
#
# Put the nodes in an order in which parents come before their children, and compare the two
# products. In the chain rule, the factor of :math:`x_i` has all its predecessors as conditions; in
# the graph's product only its parents. Both are the same joint distribution if
#
# .. math::
#    p(x_i \mid \text{predecessors}) = p(x_i \mid \text{parents}),
#
# that is, if :math:`x_i` is independent of its other predecessors given its parents. Each node with
# other predecessors makes one statement. Read ``A ⊥ R | AP, S`` as "A is independent of R given AP
# and S".

order = ["S", "AP", "A", "R", "G", "U", "DB", "CM", "CH"]
statements = dag.chain_rule_independencies(order)
print(statements)

# %%
# Eight statements, and they are all that the graph assumes: if they hold, the chain rule turns into
# the graph's product. ``statements.latex()`` and ``dag.factorisation(latex=True)`` write both for a
# report.
#
# But more statements than these eight hold. Is the season independent of whether the cat hides, if
# we know that it rains? No line says so. It follows from the eight, and the rule to see it is
# d-separation.
#
# Chains, forks and colliders
# ---------------------------
#
# Three nodes with two arrows can be arranged in three ways.
#
# *Chain* :math:`a \to c \to b`. The product is :math:`p(a)\, p(c \mid a)\, p(b \mid c)`. Divide by
# :math:`p(c)`, with :math:`p(a)\,p(c \mid a) = p(c)\, p(a \mid c)`:
#
# .. math::
#    p(a, b \mid c) = \frac{p(a)\, p(c \mid a)\, p(b \mid c)}{p(c)} = p(a \mid c)\, p(b \mid c).
#
# So :math:`a` and :math:`b` are independent given :math:`c`. Without :math:`c` they depend on each
# other in general.
#
# *Fork* :math:`a \leftarrow c \to b`. The product is :math:`p(c)\, p(a \mid c)\, p(b \mid c)`, and
# divided by :math:`p(c)` it is again :math:`p(a \mid c)\, p(b \mid c)`: a chain and a fork say the
# same.
#
# *Collider* :math:`a \to c \leftarrow b`. The product is :math:`p(a)\, p(b)\, p(c \mid a, b)`. Sum
# out :math:`c`, whose factor sums to one:
#
# .. math::
#    p(a, b) = p(a)\, p(b) \sum_c p(c \mid a, b) = p(a)\, p(b).
#
# Now :math:`a` and :math:`b` are independent as long as :math:`c` is *not* known. Given :math:`c`,
# :math:`p(a, b \mid c) \propto p(a)\, p(b)\, p(c \mid a, b)`, and the last factor ties them
# together. The same happens if a descendant of :math:`c` is known, since it tells something about
# :math:`c`.
#
# A *trail* is a path along arrows in either direction that visits no node twice. It is *blocked*
# given a set :math:`Z` if it has
#
# - a chain or a fork whose middle node is in :math:`Z`, or
# - a collider that is not in :math:`Z` and has no descendant in :math:`Z`.
#
# Two sets of nodes are *d-separated* by :math:`Z` if all trails between them are blocked. Then they
# are independent given :math:`Z` in every distribution that is a product along the graph. If some
# trail is open, there are such distributions in which they depend on each other; in fact almost
# all are of that kind, and exceptions need numbers that cancel.

print(dag.d_separated("S", "CH", given="R"))
print(dag.explain("S", "CH", given="R"))

# %%
# So rain tells everything about the cat that the season could tell. The next question shows a
# collider. Allergies say something about the season and so about rain. Air pressure has to do with
# rain, too. Still the two are independent, until we look at the grass.

print(dag.explain("A", "AP"))
print(dag.explain("A", "AP", given="G"))

trail = dag.explain("A", "AP", given="G").trails[0].nodes
dag.draw(highlight=trail, given="G", title="A and AP depend on each other given G")

# %%
# **What to see.** The red trail turns at R, a collider. G, in blue, is known and lies below R, so
# the trail is open. If S were known as well, the fork at S would close it again.
#
# Every independence of two nodes, for every set of known nodes, can be listed. There are many, and
# most follow from shorter ones. A statement is *minimal* if none of its known nodes can be left
# out.

everything, minimal = list(dag.independencies()), list(dag.implied_independencies())
print(f"{len(everything)} statements about two nodes, {len(minimal)} of them minimal, such as")
print(*minimal[:4], sep="\n")

# %%
# What a known collider does, in numbers
# --------------------------------------
#
# Let S be 1 in winter, with probability 0.5, let AP be 1 for high air pressure, with probability
# 0.6, and let rain have the probability :math:`0.5 + 0.2\,S - 0.4\,\mathit{AP}`. Three tables make
# the joint distribution of the three.

import torch

season = torch.tensor([0.5, 0.5])
pressure = torch.tensor([0.4, 0.6])
rain = torch.tensor([[0.5, 0.1], [0.7, 0.3]])  # p(R = 1 | S, AP)
joint = season[:, None] * pressure * rain  # p(S, AP, R = 1)
print(f"P(winter)                            = {season[1]:.3f}")
print(f"P(winter | high pressure)            = {season[1]:.3f}, as S and AP are independent")
print(f"P(winter | rain)                     = {joint[1].sum() / joint.sum():.3f}")
print(f"P(winter | rain, low air pressure)   = {joint[1, 0] / joint[:, 0].sum():.3f}")
print(f"P(winter | rain, high air pressure)  = {joint[1, 1] / joint[:, 1].sum():.3f}")

# %%
# Rain makes winter more probable. If we then hear that the pressure is low, that explains the rain,
# and winter is less needed as an explanation: 0.58. If the pressure is high, something else must
# have brought the rain, and winter becomes more probable: 0.75. This is called *explaining away*.
# It makes latent variables hard: causes that are independent a priori depend on each other as soon
# as their common effect, the image, is seen. Chapter 6 meets it in belief nets.
#
# The same as a Pyro program, and its graph
# -----------------------------------------
#
# A Pyro program draws variables one after the other, each from a distribution that may depend on
# those before. So every program has a DAG: a node for each ``pyro.sample``, and an arrow where a
# value is used. ``DAG.from_program`` runs the program once and follows the values.

import pyro
import pyro.distributions as dist


def weather(frightened=0.0):
    def draw(name, probability):
        return pyro.sample(name, dist.Bernoulli(torch.as_tensor(probability)))

    s = draw("S", 0.5)
    ap = draw("AP", 0.6)
    draw("A", 0.6 - 0.4 * s)
    r = draw("R", 0.5 + 0.2 * s - 0.4 * ap)
    draw("G", 0.1 + 0.85 * r)
    draw("U", 0.05 + 0.65 * r + 0.15 * s)
    db = draw("DB", 0.3 + 0.4 * r)
    mood = 0.2 + (0.4 - frightened / 2) * r
    cm = draw("CM", mood + frightened * db if frightened else mood)
    draw("CH", 0.05 + 0.4 * db + 0.45 * cm)


read = DAG.from_program(weather)
print("the same arrows:", set(read.graph.edges) == set(dag.graph.edges))
other = DAG.from_program(weather, frightened=0.5)
print("with frightened=0.5 there is one more:", set(other.graph.edges) - set(dag.graph.edges))

# %%
# Do data agree with a graph?
# ---------------------------
#
# Inside a ``pyro.plate`` the program draws many days at once. ``pyro.poutine.trace`` records what
# was drawn. We draw 5,000 days of each program, and test the eight statements on both. A *p-value*
# is the probability of data at least as far from a statement as these, if the statement is true.
# ``dag.test`` corrects for the number of statements: with probability 0.95 or more, none that is
# true is rejected.


def days(count, **settings):
    with pyro.plate("days", count):
        trace = pyro.poutine.trace(weather).get_trace(**settings)
    return {name: trace.nodes[name]["value"].numpy() for name in order}


pyro.set_rng_seed(0)
statements = list(dag.chain_rule_independencies(order))
print(dag.test(days(5000), statements))
print()
print(dag.test(days(5000, frightened=0.5), statements))

# %%
# The first data were drawn from the graph, and nothing is rejected. In the second, barking spoils
# the cat's mood, an arrow that the graph lacks. The statement about CM is rejected, and the others
# stand. A test can only reject: that the others stand does not prove them.
#
# Graphs that say the same
# ------------------------
#
# A chain and a fork imply the same independence, so no data can tell them apart. Two DAGs imply the
# same statements if and only if they have the same edges without their directions, and the same
# *v-structures*, colliders whose two parents are not joined. ``cpdag`` writes ``→`` for an arrow
# that is the same in all DAGs of such a class, and ``—`` for one that may be turned.

chain, fork, collider = DAG("a -> c -> b"), DAG("a <- c -> b"), DAG("a -> c <- b")
print("chain and fork:", chain.equivalent(fork), " chain and collider:", chain.equivalent(collider))
print(dag.cpdag())

# %%
# In our graph only the arrow between season and allergies can be turned. That seasons cause
# allergies, and not the reverse, is knowledge that the data do not have.
#
# Seeing and doing
# ----------------
#
# With arrows that mean causes, a graph says what an *intervention* does. Umbrellas are more common
# when it rains. Part of that is due to winter, which brings both. What if someone made it rain? The
# intervention do(R = 1) sets R and cuts the arrows into it. The fork at S is a trail from R to U
# that is not causal, and to *adjust* for S is to average over it with the weights that it has
# without R:
#
# .. math::
#    p(u \mid \text{do}(r)) = \sum_s p(u \mid r, s)\, p(s), \qquad
#    p(u \mid r) = \sum_s p(u \mid r, s)\, p(s \mid r).

print(dag.explain_adjustment("R", "U"))
umbrella = torch.tensor([0.05 + 0.65, 0.05 + 0.65 + 0.15])  # p(U = 1 | R = 1, S)
seen = (umbrella * joint.sum(1) / joint.sum()).sum()
print(f"P(umbrella | rain is seen) = {seen:.3f}")
print(f"P(umbrella | rain is made) = {(umbrella * season).sum():.3f}")

pyro.set_rng_seed(0)
with pyro.plate("days", 400_000):
    made = pyro.poutine.trace(pyro.do(weather, {"R": torch.tensor(1.0)})).get_trace()
print(f"share of 400,000 days with do(R = 1): {made.nodes['U']['value'].mean():.3f}")

# %%
# ``pyro.do`` intervenes in a program: it replaces the value of a site and leaves what comes before
# as it was. The share agrees with the adjusted sum, up to a few times its standard error, 0.0007.
#
# Why there may be no cycle
# -------------------------
#
# Let :math:`A`, :math:`B` and :math:`C` be binary with arrows in a circle,
# :math:`A \to B \to C \to A`. Each has a table of conditionals, given its parent. Is
#
# .. math::
#    q(a, b, c) = p(a \mid c)\, p(b \mid a)\, p(c \mid b)
#
# a joint distribution? Along a DAG such a product always is. There is a node without children. It
# is in no other node's factor, so its sum can be taken first, over its own factor, and is 1. Take
# the node away: the rest is again a DAG, and so on until nothing is left but 1. On a cycle no node
# is without children, and the argument cannot begin.
#
# That it fails is shown by one example: let each node copy its parent. Then :math:`q = 1` for
# :math:`(0, 0, 0)` and for :math:`(1, 1, 1)`, and 0 for the other six states. The sum is 2.

from ppgen.graph import check_joint

copy = [[1, 0], [0, 1]]
print(check_joint("A -> B -> C -> A", {"A": copy, "B": copy, "C": copy}))
print(check_joint("A -> B -> C", {"A": [0.5, 0.5], "B": copy, "C": copy}))

# %%
# For any binary tables the sum can be computed. Write a table as a matrix :math:`T` with a row for
# each state of the parent and a column for each state of the child. Then
#
# .. math::
#    \sum_{a, b, c} T^{B}_{ab}\, T^{C}_{bc}\, T^{A}_{ca} = \operatorname{tr}(T^B T^C T^A).
#
# The rows of each matrix sum to one, and so do those of the product. Hence the product has the
# eigenvalue 1, with the eigenvector :math:`(1, 1)`. Its other eigenvalue is its determinant, the
# product of the three determinants. The trace is the sum of the eigenvalues:
#
# .. math::
#    1 + \det T^A \det T^B \det T^C.
#
# A determinant is :math:`P(1 \mid 1) - P(1 \mid 0)`, the effect of the parent. So the sum is one
# only if one of the arrows has no effect, and then there is no cycle. If a child copies its parent
# with probability :math:`p`, each determinant is :math:`2p - 1`.

from ppgen import plots

chances = torch.linspace(0, 1, 21)
cycle, line = [], []
for p in chances.tolist():
    table = [[p, 1 - p], [1 - p, p]]
    cycle.append(check_joint("A -> B -> C -> A", dict.fromkeys("ABC", table)).total)
    line.append(check_joint("A -> B -> C", {"A": [0.5, 0.5], "B": table, "C": table}).total)

figure = plots.Figure((6, 4))
axes = figure.add_subplot(title="the product of conditionals, summed over all states")
axes.plot(chances, cycle, "o", markersize=4, label="cycle A → B → C → A")
axes.plot(chances, 1 + (2 * chances - 1) ** 3, color="black", linewidth=1, label="1 + (2p − 1)³")
axes.plot(chances, line, label="chain A → B → C")
axes.set(xlabel="probability p that a child copies its parent", ylabel="sum")
axes.legend()
figure

# %%
# **What to see.** The chain always sums to one, the cycle only at :math:`p = 0.5`, where no arrow
# has an effect. At 0, where each node is the opposite of its parent, the sum is 0: no state agrees
# with all three tables.
#
# Could one divide by the sum? The result is a distribution, but its conditionals are not the
# tables. For :math:`p = 0.9`:

table = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
q = torch.einsum("ab,bc,ca->abc", table, table, table)
q = q / q.sum()
print(f"P(B = A) = {q.sum(2).diagonal().sum():.3f} after division; the table says 0.9")

# %%
# So ``DAG`` refuses a cycle, with a message that names it, and a Pyro program cannot have one: a
# value must be drawn before it is used. Undirected models do divide by such a sum. It is the
# normaliser of chapter 1, with its cost.
#
# The graph of a model of images
# ------------------------------
#
# The graphs of later chapters are small, as a whole image is one node. Boxes are plates, shaded
# nodes are observed. This is a variational autoencoder, the model of chapter 7: a latent vector for
# each image, and the image given it.

from ppgen.models import VAE

DAG.from_program(VAE.mlp((1, 8, 8), latent=2)).draw(title="a VAE")

# %%
# Exercises
# ---------
#
# **1.** In the graph of the animals, are DB and CM independent? Given R? Given R and CH? Find the
# trails by hand, then ask ``dag.explain``.
#
# .. dropdown:: Answer to 1
#
#    Without anything known the fork DB ← R → CM is open: dependent. Given R it is blocked, and the
#    collider CH blocks the other trail: independent. Given CH as well, the collider is open:
#    dependent. If the cat hides and the dog is silent, the cat's mood explains it.
#
# **2.** The chain rule can follow any order. List the statements for the reversed order, CH first.
# Which are fewer or weaker, and why?
#
# .. dropdown:: Answer to 2
#
#    ``print(dag.chain_rule_independencies(order[::-1]))``. Effects now come before their causes,
#    and common effects are known colliders that tie their causes together. So nodes need more
#    conditions, statements are fewer, and a product in this order needs larger tables. Orders along
#    the arrows are the economical ones.
#
# **3.** A cycle of two nodes, :math:`A \to B \to A`, has tables with rows :math:`(1 - a_0, a_0)`,
# :math:`(1 - a_1, a_1)` and :math:`(1 - b_0, b_0)`, :math:`(1 - b_1, b_1)`. Compute the sum, and
# say when it is one.
#
# .. dropdown:: Answer to 3
#
#    By the same argument :math:`1 + (a_1 - a_0)(b_1 - b_0)`. It is one if and only if
#    :math:`a_1 = a_0` or :math:`b_1 = b_0`: one of the arrows has no effect.
#
# **4.** In ``a -> x; a -> m; b -> m; b -> y; x -> y``, what does adjusting for m do to the effect
# of x on y? Use ``dag.explain_adjustment("x", "y", given="m")``.
#
# .. dropdown:: Answer to 4
#
#    Without any adjustment the effect is right: the trail x ← a → m ← b → y is blocked at the
#    collider m. To adjust for m opens it, and makes the answer wrong. That m comes before x, and is
#    correlated with both, is no reason to adjust for it.
