"""A mixture of Bernoullis on handwritten digits, fitted by SVI and by expectation maximisation.

The class of an image is latent and summed out, so everything is exact: the likelihood, the
posterior of the class, and completions of images whose right half is missing.

python examples/bernoulli_mixture.py
python examples/bernoulli_mixture.py --data binarized_mnist --download
python examples/bernoulli_mixture.py --data binarized_mnist --classes 500
"""

import time
from functools import partial
from itertools import accumulate
from math import nan

import sklearn.cluster  # noqa: F401 - else the timed fit_em imports it
import torch
from torch.optim import Adam

import ppgen
from ppgen import plots
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.experiments.measured import Measured
from ppgen.inference import Estimate
from ppgen.models import BernoulliMixture
from ppgen.training import Epoch, History


@torch.no_grad()
def log_likelihood(mixture, images, observed=None):
    """Return exact log p of the observed pixels of each image, in nats."""
    batches = images.to(mixture.device).split(1000)
    return Estimate(torch.cat([mixture.log_likelihood(batch, observed) for batch in batches]).cpu())


def log_likelihoods(mixture, parts):
    """Return the mean log-likelihood of each part's images, in nats."""
    return {name: log_likelihood(mixture, images).mean for name, images in parts.items()}


def fit_em(mixture, images, measured, **options):
    """Fit by EM and return a history of its passes, with their seconds only.

    As in a fit, the seconds exclude measurements. Pass 0 is the start and the first expectation;
    each later pass is a maximisation and the next expectation.
    """
    history, begin = History(), time.perf_counter()

    def callback(mixture, values):
        nonlocal begin
        seconds = time.perf_counter() - begin
        history.epochs.append(Epoch(len(history.epochs), None, None, seconds, nan))
        measured(mixture, history)
        begin = time.perf_counter()

    mixture.fit_em(images, callback=callback, **options)
    return history


def seconds_to(nats, measured, history):
    """Return the seconds until training images had these mean nats; None if they never had."""
    seconds = accumulate(epoch.seconds for epoch in history.epochs)
    reached = zip(seconds, measured.column("training", history)[1], strict=True)
    return next((seconds for seconds, value in reached if value >= nats), None)


def completions(mixture, images, observed):
    """Plot images, their observed pixels, and the mean and a draw of the missing ones."""
    images = images.to(mixture.device, mixture.dtype)
    rows = {
        "test images": images,
        "given": torch.where(observed, images, torch.nan),
        "mean": mixture.complete(images, observed, mean=True),
        "a draw": mixture.complete(images, observed),
    }
    return plots.image_rows(rows, "the right halves, given the left ones")


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=100, quick=10)
    parser.add_argument("--classes", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--iterations", type=int, default=200, help="of EM; default: %(default)s")
    parser.add_argument("--learning-rate", type=float, default=0.03, help="default: %(default)s")
    parser.add_argument("--patience", type=int, default=5, help="epochs without a better bound")
    parser.add_argument(
        "--pseudo-count", type=float, default=0.1, help="of black and white pixels in each class"
    )
    options = parser.parse_args()
    run = Experiment("bernoulli_mixture", options)

    data = run.data.binarized()
    train, validation, test = data.train.images, data.validation.images, data.test.images
    svi, em = (
        BernoulliMixture(data.image_shape, options.classes, options.pseudo_count) for _ in range(2)
    )
    parts = {"training": data.train.spread(len(test)).images, "test": test}
    svi_measured = Measured(
        partial(log_likelihoods, svi, parts),
        run.folder,
        resume=options.resume,
        writes=run.processes.leads,
    )
    history = ppgen.fit(
        svi,
        train,
        validation,
        optimizer=partial(Adam, lr=options.learning_rate),
        patience=options.patience,
        callback=svi_measured,
        **run.fit_options,
    )
    em.to(svi.device)
    em_measured = Measured(partial(log_likelihoods, em, parts))
    em_history = fit_em(em, train, em_measured, iterations=options.iterations, seed=options.seed)

    ways = {"EM": (em_measured, em_history), "SVI": (svi_measured, history)}
    curves = {
        f"{way}, {part}": measured.column(part, passes)
        for way, (measured, passes) in ways.items()
        for part in parts
    }
    lines = {name: (passes[1:], nats[1:]) for name, (passes, nats) in curves.items()}
    figure = plots.curves(
        lines,
        "log p(x), nats an image",
        "passes through the training images",
        title="EM needs fewer passes than SVI",
    )
    run.save_figure("curves", figure)

    classes = {"EM": em, "SVI": svi}
    for name, mixture in classes.items():
        largest_first = mixture.class_logits.argsort(descending=True)[:100]
        classes[name] = mixture.class_images[largest_first]
    run.save_figure("classes", plots.image_grids(classes, title="classes, the largest first"))
    samples = ppgen.sample(em, 64, mean=True, seed=options.seed)
    run.save_figure("samples", plots.image_grid(samples, title="pixel means of samples, by EM"))
    left = torch.ones(data.image_shape, dtype=torch.bool, device=em.device)
    left[..., data.image_shape[-1] // 2 :] = False
    shown = data.test.spread(12).images
    run.save_figure("completions", completions(em, shown, left))

    svi_test, em_test = log_likelihood(svi, test), log_likelihood(em, test)
    name = f"mixture of {options.classes} Bernoullis"
    run.result(f"{name}, SVI", svi, history, svi_test, data, how="exact")
    run.result(f"{name}, EM", em, em_history, em_test, data, how="exact")
    _, svi_nats = curves["SVI, training"]
    reached = seconds_to(max(svi_nats), em_measured, em_history)
    run.report(
        "Nats an image, training and test: SVI {svi_train_log_likelihood:.2f} and "
        "{svi_test_log_likelihood:.2f} after {svi_epochs} epochs in {svi_seconds:.2f} s,\n"
        "EM {em_train_log_likelihood:.2f} and {em_test_log_likelihood:.2f} after "
        "{em_iterations} iterations in {em_seconds:.2f} s. Before training: "
        "{untrained_log_likelihood:.2f}.\n"
        + (f"EM reached the best of SVI in {reached:.2f} s.\n" if reached else "")
        + "Right halves of test images: {right_half_log_likelihood:.2f} nats, and "
        "{right_half_given_left:.2f} given the left halves.",
        untrained_log_likelihood=svi_nats[0],
        log_likelihood_after_epoch_1=svi_nats[min(1, history.last)],
        svi_epochs=history.last,
        svi_seconds=history.seconds,
        em_iterations=em_history.last,
        em_seconds=em_history.seconds,
        em_seconds_to_svis_best=reached,
        svi_train_log_likelihood=log_likelihood(svi, train).mean,
        em_train_log_likelihood=log_likelihood(em, train).mean,
        svi_test_log_likelihood=svi_test.mean,
        em_test_log_likelihood=em_test.mean,
        right_half_log_likelihood=log_likelihood(em, test, ~left).mean,
        right_half_given_left=em_test.mean - log_likelihood(em, test, left).mean,
        curves=curves,
        history=history.to_list(),
    )
    run.finish()


if __name__ == "__main__":
    main()
