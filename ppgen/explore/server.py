"""Serve a page on this machine."""

import socket
import webbrowser
from collections.abc import Callable
from secrets import token_urlsafe
from urllib.parse import urlencode

from ppgen.explore.guard import Guard

HOST = "127.0.0.1"


def serve(
    page: Callable[[], object],
    title: str,
    *,
    port: int = 0,
    show: bool = True,
    query: dict[str, str] | None = None,
) -> None:
    """Serve a page until the process is interrupted, and print its address.

    Parameters
    ----------
    page
        Builds the page for each browser tab that opens it.
    port
        0: a free one.
    show
        Whether to open the page in the default browser.
    query
        Further fields of the address that is opened.

    Raises
    ------
    OSError
        If the port is taken.
    """
    from nicegui import app, ui

    port, token = free_port(port), token_urlsafe(24)
    address = f"http://{HOST}:{port}/?{urlencode({'token': token} | (query or {}))}"

    def started() -> None:
        print(f"{title}: {address}\nPress Ctrl+C to stop.", flush=True)
        if show:
            webbrowser.open(address)

    app.on_startup(started)
    app.add_middleware(Guard, token=token, port=port)
    ui.run(
        page,
        host=HOST,
        port=port,
        title=title,
        show=False,
        reload=False,
        show_welcome_message=False,
        tailwind=False,
        reconnect_timeout=30,
        timeout_graceful_shutdown=1,
    )


def free_port(port: int) -> int:
    """Return a port of this machine, a free one for 0; raise OSError if it is taken.

    Examples
    --------
    >>> free_port(0) > 1023
    True
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise OSError(
                f"--port is {port}, which cannot be used ({error}); expected a free port, or 0"
            ) from None
        return int(probe.getsockname()[1])
