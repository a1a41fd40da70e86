"""The example about faces, run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples/ppca_faces.py"


@pytest.mark.parametrize("data", ["faces", pytest.param("digits", marks=pytest.mark.slow)])
def test_ppca_faces(data, tmp_path):
    if data == "faces":
        pytest.importorskip("skimage")
    options = ["--data", data, "--latent", "2", "--quick"]
    command = [sys.executable, str(EXAMPLE), *options, "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {path.stem for path in tmp_path.glob("*.png")} == {
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
