r"""Autoregressive networks that draw pixels in different orders, and their equal mixture.

The orders are those of rows and of columns, from each of the four corners, and then random ones.

python examples/ensemble.py
python examples/ensemble.py --data binarized_mnist --download --network NADE --rate 1e-2 \
    --orderings 6 --epochs 12
"""

import math
from functools import partial
from itertools import islice

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen import plots
from ppgen.autoregressive import MADE, NADE, Ensemble
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.experiments.pixel_means import pixel_means
from ppgen.inference import Estimate
from ppgen.models import AutoregressiveModel


def orderings(shape):
    """Yield eight orderings that keep neighbours together, and then random ones."""
    places = torch.arange(math.prod(shape)).view(shape)
    for corner in ([], [-1, -2], [-1], [-2]):
        for turned in (places, places.mT):
            yield turned.flip(corner).flatten()
    while True:
        yield torch.randperm(places.numel())


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=30, quick=5)
    parser.add_argument("--network", choices=("NADE", "MADE"), default="MADE", help="%(default)s")
    parser.add_argument("--hidden", type=int, default=300, help="units")
    parser.add_argument("--dropout", type=float, default=0, help="probability, of MADE's units")
    parser.add_argument("--orderings", type=int, default=4, help="how many")
    parser.add_argument("--rate", type=float, default=3e-3, help="first learning rate")
    parser.add_argument("--bfloat16", action="store_true", help="train in half precision")
    options = parser.parse_args()
    run = Experiment("ensemble", options)

    data, shape = run.data.binarized(), run.data.image_shape
    networks = {
        "NADE": partial(NADE, hidden=options.hidden),
        "MADE": partial(
            MADE,
            hidden=[options.hidden],
            activation=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(options.dropout)),
        ),
    }
    models, histories, estimates = [], [], []
    for number, ordering in enumerate(islice(orderings(shape), options.orderings), start=1):
        model = AutoregressiveModel(networks[options.network](shape, ordering=ordering))
        history = ppgen.fit(
            model,
            data.train.images,
            data.validation.images,
            optimizer=partial(torch.optim.Adam, lr=options.rate, fused=True),
            scheduler=partial(CosineAnnealingLR, T_max=options.epochs),
            average=0.999,
            bfloat16=options.bfloat16,
            **run.fit_options | {"out": run.folder / f"ordering_{number}"},
        )
        models.append(model)
        histories.append(history)
        estimates.append(ppgen.elbo(model, data.test.images))

    name = options.network
    run.result(name, models[0], histories[0], estimates[0], data, how="exact")
    ensemble = AutoregressiveModel(Ensemble([model.network for model in models]))
    estimate = ppgen.elbo(ensemble, data.test.images)
    run.result(f"{len(models)} {name}s", ensemble, histories, estimate, data, how="exact")

    each = torch.stack([of_one.each for of_one in estimates])
    counts = range(1, len(models) + 1)
    mixtures = [Estimate(each[:k].logsumexp(0) - math.log(k)) for k in counts]
    nats_of_each = [-of_one.mean for of_one in estimates]
    nats_of_mixtures = [-mixture.mean for mixture in mixtures]
    run.report(nats_of_each=nats_of_each, nats_of_mixtures=nats_of_mixtures)
    print("ordering  test nats  of the mixture so far")
    for number, one, so_far in zip(counts, nats_of_each, nats_of_mixtures, strict=True):
        print(f"{number:8}  {one:9.2f}  {so_far:21.2f}")

    figure = plots.Figure((5, 3.5))
    axes = figure.add_subplot(
        xlabel="ordering", ylabel="test nats", xticks=counts, title=f"{name} in several orderings"
    )
    axes.plot(counts, nats_of_each, "o", label="each ordering by itself")
    axes.plot(counts, nats_of_mixtures, "o-", label="mixture of these so far")
    axes.legend()
    run.save_figure("nats", figure)

    drawn = ppgen.sample(ensemble, 36, seed=0)
    grids = {
        "test images": data.test.spread(36).images,
        "samples": drawn,
        "their probabilities": pixel_means(ensemble.network, drawn),
    }
    run.save_figure("samples", plots.image_grids(grids))
    run.finish()


if __name__ == "__main__":
    main()
