"""Which likelihood fits grey images best? All of them in the same VAE, in bits per pixel.

Densities of grey values, masses over bins and masses over all levels are compared by an upper bound
on the bits per pixel of the original image. Densities are of dequantised images; a bin's mass is
divided evenly among its levels. Bernoulli likelihoods are not distributions of grey levels, so they
have no bits.

python examples/vae_likelihoods.py
python examples/vae_likelihoods.py --data mnist --download --convolutional --epochs 30 --seeds 2
"""

from dataclasses import replace
from functools import partial
from math import log, nan
from statistics import mean, stdev

import pyro
import torch
from scipy.stats import t
from torch.distributions import kl_divergence

import ppgen
from ppgen import plots
from ppgen.experiments import Experiment, arguments, sized_argument, training_arguments
from ppgen.likelihoods import Density
from ppgen.likelihoods.every import every_likelihood
from ppgen.models import VAE

SHOWN = 10


@torch.no_grad()
def parts_of_the_bound(vae, images, levels):
    """Return bits per pixel for z, spread over all pixels, and for black, grey and white pixels."""
    divergence, bits = [], []
    for grey in images.split(1000):
        x = vae.likelihood.encode(grey, levels).to(vae.device, vae.dtype)
        q = vae.encoded(x)
        divergence.append(kl_divergence(q.base_dist, torch.distributions.Normal(0, 1)).sum(-1))
        p = vae.likelihood.distribution(vae.decoder(q.sample())).base_dist
        bits.append(-(p.log_prob(x).cpu() + vae.likelihood.log_volume(grey, levels)) / log(2))
    bits, latent = torch.cat(bits), torch.cat(divergence).mean().item()
    parts = {"z": latent / (images[0].numel() * log(2))}
    for name, pixels in kinds_of_pixels(images, levels).items():
        parts[name] = bits[pixels].mean().item() if pixels.any() else 0.0
    return parts


def kinds_of_pixels(images, levels):
    black, white = images == 0, images == levels - 1
    return {"black": black, "grey": ~(black | white), "white": white}


