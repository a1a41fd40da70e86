"""Who gets in: the holder of the token, from a page of this server, under this machine's name."""

import pytest

from ppgen.explore.guard import Guard

HERE = {"host": "127.0.0.1:8000"}
COOKIE = {"cookie": "a=b; ppgen-8000=secret"}


async def inside(scope, receive, send):
    if scope["path"] == "/_nicegui/answers":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "inside"})


def answers(headers, query="", kind="http", path=""):
    """What a guarded server sends for a request."""
    encoded = [(k.encode(), v.encode()) for k, v in headers.items()]
    request = {"type": kind, "query_string": query.encode(), "headers": encoded}
    return sent_for(request | ({"path": path} if path else {}))


def sent_for(request):
    sent = []
    scope = {"type": "http", "path": "/", "query_string": b""} | request

    async def send(message):
        sent.append(message)

    answer = Guard(inside, "secret", 8000)(scope, None, send)
    with pytest.raises(StopIteration):  # it waits for nothing
        answer.send(None)
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        HERE | COOKIE,
        {"host": "LOCALHOST:8000"} | COOKIE,
        HERE | COOKIE | {"sec-fetch-site": "same-origin"},
        HERE | COOKIE | {"sec-fetch-site": "same-site", "sec-fetch-dest": "document"},
        HERE | {"cookie": 'pref={"a": 1}; a[b]=1; x="y; ppgen-8000=secret'},
        HERE | COOKIE | {"origin": "http://127.0.0.1:8000"},
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_holder_of_the_cookie_gets_in(headers, kind):
    assert answers(headers, kind=kind) == [{"type": "inside"}]


@pytest.mark.parametrize(
    "headers",
    [
        HERE,
        COOKIE,
        {"host": "example.org"} | COOKIE,
        {"host": "127.0.0.1:8001"} | COOKIE,
        HERE | COOKIE | {"origin": "http://example.org"},
        HERE | COOKIE | {"origin": "http://127.0.0.1:9000"},
        HERE | COOKIE | {"sec-fetch-site": "same-site"},
        HERE | COOKIE | {"sec-fetch-site": "same-site", "sec-fetch-dest": "iframe"},
        HERE | {"cookie": "ppgen-8000=other"},
        HERE | {"cookie": "ppgen-8001=secret"},
        HERE | {"cookie": "ppgen-8000=s\xe9cret"},
        HERE | {"cookie": "\x00;;=;"},
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_others_do_not(headers, kind):
    first = answers(headers, kind=kind)[0]
    assert first.get("status", first.get("code")) in (403, 1008)


@pytest.mark.parametrize("name", ["host", "origin", "cookie"])
def test_a_header_that_comes_twice_is_no_way_in(name):
    good = HERE | COOKIE | {"origin": "http://127.0.0.1:8000"}
    encoded = [(k.encode(), v.encode()) for k, v in good.items()]
    for twice in ([(name.encode(), b"evil"), *encoded], [*encoded, (name.encode(), b"evil")]):
        expected = [{"type": "inside"}] if name == "cookie" else [403]
        sent = sent_for({"headers": twice})
        assert (sent if name == "cookie" else [sent[0]["status"]]) == expected


def test_a_websocket_has_no_token_in_its_address():
    assert answers(HERE, "token=secret", "websocket")[0] == {
        "type": "websocket.close", "code": 1008
    }  # fmt: skip


def test_the_token_moves_from_the_address_into_a_cookie():
    first = answers(HERE, "graph=a+-%3E+b&token=secret", path="//evil.org/")[0]
    headers = dict(first["headers"])
    assert first["status"] == 303
    assert headers[b"location"] == b"/?graph=a+-%3E+b"
    assert b"ppgen-8000=secret" in headers[b"set-cookie"]
    assert b"HttpOnly; SameSite=Strict" in headers[b"set-cookie"]


@pytest.mark.parametrize("query", ["token=", "token=wrong", "token=secre", "token=s%E9cret"])
def test_a_wrong_token_is_refused(query):
    assert answers(HERE, query)[0]["status"] == 403


def test_the_right_token_under_a_foreign_name_is_refused():
    assert answers({"host": "example.org"}, "token=secret")[0]["status"] == 403


@pytest.mark.parametrize("path", ["/etc/passwd", "/x", "//", "/..", "/favicon.ico"])
def test_there_is_one_page(path):
    assert answers(HERE | COOKIE, path=path)[0]["status"] == 404
    assert answers(HERE, path=path)[0]["status"] == 403


@pytest.mark.parametrize(
    ("headers", "query", "path"),
    [
        (HERE | COOKIE, "", "/_nicegui/answers"),
        (HERE | COOKIE, "", "/x"),
        (HERE, "", ""),
        (HERE, "token=secret", ""),
    ],
)
def test_every_answer_forbids_frames_and_other_hosts(headers, query, path):
    sent = dict(answers(headers, query, path=path)[0]["headers"])
    policy = sent[b"content-security-policy"].decode()
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert sent[b"referrer-policy"] == b"no-referrer"
    if path == "/_nicegui/answers":
        assert sent[b"a"] == b"b"
