"""No file of any kind runs code, in any reader: a folder that its code would make is not made."""

import gzip
import io
import os
import pickle
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch

from hostile.archives import archive, npy, tables
from hostile.readers import READERS


class Calls:
    """Its pickle calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Builds(Calls):
    """Its pickle sets attributes of what a function returns."""

    def __reduce__(self):
        return *self.call, {"__class__": os.mkdir}


def pickled(proof, protocol=2, kind=Calls):
    return pickle.dumps([np.zeros(2), kind(os.mkdir, str(proof))], protocol)


def in_a_cell(proof):
    """An object in an array in an archive."""
    objects = pickle.dumps(np.array([Calls(os.mkdir, str(proof))], object), 2)
    entry = npy((1,), objects, "|O")
    names = ("form", "shape", "ordering", "images", "train", "valid", "test")
    return archive(**dict.fromkeys(names, entry))


def of_torch(proof):
    file = io.BytesIO()
    torch.save(Calls(os.mkdir, str(proof)), file)
    return file.getvalue()


def instance(proof):
    """The opcodes INST and OBJ of the oldest protocol."""
    return f"(lp0\n(S'{proof}'\nios\nmkdir\na.".encode()


def by_dots(proof):
    """A name in a module that may be named, from which others can be reached."""
    call = pickle.dumps(str(proof), 4)[2:-1] + b"\x85R"
    return b"\x80\x04](\x8c\x05numpy\x8c\x0edtype.__init__\x93" + call + b"e."


def extension(proof):
    return b"\x80\x02](\x82\x01" + pickle.dumps((str(proof),), 2)[2:-1] + b"Re."


def graphml(proof):
    """An entity of another file; its parts need not be read either."""
    proof.with_name("part").write_text("<a/>")
    return (
        f'<!DOCTYPE g [<!ENTITY e SYSTEM "file://{proof.with_name("part")}">]>'
        f'<?xml-stylesheet href="{proof}"?><graphml>&e;</graphml>'
    ).encode()


PAYLOADS = {
    **{f"pickle {n}": lambda p, n=n: pickled(p, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
    "gzipped pickle": lambda proof: gzip.compress(pickled(proof)),
    "attributes": lambda proof: pickled(proof, 2, Builds),
    "instance": instance,
    "dots": by_dots,
    "extension": extension,
    "archive": in_a_cell,
    "ordering": lambda proof: tables(ordering=npy((2,), pickled(proof), "|O")),
    "torch": of_torch,
    "graphml": graphml,
    "text": lambda proof: f"__import__('os').mkdir('{proof}')".encode(),
    "template": lambda proof: b"a,b\n=cmd|' /C mkdir x'!A0,{0.__class__}%s\n",
}


@pytest.mark.parametrize("reader", READERS)
def test_no_code_is_run(reader, tmp_path):
    proof = tmp_path / "proof"
    path = READERS[reader].file(tmp_path)
    for name, payload in PAYLOADS.items():
        path.write_bytes(payload(proof))
        with suppress(ValueError):
            READERS[reader].read(tmp_path)
        assert not proof.exists(), name


@pytest.mark.parametrize("payload", ["pickle 0", "pickle 5", "instance"])
def test_the_files_would_run_code_elsewhere(payload, tmp_path):
    pickle.loads(PAYLOADS[payload](tmp_path / "proof"))
    assert (tmp_path / "proof").exists()


def test_the_archive_would_run_code_elsewhere(tmp_path):
    (tmp_path / "t.npz").write_bytes(in_a_cell(tmp_path / "proof"))
    with zipfile.ZipFile(tmp_path / "t.npz") as file:
        assert file.testzip() is None
    with np.load(tmp_path / "t.npz", allow_pickle=True) as file:
        file["form"]
    assert (tmp_path / "proof").exists()


def test_processed_files_beside_those_of_mnist_are_not_read(tmp_path):
    """Older versions of torchvision wrote them, and newer ones still read them first."""
    path = READERS["mnist"].file(tmp_path)
    path.write_bytes(b"")
    for name in ("training.pt", "test.pt"):
        processed = tmp_path / "MNIST" / "processed" / name
        processed.parent.mkdir(exist_ok=True)
        torch.save((torch.zeros(2, 28, 28), torch.zeros(2)), processed)
    with pytest.raises(ValueError, match="train-images-idx3-ubyte") as error:
        READERS["mnist"].read(tmp_path)
    assert "(2, 28, 28)" not in str(error.value)


def test_what_replaces_numpy_keeps_its_attributes():
    """The opcode BUILD sets attributes of any object, even of a class."""
    from ppgen.autoregressive import table_files

    before = dict(vars(table_files._Record))
    for name in (b"numpy\nndarray", b"numpy\ndtype", b"_codecs\nencode"):
        content = io.BytesIO(b"(lp0\nc" + name + b"\n(N}V__init__\nNstba.")
        with pytest.raises(TypeError):
            table_files._Unpickler(content).load()
    assert dict(vars(table_files._Record)) == before
