"""Valid calls of distributions and likelihoods."""

import torch
from torch import nn

from ppgen import distributions, likelihoods

from .samples import ROWS, SHAPE, binary, grey, labels, levels, mask, nade, raw


def table_distribution():
    """A table of Bernoullis."""
    return distributions.BernoulliTable(torch.randn(3, *SHAPE), torch.arange(ROWS) % 3)


def sigmoid_belief():
    """A sigmoid belief net's distribution."""
    return distributions.SigmoidBelief(SHAPE, torch.zeros(2), [(torch.randn(2, 6), torch.zeros(6))])


def pixels(likelihood, outputs=1):
    """The distribution of images under a likelihood."""
    return likelihood.distribution(raw(outputs))


DISTRIBUTIONS = {
    "Autoregressive": lambda: (
        distributions.Autoregressive,
        {"network": nade(2), "context": labels()},
    ),
    "Autoregressive.sample": lambda: (distributions.Autoregressive(nade()).sample, {}),
    "Autoregressive.complete": lambda: (
        distributions.Autoregressive(nade()).complete,
        {"value": binary(), "observed": mask()},
    ),
    "Autoregressive.prefix_log_prob": lambda: (
        distributions.Autoregressive(nade()).prefix_log_prob,
        {"value": binary(), "observed": mask()},
    ),
    "Autoregressive.log_prob": lambda: (
        distributions.Autoregressive(nade()).log_prob,
        {"value": binary()},
    ),
    "BernoulliTable": lambda: (
        distributions.BernoulliTable,
        {"logits": torch.randn(3, *SHAPE), "index": torch.arange(ROWS) % 3, "observed": mask()},
    ),
    "BernoulliTable.sample": lambda: (table_distribution().sample, {}),
    "BernoulliTable.log_prob": lambda: (table_distribution().log_prob, {"value": binary()}),
    "CountImages": lambda: (
        distributions.CountImages,
        {"image_shape": SHAPE, "weights": torch.full((7,), 1 / 7)},
    ),
    "CountImages.counts_proportional": lambda: (
        distributions.CountImages.counts_proportional,
        {"image_shape": SHAPE},
    ),
    "CountImages.images_proportional": lambda: (
        distributions.CountImages.images_proportional,
        {"image_shape": SHAPE},
    ),
    "CountImages.sample": lambda: (
        distributions.CountImages.counts_proportional(SHAPE).sample,
        {},
    ),
    "SigmoidBelief": lambda: (
        distributions.SigmoidBelief,
        {
            "image_shape": SHAPE,
            "prior_logits": torch.zeros(2),
            "layers": [(torch.randn(2, 6), torch.zeros(6))],
        },
    ),
    "SigmoidBelief.sample": lambda: (sigmoid_belief().sample, {}),
    "TabulatedDensity": lambda: (
        distributions.TabulatedDensity,
        {"image_shape": SHAPE, "logits": torch.randn(64)},
    ),
    "TabulatedDensity.of_network": lambda: (
        distributions.TabulatedDensity.of_network,
        {"network": nn.Sequential(nn.Flatten(), nn.Linear(6, 1)), "image_shape": SHAPE},
    ),
    "TabulatedDensity.sample": lambda: (
        distributions.TabulatedDensity(SHAPE, torch.randn(64)).sample,
        {},
    ),
    "all_images": lambda: (distributions.all_images, {"image_shape": SHAPE}),
}

