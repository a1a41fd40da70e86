r"""Densities of tables: mixtures of multivariate t by SVI, beside Gaussians and their mixtures.

Each table is standardised by its training rows. All ways are tested on the same ten held-out parts,
so that each row is tested once; the number of classes is chosen within the training rows.

python examples/tables.py
python examples/tables.py --tables wine --quick
"""

import time

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from scipy.stats import multivariate_normal
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import StandardScaler

import ppgen
from ppgen.experiments import Experiment, arguments, sized_argument, training_arguments
from ppgen.experiments.environment import device_name
from ppgen.experiments.results import Result
from ppgen.inference import Estimate
from ppgen.plots import Figure

TABLES = {"breast cancer": load_breast_cancer, "wine": load_wine}
CLASSES = (1, 2, 3)


def t_mixture(x, classes):
    """Make a program of rows like x: a class, then a t with a covariance and tails of its own."""
    shrunk = x.new_tensor(LedoitWolf().fit(x.numpy()).covariance_)
    scale = torch.linalg.cholesky(shrunk).expand(classes, -1, -1)
    loc = x[torch.randperm(len(x))[:classes]] if classes > 1 else x.mean(0, keepdim=True)
    even = x.new_full((classes,), 1 / classes)

    def model(x=None, *, n=1):
        weights = pyro.param("weights", even, constraint=constraints.simplex)
        df = pyro.param("df", loc.new_full((classes,), 10.0), constraint=constraints.positive)
        locs = pyro.param("loc", loc)
        scales = pyro.param("scale_tril", scale, constraint=constraints.lower_cholesky)
        with pyro.plate("data", n if x is None else len(x)):
            kind = dist.Categorical(weights)
            rows = dist.MixtureSameFamily(kind, dist.MultivariateStudentT(df, locs, scales))
            return pyro.sample("x", rows, obs=x)

    return ppgen.as_program(model)


class Ours:
    """Mixtures of t; the number of classes, and of steps, from a part of the training rows."""

    def __init__(self, run):
        settings = run.fit_options
        self.options = {name: settings[name] for name in ("epochs", "device", "compile", "seed")}
        self.options["patience"] = max(1, self.options["epochs"] // 10)

    def fit(self, rows):
        fitted, held_out = map(torch.tensor, train_test_split(rows, test_size=0.2, random_state=0))
        fits = {}
        for classes in CLASSES:
            program = t_mixture(fitted, classes)
            history = ppgen.fit(
                program, fitted, held_out, batch_size="all", lr=0.02, progress=False, **self.options
            )
            fits[program] = history.best.validation
        self.program = max(fits, key=fits.get)
        return self

    def score_samples(self, rows):
        return ppgen.elbo(self.program, torch.tensor(rows)).each

    @property
    def parameters(self):
        return sum(parameter.numel() for parameter in self.program.parameters())


class Normal:
    """A Gaussian with the covariance that one of scikit-learn's estimators finds."""

    def __init__(self, covariance):
        self.covariance = covariance

    def fit(self, rows):
        found = self.covariance.fit(rows)
        self.normal = multivariate_normal(found.location_, found.covariance_)
        return self

    def score_samples(self, rows):
        return torch.tensor(self.normal.logpdf(rows))

    @property
    def parameters(self):
        return self.normal.dim * (self.normal.dim + 3) // 2


class Normals:
    """A mixture of Gaussians by EM, with as many classes as the criterion of Schwarz says."""

    def fit(self, rows):
        mixtures = (GaussianMixture(k, reg_covar=1e-3, random_state=0) for k in CLASSES)
        self.mixture = min((m.fit(rows) for m in mixtures), key=lambda m: m.bic(rows))
        return self

    def score_samples(self, rows):
        return torch.tensor(self.mixture.score_samples(rows))

    @property
    def parameters(self):
        return self.mixture._n_parameters()


def tested(way, table, folds):
    """Return the log-density of each row by a fit without its fold, and the seconds of the fits."""
    log_p, seconds = torch.empty(len(table), dtype=torch.float64), 0.0
    for training, test in KFold(folds, shuffle=True, random_state=0).split(table):
        scale = StandardScaler().fit(table[training])
        start = time.perf_counter()
        way.fit(scale.transform(table[training]))
        seconds += time.perf_counter() - start
        log_p[test] = way.score_samples(scale.transform(table[test]))
    return Estimate(log_p), seconds


def draw(program, rows, names):
    """Plot rows of a table beside as many drawn ones, by their first columns."""
    figure = Figure((8, 4.4))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    drawn = ppgen.sample(program, len(rows), seed=0)
    for axes, title, points in zip(panels, ("rows", "drawn rows"), (rows, drawn), strict=True):
        axes.scatter(points[:, 0], points[:, 1], s=8)
        axes.set(title=title, xlabel=f"{names[0]}, standardised", ylabel=names[1])
    figure.suptitle("a mixture of t draws rows like those of the table")
    panels[0].set(xlim=(-3, 5), ylim=(-3, 5))
    return figure


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    training_arguments(parser, epochs=1000, quick=30)
    sized_argument(parser, "--folds", 10, 2, "parts that are held out in turn")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=[*TABLES])
    run = Experiment("tables", parser.parse_args())

    ways = {
        "mixture of t, SVI": Ours(run),
        "mixture of Gaussians, EM": Normals(),
        "Gaussian, Ledoit–Wolf": Normal(LedoitWolf()),
        "Gaussian": Normal(EmpiricalCovariance()),
    }
    nats = {}
    for name in run.options.tables:
        found = TABLES[name]()
        print(f"{name}: {len(found.data)} rows of {found.data.shape[1]} numbers; nats a row")
        for model, way in ways.items():
            estimate, seconds = tested(way, found.data, run.options.folds)
            result = Result(
                model=model,
                data=f"{name}, standardised, {run.options.folds} folds",
                nats=-estimate.mean,
                standard_error=estimate.standard_error,
                estimate="exact",
                bits=None,
                parameters=way.parameters,
                epochs=run.options.epochs if way is ways["mixture of t, SVI"] else 1,
                seconds=seconds,
                device=device_name(torch.device("cpu")),
            )
            run.record(result)
            nats[name, model] = result.nats
            print(f"  {model:28}{result.nats:8.2f} ± {result.standard_error:.2f}")
        standardised = torch.tensor(StandardScaler().fit_transform(found.data))
        program = ways["mixture of t, SVI"].program
        run.save_figure(name.replace(" ", "_"), draw(program, standardised, found.feature_names))
    run.finish()


if __name__ == "__main__":
    main()
