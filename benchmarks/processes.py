"""Training steps of several processes, compared with one process of as many threads."""

import tempfile
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pyro
import torch
from torch import distributed, multiprocessing

from benchmarks.comparison import Comparison, Settings, Way
from benchmarks.steps import step_of_fit
from ppgen.data.batches import Batches
from ppgen.models import VAE
from ppgen.training.processes import Processes

IMAGES = 5_120


class Training:
    """Steps of a convolutional VAE on this process's part of every batch of 28×28 images."""

    def __init__(self, images: int, batch: int) -> None:
        torch.manual_seed(0)
        self.processes = Processes.launched()
        vae = VAE.convolutional((1, 28, 28), latent=20)
        self.batches = Batches(torch.rand(images, 1, 28, 28).round(), batch)
        self.step = step_of_fit(vae, self.batches, processes=self.processes)

    def epoch(self) -> None:
        """Take the steps of one epoch."""
        for batch in self.batches.shuffled(0, 1, self.processes.rank, self.processes.count):
            self.step(batch)


def work(rank: int, count: int, meeting: str, orders: Connection, *sizes: int) -> None:
    """Run one of several processes: take an epoch of steps at every order."""
    torch.set_num_threads(1)
    group = {"init_method": f"file://{meeting}", "rank": rank, "world_size": count}
    distributed.init_process_group("gloo", **group)
    with pyro.validation_enabled(False):
        training = Training(*sizes)
        try:
            while orders.recv():
                training.epoch()
                orders.send(True)
        except EOFError:  # the parent has closed its end
            distributed.destroy_process_group()


class Together:
    """Several processes; a call lets them take an epoch of steps and waits for them."""

    def __init__(self, count: int, *sizes: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        meeting = str(Path(self.folder.name) / "processes")
        spawning = multiprocessing.get_context("spawn")
        self.connections = []
        for rank in range(count):
            here, there = spawning.Pipe()
            arguments = (rank, count, meeting, there, *sizes)
            spawning.Process(target=work, args=arguments, daemon=True).start()
            there.close()
            self.connections.append(here)

    def __call__(self) -> None:
        """Take an epoch of steps in all processes."""
        for connection in self.connections:
            connection.send(True)
        for connection in self.connections:
            connection.recv()


def epoch(settings: Settings, batch: int):
    count, sizes = torch.get_num_threads(), (settings.size(IMAGES, 2 * batch), batch)
    alone = Training(*sizes)
    return Comparison(
        ours=Way(f"{count} processes, a thread each", Together(count, *sizes)),
        others=(Way(f"one process, {count} threads", alone.epoch),),
        cpu_only=True,
    )


ROWS = {
    f"{IMAGES:,} images by a convolutional VAE, joint batch of {batch}": partial(epoch, batch=batch)
    for batch in (128, 256, 512)
}
