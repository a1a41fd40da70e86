"""Binary images whose pixel probabilities are one row of a table."""

from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.util import broadcast_shape
from torch import Tensor
from torch.nn import functional as F

from ppgen.arguments import checked
from ppgen.distributions.enumerated import BinaryImages
from ppgen.images import check_value


@checked
class BernoulliTable(BinaryImages):
    r"""Independent Bernoulli pixels with the logits ``logits[index]``.

    Equals ``Bernoulli(logits=logits[index]).to_event()``, for a discrete latent that selects one of
    a few rows. Table and index are stored separately. When Pyro sums the latent out, with ``index``
    of shape ``(rows, 1)`` and images of shape ``(batch, …)``, log_prob is a matrix product, and no
    tensor of shape rows × batch × pixels is made:

    .. math::
        \log p(x \mid k) = \sum_d x_d \log s(l_{kd}) + (1 - x_d) \log s(-l_{kd}), \quad s = \sigma.

    No term is positive, so none cancel.

    Raises a ValueError if an argument has another shape or type or, with validation on, an index is
    out of range.

    Parameters
    ----------
    logits
        The table, ``(rows, channel, height, width)``, or with images of any other shape.
    index
        Row numbers, integers; their shape is the batch shape.
    observed
        Which pixels are observed, booleans ``(*batch, channel, height, width)``; ``log_prob``
        marginalises the others, whose values have no effect. None: all. Draws have all pixels.

    Examples
    --------
    A mixture as a Pyro program, with the class summed out:

    >>> import pyro
    >>> import pyro.distributions as dist
    >>> logits = torch.randn(20, 1, 28, 28)
    >>> @pyro.infer.config_enumerate
    ... def model(x):
    ...     with pyro.plate("data", len(x)):
    ...         z = pyro.sample("z", dist.Categorical(torch.ones(20)))
    ...         pyro.sample("x", BernoulliTable(logits, z), obs=x)
    >>> elbo = pyro.infer.TraceEnum_ELBO(max_plate_nesting=1)
    >>> bound = -elbo.loss(model, lambda x: None, torch.zeros(1000, 1, 28, 28))  # log p(x), exactly
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    shared = ("logits", "index", "observed")  # so that log_prob stays a matrix product

    def __init__(
        self,
        logits: Tensor,
        index: Tensor,
        observed: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if logits.dim() < 2:
            raise ValueError(
                f"logits has the shape {tuple(logits.shape)}; expected a row of pixels for each "
                "value of the index, (rows, channel, height, width)"
            )
        if index.dtype not in (torch.int64, torch.int32):
            raise ValueError(f"index has the type {index.dtype}; expected integers: index.long()")
        batch_shape, event_shape = index.shape, logits.shape[1:]
        if observed is not None:
            split = observed.dim() - len(event_shape)
            if observed.dtype != torch.bool or observed.shape[max(split, 0) :] != event_shape:
                raise ValueError(
                    f"observed has the type {observed.dtype} and the shape "
                    f"{tuple(observed.shape)}; expected booleans (…, {str(tuple(event_shape))[1:]}"
                )
            batch_shape = broadcast_shape(batch_shape, observed.shape[:split])
        self.logits, self.index, self.observed = logits, index, observed
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        if self._validate_args and not ((index >= 0) & (index < len(logits))).all():
            raise ValueError(
                f"index holds rows from {index.min()} to {index.max()}; expected "
                f"0 … {len(logits) - 1}, the rows of logits"
            )

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> constraints.Constraint:
        """Binary images."""
        return constraints.independent(constraints.boolean, len(self.event_shape))

    @property
    def levels(self) -> Tensor:
        """Black and white, 0 and 1; NotImplementedError if pixels are marginalised.

        Images that differ in these alone would each be counted.
        """
        if self.observed is not None:
            raise NotImplementedError(
                f"observed is a mask of the shape {tuple(self.observed.shape)}; expected None, for "
                "images that are summed over have all pixels"
            )
        return super().levels

    @property
    def mean(self) -> Tensor:
        """Probability of a one at each pixel, ``(*batch, channel, height, width)``."""
        rows = self._rows(self.logits).sigmoid().unflatten(-1, self.event_shape)
        return rows.expand(self.batch_shape + self.event_shape)

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw images, ``(*sample_shape, *batch, channel, height, width)``."""
        with torch.no_grad():
            return torch.bernoulli(self.mean.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-mass of the observed pixels of images ``(*sample, *batch, *image_shape)``, nats."""
        if self.observed is not None:
            check_value(value, self.event_shape)
            value = torch.where(self.observed, value, 0)
        return super().log_prob(value)

    def _log_prob(self, value: Tensor) -> Tensor:
        # Dimensions in which one operand has size 1 become rows or columns of a matrix product.
        product = "...d,...d->..."
        ones = value.to(self.logits.dtype).flatten(-len(self.event_shape))
        zeros = 1 - ones
        if self.observed is not None:
            zeros = self.observed.to(self.logits.dtype).flatten(-len(self.event_shape)) - ones
        log_prob = torch.einsum(product, self._rows(F.logsigmoid(self.logits)), ones)
        log_prob = log_prob + torch.einsum(product, self._rows(F.logsigmoid(-self.logits)), zeros)
        return log_prob.expand(broadcast_shape(log_prob.shape, self.batch_shape))

    def _rows(self, table: Tensor) -> Tensor:
        # (*index, pixels); the gradient of an embedding is faster than that of indexing.
        return F.embedding(self.index, table.flatten(1))
