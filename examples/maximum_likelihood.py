"""Maximum likelihood in closed form, by SVI and by second-order methods, with standard errors.

Two models have known answers: the rate of an exponential distribution, λ = n / Σ x, and a linear
regression on scikit-learn's diabetes data. Simulations check the coverage of their 95 % intervals.

python examples/maximum_likelihood.py
"""

import math
from functools import partial

import numpy as np
import torch
from scipy.stats import chi2, t
from sklearn.datasets import load_diabetes
from torch.optim import LBFGS, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen.data.batches import Batches
from ppgen.experiments import Experiment, arguments, sized_argument
from ppgen.inference import maximum_likelihood
from ppgen.models import Exponential, LinearRegression
from ppgen.objectives.preparation import prepare
from ppgen.plots import COLOURS, Figure

RATE, VALUES = 2.0, 200
SIZES = [5, 10, 20, 50, 100, 200]
Z = 1.959964  # 95 % of the standard Gaussian lie between −Z and Z


def svi(program, data, epochs):
    """Fit by stochastic gradients on all rows at once; return nats after each epoch."""
    rows = len(data[0])
    history = ppgen.fit(
        program,
        data,
        epochs=epochs,
        batch_size=rows,
        optimizer=partial(Adam, lr=0.1),
        scheduler=partial(CosineAnnealingLR, T_max=epochs),
        device="cpu",  # tiny, and compared with numpy
        progress=False,
    )
    return [rows * elbo for elbo in history.column("elbo")[1]]


