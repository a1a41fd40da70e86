"""The benchmarks: each of them runs, and table and file hold what was measured."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import NAMES, auto_fits, programs_report, timing
from benchmarks.__main__ import main
from benchmarks.comparison import Apart, Comparison, Settings, Way
from benchmarks.memory import peak_memory
from benchmarks.report import commit, figure, table
from benchmarks.timing import interleaved
from ppgen.training import whole_step

SLOW = ("auto_fits", "programs", "svi_step")
ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
WAY_KEYS = {"name", "median_ms", "min_ms", "max_ms", "memory_mib"}
ROW_KEYS = {
    "benchmark", "row", "device", "ours", "other", "ratio", "memory_ratio", "checks",
}  # fmt: skip


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(timing, "perf_counter", lambda: clock.now)
    return clock


@pytest.fixture
def run(tmp_path, capsys):
    """Return a function that runs the command with tiny sizes and returns its file and output."""

    def run(*arguments):
        file, threads = tmp_path / "record.json", str(torch.get_num_threads())
        common = ["--quick", "--device", "cpu", "--threads", threads, "--json", str(file)]
        main([*arguments, *common])
        return json.loads(file.read_text()), capsys.readouterr().out

    return run


# how times are taken


def test_ways_take_turns_and_the_first_turn_does_not_count(clock):
    order = []

    def way(name, seconds):
        def run():
            clock.now += seconds if name in order else 100  # the first time, it is compiled
            order.append(name)

        return run

    times = interleaved([way("a", 2), way("b", 3)], rounds=3, repeats=2)
    assert order == ["a", "a", "b", "b"] * 4
    assert times == [[2] * 3, [3] * 3]


def test_the_clock_is_read_when_the_device_has_finished(clock, monkeypatch):
    queue = []

    def synchronize():
        clock.now += sum(queue)
        queue.clear()

    device = SimpleNamespace(synchronize=synchronize)
    monkeypatch.setattr(torch, "get_device_module", lambda _: device)
    ways = [lambda: queue.append(2), lambda: queue.append(3)]
    assert interleaved(ways, 2, 2, torch.device("cuda")) == [[2, 2], [3, 3]]


def test_peak_memory_counts_what_is_there_at_once():
    def run():
        first = torch.zeros(2**20)  # 4 MiB
        second = torch.zeros(2**21)
        del first, second
        torch.zeros(2**20)

    assert peak_memory(run, CPU) == pytest.approx(12, abs=0.01)
    assert peak_memory(lambda: None, CPU) == 0


# what a comparison gives


def test_medians_spread_and_ratio_of_the_whole_work(clock):
    def way(name, seconds, **keywords):
        seconds = iter([0, *seconds])

        def run():
            clock.now += next(seconds)

        return Way(name, run, **keywords)

    comparison = Comparison(
        ours=way("ours", [1, 5, 2]),
        others=(
            way("whole", [4, 4, 9], check=lambda: "the same"),
            way("a tenth", [1, 1, 1], scale=10),
            way("absent", [], needs="no_such_module"),
        ),
    )
    whole, tenth, absent = comparison.measure(Settings(CPU, rounds=3))
    memory = {"memory_mib": None}
    ours = {"name": "ours", "median_ms": 2000, "min_ms": 1000, "max_ms": 5000, **memory}
    assert whole["ours"] == tenth["ours"] == absent["ours"] == ours
    assert whole["other"] == {
        "name": "whole", "median_ms": 4000, "min_ms": 4000, "max_ms": 9000, **memory
    }  # fmt: skip
    assert (whole["ratio"], whole["checks"]) == (2, "the same")
    assert tenth["other"]["median_ms"] == 10_000
    assert (tenth["ratio"], tenth["checks"]) == (5, "")
    assert set(absent["other"].values()) == {"absent", None}
    assert (absent["ratio"], absent["checks"]) == (None, "no_such_module is not installed")


def test_what_is_measured_apart_comes_after_the_others(clock):
    order = []

    def way(name, kind=Way, result=None, **keywords):
        def run():
            order.append(name)
            return result

        return kind(name, run, **keywords)

    comparison = Comparison(
        ours=way("ours"),
        others=(
            way("apart", Apart, [2, 3, 7]),
            way("without an answer", Apart, [], check=lambda: "no reply"),
            way("within"),
            way("absent", absent="does not run"),
        ),
        facts=lambda: {"order": list(order)},
    )
    apart, without, _, absent = comparison.measure(Settings(CPU, rounds=1))
    assert comparison.facts() == {
        "order": ["ours", "within", "ours", "within", "apart", "without an answer"]
    }
    assert apart["other"] == {
        "name": "apart", "median_ms": 3000, "min_ms": 2000, "max_ms": 7000, "memory_mib": None
    }  # fmt: skip
    assert (without["other"]["median_ms"], without["checks"]) == (None, "no reply")
    assert (absent["other"]["median_ms"], absent["checks"]) == (None, "does not run")


def test_ours_alone_is_a_row_without_a_ratio():
    (row,) = Comparison(Way("ours", lambda: None)).measure(Settings(CPU, rounds=1))
    assert row["other"] is row["ratio"] is row["memory_ratio"] is None
    shown = table([{"benchmark": "b", "row": "r", **row}]).splitlines()
    assert len(shown) == 3
    assert len(set(map(len, shown))) == 1


def test_the_ratio_of_memory_is_of_the_whole_work():
    part = Way("a quarter", lambda: torch.zeros(2**20), scale=4)
    ours = Way("ours", lambda: torch.zeros(2**20))
    (row,) = Comparison(ours, (part,), memory=True).measure(Settings(CPU, rounds=1))
    assert row["ours"]["memory_mib"] == 4
    assert row["other"]["memory_mib"] == 16
    assert row["memory_ratio"] == 4


def test_what_is_on_the_cpu_only_says_so():
    comparison = Comparison(Way("ours", lambda: None), cpu_only=True)
    (row,) = comparison.measure(Settings(torch.device("cuda"), rounds=1))
    assert row["device"] == "cpu"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"),
     (123.4, "123"), (12345.6, "12,346")],
)  # fmt: skip
def test_figures_have_three_digits(value, shown):
    assert figure(value) == shown


# the command


def test_every_module_with_rows_is_named():
    modules = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert modules - set(NAMES) == {
        "__init__", "__main__", "comparison", "memory", "peer_suites", "programs_report", "report",
        "steps", "timing",
    }  # fmt: skip
    assert set(NAMES) <= modules


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is:FutureWarning")  # of Pyro's own
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES],
)
def test_every_benchmark_runs(name, run, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)  # the compiler is slow
    # Rows of these start processes, which takes seconds.
    only = {"processes": "128", "programs": "eight schools", "auto_fits": "eight schools, 100"}
    record, shown = run(name, "--only", only.get(name, ""))
    assert set(record) == {"settings", "machine", "rows", "facts"}
    assert record["settings"]["names"] == [name]
    assert record["settings"]["rounds"] == 2
    assert record["rows"]
    for row in record["rows"]:
        assert set(row) == ROW_KEYS
        assert row["benchmark"] == name
        assert row["device"] == "cpu"
        assert f"| {row['row']} " in shown
        for way in filter(None, (row["ours"], row["other"])):
            assert set(way) == WAY_KEYS
        assert 0 < row["ours"]["min_ms"] <= row["ours"]["median_ms"] <= row["ours"]["max_ms"]
        if row["ratio"] is not None:
            expected = row["other"]["median_ms"] / row["ours"]["median_ms"]
            assert row["ratio"] == pytest.approx(expected)
            assert f"| {row['other']['name']} " in shown
        assert "DIFFER" not in row["checks"]
        assert "UNCOMPILED" not in row["checks"]


@pytest.mark.filterwarnings("ignore")
def test_a_step_that_could_not_be_compiled_is_not_shown_as_compiled(run, monkeypatch):
    def compiler(*_, **__):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(whole_step, "compiled", compiler)
    record, _ = run("svi_step", "--only", " compiled", "--rounds", "1")
    checks = {row["checks"] for row in record["rows"]}
    (check,) = checks
    assert check.startswith("runs as graphs that are not compiled: RuntimeError: no compiler here")


def facts(row):
    ready = {"traced": 1.0, "first": 8.0, "cached": 2.0, "operations": 50, "NumPyro": None}
    same = {"ours": 5.0, "theirs": 5.1, "difference": 0.1, "error": 0.1, "p": 0.3}
    curves = {"fit": [(1.0, 9.0), (2.0, 5.0)], "Pyro": [(1.0, 9.0), (2.0, 5.1)]}
    found = {"ready": ready, "agreement": {"Pyro": same}, "curves": curves}
    return {"benchmark": "programs", "row": row, **found}


def program_rows(name, ours, **others):
    other = {"fit, traced": 2.0, "Pyro's SVI.step": ours * 2, **others}
    return [
        {"row": name, "ours": {"median_ms": ours}, "other": {"name": way, "median_ms": time},
         "ratio": time / ours if time else None}
        for way, time in other.items()
    ]  # fmt: skip


def test_the_summary_of_programs_has_ratios_and_their_geometric_mean():
    rows = program_rows("a", 1.0) + program_rows("b", 0.5, **{"Pyro's SVI.step": 4.0})
    known = [facts("a"), facts("b")]
    known[1]["agreement"]["by hand"] = {**known[1]["agreement"]["Pyro"], "p": 1e-9}
    lines = [line.split("|") for line in programs_report.summary(rows, known).splitlines()]
    column = [cell.strip() for cell in lines[0]].index("Pyro")
    assert [line[column].strip() for line in lines[2:6]] == ["2.00", "8.00", "4.00", "2.00"]
    assert "agree, p ≥ 0.3" in lines[2][-2]
    assert "by hand's is +2 %, p = 1e-09" in lines[3][-2]


def test_the_figure_has_a_panel_for_each_program(tmp_path):
    file = tmp_path / "figure.png"
    rows = program_rows("a", 1.0) + program_rows("b", 0.5)
    programs_report.draw(rows, [facts("a"), facts("b")], file)
    assert file.read_bytes().startswith(b"\x89PNG")


def test_auto_is_divided_by_the_better_of_off_and_on():
    rows = [{"row": row, "ratio": ratio} for row, ratio in zip("aabb", [2, 0.5, 4, 1], strict=True)]
    shown = auto_fits.summary(rows, [])
    assert [line.split("|")[2].strip() for line in shown.splitlines()[2:]] == [
        "2.00", "1.00", "2.00"
    ]  # fmt: skip


def test_one_row_as_a_user_runs_it(tmp_path):
    file = tmp_path / "record.json"
    options = ["graph", "--only", "ALARM", "--quick", "--rounds", "3", "--json", str(file)]
    command = [sys.executable, "-m", "benchmarks", *options, "--device", "cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    record = json.loads(file.read_text())
    (row,) = record["rows"]
    assert row["row"] == "local independencies of ALARM"
    assert len(done.stdout.splitlines()) == 3
    assert record["settings"] == {
        "names": ["graph"], "only": "ALARM", "device": "cpu", "threads": 2, "rounds": 3,
        "quick": True, "json": str(file), "figure": None, "numpyro": sys.executable,
    }  # fmt: skip
    machine = record["machine"]
    assert machine["threads"] == 2
    assert machine["device"] == "cpu"
    assert machine["device_name"] == "CPU, 2 threads"
    assert machine["versions"]["torch"] == torch.__version__
    assert {"ppgen", "pyro-ppl", "scikit-learn"} < set(machine["versions"])
    assert machine["commit"] == commit()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["grapf"], f"'grapf' is not a benchmark; expected {', '.join(NAMES)}"),
        (["--device", "abacus"], "--device: 'abacus' is not a device; expected auto, cpu, cuda"),
        (["--rounds", "0"], "--rounds: '0'; expected a whole number, 1 or more"),
        (["--threads", "two"], "--threads: 'two'; expected a whole number, 1 or more"),
        (["--json", "no/such/folder/file"], "--json: 'no/such/folder/file': No such file"),
        (["ppca", "--only", "NADE"], "'NADE' is in none of the rows\n  64 axes of 60,000 images"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, reason, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--device", "cuda"])
    assert (
        "argument --device: device is 'cuda'; expected 'cpu', 'cuda' or another device of torch's"
        in capsys.readouterr().err
    )
