r"""The latent space of a VAE: positions of classes, interpolations, and active dimensions.

One VAE has two latents, which are plotted directly; another has more, which are plotted by their
principal components.

python examples/latent_space.py
python examples/latent_space.py --data mnist --download --convolutional --latent 20 \
    --interpolation spherical
"""

from functools import partial

import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F

import ppgen
from ppgen import plots
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.likelihoods.every import every_likelihood
from ppgen.models import VAE

POINTS = 1000
ACTIVE = 0.01


def active_units(means, threshold=ACTIVE):
    """Tell which latent dimensions say something about the images, ``(latent,)``.

    A dimension is active if the posterior's mean, ``(images, latent)``, varies over the images with
    a variance above the threshold; one that the model ignores has the prior's mean for every image
    (Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders, section 5.2).
    """
    return means.var(0) > threshold


def slerp(start, end, weight):
    """Interpolate spherically: along an arc about the origin, where ``torch.lerp`` takes the chord.

    sin((1 − w) θ) / sin θ · start + sin(w θ) / sin θ · end, with θ the angle between the two
    (Shoemake 1985, Animating rotation with quaternion curves, section 3.3). In many dimensions all
    draws from a standard Gaussian have nearly the same length; the arc keeps it, while the middle
    of the chord is shorter than nearly all of them (White 2016, Sampling generative networks).
    If both lie on one line through the origin, or one of them is zero, the way is the chord.
    Vectors are ``(*batch, latent)``; the weight broadcasts to them.
    """
    weight = torch.as_tensor(weight, dtype=start.dtype, device=start.device)
    x, y = F.normalize(start, dim=-1), F.normalize(end, dim=-1)
    # Near 0 and π, where the cosine is flat, this keeps all digits of the angle.
    angle = 2 * torch.atan2((x - y).norm(dim=-1, keepdim=True), (x + y).norm(dim=-1, keepdim=True))
    sine = angle.sin()
    # Beyond, rounding would be larger than the bend of the arc; and zero has no direction.
    directed = torch.minimum(x.norm(dim=-1, keepdim=True), y.norm(dim=-1, keepdim=True)) > 0.5
    bent = directed & (sine > torch.finfo(start.dtype).eps ** 0.5)
    sine = torch.where(bent, sine, 1)  # or the arc, where it is not taken, makes gradients NaN
    arc = (((1 - weight) * angle).sin() * start + (weight * angle).sin() * end) / sine
    return torch.where(bent, arc, torch.lerp(start, end, weight))


INTERPOLATIONS = {"linear": torch.lerp, "spherical": slerp}


def encode_all(vae, x):
    """Return means and standard deviations of q(z | x), ``(images, latent)`` each."""
    with torch.no_grad():
        parts = [vae.encode(some.to(vae.device)) for some in x.split(1000)]
    return tuple(torch.cat(part).cpu() for part in zip(*parts, strict=True))


def neighbours_agree(train, test):
    """Return the share of test points whose nearest training point has the same label."""
    return float(KNeighborsClassifier(1).fit(*train).score(*test))


def pairs(part, rows):
    """Return pairs of images to interpolate between, of different classes if there are labels."""
    half = len(part) // 2  # some sets are sorted by class
    starts = torch.linspace(0, half - 1, rows).long()
    ends = starts + half
    if part.labels is not None and len(part.labels.unique()) > 1:
        for row, start in enumerate(starts):
            while part.labels[ends[row]] == part.labels[start]:
                ends[row] = (ends[row] + 1) % len(part)
    return starts, ends


@torch.no_grad()
def interpolations(vae, x, starts, ends, way, steps, draw):
    """Return rows of images: start, decoded latents on the way, and end."""
    x = x.to(vae.device, vae.dtype)
    z, z_end = vae.encoded(x[starts]).sample(), vae.encoded(x[ends]).sample()
    weights = torch.linspace(0, 1, steps, device=x.device).view(-1, 1, 1)
    p = vae.likelihood.distribution(vae.decoder(way(z, z_end, weights)))
    between = vae.grey(p.sample()) if draw else vae.image(p)
    return torch.cat([vae.grey(x[None, starts]), between, vae.grey(x[None, ends])])