def standard_error(values):
    """Return the standard error of the mean over seeds; NaN if there is one seed."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else nan


def print_table(table):
    columns = ("bits", "±", "z", "black", "grey", "white")
    print("\nbits per pixel of the grey image, an upper bound; and their parts by the ELBO:")
    print("on z, spread over all pixels, and on a black, a grey and a white pixel")
    print(f"{'':24}" + "".join(f"{column:>8}" for column in columns))
    for name, row in sorted(table.items(), key=lambda item: item[1].get("bits", float("inf"))):
        numbers = "".join(f"{row[column]:8.3f}" for column in columns) if "bits" in row else ""
        print(f"{name:24}{numbers or '   none: ' + row['none']}")


def verdict(table, shares, seeds):
    """Describe the best likelihood and the pixels on which it gains most over the other kind."""
    ranked = sorted((name for name in table if "bits" in table[name]), key=lambda n: bits(table, n))
    best = ranked[0]
    text = f"Best: {best}, {bits(table, best):.3f} bits per pixel"
    if len(ranked) > 1:
        lead = bits(table, ranked[1]) - bits(table, best)
        error = (table[best]["±"] ** 2 + table[ranked[1]]["±"] ** 2) ** 0.5
        if seeds == 1:
            by, doubt = f"{lead:.3f}", "; one seed gives no error"
        else:
            by, doubt = f"{lead:.3f} ± {error:.3f}", "; chance alone may make such a difference"
            if lead > t.ppf(0.975, 2 * (seeds - 1)) * error:  # two-sided, at 5 %
                doubt = ""
        text += f", {by} fewer than {ranked[1]}, the next{doubt}"
    kind = table[best]["kind"]
    others = [name for name in ranked if table[name]["kind"] != kind]
    if not others:
        return text + "."
    other = table[others[0]]
    gains = {name: shares[name] * (other[name] - table[best][name]) for name in shares}
    gains["z"] = other["z"] - table[best]["z"]
    most = max(gains, key=gains.get)
    listed = ", ".join(f"{name} {gain:+.3f}" for name, gain in gains.items())
    text += (
        f".\nIt is a {kind}. By the ELBO, the best {other['kind']}, {others[0]}, spends "
        f"{sum(gains.values()):.3f} bits per pixel more ({listed}), most of it on "
        f"{'the latents' if most == 'z' else f'{most} pixels, {shares[most]:.0%} of all'}."
    )
    if kind == "mass" and most in ("black", "white"):
        text += (
            f"\nFor a mass can put nearly all probability on the level {most} alone, while a "
            "density has to rise to that height, and keep it, over the whole part of the scale "
            "that the dequantised level fills."
        )
    return text


def bits(table, name):
    return table[name]["bits"]


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=200, quick=5)
    names = list(every_likelihood(2))
    parser.add_argument("--likelihoods", nargs="+", choices=names, default=names, metavar="NAME")
    sized_argument(parser, "--seeds", 3, 2, "runs of each")
    parser.add_argument("--latent", type=int, default=10, help="dimension of z")
    parser.add_argument("--convolutional", action="store_true", help="in place of perceptrons")
    parser.add_argument("--patience", type=int, default=20, help="epochs without a better bound")
    sized_argument(parser, "--particles", 500, 50, "of the bound")
    sized_argument(parser, "--images", 1000, 300, "test images of the bound")
    options = parser.parse_args()
    run = Experiment("vae_likelihoods", options)

    data = replace(run.data, test=run.data.test.spread(options.images))
    test, some = data.test.images, data.test.spread(SHOWN).images
    build = VAE.convolutional if options.convolutional else VAE.mlp
    kind = "convolutional VAE" if options.convolutional else "VAE"
    table, reconstructions, samples, draws = {}, {}, {}, {}
    for name in dict.fromkeys(options.likelihoods):
        runs = []
        for seed in range(options.seed, options.seed + options.seeds):
            pyro.set_rng_seed(seed)
            likelihood = every_likelihood(data.levels)[name]
            encode = partial(likelihood.encode, levels=data.levels)
            vae = build(data.image_shape, options.latent, likelihood=likelihood)
            folder = run.folder / f"{name}_{seed}"
            history = ppgen.fit(
                vae,
                data.train.images,
                data.validation.images,
                transform=encode,
                average=0.999,
                patience=options.patience,
                progress=False,
                **run.fit_options | {"out": folder, "seed": seed},
            )
            chunk = max(1, 20_000 // likelihood.outputs)
            estimate = ppgen.iwae(vae, test, options.particles, transform=encode, chunk=chunk)
            try:
                each = likelihood.bits_per_pixel(estimate.per_example, test, data.levels)
            except ValueError as error:  # it is not a distribution of grey levels
                runs.append(error)
                continue
            bits_a_pixel = each.double().mean().item()
            runs.append({"bits": bits_a_pixel, **parts_of_the_bound(vae, test, data.levels)})
            if seed == options.seed:
                run.result(
                    f"{kind}, {options.latent} latents, {name}",
                    vae,
                    history,
                    estimate,
                    data,
                    how=f"{options.particles} particles, {len(test):,} images",
                    likelihood=likelihood,
                )
        if isinstance(runs[0], ValueError):
            table[name] = {"none": "its log_prob is of binary images, no log-density of grey ones"}
        else:
            columns = {key: [row[key] for row in runs] for key in runs[0]}
            table[name] = {key: mean(values) for key, values in columns.items()}
            table[name]["±"] = standard_error(columns["bits"])
            table[name]["kind"] = "density" if isinstance(likelihood, Density) else "mass"
        reconstructions[name] = ppgen.reconstruct(vae, encode(some), mean=True, seed=0)
        samples[name] = ppgen.sample(vae, SHOWN, mean=True, seed=0)
        draws[name] = likelihood.grey(ppgen.sample(vae, SHOWN, seed=0))
        print(name, "" if "none" in table[name] else f"{bits(table, name):.3f}", flush=True)

    shown = {"test images": some / (data.levels - 1)}
    figures = {"reconstructions": shown | reconstructions, "samples": samples, "draws": draws}
    titles = {
        "reconstructions": "reconstructions: mean images at a draw of z given the image",
        "samples": "samples: mean images at draws of z from the prior",
        "draws": "pixels drawn at the same z: each likelihood has noise of its own",
    }
    for name, rows in figures.items():
        named = {name.replace("_", " "): images for name, images in rows.items()}
        run.save_figure(name, plots.image_rows(named, titles[name]))

    print_table(table)
    print()
    if any("bits" in row for row in table.values()):
        shares = kinds_of_pixels(test, data.levels)
        shares = {name: pixels.float().mean().item() for name, pixels in shares.items()}
        run.report("{verdict}", verdict=verdict(table, shares, options.seeds))
    run.report(
        "These are means over {seeds} seeds, by {particles} particles, on {images} test images.",
        table=table,
        seeds=options.seeds,
        particles=options.particles,
        images=len(test),
    )
    run.finish()


if __name__ == "__main__":
    main()
