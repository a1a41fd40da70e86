"""The examples about autoregressive networks, from independent pixels to the PixelVAE."""

import math
import runpy
from pathlib import Path

import pytest

from ppgen.experiments.published import FIGURES

# Lowest cross-entropy of 26 different letters, nats a pixel.
LETTERS_BY_HEART = math.log(26) / 25

# Relative, of sums of a thousand numbers or fewer, each rounded to 6e-8.
FLOAT32 = 1e-5

SMALL = ["--channels", "8", "--layers", "1", "--epochs", "2"]


def test_independent_pixels(run):
    ran = run("independent_pixels")
    metrics = ran.metrics
    optimum = metrics["training_optimum"]
    assert metrics["training_by_svi"] <= optimum + FLOAT32 * abs(optimum)
    # Not rounding, but the noise of minibatches, from which the average of the weights leaves
    # little: the claim is a tenth of a nat and 0.02.
    assert metrics["training_by_svi"] == pytest.approx(optimum, abs=0.1)
    assert metrics["test_by_svi"] == pytest.approx(metrics["test_closed_form"], abs=0.1)
    assert metrics["largest_difference_of_a_probability"] < 0.02
    # Sums of 64 terms in float64, below 1,000 each.
    assert metrics["largest_difference_to_cross_entropy"] < 1e-9
    assert ran.results["independent pixels"].nats == -metrics["test_by_svi"]
    assert ran.figures == {"pixels"}


def test_glyph_tables(run):
    ran = run("glyph_tables")
    metrics = ran.metrics
    assert metrics["counted_train_nats_a_pixel"] == pytest.approx(LETTERS_BY_HEART, rel=FLOAT32)
    assert metrics["counted_samples_among_training_images"] == 1
    assert LETTERS_BY_HEART < metrics["smoothed_train_nats_a_pixel"] < 0.2
    assert 0.4 < metrics["smoothed_samples_among_training_images"] < 1
    assert metrics["tree_file_bytes"] < 4096 < 2**29 - 16 == metrics["dense_bytes_in_memory"]
    assert metrics["tree_read_back_draws_the_same"]
    assert ran.figures == {"samples_counted", "samples_smoothed"}


def test_glyph_tables_of_digits_know_no_test_image(run):
    metrics = run("glyph_tables", "--data", "digits").metrics
    assert metrics["counted_samples_among_training_images"] == 1
    assert metrics["test_images_among_training_images"] == 0
    assert math.log(2) * 2 > metrics["smoothed_test_nats_a_pixel"] > 0.4
    assert metrics["tree_read_back_draws_the_same"]


@pytest.mark.slow
def test_glyph_tables_are_written_and_read_whole(run):
    ran = run("glyph_tables", quick=False)
    metrics = ran.metrics
    assert metrics["dense_read_back_draws_the_same"]
    assert (ran.folder / "tables.pkl.gz").stat().st_size == metrics["dense_file_bytes"]


def test_glyph_lstm(run):
    ran = run("glyph_lstm", "--hidden", "64", "--device", "cpu")
    metrics = ran.metrics
    assert metrics["best_train_nats_a_pixel"] == pytest.approx(LETTERS_BY_HEART, rel=FLOAT32)
    assert LETTERS_BY_HEART < metrics["training_nats_a_pixel"] < 0.4
    assert metrics["history"][0]["validation"] < -0.6 * 25
    assert ran.results["LSTM"].data == "glyphs"
    assert ran.results["LSTM"].nats == pytest.approx(25 * metrics["test_nats_a_pixel"])
    assert ran.figures == {"loss", "samples", "images"}


def test_glyph_lstm_on_grey_images(run):
    options = ["--epochs", "1", "--hidden", "16", "--data", "digits", "--device", "cpu"]
    ran = run("glyph_lstm", *options)
    metrics, result = ran.metrics, ran.results["LSTM"]
    assert (result.data, result.bits) == ("digits, dynamic binarisation", None)
    assert metrics["test_nats_a_pixel"] < math.log(2) + 0.1
    assert "best_train_nats_a_pixel" not in metrics


@pytest.mark.slow
def test_glyph_lstm_learns_the_letters_by_heart(run):
    metrics = run("glyph_lstm", "--device", "cpu", quick=False).metrics
    assert metrics["epochs"] == 400
    assert LETTERS_BY_HEART < metrics["training_nats_a_pixel"] < LETTERS_BY_HEART + 0.001
    assert metrics["samples_among_training_images"] > 0.95


