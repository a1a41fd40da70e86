import gzip
import io
import os
import socket
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ppgen.data import DataError, Dataset, Part, load
from ppgen.data.binarized_mnist import AMAT_URL, read_amat

IDX_SIZES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}
FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
AMAT_ROWS = {
    "binarized_mnist_train.amat": 5,
    "binarized_mnist_valid.amat": 3,
    "binarized_mnist_test.amat": 2,
}


def needs_real(path):
    folder = os.environ.get("PPGEN_DATA")
    present = folder is not None and Path(folder, path).exists()
    return pytest.mark.skipif(not present, reason=f"PPGEN_DATA names no folder with {path}")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Fail, rather than download, where a test has not put its own download in place."""

    def forbidden(*args, **kwargs):
        pytest.fail(f"a download was tried: {args}")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", forbidden)
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", forbidden)
    monkeypatch.setattr(socket.socket, "connect", forbidden)


@pytest.fixture
def few_rows(monkeypatch):
    """Let binarized MNIST have 5, 3 and 2 images."""
    few = {file: (rows, "md5") for file, rows in AMAT_ROWS.items()}
    monkeypatch.setattr("ppgen.data.binarized_mnist.AMAT_FILES", few)


def idx_header(shape):
    return bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


def write_idx(path, shape):
    """Write zeros in the IDX format; they take no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(idx_header(shape))
        file.truncate(file.tell() + int(np.prod(shape)))


@pytest.fixture
def mnist_folder(tmp_path):
    """All four files of MNIST, in the right sizes, empty images of class 0."""
    for name, shape in IDX_SIZES.items():
        write_idx(tmp_path / "MNIST" / "raw" / name, shape)
    return tmp_path


def random_bits(rows, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (rows, 784), dtype=np.uint8)


def write_npz(folder, seed=0, **changed):
    parts = zip(("train", "valid", "test"), AMAT_ROWS.values(), strict=True)
    arrays = {key: np.packbits(random_bits(rows, seed), axis=1) for key, rows in parts}
    arrays = {key: array for key, array in (arrays | changed).items() if array is not None}
    np.savez(folder / "binarized_mnist.npz", **arrays)


def amat_text(bits):
    return "".join(" ".join(map(str, row)) + " \n" for row in bits.tolist())


def grey_images(levels, count=2000):
    """Images of all grey levels, as a data set whose parts differ."""
    images = (torch.arange(count * 9) % levels).to(torch.uint8).view(count, 1, 3, 3)
    return Dataset("greys", levels, Part(images), Part(images[:50]), Part(images[50:100]))


# digits


def test_digits_has_the_shape_levels_and_labels_it_promises():
    digits = load("digits")
    parts = (digits.train, digits.validation, digits.test)
    assert (digits.name, digits.levels, digits.image_shape) == ("digits", 17, (1, 8, 8))
    assert [len(part) for part in parts] == [1197, 300, 300]
    for part in parts:
        assert part.images.shape == (len(part), 1, 8, 8)
        assert part.images.dtype == torch.uint8
        assert part.images.max() == 16
        assert part.labels.shape == (len(part),)
        assert part.labels.dtype == torch.int64
        assert part.labels.unique().tolist() == list(range(10))


def test_parts_of_digits_are_disjoint_and_together_are_those_of_scikit_learn():
    """Each image occurs once in scikit-learn's file, so equal multisets mean disjoint parts."""
    digits, bunch = load("digits"), load_digits()
    parts = (digits.train, digits.validation, digits.test)
    ours = [
        (image.numpy().tobytes(), label.item())
        for part in parts
        for image, label in zip(part.images, part.labels, strict=True)
    ]
    images = bunch.images.astype(np.uint8)
    theirs = [(i.tobytes(), t) for i, t in zip(images, bunch.target.tolist(), strict=True)]
    assert len({image for image, _ in theirs}) == 1797
    assert sorted(ours) == sorted(theirs)


def test_digits_are_the_same_each_time_whatever_the_global_generator():
    first = load("digits")
    torch.manual_seed(1)
    assert torch.equal(load("digits").train.images, first.train.images)


