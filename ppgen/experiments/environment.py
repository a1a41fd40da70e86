"""Describe how a run was made: command, library versions, machine and device."""

import argparse
import os
import platform
import shlex
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import ppgen


def command_line(argv: Sequence[str], processes: int = 1) -> str:
    """Return the shell command that reproduces a run, given ``sys.argv``.

    It leaves out ``--out``, ``--data-root`` and ``--resume``; ``torchrun`` starts several
    processes.

    Examples
    --------
    >>> command_line(["/home/me/ppgen/examples/vae.py", "--data", "mnist", "--out=/tmp/vae"])
    'python examples/vae.py --data mnist'
    """
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--out")
    own.add_argument("--data-root")
    own.add_argument("--resume", action="store_true")
    script, *options = argv
    _, kept = own.parse_known_args(options)
    start = ["python"] if processes == 1 else ["torchrun", "--nproc-per-node", str(processes)]
    return shlex.join([*start, "/".join(Path(script).resolve().parts[-2:]), *kept])


def versions(*others: str) -> dict[str, str | None]:
    """Return versions of ppgen, Pyro, torch and ``others`` by name; None if not installed.

    Examples
    --------
    >>> list(versions("numpy"))
    ['ppgen', 'pyro-ppl', 'numpy', 'torch']
    """
    installed: dict[str, str | None] = dict.fromkeys(("pyro-ppl", *others))
    for name in installed:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    built = {"torch": torch.__version__}  # includes its build, such as +cu132
    return {"ppgen": ppgen.__version__} | installed | built


def machine() -> str:
    """Return the operating system, the processor's architecture and the number of cores."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def device_name(device: torch.device) -> str:
    """Return a GPU's model name, or for a CPU the number of torch's threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    cpu = f"CPU, {threads} thread" + "s" * (threads > 1)
    return cpu if device.type == "cpu" else device.type
