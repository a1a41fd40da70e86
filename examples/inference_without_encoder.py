r"""Inference without an encoder: a Gaussian for each image, fitted by gradient ascent.

The amortisation gap is the bound of the best Gaussian less the encoder's; the approximation gap is
log p(x) less the bound of the best Gaussian (Cremer, Li and Duvenaud 2018, Inference suboptimality
in variational autoencoders). With two latents, log p(x) and the posterior are computed on a grid.

python examples/inference_without_encoder.py
python examples/inference_without_encoder.py --data mnist --download --epochs 20 \
    --images 1000 --timing 1000
"""

import statistics
import time
from functools import partial
from math import log

import torch
from matplotlib.patches import Ellipse

import ppgen
from ppgen import plots
from ppgen.experiments import Experiment, arguments, sized_argument, training_arguments
from ppgen.inference import fit_latents
from ppgen.models import VAE

EDGE, STEPS = 5.0, 201  # of the grid over the latent plane
PANELS = 6  # number of posteriors plotted, those with the largest gaps first
SHOWN = 12
ALONE = 5  # images that are fitted one at a time, to be timed


class Grid:
    """Exact posteriors of two latents, by a sum over a grid of points."""

    @torch.no_grad()
    def __init__(self, vae):
        self.side = torch.linspace(-EDGE, EDGE, STEPS)
        z = torch.cartesian_prod(self.side, self.side)
        self.log_prior = torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
        self.log_area = 2 * log(2 * EDGE / (STEPS - 1))
        self.pixels = vae.likelihood.distribution(vae.decoder(z.to(vae.device)).unsqueeze(0))

    @torch.no_grad()
    def log_joint(self, images):
        """Return log p(x, z) on the grid, ``(images, points)``."""
        each = [self.pixels.log_prob(x[None, None]).cpu() for x in images]
        return torch.cat(each) + self.log_prior

    def log_likelihood(self, images):
        return self.log_joint(images).logsumexp(-1) + self.log_area


def gaps(bounds, log_likelihood=None):
    """Return mean gaps in nats, given the bounds of each image."""
    best = torch.maximum(bounds["fitted from the prior"], bounds["fitted from the encoder"])
    found = {"amortisation": (best - bounds["encoder"]).mean().item()}
    if log_likelihood is not None:
        found["approximation"] = (log_likelihood - best).mean().item()
        found["inference"] = (log_likelihood - bounds["encoder"]).mean().item()
    return found


def histogram(bounds):
    """Plot histograms of the nats that images gain over the encoder's bound, for both starts."""
    figure = plots.Figure((6, 4))
    axes = figure.add_subplot(
        xlabel="ELBO above the encoder's, nats",
        ylabel="images",
        title="what a Gaussian of its own gains for each image",
    )
    gains = {name: value - bounds["encoder"] for name, value in bounds.items() if name != "encoder"}
    low = min(gain.quantile(0.005).item() for gain in gains.values())
    high = max(gain.quantile(0.995).item() for gain in gains.values())
    for name, gain in gains.items():
        label = f"{name}: mean {gain.mean():.2f}"
        axes.hist(gain.clamp(low, high).numpy(), 40, range=(low, high), alpha=0.6, label=label)
    axes.axvline(0, color="grey", linestyle="--")
    axes.legend()
    return figure


