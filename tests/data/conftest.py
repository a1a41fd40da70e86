"""No network for any data set, and small folders of files."""

import socket

import pytest
from data_files import AMAT_ROWS, IDX_SIZES, write_idx


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Fail if a test would use the network."""

    def forbidden(*args, **kwargs):
        pytest.fail(f"a download was tried: {args}")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", forbidden)
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", forbidden)
    monkeypatch.setattr(socket.socket, "connect", forbidden)


@pytest.fixture
def few_rows(monkeypatch):
    """Let binarized MNIST have 5, 3 and 2 images."""
    few = {file: (rows, "md5") for file, rows in AMAT_ROWS.items()}
    monkeypatch.setattr("ppgen.data.files.AMAT_FILES", few)


@pytest.fixture
def mnist_folder(tmp_path):
    """All four files of MNIST, in the right sizes, empty images of class 0."""
    for name, shape in IDX_SIZES.items():
        write_idx(tmp_path / "MNIST" / "raw" / name, shape)
    return tmp_path
