"""Only the holder of the token on this machine gets in."""

from collections.abc import Awaitable, Callable
from secrets import compare_digest
from typing import Any
from urllib.parse import parse_qsl, urlencode

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Any, Send], Awaitable[None]]

REFUSED = "The address needs the token that ppgen printed when it started.\n"
NO_PAGE = "There is no such page here.\n"
INSIDE = ("/_nicegui/", "/_nicegui_ws/")
"""Where the framework keeps its own files, its socket, uploads and downloads."""

# The page's own scripts are in the page, and vue compiles templates in the browser.
POLICY = {
    "content-security-policy": (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'none'; "
        "base-uri 'self'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""Headers of all answers: nothing is fetched elsewhere, and no other page frames this one."""


class Guard:
    """ASGI middleware that answers 403 to every request without the token of this server.

    There is one page: other paths, but for those of the framework, answer 404.

    The token is in the address that is opened first. It moves into a cookie, so that addresses
    that a user copies do not contain it. A name other than this machine's is refused as well, or a
    page of a foreign site could reach the server under its own name (DNS rebinding); so is the
    origin of another page, since browsers send cookies to all ports of a machine.

    Examples
    --------
    >>> guard = Guard(app=None, token="secret", port=8123)
    >>> guard.admits({"host": "127.0.0.1:8123", "cookie": "ppgen-8123=secret"})
    True
    >>> guard.admits({"host": "example.org", "cookie": "ppgen-8123=secret"})
    False
    """

    def __init__(self, app: Any, token: str, port: int) -> None:
        self.app, self.token, self.cookie = app, token, f"ppgen-{port}"
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Pass on a request that may pass, and refuse others."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers: dict[str, str] = {}
        for key, value in scope["headers"]:  # of one that comes twice, both are looked at
            name, text = key.decode("latin-1").lower(), value.decode("latin-1")
            headers[name] = f"{headers[name]}; {text}" if name in headers else text
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        opens = scope["type"] == "http" and given is not None
        if opens and self._is_token(str(given)) and self._is_here(headers):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            return await _answer(send, 303, "", location=f"/?{rest}", **{"set-cookie": cookie})
        if not self.admits(headers):
            if scope["type"] == "websocket":
                return await send({"type": "websocket.close", "code": 1008})
            return await _answer(send, 403, REFUSED)
        path = scope["path"]
        if scope["type"] == "http" and path != "/" and not path.startswith(INSIDE):
            return await _answer(send, 404, NO_PAGE)
        return await self.app(scope, receive, _with_policy(send))

    def admits(self, headers: dict[str, str]) -> bool:
        """Whether a request comes from a page of this server and has its token."""
        # Other servers of this machine set cookies too, in any form.
        pairs = (cookie.partition("=") for cookie in headers.get("cookie", "").split(";"))
        known = any(
            name.strip() == self.cookie and self._is_token(value.strip())
            for name, _, value in pairs
        )
        # A page of another port is of the same site to a browser, which sends the cookie: such a
        # page may link to this one, and not frame it or read from it.
        own_page = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        own_page = own_page or headers.get("sec-fetch-dest") == "document"
        return known and own_page and self._is_here(headers)

    def _is_here(self, headers: dict[str, str]) -> bool:
        origin = headers.get("origin")
        is_ours = origin is None or origin in self.origins
        return headers.get("host", "").lower() in self.hosts and is_ours

    def _is_token(self, text: str) -> bool:
        return compare_digest(text.encode(), self.token.encode())


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]


def _with_policy(send: Send) -> Send:
    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = message | {"headers": [*message.get("headers", ()), *_encoded(POLICY)]}
        await send(message)

    return sent


async def _answer(send: Send, status: int, text: str, **headers: str) -> None:
    listed = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
    encoded = _encoded(listed | POLICY | headers)
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": text.encode()})
