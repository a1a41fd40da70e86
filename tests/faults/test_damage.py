"""Files that were cut or in which bits flipped: each is refused by name, and none is misread."""

import os
import zipfile
from collections import Counter

import pytest
import torch
from faulty_runs import train

from ppgen.training.archive import CheckpointError, read, serialised

pytestmark = pytest.mark.usefixtures("one_thread")


def small_file(path, version):
    """Write weights and what a checkpoint has beside them, in this version or in the first."""
    torch.manual_seed(0)
    weights = {f"layer.{i}.weight": torch.randn(5, 7) for i in range(12)}
    content = {"result": weights, "program": weights, "history": "[]", "stopped": False}
    if version == 1:
        torch.save({"format": "ppgen checkpoint", "version": 1, **content}, path)
    else:
        path.write_bytes(serialised(content).getbuffer())
    return weights


def places_of_the_zip(path):
    """Return the bytes of a zip file that belong to its headers, its directory and its end."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as file:
        places = list(range(file.start_dir, size))
        raw = path.read_bytes()
        for entry in file.infolist():
            start = entry.header_offset
            lengths = raw[start + 26 : start + 30]
            length = (
                30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
            )
            places += range(start, start + length)
    return sorted(places)


def outcome(path, weights):
    """Say what comes of reading a file: a named error, the same weights or others."""
    try:
        found = read(path)["result"]
    except CheckpointError as error:
        named = str(path) in str(error) and "weights_only" not in str(error)
        return "refused" if named else str(error)
    same = found.keys() == weights.keys() and all(
        torch.equal(value, weights[name]) for name, value in found.items()
    )
    return "the same weights" if same else "other weights"


def outcomes_of_flips(path, bits, weights):
    """Flip one bit of a file after the other; say what comes of reading each."""
    raw = path.read_bytes()
    for place, bit in bits:
        with path.open("r+b") as file:  # in place, which is faster
            file.seek(place)
            file.write(bytes([raw[place] ^ 1 << bit]))
            file.flush()
            yield outcome(path, weights)
            file.seek(place)
            file.write(raw[place : place + 1])


@pytest.mark.parametrize(
    ("version", "every"),
    [(2, 11), (1, 401), *(pytest.param(v, 1, marks=pytest.mark.slow) for v in (2, 1))],
    ids=["some", "some of version 1", "all", "all of version 1"],
)
def test_flipped_bits_of_the_zip_load_no_other_weights(version, every, tmp_path):
    path = tmp_path / "weights.pt"
    weights = small_file(path, version)
    assert outcome(path, weights) == "the same weights"
    bits = [(place, bit) for place in places_of_the_zip(path) for bit in range(8)][::every]
    found = Counter(outcomes_of_flips(path, bits, weights))
    print(f"version {version}: of {len(bits)} bits", dict(found))
    assert found["other weights"] == 0
    assert version == 1 or found["refused"] == len(bits)


def test_flipped_bits_of_everything_else_load_no_other_weights(tmp_path):
    path = tmp_path / "weights.pt"
    weights = small_file(path, 2)
    bits = [(place, place % 8) for place in range(0, path.stat().st_size, 7)]
    assert set(outcomes_of_flips(path, bits, weights)) == {"refused"}


@pytest.mark.parametrize("version", [2, 1])
def test_files_cut_at_every_kibibyte_are_refused(version, tmp_path):
    train(tmp_path, 1, width=500)
    path = tmp_path / "checkpoint.pt"
    if version == 1:
        content = torch.load(path, weights_only=True)
        torch.save(content | {"version": 1}, path)
    read(path)
    whole = path.stat().st_size
    for size in (*range(whole - 1, whole - 60, -1), *reversed(range(0, whole - 60, 1024))):
        os.truncate(path, size)
        assert outcome(path, {}) == "refused"


def test_a_file_that_follows_another_is_refused(tmp_path):
    """Such as what is left where a shorter file was written over a longer one."""
    path = tmp_path / "weights.pt"
    weights = small_file(path, 2)
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert outcome(path, weights) == "refused"


def test_torch_alone_reads_a_sealed_file(tmp_path):
    path = tmp_path / "weights.pt"
    weights = small_file(path, 2)
    for mapped in (False, True):
        found = torch.load(path, weights_only=True, mmap=mapped)["result"]
        assert all(torch.equal(value, weights[name]) for name, value in found.items())
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
