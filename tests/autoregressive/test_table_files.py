"""Files of tables are read back as written; other files raise errors and never run code."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from ppgen import data
from ppgen.autoregressive import ConditionalTables


def random_tables(pixels=4, dtype=np.float64):
    generator = np.random.default_rng(0)
    tables = [generator.random((2,) * length) for length in range(1, pixels + 1)]
    return [(table / table.sum(-1, keepdims=True)).astype(dtype) for table in tables]


def dense():
    return ConditionalTables.from_tables((1, 2, 2), random_tables(), ordering=[3, 1, 2, 0])


def tree():
    images = torch.bernoulli(torch.full((10, 1, 2, 2), 0.5))
    return ConditionalTables.from_images(images, 0.25, ordering=[3, 1, 2, 0])


# .npz


@pytest.mark.parametrize("make", [dense, tree])
@pytest.mark.parametrize("name", ["tables.npz", "tables"])
def test_tables_are_read_back_as_they_were(make, name, tmp_path):
    network = make()
    network.save(tmp_path / name)
    read = ConditionalTables.load(tmp_path / name)
    assert read.shape == network.shape
    state, expected = read.state_dict(), network.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in expected)


def test_the_tree_of_the_glyphs_is_small(tmp_path):
    """Dense tables would take 512 MiB."""
    network = ConditionalTables.from_images(data.load("glyphs").train.images)
    network.save(tmp_path / "tables.npz")
    assert (tmp_path / "tables.npz").stat().st_size < 4096
    assert sum(t.nbytes for t in network.state_dict().values()) < 4096


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        ConditionalTables.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        ConditionalTables.from_pickle(tmp_path / "none.pkl.gz", (1, 2, 2))


@pytest.mark.parametrize("kept", [0, 10, 400, -10])
def test_damaged_npz_is_refused(kept, tmp_path):
    path = tmp_path / "tables.npz"
    tree().save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=f"{path} holds no conditional tables"):
        ConditionalTables.load(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"form": np.array("other")},
        {"form": None},
        {"images": None},
        {"images": np.full((3, 4), 2, np.uint8)},
        {"images": np.zeros((3, 5), np.uint8)},
        {"images": np.zeros(4, np.uint8)},
        {"images": np.array(["a"])},
        {"pseudo_count": np.array(np.nan)},
        {"pseudo_count": np.array([0.0, 1.0])},
        {"ordering": np.array([0, 0, 1, 2])},
        {"shape": np.array([2, 3])},
        {"shape": np.array([2, 0])},
        {"shape": np.array(4)},
        {"form": np.array("dense")},
        {"form": np.array("dense"), "logits": np.zeros(14)},
        {"form": np.array("dense"), "logits": np.full(15, np.nan)},
        {"form": np.array("dense"), "logits": np.zeros(15, int)},
        {"form": np.array("dense"), "logits": np.zeros((15, 1))},
        {"form": np.array("dense"), "logits": np.array(0.0)},
    ],
)
def test_npz_of_something_else_is_refused(changed, tmp_path):
    path = tmp_path / "tables.npz"
    tree().save(path)
    with np.load(path) as file:
        arrays = {name: array for name, array in {**file, **changed}.items() if array is not None}
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"{path} holds no conditional tables"):
        ConditionalTables.load(path)


def test_npz_of_objects_is_refused(tmp_path):
    path = tmp_path / "tables.npz"
    np.savez(path, form=np.array([{}], dtype=object), shape=np.array([1, 2]))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        ConditionalTables.load(path)


# pickles


def write_pickle(path, content, zipped=True, protocol=4):
    with gzip.open(path, "wb") if zipped else path.open("wb") as file:
        file.write(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_list_of_arrays_is_read(protocol, zipped, tmp_path):
    path = write_pickle(tmp_path / "tables", random_tables(), zipped, protocol)
    network = ConditionalTables.from_pickle(path, (1, 2, 2), ordering=[3, 1, 2, 0])
    assert torch.equal(network.tables.logits, dense().tables.logits)
    assert torch.equal(network.ordering, dense().ordering)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">f8", "<f2"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_type_and_layout_of_numbers_is_read(dtype, order, protocol, tmp_path):
    tables = [np.asarray(table, dtype, order=order) for table in random_tables()]
    path = write_pickle(tmp_path / "tables", [tables[0], *tables[1:]], protocol=protocol)
    network = ConditionalTables.from_pickle(path, (1, 2, 2))
    expected = ConditionalTables.from_tables((1, 2, 2), tables)
    assert torch.equal(network.tables.logits, expected.tables.logits)


def test_names_of_older_numpy_are_read(tmp_path):
    """Files of numpy 1 say numpy.core where numpy 2 says numpy._core."""
    text = pickle.dumps(random_tables(), 0)
    old = text.replace(b"numpy._core.", b"numpy.core.")
    new = old.replace(b"numpy.core.", b"numpy._core.")
    for content in (old, new):
        path = write_pickle(tmp_path / "tables", content)
        assert ConditionalTables.from_pickle(path, (1, 2, 2)).pixels == 4


@pytest.mark.parametrize(
    "content",
    [
        {"tables": random_tables()},
        tuple(random_tables()),
        random_tables()[0],
        [*random_tables(), [0.5, 0.5]],
        [*random_tables(), None],
        [*random_tables()[:3], "text"],
        [np.float64(0.5)],
        [np.dtype("f8")],
        [np.ndarray],
        [np.array([None, {}], dtype=object)],
        [np.array([random_tables()[0], None], dtype=object)],
        [np.array([(1, 2.0)], dtype="i4,f8")],
        [np.array(["a", "b"])],
        [np.ma.masked_array([0.5, 0.5])],
        5,
    ],
    ids=lambda content: str(type(content[0]) if isinstance(content, list) else type(content)),
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_anything_but_arrays_of_numbers_in_a_list_is_refused(content, protocol, tmp_path):
    path = write_pickle(tmp_path / "tables", content, protocol=protocol)
    with pytest.raises(ValueError, match=f"{path} cannot be read as a pickled list of arrays"):
        ConditionalTables.from_pickle(path, (1, 2, 2))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(share, zipped, tmp_path):
    path = write_pickle(tmp_path / "tables", random_tables(), zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=f"{path} cannot be read as a pickled list of arrays"):
        ConditionalTables.from_pickle(path, (1, 2, 2))


@pytest.mark.parametrize(
    "content",
    [b"", b"text", bytes(100), b"\x80\x04\x95" + struct.pack("<Q", 2**60), b"\x8e" + b"\xff" * 8],
    ids=["empty", "text", "zeros", "a frame too long", "bytes too long"],
)
def test_files_of_something_else_are_refused(content, tmp_path):
    path = write_pickle(tmp_path / "tables", content)
    with pytest.raises(ValueError, match=f"{path} cannot be read as a pickled list of arrays"):
        ConditionalTables.from_pickle(path, (1, 2, 2))


def test_flipped_bytes_never_do_worse_than_a_value_error(tmp_path):
    path = Path(tmp_path / "tables")
    content = pickle.dumps(random_tables(3), 4)
    generator = np.random.default_rng(0)
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] = generator.integers(256)
        write_pickle(path, bytes(damaged), zipped=False)
        try:
            network = ConditionalTables.from_pickle(path, (1, 1, 3))
        except ValueError:
            continue
        assert network.tables.logits.isfinite().all()


def test_bad_tables_in_a_pickle_are_refused_with_the_file_and_the_table(tmp_path):
    tables = random_tables()
    tables[2][0, 1, 0] = np.nan
    path = write_pickle(tmp_path / "tables", tables)
    with pytest.raises(ValueError, match=rf"{path}: tables\[2\] holds NaN"):
        ConditionalTables.from_pickle(path, (1, 2, 2))
