"""A server of a page, and a browser that opens it."""

import os
import shutil

import pytest
from explore_server import Server

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
