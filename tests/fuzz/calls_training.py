"""Valid calls of data, training and inference."""

from pathlib import Path

import torch
from matplotlib.figure import Figure

import ppgen
from ppgen import data, inference, models, training

from .samples import (
    ROWS,
    binary,
    dataset,
    karate,
    labels,
    levels,
    mask,
    pairs,
    ppca,
    regression,
    saved,
    vae,
)

QUICK = {"steps": 3, "particles": 2, "seed": 0}


def history():
    """Two epochs of a fit."""
    rows = [
        {"number": n, "elbo": None, "validation": 0.0, "seconds": 0.0, "learning_rate": 0.1}
        for n in range(2)
    ]
    return training.History.from_list(rows)


def batch_test():
    """A test of batches."""
    return inference.BatchTest(torch.randn(20), batch_size=3, resamples=100)


def concave(point):
    """A function with one maximum."""
    return (point.log() - 2 * point).sum()


def maximum_likelihood():
    """A program at its maximum likelihood."""
    program = models.Exponential().double()
    return inference.maximum_likelihood(program, torch.rand(ROWS, dtype=torch.float64))


def guide_of(program):
    """The guide of a program."""
    return {"program": program, "guide": program.guide}


DATA = {
    "Dataset": lambda: (
        data.Dataset,
        {"name": "tiny", "levels": 17}
        | {part: data.Part(levels()) for part in ("train", "validation", "test")},
    ),
    "Dataset.binarized": lambda: (dataset().binarized, {"method": "fixed"}),
    "Dataset.resized": lambda: (dataset().resized, {"size": 12, "margin": 1}),
    "Part": lambda: (data.Part, {"images": levels(), "labels": labels()}),
    "Part.arguments": lambda: (data.Part(levels(), labels()).arguments, {"labelled": True}),
    "Part.slice": lambda: (data.Part(levels()).slice, {"start": 1, "stop": 3}),
    "Part.spread": lambda: (data.Part(levels()).spread, {"n": 3}),
    "Setting": lambda: (data.Setting, {"value": 3}),
    "load": lambda: (data.load, {"name": "glyphs"}),
    "spliced": lambda: (data.spliced, {"images": levels(), "labels": labels(), "n": 3}),
}

TRAINING = {
    "History.stale": lambda: (history().stale, {"patience": 3}),
    "History.column": lambda: (history().column, {"name": "validation"}),
    "History.plot": lambda: (history().plot, {"axes": Figure().add_subplot()}),
    "History.from_list": lambda: (training.History.from_list, {"rows": history().to_list()}),
    "fit": lambda: (
        training.fit,
        {
            "program": vae(),
            "data": binary(12),
            "validation": binary(),
            "epochs": 1,
            "batch_size": 6,
            "compile": "off",
            "device": "cpu",
            "out": Path("run"),
            "progress": False,
        },
    ),
    "load": lambda: (training.load, {"path": saved(), "program": vae(), "data": binary()}),
    "save": lambda: (training.save, {"program": vae(), "path": Path("program.pt")}),
}

INFERENCE = {
    "BatchTest": lambda: (
        inference.BatchTest,
        {"held_out": torch.randn(20), "batch_size": 3, "resamples": 100},
    ),
    "BatchTest.p_value": lambda: (batch_test().p_value, {"scores": torch.randn(3)}),
    "BatchTest.rejects": lambda: (batch_test().rejects, {"scores": torch.randn(3)}),
    "BatchTest.rejection_rate": lambda: (
        batch_test().rejection_rate,
        {"scores": torch.randn(9), "batches": 6},
    ),
    "L2Penalty": lambda: (inference.L2Penalty, {"strength": 0.5}),
    "L2Penalty.weight_decay": lambda: (inference.L2Penalty(0.5).weight_decay, {"n": 9}),
    "MaximumLikelihood.standard_error": lambda: (
        maximum_likelihood().standard_error,
        {"quantity": lambda program: program.rate},
    ),
    "ais": lambda: (
        inference.ais,
        {"program": vae(), "data": binary(), "chains": 2, "temperatures": 2, "leapfrogs": 2},
    ),
    "complete": lambda: (
        inference.complete,
        {
            "program": vae(),
            "x": binary(),
            "observed": mask(),
            "particles": 2,
            "options": {"steps": 3},
        },
    ),
    "elbo": lambda: (inference.elbo, {"program": vae(), "data": binary(), "batch_size": 3}),
    "fit_latents": lambda: (
        inference.fit_latents,
        {"program": vae(), "x": binary(), "observed": mask(), **QUICK},
    ),
    "goodness_of_fit": lambda: (
        inference.goodness_of_fit,
        {"observed": karate(), "drawn": [karate(), karate()]},
    ),
    "iwae": lambda: (inference.iwae, {"program": vae(), "data": binary(), "particles": 2}),
    "log_evidence": lambda: (
        inference.log_evidence,
        {**guide_of(vae()), "x": binary(), "observed": mask(), "particles": 2},
    ),
    "log_predictive": lambda: (
        inference.log_predictive,
        {"program": regression(), "data": pairs(), "draws": 2},
    ),
    "maximise": lambda: (
        inference.maximise,
        {"function": concave, "start": torch.ones(2, dtype=torch.float64)},
    ),
    "maximum_likelihood": lambda: (
        inference.maximum_likelihood,
        {
            "program": models.Exponential().double(),
            "data": torch.rand(ROWS, dtype=torch.float64),
        },
    ),
    "posterior": lambda: (inference.posterior, {"program": vae(), "data": binary()}),
    "predict": lambda: (inference.predict, {"program": regression(), "data": pairs()}),
    "reconstruct": lambda: (inference.reconstruct, {"program": vae(), "x": binary()}),
    "sample": lambda: (inference.sample, {"program": vae(), "n": 3}),
}

PPGEN = {
    "as_program": lambda: (ppgen.as_program, {"program": vae(), "objective": vae().objective}),
    "Program.image": lambda: (
        ppca().image,
        {"distribution": vae().decoded(torch.zeros(ROWS, 2))},
    ),
    "Program.grey": lambda: (ppca().grey, {"x": binary()}),
}
