r"""A variational autoencoder, trained by stochastic variational inference on handwritten digits.

python examples/vae.py
python examples/vae.py --data binarized_mnist --download --latent 50 --hidden 200 200 --epochs 100
python examples/vae.py --data mnist --network convolutional --likelihood beta --latent 10
python examples/vae.py --data mnist --network convolutional --blocks 1 --latent 50 --epochs 100 \
    --cosine --bfloat16 --particles 5000 --images 1000
python examples/vae.py --data mnist --latent 50 --hidden 200 200 --tanh --draws 50 --epochs 400 \
    --cosine --particles 5000 --images 1000
python examples/vae.py --data mnist --network convolutional --blocks 1 --latent 50 --flow 2
python examples/vae.py --data mnist --latent 100 --hidden 200 200 --above 50
"""

from dataclasses import replace
from functools import partial

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen import plots
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.likelihoods.every import every_likelihood
from ppgen.models import VAE, HierarchicalVAE
from ppgen.models.posteriors import InverseAutoregressiveFlow
from ppgen.objectives import ImportanceWeightedELBO


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=200, quick=20, batch_size=128)
    parser.add_argument("--latent", type=int, default=2, help="dimension of z")
    parser.add_argument("--above", type=int, nargs="+", default=[], help="sizes of layers above z")
    parser.add_argument("--flow", type=int, default=0, help="autoregressive transforms in q(z | x)")
    parser.add_argument(
        "--network", choices=("mlp", "convolutional"), default="mlp", help="default: %(default)s"
    )
    parser.add_argument("--hidden", type=int, nargs="+", default=[400], help="layers of the mlp")
    parser.add_argument("--tanh", action="store_true", help="units of the mlp; default: ReLU")
    parser.add_argument(
        "--channels", type=int, nargs="+", default=[32, 64], help="of the convolutions"
    )
    parser.add_argument("--blocks", type=int, default=0, help="residual, after each convolution")
    parser.add_argument("--likelihood", choices=every_likelihood(2), default="bernoulli")
    parser.add_argument("--draws", type=int, default=1, help="importance-weighted in training")
    parser.add_argument("--rate", type=float, default=1e-3, help="first learning rate")
    parser.add_argument("--cosine", action="store_true", help="let the learning rate fall to 0")
    parser.add_argument("--bfloat16", action="store_true", help="train in half precision")
    parser.add_argument("--patience", type=int, default=30, help="epochs without a better bound")
    parser.add_argument("--particles", type=int, default=1000, help="of the likelihood estimate")
    parser.add_argument("--images", type=int, help="to be tested on; default: all")
    options = parser.parse_args()
    run = Experiment("vae", options)

    data = run.data
    likelihood = every_likelihood(data.levels)[options.likelihood]
    kind, layers = (HierarchicalVAE, {"above": options.above}) if options.above else (VAE, {})
    networks = {
        "mlp": partial(
            kind.mlp, hidden=options.hidden, activation=nn.Tanh if options.tanh else nn.ReLU
        ),
        "convolutional": partial(
            kind.convolutional, channels=options.channels, blocks=options.blocks
        ),
    }
    q = options.latent
    if options.flow:
        q = InverseAutoregressiveFlow(options.latent, options.flow)
    vae = networks[options.network](data.image_shape, q, likelihood=likelihood, **layers)
    encode = partial(likelihood.encode, levels=data.levels)

    def save_samples(vae, history):
        for name, epoch in {"before": 0, "halfway": options.epochs // 2}.items():
            if history.last == epoch:
                images = ppgen.sample(vae, 64, mean=True, seed=0)
                title = f"mean images of samples after {epoch} epochs"
                figure = plots.image_grid(images, title=title)
                run.save_figure(f"samples_{name}", figure)

    history = ppgen.fit(
        vae,
        data.train.images,
        data.validation.images,
        objective=ImportanceWeightedELBO(options.draws) if options.draws > 1 else None,
        transform=encode,
        lr=options.rate,
        scheduler=partial(CosineAnnealingLR, T_max=options.epochs) if options.cosine else None,
        average=0.999,
        bfloat16=options.bfloat16,
        patience=options.patience,
        callback=save_samples,
        **run.fit_options,
    )
    run.save_figure("elbo", history.plot())

    tested, how = data, f"{options.particles:,} particles"
    if options.images is not None:
        tested = replace(data, test=data.test.spread(options.images))
        how += f", {len(tested.test):,} images"
    test = encode(tested.test.images)
    samples = ppgen.sample(vae, 64, mean=True, seed=0)
    some = encode(data.test.spread(64).images)
    shown, reconstructed = likelihood.grey(some), ppgen.reconstruct(vae, some, mean=True, seed=0)
    run.save_figure(
        "samples_after", plots.image_grid(samples, title="mean images of samples after training")
    )
    run.save_figure("reconstructions", plots.reconstructions(shown[::2], reconstructed[::2]))
    overview = {"test images": shown, "reconstructions": reconstructed, "samples": samples}
    run.save_figure("overview", plots.image_grids(overview, title="what the VAE has learned"))
    if options.latent > 1 and not options.flow:  # whose q(z | x) has no mean in closed form
        with torch.no_grad():
            means = vae.encode(test.to(vae.device))[0]
        most_active = means.var(0).topk(2).indices.sort().values.tolist()
        figure = plots.manifold(
            vae.decode,
            vae.latent,
            most_active,
            device=vae.device,
            title="mean images over a plane of latents",
        )
        run.save_figure("manifold", figure)

    bound = ppgen.elbo(vae, test)
    chunk = max(1, 20_000 // likelihood.outputs)
    estimate = ppgen.iwae(vae, test, particles=options.particles, chunk=chunk)
    name = "VAE" if options.network == "mlp" else f"{options.network} VAE"
    name += f", {'-'.join(map(str, [options.latent, *options.above]))} latents"
    name += ", flow" if options.flow else ""
    name += "" if options.likelihood == "bernoulli" else f", {options.likelihood}"
    name += f", {options.draws} draws" if options.draws > 1 else ""
    result = run.result(
        name,
        vae,
        history,
        estimate,
        tested,
        how=how,
        likelihood=likelihood,
    )
    run.report(
        "Bound of validation images, nats: {untrained_validation_elbo:.2f} before training, "
        "{validation_elbo_after_epoch_1:.2f} after epoch 1.\n"
        "The best of {epochs} epochs was {best_epoch}; one took {seconds_an_epoch:.2f} s.\n"
        "Test images, nats: bound {test_elbo:.2f} ± {test_elbo_standard_error:.2f}, "
        "log-likelihood {test_log_likelihood:.2f} ± {test_log_likelihood_standard_error:.2f} "
        "by {particles} particles.",
        untrained_validation_elbo=history.epochs[0].validation,
        validation_elbo_after_epoch_1=history.epochs[min(1, history.last)].validation,
        epochs=result.epochs,
        best_epoch=history.best.number,
        seconds_an_epoch=history.seconds_an_epoch,
        test_elbo=bound.mean,
        test_elbo_standard_error=bound.standard_error,
        test_log_likelihood=estimate.mean,
        test_log_likelihood_standard_error=estimate.standard_error,
        particles=options.particles,
        history=history.to_list(),
    )
    if result.bits is None:
        print(f"There are no bits per pixel: {likelihood} says nothing about grey levels.")
    else:
        run.report(
            "Test images take {test_bits_per_pixel:.3f} bits per pixel or less.",
            test_bits_per_pixel=result.bits,
        )
    run.finish()


if __name__ == "__main__":
    main()
