"""Data sets read from files in the data folder: MNIST, its like, and faces; errors of the files."""

from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from ppgen.data.dataset import DataError, Dataset, Part, split
from ppgen.reading import limited, one_line, read_arrays

MNIST_CLASSES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
AMAT_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
AMAT_FILES = {
    "binarized_mnist_train.amat": (50_000, "db28b1a6ae0fe70cbd3da91acf46e477"),
    "binarized_mnist_valid.amat": (10_000, "bf37822a04e94123630de6a7dfd9c9ef"),
    "binarized_mnist_test.amat": (10_000, "14e41ae11040adba6ab8cb291eda0dd8"),
}
OLIVETTI = (400, 64, 64)
FREY = (1965, 28, 20)


def load_mnist(name: str, folder: Path, download: bool) -> Dataset:
    """Read a data set of torchvision: 60,000 + 10,000 images, 28×28, 256 levels."""
    from torchvision import datasets  # here, since it takes seconds to import

    kind = getattr(datasets, MNIST_CLASSES[name])
    # torchvision unpacks the downloads, so the files lack their ending.
    files = [folder / kind.__name__ / "raw" / Path(url).stem for url, _ in kind.resources]
    require(files, name, partial(kind, folder, download=True) if download else None)
    train = _read_mnist(name, files[0], files[1], 60_000)
    test = _read_mnist(name, files[2], files[3], 10_000)
    return split(name, 256, train, 10_000, test)


def _read_mnist(name: str, images: Path, labels: Path, count: int) -> Part:
    from torchvision.datasets import mnist  # here, since it takes seconds to import

    try:
        pixels = mnist.read_image_file(limited(images, 16 + 784 * count))
        classes = mnist.read_label_file(limited(labels, 8 + count))
    except Exception as error:  # torchvision asserts, or numpy fails
        raise unreadable(name, [images, labels], error) from error
    if pixels.shape != (count, 28, 28) or len(classes) != count:
        problem = f"images of the shape {tuple(pixels.shape)}, {len(classes)} labels"
        raise unreadable(name, [images, labels], problem)
    return Part(pixels.unsqueeze(1), classes)


def load_binarized_mnist(name: str, folder: Path, download: bool) -> Dataset:
    """Read ``binarized_mnist.npz`` (rows packed by ``np.packbits``), else the original text.

    MNIST binarised once (Salakhutdinov and Murray 2008), split by Larochelle and Murray (2011).
    """
    packed = folder / "binarized_mnist.npz"
    if packed.exists():
        parts = read_packed(packed)
    else:
        files = [folder / file for file in AMAT_FILES]
        require(files, name, partial(fetch_amat, folder) if download else None, alternative=packed)
        parts = [read_amat(folder / file, rows) for file, (rows, _) in AMAT_FILES.items()]
    return Dataset(name, 2, *(Part(images) for images in parts))


def fetch_amat(folder: Path) -> None:
    """Download the original text of the three parts."""
    from torchvision.datasets.utils import download_url  # here, since it takes seconds

    for file, (_, md5) in AMAT_FILES.items():
        download_url(AMAT_URL + file, str(folder), file, md5)


def read_packed(path: Path) -> list[Tensor]:
    """Read the three parts from an ``.npz`` file of rows packed by ``np.packbits``."""
    files = zip(("train", "valid", "test"), AMAT_FILES.values(), strict=True)
    arrays = read_npz("binarized_mnist", path, {part: (rows, 98) for part, (rows, _) in files})
    unpacked = (np.unpackbits(array, axis=1) for array in arrays)
    return [torch.from_numpy(array).view(-1, 1, 28, 28) for array in unpacked]


