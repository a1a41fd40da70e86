"""An equal mixture of networks, for example over orderings."""

from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn

from ppgen.arguments import checked
from ppgen.autoregressive.network import AutoregressiveNetwork


class Ensemble(AutoregressiveNetwork):
    """The equal mixture of several networks, such as one NADE for each of several orderings.

    The mixture is more probable than its members are on average, the more so the more they differ
    (Uria, Murray and Larochelle 2014, A deep and tractable density estimator, section 4, who share
    weights between orderings). Its members are best fitted one by one, each by itself: a fit of the
    whole maximises the mixture's likelihood, and divides the images between them.

    Raises a ValueError unless there are networks, all of one shape, likelihood and context size.

    Parameters
    ----------
    networks
        The components; the members of one that is a mixture itself count each by itself.

    Examples
    --------
    >>> import torch
    >>> from ppgen.autoregressive import NADE
    >>> from ppgen.distributions import Autoregressive
    >>> orders = [torch.randperm(64) for _ in range(4)]
    >>> ensemble = Ensemble([NADE((1, 8, 8), hidden=20, ordering=order) for order in orders])
    >>> Autoregressive(ensemble).log_prob(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5])
    """

    @checked
    def __init__(self, networks: Sequence[AutoregressiveNetwork]) -> None:
        kinds = [(each.shape, str(each.likelihood), each.context_size) for each in networks]
        if len(set(kinds)) != 1:
            given = ", ".join(map(str, dict.fromkeys(kinds))) or "no network"
            raise ValueError(
                f"networks have (shape, likelihood, context_size) {given}; expected one or more "
                "networks that have these three in common"
            )
        first = networks[0]
        super().__init__(first.shape, first.likelihood, first.context_size, ordering=first.ordering)
        self.networks = nn.ModuleList(networks)

    @property
    def members(self) -> Sequence[AutoregressiveNetwork]:
        """All members of the networks."""
        networks = cast("Iterable[AutoregressiveNetwork]", self.networks)
        return [member for network in networks for member in network.members]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of the first member; distributions call each member."""
        return self.members[0](x, context)
