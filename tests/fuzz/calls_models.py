"""Valid calls of models and objectives."""

import torch

from ppgen import models, objectives

from .samples import (
    ROWS,
    SHAPE,
    belief_net,
    binary,
    decoder,
    encoder,
    grey,
    karate,
    karate_dyads,
    labels,
    mask,
    mixture,
    nade,
    non_edges,
    position_graph,
    ppca,
    vae,
)

PARTS = {"latent": 2, "likelihood": None}


def autoregressive():
    """A model with labels as its context."""
    return models.AutoregressiveModel(nade(2))


def exact():
    """A belief net with its latents summed out."""
    return models.ExactSigmoidBeliefNet(belief_net())


def latent_graph():
    """A graph with latent positions."""
    return models.LatentPositionGraph(8)


def of(program, method, **arguments):
    """A method of a program and its arguments."""
    return getattr(program, method), arguments


def bound(objective, method="differentiable_loss"):
    """A method of an objective, which runs a program and its guide."""
    program = vae()
    arguments = {"model": program.model, "guide": program.guide, "args": (binary(),)}
    return getattr(objective, method), arguments


MODELS = {
    "PPCA": lambda: (models.PPCA, {"image_shape": SHAPE, "latent": 2}),
    "PPCA.from_images": lambda: (models.PPCA.from_images, {"images": grey(20), "latent": 2}),
    "PPCA.fit_em": lambda: of(
        models.PPCA(SHAPE, 1), "fit_em", images=grey(), observed=mask(), iterations=2
    ),
    "LinearGaussian": lambda: (models.LinearGaussian, {"image_shape": SHAPE, "latent": 2}),
    "LinearGaussian.model": lambda: of(ppca(), "model", n=ROWS),
    "LinearGaussian.guide": lambda: of(ppca(), "guide", x=grey()),
    "LinearGaussian.decode": lambda: of(ppca(), "decode", z=torch.zeros(ROWS, 1)),
    "LinearGaussian.posterior": lambda: of(ppca(), "posterior", x=grey(), observed=mask()),
    "LinearGaussian.log_likelihood": lambda: of(
        ppca(), "log_likelihood", x=grey(), observed=mask()
    ),
    "LinearGaussian.complete": lambda: of(ppca(), "complete", x=grey(), observed=mask()),
    "LinearGaussian.walk": lambda: of(
        ppca(), "walk", z=torch.zeros(1), offsets=torch.linspace(-1, 1, 3)
    ),
    "VAE": lambda: (
        models.VAE,
        {"image_shape": SHAPE, "encoder": encoder(), "decoder": decoder(), **PARTS},
    ),
    "VAE.mlp": lambda: (models.VAE.mlp, {"image_shape": SHAPE, **PARTS, "hidden": [4]}),
    "VAE.convolutional": lambda: (
        models.VAE.convolutional,
        {"image_shape": SHAPE, **PARTS, "channels": [2], "hidden": 3, "blocks": 1},
    ),
    "VAE.model": lambda: of(vae(), "model", n=ROWS),
    "VAE.guide": lambda: of(vae(), "guide", x=binary()),
    "VAE.encoded": lambda: of(vae(), "encoded", x=binary()),
    "VAE.encode": lambda: of(vae(), "encode", x=binary()),
    "VAE.decode": lambda: of(vae(), "decode", z=torch.zeros(ROWS, 2)),
    "VAE.decoded": lambda: of(vae(), "decoded", z=torch.zeros(ROWS, 2)),
    "VAE.image": lambda: of(vae(), "image", distribution=vae().decoded(torch.zeros(ROWS, 2))),
    "VAE.grey": lambda: of(vae(), "grey", x=binary()),
    "HierarchicalVAE": lambda: (
        models.HierarchicalVAE,
        {
            "image_shape": SHAPE,
            "encoder": encoder(),
            "decoder": decoder(),
            **PARTS,
            "above": [2],
            "conditional_hidden": [3],
        },
    ),
    "AutoregressiveModel": lambda: (models.AutoregressiveModel, {"network": nade()}),
    "AutoregressiveModel.model": lambda: of(
        autoregressive(), "model", x=binary(), context=labels()
    ),
    "AutoregressiveModel.distribution": lambda: of(
        autoregressive(), "distribution", context=labels()
    ),
    "AutoregressiveModel.log_likelihood": lambda: of(
        autoregressive(), "log_likelihood", x=binary(), observed=mask(), context=labels()
    ),
    "AutoregressiveModel.complete": lambda: of(
        autoregressive(), "complete", x=binary(), observed=mask(), context=labels()
    ),
    "AutoregressiveModel.grey": lambda: of(autoregressive(), "grey", x=binary()),
    "BernoulliMixture": lambda: (models.BernoulliMixture, {"image_shape": SHAPE, "classes": 2}),
    "BernoulliMixture.model": lambda: of(mixture(), "model", n=ROWS),
    "BernoulliMixture.log_likelihood": lambda: of(
        mixture(), "log_likelihood", x=binary(), observed=mask()
    ),
    "BernoulliMixture.responsibilities": lambda: of(
        mixture(), "responsibilities", x=binary(), observed=mask()
    ),
    "BernoulliMixture.complete": lambda: of(mixture(), "complete", x=binary(), observed=mask()),
    "BernoulliMixture.fit_em": lambda: of(
        mixture(), "fit_em", images=binary(), observed=mask(), iterations=2
    ),
    "SigmoidBeliefNet": lambda: (
        models.SigmoidBeliefNet,
        {"image_shape": SHAPE, "latents": [2], "hidden": [3]},
    ),
    "SigmoidBeliefNet.model": lambda: of(belief_net(), "model", n=ROWS),
    "SigmoidBeliefNet.guide": lambda: of(belief_net(), "guide", x=binary()),
    "SigmoidBeliefNet.distribution": lambda: of(belief_net(), "distribution"),
    "SigmoidBeliefNet.log_likelihood": lambda: of(belief_net(), "log_likelihood", x=binary()),
    "ExactSigmoidBeliefNet": lambda: (models.ExactSigmoidBeliefNet, {"net": belief_net()}),
    "ExactSigmoidBeliefNet.model": lambda: of(exact(), "model", n=ROWS),
    "ExactSigmoidBeliefNet.log_likelihood": lambda: of(exact(), "log_likelihood", x=binary()),
    "Exponential": lambda: (models.Exponential, {"rate": 2.0}),
    "Exponential.model": lambda: of(models.Exponential(), "model", n=ROWS),
    "Exponential.from_data": lambda: (models.Exponential.from_data, {"x": torch.rand(ROWS)}),
    "Exponential.standard_error": lambda: of(models.Exponential(), "standard_error", n=ROWS),
    "KnownPositionGraph": lambda: (
        models.KnownPositionGraph,
        {"known": torch.randn(8, 2), "non_edges": non_edges()},
    ),
    "KnownPositionGraph.observations": lambda: of(position_graph(), "observations", graph=karate()),
    "PositionGraph.observations": lambda: of(latent_graph(), "observations", graph=karate()),
    "PositionGraph.edge": lambda: of(
        latent_graph(),
        "edge",
        positions=torch.randn(8, 2),
        pairs=karate_dyads()["pairs"],
    ),
    "PositionGraph.model": lambda: of(latent_graph(), "model", **karate_dyads()),
    "LatentPositionGraph": lambda: (
        models.LatentPositionGraph,
        {"nodes": 8, "dimensions": 2, "non_edges": non_edges()},
    ),
    "LatentPositionGraph.from_graph": lambda: (
        models.LatentPositionGraph.from_graph,
        {"graph": karate(), "controls": 2},
    ),
    "LatentPositionGraph.guide": lambda: of(latent_graph(), "guide", **karate_dyads()),
    "LinearRegression": lambda: (models.LinearRegression, {"covariates": 2}),
    "LinearRegression.observation": lambda: of(
        models.LinearRegression(2), "observation", predictor=torch.zeros(ROWS)
    ),
    "LinearRegression.from_data": lambda: (
        models.LinearRegression.from_data,
        {"y": torch.randn(ROWS), "design": torch.randn(ROWS, 2)},
    ),
    "LinearRegression.standard_errors": lambda: of(
        models.LinearRegression(2), "standard_errors", design=torch.randn(ROWS, 2)
    ),
    "LogisticRegression": lambda: (models.LogisticRegression, {"covariates": 2}),
    "LogisticRegression.observation": lambda: of(
        models.LogisticRegression(2), "observation", predictor=torch.zeros(ROWS)
    ),
    "Regression.model": lambda: of(
        models.LinearRegression(2), "model", y=torch.randn(ROWS), design=torch.randn(ROWS, 2)
    ),
}

