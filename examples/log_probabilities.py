"""Why models compute with log-probabilities: products of many probabilities underflow.

The probability of N independent events is a product of N probabilities. For large N the product is
0 in floating point, and its logarithm −∞; the sum of the logarithms stays accurate.

python examples/log_probabilities.py
"""

import math

import torch

from ppgen.experiments import Experiment, arguments
from ppgen.plots import Figure

COUNTS = [10, 20, 50, 100, 200, 500, 1000]
TYPES = {"float32": torch.float32, "float64": torch.float64}


def smallest_log(dtype):
    """Return the logarithm of the smallest positive (denormal) number."""
    limits = torch.finfo(dtype)
    return math.log(limits.tiny * limits.eps)


def main() -> None:
    options = arguments(__doc__, datasets=False).parse_args()
    run = Experiment("log_probabilities", options)

    probabilities = torch.rand(max(COUNTS), dtype=torch.float64)
    sums, products = [], {name: [] for name in TYPES}
    print(f"{'N':>5}  {'sum of logs':>12}" + "".join(f"  log Π, {name}" for name in TYPES))
    for n in COUNTS:
        sums.append(probabilities[:n].log().sum().item())
        for name, dtype in TYPES.items():
            products[name].append(probabilities[:n].to(dtype).prod().log().item())
        print(f"{n:5d}  {sums[-1]:12.4f}" + "".join(f"  {p[-1]:14.4f}" for p in products.values()))

    figure = Figure((6, 4))
    axes = figure.add_subplot(
        xscale="log",
        xlabel="N, number of probabilities",
        ylabel="nats",
        title="products underflow, sums of logarithms do not",
    )
    axes.plot(COUNTS, sums, color="black", label="sum of the logs")
    for (name, logs), marker in zip(products.items(), "ox", strict=True):
        finite = [(n, value) for n, value in zip(COUNTS, logs, strict=True) if math.isfinite(value)]
        (points,) = axes.plot(
            *zip(*finite, strict=True), marker, label=f"log of the product, {name}"
        )
        limit = smallest_log(TYPES[name])
        axes.axhline(limit, color=points.get_color(), linestyle=":")
        axes.annotate(f"smallest {name}", (COUNTS[0], limit), va="bottom")
    axes.legend()
    run.save_figure("underflow", figure)

    run.report(
        "The product of {first_underflow[float32]} probabilities is 0 in float32, that of "
        "{first_underflow[float64]} in float64.",
        counts=COUNTS,
        sums_of_logs=sums,
        logs_of_products=products,
        first_underflow={
            name: next(n for n, value in zip(COUNTS, logs, strict=True) if value == -math.inf)
            for name, logs in products.items()
        },
    )
    run.finish()


if __name__ == "__main__":
    main()
