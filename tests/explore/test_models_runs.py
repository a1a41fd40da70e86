"""Folders of runs, whole and damaged, and pictures."""

import json
import os
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

import ppgen
from ppgen.explore.models import run_folder
from ppgen.explore.models.opened import open_named
from ppgen.explore.models.run_folder import RunFolder
from ppgen.explore.models.views.run import _short
from ppgen.explore.pictures import data_uri, heat, tile_at, tiled
from ppgen.models import VAE
from ppgen.plots import MISSING, image_grid


@pytest.fixture
def run(tmp_path):
    """A fit of three epochs with a figure, metrics and a saved model."""
    vae = VAE.mlp((1, 8, 8), latent=2)
    ppgen.fit(vae, torch.zeros(20, 1, 8, 8), epochs=3, out=tmp_path, progress=False)
    ppgen.save(vae, tmp_path / "VAE.pt")
    image_grid(torch.rand(4, 1, 8, 8)).savefig(tmp_path / "elbo.png")
    image_grid(torch.rand(4, 1, 8, 8)).savefig(tmp_path / "samples_after.png")
    (tmp_path / "metrics.json").write_text(json.dumps({"nats": 3.5, "table": {}}))
    (tmp_path / "settings.json").write_text(json.dumps({"command": "python mine.py"}))
    return tmp_path


def test_a_whole_run(run):
    found = RunFolder(run).read()
    assert found.histories["fit"].last == 3
    assert list(found.figures) == ["samples_after.png", "elbo.png"]
    assert [path.name for path in found.models] == ["VAE.pt"]
    assert (found.numbers, found.command, found.problems) == ({"nats": 3.5}, "python mine.py", ())


def test_models_of_a_run_are_opened_with_it(run):
    assert list(open_named([str(run)])) == [str(run), str(run / "VAE.pt")]


def test_a_model_whose_file_is_written_again_is_stale(run):
    (model,) = open_named([str(run / "VAE.pt")]).values()
    assert not model.is_stale
    os.utime(run / "VAE.pt", ns=(1, 1))
    assert model.is_stale
    (trained,) = open_named(["mnist-mixture"]).values()
    assert not trained.is_stale


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_files_that_are_half_written_are_left_out(run, share):
    for path in run.glob("*.*"):
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
    folder = RunFolder(run)
    found = folder.read()
    assert dict(found.figures) == {}
    assert found.problems
    image_grid(torch.rand(4, 1, 8, 8)).savefig(run / "elbo.png")  # now it is whole
    assert list(folder.read().figures) == ["elbo.png"]


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(run):
    (run / "checkpoint.pt").write_bytes(b"half")
    with pytest.warns(UserWarning, match="going on"):
        assert RunFolder(run).read().histories["fit"].last == 2
    (run / "checkpoint.pt").unlink()
    assert RunFolder(run).read().histories["fit"].last == 2


def test_a_folder_that_is_removed(run):
    folder = RunFolder(run)
    for path in run.iterdir():
        path.unlink()
    run.rmdir()
    found = folder.read()
    assert not found.figures
    assert not found.histories
    assert found.gone


def test_a_picture_that_is_too_large_is_named(run, monkeypatch):
    monkeypatch.setattr(run_folder, "LARGEST_PICTURE", (run / "elbo.png").stat().st_size - 1)
    found = RunFolder(run).read()
    assert "elbo.png" not in found.figures
    assert any("elbo.png" in problem for problem in found.problems)


@pytest.mark.parametrize("name", [b"bell\x07.png", b"not utf-8 \xff.png", b"two\nlines.png"])
def test_names_that_are_no_text_are_left_out(run, name):
    (run / "elbo.png").rename(run / os.fsdecode(name))
    found = RunFolder(run).read()
    assert list(found.figures) == ["samples_after.png"]
    assert not found.problems


@pytest.mark.parametrize("value", ["abc", "5", 10**400, None, [1]])
def test_a_damaged_history_is_named(run, value):
    for path in run.glob("checkpoint*"):
        path.unlink()
    epoch = {"number": 1, "elbo": -1.0, "validation": None, "learning_rate": 0.1, "seconds": value}
    (run / "metrics.json").write_text(json.dumps({"history": [epoch]}))
    found = RunFolder(run).read()
    assert not found.histories
    assert "history" in found.problems[0]


def test_a_number_of_many_digits_is_shortened():
    assert _short(10**400) == "1" + 79 * "0" + "…"
    assert (_short(12), _short(0.123456), _short("a text")) == ("12", "0.1235", "a text")


def test_links_out_of_the_folder_are_not_followed(run, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    image_grid(torch.rand(4, 1, 8, 8)).savefig(secret)
    (run / "linked.png").symlink_to(secret)
    (run / "folder").symlink_to(secret.parent)
    assert list(RunFolder(run).read().figures) == ["samples_after.png", "elbo.png"]


def test_an_unchanged_file_is_read_once(run, monkeypatch):
    folder = RunFolder(run)
    first = folder.read()
    monkeypatch.setattr(ppgen.training.checkpoint.Checkpoints, "load", None)
    assert folder.read().histories["fit"] is first.histories["fit"]


def pixels(uri):
    return np.asarray(Image.open(BytesIO(b64decode(uri.partition(",")[2]))))


def test_pictures_are_enlarged_without_smoothing():
    image = torch.tensor([[[0.0, 1.0], [0.5, torch.nan]]])
    shown = pixels(data_uri(image, zoom=3))
    assert shown.shape == (6, 6, 3)
    assert (shown[:3, 3:] == 255).all()
    assert (shown[3:, :3] == 128).all()
    assert pixels(data_uri(image[:, :1])).ndim == 2  # grey, as nothing is missing
    assert (shown[3:, 3:] == np.rint(255 * np.array(MISSING))).all()


def test_tiles_are_found_where_they_are_drawn():
    images = torch.arange(7.0).view(7, 1, 1, 1).expand(7, 1, 3, 4)
    grid = tiled(images, columns=3)
    height, width = grid.shape[-2:]
    for y in range(height):
        for x in range(width):
            if grid[0, y, x] != 0.5:
                found = tile_at((x + 0.5, y + 0.5), 7, 3, (3, 4))
                assert found == grid[0, y, x] or grid[0, y, x] == 0.5
    assert tile_at((1e9, 1e9), 7, 3, (3, 4)) == 6


def test_heat_keeps_what_is_missing():
    shown = heat(torch.tensor([[[0.0, 1.0, torch.nan]]]))
    assert shown[:, 0, 2].isnan().all()
    assert shown[:, 0, :2].isfinite().all()
