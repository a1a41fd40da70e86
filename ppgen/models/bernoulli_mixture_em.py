"""Expectation maximisation for mixtures of Bernoullis, batch by batch in bounded memory.

Bishop 2006, Pattern recognition and machine learning, section 9.3.3.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.distributions.bernoulli_table import BernoulliTable

LARGEST_LOGIT = 15.0  # for pixels that are constant in a class
SEEDING_IMAGES = 10_000  # from which k-means++ chooses centres, drawn at random if there are more


def log_joint(
    class_logits: Tensor, pixel_logits: Tensor, x: Tensor, observed: Tensor | None = None
) -> Tensor:
    """Return log p(class, observed pixels), ``(classes, batch)``, in nats."""
    every_class = torch.arange(len(class_logits), device=class_logits.device).unsqueeze(-1)
    table = BernoulliTable(pixel_logits, every_class, observed, validate_args=False)
    return class_logits.log_softmax(0).unsqueeze(-1) + table.log_prob(x)


@dataclass
class Expectations:
    """Expected numbers of images under the posterior of the classes, and the log-likelihood."""

    images: Tensor  # of each class, (classes,)
    white: Tensor  # with the pixel white, (classes, channel, height, width)
    seen: Tensor  # with the pixel observed, broadcasts to the shape of white
    log_likelihood: float  # Σ log p(x), nats


def expectation(
    class_logits: Tensor, pixel_logits: Tensor, batches: Iterable[Batch]
) -> Expectations:
    """E-step: return expected counts, summed over batches ``(x,)`` or ``(x, observed)``."""
    images = torch.zeros_like(class_logits)
    white = torch.zeros_like(pixel_logits)
    seen = torch.zeros_like(images).view(-1, 1, 1, 1)
    log_likelihood = 0.0
    for x, *observed in batches:
        joint = log_joint(class_logits, pixel_logits, x, *observed)
        log_likelihood += joint.logsumexp(0).sum().item()
        posterior = joint.softmax(0)
        images += posterior.sum(1)
        if observed:
            x = torch.where(observed[0], x, 0)
            seen = seen + torch.tensordot(posterior, observed[0].to(x.dtype), 1)
        else:
            seen = images.view(-1, 1, 1, 1)
        white += torch.tensordot(posterior, x, 1)
    return Expectations(images, white, seen, log_likelihood)


def maximisation(
    expected: Expectations,
    pixel_logits: Tensor,
    pixel_pseudo_count: float = 0.0,
    class_pseudo_count: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """M-step: return the class and pixel logits that maximise the expected log-likelihood.

    They stay finite. Pixel logits are the maximum within ``LARGEST_LOGIT`` of 0, so the likelihood
    never falls. A pixel logit stays as it is if no observation of it is expected, and a class
    without images gets a probability of nearly 0.
    """
    black = (expected.seen - expected.white).clamp(min=0)
    logits = (expected.white + pixel_pseudo_count).log() - (black + pixel_pseudo_count).log()
    unknown = (expected.seen + pixel_pseudo_count) == 0
    logits = torch.where(unknown, pixel_logits, logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT))
    tiny = torch.finfo(logits.dtype).tiny
    images = (expected.images + class_pseudo_count).clamp(min=tiny)
    return images.log().log_softmax(0), logits


def starting_point(batches: Batches, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return class and pixel logits to start from: equal classes around the mean image.

    Each class image is half-way between the mean image and an image chosen by k-means++ (Arthur and
    Vassilvitskii 2007), with missing pixels at their mean. Classes beyond the number of images are
    copies.
    """
    from sklearn.cluster import kmeans_plusplus  # here, since it takes a second to import

    zeros = torch.zeros_like(batches.first(1)[0])
    _, mean_logits = maximisation(expectation(zeros.new_zeros(1), zeros, batches), zeros)
    mean = mean_logits.sigmoid()

    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(batches.rows, generator=generator)[:SEEDING_IMAGES].to(zeros.device)
    images, *observed = batches.batch(chosen)
    if observed:
        images = torch.where(observed[0], images, mean)
    _, centres = kmeans_plusplus(
        images.flatten(1).cpu().numpy(), min(classes, len(images)), random_state=seed
    )
    centre = torch.from_numpy(centres).to(chosen)[torch.arange(classes) % len(centres)]
    logits = ((images[centre] + mean) / 2).logit().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    return logits.new_zeros(classes), logits
