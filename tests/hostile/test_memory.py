"""Files that would take memory beyond belief are refused before it is taken."""

import functools
import gzip
import os
import pickle
import struct

import numpy as np
import pytest
import torchvision.datasets.mnist  # noqa: F401, here rather than in each forked process

from hostile.archives import (
    archive,
    arrays_of_one_text,
    calls_of_one_text,
    deflated_zeros,
    gzip_of_zeros,
    npy,
    saved,
    tables,
)
from hostile.forked import forked
from hostile.readers import READERS
from ppgen.autoregressive import ConditionalTables
from ppgen.graph import DAG

MOST = 100 * 2**20  # bytes, for files of up to two megabytes
HUGE = 2**33
GIGABYTE = 2**30


def sparse(path):
    with path.open("wb") as file:
        file.truncate(HUGE)


def device(path):
    path.symlink_to("/dev/zero")


def content(make, *args):
    def write(path):
        made = make(*args)
        path.write_bytes(made.encode() if isinstance(made, str) else made)

    return write


def bomb(names, start=b""):
    """An archive whose entries state the gigabyte that they have."""
    stream = deflated_zeros(start, 1024)
    return archive(**dict.fromkeys(names, (stream, len(start) + GIGABYTE)))


def understated(names):
    """An archive whose entries have a gigabyte and state what is expected."""
    start = npy((10, 98))
    return archive(**dict.fromkeys(names, (deflated_zeros(start, 1024), len(start) + 980)))


def overstated(names):
    """An archive whose arrays state a gigabyte that is not there."""
    return archive(**dict.fromkeys(names, npy((GIGABYTE,))))


def laughs():
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    return f'<!DOCTYPE g [<!ENTITY e0 "ha">{entities}]><graphml>&e9;</graphml>'


def blown_up():
    return f'<!DOCTYPE g [<!ENTITY e "{"a" * 100_000}">]><graphml>{"&e;" * 10_000}</graphml>'


def names(count):
    return " ".join(f"n{i}" for i in range(count))


def attributes(count):
    return " ".join(f"k{i}=1" for i in range(count))


PARTS = {
    "binarized": ("train", "valid", "test"),
    "olivetti": ("images",),
    "frey": ("images",),
    "tables": ("form", "shape", "ordering", "images", "pseudo_count"),
}
ATTACKS = [
    *((reader, "sparse", sparse, "8,589,934,592") for reader in READERS),
    *((reader, "device", device, "a device") for reader in READERS),
    *((reader, make.__name__, content(make, entries), "unpacks to|has an array larger|CRC")
      for reader, entries in PARTS.items() for make in (bomb, understated, overstated)),
    *(("pickle", name, content(bytes, made), "opcodes or indices") for name, made in {
        "LONG_BINPUT": b"\x80\x02]r\xff\xff\xff\x0f.",
        "PUT": b"]p999999999\n.",
    }.items()),
    *(("pickle", name, content(bytes, made), "remain|not enough") for name, made in {
        "BINBYTES8": b"\x80\x04\x8e" + struct.pack("<Q", GIGABYTE) + b".",
        "BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", GIGABYTE) + b".",
        "BINUNICODE8": b"\x80\x04\x8d" + struct.pack("<Q", GIGABYTE) + b".",
        "LONG4": b"\x80\x02\x8b" + struct.pack("<l", GIGABYTE) + b".",
    }.items()),
    ("pickle", "FRAME", content(bytes, b"\x80\x04\x95" + struct.pack("<Q", GIGABYTE) + b"]."),
     "cannot be read"),
    ("pickle", "gzip", content(gzip_of_zeros, b"\x80\x04B" + struct.pack("<L", GIGABYTE), 1024),
     "it has more than"),
    ("pickle", "calls of one text", content(calls_of_one_text, 500), "not a list of arrays"),
    ("pickle", "arrays of one text", content(arrays_of_one_text, 100), "has more than|more bytes"),
    ("tables", "shape", content(lambda: tables(
        shape=(deflated_zeros(npy((2**26,)), 64), 2**26 + 200))), "expected at most 2,000"),
    ("tables", "form", content(lambda: tables(form=saved(np.array("a" * 10**6)))),
     "expected at most 2,000"),
    ("graphml", "entities", content(laughs), "entities"),
    ("graphml", "an entity", content(blown_up), "entities"),
    ("graphml", "groups", content(
        lambda: '<graphml><graph edgedefault="directed">'
        + '<node id="a" yfiles.foldertype="group"><graph>' * 20_000), "line 1, column"),
    ("text", "group", content(lambda: f"{{{names(5000)}}} [{attributes(5000)}]"), "1,000,000"),
    ("text", "chain", content(
        lambda: f"{names(5000).replace(' ', '->')} [{attributes(5000)}]"), "1,000,000"),
    ("text", "arcs", content(
        lambda: f"{names(5000).replace(' ', '<->')} [{attributes(5000)}]"), "1,000,000"),
    ("text", "groups", content(
        lambda: f"{{{names(5000)}}} -> {{{names(5000).replace('n', 'm')}}}"), "1,000,000"),
    ("metrics", "brackets", content(lambda: "[" * 2**20), "damaged metrics.json"),
    ("metrics", "digits", content(lambda: '{"results": ' + "9" * 2**20 + "}"), "digits"),
    ("settings", "number", content(lambda: '{"quick": ' + "9" * 2**20 + "}"), "digits"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "write", "message"),
    [pytest.param(r, w, m, id=f"{r}-{name}") for r, name, w, m in ATTACKS],
)
def test_memory_is_bounded(reader, write, message, tmp_path):
    write(READERS[reader].file(tmp_path))
    outcome = forked(functools.partial(READERS[reader].read, tmp_path))
    assert isinstance(outcome.error, ValueError), outcome
    assert pytest.approx(0, abs=MOST) == outcome.memory
    with pytest.raises(ValueError, match=message):
        raise outcome.error


# Honest files that are as extreme.


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [0.5, 0.0])
def test_constant_tables_are_read(protocol, value, tmp_path):
    """They shrink a thousand times when they are zipped, and grow five times in protocol 0."""
    arrays = [np.full((2,) * n, 0.5) for n in range(1, 15)]
    for array in arrays:
        array[..., 0], array[..., 1] = value, 1 - value
    path = tmp_path / "t.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(arrays, protocol)))
    network = ConditionalTables.from_pickle(path, (1, 2, 7))
    network.save(tmp_path / "t.npz")
    assert ConditionalTables.load(tmp_path / "t.npz").pixels == 14


def test_a_million_equal_images_are_read(tmp_path):
    """They shrink a thousand times, and take a few bytes a pixel."""
    path = tmp_path / "t.npz"
    path.write_bytes(tables(images=(deflated_zeros(npy((2**23, 2)), 16), 2**24 + 70)))
    outcome = forked(functools.partial(ConditionalTables.load, path))
    assert "CRC" in str(outcome.error)  # it has none: all else is read


def test_pipes_of_a_shell_are_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if not os.fork():
        path.write_text("a -> b")
        os._exit(0)
    assert DAG.read(path).nodes == ("a", "b")
    os.wait()