def test_split_of_digits_stays_what_it_was():
    """Numbers that were reported hold for these parts alone."""
    digits = load("digits")
    assert digits.train.labels[:10].tolist() == [6, 5, 5, 7, 9, 9, 8, 4, 6, 8]
    assert digits.test.labels[-10:].tolist() == [8, 3, 1, 0, 9, 1, 0, 3, 1, 7]


# binarisation


def test_fixed_binarisation_depends_on_the_seed_alone():
    digits = load("digits")
    first = digits.binarized(seed=3)
    torch.manual_seed(1)
    again, other = digits.binarized(seed=3), digits.binarized(seed=4)
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(first, part).images, getattr(again, part).images)
        assert not torch.equal(getattr(first, part).images, getattr(other, part).images)


def test_fixed_binarisation_leaves_the_global_generator_alone():
    digits = load("digits")
    before = torch.get_rng_state()
    digits.binarized()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("levels", [17, 256])
def test_mean_of_fixed_binarisation_follows_the_grey_levels(levels):
    """Each level's share of white is within 5 binomial standard errors of its grey value.

    For one of 256 levels that fails with a probability of 6e-7, and the seed is fixed.
    """
    greys = grey_images(levels, 20_000)
    white = greys.binarized(seed=0).train.images.flatten().double()
    level = greys.train.images.flatten().long()
    count = torch.bincount(level, minlength=levels)
    share = torch.bincount(level, white, minlength=levels) / count
    grey = torch.arange(levels).double() / (levels - 1)
    assert (count > 0).all()
    assert ((share - grey).abs() <= 5 * (grey * (1 - grey) / count).sqrt()).all()


def test_mean_of_binarized_digits_is_the_grey_mean():
    """Within 4 binomial standard errors, about 1e-3: an error rate of 6e-5, at a fixed seed."""
    digits = load("digits")
    grey = digits.train.images.double() / 16
    white = digits.binarized(seed=0).train.images.double().mean()
    error = (grey * (1 - grey)).sum().sqrt() / grey.numel()
    assert (white - grey.mean()).abs() < 4 * error


@pytest.mark.parametrize("levels", [3, 4, 17, 256])
def test_threshold_is_white_from_half_grey_on(levels):
    greys = grey_images(levels)
    expected = 2 * greys.train.images.int() >= levels - 1
    images = greys.binarized("threshold").train.images
    wrong = greys.train.images[images.bool() != expected].unique()
    assert wrong.tolist() == []


@pytest.mark.parametrize("method", ["fixed", "threshold"])
def test_binarisation_changes_levels_and_name_and_keeps_labels(method):
    digits = load("digits")
    binary = digits.binarized(method)
    assert binary.levels == 2
    assert "digits" in binary.name
    assert method in binary.name
    assert binary.train.images.dtype == torch.uint8
    assert binary.train.images.unique().tolist() == [0, 1]
    assert torch.equal(binary.test.labels, digits.test.labels)
    assert digits.train.images.max() == 16


def test_binary_data_is_returned_as_is():
    binary = load("digits").binarized()
    assert binary.binarized(seed=7) is binary


def test_unknown_method_is_refused():
    with pytest.raises(DataError, match="method is 'fix'; expected one of fixed, threshold"):
        load("digits").binarized("fix")


# names and folders


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


# MNIST in torchvision's layout


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


# binarized MNIST, packed


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


# binarized MNIST, the original text


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


# downloads


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


# the real files


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


@needs_real("binarized_mnist.npz")
def test_real_binarized_mnist():
    binary = load("binarized_mnist")
    parts = (binary.train, binary.validation, binary.test)
    assert [len(part) for part in parts] == [50_000, 10_000, 10_000]
    assert binary.image_shape == (1, 28, 28)
    means = [part.images.sum(dtype=torch.int64).item() / part.images.numel() for part in parts]
    assert means == pytest.approx([0.13056, 0.13113, 0.13251], abs=5e-6)
