"""Probabilistic PCA of faces: closed form, samples, completions, missing pixels and SVI.

python examples/ppca_faces.py
python examples/ppca_faces.py --data olivetti
python examples/ppca_faces.py --data mnist --download --latent 32
"""

from functools import partial

import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen import plots
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.models import PPCA
from ppgen.models.principal_axes import PrincipalAxes


def scatter_3d(z, labels, title):
    """Plot three latents, coloured by label."""
    figure = plots.Figure((6, 5.5))
    names = {f"{axis}label": f"$z_{i}$" for i, axis in enumerate("xyz", 1)}
    axes = figure.add_subplot(projection="3d", title=title, **names)
    axes.set_box_aspect(None, zoom=0.9)
    colours = {} if labels is None else {"c": labels, "cmap": "turbo"}
    axes.scatter(*z.T, s=15, depthshade=False, **colours)
    return figure


def missing_pixels(train, held_out, dimensions, iterations):
    """Return held-out mean log-likelihoods by dimension, fitted with 30 % of pixels missing."""
    observed = torch.rand(train.shape) < 0.7
    means = (train * observed).sum(0) / observed.sum(0).clamp(min=1)
    imputed = train.where(observed, means)
    found = {"EM": [], "mean imputation": []}
    for latent in dimensions:
        ppca = PPCA.from_images(imputed, latent)
        found["mean imputation"].append(ppca.log_likelihood(held_out).mean().item())
        ppca.fit_em(train, observed, iterations=iterations, tolerance=0.1, warm_start=True)
        found["EM"].append(ppca.log_likelihood(held_out).mean().item())
    return found


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=1000, quick=500)
    parser.add_argument("--latent", type=int, default=16, help="dimension of z in SVI")
    parser.set_defaults(data="faces")
    options = parser.parse_args()
    run = Experiment("ppca_faces", options)

    data = run.data
    train, validation, test = (
        part.images.double() / (data.levels - 1)
        for part in (data.train, data.validation, data.test)
    )

    # Dimension: one eigendecomposition yields all closed forms and their held-out likelihoods.
    axes = PrincipalAxes.from_images(train)
    held_out, fitted = axes.log_likelihood(validation), axes.log_likelihood(train)
    latent = max(2, held_out.argmax().item())
    dimensions = list(range(len(held_out)))
    lines = {"training": (dimensions, fitted.tolist()), "held out": (dimensions, held_out.tolist())}
    figure = plots.curves(lines, "mean log p(x), nats an image", xlabel="latent dimensions")
    figure.axes[0].axvline(latent, color="grey", linestyle="--")
    gain = (held_out.max() - held_out[0]).item()
    low, high = held_out[0].item() - 0.1 * gain, held_out.max().item() + gain
    title = f"{latent} dimensions are best for images that were held out"
    figure.axes[0].set(title=title, ylim=(low, high))
    run.save_figure("dimension", figure)

    shown = train[torch.linspace(0, len(train) - 1, 25).long()]
    labels = None if data.train.labels is None else data.train.labels[:2000]
    title = "posterior means of training images"
    reconstructions = {"images": shown}
    for d in (2, 3, 16, 32, 64):
        if d < len(axes.variances):
            ppca = PPCA.from_images(train, d)
            if d < 4:
                with torch.no_grad():
                    z = ppca.posterior(train[:2000]).mean
                scatter = scatter_3d if d == 3 else plots.scatter
                run.save_figure(f"latents_{d}d", scatter(z, labels, title=title))
            else:
                reconstructed = ppca.decode(ppca.posterior(shown).mean)
                reconstructions[f"d = {d}"] = reconstructed
    title = "the more dimensions, the closer the reconstructions"
    run.save_figure("reconstructions", plots.image_grids(reconstructions, title=title))

    # The chosen model: new faces, walks along the latent dimensions, and completions.
    ppca = PPCA.from_images(train, latent)
    new = ppgen.sample(ppca, 100, mean=True, seed=options.seed)
    run.save_figure(
        "new_images", plots.image_grid(new, title=f"100 new images E[x | z], d = {latent}")
    )

    face, offsets = ppca.posterior(train[:1]).mean[0], torch.linspace(-3, 3, 7)
    walks = ppca.walk(face, offsets)[:12]
    rows = {f"$z_{{{number}}}$": walk for number, walk in enumerate(walks, 1)}
    title = "a face, with one latent moved from −3 to 3"
    run.save_figure("walks", plots.image_rows(rows, title))

    left = torch.arange(test.shape[-1]) < test.shape[-1] // 2
    observed = left.expand(data.image_shape)
    cases = test[torch.linspace(0, len(test) - 1, 9).long()]
    grids = {
        "test images": cases,
        "left half": cases.where(observed, torch.nan),
        "conditional mean": ppca.complete(cases, observed, mean=True),
        "conditional draw": ppca.complete(cases, observed),
    }
    title = "right halves, given the left ones"
    run.save_figure("completions", plots.image_grids(grids, title=title))

    # Training with 30 % of the pixels missing: EM, and the closed form after mean imputation. Then
    # maximum likelihood overfits at fewer dimensions; imputed means regularise it.
    subset, few = train[:1000], [1, 2, 4, 6, 8, 12, 16]
    missing = missing_pixels(subset, validation, few, iterations=5 if options.quick else 50)
    complete = PrincipalAxes.from_images(subset).log_likelihood(validation)[few]
    lines = {name: (few, values) for name, values in missing.items()}
    lines["nothing missing"] = (few, complete.tolist())
    figure = plots.curves(lines, "held-out log p(x), nats an image", xlabel="latent dimensions")
    figure.axes[0].set(title="30 % of the pixels missing: EM beats mean imputation")
    run.save_figure("missing_pixels", figure)

    # SVI on model and guide reaches the closed form. All images are one batch: an epoch is a step.
    svi = PPCA(data.image_shape, options.latent).double()
    best = PPCA.from_images(subset, options.latent).log_likelihood(subset).mean().item()
    history = ppgen.fit(
        svi,
        subset,
        batch_size=len(subset),
        optimizer=partial(Adam, lr=1e-2),
        scheduler=partial(CosineAnnealingLR, T_max=options.epochs),
        **run.fit_options,
    )
    epochs, elbo = history.column("elbo")
    ends = ([epochs[0], epochs[-1]], [best, best])
    figure = plots.curves({"SVI": (epochs, elbo), "closed form": ends}, "ELBO, nats an image")
    isotropic = PrincipalAxes.from_images(subset).log_likelihood(subset)[0].item()
    bounds = (isotropic, best + 0.1 * (best - isotropic))
    figure.axes[0].set(title="SVI comes near the closed form", ylim=bounds)
    run.save_figure("svi", figure)

    run.report(
        "Log-likelihood, nats an image. With {chosen_latent} dimensions: "
        "{held_out_log_likelihood:.1f} held out, {test_log_likelihood:.1f} test.\n"
        "With 30 % of the pixels missing, held out: {held_out_log_likelihood_em:.1f} by EM, "
        "{held_out_log_likelihood_mean_imputation:.1f} after mean imputation.\n"
        f"With {options.latent} dimensions: {{closed_form_log_likelihood:.1f}} in closed form, "
        "{svi_log_likelihood:.1f} by SVI, whose ELBO is {svi_elbo:.1f}; "
        "{isotropic_log_likelihood:.1f} with none.",
        chosen_latent=latent,
        held_out_log_likelihood=held_out[latent].item(),
        test_log_likelihood=ppca.log_likelihood(test).mean().item(),
        held_out_log_likelihood_em=max(missing["EM"]),
        held_out_log_likelihood_mean_imputation=max(missing["mean imputation"]),
        isotropic_log_likelihood=isotropic,
        closed_form_log_likelihood=best,
        svi_log_likelihood=svi.log_likelihood(subset.to(svi.device)).mean().item(),
        svi_elbo=ppgen.elbo(svi, subset).mean,
        history=history.to_list(),
    )
    run.finish()


if __name__ == "__main__":
    main()
