import json
import math
import shlex
import sys
from dataclasses import asdict, replace

import pytest
import torch

import ppgen
from ppgen import data, plots
from ppgen.experiments.environment import command_line
from ppgen.experiments.experiment import Experiment, new_folder
from ppgen.experiments.options import arguments, training_arguments
from ppgen.experiments.results import Result, Run
from ppgen.inference import Estimate
from ppgen.likelihoods import Bernoulli, Beta, Categorical, SoftBernoulli
from ppgen.models import BernoulliMixture
from ppgen.training import Epoch, History


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def parse(*argv, datasets=True, **sizes):
    parser = arguments("A script.", datasets=datasets)
    training_arguments(parser, epochs=200, quick=20, **sizes)
    return parser.parse_args(argv)


def strict_json(path):
    """Read standard JSON, without Python's NaN and Infinity."""

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
        "compile": "auto",
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
        "compile": "auto",
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("argv", "size"),
    [([], 64), (["--batch-size", "16"], 16), (["--batch-size", "1000000"], 1000)],
    ids=["default", "chosen", "more than there are"],
)
def test_a_batch_is_as_large_as_asked_for_or_all_rows(argv, size, monkeypatch):
    run = Experiment("vae", parse(*argv, batch_size=64))
    monkeypatch.setattr(run, "data", replace(run.data, train=run.data.train.spread(1000)))
    assert run.fit_options["batch_size"] == size
    without = Experiment("vae", parse(*argv, datasets=False, batch_size=64))
    assert without.fit_options["batch_size"] == without.options.batch_size


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


def test_settings_stay_those_of_the_numbers_until_there_are_new_ones():
    run = Experiment("vae", parse("--out", "a", "--seed", "3"))
    run.report(bound=-1.0)
    resumed = Experiment("vae", parse("--out", "a", "--seed", "4", "--resume"))
    assert strict_json(run.folder / "settings.json")["seed"] == 3  # its fit may be refused yet
    resumed.report(bound=-2.0)
    assert strict_json(run.folder / "settings.json")["seed"] == 4


@pytest.mark.parametrize(
    "text", ['{"script": "other.py"}', "{}", "[1", "[1]"], ids=["other", "no", "cut", "list"]
)
def test_the_folder_of_another_script_is_left_alone(text, tmp_path):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(SystemExit, match=r"holds a run of other\.py|damaged settings"):
        Experiment("vae", parse("--out", str(tmp_path), "--resume"))
    assert (tmp_path / "settings.json").read_text() == text


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


# what is printed


def test_sentences_name_the_numbers_reported_so_far(capsys):
    run = Experiment("vae", parse())
    run.report("", bound=-1.234, table={"a": {"b": 2}})
    assert capsys.readouterr().out == ""
    run.report("A bound of {bound:.2f}, and {table[a][b]} in {epochs} epochs.", epochs=3)
    assert capsys.readouterr().out == "A bound of -1.23, and 2 in 3 epochs.\n"
    assert strict_json(run.folder / "metrics.json")["epochs"] == 3


# what is written


def test_settings_are_json_with_options_and_versions():
    run = Experiment("vae", parse("--seed", "3", "--quick"))
    settings = strict_json(run.folder / "settings.json")
    assert settings["seed"] == 3
    assert settings["epochs"] == 20
    assert settings["data"] == "digits"
    assert "sizes" not in settings
    assert settings["versions"]["ppgen"] == ppgen.__version__
    assert settings["versions"]["torch"] == torch.__version__
    assert {"script", "machine"} <= set(settings)


def test_settings_hold_the_command_that_makes_the_run_again(monkeypatch):
    argv = ["--data-root", "/somewhere", "--seed", "3", "--out=a", "--quick"]
    monkeypatch.setattr(sys, "argv", ["/home/me/examples/vae.py", *argv])
    command = strict_json(Experiment("vae", parse(*argv)).folder / "settings.json")["command"]
    assert command == "python examples/vae.py --seed 3 --quick"


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        ("--data mnist --data-root d --latents 9 9 --out o --resume", "--data mnist --latents 9 9"),
        ("--out=o --data-root=d --data=mnist", "--data=mnist"),
        ("--rate -1e-3 --outer 3", "--rate -1e-3 --outer 3"),
        ("", ""),
    ],
)
def test_commands_hold_nothing_of_one_machine(argv, kept):
    words = shlex.split(command_line(["x/examples/vae.py", *argv.split()]))
    assert words == ["python", "examples/vae.py", *kept.split()]


def test_commands_can_be_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = ["vae.py", "--name", "a b", "--text", "it's $x"]
    command = command_line(argv, processes=2)
    script = f"{tmp_path.name}/vae.py"
    assert shlex.split(command) == ["torchrun", "--nproc-per-node", "2", script, *argv[1:]]


def test_options_are_typed_whole(capsys):
    with pytest.raises(SystemExit):
        parse("--ou", "a")
    assert "--ou" in capsys.readouterr().err


