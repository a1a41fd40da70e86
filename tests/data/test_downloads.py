"""Downloads of MNIST and similar data sets: when they run, and their errors."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from data_files import AMAT_ROWS, FOLDERS, IDX_SIZES, amat_text, random_bits, write_idx, write_npz

from ppgen.data import DataError, load
from ppgen.data.files import AMAT_URL


@pytest.mark.parametrize("name", [*FOLDERS, "binarized_mnist"])
def test_nothing_is_downloaded_unless_asked_for(name, tmp_path, monkeypatch):
    calls = []
    for place in (
        "torchvision.datasets.utils.download_url",
        "torchvision.datasets.mnist.MNIST.download",
    ):
        monkeypatch.setattr(place, lambda *args, **kwargs: calls.append(args))
    with pytest.raises(DataError, match="download=True"):
        load(name, tmp_path)
    assert calls == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*FOLDERS, "binarized_mnist"])
@pytest.mark.parametrize("error", [OSError("no network"), RuntimeError("404"), URLError("refused")])
def test_failed_download_is_a_data_error(name, error, tmp_path, monkeypatch):
    def failing(*args, **kwargs):
        raise error

    monkeypatch.setattr("torchvision.datasets.utils.download_url", failing)
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", failing)
    with pytest.raises(DataError, match=r"no network|404|refused") as caught:
        load(name, tmp_path, download=True)
    assert str(tmp_path) in str(caught.value)


def test_download_of_mnist_fetches_what_is_missing(tmp_path, monkeypatch):
    fetched = []

    def fake(url, download_root, filename, md5):
        fetched.append(filename)
        file = filename.removesuffix(".gz")
        write_idx(Path(download_root, file), IDX_SIZES[file])

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", fake)
    assert len(load("mnist", tmp_path, download=True).test) == 10_000
    assert sorted(fetched) == sorted(f"{file}.gz" for file in IDX_SIZES)


@pytest.mark.usefixtures("few_rows")
def test_download_of_binarized_mnist_fetches_the_three_texts(tmp_path, monkeypatch):
    fetched = []

    def fake(url, root, filename, md5):
        fetched.append((url, md5))
        Path(root, filename).write_text(amat_text(random_bits(AMAT_ROWS[filename])))

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fake)
    binary = load("binarized_mnist", tmp_path, download=True)
    assert np.array_equal(binary.test.images.flatten(1).numpy(), random_bits(2))
    assert fetched == [(AMAT_URL + file, "md5") for file in AMAT_ROWS]


@pytest.mark.usefixtures("few_rows")
def test_nothing_is_downloaded_where_the_packed_file_is_there(tmp_path):
    write_npz(tmp_path)
    assert len(load("binarized_mnist", tmp_path, download=True).train) == 5