LIKELIHOODS = {
    "Bernoulli.distribution": lambda: (likelihoods.Bernoulli().distribution, {"raw": raw()}),
    "Bernoulli.encode": lambda: (
        likelihoods.Bernoulli().encode,
        {"images": levels(), "levels": 17},
    ),
    "Bernoulli.log_volume": lambda: (
        likelihoods.Bernoulli().log_volume,
        {"images": binary().byte(), "levels": 2},
    ),
    "Bernoulli.draw": lambda: (likelihoods.Bernoulli().draw, {"raw": torch.randn(ROWS, 1)}),
    "Beta": lambda: (likelihoods.Beta, {"floor": 0.1}),
    "Beta.distribution": lambda: (likelihoods.Beta().distribution, {"raw": raw(2)}),
    "Categorical": lambda: (likelihoods.Categorical, {"levels": 3}),
    "Categorical.distribution": lambda: (
        likelihoods.Categorical(3).distribution,
        {"raw": raw(3)},
    ),
    "Categorical.mean": lambda: (
        likelihoods.Categorical(3).mean,
        {"distribution": pixels(likelihoods.Categorical(3), 3)},
    ),
    "ContinuousBernoulli.distribution": lambda: (
        likelihoods.ContinuousBernoulli().distribution,
        {"raw": raw()},
    ),
    "Density.encode": lambda: (likelihoods.Beta().encode, {"images": levels(), "levels": 17}),
    "Density.log_volume": lambda: (
        likelihoods.Beta().log_volume,
        {"images": levels(), "levels": 17},
    ),
    "DiscretizedLogisticMixture": lambda: (
        likelihoods.DiscretizedLogisticMixture,
        {"components": 2, "levels": 17},
    ),
    "DiscretizedLogisticMixture.distribution": lambda: (
        likelihoods.DiscretizedLogisticMixture(2, 17).distribution,
        {"raw": raw(6)},
    ),
    "Gaussian": lambda: (likelihoods.Gaussian, {"variance_floor": 1e-6}),
    "Gaussian.distribution": lambda: (likelihoods.Gaussian().distribution, {"raw": raw(2)}),
    "Gaussian.grey": lambda: (likelihoods.Gaussian().grey, {"x": grey()}),
    "HomoscedasticGaussian": lambda: (likelihoods.HomoscedasticGaussian, {"variance": 0.1}),
    "HomoscedasticGaussian.distribution": lambda: (
        likelihoods.HomoscedasticGaussian().distribution,
        {"raw": raw()},
    ),
    "Likelihood.of_images": lambda: (
        likelihoods.Bernoulli().of_images,
        {"raw": raw(), "shape": (ROWS, *SHAPE)},
    ),
    "Likelihood.check_outputs": lambda: (
        likelihoods.Bernoulli().check_outputs,
        {"raw": raw(), "expected": (ROWS, 1, *SHAPE)},
    ),
    "Likelihood.log_volume": lambda: (
        likelihoods.Bernoulli().log_volume,
        {"images": binary().byte(), "levels": 2},
    ),
    "Likelihood.bits_per_pixel": lambda: (
        likelihoods.Beta().bits_per_pixel,
        {"log_prob": torch.zeros(ROWS), "images": levels(), "levels": 17},
    ),
    "Likelihood.grey": lambda: (likelihoods.Beta().grey, {"x": grey()}),
    "Likelihood.mean": lambda: (
        likelihoods.Bernoulli().mean,
        {"distribution": pixels(likelihoods.Bernoulli())},
    ),
    "Likelihood.network_input": lambda: (likelihoods.Beta().network_input, {"x": grey()}),
    "Likelihood.draw": lambda: (likelihoods.Beta().draw, {"raw": torch.randn(ROWS, 2)}),
    "LogitNormal": lambda: (likelihoods.LogitNormal, {"variance_floor": 1e-6}),
    "LogitNormal.distribution": lambda: (likelihoods.LogitNormal().distribution, {"raw": raw(2)}),
    "LogitNormal.mean": lambda: (
        likelihoods.LogitNormal().mean,
        {"distribution": pixels(likelihoods.LogitNormal(), 2)},
    ),
    "Mass.encode": lambda: (
        likelihoods.Categorical(17).encode,
        {"images": levels(), "levels": 17},
    ),
    "Mass.log_volume": lambda: (
        likelihoods.Categorical(17).log_volume,
        {"images": levels(), "levels": 17},
    ),
    "Mass.grey": lambda: (likelihoods.Categorical(17).grey, {"x": levels().float()}),
    "Mass.network_input": lambda: (
        likelihoods.Categorical(17).network_input,
        {"x": levels().float()},
    ),
    "SoftBernoulli.distribution": lambda: (
        likelihoods.SoftBernoulli().distribution,
        {"raw": raw()},
    ),
    "SoftBernoulli.encode": lambda: (
        likelihoods.SoftBernoulli().encode,
        {"images": levels(), "levels": 17},
    ),
    "as_likelihood": lambda: (likelihoods.as_likelihood, {"likelihood": likelihoods.Beta()}),
    "at_least_float32": lambda: (likelihoods.at_least_float32, {"raw": raw()}),
}
