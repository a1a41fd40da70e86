"""The trained models of the package: each answers as its record says."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from real_data import needs_real

import ppgen
from ppgen import data
from ppgen.experiments import shipped, shipping
from ppgen.experiments.results import Result
from ppgen.experiments.shipped import estimated, probe
from ppgen.inference import elbo
from ppgen.models import AutoregressiveModel, BernoulliMixture, SigmoidBeliefNet
from ppgen.training import CheckpointError, saving
from ppgen.training.saving import PRETRAINED

RECORDS = ppgen.pretrained()
every = pytest.mark.parametrize("name", RECORDS)

ROUNDING = 2e-3
"""Of nats: sums of 784 log-probabilities in single precision, in any order."""


@every
def test_a_model_is_small_and_says_where_it_comes_from(name):
    record = RECORDS[name]
    assert record.size == (PRETRAINED / f"{name}.pt").stat().st_size <= 1_000_000
    program, script, *_ = shlex.split(record.command)
    assert program == "python"
    assert (Path(__file__).parents[2] / script).exists()
    assert record.licence
    assert name in str(record)
    assert record.command in str(record)


def test_records_show_as_a_table():
    header, *rows = repr(RECORDS).splitlines()
    assert header.startswith("name")
    assert [row.split()[0] for row in rows] == list(RECORDS)
    assert max(map(len, rows)) <= 120
    html = RECORDS._repr_html_()
    assert html.count("<tr>") == 1 + len(RECORDS)
    assert all(f"<td>{name}</td>" in html for name in RECORDS)


def test_together_they_are_small():
    assert sum(record.size for record in RECORDS.values()) <= 5_000_000


@every
def test_a_model_answers_as_its_record_says(name):
    record = RECORDS[name]
    program = ppgen.load(name)
    answers = probe(program, record.given_labels)
    assert answers.keys() == record.answers.keys()
    assert answers["nats"] == pytest.approx(record.answers["nats"], abs=ROUNDING)
    # Of 39,200 pixels 39 may fall the other way: their probability lies next to a random number.
    # If draws depend on draws, one of them changes all that follow: then the means are those of two
    # sets of 50 images, whose difference has a standard deviation of 0.01.
    chained = isinstance(program, AutoregressiveModel | SigmoidBeliefNet)
    for what in answers.keys() - {"nats"}:
        bound = 0.05 if chained else 1e-3
        assert answers[what] == pytest.approx(record.answers[what], abs=bound)


@needs_real("MNIST")
@pytest.mark.parametrize(
    "name",  # all test images take a minute by many particles, or by a network
    [pytest.param(n, marks=() if n == "mnist-mixture" else pytest.mark.slow) for n in RECORDS],
)
def test_a_model_has_the_test_nats_of_its_record(name):
    record = RECORDS[name]
    images = data.load("mnist").binarized().test.arguments(record.given_labels)
    estimate = estimated(ppgen.load(name), images, record.particles)
    assert -estimate.mean == pytest.approx(record.result.nats, abs=ROUNDING)
    assert estimate.standard_error == pytest.approx(record.result.standard_error, abs=ROUNDING)


def test_a_model_is_in_the_type_that_torch_makes():
    name = next(iter(RECORDS))
    assert ppgen.load(name).dtype == torch.get_default_dtype()


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = next(iter(RECORDS))
    ppgen.save(BernoulliMixture((1, 8, 8), 3), name)
    assert ppgen.load(name).image_shape == (1, 8, 8)


def test_an_unknown_name_is_refused_with_the_nearest():
    name = next(iter(RECORDS))
    with pytest.raises(CheckpointError, match=f"{name}s is no file, and no .* mean '{name}'"):
        ppgen.load(f"{name}s")


def test_shipping_puts_a_model_of_a_run_among_them(tmp_path, monkeypatch, capsys):
    run, shelf = tmp_path / "run", tmp_path / "weights"
    for module in (shipping, saving, shipped):
        monkeypatch.setattr(module, "PRETRAINED", shelf)
    run.mkdir()
    mixture = BernoulliMixture((1, 28, 28), 3)
    result = Result("mixture", "any", 1.0, 0.1, "exact", None, 9, 1, 0.0, "CPU, 1 thread")
    ppgen.save(mixture, run / result.file)
    settings = {"versions": {}, "machine": "one", "command": "python examples/a.py", "quick": False}
    (run / "settings.json").write_text(json.dumps(settings))
    (run / "metrics.json").write_text(json.dumps({"results": [vars(result)]}))
    digits = data.load("digits").resized(28)
    monkeypatch.setattr(data, "load", lambda *_: digits)
    shipping.main([str(run), "mnist-mixture"])
    assert "mnist-mixture: mixture, " in capsys.readouterr().out
    record = ppgen.pretrained()["mnist-mixture"]
    program = ppgen.load("mnist-mixture")
    expected = elbo(program, digits.binarized().test.images)
    assert record.result == replace(
        result, data=record.result.data, nats=-expected.mean, standard_error=expected.standard_error
    )
    for ours, half in zip(mixture.parameters(), program.parameters(), strict=True):
        assert torch.equal(half, ours.half().float())
