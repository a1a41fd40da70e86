"""Work in a process of its own, which answers in a line of JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def answer(module: str, *arguments: str, python: str = sys.executable, **environment: str) -> Any:
    """Run a module of the benchmarks and return its answer.

    Raises a ``subprocess.CalledProcessError`` with its ``stderr`` if it fails.
    """
    command = [python, "-m", f"benchmarks.pairs.{module}", *arguments]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
