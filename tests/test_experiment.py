import json
import math
from importlib.metadata import version

import pytest
import torch

from ppgen import data, plots
from ppgen.experiment import Experiment, arguments, new_folder, training_arguments


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def parse(*argv, datasets=True):
    parser = arguments("A script.", datasets=datasets)
    training_arguments(parser, epochs=200, quick=20)
    return parser.parse_args(argv)


def strict_json(path):
    """Read JSON as its standard has it, without Python's NaN and Infinity."""

    def refuse(name):
        pytest.fail(f"{path.name} holds {name}, which is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


# options


def test_options_have_these_defaults():
    options = vars(parse())
    del options["sizes"]
    assert options == {
        "data": "digits",
        "data_root": None,
        "download": False,
        "out": None,
        "seed": 0,
        "quick": False,
        "epochs": None,
        "resume": False,
        "device": "auto",
        "compile": "off",
    }


def test_options_are_read():
    argv = "--data mnist --data-root d --download --out o --seed 3 --quick --epochs 5 --resume"
    options = parse(*argv.split(), "--device", "cpu", "--compile", "on")
    assert (options.data, options.data_root, options.download) == ("mnist", "d", True)
    assert (options.out, options.seed, options.quick) == ("o", 3, True)
    assert (options.epochs, options.resume) == (5, True)
    assert (options.device, options.compile) == ("cpu", "on")


def test_scripts_without_data_take_no_data_options(capsys):
    assert not hasattr(parse(datasets=False), "data")
    with pytest.raises(SystemExit):
        parse("--data", "digits", datasets=False)
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--data", "digitz"], ["--compile", "maybe"], ["--seed", "x"]])
def test_wrong_values_are_refused(argv, capsys):
    with pytest.raises(SystemExit):
        parse(*argv)
    assert argv[0] in capsys.readouterr().err


def test_help_names_every_data_set_and_the_defaults(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert all(name in shown for name in data.LOADERS)
    assert "200" in shown
    assert "20" in shown


@pytest.mark.parametrize(
    ("argv", "epochs"),
    [([], 200), (["--quick"], 20), (["--epochs", "7"], 7), (["--quick", "--epochs", "0"], 0)],
)
def test_quick_changes_the_default_number_of_epochs_alone(argv, epochs):
    run = Experiment("vae", parse(*argv))
    assert run.options.epochs == epochs
    assert run.fit_options == {
        "out": run.folder,
        "epochs": epochs,
        "resume": False,
        "device": "auto",
        "compile": "off",
        "seed": 0,
    }


def test_an_experiment_without_training_needs_no_training_options():
    run = Experiment("sampling", arguments("A script.").parse_args([]))
    assert run.folder.is_dir()


# folders


def test_new_folders_never_meet_an_old_one(tmp_path):
    folders = [Experiment("vae", parse()).folder for _ in range(3)]
    assert [str(folder) for folder in folders] == ["runs/vae", "runs/vae-2", "runs/vae-3"]
    assert all((tmp_path / folder / "settings.json").exists() for folder in folders)


def test_a_file_of_the_name_counts_as_taken(tmp_path):
    (tmp_path / "vae").write_text("")
    assert new_folder(tmp_path, "vae") == tmp_path / "vae-2"
    assert new_folder(tmp_path, "other") == tmp_path / "other"


def test_out_names_the_folder_and_may_exist(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert Experiment("vae", parse("--out", "a/b")).folder.resolve() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b" / "settings.json").exists()
    assert not (tmp_path / "runs").exists()


def test_the_settings_of_another_run_are_kept():
    run = Experiment("vae", parse("--out", "a", "--seed", "3"))
    with pytest.raises(SystemExit, match=r"--out a holds another run; name another, or --resume"):
        Experiment("vae", parse("--out", "a", "--seed", "4"))
    assert strict_json(run.folder / "settings.json")["seed"] == 3
    Experiment("vae", parse("--out", "a", "--seed", "3", "--resume"))


def test_resume_without_out_ends_with_a_reason(tmp_path):
    with pytest.raises(SystemExit, match=r"--resume needs the folder of the run: --out FOLDER"):
        Experiment("vae", parse("--resume"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_out_that_is_a_file_ends_with_a_reason(out, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(SystemExit, match=rf"--out {out} cannot be made: \w+"):
        Experiment("vae", parse("--out", out))
    assert (tmp_path / "taken").read_text() == "mine"


# what is written


def test_settings_are_json_with_options_and_versions():
    run = Experiment("vae", parse("--seed", "3", "--quick"))
    settings = strict_json(run.folder / "settings.json")
    assert settings["seed"] == 3
    assert settings["epochs"] == 20
    assert settings["data"] == "digits"
    assert "sizes" not in settings
    assert settings["versions"]["ppgen"] == version("ppgen")
    assert settings["versions"]["torch"] == torch.__version__
    assert {"script", "machine"} <= set(settings)


def test_metrics_are_json_and_add_up(capsys):
    run = Experiment("vae", parse())
    run.report(test_elbo=-100.123456, epochs=3)
    run.report(history=[{"elbo": -1.0}], epochs=4)
    metrics = strict_json(run.folder / "metrics.json")
    assert metrics == {"test_elbo": -100.123456, "epochs": 4, "history": [{"elbo": -1.0}]}
    assert metrics == run.metrics
    assert capsys.readouterr().out.splitlines() == ["test_elbo: -100.1", "epochs: 3", "epochs: 4"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_metrics_are_json_even_where_a_number_is_not_finite(value):
    """For instance the standard error of a single image, or the bound of epoch 0."""
    run = Experiment("vae", parse())
    run.report(standard_error=value, history=[{"elbo": value}])
    assert set(strict_json(run.folder / "metrics.json")) == {"standard_error", "history"}


def test_figures_are_written_under_their_names():
    run = Experiment("vae", parse())
    run.save_figure("samples", plots.image_grid(torch.rand(4, 1, 3, 3)))
    assert (run.folder / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_finish_says_where_everything_is(capsys):
    run = Experiment("vae", parse("--out", "here"))
    run.finish()
    assert capsys.readouterr().out == "figures, numbers and checkpoints: here\n"


def test_the_seed_is_set():
    draws = []
    for seed in ("5", "5", "6"):
        Experiment("vae", parse("--seed", seed))
        draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


# data


def test_the_data_set_of_the_options_is_loaded():
    assert Experiment("vae", parse()).data.name == "digits"


@pytest.mark.parametrize("name", ["mnist", "binarized_mnist"])
def test_missing_data_ends_with_the_sentence_of_the_data_error(name, tmp_path):
    folder = tmp_path / "nowhere"
    with pytest.raises(data.DataError) as reason:
        data.load(name, folder)
    with pytest.raises(SystemExit) as caught:
        Experiment("vae", parse("--data", name, "--data-root", str(folder)))
    assert caught.value.code == str(reason.value)
    assert str(folder) in caught.value.code
