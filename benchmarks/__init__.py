"""Time and memory of ppgen compared with alternatives: ``python -m benchmarks``.

A benchmark is a module with a dict ``ROWS``: for each row of the table, a function of
:class:`benchmarks.comparison.Settings` that prepares the work and returns a
:class:`benchmarks.comparison.Comparison`. To add one, write such a module and name it below.
"""

NAMES = (
    "auto_fits",
    "autoregressive",
    "calibration",
    "epoch_data",
    "graph",
    "large_data",
    "latent",
    "latent_graph",
    "ppca",
    "processes",
    "programs",
    "svi_step",
)
