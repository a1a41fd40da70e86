"""Data sets: tensors of grey levels, split into training, validation and test parts."""

import os
from collections.abc import Callable
from pathlib import Path

from ppgen.arguments import checked
from ppgen.data import bundled, files
from ppgen.data.batch import Setting
from ppgen.data.dataset import DataError, Dataset, Part
from ppgen.data.splicing import Splices, spliced
from ppgen.kinds import suggestion

__all__ = ["LOADERS", "DataError", "Dataset", "Part", "Setting", "Splices", "load", "spliced"]

LOADERS: dict[str, Callable[[str, Path, bool], Dataset]] = {
    "digits": bundled.load_digits,
    **dict.fromkeys(files.MNIST_CLASSES, files.load_mnist),
    "binarized_mnist": files.load_binarized_mnist,
    "glyphs": bundled.load_glyphs,
    "faces": bundled.load_faces,
    "olivetti": files.load_olivetti,
    "frey": files.load_frey,
}


@checked
def load(name: str, root: str | Path | None = None, *, download: bool = False) -> Dataset:
    """Load a data set by name: a key of ``LOADERS``.

    Parameters
    ----------
    name
        ``digits``: 1,797 images of 8×8 pixels in 17 grey levels (UCI, bundled with scikit-learn);
        ``mnist``, ``fashion_mnist``, ``kmnist``: 28×28 in 256 levels, 50,000 for training, the
        last 10,000 training images for validation, 10,000 for testing;
        ``binarized_mnist``: MNIST binarised once, in the split of Larochelle and Murray (2011);
        its test images are sorted by class, so a slice of them is a biased sample;
        ``glyphs``: the letters A … Z, binary, 5×5; all three parts are the same 26 images;
        ``faces``: 100 faces, 25×25 in 256 levels (needs scikit-image, the extra ``faces``);
        ``olivetti``: 40 people, ten faces each, 64×64; the parts share no person;
        ``frey``: one face in 1,965 frames of a film, 28×20; each part is a stretch of it.
    root
        Data folder; by default the environment variable ``PPGEN_DATA``, else ``~/.cache/ppgen``.
    download
        If True, download missing files.

    Raises
    ------
    DataError
        If the name is unknown, or files are missing, damaged or of the wrong kind.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits.image_shape, len(digits.train), len(digits.validation), len(digits.test)
    ((1, 8, 8), 1197, 300, 300)
    """
    if name not in LOADERS:
        plain = name.lower().replace("-", "_").replace(" ", "_")
        hint = suggestion(plain, LOADERS)
        raise DataError(f"name is {name!r}; expected one of {', '.join(LOADERS)}{hint}")
    folder = Path(root or os.environ.get("PPGEN_DATA") or Path.home() / ".cache" / "ppgen")
    return LOADERS[name](name, folder.expanduser(), download)