def lbfgs(program, data, iterations=50):
    """Fit by torch's quasi-Newton method on the same objective; return nats after each step."""
    rows = Batches(data, len(data[0]))
    objective = prepare(program, rows)
    optimizer = LBFGS(
        program.parameters(),
        max_iter=1,
        max_eval=25,  # of one line search
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        loss = objective(rows.data)
        loss.backward()
        return loss.detach()

    return [-len(rows.data) * float(optimizer.step(closure)) for _ in range(iterations)]


def nats(program, data):
    """Return the negative log-likelihood of all data."""
    rows = Batches(data, len(data[0]))
    return len(rows.data) * prepare(program, rows)(rows.data)


def fit_all_ways(new_program, data, exact, epochs):
    """Fit a new program by each way; return them, and nats below the maximum after each step."""
    programs = {way: new_program() for way in ("SVI (Adam)", "L-BFGS", "Newton")}
    paths = {
        "SVI (Adam)": svi(programs["SVI (Adam)"], data, epochs),
        "L-BFGS": lbfgs(programs["L-BFGS"], data),
    }
    newton = maximum_likelihood(programs["Newton"], data)
    paths["Newton"] = newton.maximum.path
    best = -nats(exact, data).item()
    gaps = {way: [max(best - value, 1e-14) for value in path] for way, path in paths.items()}
    return {"closed form": exact, **programs}, gaps, newton


def check_exponential(run, epochs):
    x = torch.distributions.Exponential(torch.tensor(RATE).double()).sample((VALUES,))
    exact = Exponential.from_data(x)
    programs, gaps, newton = fit_all_ways(lambda: Exponential().double(), (x,), exact, epochs)

    somewhere = Exponential(1.0).double()
    loss = -nats(somewhere, (x,))
    by_log_rate = torch.autograd.grad(loss, somewhere.log_rate)[0]
    by_rate = by_log_rate / somewhere.rate  # chain rule
    estimate, se = exact.rate.item(), exact.standard_error(VALUES).item()
    run.report(
        "The standard error of the rate is {exponential_standard_error:.4f} in closed form, and "
        "{exponential_standard_error_by_newton:.4f} by Newton's method, which took "
        "{exponential_newton_iterations} steps.\nThe gradient at rate 1 is "
        "{gradient_by_autodiff_at_rate_1:.4f} by automatic differentiation, "
        "{gradient_by_formula_at_rate_1:.4f} by the formula.",
        exponential={way: program.rate.item() for way, program in programs.items()},
        exponential_standard_error=se,
        exponential_standard_error_by_newton=newton.standard_error(lambda p: p.rate).item(),
        exponential_newton_iterations=newton.maximum.iterations,
        gradient_by_autodiff_at_rate_1=by_rate.item(),
        gradient_by_formula_at_rate_1=VALUES - x.sum().item(),
    )
    print(f"rate: {estimate:.4f} ± {se:.4f}, drawn with {RATE}")

    figure = Figure((10, 4))
    left, right = figure.subplots(1, 2)
    rates = np.linspace(estimate - 5 * se, estimate + 5 * se, 200)
    left.plot(rates, VALUES * np.log(rates) - rates * x.sum().item())
    left.axvspan(estimate - Z * se, estimate + Z * se, alpha=0.15, label="95 % interval")
    left.axvline(estimate, linestyle="--", label="n / Σ x")
    left.axvline(RATE, color="black", linestyle=":", label="true rate")
    left.set(
        xlabel="rate λ",
        ylabel="log-likelihood, nats",
        title=f"the rate of {VALUES} exponential values",
    )
    left.legend()
    draw_convergence(right, gaps)
    run.save_figure("exponential", figure)


def draw_convergence(axes, gaps):
    for way, gap in gaps.items():
        axes.plot(range(1, len(gap) + 1), gap, label=way, marker="." if way == "Newton" else None)
    axes.set(
        xscale="log", yscale="log", xlabel="iteration", ylabel="nats below the maximum, to rounding"
    )
    axes.set_title("three ways to the same maximum")
    axes.legend()


def check_regression(run, epochs):
    patients = load_diabetes()
    names = ["intercept", *patients.feature_names]
    covariates = torch.from_numpy(patients.data) * math.sqrt(len(patients.data))  # variance 1
    y = torch.from_numpy(patients.target)
    y = (y - y.mean()) / y.std()
    design = torch.cat([torch.ones(len(y), 1), covariates], dim=1)
    data = (y, design)
    exact = LinearRegression.from_data(y, design)
    programs, gaps, newton = fit_all_ways(
        lambda: LinearRegression(len(names)).double(), data, exact, epochs
    )
    squares = np.linalg.lstsq(design.numpy(), y.numpy(), rcond=None)[0]
    of_weights, of_variance = (se.detach() for se in exact.standard_errors(design))
    weights = {way: program.weights.detach() for way, program in programs.items()}
    weights["numpy's lstsq"] = torch.from_numpy(squares)
    furthest = {
        way: float(((w - weights["closed form"]).abs() / of_weights).max())
        for way, w in weights.items()
        if way != "closed form"
    }
    by_newton = newton.standard_errors["weights"]
    run.report(
        "The regression took {regression_newton_iterations} steps of Newton's method; its standard "
        "errors are those of the closed form up to {regression_standard_errors_agree_to:.0e}.",
        regression_weights=dict(zip(names, weights["closed form"].tolist(), strict=True)),
        regression_standard_errors=dict(zip(names, of_weights.tolist(), strict=True)),
        regression_variance={way: program.variance.item() for way, program in programs.items()},
        regression_variance_standard_error=of_variance.item(),
        regression_newton_iterations=newton.maximum.iterations,
        regression_largest_distance_in_standard_errors=furthest,
        regression_standard_errors_agree_to=((by_newton / of_weights) - 1).abs().max().item(),
    )
    for way, distance in furthest.items():
        print(f"regression by {way}: within {distance:.1e} standard errors of the closed form")

    figure = Figure((10, 4))
    left, right = figure.subplots(1, 2)
    places = np.arange(len(names))
    markers = dict(zip(weights, ["o", "s", "^", "x", "+"], strict=True))
    for offset, (way, w) in zip(
        np.linspace(-0.25, 0.25, len(weights)), weights.items(), strict=True
    ):
        left.errorbar(
            places + offset,
            w,
            yerr=Z * of_weights,
            fmt=markers[way],
            markersize=4,
            elinewidth=0.8,
            label=way,
        )
    left.axhline(0, color="black", linewidth=0.5)
    left.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    left.set(ylabel="weight, with its 95 % interval", title="diabetes: progression in a year")
    left.legend(fontsize="small")
    draw_convergence(right, gaps)
    run.save_figure("regression", figure)


def check_intervals(run, simulations):
    """Return the coverage of the 95 % intervals by the number of rows, simulated and exact."""
    rows = {"exponential": [], "regression": []}
    for n in SIZES:
        x = torch.distributions.Exponential(torch.tensor(RATE).double()).sample((simulations, n))
        fitted = n / x.sum(1)
        covered = ((fitted - RATE).abs() <= Z * fitted / math.sqrt(n)).double().mean().item()
        low, high = (2 * n * (1 + sign * Z / math.sqrt(n)) for sign in (-1, 1))
        rows["exponential"].append((covered, chi2.cdf(high, 2 * n) - chi2.cdf(low, 2 * n)))

        design = torch.stack([torch.ones(n), torch.linspace(-1, 1, n)], dim=1).double()
        y = design @ torch.tensor([1.0, 2.0]).double() + torch.randn(simulations, n).double()
        root = torch.linalg.pinv(design)
        fitted = y @ root.mT
        scale = (y - fitted @ design.mT).square().mean(1).sqrt()
        covered = ((fitted[:, 1] - 2).abs() <= Z * scale * root[1].norm()).double().mean().item()
        rows["regression"].append((covered, 1 - 2 * t.sf(Z * math.sqrt((n - 2) / n), n - 2)))

    error = {
        model: max(
            abs(covered - exact) / math.sqrt(exact * (1 - exact) / simulations)
            for covered, exact in pairs
        )
        for model, pairs in rows.items()
    }
    run.report(
        "Simulated coverage differs from the exact one by at most "
        f"{max(error.values()):.1f} standard errors of the simulation.",
        coverage={model: [covered for covered, _ in pairs] for model, pairs in rows.items()},
        exact_coverage={model: [float(exact) for _, exact in p] for model, p in rows.items()},
        coverage_sizes=SIZES,
        coverage_largest_error_in_monte_carlo_standard_errors=error,
    )

    figure = Figure((6, 4))
    axes = figure.add_subplot(xscale="log", xlabel="rows n", ylabel="share of intervals")
    for color, (model, pairs) in zip(COLOURS[:2], rows.items(), strict=True):
        covered, exact = np.array(pairs).T
        band = Z * np.sqrt(exact * (1 - exact) / simulations)
        axes.plot(SIZES, exact, color=color, label=f"{model}, exact")
        axes.errorbar(
            SIZES, covered, band, color=color, fmt="o", capsize=3, label=f"{model}, simulated"
        )
    axes.axhline(0.95, color="black", linestyle=":", label="nominal")
    axes.set_xticks(SIZES, SIZES, minor=False)
    axes.minorticks_off()
    axes.set_title("few rows: 95 % intervals hold the truth less often")
    axes.legend()
    run.save_figure("coverage", figure)


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    sized_argument(parser, "--epochs", 1000, 600, "of SVI")
    sized_argument(parser, "--simulations", 100_000, 10_000, "of each interval")
    options = parser.parse_args()
    run = Experiment("maximum_likelihood", options)
    check_exponential(run, options.epochs)
    check_regression(run, options.epochs)
    check_intervals(run, options.simulations)
    run.finish()


if __name__ == "__main__":
    main()
