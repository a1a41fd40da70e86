"""The examples around the variational autoencoder."""

import math
import runpy
from pathlib import Path

import pytest

from ppgen.experiments.published import FIGURES


@pytest.mark.parametrize(
    ("likelihood", "name", "data"),
    [
        ("bernoulli", "VAE, 3 latents", "digits, dynamic binarisation"),
        ("beta", "VAE, 3 latents, beta", "digits, 17 grey levels"),
    ],
)
def test_vae(run, likelihood, name, data):
    options = ["--epochs", "2", "--latent", "3", "--particles", "20"]
    ran = run("vae", *options, "--likelihood", likelihood)
    result = ran.results[name]
    assert (result.data, result.estimate) == (data, "20 particles")
    if likelihood == "bernoulli":
        assert result.nats == -ran.metrics["test_log_likelihood"]
        assert "no bits per pixel" in ran.shown
    else:
        assert result.bits == ran.metrics["test_bits_per_pixel"]
        assert result.nats == pytest.approx(
            64 * math.log(17) - ran.metrics["test_log_likelihood"], rel=1e-5
        )
    assert ("VAE, 50 latents", "mnist, dynamic binarisation") in FIGURES


def test_vae_of_convolutions(run):
    ran = run(
        "vae", "--data", "glyphs", "--network", "convolutional", "--blocks", "1", "--latent", "50",
        "--epochs", "3", "--cosine", "--bfloat16", "--particles", "3", "--images", "20",
    )  # fmt: skip
    (result,) = ran.results.values()
    assert (result.model, "mnist, dynamic binarisation") in FIGURES
    assert (result.data, result.estimate) == ("glyphs", "3 particles, 20 images")
    rates = [epoch["learning_rate"] for epoch in ran.metrics["history"]]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] / 2


def test_vae_of_several_layers_with_a_flow(run):
    ran = run(
        "vae", "--latent", "4", "--above", "3", "2", "--flow", "2", "--epochs", "2",
        "--particles", "10",
    )  # fmt: skip
    assert ran.results.keys() == {"VAE, 4-3-2 latents, flow"}
    # Ten particles gain half a nat on the mean over all test images, more than the noise of draws.
    assert ran.metrics["test_log_likelihood"] > ran.metrics["test_elbo"]
    assert "manifold" not in ran.figures


def test_vae_likelihoods(run):
    some = ["bernoulli", "soft_bernoulli", "categorical", "beta"]
    ran = run("vae_likelihoods", "--likelihoods", *some, "--epochs", "3")
    table, verdict = ran.metrics["table"], ran.metrics["verdict"]
    assert list(table) == some
    for name in ("bernoulli", "soft_bernoulli"):
        assert table[name].keys() == {"none"}
    for name, kind in {"categorical": "mass", "beta": "density"}.items():
        row = table[name]
        assert 1 < row["bits"] < 4.3  # all 17 levels alike: log2 17 = 4.09
        assert row["kind"] == kind
        assert row["z"] >= 0
        of_one_seed = ran.results[f"VAE, 10 latents, {name}"].bits
        of_two = abs(of_one_seed - row["bits"])
        assert row["±"] == pytest.approx(of_two, abs=1e-5)
    assert len(ran.results) == 2
    best = min(("categorical", "beta"), key=lambda name: table[name]["bits"])
    assert f"Best: {best}" in verdict
    assert verdict in ran.shown
    assert ran.figures == {"reconstructions", "samples", "draws"}


def test_vae_likelihoods_of_one_seed(run):
    some = ["--likelihoods", "categorical", "beta", "beta", "--seeds", "1", "--epochs", "1"]
    ran = run("vae_likelihoods", *some, "--particles", "2")
    verdict = ran.metrics["verdict"]
    assert "the next; one seed gives no error" in verdict
    assert "nan" not in verdict
    assert len(ran.results) == 2


@pytest.mark.parametrize(("lead", "chance"), [(4.2, True), (4.4, False)])
def test_vae_likelihoods_know_what_two_seeds_can_tell(lead, chance):
    script = Path(__file__).parents[2] / "examples" / "vae_likelihoods.py"
    verdict = runpy.run_path(str(script))["verdict"]
    row = {"bits": 1.0, "±": 0.06, "kind": "mass"}
    table = {"better": row, "worse": row | {"bits": 1 + 0.1 * lead, "±": 0.08}}
    # Student's t of two degrees of freedom: 4.303; the standard error of the lead: 0.1.
    assert ("chance alone" in verdict(table, {}, seeds=2)) == chance


