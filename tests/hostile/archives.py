"""Archives and pickles that state sizes which they do not have, or have sizes beyond belief."""

import gzip
import pickle
import struct
import zlib

import numpy as np

MEGABYTE = 2**20


def npy(shape, content=b"", dtype="|u1"):
    """The bytes of an ``.npy`` file that states a shape."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def saved(array):
    """The bytes of an ``.npy`` file of an array."""
    array = np.asarray(array)
    return npy(array.shape, array.tobytes(), array.dtype.str)


def deflated_zeros(start, megabytes):
    """A deflated stream of ``start`` and zeros, made without deflating them all."""
    compressor = zlib.compressobj(9, wbits=-15)
    first = compressor.compress(start) + compressor.flush(zlib.Z_FULL_FLUSH)
    one = compressor.compress(bytes(MEGABYTE)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return first + megabytes * one + compressor.flush()


def archive(**entries):
    """A zip archive of entries: bytes, or pairs of a deflated stream and a stated size."""
    files, directory = b"", b""
    for name, entry in entries.items():
        method, stream, size = (0, entry, len(entry)) if isinstance(entry, bytes) else (8, *entry)
        path = f"{name}.npy".encode()
        checksum = zlib.crc32(stream) if method == 0 else 0
        fields = struct.pack("<HHHHHLLLHH", 20, 0, method, 0, 33, checksum, len(stream), size,
                             len(path), 0)  # fmt: skip
        directory += b"PK\x01\x02\x14\x00" + fields + struct.pack("<HHHLL", 0, 0, 0, 0, len(files))
        directory += path
        files += b"PK\x03\x04" + fields + path + stream
    end = struct.pack("<HHHHLLH", 0, 0, len(entries), len(entries), len(directory), len(files), 0)
    return files + directory + b"PK\x05\x06" + end


def tables(**entries):
    """An archive of conditional tables of two pixels, some of its entries replaced."""
    whole = {
        "form": saved(np.array("tree")),
        "shape": saved(np.array([1, 1, 2])),
        "ordering": saved(np.array([0, 1])),
        "images": saved(np.zeros((2, 2), np.uint8)),
        "pseudo_count": saved(np.array(0.5, np.float32)),
    }
    return archive(**whole | entries)


def gzip_of_zeros(start, megabytes):
    """A gzip file of ``start`` and zeros."""
    return gzip.compress(start) + megabytes * gzip.compress(bytes(MEGABYTE))


def calls_of_one_text(calls):
    """A pickle that encodes one text of a megabyte many times."""
    text = b"X" + struct.pack("<L", MEGABYTE) + b"a" * MEGABYTE + b"q\x00"
    encode = b"c_codecs\nencode\nq\x01"
    latin = b"X\x06\x00\x00\x00latin1q\x02"
    call = b"h\x01h\x00h\x02\x86R"
    return b"\x80\x02](" + text + b"0" + encode + b"0" + latin + b"0" + calls * call + b"e."


def arrays_of_one_text(count):
    """A pickle of many arrays that share one text of a megabyte."""
    text = "\x01" * MEGABYTE

    class Shared:
        def __reduce__(self):
            import _codecs

            return _codecs.encode, (text, "latin1")

    shared = Shared()
    empty = np.zeros(1, np.uint8).__reduce__()
    arrays = []
    for _ in range(count):
        array = type("Array", (), {})()
        array.__class__.__reduce__ = lambda self: (
            *empty[:2], (1, (MEGABYTE,), np.dtype(np.uint8), False, shared)
        )  # fmt: skip
        arrays.append(array)
    return pickle.dumps(arrays, 2)


def colliding_integers(count):
    """A pickle of a set of integers with one hash."""
    numbers = (k * (2**61 - 1) for k in range(1, count))
    return b"\x80\x04\x8f(" + b"".join(pickle.dumps(n, 4)[2:-1] for n in numbers) + b"\x90."