def posteriors(grid, images, gaussians):
    """Plot exact posteriors as shades, and each Gaussian as its ellipse of two deviations."""
    figure = plots.Figure((11, 6.6))
    figure.suptitle("posteriors of six images: the largest gaps above, typical ones below")
    weights = grid.log_joint(images).softmax(-1).view(-1, STEPS, STEPS)
    means, scales = (torch.stack(part) for part in zip(*gaussians.values(), strict=True))
    low, high = (means - 2.5 * scales).amin(0), (means + 2.5 * scales).amax(0)
    for n, axes in enumerate(figure.subplots(2, -(-len(images) // 2)).flat):
        z_1_to_the_right = weights[n].T.numpy()
        axes.imshow(z_1_to_the_right, cmap="Greys", origin="lower", extent=2 * (-EDGE, EDGE))
        for name, colour, mean, scale in zip(
            gaussians, plots.COLOURS[1:4], means, scales, strict=True
        ):
            ellipse = Ellipse(
                mean[n].tolist(), *(4 * scale[n]).tolist(), fill=False, color=colour, label=name
            )
            axes.add_patch(ellipse)
        centre, reach = (low[n] + high[n]) / 2, (high[n] - low[n]).max() / 2
        (left, bottom), (right, top) = (centre - reach).tolist(), (centre + reach).tolist()
        axes.set(xlim=(left, right), ylim=(bottom, top))
    figure.supxlabel("$z_1$")
    figure.supylabel("$z_2$")
    handles = figure.axes[0].patches
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    return figure


def timing(program, x, rounds):
    """Return median seconds an image, for all at once and for one at a time, timed in turns."""
    some = torch.linspace(0, len(x) - 1, ALONE).long()
    together, alone = [], []
    for number in range(rounds):
        start = time.perf_counter()
        fit_latents(program, x, seed=number)
        middle = time.perf_counter()
        for image in x[some].split(1):
            fit_latents(program, image, seed=number)
        together.append((middle - start) / len(x))
        alone.append((time.perf_counter() - middle) / ALONE)
    return statistics.median(together), statistics.median(alone)


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=200, quick=30)
    parser.add_argument("--latent", type=int, default=2, help="dimension of z")
    parser.add_argument("--patience", type=int, default=30, help="epochs without a better bound")
    sized_argument(parser, "--images", 1000, 100, "test images")
    parser.add_argument("--timing", type=int, help="images at once against one at a time")
    parser.add_argument("--rounds", type=int, default=3, help="of the timing")
    options = parser.parse_args()
    run = Experiment("inference_without_encoder", options)

    data = run.data
    vae = VAE.mlp(data.image_shape, options.latent)
    encode = partial(vae.likelihood.encode, levels=data.levels)
    ppgen.fit(
        vae,
        data.train.images,
        data.validation.images,
        transform=encode,
        average=0.999,
        patience=options.patience,
        **run.fit_options,
    )

    x = encode(data.test.spread(options.images).images).to(vae.device)
    count = len(x)
    fits, seconds = {}, {}
    for start, name in {"prior": "the prior", "guide": "the encoder"}.items():
        began = time.perf_counter()
        fits[f"fitted from {name}"] = fit_latents(vae, x, start=start, particles=256)
        seconds[name] = time.perf_counter() - began
    bounds = {"encoder": fits["fitted from the encoder"].start_elbo}  # by the same draws
    bounds |= {name: fitted.elbo for name, fitted in fits.items()}
    bounds = {name: bound.cpu() for name, bound in bounds.items()}
    with torch.no_grad():
        gaussians = {"encoder": vae.encode(x)}
    gaussians |= {name: (fitted.means["z"], fitted.scales["z"]) for name, fitted in fits.items()}
    gaussians = {name: tuple(part.cpu() for part in pair) for name, pair in gaussians.items()}
    run.save_figure("amortisation_gap", histogram(bounds))

    log_likelihood = None
    if options.latent == 2:
        grid = Grid(vae)
        log_likelihood = grid.log_likelihood(x)
        gains = fits["fitted from the encoder"].gap
        largest = gains.topk(PANELS // 2).indices
        typical = gains.argsort()[len(gains) // 2 :][: PANELS - len(largest)]
        chosen = torch.cat([largest, typical]).cpu()
        few = {name: (m[chosen], s[chosen]) for name, (m, s) in gaussians.items()}
        run.save_figure("posteriors", posteriors(grid, x[chosen.to(x.device)], few))

    shown = torch.linspace(0, count - 1, min(SHOWN, count)).long()
    rows = {"test image": vae.grey(x[shown])}
    for name, (means, scales) in gaussians.items():
        z = torch.normal(means[shown], scales[shown]).to(vae.device)
        with torch.no_grad():
            rows[name] = vae.decode(z)
    run.save_figure(
        "reconstructions", plots.image_rows(rows, "reconstructions: mean images at a draw of z")
    )

    print(f"\nELBO of {count} test images, nats")
    for name, bound in bounds.items():
        fitted = fits.get(name)
        steps = f"{fitted.steps.float().mean():8.0f} steps an image" if fitted else ""
        print(f"{name:26}{bound.mean():9.3f}{steps}")
    if log_likelihood is not None:
        print(f"{'log p(x), exact':26}{log_likelihood.mean():9.3f}")
    from_prior, encoder = bounds["fitted from the prior"], bounds["encoder"]
    from_encoder = fits["fitted from the encoder"]
    run.report(
        "A Gaussian of its own gains {amortisation_gap:.3f} nats an image, at most "
        "{largest_amortisation_gap:.3f}."
        + (
            ""
            if log_likelihood is None
            else " Below log p(x) it lies {approximation_gap:.3f} nats."
        )
        + "\nFrom the prior, {share_worse_than_encoder_from_prior:.0%} end below the encoder.",
        images=count,
        elbo={name: bound.mean().item() for name, bound in bounds.items()},
        log_likelihood=None if log_likelihood is None else log_likelihood.mean().item(),
        **{f"{name}_gap": nats for name, nats in gaps(bounds, log_likelihood).items()},
        largest_amortisation_gap=from_encoder.gap.max().item(),
        share_worse_than_encoder_from_prior=(from_prior < encoder - 0.05).float().mean().item(),
        share_converged={name: f.converged.float().mean().item() for name, f in fits.items()},
        failed={name: int(f.failed.sum()) for name, f in fits.items()},
        seconds_an_image={name: value / count for name, value in seconds.items()},
    )
    if options.timing:
        few = encode(data.train.images[: options.timing]).to(vae.device)  # there are more
        together, alone = timing(vae, few, options.rounds)
        run.report(
            "{images_at_once} images at once take {milliseconds_an_image_at_once:.2f} ms each, one "
            "at a time {milliseconds_an_image_alone:.1f} ms: {times_as_fast:.0f} times as fast.",
            images_at_once=len(few),
            milliseconds_an_image_at_once=1e3 * together,
            milliseconds_an_image_alone=1e3 * alone,
            times_as_fast=alone / together,
        )
    run.finish()


if __name__ == "__main__":
    main()
