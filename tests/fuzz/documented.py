"""What the documentation of a parameter says and its annotation does not: ranges and choices."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Numbers from ``least`` to ``most``, without the ends if ``open``."""

    least: float = -math.inf
    most: float = math.inf
    open: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number lies within."""
        if self.open:
            return self.least < value < self.most
        return self.least <= value <= self.most


ANY, SIZE, COUNT, TWO = Range(), Range(1), Range(0), Range(2)
POSITIVE, NOT_NEGATIVE = Range(0, open=True), Range(0)
BETWEEN, SHARE = Range(0, 1, open=True), Range(0, 1)

RANGES: dict[str, Range] = {
    **dict.fromkeys(
        (
            *("batch_size", "batches", "chains", "channels", "chunk", "classes", "colours"),
            *("columns", "components", "controls", "covariates", "dimensions", "draws", "heads"),
            *("hidden", "in_channels", "kernel_size", "latent", "latents", "layers", "leapfrogs"),
            *("masks", "n", "num_particles", "out_channels", "pairs", "particles", "patience"),
            *("record_every", "resamples", "size", "temperatures", "width", "image_shape", "shape"),
            "window",
            *("above", "conditional_hidden"),
        ),
        SIZE,
    ),
    **dict.fromkeys(
        (
            *("blocks", "context_size", "epochs", "halvings", "iterations", "limit", "most"),
            *("max_iterations", "permutations", "pixels", "seed", "steps", "full", "quick"),
            "margin",
        ),
        COUNT,
    ),
    **dict.fromkeys(("levels", "nodes"), TWO),
    **dict.fromkeys(
        (
            *("clip_norm", "floor", "learning_rate", "lr", "memory", "rate", "step_size"),
            *("strength", "variance", "variance_floor"),
        ),
        POSITIVE,
    ),
    **dict.fromkeys(
        (*("beta", "class_pseudo_count", "free_nats", "pixel_pseudo_count", "pseudo_count"),),
        NOT_NEGATIVE,
    ),
    **dict.fromkeys(("average", "density", "false_alarm_rate", "level"), BETWEEN),
    "insomnia": SHARE,
    "data.Part.spread:n": COUNT,
    "autoregressive.AutoregressiveNetwork.ancestral_sample:n": COUNT,
    "objectives.ImportanceWeightedELBO:num_particles": TWO,
    "objectives.WakeSleepELBO:num_particles": TWO,
    "plots.manifold:steps": SIZE,
    "plots.manifold:latent": TWO,
    "plots.manifold:dimensions": COUNT,
    "autoregressive.PixelCNN:channels": TWO,
    "autoregressive.check_ordering:ordering": COUNT,
    "autoregressive.masks:ordering": COUNT,
}
"""Ranges of numbers by the names of parameters; those of a single target come last."""

CHOICES = {
    "data.load:name": ("digits", "glyphs"),
    "data.Dataset.binarized:method": ("fixed", "threshold"),
    "graph.DAG.from_program:latent": ("none", "unobserved"),
    "graph.DAG.export:format": ("text", "dagitty", "dot", "graphml", "tikz"),
    "graph.DAG.read:format": ("text", "dagitty", "dot", "graphml", "bif", "lists"),
    "graph.DAG.write:format": ("text", "dagitty", "dot", "graphml", "tikz"),
    "graph.DAG.test:kind": ("discrete", "gaussian", "mixed", "nonlinear", "auto"),
    "training.History.column:name": ("elbo", "validation", "seconds", "steps"),
    "training.fit:device": ("auto", "cpu", "cuda"),
    "distributions.CountImages.counts_proportional:device": ("cpu"),
    "distributions.CountImages.images_proportional:device": ("cpu"),
    "distributions.all_images:device": ("cpu",),
    "plots.manifold:device": ("cpu",),
}
"""Strings that are choices although they are annotated as strings."""
