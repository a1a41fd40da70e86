"""The ELBO with weighted divergences."""

import torch
from torch import Tensor

from ppgen.arguments import NotNegative, Size, checked
from ppgen.objectives.elbo import MeanFieldELBO, TensorELBO, Traces, orders
from ppgen.objectives.plates import RowPlates, Site


@checked
class BetaELBO(MeanFieldELBO):
    """The ELBO with weighted divergences, to train by; it is no bound unless beta is 1 or more.

    If model and guide draw their latent sites in different orders, as in a hierarchical VAE, the
    divergences are estimated from the draws.

    Parameters
    ----------
    beta
        Weight of −KL(q ‖ p) (Higgins et al. 2017, beta-VAE, equation 4).
    free_nats
        Nats that each latent site may use without cost, on average over the rows (free bits: Kingma
        et al. 2016, Improved variational inference with inverse autoregressive flow, equation 15).
        They keep latents from being ignored early in training.
    num_particles
        As for :class:`TensorELBO`.

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(vae, x, epochs=1, objective=BetaELBO(beta=4.0), progress=False).last
    1
    """

    def __init__(
        self, beta: NotNegative = 1.0, free_nats: NotNegative = 0.0, num_particles: Size = 1
    ) -> None:
        super().__init__(num_particles)
        self.beta = beta
        self.free_nats = free_nats

    def terms(self, traces: Traces, plates: RowPlates) -> list[tuple[Tensor, Site]]:
        """Return every site's part of the bound; divergences are estimated if orders differ."""
        of_model, of_guide = orders(traces)
        self._exact = of_model == of_guide
        return TensorELBO.terms(self, traces, plates)

    def latent_term(self, model_site: Site, guide_site: Site, plates: RowPlates) -> Tensor:
        """Compute one latent site's weighted −KL(q ‖ p), of which ``free_nats`` cost nothing."""
        kind = MeanFieldELBO if self._exact else TensorELBO
        term = kind.latent_term(self, model_site, guide_site, plates)
        if self.free_nats:
            nats = plates.per_row(term, guide_site)
            free = nats.mean() >= -self.free_nats
            # The floor is spread over the site's elements, so that each row counts it once.
            floor = -self.free_nats * nats.numel() / term.numel()
            term = torch.where(free, floor, term)
        return self.beta * term
