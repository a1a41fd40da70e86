"""The mixture of Bernoullis: naive Bayes with a latent class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.data.batches import observed_batches
from ppgen.distributions.bernoulli_table import BernoulliTable
from ppgen.images import check_batch, check_binary, check_image_shape, check_observed
from ppgen.models import bernoulli_mixture_em as em
from ppgen.models.em import alternate
from ppgen.objectives import EnumeratedELBO
from ppgen.program import Program


class BernoulliMixture(Program):
    """z ~ Cat(softmax b), x_d | z = k ~ Bern(sigmoid(w_kd + c_d)): pixels independent given z.

    The class z is summed out, so nothing here is a bound: ``ppgen.fit`` ascends log p(x) itself,
    :meth:`fit_em` does so by expectation maximisation, and likelihood, posterior of z and
    completions of images are exact. All cost a product of matrices, images by pixels by classes.

    With pseudo-counts both ways of fitting maximise the posterior density of the probabilities
    instead (MAP): Beta(1 + a, 1 + a) for each pixel's in each class, Dirichlet(1 + α) over classes.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    classes
        K, the number of classes. More than there are distinct images change nothing: the
        likelihood of the data cannot rise further.
    pixel_pseudo_count
        a: white and black pixels, so many of each, that are added to each class.
    class_pseudo_count
        α: images that are added to each class.

    Attributes
    ----------
    class_logits
        b, ``(classes,)``.
    weights
        w, ``(classes, channel, height, width)``; at first random and small, so that an image has
        about −log 2 nats a pixel.
    bias
        c, ``(channel, height, width)``.

    Raises
    ------
    ValueError
        Where a size is below 1 or a pseudo-count below 0.

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
        if classes < 1:
            raise ValueError(f"classes is {classes}; expected 1 or more")
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
        """The logits w + c of the pixels in each class, ``(classes, channel, height, width)``."""
        return self.weights + self.bias

    @property
    def class_images(self) -> Tensor:
        """Mean image of each class, ``(classes, channel, height, width)``."""
        return self.pixel_logits.sigmoid()

    def model(self, x: Tensor | None = None, observed: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the class z, then the image at the site ``"x"``.

        Pixels that are not ``observed``, booleans, are marginalised where ``x`` is given; so
        ``ppgen.fit(mixture, (images, observed), …)`` learns from what was seen.
        """
        if self.pixel_pseudo_count or self.class_pseudo_count:
            pyro.factor("prior", self.log_prior())
        with pyro.plate("data", n if x is None else len(x)):
            classes = dist.Categorical(logits=self.class_logits)
            z = pyro.sample("z", classes, infer={"enumerate": "parallel"})
            return pyro.sample("x", BernoulliTable(self.pixel_logits, z, observed), obs=x)

    def log_prior(self) -> Tensor:
        """Log-density of the probabilities under the pseudo-counts, up to a constant, nats."""
        pixels = F.logsigmoid(self.pixel_logits) + F.logsigmoid(-self.pixel_logits)
        classes = self.class_logits.log_softmax(0)
        return self.pixel_pseudo_count * pixels.sum() + self.class_pseudo_count * classes.sum()

    def log_likelihood(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Log-probability of the observed pixels of each image, exactly, ``(batch,)``, nats.

        Parameters
        ----------
        x
            Zeros and ones of any type, ``(batch, channel, height, width)``; pixels that are missing
            may hold anything.
        observed
            Which pixels are observed, booleans that broadcast to the images; None: all. The others
            are marginalised.

        Raises
        ------
        ValueError
            Where ``x`` or ``observed`` have other shapes or types, or observed pixels are not
            binary.
        """
        return self._log_joint(x, observed).logsumexp(0)

    def responsibilities(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Posterior probability of each class, p(z | observed pixels), ``(batch, classes)``.

        Arguments and errors are those of :meth:`log_likelihood`.
        """
        return self._log_joint(x, observed).softmax(0).T

    @torch.no_grad()
    def complete(self, x: Tensor, observed: Tensor, *, mean: bool = False) -> Tensor:
        """Fill missing pixels by a draw from p(missing | observed pixels), exactly.

        Arguments and errors are those of :meth:`log_likelihood`.

        Parameters
        ----------
        x, observed
            Images, and which of their pixels are to be kept.
        mean
            Whether to fill in the mean of the missing pixels, grey values, in place of a draw.

        Returns
        -------
        Tensor
            ``(batch, channel, height, width)``.
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

        It starts with equal classes, each half-way between the mean of all images and one of them,
        chosen by k-means++. Parameters stay finite where pixels are constant or classes lose all
        their images, see :func:`ppgen.models.bernoulli_mixture_em.maximisation`.

        Parameters
        ----------
        images, observed
            As for :meth:`log_likelihood`; uint8 takes the least memory.
        iterations
            At most so many.
        tolerance
            Stop where an iteration gains less, nats an image.
        batch_size
            Images that are in memory as floating-point numbers at a time.
        warm_start
            Whether to go on from the present parameters in place of a new start.
        callback
            Called with the mixture and the values so far before each iteration and at the end; the
            fit stops where it returns True.
        seed
            Of the start.

        Returns
        -------
        list of float
            Mean log-likelihood of the images at the start and after each iteration, nats; with
            pseudo-counts, the log-density of the prior is added, divided by the number of images.

        Raises
        ------
        ValueError
            Where images or numbers are not what is expected.
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
