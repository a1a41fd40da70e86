"""All likelihoods by name, for scripts and tests."""

from ppgen import likelihoods


def every_likelihood(levels: int) -> dict[str, likelihoods.Likelihood]:
    """Return each likelihood by its name in scripts, for images with ``levels`` grey levels."""
    return {
        "bernoulli": likelihoods.Bernoulli(),
        "soft_bernoulli": likelihoods.SoftBernoulli(),
        "categorical": likelihoods.Categorical(levels),
        "categorical_8": likelihoods.Categorical(min(8, levels)),
        "logistic_mixture": likelihoods.DiscretizedLogisticMixture(components=5, levels=levels),
        "beta": likelihoods.Beta(),
        "continuous_bernoulli": likelihoods.ContinuousBernoulli(),
        "logit_normal": likelihoods.LogitNormal(),
        "gaussian": likelihoods.Gaussian(),
        "homoscedastic_gaussian": likelihoods.HomoscedasticGaussian(),
    }
