"""What ppgen costs, beside what one would do instead: ``python -m benchmarks``.

A benchmark is a module with a dict ``ROWS``: for each row of the table, a function of
:class:`benchmarks.comparison.Settings` that prepares the work and gives a
:class:`benchmarks.comparison.Comparison`. A new one is such a module, and its name below.
"""

NAMES = (
    "autoregressive",
    "epoch_data",
    "graph",
    "large_data",
    "latent",
    "latent_graph",
    "ppca",
    "processes",
    "svi_step",
)
