"""The examples of mixture, belief net, spliced digits and PPCA."""

import json
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imsave

import ppgen
from ppgen.experiments.published import FIGURES

WAYS = {"NVIL", "VIMCO", "wake-sleep"}


@pytest.fixture
def resume(monkeypatch):
    """Return a function that resumes the last run and returns its numbers."""

    def resume(ran, *options):
        monkeypatch.setattr(sys, "argv", [*sys.argv, *options, "--resume"])
        runpy.run_path(sys.argv[0], run_name="__main__")
        return json.loads((ran.folder / "metrics.json").read_text())

    return resume


def test_bernoulli_mixture(run):
    ran = run("bernoulli_mixture", "--iterations", "30")
    metrics = ran.metrics
    assert metrics["untrained_log_likelihood"] == pytest.approx(-44.36, abs=0.5)  # 64 bits
    assert metrics["log_likelihood_after_epoch_1"] > metrics["untrained_log_likelihood"] + 3
    for way in ("em", "svi"):
        assert metrics[f"{way}_test_log_likelihood"] > -27.3  # independent pixels
    assert metrics["right_half_given_left"] > metrics["right_half_log_likelihood"]
    for way in ("EM", "SVI"):
        result = ran.results[f"mixture of 20 Bernoullis, {way}"]
        assert result.nats == -metrics[f"{way.lower()}_test_log_likelihood"]
        assert (f"mixture of 500 Bernoullis, {way}", "binarized_mnist") in FIGURES
        assert result.seconds == metrics[f"{way.lower()}_seconds"]
    assert result.epochs == metrics["svi_epochs"]
    assert ran.results["mixture of 20 Bernoullis, EM"].epochs == metrics["em_iterations"]
    assert metrics["em_seconds_to_svis_best"] is None or (
        0 < metrics["em_seconds_to_svis_best"] <= metrics["em_seconds"]
    )
    assert ran.figures == {"curves", "classes", "samples", "completions"}


def test_bernoulli_mixture_resumed(run, resume):
    few = ["--classes", "3", "--iterations", "2"]
    whole = run("bernoulli_mixture", *few, "--epochs", "4")
    whole.folder.rename(whole.folder.with_name("whole"))
    ran = run("bernoulli_mixture", *few, "--epochs", "2")
    for _ in ("extended", "finished"):
        resumed = resume(ran, "--epochs", "4")
        for name in ("curves", "untrained_log_likelihood", "log_likelihood_after_epoch_1"):
            assert resumed[name] == whole.metrics[name]
        history = resumed["history"]
        assert len(history) == 5
        assert resumed["svi_seconds"] == sum(epoch["seconds"] for epoch in history)
    assert resumed["curves"]["SVI, test"][0] == [0, 1, 2, 3, 4]


def test_log_probabilities(run):
    ran = run("log_probabilities")
    metrics = ran.metrics
    sums, products = metrics["sums_of_logs"], metrics["logs_of_products"]
    assert metrics["counts"][0] == 10
    assert products["float64"][0] == pytest.approx(sums[0])
    assert metrics["counts"][-1] == 1000
    assert products["float64"][-1] is None  # −∞, which JSON cannot represent
    assert sums[-1] == pytest.approx(-1000, abs=100)
    assert metrics["first_underflow"] == {"float32": 200, "float64": 1000}
    assert "-inf" in ran.shown
    assert ran.figures == {"underflow"}


def test_sigmoid_belief_net(run):
    ran = run("sigmoid_belief_net", "--latents", "10", "--small", "4", "--particles", "50")
    small, nets = ran.metrics["small_nets"], ran.metrics["nets"]
    assert small.keys() == {"the likelihood", *WAYS}
    for way, row in small.items():
        # The bound is by one draw for each of 300 images: its error is below 0.1 nats.
        assert ("test_bound" in row) == (way in WAYS)
        if way in WAYS:
            assert row["test_bound"] < row["test_log_likelihood"] + 0.1
        assert row["test_log_likelihood"] > -28.5  # independent pixels and three epochs
    assert len(nets) == 2 * len(WAYS)
    for row in nets.values():
        assert row["test_bound"] < row["test_log_likelihood"] + 0.1
    seconds = ran.metrics["seconds_of_belief_net"]
    assert seconds["12"] > 4 * seconds["4"]  # 256 times the states
    assert "autoregressive, VIMCO" in ran.shown
    of_small = {f"sigmoid belief net 4, {way}": way for way in ("the likelihood",)}
    of_small |= {f"sigmoid belief net 4, factorised, {way}": way for way in WAYS}
    for name, way in of_small.items():
        assert ran.results[name].estimate == "exact"
        assert ran.results[name].nats == -small[way]["test_log_likelihood"]
    for way, row in nets.items():
        result = ran.results[f"sigmoid belief net 10, {way}"]
        assert result.estimate == "50 particles"
        assert result.nats == -row["test_log_likelihood"]
    assert ("sigmoid belief net 200, factorised, NVIL", "binarized_mnist") in FIGURES
    assert ran.figures == {
        "gap", "cost", "causes", "bounds", "samples_factorised", "samples_autoregressive"
    }  # fmt: skip