def test_made_masks(run):
    ran = run("made_masks")
    metrics = ran.metrics
    assert metrics["factorisation"] == "p(x2) p(x4 | x2) p(x1 | x2, x4) p(x3 | x2, x4, x1)"
    assert metrics["degrees"] == [[3, 1, 4, 2], [1, 1, 2, 2, 3, 3]]
    assert metrics["masks"][0] == [[0, 1, 0, 0]] * 2 + [[0, 1, 0, 1]] * 2 + [[1, 1, 0, 1]] * 2
    assert metrics["largest_forbidden_entry"] == 0
    assert metrics["smallest_allowed_entry"] > 0.01
    assert ran.figures == {"network", "masks", "jacobian"}


def test_made_masks_of_two_layers_and_another_ordering(run):
    options = ["--ordering", "3", "1", "2", "5", "4", "--hidden", "8", "4"]
    metrics = run("made_masks", *options).metrics
    assert [len(mask) for mask in metrics["masks"]] == [8, 4, 5]
    assert metrics["largest_forbidden_entry"] == 0


def test_made_masks_refuses_what_is_no_ordering(run):
    with pytest.raises(SystemExit, match="ordering is"):
        run("made_masks", "--ordering", "1", "2", "2")


def test_nade_vs_made(run):
    ran = run("nade_vs_made", "--hidden", "50")
    table = ran.metrics["table"]
    assert table.keys() == {"NADE", "MADE"}
    for column in table.values():
        assert 15 < column["test nats"] < 30  # independent pixels: 27.4
        assert column["parameters"] > 2 * 64 * 50
        assert column["seconds an epoch"] > 0
        assert column["seconds for 100 samples"] > 0
    assert ran.results.keys() == table.keys()
    for name, result in ran.results.items():
        assert result.data == "digits, fixed binarisation"
        assert result.bits == pytest.approx(result.nats / (64 * math.log(2)))
        assert (name, "binarized_mnist") in FIGURES
    assert "test nats" in ran.shown
    assert ran.figures == {"samples"}


def test_nade_vs_made_with_several_orderings_and_dynamic_binarisation(run):
    options = ["--epochs", "2", "--hidden", "20", "--masks", "3", "--random-orderings"]
    ran = run("nade_vs_made", *options, "--binarisation", "dynamic")
    assert ran.metrics["binarisation"] == "dynamic"
    assert ran.results.keys() == {"NADE", "MADE, 3 masks"}
    for name, column in zip(ran.results, ran.metrics["table"].values(), strict=True):
        # Two means of 300 images at 5 standard errors: false alarms below 1e-6.
        error = math.sqrt(2) * ran.results[name].standard_error
        assert column["its validation nats"] == pytest.approx(column["test nats"], abs=5 * error)


def test_nade_vs_made_trains_a_network_named_twice_once(run):
    options = ["--epochs", "1", "--hidden", "5", "--networks", "MADE", "NADE", "MADE"]
    assert list(run("nade_vs_made", *options).metrics["table"]) == ["MADE", "NADE"]


def test_made_alone_in_half_precision(run):
    ran = run("nade_vs_made", "--epochs", "1", "--networks", "MADE", "--bfloat16")
    assert ran.results.keys() == ran.metrics["table"].keys() == {"MADE"}


def test_ensemble(run):
    ran = run("ensemble", "--orderings", "3", "--hidden", "30", "--dropout", "0.1")
    each, mixtures = ran.metrics["nats_of_each"], ran.metrics["nats_of_mixtures"]
    assert mixtures[0] == each[0]
    # Jensen's inequality.
    assert all(nats < sum(each[:k]) / k for k, nats in enumerate(mixtures[1:], start=2))
    assert ran.results.keys() == {"MADE", "3 MADEs"}
    # By the distribution, and from the members' log-probabilities.
    assert ran.results["3 MADEs"].nats == pytest.approx(mixtures[-1], rel=FLOAT32)
    assert ran.results["3 MADEs"].epochs == 3 * ran.results["MADE"].epochs
    assert ran.figures == {"nats", "samples"}


