"""The README's promises: its model is the file that runs, and its commands are what it says."""

import json
import re
import runpy
import sys
from pathlib import Path

import pyro
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs a script in an empty folder, and returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_script(name, *options):
        script = ROOT / "examples" / name
        monkeypatch.setattr(sys, "argv", [str(script), *options])
        runpy.run_path(str(script), run_name="__main__")
        return capsys.readouterr().out

    return run_script


def test_the_readme_shows_the_file_of_ones_own_model_whole():
    assert f"```python\n{(ROOT / 'examples/my_model.py').read_text()}```" in README


def test_that_file_runs_and_resumes(tmp_path, run):
    first = run("my_model.py")
    assert re.search(r"bound -2\d\.\d+ ± 0\.\d+ nats log-likelihood -2\d\.\d+ ± 0", first)
    made = {path.name for path in (tmp_path / "runs/my_model").iterdir()}
    checkpoints = {"checkpoint.pt", "checkpoint.previous.pt", "checkpoint.lock"}
    assert made == {*checkpoints, "samples.png"}
    pyro.set_rng_seed(0)
    assert run("my_model.py") == first


def test_the_vae_example_leaves_figures_numbers_checkpoint_and_settings(tmp_path, run):
    shown = run("vae.py", "--quick")
    folder = tmp_path / "runs/vae"
    assert shown.splitlines()[-1].endswith("runs/vae")
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.pt", "checkpoint.previous.pt", "checkpoint.lock", "settings.json",
        "metrics.json", "elbo.png", "samples_before.png", "samples_halfway.png",
        "samples_after.png", "reconstructions.png", "manifold.png", "overview.png",
        "VAE-2-latents.pt",
    }  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test_elbo"] <= metrics["test_log_likelihood"] + 0.1
    assert metrics["test_elbo"] > metrics["untrained_validation_elbo"] + 10
    assert json.loads((folder / "settings.json").read_text())["data"] == "digits"


def test_both_commands_set_up_everything():
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[0].endswith("examples/vae.py")
    assert commands[1].endswith("-m pytest -n 2")
    assert all("pip install" in command for command in commands)


def test_links_and_files_that_the_readme_names_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
    for script in re.findall(r"`((?:examples|benchmarks)/\w+\.py)`", README):
        assert (ROOT / script).exists(), script
