"""New data and latents from a fitted program: posterior predictive, posterior, samples, images."""

import math
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from typing import Any, Literal

import torch
from pyro import poutine
from pyro.poutine import Trace
from torch import Tensor, nn

from ppgen.arguments import Seed, Size, checked
from ppgen.data.batch import Data
from ppgen.inference.images import image_site
from ppgen.inference.latent_draws import drawing, outcomes
from ppgen.objectives.elbo import guessed_plates, latent_sites, sample_sites
from ppgen.objectives.plates import RowPlates, Site
from ppgen.objectives.supports import check_support
from ppgen.program import Program, accept
from ppgen.running import evaluating, noting_missing_arguments


@checked
def predict(
    program: Any,
    data: Data,
    draws: Size = 1,
    *,
    rows: Literal["guide", "prior"] = "guide",
    seed: Seed | None = None,
) -> dict[str, Tensor]:
    """Draw new data from the posterior predictive distribution, given the program's arguments.

    Each draw takes the latents that rows share from the guide, a row's own latents from the guide
    or the prior, and draws every observed site from the model. Latents that are summed out are
    drawn given the data, if it holds the outcomes, else from the model.

    Returns a dict of the draws of each observed and each deterministic site, ``(draws, …)``. If the
    program draws a subsample of its rows, the index of the rows is there by the name of the plate.

    Parameters
    ----------
    program
        A fitted program, what :func:`ppgen.as_program` accepts.
    data
        Arguments of the program, as for :func:`ppgen.fit`. Outcomes may be left out, or None, if
        the model and the guide take that.
    draws, seed
        Number of draws and their seed; None: torch's generator.
    rows
        Which distribution draws the latents of a row: ``"guide"``, given the row, or ``"prior"``,
        as those of a new row with the same arguments.

    Raises
    ------
    ValueError
        If the program cannot be run on the data, or a latent is missing from the guide.

    Examples
    --------
    >>> import pyro, pyro.distributions as dist, ppgen
    >>> def model(x, y=None):
    ...     slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    ...     with pyro.plate("data", len(x)):
    ...         pyro.sample("y", dist.Normal(slope * x, 0.1), obs=y)
    >>> program = ppgen.as_program((model, pyro.infer.autoguide.AutoNormal(model)))
    >>> data = {"x": torch.ones(9), "y": torch.ones(9)}
    >>> history = ppgen.fit(program, data, steps=9, progress=False)
    >>> {name: draw.shape for name, draw in predict(program, torch.ones(5), draws=3).items()}
    {'y': torch.Size([3, 5])}
    """
    program = accept(program)
    drawn: dict[str, list[Tensor]] = {}
    with drawing(program, data, seed, rows_from_prior=rows == "prior") as latents:
        for _ in range(draws):
            trace = latents.redraw(latents.draw())
            for name, value in outcomes(trace, latents.missing).items():
                drawn.setdefault(name, []).append(value)
    if not drawn:
        raise ValueError(
            "the model observes nothing but factors, so that nothing can be predicted; "
            "ppgen.posterior draws its latents"
        )
    return {name: torch.stack(values) for name, values in drawn.items()}


class Posterior(dict[str, Tensor]):
    """Draws of latent sites by their names, ``(draws, …)`` each.

    Examples
    --------
    >>> draws = Posterior(slope=torch.randn(100, 3))
    >>> draws["slope"].mean(0).shape
    torch.Size([3])
    >>> Posterior(slope=torch.tensor([1.0, 2.0, 3.0]))
    3 draws; mean ± standard deviation of each site
    slope  ()  2 ± 1
    """

    def __repr__(self) -> str:
        rows = [(name, str(tuple(x.shape[1:])), _summary(x)) for name, x in self.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        count = len(next(iter(self.values()), ()))
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([f"{count} draws; mean ± standard deviation of each site", *lines])

    def to_inferencedata(self) -> Any:
        """Return the draws as ArviZ's ``InferenceData``, as one chain; needs the package arviz."""
        try:
            import arviz
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "to_inferencedata needs the package arviz: pip install 'pyro-ppgen[arviz]'"
            ) from error
        chain = {name: draws.unsqueeze(0).cpu().numpy() for name, draws in self.items()}
        return arviz.from_dict(posterior=chain)


def _summary(draws: Tensor) -> str:
    """Mean and deviation of each entry, or their ranges if there are several entries."""
    mean = draws.double().mean(0)
    deviation = draws.double().std(0) if len(draws) > 1 else torch.full_like(mean, math.nan)
    if mean.numel() == 1:
        return f"{mean.item():.3g} ± {deviation.item():.3g}"
    if not mean.numel():
        return "empty"
    ranges = (f"{x.min().item():.3g} to {x.max().item():.3g}" for x in (mean, deviation))
    return " ± ".join(ranges)


@checked
def posterior(program: Any, data: Data, draws: Size = 1, *, seed: Seed | None = None) -> Posterior:
    """Draw every latent site of the model from the guide, given the data: ``(draws, …)`` each.

    Latents that are summed out are drawn from their exact distribution given the others. Parameters
    and errors are those of :func:`predict`.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> posterior(vae, torch.zeros(5, 1, 8, 8), draws=3)["z"].shape
    torch.Size([3, 5, 2])
    """
    with drawing(accept(program), data, seed) as latents:
        drawn = [latent_sites(latents.draw()) for _ in range(draws)]
    names = [name for name in drawn[0] if name in latents.names]
    return Posterior({n: torch.stack([sites[n]["value"] for sites in drawn]) for n in names})


