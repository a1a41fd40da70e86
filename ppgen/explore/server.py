"""Serve a page on this machine."""

import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from secrets import token_urlsafe

from ppgen.explore.guard import Guard

HOST = "127.0.0.1"


def serve(
    page: Callable[[], object],
    title: str,
    *,
    port: int = 0,
    show: bool = True,
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

    Raises
    ------
    OSError
        If the port is taken.
    """
    from nicegui import app, ui

    listener = listening(port)  # already: a browser that comes early waits
    port, token = listener.getsockname()[1], token_urlsafe(24)
    address = f"http://{HOST}:{port}/?token={token}"

    def started() -> None:
        print(f"{title}: {address}\nPress Ctrl+C to stop.", flush=True)
        if show:
            webbrowser.open(address)

    app.on_startup(started)
    app.add_middleware(Guard, token=token, port=port)
    with suppress(KeyboardInterrupt):
        ui.run(
            page,
            fd=listener.fileno(),
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


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of this machine, a free one for 0.

    Examples
    --------
    >>> with listening(0) as listener:
    ...     listener.getsockname()[0]
    '127.0.0.1'
    """
    try:
        return socket.create_server((HOST, port), backlog=100)
    except (OSError, OverflowError) as error:
        raise OSError(
            f"--port is {port}, which cannot be used ({error}); expected a free port, or 0"
        ) from None
