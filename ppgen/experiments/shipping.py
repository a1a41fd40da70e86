r"""Put a model that a script has trained among those of the package.

python -m ppgen.experiments.shipping RUN NAME [--model TEXT] [--particles N] [--data-root FOLDER]

It is one of binary MNIST, and is measured as it is in half precision.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ppgen import data
from ppgen.data import Dataset
from ppgen.experiments.results import Result, Run
from ppgen.experiments.shipped import Pretrained, estimated, probe, read_record
from ppgen.training.saving import PRETRAINED, load, save
from ppgen.whole_files import write_whole

LICENCE = "trained on MNIST, by LeCun, Cortes and Burges: CC BY-SA 3.0"


def ship(
    run: Run, result: Result, name: str, dataset: Dataset, particles: int | None
) -> Pretrained:
    """Put a model of a run among those of the package, in half precision; return its record."""
    path = PRETRAINED / f"{name}.pt"
    save(load(run.folder / result.file).half(), path)
    program = load(name)
    given_labels = bool(getattr(getattr(program, "network", None), "context_size", 0))
    estimate = estimated(program, dataset.test.arguments(given_labels), particles)
    result = replace(
        result,
        data=dataset.name,
        nats=-estimate.mean,
        standard_error=estimate.standard_error,
        estimate="exact" if particles is None else f"{particles:,} particles",
    )
    content = {
        "result": asdict(result),
        "particles": particles,
        "command": run.command,
        "environment": run.environment,
        "licence": LICENCE,
        "given_labels": given_labels,
        "answers": probe(program, given_labels),
    }
    write_whole(path.with_suffix(".json"), f"{json.dumps(content, indent=2)}\n".encode())
    return read_record(path.with_suffix(".json"))


def main(argv: Sequence[str] | None = None) -> None:
    """Ship a model of a run, and print its record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a script")
    parser.add_argument("name", help="by which ppgen.load will know it")
    parser.add_argument("--model", default="", help="part of its name among the run's results")
    parser.add_argument("--particles", type=int, help="of its test nats; default: they are exact")
    parser.add_argument("--data-root", help="data folder; default: PPGEN_DATA, ~/.cache/ppgen")
    options = parser.parse_args(argv)
    run = Run.read(options.run)
    found = [result for result in run.results if options.model in result.model]
    if len(found) != 1:
        parser.error(
            f"--model {options.model!r} names {len(found)} of the run's results, "
            f"{[result.model for result in run.results]}; expected one"
        )
    mnist = data.load("mnist", options.data_root).binarized()
    print(ship(run, found[0], options.name, mnist, options.particles))


if __name__ == "__main__":
    main()
