"""Names and folders of data sets, and errors of unknown names and missing files."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from data_files import AMAT_ROWS, FOLDERS, IDX_SIZES, idx_header, random_bits, write_npz

from ppgen.data import DataError, load


@pytest.mark.parametrize(
    ("name", "near"), [("digit", "digits"), ("fashion-mnist", "fashion_mnist")]
)
def test_unknown_name_gets_the_names_and_the_nearest(name, near):
    with pytest.raises(DataError) as caught:
        load(name)
    assert str(caught.value).startswith(f"name is {name!r}; expected one of digits, mnist, ")
    assert str(caught.value).endswith(f"did you mean {near!r}?")


def test_unknown_name_without_a_near_one_gets_no_hint():
    with pytest.raises(DataError, match="expected one of digits") as caught:
        load("zzzzz")
    assert "did you mean" not in str(caught.value)


def assert_says_what_is_missing(error, name, folder, files):
    message = str(error)
    for part in (repr(name), str(folder), "not found", "--data-root", "PPGEN_DATA", "--download"):
        assert part in message
    for file in files:
        assert file in message


@pytest.mark.parametrize("name", list(FOLDERS))
def test_missing_files_are_named_with_the_folder_and_what_to_do(name, tmp_path):
    with pytest.raises(DataError) as caught:
        load(name, tmp_path)
    folder = tmp_path / FOLDERS[name] / "raw"
    train = [file for file in IDX_SIZES if file.startswith("train")]
    assert_says_what_is_missing(caught.value, name, folder, train)


@pytest.mark.parametrize("missing", list(IDX_SIZES))
def test_one_missing_file_is_named_alone(missing, mnist_folder):
    folder = mnist_folder / "MNIST" / "raw"
    (folder / missing).unlink()
    with pytest.raises(DataError) as caught:
        load("mnist", mnist_folder)
    assert_says_what_is_missing(caught.value, "mnist", folder, [missing])
    assert not any(file in str(caught.value) for file in IDX_SIZES if file != missing)


def test_compressed_files_alone_do_not_count(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for file, shape in IDX_SIZES.items():
        (folder / f"{file}.gz").write_bytes(gzip.compress(idx_header(shape)))
    with pytest.raises(DataError, match="not found"):
        load("mnist", tmp_path)


def test_missing_binarized_mnist_names_both_forms(tmp_path):
    with pytest.raises(DataError) as caught:
        load("binarized_mnist", tmp_path)
    files = [*AMAT_ROWS, "binarized_mnist.npz"]
    assert_says_what_is_missing(caught.value, "binarized_mnist", tmp_path, files)


def test_folder_is_root_else_the_environment_else_the_cache(tmp_path, monkeypatch):
    home, environment, root = (tmp_path / name for name in ("home", "environment", "root"))
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.delenv("PPGEN_DATA", raising=False)

    def searched(*args):
        with pytest.raises(DataError) as caught:
            load("binarized_mnist", *args)
        return str(caught.value)

    assert f"not found in {home / '.cache' / 'ppgen'};" in searched()
    monkeypatch.setenv("PPGEN_DATA", str(environment))
    assert f"not found in {environment};" in searched()
    assert f"not found in {root};" in searched(root)
    assert f"not found in {root};" in searched(str(root))


@pytest.mark.usefixtures("few_rows")
def test_files_are_read_from_the_environment_s_folder_unless_root_is_given(tmp_path, monkeypatch):
    environment, root = tmp_path / "environment", tmp_path / "root"
    for seed, folder in enumerate((environment, root)):
        folder.mkdir()
        write_npz(folder, seed)
    monkeypatch.setenv("PPGEN_DATA", str(environment))
    for seed, args in enumerate([(), (root,)]):
        images = load("binarized_mnist", *args).train.images
        assert np.array_equal(images.flatten(1).numpy(), random_bits(5, seed))
