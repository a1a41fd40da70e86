"""The ELBO with weighted divergences."""

from __future__ import annotations

import torch
from pyro.poutine import Trace
from torch import Tensor

from ppgen.objectives.elbo import MeanFieldELBO, TensorELBO, orders


class BetaELBO(MeanFieldELBO):
    """The ELBO with weighted divergences, to train by; it is no bound unless beta is 1 or more.

    Where model and guide draw their latent sites in different orders, as in a hierarchical VAE, the
    divergences are estimated from the draws.

    Parameters
    ----------
    beta
        Weight of −KL(q ‖ p) (Higgins et al. 2017, beta-VAE, equation 4).
    free_nats
        Nats that each latent site may take, on average over the batch, at no price (free bits:
        Kingma et al. 2016, Improved variational inference with inverse autoregressive flow,
        equation 15); they keep latents from being ignored early in training.
    num_particles, data_size
        As for :class:`TensorELBO`.

    Raises
    ------
    ValueError
        Where ``beta`` or ``free_nats`` is negative.

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(vae, x, epochs=1, objective=BetaELBO(beta=4.0), progress=False).last
    1
    """

    def __init__(
        self,
        beta: float = 1.0,
        free_nats: float = 0.0,
        num_particles: int = 1,
        data_size: int | None = None,
    ) -> None:
        super().__init__(num_particles, data_size)
        for name, value in (("beta", beta), ("free_nats", free_nats)):
            if not value >= 0:
                raise ValueError(f"{name} is {value}; expected 0 or more")
        self.beta = beta
        self.free_nats = free_nats

    def latent_term(self, name: str, model_trace: Trace, guide_trace: Trace) -> Tensor:
        """One latent site's −KL(q ‖ p), or its estimate where the orders differ."""
        of_model, of_guide = orders(model_trace, guide_trace)
        kind = MeanFieldELBO if of_model == of_guide else TensorELBO
        return kind.latent_term(self, name, model_trace, guide_trace)

    def weighted(self, nats: Tensor) -> Tensor:
        """Hold a site's −KL(q ‖ p) to at most −free_nats on average, and weigh it by beta."""
        if self.free_nats:
            nats = torch.where(nats.mean() < -self.free_nats, nats, -self.free_nats)
        return self.beta * nats
