"""How good is a bound on log p(x)? Three estimates against the truth, and against each other.

Plain Monte Carlo averages p(x | z) over draws from the prior. If x carries I nats of information
on z, only one draw in e^I hits the posterior, so it needs about e^I draws; I grows with the
dimensions of z. Importance weights correct the draws of a guide, and need e to the power of the
guide's divergence from the posterior. Annealed importance sampling needs no guide: its chains move
from the prior to the posterior.

If decoder and noise are linear and Gaussian, log p(x) is known. There the guide is the best
Gaussian without correlations, and a random rotation of z, which does not change p(x), correlates
the posterior.

python examples/how_good_is_the_bound.py
python examples/how_good_is_the_bound.py --data mnist --download --latents 2 10 50 --epochs 20
"""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from torch.distributions import kl_divergence

import ppgen
from ppgen.experiments import Experiment, arguments, sized_argument, training_arguments
from ppgen.inference import ais
from ppgen.likelihoods import Gaussian
from ppgen.models import PPCA, VAE
from ppgen.plots import Figure


@torch.no_grad()
def linear_gaussian(images, latent):
    """Return PPCA in closed form with latents rotated at random."""
    ppca = PPCA.from_images(images, latent)
    rotation = torch.linalg.qr(torch.randn(latent, latent)).Q
    ppca.loadings.copy_(torch.tensordot(rotation, ppca.loadings, 1))
    return ppca


def without_correlations(ppca):
    """Return the model with the best diagonal Gaussians as its guide.

    Their variances are the inverse diagonal of the posterior's precision (Bishop 2006, Pattern
    recognition and machine learning, equation 10.15).
    """

    def guide(x):
        posterior = ppca.posterior(x)
        scale = posterior.precision_matrix.diagonal(dim1=-2, dim2=-1).rsqrt()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(posterior.mean, scale).to_event(1))

    return ppca.model, guide


@torch.no_grad()
def truth(ppca, x):
    """Return exact log p(x) and the information KL(p(z | x) || p(z)), ``(images,)`` each, nats."""
    posterior, zero = ppca.posterior(x), x.new_zeros(ppca.latent)
    prior = dist.MultivariateNormal(zero, torch.eye(ppca.latent).to(x))
    return ppca.log_likelihood(x).cpu(), kl_divergence(posterior, prior).cpu()


def estimates(program, x, particles, chains, temperatures):
    """Return three estimates of each image's log p(x), by their number of draws or chains."""
    ways = {
        "Monte Carlo from the prior": (partial(ppgen.iwae, proposal="prior"), particles),
        "importance weights of the guide": (ppgen.iwae, particles),
        f"annealing, {temperatures} temperatures": (
            partial(ais, temperatures=temperatures),
            chains,
        ),
    }
    return {
        name: {number: estimate(program, x, number).per_example for number in numbers}
        for name, (estimate, numbers) in ways.items()
    }


def draw(columns):
    """Plot mean estimates, and below them their errors if the truth is known."""
    figure = Figure((3.2 * len(columns) + 1, 7))
    figure.suptitle("plain Monte Carlo falls below the frame as z grows; the others come close")
    panels = figure.subplots(2, len(columns), sharex=True, squeeze=False)
    for (above, below), (title, found, exact) in zip(panels.T, columns, strict=True):
        ends, most = [], -math.inf
        for name, by_number in found.items():
            numbers = list(by_number)
            means = [each.mean().item() for each in by_number.values()]
            above.plot(numbers, means, marker=".", label=name)
            ends.append(means[-1])
            most = max(most, *means)
            if exact is not None:
                errors = [(each - exact).abs().mean().item() for each in by_number.values()]
                below.plot(numbers, errors, marker=".")
        bottom = sorted(ends)[1]  # what is far below the others leaves the frame
        above.set_ylim(bottom - 0.3 * (most - bottom) - 1, most + 0.1 * (most - bottom) + 1)
        above.set(title=title, xscale="log")
        below.set(yscale="log", xlabel="draws or chains of an image")
        if exact is None:
            below.set_axis_off()
            above.set_xlabel("draws or chains of an image")
            above.tick_params(labelbottom=True)
        else:
            above.axhline(exact.mean().item(), color="black", linestyle="--", label="exact")
    panels[0, 0].set_ylabel("mean estimate of log p(x), nats")
    panels[1, 0].set_ylabel("mean error of an image, nats")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=100, quick=20)
    parser.add_argument(
        "--latents", type=int, nargs="+", default=[2, 10, 20], help="K of the linear models"
    )
    parser.add_argument("--latent", type=int, default=10, help="K of the VAE")
    sized_argument(parser, "--images", 100, 20, "test images")
    sized_argument(parser, "--temperatures", 1000, 50)
    options = parser.parse_args()
    run = Experiment("how_good_is_the_bound", options)

    data, quick = run.data, options.quick
    part = data.test.spread(options.images)
    settings = {
        "particles": [1, 10, 100, 1000, *([] if quick else [10_000])],
        "chains": [1, 10] if quick else [1, 3, 10],
        "temperatures": options.temperatures,
    }
    columns, table = [], {}
    grey = partial(Gaussian().encode, levels=data.levels)
    images, x = grey(data.train.images), grey(part.images)
    for latent in options.latents:
        ppca = linear_gaussian(images, latent)
        exact, information = truth(ppca, x)
        found = estimates(without_correlations(ppca), x, **settings)
        columns.append((f"linear-Gaussian, K = {latent}", found, exact))
        table[latent] = {
            "exact": exact.mean().item(),
            "nats of z in x": information.mean().item(),
            **{
                name: {number: (each - exact).mean().item() for number, each in by_number.items()}
                for name, by_number in found.items()
            },
        }
        print(f"\nK = {latent}: log p(x) = {exact.mean():.2f}; x tells", end=" ")
        print(f"{information.mean():.1f} nats of z, so that the prior needs about", end=" ")
        print(f"e^{information.mean():.0f} = {information.mean().exp():.0e} draws")
        for name, by_number in found.items():
            number, each = list(by_number.items())[-1]
            error = each - exact
            print(f"  {name} of {number}: {error.mean():+.3f} on average,", end=" ")
            print(f"{error.abs().max():.3f} at worst")

    vae = VAE.mlp(data.image_shape, options.latent)
    encode = partial(vae.likelihood.encode, levels=data.levels)
    ppgen.fit(
        vae,
        data.train.images,
        data.validation.images,
        transform=encode,
        average=0.999,
        **run.fit_options,
    )
    x = encode(part.images)
    found = estimates(vae, x, **settings)
    columns.append((f"VAE, K = {options.latent}", found, None))
    run.save_figure("bounds", draw(columns))
    bound = ppgen.elbo(vae, x, particles=100)
    print(f"\nVAE, K = {options.latent}: ELBO {bound.mean:.2f}")
    for name, by_number in found.items():
        print(f"  {name}: " + ", ".join(f"{each.mean():.2f}" for each in by_number.values()))
    run.report(
        "All numbers are means over {images} test images.",
        images=len(part),
        linear_gaussian=table,
        vae_elbo=bound.mean,
        vae={
            name: {number: each.mean().item() for number, each in by_number.items()}
            for name, by_number in found.items()
        },
    )
    run.finish()


if __name__ == "__main__":
    main()
