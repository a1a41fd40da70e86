"""Why a graphical model needs a graph without cycles.

The product of conditional tables along a cycle does not sum to 1.

python examples/cyclic_joint.py
"""

import numpy as np

from ppgen.experiments import Experiment, arguments
from ppgen.graph import DAG, GraphError, check_joint
from ppgen.plots import Figure

CYCLE = "A -> B -> C -> A"
CHAIN = "A -> B -> C"


def copying(p):
    """Return the table of a child that copies its parent with probability p."""
    return np.array([[p, 1 - p], [1 - p, p]])


def main() -> None:
    options = arguments(__doc__, datasets=False).parse_args()
    run = Experiment("cyclic_joint", options)

    try:
        DAG(CYCLE)
    except GraphError as error:
        refusal = str(error)
    print(f"as a DAG: {refusal}")
    copy = copying(1.0)
    cycle = check_joint(CYCLE, {"A": copy, "B": copy, "C": copy})
    chain = check_joint(CHAIN, {"A": [0.5, 0.5], "B": copy, "C": copy})
    print(f"{CYCLE} with copies: {cycle}")
    print(f"{CHAIN} with copies: {chain}")

    # The sum is the trace of the tables' product, 1 + (2p − 1)³.
    chances = np.linspace(0, 1, 41)
    tables = [copying(p) for p in chances]
    around = [check_joint(CYCLE, dict.fromkeys("ABC", table)).total for table in tables]
    along = [check_joint(CHAIN, {"A": [0.5, 0.5], "B": t, "C": t}).total for t in tables]
    figure = Figure((6, 4))
    axes = figure.add_subplot(
        xlabel="probability that a child copies its parent",
        ylabel="sum over all states",
        title="around a cycle, the product of tables does not sum to 1",
    )
    axes.plot(chances, around, label="cycle A → B → C → A")
    axes.plot(chances, along, label="chain A → B → C")
    axes.legend()
    run.save_figure("sums", figure)

    rng = np.random.default_rng(options.seed)
    draws = 100 if options.quick else 1000
    random = [
        check_joint(CYCLE, {node: rng.dirichlet([1, 1], 2) for node in "ABC"}).total
        for _ in range(draws)
    ]
    run.report(
        "Of {random_tables} random tables along the cycle, the sums lie between "
        "{least_sum_of_random_tables:.2f} and {largest_sum_of_random_tables:.2f}.\n"
        "The closed form 1 + (2p − 1)³ is right up to {largest_error_of_closed_form:.0e}.",
        refusal=refusal,
        cycle_sum=cycle.total,
        chain_sum=chain.total,
        random_tables=draws,
        least_sum_of_random_tables=min(random),
        largest_sum_of_random_tables=max(random),
        largest_error_of_closed_form=float(np.abs(around - (1 + (2 * chances - 1) ** 3)).max()),
    )
    run.finish()


if __name__ == "__main__":
    main()
