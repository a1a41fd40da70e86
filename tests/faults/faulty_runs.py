"""A small run with everything that has a state, and forked processes that it may die in."""

import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen.running import own_random_state
from ppgen.training import checkpoint

EPOCHS = 6

FILES = {"checkpoint.pt", "checkpoint.previous.pt", "checkpoint.lock"}


class Noisy(ppgen.Program):
    """One latent number a row, dropout in the encoder, and buffers that count."""

    def __init__(self, width=4):
        super().__init__()
        self.decoder = nn.Linear(1, width)
        self.encoder = nn.Sequential(nn.Dropout(0.2), nn.Linear(width, 2), nn.BatchNorm1d(2))

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), 0.5).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            mean, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))


def train(folder, epochs=EPOCHS, *, width=4, **options):
    """Fit with dropout, schedule, average, validation, and draws of torch, numpy and Python."""
    with own_random_state(0):
        program, data = Noisy(width), torch.randn(48, width)

    def noisy(x):
        return x * np.random.choice([1.0, 1.1]) + random.random() / 10

    settings = {
        "batch_size": 16,
        "transform": noisy,
        "optimizer": partial(Adam, lr=0.01),
        "scheduler": partial(CosineAnnealingLR, T_max=EPOCHS),
        "average": 0.9,
        "compile": "off",
        "progress": False,
        "resume": True,
    }
    settings |= options
    history = ppgen.fit(program, data[:32], data[32:], epochs=epochs, out=folder, **settings)
    return program, history


def fingerprint(run):
    """Return a text that two runs share if they end with the same bits."""
    program, history = run
    digest = hashlib.sha256()
    for name, value in program.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    columns = [history.column(name) for name in ("elbo", "validation", "learning_rate")]
    return digest.hexdigest() + json.dumps(columns)


def reached(folder):
    """Count the epochs in the checkpoint; −1 without a checkpoint."""
    checkpoints = checkpoint.Checkpoints(folder)
    return len(json.loads(checkpoints.load()["history"])) - 1 if checkpoints.exist() else -1


def assert_ends_as(whole, folder):
    assert fingerprint(train(folder)) == whole
    assert {path.name for path in folder.iterdir()} == FILES


@contextmanager
def forked(task):
    """Run a task in a forked process; yield its id, and a pipe with what it prints or raises."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(ours)
            for ignored in (signal.SIGHUP, signal.SIGQUIT):  # by shells, for what they start
                signal.signal(ignored, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.stdout = sys.stderr = open(theirs, "w", buffering=1)  # noqa: SIM115
            task()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(theirs)
    with open(ours) as pipe:
        try:
            yield child, pipe
        finally:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def wait_for_a_signal():
    """Wait for ever; unlike in ``signal.pause``, a signal just before it counts."""
    while True:
        time.sleep(0.05)


def end_of(child):
    """Wait for a process; return the signal that ended it, or minus its exit status."""
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    return -ended.si_status if ended.si_code == os.CLD_EXITED else ended.si_status


class AtCall:
    """Something that happens before or after the n-th call into C of a save.

    It is in place of the function that writes checkpoints. ``act`` is given the function that is to
    be called, or None after a call, and the buffer that is saved; ``save`` says which save, from 1,
    and ``counts`` which calls count.
    """

    def __init__(self, monkeypatch, save, moment, act, counts=lambda called, event: True):
        self.write = checkpoint.write
        self.save, self.moment, self.act, self.counts = save, moment, act, counts
        self.saves, self.calls = 0, []
        monkeypatch.setattr(checkpoint, "write", self)

    def __call__(self, buffer, *paths):
        self.saves += 1
        if self.saves != self.save:
            return self.write(buffer, *paths)
        self.buffer = buffer
        sys.setprofile(self._watch)
        try:
            return self.write(buffer, *paths)
        finally:
            sys.setprofile(None)

    def _watch(self, frame, event, called):
        if event in ("c_call", "c_return") and self.counts(called, event):
            self.calls.append(called)
            if len(self.calls) == self.moment:
                self.act(called if event == "c_call" else None, self.buffer)


def is_of_the_system(called, event):
    """Whether it is a call, soon to be made, that the system may refuse."""
    names = ("mkdir", "open", "write", "flush", "fsync", "replace", "rename", "unlink")
    return event == "c_call" and called.__name__ in names and not isinstance(called.__self__, str)


def write_a_part(called, buffer):
    """Write a random part of what is saved, if it was about to be written."""
    if getattr(called, "__name__", "") == "write":
        content = buffer.getbuffer()
        os.write(called.__self__.fileno(), content[: random.randrange(len(content))])


def die(called, buffer):
    """Kill this process, perhaps in the middle of a write."""
    write_a_part(called, buffer)
    os.kill(os.getpid(), signal.SIGKILL)