def test_metrics_are_json_and_add_up(capsys):
    run = Experiment("vae", parse())
    run.report(test_elbo=-100.123456, epochs=3)
    run.report(history=[{"elbo": -1.0}], epochs=4)
    metrics = strict_json(run.folder / "metrics.json")
    assert metrics == {"test_elbo": -100.123456, "epochs": 4, "history": [{"elbo": -1.0}]}
    assert metrics == run.metrics
    assert capsys.readouterr().out.splitlines() == ["test elbo: -100.1", "epochs: 3", "epochs: 4"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_metrics_are_json_even_where_a_number_is_not_finite(value):
    """Such as the standard error of a single image, or the bound of epoch 0."""
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


# results


def record(run, estimate, dataset, likelihood=None):
    """Record a mixture that was trained for two epochs, one of them resumed."""
    mixture = BernoulliMixture((1, 8, 8), classes=3)
    epochs = [Epoch(0, None, -44.0, 0.0, 0.1), Epoch(1, -30.0, -31.0, 2.5, 0.1),
              Epoch(2, -29.0, -30.0, 1.5, 0.1)]  # fmt: skip
    return run.result(
        "mixture", mixture, History(epochs), estimate, dataset, how="exact", likelihood=likelihood
    )


def estimated(dataset):
    return Estimate(torch.linspace(-30, -20, len(dataset.test)))


def test_results_are_read_back(capsys):
    run = Experiment("mixture", parse())
    digits = run.data.binarized()
    run.report(epochs=2)
    results = [record(run, estimated(digits), digits) for _ in range(2)]
    assert Run.read(run.folder).results == tuple(results)
    assert strict_json(run.folder / "metrics.json") == {
        "epochs": 2, "results": [asdict(result) for result in results]
    }  # fmt: skip
    assert capsys.readouterr().out == "epochs: 2\n"


def test_a_result_says_how_a_model_was_trained_and_tested():
    run = Experiment("mixture", parse())
    digits = run.data.binarized()
    result = record(run, estimated(digits), digits)
    assert (result.model, result.estimate) == ("mixture", "exact")
    assert result.data == "digits, fixed binarisation"
    assert result.nats == pytest.approx(25)
    assert result.standard_error == pytest.approx(estimated(digits).standard_error)
    assert result.bits == pytest.approx(25 / (64 * math.log(2)))
    assert result.parameters == (1 + 3) * 64 + 3  # pixels of all classes, and of each; weights
    assert (result.epochs, result.seconds) == (2, 4.0)
    assert result.device.startswith(f"CPU, {torch.get_num_threads()} thread")


def test_a_result_leaves_the_trained_model_in_a_file():
    run = Experiment("mixture", parse())
    digits = run.data.binarized()
    mixture = BernoulliMixture(digits.image_shape, classes=3)
    estimate = estimated(digits)
    result = run.result("a mixture, of 3", mixture, History(), estimate, digits, how="exact")
    assert result.file == "a-mixture-of-3.pt"
    again = ppgen.load(run.folder / result.file)
    before, after = (ppgen.elbo(program, digits.test.images) for program in (mixture, again))
    assert torch.equal(before.each, after.each)


def test_results_of_any_kind_can_be_recorded():
    run = Experiment("table", parse(datasets=False))
    result = Result("Gaussian", "a table", 1.5, 0.1, "exact", None, 9, 1, 0.0, "CPU, 1 thread")
    run.record(result)
    assert Run.read(run.folder).results == (result,)


def test_results_of_grey_images_are_those_of_their_own_levels():
    """For uniform masses on 17 levels and on four bins of levels, and a uniform density."""
    run = Experiment("vae", parse())
    pixels, images = 64, run.data.test.images
    in_large_bin = (images <= 4).double().sum((1, 2, 3)).mean().item()  # 0–4, 5–8, 9–12, 13–16
    nats = {
        Beta(): (0.0, pixels * math.log(17)),
        Categorical(17): (-pixels * math.log(17), pixels * math.log(17)),
        Categorical(4): (
            -pixels * math.log(4),
            in_large_bin * math.log(4 * 5) + (pixels - in_large_bin) * math.log(4 * 4),
        ),
    }
    for likelihood, (log_prob, expected) in nats.items():
        estimate = Estimate(torch.full((len(images),), log_prob))
        result = record(run, estimate, run.data, likelihood)
        assert result.data == "digits, 17 grey levels"
        assert result.nats == pytest.approx(expected)
        assert result.bits == pytest.approx(expected / (pixels * math.log(2)))


@pytest.mark.parametrize("likelihood", [Bernoulli(), SoftBernoulli()])
def test_results_of_binary_images_drawn_from_grey_ones_say_so(likelihood):
    run = Experiment("vae", parse())
    result = record(run, estimated(run.data), run.data, likelihood)
    assert (result.data, result.bits) == ("digits, dynamic binarisation", None)
    assert result.nats == pytest.approx(25)


def test_results_that_are_not_finite_are_written_as_such():
    run = Experiment("mixture", parse())
    digits = run.data.binarized()
    one = replace(digits, test=digits.test.slice(0, 1))
    record(run, Estimate(torch.tensor([-math.inf])), one)
    (result,) = Run.read(run.folder).results
    assert (result.nats, result.standard_error, result.bits) == (None, None, None)


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
