"""A mixture of Bernoullis on handwritten digits, fitted by SVI and by expectation maximisation.

The class of an image is latent and summed out, so everything is exact: the likelihood, the
posterior of the class, and completions of images of which the right half is missing.

python examples/bernoulli_mixture.py
python examples/bernoulli_mixture.py --data binarized_mnist
python examples/bernoulli_mixture.py --data binarized_mnist --classes 500
"""

import time
from functools import partial
from itertools import pairwise
from math import nan

import torch
from torch.optim import Adam

import ppgen
from ppgen import plots
from ppgen.experiment import Experiment, arguments, training_arguments
from ppgen.inference import Epoch, Estimate, History
from ppgen.models import BernoulliMixture


@torch.no_grad()
def log_likelihood(mixture, images, observed=None):
    """Of each image, or of what is observed of it; exact, nats."""
    batches = images.to(mixture.device).split(1000)
    return Estimate(torch.cat([mixture.log_likelihood(batch, observed) for batch in batches]).cpu())


class Progress:
    """Log-likelihoods after each pass through the data, and seconds without the time to find them.

    It is the callback of both ways to fit.
    """

    def __init__(self, data):
        self.parts = {
            "training": data.train.images[: len(data.test)],
            "test": data.test.images,
        }
        self.nats = {name: [] for name in self.parts}
        self.seconds = []
        self.begin = time.perf_counter()

    def __call__(self, mixture, history):
        entered = time.perf_counter()
        self.seconds.append(entered - self.begin)
        for name, images in self.parts.items():
            self.nats[name].append(log_likelihood(mixture, images).mean)
        self.begin += time.perf_counter() - entered

    def curve(self, part):
        """Give passes and nats, without the start."""
        return range(1, len(self.seconds)), self.nats[part][1:]

    @property
    def history(self):
        """Give the passes as a fit gives its epochs, with no more than their times."""
        seconds = [0.0, *(end - start for start, end in pairwise(self.seconds))]
        return History([Epoch(n, None, None, each, nan) for n, each in enumerate(seconds)])

    def seconds_to(self, nats):
        """Give the time until training images had so many; None where they never had."""
        reached = zip(self.seconds, self.nats["training"], strict=True)
        return next((seconds for seconds, value in reached if value >= nats), None)


def completions(mixture, images, observed, draws=3):
    """Rows: images, what is observed of them, the mean of the rest, and draws of it."""
    images = images.to(mixture.device, mixture.dtype)
    rows = [images, torch.where(observed, images, 0.5)]
    rows.append(mixture.complete(images, observed, mean=True))
    rows += [mixture.complete(images, observed) for _ in range(draws)]
    return plots.image_grid(
        torch.cat(rows), len(images), "images, their left halves, mean and draws of the right"
    )


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

    data = run.data.binarized(seed=options.seed)
    train, validation, test = data.train.images, data.validation.images, data.test.images
    svi, em = (
        BernoulliMixture(data.image_shape, options.classes, options.pseudo_count) for _ in range(2)
    )
    svi_progress = Progress(data)
    history = ppgen.fit(
        svi,
        train,
        validation,
        optimizer=partial(Adam, lr=options.learning_rate),
        patience=options.patience,
        callback=svi_progress,
        **run.fit_options,
    )
    em.to(svi.device)
    em_progress = Progress(data)
    em.fit_em(train, iterations=options.iterations, callback=em_progress, seed=options.seed)

    progress = {"EM": em_progress, "SVI": svi_progress}
    lines = {f"{name}, {part}": p.curve(part) for name, p in progress.items() for part in p.nats}
    figure = plots.curves(lines, "log p(x), nats an image", "passes through the training images")
    run.save_figure("curves", figure)

    classes = {"EM": em, "SVI": svi}
    for name, mixture in classes.items():
        largest_first = mixture.class_logits.argsort(descending=True)[:100]
        classes[name] = mixture.class_images[largest_first]
    run.save_figure("classes", plots.image_grids(classes))
    samples = ppgen.sample(em, 16, seed=options.seed)
    run.save_figure("samples", plots.image_grid(samples, title="samples"))
    left = torch.ones(data.image_shape, dtype=torch.bool, device=em.device)
    left[..., data.image_shape[-1] // 2 :] = False
    shown = data.test.spread(12).images
    run.save_figure("completions", completions(em, shown, left))

    svi_test, em_test = log_likelihood(svi, test), log_likelihood(em, test)
    name = f"mixture of {options.classes} Bernoullis"
    run.result(f"{name}, SVI", svi, history, svi_test, data, how="exact")
    run.result(f"{name}, EM", em, em_progress.history, em_test, data, how="exact")
    svi_best = max(svi_progress.nats["training"])
    run.report(
        untrained_log_likelihood=svi_progress.nats["training"][0],
        log_likelihood_after_epoch_1=svi_progress.nats["training"][min(1, history.last)],
        svi_epochs=history.last,
        svi_seconds=svi_progress.seconds[-1],
        em_iterations=len(em_progress.seconds) - 1,
        em_seconds=em_progress.seconds[-1],
        em_seconds_to_svis_best=em_progress.seconds_to(svi_best),
        svi_train_log_likelihood=log_likelihood(svi, train).mean,
        em_train_log_likelihood=log_likelihood(em, train).mean,
        svi_test_log_likelihood=svi_test.mean,
        em_test_log_likelihood=em_test.mean,
        right_half_log_likelihood=log_likelihood(em, test, ~left).mean,
        right_half_given_left=em_test.mean - log_likelihood(em, test, left).mean,
        history=history.to_list(),
    )
    run.finish()


if __name__ == "__main__":
    main()
