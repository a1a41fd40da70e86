"""The site at which a program observes images."""

from __future__ import annotations

from collections.abc import Sequence

from pyro.poutine import Trace
from torch import Tensor

from ppgen.objectives.elbo import sample_sites
from ppgen.objectives.plates import Site, is_factor
from ppgen.program import Program


def image_site(program: Program, trace: Trace, names: Sequence[str] = ()) -> Site:
    """Return the site of the images in a trace of the model.

    It is the one that the program names as ``site``; else the only one among ``names``, or among
    the observed sites, or the one called ``"x"``.

    Raises
    ------
    ValueError
        If there is none, or several.
    """
    sites = {name: site for name, site in sample_sites(trace).items() if not is_factor(site)}
    if program.site is not None:
        names = [program.site]
    elif not names:
        # Without data nothing is observed.
        names = [name for name, site in sites.items() if site["is_observed"]] or list(sites)
        images = [name for name in names if sites[name]["fn"].event_dim == 3]
        names = images or names
    if len(names) != 1 and "x" in sites:
        names = ["x"]
    if len(names) != 1 or names[0] not in sites:
        raise ValueError(
            f"site is {program.site!r}, and the model observes {', '.join(names) or 'no site'} of "
            f"{', '.join(sites) or 'no sites'}; expected one site of images: name it by "
            "ppgen.as_program(program, site=...)"
        )
    return sites[names[0]]


def image_of(program: Program, site: Site, mean: bool) -> Tensor:
    """Return the draw at a site, or the mean of its distribution as an image.

    Raises
    ------
    NotImplementedError
        If the mean has no closed form.
    """
    if not mean:
        return site["value"]
    try:
        return program.image(site["fn"])
    except NotImplementedError as error:
        raise NotImplementedError(
            f"the distribution {type(site['fn']).__name__} at the site {site['name']!r} has no "
            "mean in closed form; expected mean=False, which returns a draw"
        ) from error
