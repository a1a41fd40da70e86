"""Binarized MNIST: packed, as its original text, and the real file."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import AMAT_ROWS, amat_text, random_bits, write_npz
from real_data import needs_real

from ppgen.data import DataError, load
from ppgen.data.files import read_amat

# packed


@pytest.mark.usefixtures("few_rows")
def test_packed_binarized_mnist_is_unpacked(tmp_path):
    write_npz(tmp_path)
    binary = load("binarized_mnist", tmp_path)
    parts = (binary.train, binary.validation, binary.test)
    assert (binary.levels, binary.image_shape) == (2, (1, 28, 28))
    for part, rows in zip(parts, AMAT_ROWS.values(), strict=True):
        assert part.labels is None
        assert part.images.dtype == torch.uint8
        assert np.array_equal(part.images.flatten(1).numpy(), random_bits(rows))
    assert binary.binarized() is binary


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize(
    "changed",
    [
        {"valid": None},
        {"train": np.zeros((4, 98), np.uint8)},
        {"test": np.zeros((2, 784), np.uint8)},
        {"test": np.zeros(2 * 98, np.uint8)},
        {"valid": np.zeros((3, 98), np.int64)},
        {"train": np.zeros((5, 98), np.float32)},
        {"train": np.full((5, 98), None, dtype=object)},
    ],
    ids=["no key", "rows", "unpacked", "flat", "int64", "float32", "pickle"],
)
def test_packed_file_with_other_arrays_is_a_data_error(changed, tmp_path):
    write_npz(tmp_path, **changed)
    with pytest.raises(DataError) as caught:
        load("binarized_mnist", tmp_path)
    assert str(tmp_path / "binarized_mnist.npz") in str(caught.value)


class TouchWhenUnpickled:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.usefixtures("few_rows")
def test_no_pickle_of_a_packed_file_is_run(tmp_path):
    write_npz(tmp_path, train=np.array([TouchWhenUnpickled(tmp_path / "run")], dtype=object))
    with pytest.raises(DataError):
        load("binarized_mnist", tmp_path)
    assert not (tmp_path / "run").exists()


def npy_bytes():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((5, 98), np.uint8))
    return buffer.getvalue()


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip file", b"PK\x03\x04 cut off", npy_bytes()],
    ids=["empty", "text", "cut off", "npy"],
)
def test_packed_file_that_is_no_archive_is_a_data_error(content, tmp_path):
    path = tmp_path / "binarized_mnist.npz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load("binarized_mnist", tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.usefixtures("few_rows")
def test_packed_file_that_was_cut_or_altered_is_a_data_error(tmp_path):
    path = tmp_path / "binarized_mnist.npz"
    write_npz(tmp_path)
    whole = path.read_bytes()
    altered = bytearray(whole)
    altered[300] ^= 0xFF
    for content in (whole[: len(whole) // 2], bytes(altered)):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load("binarized_mnist", tmp_path)
        assert str(path) in str(caught.value)


# the original text


@pytest.mark.parametrize("rows", [1, 3])
def test_amat_round_trip(rows, tmp_path):
    bits, path = random_bits(rows), tmp_path / "x.amat"
    path.write_text(amat_text(bits))
    images = read_amat(path, rows)
    assert images.shape == (rows, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert np.array_equal(images.flatten(1).numpy(), bits)


@pytest.mark.parametrize("ending", [b"\r\n", b"", b"\n\n"])
def test_amat_with_other_line_ends(ending, tmp_path):
    bits, path = random_bits(2), tmp_path / "x.amat"
    path.write_bytes(ending.join(b" ".join(b"%d" % v for v in row) for row in bits) + ending)
    assert np.array_equal(read_amat(path, 2).flatten(1).numpy(), bits)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "0 " * 783,
        "0 " * 785,
        "0 " * 784 * 2,
        "0 " * 783 + "2",
        "0 " * 783 + "/",
        "0 " * 783 + "-1",
        "0 " * 783 + "x",
        "0 " * 783 + "é",
        "1.0 " * 784,
        "<html>404</html>",
    ],
)
def test_amat_with_anything_else_is_a_data_error(text, tmp_path):
    path = tmp_path / "x.amat"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_amat(path, 1)
    assert str(path) in str(caught.value)
    assert "1 rows of 784 zeros and ones" in str(caught.value)


@pytest.mark.usefixtures("few_rows")
def test_text_is_read_where_there_is_no_packed_file(tmp_path):
    for file, rows in AMAT_ROWS.items():
        (tmp_path / file).write_text(amat_text(random_bits(rows)))
    binary = load("binarized_mnist", tmp_path)
    parts = (binary.train, binary.validation, binary.test)
    for part, rows in zip(parts, AMAT_ROWS.values(), strict=True):
        assert np.array_equal(part.images.flatten(1).numpy(), random_bits(rows))


@pytest.mark.usefixtures("few_rows")
def test_one_missing_text_is_named(tmp_path):
    for file in list(AMAT_ROWS)[:2]:
        (tmp_path / file).write_text(amat_text(random_bits(AMAT_ROWS[file])))
    with pytest.raises(DataError, match=r"binarized_mnist_test\.amat") as caught:
        load("binarized_mnist", tmp_path)
    assert "binarized_mnist_train.amat" not in str(caught.value)


def test_folder_in_place_of_the_text_is_a_data_error(tmp_path):
    path = tmp_path / "x.amat"
    path.mkdir()
    with pytest.raises(DataError) as caught:
        read_amat(path, 1)
    assert str(path) in str(caught.value)


# the real file


@needs_real("binarized_mnist.npz")
def test_real_binarized_mnist():
    binary = load("binarized_mnist")
    parts = (binary.train, binary.validation, binary.test)
    assert [len(part) for part in parts] == [50_000, 10_000, 10_000]
    assert binary.image_shape == (1, 28, 28)
    means = [part.images.sum(dtype=torch.int64).item() / part.images.numel() for part in parts]
    assert means == pytest.approx([0.13056, 0.13113, 0.13251], abs=5e-6)
