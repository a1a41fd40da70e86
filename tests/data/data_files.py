"""Files of MNIST and binarized MNIST that tests write."""

import numpy as np

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


def idx_header(shape):
    return bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


def write_idx(path, shape):
    """Write zeros in the IDX format, as a sparse file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(idx_header(shape))
        file.truncate(file.tell() + int(np.prod(shape)))


def random_bits(rows, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (rows, 784), dtype=np.uint8)


def write_npz(folder, seed=0, **changed):
    parts = zip(("train", "valid", "test"), AMAT_ROWS.values(), strict=True)
    arrays = {key: np.packbits(random_bits(rows, seed), axis=1) for key, rows in parts}
    arrays = {key: array for key, array in (arrays | changed).items() if array is not None}
    np.savez(folder / "binarized_mnist.npz", **arrays)


def amat_text(bits):
    return "".join(" ".join(map(str, row)) + " \n" for row in bits.tolist())