def read_amat(path: Path, rows: int) -> Tensor:
    """Read one part from a text file of zeros and ones, one row an image."""
    try:
        text = np.fromfile(limited(path, 4 * rows * 784), dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise unreadable("binarized_mnist", [path], error) from error
    values = text[text > ord(" ")] - ord("0")
    if values.size != rows * 784 or values.max() > 1:
        problem = f"{values.size} characters; expected {rows} rows of 784 zeros and ones"
        raise unreadable("binarized_mnist", [path], problem)
    return torch.from_numpy(values).view(rows, 1, 28, 28)


def load_olivetti(name: str, folder: Path, download: bool) -> Dataset:
    """Read ``olivetti_faces.npz``: 40 people, ten images of each, 64×64; labels are the people.

    The parts share no person: 30 people for training, 5 for validation, 5 for testing.
    """
    path = folder / "olivetti_faces.npz"
    require([path], name, partial(save_olivetti, path) if download else None)
    people = torch.arange(OLIVETTI[0]) // 10
    return split(name, 256, Part(read_faces(name, path, OLIVETTI), people), held_out=50)


def load_frey(name: str, folder: Path, download: bool) -> Dataset:
    """Read ``frey_faces.npz``: one person in 1,965 frames of a film, 28×20.

    Neighbouring frames are alike, so each part is a stretch of the film: the first 1,565 frames for
    training, 200 for validation, the last 200 for testing.
    """
    path = folder / "frey_faces.npz"
    require([path], name, None, f"as the array 'images', uint8 {FREY}, has no download")
    return split(name, 256, Part(read_faces(name, path, FREY)), held_out=200)


def read_faces(name: str, path: Path, shape: tuple[int, ...]) -> Tensor:
    """Read the array ``images`` of an ``.npz`` file."""
    (images,) = read_npz(name, path, {"images": shape})
    return torch.from_numpy(images).unsqueeze(1)


def save_olivetti(path: Path) -> None:
    """Download the Olivetti faces by scikit-learn and save them as grey levels."""
    from sklearn.datasets import fetch_olivetti_faces  # here, since it takes a second to import

    with TemporaryDirectory() as cache:
        faces = fetch_olivetti_faces(data_home=cache).images
    # scikit-learn divides the levels by the largest one.
    step = np.diff(np.unique(faces)).min()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, images=np.rint(faces / step).astype(np.uint8))


def require(
    files: list[Path],
    name: str,
    download: Callable[[], object] | None,
    otherwise: str = "or ask for a download by download=True or --download",
    alternative: Path | None = None,
) -> None:
    """Download missing files if asked to; raise a DataError that lists them and what to do."""
    failure = None
    try:
        if download is not None and not all(file.exists() for file in files):
            download()
    except Exception as error:  # of the network, the server, or a checksum
        failure, reason = error, one_line(str(error))
        otherwise = f"since the download failed ({reason})"
    missing = [file.name for file in files if not file.exists()]
    if missing or failure:
        either = f" (or {alternative.name})" if alternative else ""
        raise DataError(
            f"data set {name!r}: {', '.join(missing)}{either} not found in {files[0].parent}; "
            f"put them there, name another data folder by --data-root or PPGEN_DATA, {otherwise}"
        ) from failure


def unreadable(name: str, files: list[Path], problem: object) -> DataError:
    """Make the error for files that are damaged or of the wrong kind."""
    if isinstance(problem, Exception):
        problem = str(problem) or type(problem).__name__
    paths = ", ".join(str(file) for file in files)
    return DataError(
        f"data set {name!r}: {paths} cannot be read ({problem}); delete it and download it again"
    )


def read_npz(name: str, path: Path, shapes: dict[str, tuple[int, ...]]) -> list[np.ndarray]:
    """Read the named arrays of an ``.npz`` file, of uint8 and of these shapes."""
    try:
        arrays = read_arrays(path, shapes, sum(1_000 + prod(shape) for shape in shapes.values()))
    except Exception as error:  # of zipfile, numpy, or a missing key
        raise unreadable(name, [path], error) from error
    for array, shape in zip(arrays, shapes.values(), strict=True):
        if array.shape != shape or array.dtype != np.uint8:
            problem = f"an array of {array.dtype} {array.shape}; expected uint8 {shape}"
            raise unreadable(name, [path], problem)
    return arrays
