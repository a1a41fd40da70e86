"""New rows from a fitted model, and reconstructions of images."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any

from pyro import poutine
from pyro.poutine import Trace
from torch import Tensor

from ppgen.arguments import check_size
from ppgen.inference.images import image_of, image_site
from ppgen.inference.latent_draws import drawing
from ppgen.objectives.elbo import guessed_plates, latent_sites, sample_sites
from ppgen.objectives.plates import RowPlates
from ppgen.objectives.supports import check_support
from ppgen.program import Program, accept
from ppgen.running import evaluating


def sample(
    program: Any, n: int, *context: Tensor, mean: bool = False, seed: int | None = None
) -> Any:
    """Draw new rows from a fitted model that can run without data.

    Latents that rows share are drawn from the guide, a row's own from the prior.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts. Its model is called as
        ``model(None, *context, n=n)``, or as ``model(n=n)``.
    n
        Number of rows.
    context
        Further tensors that the model takes, such as labels, ``n`` rows each.
    mean
        Whether to return the mean of an image given its latents, grey values, instead of a draw.
    seed
        Seed of the draws; None: torch's generator.

    Returns
    -------
    Tensor or dict
        The observed site of the model, ``(n, …)``, or a dict of them if there are several.

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
    check_size("n", n)
    program = accept(program)
    context = tuple(tensor.to(program.device) for tensor in context)
    with evaluating(program, seed):
        model, guide = _without_data(program, program.model), _without_data(program, program.guide)
        trace = poutine.trace(model).get_trace(n, *context)
        shared = _shared_latents(program, model, n, context, trace)
        if shared:
            try:
                drawn = poutine.trace(guide).get_trace(n, *context)
            except (TypeError, AttributeError, ValueError, RuntimeError) as error:
                raise ValueError(
                    f"the latent sites {', '.join(shared)} are shared by all rows, and the guide "
                    f"cannot draw them without data ({error}); use ppgen.predict(program, data, "
                    "rows='prior')"
                ) from error
            latents = Trace()
            for name in shared:
                if name in drawn.nodes:
                    latents.add_node(name, **drawn.nodes[name])
            trace = poutine.trace(poutine.replay(model, trace=latents)).get_trace(n, *context)
        names = [name for name in program.observed if name in trace.nodes]
        if mean or len(names) < 2:
            site = image_site(program, trace, names)
            return image_of(program, site, mean)
        return {name: trace.nodes[name]["value"] for name in names}


def _without_data(program: Program, part: Any) -> Any:
    """Return a function of n and context that calls a program without data."""
    callables = getattr(program, "_callables", None)
    original = part if callables is None else callables[part == program.guide]
    taken: Mapping[str, Parameter] = {}
    if original is not None:
        try:
            taken = signature(original).parameters
        except (TypeError, ValueError):
            taken = {}
    any_keyword = any(p.kind is Parameter.VAR_KEYWORD for p in taken.values())
    if part == program.model and "n" not in taken and not any_keyword:
        raise ValueError(
            "the model takes no number of rows n, so that it cannot be run without data; expected "
            "the form model(x=None, *, n=1), or use ppgen.predict(program, data)"
        )

    def call(n: int, *context: Tensor) -> Any:
        args = (None, *context) if context or next(iter(taken), "n") != "n" else ()
        return part(*args, n=n)

    return call


def _shared_latents(
    program: Program, model: Any, n: int, context: tuple[Tensor, ...], trace: Trace
) -> list[str]:
    """Return the names of latent sites that do not follow the number of rows."""
    few = n // 2 if context else n + 1
    if few < 1:
        plates = guessed_plates(trace, n)
    else:
        other = poutine.trace(model).get_trace(few, *(tensor[:few] for tensor in context))
        sizes = {
            f.name: f.size for s in sample_sites(other).values() for f in s["cond_indep_stack"]
        }
        frames = [f for s in sample_sites(trace).values() for f in s["cond_indep_stack"]]
        names = {f.name for f in frames if f.size == n and sizes.get(f.name) == few}
        plates = RowPlates(frozenset(names))
    return [
        name
        for name, site in latent_sites(trace).items()
        if not plates.holds(site) and name not in program.observed
    ]


def reconstruct(
    program: Any, x: Tensor, *context: Tensor, mean: bool = False, seed: int | None = None
) -> Tensor:
    """Draw latents of given images from the guide, and images from the model at those latents.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts; it observes images, the first argument.
    x
        Images ``(batch, channel, height, width)``.
    context
        Further tensors that model and guide take.
    mean
        Whether to return the mean of the pixels given the latents, grey values, instead of a draw.
    seed
        Seed of the draws; None: torch's generator.

    Returns
    -------
    Tensor
        ``(batch, channel, height, width)``.

    Raises
    ------
    ValueError
        If the program has no site of images, they lie outside its support, or the guide leaves a
        latent out.
    NotImplementedError
        If the mean is asked for and has no closed form.

    Examples
    --------
    >>> import ppgen, torch
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
        return image_of(program, draws.redraw(latents).nodes[seen["name"]], mean)
