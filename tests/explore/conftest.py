"""A server of a page, and a browser that opens it."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDE = {"width": 1280, "height": 800}  # a laptop's window


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; the test is skipped where it or playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"needs one of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


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


@pytest.fixture(scope="module")
def serve():
    """Start a server for some arguments, once for the tests of a module."""
    pytest.importorskip("nicegui")
    servers = {}

    def started(*arguments):
        if arguments not in servers:
            servers[arguments] = Server(*arguments)
        return servers[arguments].address

    yield started
    complaints = [server.stop() for server in servers.values()]
    assert not any("Traceback" in text for text in complaints), complaints


@pytest.fixture
def page(browser):
    """Empty page, whose errors fail the test and whose requests are in ``page.requests``."""
    context = browser.new_context(viewport=WIDE)
    opened = context.new_page()
    opened.requests, errors = [], []
    opened.on("request", lambda request: opened.requests.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    opened.set_default_timeout(15_000)
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def picture(page):
    """Save a picture of the page for the documentation, if PPGEN_PICTURES names a folder."""

    def taken(name):
        folder = os.environ.get("PPGEN_PICTURES")
        if folder:
            page.wait_for_timeout(500)  # until what moves stands still
            page.screenshot(path=f"{folder}/{name}.png")

    return taken
