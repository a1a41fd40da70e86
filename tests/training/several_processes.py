"""What each process does in the tests of several processes, and two ways to start them.

``torchrun several_processes.py`` does the task named first, in the folder named second. Forked
processes do the same in the environment that torchrun would give them, and import nothing anew.
"""

import json
import multiprocessing
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path

import pyro
import pytest
import torch
from pyro.infer import TraceGraph_ELBO
from torch import distributed

import ppgen
from ppgen.autoregressive import FullyVisible
from ppgen.models import VAE, AutoregressiveModel
from ppgen.training import CheckpointError
from ppgen.training.processes import Processes, leave

SETTINGS = {"batch_size": 32, "progress": False, "device": "cpu"}
DOUBLE = torch.float64


def digits(start, stop):
    return ppgen.data.load("digits").binarized().train.images[start:stop]


def vae(dtype=DOUBLE):
    torch.manual_seed(1)
    return VAE.convolutional((1, 8, 8), latent=3, channels=(4, 8), hidden=16).to(dtype)


def fit_vae(epochs=10, dtype=DOUBLE, **options):
    """Take 5 steps an epoch; give the program and the curve."""
    program = vae(dtype)
    settings = SETTINGS | options
    history = ppgen.fit(program, digits(0, 160), digits(160, 260), epochs=epochs, **settings)
    return program, curve(history)


def fit_without_draws(images=160):
    """Fit by an ELBO whose gradients Pyro computes itself; nothing is drawn."""
    torch.manual_seed(1)
    model = AutoregressiveModel(FullyVisible((1, 8, 8))).double()
    parts = digits(0, images), digits(160, 260)
    return curve(ppgen.fit(model, *parts, epochs=3, objective=TraceGraph_ELBO(), **SETTINGS))


def curve(history):
    return [[epoch.elbo, epoch.validation] for epoch in history.epochs]


def draw_jointly(processes, monkey):
    """Make each process draw the rows of the joint batch's noise that are those of its part."""

    draw = torch.distributions.normal._standard_normal

    def rows(shape, dtype, device):
        if not torch.is_grad_enabled():  # validation batches are not divided
            return draw(shape, dtype, device)
        joint = torch.randn(shape[0] * processes.count, *shape[1:], dtype=dtype, device=device)
        return joint[processes.rank :: processes.count]

    monkey.setattr(torch.distributions.normal, "_standard_normal", rows)
    monkey.setattr(Processes, "own_stream", lambda *args: None)


def train(processes, folder, monkey):
    found = {"stream": first_draws()}
    for wrong in ({"batch_size": 33}, {"data": processes.rank}):
        shift = wrong.pop("data", 0)
        try:
            ppgen.fit(vae(), digits(shift, 64 + shift), epochs=1, **SETTINGS | wrong)
        except ValueError as error:
            found[f"refused {len(found)}"] = str(error)
    found["stopped"] = fit_vae(callback=lambda p, h: processes.rank == 1 and h.last == 2)[1]
    found["without draws"] = fit_without_draws()
    found["of another size"] = fit_without_draws(images=157)
    with monkey.context() as patch:
        draw_jointly(processes, patch)
        program, found["curve"] = fit_vae(epochs=10)
        found["curve in float32"] = fit_vae(epochs=10, dtype=torch.float32)[1]
        fit_vae(epochs=4, out=folder / "to_resume")
    found["weights"] = [p.double().sum().item() for p in program.parameters()]
    return found


def first_draws():
    """Record what the guide draws at the first steps."""
    drawn = []

    class Watched(VAE):
        def guide(self, x):
            z = super().guide(x)
            if self.training:
                drawn.append(z[0, 0].item())
            return z

    program = vae()
    program.__class__ = Watched
    with torch.no_grad():  # all images are alike to the encoder
        for parameter in program.encoder.parameters():
            parameter.zero_()
    ppgen.fit(program, digits(0, 160), epochs=1, **SETTINGS)
    return drawn


def fit_in_a_held_folder(processes, folder, monkey):
    with pytest.raises(CheckpointError) as refused:
        fit_vae(epochs=1, out=folder / "held")
    _, history = fit_vae(epochs=1, out=folder / "free")
    return {"refused": str(refused.value), "free": len(history)}


def die(processes, folder, monkey):
    def kill(program, history):
        if processes.rank == 1 and history.last == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    fit_vae(epochs=50, out=folder / "of_the_dead", callback=kill)


def example(processes, folder, monkey):
    """Run an example as a script that finds the group of processes by itself."""
    name, *options = ["vae", "--quick", "--epochs", "1", "--particles", "10", "--device", "cpu"]
    script = Path(__file__).parents[2] / "examples" / f"{name}.py"
    (folder / "empty").mkdir(exist_ok=True)
    os.chdir(folder / "empty")
    sys.argv = [str(script), *options, "--out", "out"]
    runpy.run_path(str(script), run_name="__main__")


def work(task, folder):
    """Do a task, and write what came of it to a file for each rank."""
    torch.set_num_threads(1)
    pyro.set_rng_seed(0)
    processes = Processes.launched()
    found = task(processes, folder, pytest.MonkeyPatch)
    (folder / f"rank_{distributed.get_rank()}.json").write_text(json.dumps(found))


def fork(task, folder, count=2):
    """Do a task in forked processes, and return what each of them printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    shown = [folder / f"shown_{rank}.txt" for rank in range(count)]
    forked = [
        context.Process(target=_forked, args=(task, folder, rank, count, port, shown[rank]))
        for rank in range(count)
    ]
    for process in forked:
        process.start()
    try:
        for process in forked:
            process.join(120)
    finally:
        for process in forked:
            process.kill()
            process.join()
    texts = [path.read_text() for path in shown]
    assert [process.exitcode for process in forked] == [0] * count, "".join(texts)
    return texts


def _forked(task, folder, rank, count, port, shown):
    group = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "TORCHELASTIC_RUN_ID": "tests"}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in (group | address).items()})
    with shown.open("w") as sys.stdout:
        sys.stderr = sys.stdout
        try:
            work(task, folder)
            leave()
        except BaseException:
            traceback.print_exc()
            raise


if __name__ == "__main__":
    work(globals()[sys.argv[1]], Path(sys.argv[2]))
