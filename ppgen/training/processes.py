"""Several processes that train one program together, as ``torchrun`` starts them."""

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar, cast

import numpy as np
import pyro
import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.objectives.objective import Objective
from ppgen.running import own_random_state
from ppgen.training.gradients import Backward, Gradients

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """A process among ``count`` that train together; alone, it agrees with itself.

    Number 0 leads: it writes what is written.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def launched(cls) -> Self:
        """Join the processes that ``torchrun`` started, or a process group that is there already.

        They talk by gloo on the CPU and by nccl on CUDA, each process on a device of its own.
        """
        if not distributed.is_available():
            return cls()
        if not distributed.is_initialized():
            if not distributed.is_torchelastic_launched():
                return cls()
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
                distributed.init_process_group("cpu:gloo,cuda:nccl")
            else:
                distributed.init_process_group("gloo")
            atexit.register(leave)
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def check_divides(self, rows: int, batch_size: int) -> None:
        """Raise an error if processes cannot take equal parts of the batches."""
        if 0 < rows < self.count:
            raise ValueError(
                f"data has {rows} rows; expected {self.count} or more, one for each process; start "
                "fewer processes"
            )
        if batch_size % self.count:
            raise ValueError(
                f"batch_size is {batch_size}; expected a multiple of the {self.count} processes, "
                "of which each takes its part of every batch"
            )

    def check_same(self, checksum: int) -> None:
        """Raise an error, in each process, if data does not have the same checksum in all."""
        if self.total(checksum) != self.count * checksum:
            raise ValueError(
                "data differs from process to process; expected the same in each: fit gives "
                "each its part of every batch"
            )

    def of_leader(self, make: Callable[[], T]) -> T:
        """Let the leading process make something, and broadcast it, or its error, to all."""
        made: list[Any] = [None, None]
        if self.leads:
            try:
                made[0] = make()
            except Exception as error:  # the others would wait for ever
                made[1] = error
        if self.count > 1:
            distributed.broadcast_object_list(made)
        if made[1] is not None:
            raise made[1]
        return cast(T, made[0])

    def total(self, number: float) -> float:
        """Add up a number over all processes, to the same sum in each."""
        if self.count == 1:
            return number
        sums = torch.tensor([number], dtype=torch.double)
        distributed.all_reduce(sums)
        return sums.item()

    def own_stream(self, seed: int, epoch: int) -> None:
        """Let each process draw from a stream of its own; the leading one goes on with its own."""
        if not self.leads:
            mixed = np.random.SeedSequence([seed, epoch, self.rank]).generate_state(1)
            pyro.set_rng_seed(int(mixed[0]))

    def wait(self) -> None:
        """Go on when all have come here."""
        self.total(0.0)

    def sharing(self, objective: Objective) -> Callable[[Gradients], Gradients] | None:
        """Let all take the leader's weights; return what averages gradients over all, if several.

        Each process comes to its gradients in its own way; they are averaged when they are done.
        """
        if self.count == 1:
            return None
        for tensor in objective.state_dict().values():
            distributed.broadcast(tensor, src=0)
        return partial(Averaged, objective=objective, count=self.count)

    def averaged(self, gradients: Gradients, objective: Objective, batches: Batches) -> Gradients:
        """Turn gradients of this process into the mean over all; all take the leader's weights.

        A backward pass goes through torch's ``DistributedDataParallel``. The first batch shows
        whether all parameters take part.
        """
        if self.count == 1 or not isinstance(gradients, Backward):
            share = self.sharing(objective)
            return share(gradients) if share else gradients
        training = objective.training
        objective.eval()  # for the buffers of those that have some
        with own_random_state(0):
            gradients(next(iter(batches)))
        objective.train(training)
        unused = any(p.grad is None for p in objective.parameters() if p.requires_grad)
        return Backward(
            DistributedDataParallel(
                objective, find_unused_parameters=unused, gradient_as_bucket_view=True
            )
        )


class Averaged(Gradients):
    """Gradients that are computed on each process, and then averaged."""

    def __init__(self, gradients: Gradients, objective: Objective, count: int) -> None:
        self.gradients = gradients
        self.parameters = [p for p in objective.parameters() if p.requires_grad]
        self.count = count

    def __call__(self, batch: Batch) -> Tensor:
        """Return this process's loss; the mean gradients are in the parameters' ``grad``."""
        loss = self.gradients(batch)
        gradients = []
        for parameter in self.parameters:
            if parameter.grad is None:  # here, but perhaps not elsewhere
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        mean = parameters_to_vector(gradients)
        distributed.all_reduce(mean)
        vector_to_parameters(mean / self.count, gradients)
        return loss


def leave() -> None:
    """Leave the process group, if this process is still in it."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
