"""Mixture of Bernoullis: naive Bayes with a latent class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import check_size
from ppgen.data.batches import observed_batches
from ppgen.distributions.bernoulli_table import BernoulliTable
from ppgen.images import check_binary, check_image_shape, check_observed
from ppgen.models import bernoulli_mixture_em as em
from ppgen.models.checks import check_batch
from ppgen.models.em import alternate
from ppgen.objectives import EnumeratedELBO
from ppgen.program import Program


class BernoulliMixture(Program):
    """z ~ Cat(softmax b), x_d | z = k ~ Bern(sigmoid(w_kd + c_d)): pixels independent given z.

    The class z is summed out: ``ppgen.fit`` maximises log p(x) itself, not a bound, :meth:`fit_em`
    does so by expectation maximisation, and likelihood, posterior of z and completions are exact.
    Each costs a matrix product of images, pixels and classes.

    With pseudo-counts both maximise the posterior density of the probabilities (MAP) under the
    priors Beta(1 + a, 1 + a) of each pixel in each class and Dirichlet(1 + α) of the classes.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    classes
        K, the number of classes, 1 or more. More classes than distinct images do not raise the
        likelihood of the data.
    pixel_pseudo_count
        a, 0 or more: number of white and of black pixels added to each class.
    class_pseudo_count
        α, 0 or more: number of images added to each class.

    Attributes
    ----------
    class_logits
        b, ``(classes,)``.
    weights
        w, ``(classes, channel, height, width)``; small random numbers at first, so that an image
        has about −log 2 nats a pixel.
    bias
        c, ``(channel, height, width)``.

    Examples
    --------
    >>> import ppgen
    >>> digits = ppgen.data.load("digits").binarized()
    >>> mixture = BernoulliMixture(digits.image_shape, classes=10, pixel_pseudo_count=0.1)
    >>> values = mixture.fit_em(digits.train.images)
    >>> mixture.log_likelihood(digits.test.images).mean() > -25  # nats
    tensor(True)
    >>> left = torch.arange(8) < 4
    >>> mixture.complete(digits.test.images, observed=left).shape
    torch.Size([300, 1, 8, 8])
    """

    objective = EnumeratedELBO()

    def __init__(
        self,
        image_shape: Sequence[int],
        classes: int = 20,
        pixel_pseudo_count: float = 0.0,
        class_pseudo_count: float = 0.0,
    ) -> None:
        super().__init__()
        check_image_shape(image_shape)
        check_size("classes", classes)
        counts = {"pixel": pixel_pseudo_count, "class": class_pseudo_count}
        for name, count in counts.items():
            if not count >= 0:
                raise ValueError(f"{name}_pseudo_count is {count}; expected 0 or more")
        self.image_shape = tuple(image_shape)
        self.classes = classes
        self.pixel_pseudo_count = pixel_pseudo_count
        self.class_pseudo_count = class_pseudo_count
        self.class_logits = nn.Parameter(torch.zeros(classes))
        self.weights = nn.Parameter(0.01 * torch.randn(classes, *self.image_shape))
        self.bias = nn.Parameter(torch.zeros(self.image_shape))

    @property
    def pixel_logits(self) -> Tensor:
        """Pixel logits w + c of each class, ``(classes, channel, height, width)``."""
        return self.weights + self.bias

    @property
    def class_images(self) -> Tensor:
        """Mean image of each class, ``(classes, channel, height, width)``."""
        return self.pixel_logits.sigmoid()

    def model(self, x: Tensor | None = None, observed: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the class z, then the image at site ``"x"``.

        If ``x`` is given, pixels that are not ``observed`` (booleans) are marginalised, so
        ``ppgen.fit(mixture, (images, observed), …)`` fits images with missing pixels.
        """
        if self.pixel_pseudo_count or self.class_pseudo_count:
            pyro.factor("prior", self.log_prior())
        with pyro.plate("data", n if x is None else len(x)):
            classes = dist.Categorical(logits=self.class_logits)
            z = pyro.sample("z", classes, infer={"enumerate": "parallel"})
            return pyro.sample("x", BernoulliTable(self.pixel_logits, z, observed), obs=x)

    def log_prior(self) -> Tensor:
        """Return the log-density of the probabilities under their prior, up to a constant, nats."""
        pixels = F.logsigmoid(self.pixel_logits) + F.logsigmoid(-self.pixel_logits)
        classes = self.class_logits.log_softmax(0)
        return self.pixel_pseudo_count * pixels.sum() + self.class_pseudo_count * classes.sum()

    def log_likelihood(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return exact log p(observed pixels) of each image, ``(batch,)``, in nats.

        Parameters
        ----------
        x
            Zeros and ones of any type, ``(batch, channel, height, width)``. Values at missing
            pixels are ignored.
        observed
            Boolean mask that broadcasts to the images; None: all pixels are observed. Missing
            pixels are marginalised.

        Raises
        ------
        ValueError
            If ``x`` or ``observed`` have another shape or type, or observed pixels are not binary.
        """
        return self._log_joint(x, observed).logsumexp(0)

    def responsibilities(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return posterior class probabilities p(z | observed pixels), ``(batch, classes)``.

        Arguments and errors are those of :meth:`log_likelihood`.
        """
        return self._log_joint(x, observed).softmax(0).T

    @torch.no_grad()
    def complete(self, x: Tensor, observed: Tensor, *, mean: bool = False) -> Tensor:
        """Fill in missing pixels given the observed ones: ``(batch, channel, height, width)``.

        They are the exact conditional mean, grey values, if ``mean`` is True, else a draw from the
        exact conditional. ``x`` and ``observed`` are as for :meth:`log_likelihood`.
        """
        posterior = self.responsibilities(x, observed)
        if mean:
            missing = torch.tensordot(posterior, self.class_images, 1)
        else:
            z = dist.Categorical(posterior).sample()
            missing = BernoulliTable(self.pixel_logits, z).sample()
        return torch.where(observed, x, missing)

    @torch.no_grad()
    def fit_em(
        self,
        images: Tensor,
        observed: Tensor | None = None,
        *,
        iterations: int = 200,
        tolerance: float = 1e-3,
        batch_size: int = 1000,
        warm_start: bool = False,
        callback: Callable[[BernoulliMixture, list[float]], bool | None] | None = None,
        seed: int = 0,
    ) -> list[float]:
        """Fit by expectation maximisation; no iteration lowers the likelihood.

        At the start all classes are equally probable, and each class image is half-way between the
        mean image and an image chosen by k-means++. Parameters stay finite if pixels are constant
        or a class loses all its images, see
        :func:`ppgen.models.bernoulli_mixture_em.maximisation`.

        Parameters
        ----------
        images, observed
            As for :meth:`log_likelihood`; uint8 takes the least memory.
        iterations, tolerance
            Stop after this many iterations, or when one gains fewer nats an image.
        batch_size
            Images that are in memory as floats at a time.
        warm_start
            If True, start from the current parameters.
        callback
            Called with the mixture and the values so far before each iteration and at the end; the
            fit stops if it returns True.
        seed
            Seed of the start.

        Returns
        -------
        list of float
            Mean log-likelihood of an image at the start and after each iteration, in nats, plus
            :meth:`log_prior` divided by the number of images.

        Raises
        ------
        ValueError
            If images, mask or numbers are invalid.
        """
        check_batch(images, self.image_shape)
        batches = observed_batches((images,), observed, batch_size, self.device, self.dtype)
        for batch in batches:
            check_binary(*batch)
        if not warm_start:
            self._set_logits(*em.starting_point(batches, self.classes, seed))
        counts = self.pixel_pseudo_count, self.class_pseudo_count

        def expectation() -> tuple[float, em.Expectations]:
            expected = em.expectation(self.class_logits, self.pixel_logits, batches)
            return (expected.log_likelihood + self.log_prior().item()) / len(images), expected

        def maximisation(expected: em.Expectations) -> None:
            self._set_logits(*em.maximisation(expected, self.pixel_logits, *counts))

        return alternate(
            expectation,
            maximisation,
            iterations=iterations,
            tolerance=tolerance,
            stop=partial(callback, self) if callback else None,
        )

    def _set_logits(self, class_logits: Tensor, pixel_logits: Tensor) -> None:
        self.class_logits.copy_(class_logits)
        self.weights.copy_(pixel_logits - self.bias)

    def _log_joint(self, x: Tensor, observed: Tensor | None) -> Tensor:
        check_batch(x, self.image_shape)
        observed = None if observed is None else check_observed(observed, x.shape)
        check_binary(x, observed)
        return em.log_joint(self.class_logits, self.pixel_logits, x, observed)
