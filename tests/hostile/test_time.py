"""Four times the text takes four times the time, not sixteen times."""

import time
from contextlib import suppress
from functools import partial

import pytest

from hostile.readers import READERS
from hostile.texts import TEXTS

LENGTH = 2000
SOON = 0.02  # seconds in which anything may be read


def seconds(reader, folder, content):
    """Time of the processor for reading a content, whatever comes of it."""
    path = reader.file(folder)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.process_time()
    with suppress(ValueError):
        reader.read(folder)
    return time.process_time() - start


@pytest.mark.parametrize(
    ("reader", "make"),
    [pytest.param(READERS[r], m, id=f"{r}-{name}") for r in TEXTS for name, m in TEXTS[r].items()],
)
def test_time_is_linear(reader, make, tmp_path):
    """The ratio of the shortest times is 4 if time is linear; it is 16 if it is quadratic."""
    once, four = (partial(seconds, reader, tmp_path, make(n)) for n in (LENGTH, 4 * LENGTH))
    short, long = once(), four()
    for _ in range(6):  # other processes disturb a time, and only lengthen it
        if long < max(SOON, 9 * short):
            return
        short, long = min(short, once()), min(long, four())
    assert long < max(SOON, 9 * short), (short, long)
