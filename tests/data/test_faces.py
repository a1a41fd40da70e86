"""Faces: from scikit-image, and from files that may be missing, damaged or of another kind."""

import sys

import numpy as np
import pytest
import torch
from real_data import needs_real

from ppgen.data import DataError, load

SHAPES = {"olivetti": (400, 64, 64), "frey": (1965, 28, 20)}
every_file = pytest.mark.parametrize("name", list(SHAPES))


def images(name):
    return np.random.default_rng(0).integers(0, 243, SHAPES[name], dtype=np.uint8)


def parts_of(data):
    return data.train, data.validation, data.test


# faces


@pytest.fixture
def lfw_subset():
    return pytest.importorskip("skimage.data").lfw_subset()


def test_faces_are_the_first_hundred_of_scikit_image(lfw_subset):
    faces = load("faces")
    assert (faces.name, faces.levels, faces.image_shape) == ("faces", 256, (1, 25, 25))
    assert [len(part) for part in parts_of(faces)] == [80, 10, 10]
    ours = torch.cat([part.images for part in parts_of(faces)])
    assert ours.dtype == torch.uint8
    error = ours.squeeze(1).double() / 255 - torch.from_numpy(lfw_subset[:100])
    assert error.abs().max() <= 0.5 / 255 + 1e-12


def test_without_scikit_image_faces_say_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(DataError, match=r"'faces' comes with .*pip install 'pyro-ppgen\[faces\]'"):
        load("faces", tmp_path, download=True)


def test_scikit_image_without_its_file_is_a_data_error(monkeypatch):
    skimage_data = pytest.importorskip("skimage.data")

    def missing():
        raise ModuleNotFoundError("no module named pooch")

    monkeypatch.setattr(skimage_data, "lfw_subset", missing)
    with pytest.raises(DataError, match=r"cannot load it here \(no module named pooch\)"):
        load("faces")


# files


def test_olivetti_parts_share_no_person(tmp_path):
    greys = images("olivetti")
    np.savez(tmp_path / "olivetti_faces.npz", images=greys)
    olivetti = load("olivetti", tmp_path)
    assert (olivetti.name, olivetti.levels, olivetti.image_shape) == ("olivetti", 256, (1, 64, 64))
    people = [part.labels for part in parts_of(olivetti)]
    assert [p.unique().tolist() for p in people] == [
        list(range(30)),
        list(range(30, 35)),
        list(range(35, 40)),
    ]
    assert all((p.bincount()[p.unique()] == 10).all() for p in people)
    ours = torch.cat([part.images for part in parts_of(olivetti)])
    assert np.array_equal(ours.squeeze(1).numpy(), greys)


def test_frey_parts_are_stretches_of_the_film(tmp_path):
    greys = images("frey")
    np.savez(tmp_path / "frey_faces.npz", images=greys)
    frey = load("frey", tmp_path)
    assert [len(part) for part in parts_of(frey)] == [1565, 200, 200]
    assert frey.image_shape == (1, 28, 20)
    assert frey.train.labels is None
    ours = torch.cat([part.images for part in parts_of(frey)])
    assert np.array_equal(ours.squeeze(1).numpy(), greys)


@every_file
def test_missing_files_are_named_with_the_folder(name, tmp_path):
    with pytest.raises(DataError, match="PPGEN_DATA") as caught:
        load(name, tmp_path)
    assert f"{name}_faces.npz not found in {tmp_path}" in str(caught.value)
    assert ("download=True" in str(caught.value)) == (name == "olivetti")


@every_file
@pytest.mark.parametrize(
    "change",
    [
        lambda a: {"faces": a},
        lambda a: {"images": a[:-1]},
        lambda a: {"images": a.reshape(len(a), -1)},
        lambda a: {"images": a.transpose(0, 2, 1)[:, :-1]},
        lambda a: {"images": a / 255},
        lambda a: {"images": np.full(4, None, dtype=object)},
    ],
    ids=["no key", "rows", "flat", "another shape", "floats", "pickle"],
)
def test_foreign_arrays_are_data_errors(name, change, tmp_path):
    path = tmp_path / f"{name}_faces.npz"
    np.savez(path, **change(images(name)))
    with pytest.raises(DataError, match="cannot be read") as caught:
        load(name, tmp_path)
    assert str(path) in str(caught.value)


@every_file
@pytest.mark.parametrize("damage", [b"", b"not a zip file", "cut"], ids=["empty", "text", "cut"])
def test_damaged_files_are_data_errors(name, damage, tmp_path):
    path = tmp_path / f"{name}_faces.npz"
    np.savez(path, images=images(name))
    path.write_bytes(path.read_bytes()[:10_000] if damage == "cut" else damage)
    with pytest.raises(DataError, match="cannot be read") as caught:
        load(name, tmp_path)
    assert str(path) in str(caught.value)


# the download of Olivetti


def fetch_in_place_of_scikit_learn(monkeypatch, fetch):
    monkeypatch.setattr("sklearn.datasets.fetch_olivetti_faces", fetch)


def test_downloaded_faces_are_kept_as_the_grey_levels_they_were(monkeypatch, tmp_path):
    greys = images("olivetti")
    calls = []

    class Bunch:
        images = np.float32(greys) / np.float32(greys.max())

    def fetch(data_home):
        calls.append(data_home)
        return Bunch

    fetch_in_place_of_scikit_learn(monkeypatch, fetch)
    folder = tmp_path / "new"
    for _ in range(2):
        olivetti = load("olivetti", folder, download=True)
        assert np.array_equal(olivetti.train.images.squeeze(1).numpy(), greys[:300])
    assert len(calls) == 1
    assert [path.name for path in folder.iterdir()] == ["olivetti_faces.npz"]


def test_failed_download_is_a_data_error(monkeypatch, tmp_path):
    def fetch(data_home):
        raise OSError("no network")

    fetch_in_place_of_scikit_learn(monkeypatch, fetch)
    with pytest.raises(DataError, match=r"olivetti_faces.npz not found in .* \(no network\)"):
        load("olivetti", tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_downloaded_unless_asked_for(monkeypatch, tmp_path):
    fetch_in_place_of_scikit_learn(monkeypatch, lambda data_home: pytest.fail("a download"))
    with pytest.raises(DataError, match="not found"):
        load("olivetti", tmp_path)


# the real files


@needs_real("olivetti_faces.npz")
def test_real_olivetti():
    greys = torch.cat([part.images for part in parts_of(load("olivetti"))]).double()
    assert greys.mean().item() == pytest.approx(132.38, abs=0.01)
    assert greys.max() == 242


@needs_real("frey_faces.npz")
def test_real_frey():
    greys = torch.cat([part.images for part in parts_of(load("frey"))]).double()
    assert greys.mean().item() == pytest.approx(154.46, abs=0.01)