OBJECTIVES = {
    "BetaELBO": lambda: (objectives.BetaELBO, {"beta": 2.0, "free_nats": 0.5}),
    "EnumeratedELBO": lambda: (objectives.EnumeratedELBO, {"num_particles": 2}),
    "ImportanceWeightedELBO": lambda: (objectives.ImportanceWeightedELBO, {"num_particles": 2}),
    "ImportanceWeightedELBO.bounds": lambda: bound(objectives.ImportanceWeightedELBO(2), "bounds"),
    "ImportanceWeightedELBO.differentiable_loss": lambda: bound(
        objectives.ImportanceWeightedELBO(2)
    ),
    "ImportanceWeightedELBO.log_weights": lambda: bound(
        objectives.ImportanceWeightedELBO(2), "log_weights"
    ),
    "MeanFieldELBO": lambda: (objectives.MeanFieldELBO, {"num_particles": 2}),
    "TensorELBO": lambda: (objectives.TensorELBO, {"num_particles": 2}),
    **{
        f"TensorELBO.{method}": lambda method=method: bound(objectives.TensorELBO(), method)
        for method in ("differentiable_loss", "bounds", "per_example", "loss", "loss_and_grads")
    },
    "WakeSleepELBO": lambda: (objectives.WakeSleepELBO, {"num_particles": 2, "insomnia": 0.5}),
    "WakeSleepELBO.differentiable_loss": lambda: bound(objectives.WakeSleepELBO(2, 0.5)),
}