def activity(means_of):
    """Plot the variance of each dimension's posterior means, largest first."""
    figure = plots.Figure((7, 4))
    figure.suptitle("latent dimensions that say something about the images")
    panels = figure.subplots(1, len(means_of), sharey=True, squeeze=False)[0]
    for axes, (name, means) in zip(panels, means_of.items(), strict=True):
        variances = means.var(0).sort(descending=True).values.numpy()
        axes.bar(range(1, len(variances) + 1), variances)
        axes.axhline(ACTIVE, color="grey", linestyle="--", label=f"active above {ACTIVE}")
        axes.set(
            yscale="log", ylim=(ACTIVE / 10, 2), xlabel="latent dimension, by variance", title=name
        )
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_ylabel("variance of the posterior mean")
    figure.legend(handles=panels[0].lines, loc="outside lower center", frameon=False)
    return figure


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=200, quick=40)
    parser.add_argument("--latent", type=int, default=10, help="dimension of the second z")
    parser.add_argument("--likelihood", choices=every_likelihood(2), default="soft_bernoulli")
    parser.add_argument("--convolutional", action="store_true", help="in place of perceptrons")
    parser.add_argument("--patience", type=int, default=30, help="epochs without a better bound")
    parser.add_argument("--interpolation", choices=INTERPOLATIONS, default="linear")
    parser.add_argument("--rows", type=int, default=8, help="pairs of images to interpolate")
    parser.add_argument("--steps", type=int, default=9, help="images between the two of a pair")
    options = parser.parse_args()
    if options.latent < 3:
        parser.error(f"--latent is {options.latent}; expected 3 or more, for the first z has 2")
    run = Experiment("latent_space", options)

    data = run.data
    build = VAE.convolutional if options.convolutional else VAE.mlp
    likelihood = every_likelihood(data.levels)[options.likelihood]
    encode = partial(likelihood.encode, levels=data.levels)
    x, labels = encode(data.test.images), data.test.labels
    points = data.test.spread(POINTS)

    test_means = {}
    for latent in (2, options.latent):
        name = f"K = {latent}"
        vae = build(data.image_shape, latent, likelihood=likelihood)
        ppgen.fit(
            vae,
            data.train.images,
            data.validation.images,
            transform=encode,
            average=0.999,
            patience=options.patience,
            **run.fit_options | {"out": run.folder / f"latent_{latent}"},
        )
        means, scales = encode_all(vae, x)
        test_means[name] = means
        numbers = {
            "test_elbo": ppgen.elbo(vae, x).mean,
            "active_units": int(active_units(means).sum()),
            "mean_posterior_scale": scales.mean().item(),
        }
        if labels is not None:
            train_means, _ = encode_all(vae, encode(data.train.images))
            train = (train_means, data.train.labels)
            numbers["nearest_neighbours_agree"] = neighbours_agree(train, (means, labels))
        said = (
            "{test_elbo:.2f} nats an image, {active_units} active dimensions, posteriors "
            "{mean_posterior_scale:.2f} wide on average"
        )
        if labels is not None:
            said += "; {nearest_neighbours_agree:.0%} of nearest neighbours have the same class"
        run.report(f"{name}: {said.format_map(numbers)}.", **{f"latent_{latent}": numbers})
        if latent == 2:
            shown, _ = encode_all(vae, encode(points.images))
            title = "latent means of the classes, which were not given"
            run.save_figure("scatter", plots.scatter(shown, points.labels, title=title))
            title = "mean images over the plane of the two latents"
            figure = plots.manifold(vae.decode, 2, device=vae.device, title=title)
            run.save_figure("manifold", figure)

    pca = PCA(2).fit(means)
    shares = pca.explained_variance_ratio_
    axis_names = [
        f"component {n + 1}, {share:.0%} of the variance" for n, share in enumerate(shares)
    ]
    shown, _ = encode_all(vae, encode(points.images))
    projected = torch.as_tensor(pca.transform(shown))
    title = f"two principal components of {options.latent} latents"
    figure = plots.scatter(projected, points.labels, *axis_names, title=title)
    run.save_figure("scatter_pca", figure)
    run.save_figure("activity", activity(test_means))

    starts, ends = pairs(data.test, options.rows)
    way = INTERPOLATIONS[options.interpolation]
    for name, draw in {"interpolations": False, "interpolations_drawn": True}.items():
        what = "pixels drawn on the way" if draw else "mean images on the way"
        title = f"{what}, {options.interpolation} in z, from a test image to another"
        rows = interpolations(vae, x, starts, ends, way, options.steps, draw)
        across = rows.transpose(0, 1).flatten(0, 1)
        run.save_figure(name, plots.image_grid(across, options.steps + 2, title))
    run.report(
        "Two principal components have {share_of_variance_in_two_components:.0%} of the variance.",
        share_of_variance_in_two_components=float(shares.sum()),
    )
    run.finish()


if __name__ == "__main__":
    main()
