"""The posterior predictive distribution, and the posterior, of a fitted program."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from ppgen.arguments import check_size
from ppgen.data.batches import Data
from ppgen.inference.latent_draws import drawing, outcomes
from ppgen.objectives.elbo import latent_sites
from ppgen.program import accept


def predict(
    program: Any,
    data: Data,
    draws: int = 1,
    *,
    rows: Literal["guide", "prior"] = "guide",
    seed: int | None = None,
) -> dict[str, Tensor]:
    """Draw new data from the posterior predictive distribution, given the program's arguments.

    Each draw takes the latents that rows share from the guide, a row's own latents from the guide
    or the prior, and draws every observed site from the model. Latents that are summed out are
    drawn given the data, if it holds the outcomes, else from the model.

    Parameters
    ----------
    program
        A fitted program, what :func:`ppgen.as_program` accepts.
    data
        Arguments of the program, as for :func:`ppgen.fit`. Outcomes may be left out, or None, if
        the model and the guide take that.
    draws
        Number of draws.
    rows
        Which distribution draws the latents of a row: ``"guide"``, given the row, or ``"prior"``,
        as those of a new row with the same arguments.
    seed
        Seed of the draws; None: torch's generator.

    Returns
    -------
    dict
        Draws of each observed and each deterministic site, ``(draws, …)``. If the program draws a
        subsample of its rows, the index of the rows is there by the name of the plate.

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
    check_size("draws", draws)
    if rows not in ("guide", "prior"):
        raise ValueError(f"rows is {rows!r}; expected 'guide' or 'prior'")
    program = accept(program)
    drawn: dict[str, list[Tensor]] = {}
    with drawing(program, data, seed, rows_from_prior=rows == "prior") as latents:
        for _ in range(draws):
            trace = latents.redraw(latents.draw())
            for name, value in outcomes(trace, latents.left_out).items():
                drawn.setdefault(name, []).append(value)
    if not drawn:
        raise ValueError(
            "the model observes nothing but factors, so that nothing can be predicted; "
            "ppgen.posterior draws its latents"
        )
    return {name: torch.stack(values) for name, values in drawn.items()}


class Posterior(dict[str, Tensor]):
    """Draws of latent sites by their names, ``(draws, …)`` each."""

    def to_inferencedata(self) -> Any:
        """Return the draws as ArviZ's ``InferenceData``, as one chain.

        Raises
        ------
        ModuleNotFoundError
            If ArviZ is not installed.
        """
        try:
            import arviz
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "to_inferencedata needs the package arviz: pip install 'ppgen[arviz]'"
            ) from error
        chain = {name: draws.unsqueeze(0).cpu().numpy() for name, draws in self.items()}
        return arviz.from_dict(posterior=chain)


def posterior(program: Any, data: Data, draws: int = 1, *, seed: int | None = None) -> Posterior:
    """Draw every latent site of the model from the guide, given the data.

    Latents that are summed out are drawn from their exact distribution given the others.

    Parameters
    ----------
    program, data, draws, seed
        As for :func:`predict`.

    Returns
    -------
    Posterior
        A dict of draws of each latent site, ``(draws, …)``.

    Raises
    ------
    ValueError
        As for :func:`predict`.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> posterior(vae, torch.zeros(5, 1, 8, 8), draws=3)["z"].shape
    torch.Size([3, 5, 2])
    """
    check_size("draws", draws)
    program = accept(program)
    found = Posterior()
    with drawing(program, data, seed) as latents:
        drawn = [latent_sites(latents.draw()) for _ in range(draws)]
    for name in drawn[0]:
        if name in latents.names:
            found[name] = torch.stack([sites[name]["value"] for sites in drawn])
    return found