def test_sigmoid_belief_net_resumed(run, resume):
    some = ["--latents", "10", "--small", "4", "--particles", "5", "--epochs", "2"]
    some += ["--batch-size", "5000", "--guides", "factorised", "--estimators", "VIMCO", "VIMCO"]
    whole = run("sigmoid_belief_net", *some)
    for last in whole.folder.glob("*/checkpoint.pt"):
        if last.parent.name != "small_NVIL":  # this one is finished
            last.unlink()  # like a run that was killed in its last epoch
    resumed = resume(whole)
    for name in ("small_nets", "small_nets_curves", "nets_curves"):
        assert resumed[name] == whole.metrics[name]
    assert resumed["nets_curves"]["factorised, VIMCO"][0] == [0, 1, 2]


def test_measurements_that_are_missing_are_named(run, resume):
    ran = run("bernoulli_mixture", "--epochs", "1", "--iterations", "1")
    (ran.folder / "measured.json").unlink()
    with pytest.raises(SystemExit, match=r"measured.json is missing, so .* cannot be resumed"):
        resume(ran)


def test_frankenstein(run):
    ran = run("frankenstein", "--epochs", "20", "--largest-batch", "12", "--particles", "20")
    metrics = ran.metrics
    assert ran.figures == {"images", "histograms", "power"}
    assert metrics["table"].keys() == metrics["rates"].keys() == {"mixture", "VAE", "MADE"}
    for name, rates in metrics["rates"].items():
        row, power, false_alarms = metrics["table"][name], rates["spliced"], rates["real"]
        assert row["real, nats"] > row["spliced, nats"]
        assert len(power) == len(false_alarms) == 12
        assert power[-1]["value"] > power[0]["value"] + 0.2
        for rate in false_alarms:
            assert rate["value"] == pytest.approx(0.05, abs=4 * rate["standard_error"])
    assert "batch size for 95 % power" in ran.shown


def test_frankenstein_with_a_test_of_typicality(run):
    options = ["--epochs", "1", "--particles", "2", "--largest-batch", "2"]
    metrics = run("frankenstein", *options, "--alternative", "two-sided").metrics
    assert metrics["table"]["mixture"]["batch size for 95 % power"] is None


def test_frankenstein_refuses_faces_for_they_have_no_classes(run):
    pytest.importorskip("skimage")
    with pytest.raises(SystemExit, match="--data faces cannot be spliced: labels is None"):
        run("frankenstein", "--data", "faces")


@pytest.mark.parametrize("data", ["faces", pytest.param("digits", marks=pytest.mark.slow)])
def test_ppca_faces(run, data):
    if data == "faces":
        pytest.importorskip("skimage")
    ran = run("ppca_faces", "--data", data, "--latent", "2")
    metrics = ran.metrics
    assert ran.figures == {
        "dimension", "latents_2d", "latents_3d", "reconstructions", "new_images", "walks",
        "completions", "missing_pixels", "svi",
    }  # fmt: skip
    assert metrics["chosen_latent"] == {"faces": 18, "digits": 50}[data]
    gap = metrics["closed_form_log_likelihood"] - metrics["svi_log_likelihood"]
    gain = metrics["closed_form_log_likelihood"] - metrics["isotropic_log_likelihood"]
    assert 0 <= gap < 0.02 * gain
    assert (
        metrics["held_out_log_likelihood_em"] > metrics["held_out_log_likelihood_mean_imputation"]
    )


def test_pretrained(run):
    ran = run("pretrained")
    records = ppgen.pretrained()
    table = ran.metrics["table"]
    assert table.keys() == records.keys()
    for name, row in table.items():
        assert row["test nats"] == records[name].result.nats
        assert row["nats of digits, 28×28, threshold binarisation"] < 784 * math.log(2)
        assert name in ran.shown
    on_demand = {f"{name}_on_demand" for name, record in records.items() if record.given_labels}
    assert ran.figures == {"samples", "completions", "manifold"} | on_demand


@pytest.fixture
def page():
    """A one in dark ink."""
    page = np.ones((40, 40, 3), dtype=np.float32)
    page[5:35, 18:22] = 0.0
    return page


def test_pretrained_reads_a_drawing_with_ink_of_either_kind(page, tmp_path):
    drawing = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "pretrained.py"))[
        "drawing"
    ]
    read = []
    inked = np.concatenate([0 * page, 1 - page[..., :1]], -1)  # black on a transparent ground
    for name, image in {"dark": page, "light": 1 - page, "transparent": inked}.items():
        imsave(tmp_path / f"{name}.png", image)
        read.append(drawing(tmp_path / f"{name}.png", 1))
    assert read[0].image_shape == (1, 28, 28)
    assert read[0].test.labels.tolist() == [1]
    assert torch.equal(read[0].test.images, read[1].test.images)
    assert torch.equal(read[0].test.images, read[2].test.images)
    white = read[0].binarized("threshold").test.images[0, 0]
    assert white[:, 14].sum() > 15
    assert not white[:, :10].any()


@pytest.mark.slow
def test_pretrained_completes_a_drawing(run, page, tmp_path):
    imsave(tmp_path / "one.png", page)
    ran = run("pretrained", "--drawing", str(tmp_path / "one.png"), "--label", "1")
    name = "nats of a drawing, 28×28, threshold binarisation"
    assert all(name in row for row in ran.metrics["table"].values())