def test_pixelcnn(run):
    ran = run("pixelcnn", *SMALL, "--epochs", "6")
    metrics = ran.metrics
    assert "Traceback" not in ran.complaints
    assert metrics["levels"] == 2
    assert 15 < metrics["test_nats"] < 40  # fair coins: 44.4
    bits = metrics["test_nats"] / (64 * math.log(2))
    assert metrics["test_bits_per_pixel"] == pytest.approx(bits)
    assert ran.results["PixelCNN"].parameters == metrics["parameters"]
    assert ("PixelCNN", "binarized_mnist") in FIGURES
    assert ran.figures == {"likelihood", "samples", "completions"}


def test_pixelcnn_gated_with_labels_and_all_levels(run):
    options = [*SMALL, "--conditional", "--network", "GatedPixelCNN", "--levels", "256"]
    options += ["--judged", "10"]
    ran = run("pixelcnn", *options)
    metrics = ran.metrics
    assert "Traceback" not in ran.complaints
    assert metrics["levels"] == 17  # the data has no more
    assert 1 < metrics["test_bits_per_pixel"] < 4.1  # all levels alike: log2 17
    assert metrics["real_test_images_read_right"] > 0.95
    assert 0 <= metrics["samples_read_as_wished"] <= 1
    assert metrics["samples_judged"] == 100
    result = ran.results["GatedPixelCNN given labels"]
    assert result.data == "digits, 17 grey levels"
    assert result.nats == metrics["test_nats"]
    assert ran.figures == {"likelihood", "samples", "completions"}


def test_pixelcnn_by_a_transformer_that_sees_the_pixels_around(run):
    ran = run("pixelcnn", *SMALL, "--network", "Transformer", "--span", "16", "--epochs", "6")
    assert 15 < ran.results["Transformer"].nats < 40  # fair coins: 44.4


def test_pixelcnn_of_fewer_images_than_a_batch(run):
    options = [*SMALL, "--data", "glyphs", "--epochs", "1", "--conditional", "--judged", "10"]
    assert run("pixelcnn", *options).metrics["samples_judged"] == 260


def test_pixelcnn_refuses_a_single_level(run, capfd):
    with pytest.raises(SystemExit):
        run("pixelcnn", "--levels", "1")
    assert "error: --levels is 1; expected 2 or more" in capfd.readouterr().err


@pytest.mark.parametrize("network", ["LSTM", pytest.param("Transformer", marks=pytest.mark.slow)])
def test_text(network, run):
    ran = run("text", "--network", network, "--width", "32", "--epochs", "1")
    metrics = ran.metrics
    characters = 96
    assert 1 < metrics["bits_a_character"] < math.log2(characters)
    ngrams = metrics["bits_a_character_of_ngrams"]
    assert all(1 < bits < math.log2(characters) for part in ngrams.values() for bits in part)
    best = metrics["best_ngram"]
    assert ngrams["validation"][best - 1] == min(ngrams["validation"])
    assert metrics["bits_a_character_of_the_best_ngram"] == ngrams["test"][best - 1]
    assert [len(line) for line in metrics["samples"]] == [128] * 5
    assert f"{best}-grams, Witten and Bell" in ran.results
    assert ran.figures == {"bits"}


def test_ngrams_are_distributions():
    script = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "text.py"))
    ngrams = script["NGrams"]([b"ABCABD", b"BBCA"], order=3)
    for before in (b"", b"A", b"AB", b"XA", b"BC", b"XYZ"):
        each = [ngrams.log_prob(before + bytes([s]), 3) for s in range(script["SYMBOLS"])]
        assert sum(map(math.exp, each)) == pytest.approx(math.exp(ngrams.log_prob(before, 3)))
    assert math.exp(ngrams.log_prob(b"C", 1)) == pytest.approx((2 + 4 / 96) / (10 + 4))


def test_pixelvae(run):
    ran = run("pixelvae", *SMALL)
    table = ran.metrics["table"]
    assert "Traceback" not in ran.complaints
    assert table.keys() == {"independent", "FVSBN", "PixelCNN"}
    for row in table.values():
        assert row["bound"] == pytest.approx(row["reconstruction"] - row["KL"])
        assert row["KL"] >= -FLOAT32
        assert row["collapsed"] == (row["KL"] < 1)
    assert "reconstruction − KL" in ran.shown
    assert ran.results.keys() == {f"PixelVAE, {name}" for name in table}
    assert ran.figures == {"samples", "reconstructions"}


def test_pixelvae_of_fewer_images_than_a_batch(run):
    options = [*SMALL, "--data", "glyphs", "--epochs", "1"]
    assert len(run("pixelvae", *options).results) == 3
