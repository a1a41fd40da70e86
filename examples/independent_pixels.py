"""Independent binary pixels: maximum likelihood in closed form and by SVI.

python examples/independent_pixels.py
python examples/independent_pixels.py --data binarized_mnist --download --epochs 20
"""

from functools import partial

import torch
from torch.nn import functional as F

import ppgen
from ppgen import plots
from ppgen.autoregressive import Independent
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.models import AutoregressiveModel


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=100, quick=50)
    options = parser.parse_args()
    run = Experiment("independent_pixels", options)

    data = run.data.binarized()
    train, test = data.train.images, data.test.images

    # The maximum likelihood of a pixel's probability is its mean, with the loss its entropy.
    mean = train.double().mean(0)
    optimum = -torch.special.entr(torch.stack([mean, 1 - mean])).sum()
    closed_form = AutoregressiveModel(Independent.from_images(train))

    learned = AutoregressiveModel(Independent(data.image_shape))
    history = ppgen.fit(
        learned,
        train,
        optimizer=partial(torch.optim.Adam, lr=0.1),
        scheduler=lambda adam: torch.optim.lr_scheduler.CosineAnnealingLR(adam, options.epochs),
        average=0.99,
        **run.fit_options,
    )
    # The same number is the loss of a classifier of each pixel.
    x = test.to(learned.device, torch.float64)
    probabilities = learned.network.double()(x).squeeze(1).sigmoid()
    cross_entropy = F.binary_cross_entropy(probabilities, x, reduction="none").sum((1, 2, 3))
    log_prob = learned.distribution().log_prob(x)

    learned.float()
    estimate = ppgen.elbo(learned, test)
    run.result("independent pixels", learned, history, estimate, data, how="exact")
    run.report(
        "Log-likelihood, nats an image: training {training_optimum:.3f} in closed form and "
        "{training_by_svi:.3f} by SVI;\n"
        "test {test_closed_form:.3f} in closed form and {test_by_svi:.3f} by SVI. Probabilities of "
        "pixels differ by {largest_difference_of_a_probability:.4f} at most.\n"
        "Log-likelihood and cross-entropy differ by {largest_difference_to_cross_entropy:.0e}.",
        training_optimum=optimum.item(),
        training_by_svi=ppgen.elbo(learned, train).mean,
        largest_difference_of_a_probability=(probabilities[0].cpu() - mean).abs().max().item(),
        test_closed_form=ppgen.elbo(closed_form, test).mean,
        test_by_svi=estimate.mean,
        largest_difference_to_cross_entropy=(log_prob + cross_entropy).abs().max().item(),
    )
    grids = {
        "pixel means": mean[None],
        "the same by SVI": probabilities[:1],
        "nine samples": ppgen.sample(learned, 9, seed=options.seed),
    }
    title = "pixels that are drawn one by one make no digit"
    run.save_figure("pixels", plots.image_grids(grids, title=title))
    run.finish()


if __name__ == "__main__":
    main()
