"""MNIST in torchvision's layout: its split, damaged files, the real ones."""

import numpy as np
import pytest
import torch
from data_files import IDX_SIZES, idx_header, write_idx
from real_data import needs_real

from ppgen.data import DataError, load


def test_mnist_is_read_and_its_last_training_images_validate(mnist_folder):
    raw = mnist_folder / "MNIST" / "raw"
    with (raw / "train-images-idx3-ubyte").open("r+b") as file:
        file.seek(16 + 50_000 * 784 + 1)
        file.write(b"\xff")
    with (raw / "train-labels-idx1-ubyte").open("r+b") as file:
        file.seek(8 + 50_000)
        file.write(b"\x07")
    mnist = load("mnist", mnist_folder)
    parts = (mnist.train, mnist.validation, mnist.test)
    assert (mnist.name, mnist.levels, mnist.image_shape) == ("mnist", 256, (1, 28, 28))
    assert [len(part.images) for part in parts] == [50_000, 10_000, 10_000]
    assert [len(part.labels) for part in parts] == [50_000, 10_000, 10_000]
    assert [part.images.max().item() for part in parts] == [0, 255, 0]
    assert mnist.validation.images[0, 0, 0, 1] == 255
    assert mnist.validation.labels[0] == 7
    assert mnist.validation.labels.dtype == torch.int64


def fewer(path, shape):
    write_idx(path, (10, *shape[1:]))


def truncated(path, shape):
    path.write_bytes(idx_header(shape) + bytes(1000))


def header_alone(path, shape):
    path.write_bytes(idx_header(shape))


def random_bytes(path, shape):
    path.write_bytes(np.random.default_rng(0).bytes(2000))


def other_type(path, shape):
    path.write_bytes(bytes([0, 0, 0x0D]) + idx_header(shape)[3:] + bytes(4 * 784))


def empty(path, shape):
    path.write_bytes(b"")


DAMAGES = [fewer, truncated, header_alone, random_bytes, other_type, empty]


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", list(IDX_SIZES))
def test_damaged_mnist_is_a_data_error_that_names_the_file(file, damage, mnist_folder):
    path = mnist_folder / "MNIST" / "raw" / file
    damage(path, IDX_SIZES[file])
    with pytest.raises(DataError) as caught:
        load("mnist", mnist_folder)
    assert str(path) in str(caught.value)
    assert "cannot be read" in str(caught.value)


def test_images_of_another_size_are_refused(mnist_folder):
    path = mnist_folder / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    write_idx(path, (10_000, 14, 14))
    with pytest.raises(DataError, match="14, 14") as caught:
        load("mnist", mnist_folder)
    assert str(path) in str(caught.value)


@needs_real("MNIST/raw/t10k-labels-idx1-ubyte")
def test_real_mnist():
    mnist = load("mnist")
    parts = (mnist.train, mnist.validation, mnist.test)
    assert [len(part) for part in parts] == [50_000, 10_000, 10_000]
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    train, validation, test = (
        part.images.sum(dtype=torch.int64).item() / part.images.numel() / 255 for part in parts
    )
    assert (5 * train + validation) / 6 == pytest.approx(0.13066, abs=5e-6)
    assert test == pytest.approx(0.13251, abs=5e-6)
