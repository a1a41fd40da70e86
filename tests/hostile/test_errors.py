"""Files of another kind, damaged files, pipes and links: an error that names the file, and soon."""

import functools
import gzip
import json
import os
import pickle

import numpy as np
import pytest
import torchvision.datasets.mnist  # noqa: F401, here rather than in each forked process

from hostile.archives import archive, npy, saved, tables
from hostile.forked import forked
from hostile.readers import METRICS, READERS, RESULT, SETTINGS
from ppgen.experiments.results import ResultsError, Run

TEXTS = ("text", "dagitty", "dot", "lists", "csv")  # which mean something to many readers
FILES = {
    "empty": b"",
    "zeros": bytes(1000),
    "a line": b"hello\n",
    "random": np.random.default_rng(0).bytes(5000),
    "UTF-16": "a -> b".encode("utf-16"),
    "no text": b"\xff\xfe\xfd",
    "gzip": gzip.compress(b""),
    "half a gzip": gzip.compress(np.random.default_rng(0).bytes(5000))[:2000],
    "archive": archive(),
    "half an archive": tables()[:-100],
    "other arrays": archive(images=saved(np.zeros(3)), train=saved(np.zeros(3))),
    "texts": archive(**dict.fromkeys(("images", "train", "form", "shape"), saved(np.array("a")))),
    "negative": archive(**dict.fromkeys(("images", "train"), npy((-1, 98)))),
    "no sizes": archive(**dict.fromkeys(("images", "train"), npy("()"))),
    "wrong order": tables(ordering=saved(np.array([1, 1]))),
    "many dimensions": tables(shape=saved(np.ones(100, int))),
    "no tables": tables(form=saved(np.array("{0.__class__}"))),
    "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "header": bytes([0, 0, 8, 3]) + b"\xff" * 12,
    "header of floats": bytes([0, 0, 13, 3]) + b"\0\0\0\1" * 4,
    "list": pickle.dumps([], 0),
    "scalars": pickle.dumps([np.float64(1)]),
    "long name": b"\x80\x02]c" + b"a" * 10**6 + b"\nb\na.",
    "list of names": b"\x80\x02](cnumpy\nndarray\ncnumpy\ndtype\ne.",
    "number": b"3",
    "open list": b'{"results": [',
}


def named(error, path):
    """Whether an error says which file it is of, in few words."""
    return path.name in str(error) and len(str(error)) < 1000


@pytest.mark.parametrize("reader", READERS)
def test_other_files_are_named(reader, tmp_path):
    path = READERS[reader].file(tmp_path)
    for kind, content in FILES.items():
        path.write_bytes(content)
        try:
            READERS[reader].read(tmp_path)
        except ValueError as error:
            assert named(error, path), (kind, error)  # noqa: PT017, some raise none
        else:
            assert reader in TEXTS, kind


@pytest.mark.parametrize("reader", [name for name, reader in READERS.items() if not reader.pipes])
def test_pipes_are_not_waited_for(reader, tmp_path):
    path = READERS[reader].file(tmp_path)
    os.mkfifo(path)
    error = forked(functools.partial(READERS[reader].read, tmp_path)).error
    assert isinstance(error, ValueError)
    assert named(error, path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["folder", "link to itself", "link to nothing"])
def test_folders_and_links_are_named(reader, kind, tmp_path):
    path = READERS[reader].file(tmp_path)
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "link to itself" else tmp_path / "none")
    with pytest.raises((ValueError, OSError)) as error:
        READERS[reader].read(tmp_path)
    assert named(error.value, path)


# Results

DEEP = "[" * 500 + "]" * 500
NUMBERS = ("nats", "standard_error", "bits", "parameters", "epochs", "seconds")
VALUES = ["NaN", "Infinity", "1e999", "-1e300", "9" * 4000, "true", '"1"', "[]", "{}", DEEP, "0.5"]
OF_TEXTS = ["1", "null", "true", "[]", "{}", DEEP, f'"{"a" * 20_000}"']
CHANGES = [
    *((("metrics", "results", 0, name), value) for name in NUMBERS for value in VALUES
      if value != "0.5" or name in ("parameters", "epochs")),
    *((("metrics", "results", 0, name), value) for name in ("model", "data", "estimate", "device")
      for value in OF_TEXTS),
    *((("metrics", "results", 0), value) for value in ("1", '"a"', "[1]", "{}", "null", DEEP)),
    *((("metrics", "results"), value) for value in ("1", '"a"', '{"a": 1}', "true", DEEP)),
    *((("settings", name), value) for name in ("command", "machine") for value in OF_TEXTS),
    *((("settings", "quick"), value) for value in ("1", '"no"', "null", "[]", DEEP)),
    *((("settings", "versions"), value) for value in ("1", '"a"', "[]", '{"a": 1}', '{"a": {}}')),
    *(((file,), value) for file in ("metrics", "settings")
      for value in ('{"a": 1, "a": 2}', '"a"', "[]", "\ufeff{}", '{"a": 1}{', "\0", DEEP * 9)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "value"),
    [pytest.param(p, v, id=f"{'.'.join(map(str, p))}={v[:12]!a}") for p, v in CHANGES],
)
def test_results_of_other_kinds_are_named(place, value, tmp_path):
    contents = json.loads(json.dumps({"metrics": METRICS, "settings": SETTINGS}))
    owner = contents
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = "HERE"
    for name, content in contents.items():
        text = json.dumps(content).replace('"HERE"', value)
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError) as error:
        Run.read(tmp_path)
    assert str(error.value).startswith(f"{tmp_path} ")
    assert len(str(error.value)) < 500
    assert "\n" not in str(error.value)


def test_a_link_out_of_a_run_is_not_read(tmp_path):
    other, run = tmp_path / "other", tmp_path / "run"
    for folder in (other, run):
        folder.mkdir()
        (folder / "settings.json").write_text(json.dumps(SETTINGS))
    (other / "metrics.json").write_text(json.dumps(METRICS))
    (run / "metrics.json").symlink_to(other / "metrics.json")
    with pytest.raises(ResultsError, match=r"metrics.json: it is a link out of the folder"):
        Run.read(run)
    (run / "metrics.json").unlink()
    (run / "mine.json").write_text(json.dumps(METRICS))
    (run / "metrics.json").symlink_to("mine.json")
    assert Run.read(run).results[0].model == RESULT["model"]
