"""Steps of several processes, each on its part of every batch, beside one with as many threads."""

import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pyro
import torch
from torch import distributed, multiprocessing

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.batches import Batches
from ppgen.inference.fitting import adam
from ppgen.inference.gradients import Objective
from ppgen.inference.processes import Processes
from ppgen.inference.step import Step
from ppgen.inference.training import TrainingState
from ppgen.models import VAE

BATCH = 128


class Training:
    """Steps of a convolutional VAE on images of 28×28, in this process's part of the batches."""

    def __init__(self, steps: int) -> None:
        torch.manual_seed(0)
        self.processes = Processes.launched()
        vae = VAE.convolutional((1, 28, 28), latent=20)
        self.batches = Batches(torch.rand(steps * BATCH, 1, 28, 28).round(), BATCH)
        objective = Objective(vae, data_size=self.batches.images)
        gradients = self.processes.averaged(objective.gradients(), objective, self.batches)
        self.step = Step(TrainingState.start(vae, adam), gradients)

    def epoch(self) -> None:
        """Take the steps once."""
        for batch in self.batches.shuffled(0, 1, self.processes.rank, self.processes.count):
            self.step(batch)


def work(rank: int, count: int, meeting: str, orders: Connection, steps: int) -> None:
    """Be one of several processes: go through the batches at every order, until there are none."""
    torch.set_num_threads(1)
    group = {"init_method": f"file://{meeting}", "rank": rank, "world_size": count}
    distributed.init_process_group("gloo", **group)
    with pyro.validation_enabled(False):
        training = Training(steps)
        try:
            while orders.recv():
                training.epoch()
                orders.send(True)
        except EOFError:  # the other end is gone
            distributed.destroy_process_group()


def together(count: int, steps: int):
    """Start processes; give what makes all of them take their steps, and waits for them."""
    meeting = Path(tempfile.mkdtemp()) / "processes"
    spawning, ours = multiprocessing.get_context("spawn"), []
    for rank in range(count):
        here, there = spawning.Pipe()
        arguments = (rank, count, str(meeting), there, steps)
        spawning.Process(target=work, args=arguments, daemon=True).start()
        there.close()
        ours.append(here)

    def epoch():
        for connection in ours:
            connection.send(True)
        for connection in ours:
            connection.recv()

    return epoch


def steps(settings: Settings):
    count, number = torch.get_num_threads(), settings.size(40, 2)
    alone = Training(number)
    return Comparison(
        ours=Way(f"{count} processes, a thread each", together(count, number)),
        others=(Way(f"one process, {count} threads", alone.epoch),),
        cpu_only=True,
    )


ROWS = {f"40 steps of a convolutional VAE, joint batch of {BATCH}": steps}
