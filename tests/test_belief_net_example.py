"""The example of the belief net, run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "sigmoid_belief_net.py"
WAYS = {"NVIL", "VIMCO", "wake-sleep"}


def test_sigmoid_belief_net(tmp_path):
    options = ["--quick", "--latents", "10", "--small", "4", "--particles", "50"]
    command = [sys.executable, str(EXAMPLE), "--out", str(tmp_path), *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    small, nets = metrics["small_nets"], metrics["nets"]
    assert small.keys() == {"the likelihood", *WAYS}
    for row in small.values():
        # By one draw for each of 300 images, whose error is below a tenth of a nat.
        assert row["test_bound"] < row["test_log_likelihood"] + 0.1
        assert row["test_log_likelihood"] > -28.5  # independent pixels and three epochs
    assert len(nets) == 2 * len(WAYS)
    for row in nets.values():
        assert row["test_bound"] < row["test_log_likelihood"] + 0.1
    seconds = metrics["seconds_of_belief_net"]
    assert seconds["12"] > 4 * seconds["4"]  # 256 times the states
    assert "autoregressive, VIMCO" in done.stdout
    figures = {path.stem for path in tmp_path.glob("*.png")}
    assert figures == {
        "gap", "cost", "causes", "bounds", "samples_factorised", "samples_autoregressive"
    }  # fmt: skip
