"""Distribution of images or sequences that an autoregressive network draws pixel by pixel."""

from math import log, prod
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.util import broadcast_shape
from torch import Tensor

from ppgen.arguments import checked
from ppgen.distributions.enumerated import EnumeratedImages
from ppgen.images import check_observed, check_value

if TYPE_CHECKING:
    from ppgen.autoregressive import AutoregressiveNetwork


@checked
class Autoregressive(EnumeratedImages):
    """p(x | context) = Π p(x_i | pixels before i, context), with conditionals from a network.

    The distribution does not own the network's parameters: make the network part of the module
    that is trained. A network with several members, such as a MADE with several orderings, is the
    equal mixture of their distributions, also in training mode; log_prob costs one forward pass
    per member. For observed images, ``Autoregressive(network.training_member(), context)`` is one
    member at random, whose expected ``log_prob`` is a lower bound (Germain et al. 2015, MADE,
    section 4.2). A latent site needs the mixture, because its draws come from the mixture.

    Raises a TypeError if ``network`` is not a network or ``context`` not a tensor, and a ValueError
    if ``context`` does not suit the network. Values of labels are checked with validation on.

    Parameters
    ----------
    network
        Conditionals and likelihood of the pixels: an
        :class:`~ppgen.autoregressive.AutoregressiveNetwork`.
    context
        Vectors ``(*batch, context_size)`` or integer class labels ``(*batch)``. ``batch`` is the
        batch shape of the distribution. None for a network without context.

    Examples
    --------
    >>> from ppgen.autoregressive import Independent
    >>> p = Autoregressive(Independent((1, 2, 2), context_size=10), torch.tensor([3, 7, 7]))
    >>> p.batch_shape, p.event_shape
    (torch.Size([3]), torch.Size([1, 2, 2]))
    >>> p.log_prob(torch.ones(1, 2, 2)).shape
    torch.Size([3])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    shared = ("network", "context")

    def __init__(
        self,
        network: Any,  # the room of networks imports this one
        context: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        check_is_network(network)
        self.network: AutoregressiveNetwork = network
        check = self._validate_args if validate_args is None else validate_args
        self.context = network.context_vectors(context, check)
        batch_shape = torch.Size() if self.context is None else self.context.shape[:-1]
        event_shape = torch.Size(network.shape)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """Images whose pixels are in the support of the likelihood."""
        return constraints.independent(self.network.pixel_distribution.support, self.event_dim)

    def _log_prob(self, value: Tensor) -> Tensor:
        log_probs = [self._sum(self._log_probs(m, value)) for m in self.network.members]
        log_prob = log_probs[0]
        if len(log_probs) > 1:
            log_prob = torch.stack(log_probs).logsumexp(0) - log(len(log_probs))
        return log_prob.expand(broadcast_shape(log_prob.shape, self.batch_shape))

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw images, ``(*sample_shape, *batch, *shape)``."""
        batch = torch.Size(sample_shape) + self.batch_shape
        members, device = len(self.network.members), self.network.ordering.device
        return self._draw(batch, torch.ones(prod(batch), members, device=device))

    @checked
    def complete(self, value: Tensor, observed: Tensor) -> Tensor:
        """Draw the missing pixels of images given the others, exactly.

        Missing pixels of the images ``value``, ``(*batch, *shape)``, may hold anything.
        ``observed`` are booleans that broadcast to that shape. The given pixels of each image must
        be the first ones in the network's ordering and inside the support, else a ValueError is
        raised. The result has the wider of the types of ``value`` and the network.
        """
        value, observed = self._with_prefix(value, observed)
        batch = self._batch(value)
        weights = value.new_ones(prod(batch), 1)
        if len(self.network.members) > 1:
            with torch.no_grad():
                weights = self._member_log_probs(value, observed).softmax(0).flatten(1).T
        return self._draw(batch, weights, value, observed)

    @checked
    def prefix_log_prob(self, value: Tensor, observed: Tensor) -> Tensor:
        """Log-probability of the given pixels of images, ``(*batch)``, nats.

        Parameters and errors are those of :meth:`complete`.
        """
        log_probs = self._member_log_probs(*self._with_prefix(value, observed))
        return log_probs.logsumexp(0) - log(len(log_probs))

    @property
    def mean(self) -> Tensor:
        """Not implemented; raises NotImplementedError with the alternatives."""
        raise NotImplementedError(
            "the mean of images drawn pixel by pixel has no closed form; expected draws (mean=False"
            " in ppgen.sample), or their average by AutoregressiveModel.complete(…, mean=True)"
        )

    @property
    def levels(self) -> Tensor:
        """Values of a pixel, ``(levels,)``; NotImplementedError if they are uncountable."""
        pixel = self.network.pixel_distribution
        if not pixel.has_enumerate_support:
            raise NotImplementedError(
                f"the network's likelihood is {self.network.likelihood}, which does not list the "
                "values of a pixel; expected one that does, such as Bernoulli() or Categorical(16)"
            )
        return pixel.enumerate_support().flatten().to(self.network.ordering.device)

    def _flat_context(self, batch: torch.Size) -> Tensor | None:
        if self.context is None:
            return None
        return self.context.expand(*batch, -1).reshape(-1, self.network.context_size)

    def _log_probs(self, member: "AutoregressiveNetwork", value: Tensor) -> Tensor:
        # Of each pixel under one member, (*sample, *batch, *shape).
        batch = self._batch(value)
        if self.context is not None:
            batch = broadcast_shape(batch, self.context.shape[:-1])
            value = value.expand(*batch, *self.event_shape)
        x = value.reshape(-1, *self.event_shape)
        return member.log_probs(x, self._flat_context(batch)).reshape(*batch, *self.event_shape)

    def _member_log_probs(self, value: Tensor, observed: Tensor) -> Tensor:
        # Of the given pixels under each member, (members, *batch).
        log_probs = [self._log_probs(member, value) for member in self.network.members]
        return self._sum(torch.where(observed, torch.stack(log_probs), 0.0))

    def _batch(self, value: Tensor) -> torch.Size:
        return value.shape[: value.dim() - self.event_dim]

    def _sum(self, log_probs: Tensor) -> Tensor:
        return log_probs.sum(tuple(range(-self.event_dim, 0)))

    def _with_prefix(self, value: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        # The given pixels, zero elsewhere, and their mask, both in the full shape; validated.
        check_value(value, self.event_shape)
        shape = broadcast_shape(value.shape, self.batch_shape + self.event_shape)
        value, observed = value.expand(shape), check_observed(observed, shape)
        for member in self.network.members:
            known = member.in_order(observed)
            if (known[..., 1:] & ~known[..., :-1]).any():
                raise ValueError(
                    "observed holds pixels that come after missing ones in the network's ordering; "
                    "expected the first pixels of the ordering, for each image"
                )
        if not self.network.pixel_distribution.support.check(value)[observed].all():
            raise ValueError(
                f"value holds given pixels outside the support of {self.network.likelihood}; "
                f"expected values in {self.network.pixel_distribution.support}"
            )
        return torch.where(observed, value, 0), observed

    def _draw(self, batch: torch.Size, weights: Tensor, *known: Tensor) -> Tensor:
        # Each image from one of the members, drawn with the weights (images, members).
        members = self.network.members
        given = [self._flat_context(batch), *(t.reshape(-1, *self.event_shape) for t in known)]
        if len(members) == 1:
            images = members[0].ancestral_sample(len(weights), *given)
        else:
            which = torch.multinomial(weights, 1).squeeze(-1)
            rows = [(which == number).nonzero().squeeze(-1) for number in range(len(members))]
            drawn = [
                member.ancestral_sample(len(row), *(t if t is None else t[row] for t in given))
                for member, row in zip(members, rows, strict=True)
            ]
            images = torch.cat(drawn)[torch.cat(rows).argsort()]
        return images.reshape(batch + self.event_shape)


def check_is_network(network: object) -> None:
    """Raise TypeError unless an object has an autoregressive network's methods."""
    if isinstance(network, type) or not hasattr(network, "context_vectors"):
        given = f"the class {network.__name__}" if isinstance(network, type) else repr(network)
        raise TypeError(
            f"network is {given}; expected an AutoregressiveNetwork, such as "
            "ppgen.autoregressive.MADE((1, 28, 28))"
        )
