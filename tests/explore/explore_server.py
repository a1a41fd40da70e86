"""A server of a page in a process of its own."""

import os
import re
import signal
import subprocess
import sys


class Server:
    """``ppgen explore …`` in a process of its own, and the address that it prints."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "ppgen", "explore", *arguments, "--no-browser"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
            | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + self.stop()
        self.address = found[0]

    def stop(self):
        """End the process as Ctrl+C does, and return what it complained about."""
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=20)
        return complaints
