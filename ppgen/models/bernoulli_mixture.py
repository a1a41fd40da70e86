"""Mixture of Bernoullis: naive Bayes with a latent class."""

from collections.abc import Callable
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Count, NotNegative, Seed, Size, checked
from ppgen.data.batches import observed_batches
from ppgen.distributions.bernoulli_table import BernoulliTable
from ppgen.images import ImageShape, check_batch, check_binary, check_observed
from ppgen.models import bernoulli_mixture_em as em
from ppgen.models.em import alternate
from ppgen.objectives import EnumeratedELBO
from ppgen.program import Program


@checked
class BernoulliMixture(Program):
    """z ~ Cat(softmax b), x_d | z = k ~ Bern(sigmoid(w_kd + c_d)): pixels independent given z.

    The parameters are ``class_logits``, b, ``(classes,)``; ``weights``, w, ``(classes, channel,
    height, width)``; and ``bias``, c, ``(channel, height, width)``.

    The class z is summed out: ``ppgen.fit`` maximises log p(x) itself, not a bound, :meth:`fit_em`
    does so by expectation maximisation, and likelihood, posterior of z and completions are exact.

    With pseudo-counts both maximise the posterior density of the probabilities (MAP) under the
    priors Beta(1 + a, 1 + a) of each pixel in each class and Dirichlet(1 + α) of the classes.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    classes
        K, the number of classes, 1 or more.
    pixel_pseudo_count, class_pseudo_count
        a and α, 0 or more: white and black pixels, and images, added to each class.

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
        image_shape: ImageShape,
        classes: Size = 20,
        pixel_pseudo_count: NotNegative = 0.0,
        class_pseudo_count: NotNegative = 0.0,
    ) -> None:
        super().__init__()
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

        Pixels of ``x`` that are not ``observed`` are marginalised: fit images with missing pixels
        by ``ppgen.fit(mixture, (images, observed), …)``.
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

    @checked
    def log_likelihood(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return exact log p(observed pixels) of each image, ``(batch,)``, in nats.

        ``x`` holds zeros and ones of any type, ``(batch, channel, height, width)``; ``observed`` is
        a boolean mask that broadcasts to it. Missing pixels are marginalised, whatever their
        values. Raises a ValueError for other shapes or types, and observed pixels that are not
        binary.
        """
        return self._log_joint(x, observed).logsumexp(0)

    @checked
    def responsibilities(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return posterior class probabilities p(z | observed pixels), ``(batch, classes)``.

        Arguments and errors are those of :meth:`log_likelihood`.
        """
        return self._log_joint(x, observed).softmax(0).T

    @checked
    @torch.no_grad()
    def complete(self, x: Tensor, observed: Tensor, *, mean: bool = False) -> Tensor:
        """Draw the missing pixels from the exact conditional, or fill in its ``mean``, grey values.

        ``x`` and ``observed`` are as for :meth:`log_likelihood`.
        """
        posterior = self.responsibilities(x, observed)
        if mean:
            missing = torch.tensordot(posterior, self.class_images, 1)
        else:
            z = dist.Categorical(posterior).sample()
            missing = BernoulliTable(self.pixel_logits, z).sample()
        return torch.where(observed, x, missing)

    @checked
    @torch.no_grad()
    def fit_em(
        self,
        images: Tensor,
        observed: Tensor | None = None,
        *,
        iterations: Count = 200,
        tolerance: float = 1e-3,
        batch_size: Size = 1000,
        warm_start: bool = False,
        callback: Callable[[Self, list[float]], bool | None] | None = None,
        seed: Seed = 0,
    ) -> list[float]:
        """Fit by expectation maximisation; no iteration lowers the likelihood.

        Returns the mean log-likelihood of an image, in nats, plus :meth:`log_prior` divided by the
        number of images, at the start (:func:`ppgen.models.bernoulli_mixture_em.starting_point`)
        and after each iteration. Parameters stay finite if pixels are constant or a class loses all
        its images, see :func:`ppgen.models.bernoulli_mixture_em.maximisation`.

        Parameters
        ----------
        images, observed
            As for :meth:`log_likelihood`; images of bool or uint8 take the least memory.
        iterations, tolerance
            Stop after this many iterations, or when one gains fewer nats an image.
        batch_size
            Images that are in memory as floats at a time.
        warm_start
            If True, start from the current parameters.
        callback
            Called with the program and the values so far before each iteration and at the end; the
            fit stops if it returns True.
        seed
            Seed of the start.
        """
        check_batch(images, self.image_shape, "images")
        if images.dtype not in (torch.bool, torch.uint8):
            images = images.to(self.dtype)
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

        return alternate(self, expectation, maximisation, iterations, tolerance, callback)

    def _set_logits(self, class_logits: Tensor, pixel_logits: Tensor) -> None:
        self.class_logits.copy_(class_logits)
        self.weights.copy_(pixel_logits - self.bias)

    def _log_joint(self, x: Tensor, observed: Tensor | None) -> Tensor:
        check_batch(x, self.image_shape)
        observed = None if observed is None else check_observed(observed, x.shape)
        check_binary(x, observed)
        return em.log_joint(self.class_logits, self.pixel_logits, x, observed)