@checked
def sample(
    program: Any, n: Size, *context: Tensor, mean: bool = False, seed: Seed | None = None
) -> Any:
    """Draw new rows from a fitted model that can run without data.

    Latents that rows share are drawn from the guide, a row's own from the prior. Returns the
    observed site of the model, ``(n, …)``, or a dict of them if there are several.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts. Its model is called as
        ``model(None, *context, n=n)``, or as ``model(n=n)``.
    n, seed
        Number of rows, and the seed of the draws; None: torch's generator.
    context
        Further tensors that the model takes, such as labels, ``n`` rows each; one row, or a
        scalar, serves all.
    mean
        Whether to return the mean of an image given its latents, grey values, instead of a draw.

    Raises
    ------
    ValueError
        If ``n`` is below 1, or the model cannot run without data: use :func:`predict`.
    NotImplementedError
        If the mean is asked for and has no closed form.

    Examples
    --------
    >>> import ppgen
    >>> sample(ppgen.models.VAE.mlp((1, 8, 8), latent=2), 16).shape
    torch.Size([16, 1, 8, 8])
    """
    program = accept(program)
    context = tuple(_rows(f"context[{i}]", t, n, program) for i, t in enumerate(context))
    parts = program.model, program.guide
    taken = [_parameters(given) for given in getattr(program, "_callables", parts)]
    any_keyword = any(p.kind is Parameter.VAR_KEYWORD for p in taken[0].values())
    if "n" not in taken[0] and not any_keyword:
        raise ValueError(
            "the model takes no number of rows n, so that it cannot be run without data; expected "
            "the form model(x=None, *, n=1), or use ppgen.predict(program, data)"
        )
    model, guide = (_without_data(part, names) for part, names in zip(parts, taken, strict=True))
    missing = "sample takes the further arguments of the model after n, with n rows each"
    with evaluating(program, seed), noting_missing_arguments(missing):
        trace = poutine.trace(model).get_trace(n, *context)
        plates = _row_plates(model, n, context, trace)
        shared = [
            name
            for name, site in latent_sites(trace).items()
            if not plates.holds(site) and name not in program.observed
        ]
        if shared:
            shared_alone = poutine.block(guide, expose=shared)
            try:
                latents = poutine.trace(shared_alone).get_trace(n, *context)
            except (TypeError, AttributeError, ValueError, RuntimeError) as error:
                raise ValueError(
                    f"the latent sites {', '.join(shared)} are shared by all rows, and the guide "
                    f"cannot draw them without data ({error}); use ppgen.predict(program, data, "
                    "rows='prior')"
                ) from error
            trace = poutine.trace(poutine.replay(model, trace=latents)).get_trace(n, *context)
        names = [name for name in program.observed if name in trace.nodes]
        if mean or len(names) < 2:
            return _image(program, image_site(program, trace, names), mean)
        return {name: trace.nodes[name]["value"] for name in names}


@checked
def reconstruct(
    program: Any, x: Tensor, *context: Tensor, mean: bool = False, seed: Seed | None = None
) -> Tensor:
    """Draw latents of given images from the guide, and images from the model at those latents.

    Parameters and errors are those of :func:`sample`, but for ``x``: images
    ``(batch, channel, height, width)``, the first argument of the program. The result has the same
    shape. Images outside the support of their site, and a guide that leaves a latent out, raise a
    ValueError.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> reconstruct(vae, torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 8, 8])
    """
    program = accept(program)
    with drawing(program, (x, *context), seed) as draws:
        latents, batch = draws.draw(), draws.batch
        replayed = poutine.replay(program.model, trace=latents)
        seen = image_site(program, poutine.trace(replayed).get_trace(*batch.args))
        check_support(seen["name"], seen["fn"], batch[0])
        return _image(program, draws.redraw(latents).nodes[seen["name"]], mean)


def _rows(name: str, tensor: Tensor, n: int, program: Program) -> Tensor:
    """Return n rows of a tensor that has as many, or one that serves all."""
    if tensor.dim() == 0 or len(tensor) == 1:
        tensor = tensor.expand(n, *tensor.shape[1:])
    if len(tensor) != n:
        raise ValueError(
            f"{name} has the shape {tuple(tensor.shape)}; expected {n} rows, as n is {n}, or one "
            "that serves all"
        )
    return tensor.to(program.device)


def _parameters(given: Any) -> Mapping[str, Parameter]:
    """Return the parameters that a callable takes; none if it does not say."""
    if isinstance(given, nn.Module):
        given = given.forward
    try:
        return signature(given).parameters
    except (TypeError, ValueError):
        return {}


def _without_data(part: Callable[..., Any], names: Iterable[str]) -> Callable[..., Any]:
    """Return a function of n and context that calls a program without data."""

    def call(n: int, *context: Tensor) -> Any:
        args = (None, *context) if context or next(iter(names), "n") != "n" else ()
        return part(*args, n=n)

    return call


def _row_plates(
    model: Callable[..., Any], n: int, context: tuple[Tensor, ...], trace: Trace
) -> RowPlates:
    """Find the plates that follow the number of rows."""
    few = n // 2 if context else n + 1
    if few < 2:  # a single row may be broadcast silently
        return guessed_plates(trace, n)
    other = poutine.trace(model).get_trace(few, *(tensor[:few] for tensor in context))
    names = [
        {f.name for s in sample_sites(t).values() for f in s["cond_indep_stack"] if f.size == size}
        for t, size in ((trace, n), (other, few))
    ]
    return RowPlates(frozenset(names[0] & names[1]))


def _image(program: Program, site: Site, mean: bool) -> Tensor:
    """Return the draw at a site, or the mean of its distribution as an image."""
    if not mean:
        return site["value"]
    try:
        return program.image(site["fn"])
    except NotImplementedError as error:
        raise NotImplementedError(
            f"the distribution {type(site['fn']).__name__} at the site {site['name']!r} has no "
            "mean in closed form; expected mean=False, which returns a draw"
        ) from error