def test_latent_space(run):
    ran = run("latent_space", "--epochs", "8", "--latent", "11")
    metrics = ran.metrics
    for latent in (2, 11):
        numbers = metrics[f"latent_{latent}"]
        assert 1 <= numbers["active_units"] <= latent
        assert numbers["nearest_neighbours_agree"] > 0.15  # by chance: 0.1
        assert -44.4 < numbers["test_elbo"] < -20
    assert 2 / 11 < metrics["share_of_variance_in_two_components"] < 1
    assert ran.figures == {
        "scatter", "scatter_pca", "manifold", "activity", "interpolations", "interpolations_drawn"
    }  # fmt: skip


@pytest.mark.parametrize("latent", ["1", "2"])
def test_latent_space_refuses_a_second_z_as_small_as_the_first(run, capfd, latent):
    with pytest.raises(SystemExit):
        run("latent_space", "--latent", latent)
    assert f"error: --latent is {latent}; expected 3 or more" in capfd.readouterr().err


@pytest.mark.parametrize("latent", [2, 3])
def test_inference_without_encoder(run, latent):
    options = ["--epochs", "4", "--images", "10", "--latent", str(latent)]
    timing = ["--timing", "10", "--rounds", "1"] if latent == 3 else []
    ran = run("inference_without_encoder", *options, *timing)
    metrics, elbo = ran.metrics, ran.metrics["elbo"]
    assert elbo["fitted from the encoder"] >= elbo["encoder"]
    assert metrics["amortisation_gap"] >= 0
    assert metrics["failed"] == {"fitted from the prior": 0, "fitted from the encoder": 0}
    if latent == 2:  # log p(x) is above every bound, up to the noise of 256 draws
        assert metrics["approximation_gap"] > -0.05
        assert metrics["inference_gap"] == pytest.approx(
            metrics["amortisation_gap"] + metrics["approximation_gap"], abs=1e-4
        )
        assert ran.figures == {"amortisation_gap", "posteriors", "reconstructions"}
    else:
        assert metrics["log_likelihood"] is None
        assert metrics["times_as_fast"] > 1
        assert ran.figures == {"amortisation_gap", "reconstructions"}


def test_completion(run):
    ran = run("completion", "--epochs", "4", "--images", "30")
    metrics, table = ran.metrics, ran.metrics["table"]
    assert table.keys() == {"VAE", "mixture", "MADE"}
    for row in table.values():
        assert -32 * math.log(2) < row["log p(right | left)"] < 0  # 32 fair coins
        assert 0 <= row["read right"] <= 1
        # Predictions of single pixels are worse; those that ignore the left half are worse still.
        assert row["log p(right | left)"] > row["Σ log p(x_i | left)"] - 1
        assert row["Σ log p(x_i | left)"] > row["Σ log p(x_i)"]
    assert table["mixture"]["gain"] > 0.3
    assert table["MADE"]["gain"] is None  # it would have to sum over all left halves
    assert metrics["real_test_images_read_right"] > 0.7
    assert ran.figures == {"completions"}


def test_completion_of_fewer_images_than_a_batch(run):
    options = ["--data", "glyphs", "--epochs", "1", "--images", "5", "--particles", "5"]
    assert run("completion", *options, "--classes", "5").metrics["images"] == 5


def test_how_good_is_the_bound(run):
    options = ["--latents", "2", "10", "--images", "5", "--temperatures", "40", "--epochs", "2"]
    ran = run("how_good_is_the_bound", *options)
    two, ten = ran.metrics["linear_gaussian"].values()
    assert ten["nats of z in x"] > two["nats of z in x"]
    prior = "Monte Carlo from the prior"
    assert abs(two[prior]["1000"]) < 1
    assert ten[prior]["1000"] < -3  # it has not found the posterior
    assert ten[prior]["1"] < ten[prior]["1000"]
    assert abs(ten["importance weights of the guide"]["1000"]) < 0.3
    assert abs(two["annealing, 40 temperatures"]["10"]) < 0.3
    assert ten["annealing, 40 temperatures"]["10"] > ten[prior]["1000"] / 2
    assert ran.figures == {"bounds"}
