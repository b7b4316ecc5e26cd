"""No key, token or password stands in a log or on a screen, whatever goes wrong."""

from __future__ import annotations

import base64

import pytest

from tests.real.conftest import CLIENT_KEY, UPSTREAM_KEY, Start, Write
from tests.support.processes import CLIPROXY, TWIST, Process, answering, ask, message

PASSWORD = "hunter2-hunter2-hunter2"
USER = "a-user-with-a-name"
TOKEN = "a-token-of-the-team-0123456789"
WRONG_KEY = "a-wrong-key-of-a-client-0123456789"
SECRETS = (
    CLIENT_KEY,
    UPSTREAM_KEY,
    PASSWORD,
    TOKEN,
    WRONG_KEY,
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
)
LOGS = pytest.mark.parametrize(
    "program",
    [(*CLIPROXY, "run"), (*CLIPROXY, "run", "--log-format", "json"), (*TWIST, "--log-level", "debug", "cliproxy")],
    ids=["text", "json", "twist"],
)


def leaked(daemon: Process) -> list[str]:
    assert daemon.stop() == 0
    assert daemon.output.count("\n") >= 2
    return [secret for secret in SECRETS if secret in daemon.output]


def ask_all(url: str) -> list[int]:
    """Requests that fail in all the ways, with keys in all the places."""
    streamed = message(model="claude-sonnet-5", stream=True)
    return [
        ask(url, message(model="claude-sonnet-5"), CLIENT_KEY).status,
        ask(url, streamed, CLIENT_KEY).status,
        ask(url, message(), WRONG_KEY).status,
        ask(url, message(), path=f"/v1/messages?key={WRONG_KEY}").status,
        ask(url, message(), path=f"/v1/messages?beta=true&auth_token={CLIENT_KEY}").status,
        ask(url, path=f"/nothing/here?key={CLIENT_KEY}").status,
    ]


@LOGS
def test_a_proxy_that_refuses_the_login(program: tuple[str, ...], start: Start, write: Write) -> None:
    with answering(b"HTTP/1.1 407 Login Required\r\nProxy-Authenticate: Basic realm=proxy\r\n\r\n") as port:
        key = {"api-key": UPSTREAM_KEY, "base-url": "https://upstream.example", "headers": {"X-Token": TOKEN}}
        proxy = f"http://{USER}:{PASSWORD}@127.0.0.1:{port}"
        path = write(claude_api_key=[key], proxy_url=proxy, debug=True, request_retry=0)
        daemon = start(*program, "--config", str(path))
        assert ask_all(daemon.url)[:4] == [502, 503, 401, 401]
        assert leaked(daemon) == []


@LOGS
def test_an_upstream_that_fails(program: tuple[str, ...], start: Start, write: Write) -> None:
    with answering(b"HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\n{}") as port:
        key = {"api-key": UPSTREAM_KEY, "base-url": f"http://127.0.0.1:{port}", "headers": {"X-Token": TOKEN}}
        daemon = start(*program, "--config", str(write(claude_api_key=[key], debug=True, request_retry=0)))
        assert ask_all(daemon.url)[:4] == [500, 503, 401, 401]
        assert leaked(daemon) == []


def test_a_configuration_that_is_refused(start: Start, write: Write) -> None:
    path = write()
    daemon = start(*CLIPROXY, "run", "--config", str(path))
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    path.write_text(
        f"api-keys: [{CLIENT_KEY}, [{WRONG_KEY}]]\nproxy-url: 'ftp://{USER}:{PASSWORD}@proxy.example'\n"
        f"claude-api-key:\n  - api-key: {{{UPSTREAM_KEY}: 1}}\n    headers: {{X-Token: [{TOKEN}]}}\n"
        f"    base-url: 'https://{USER}:{PASSWORD}@upstream.example'\n"
    )
    daemon.line("proxy-url: ")
    assert leaked(daemon) == []


def test_check_shows_none_either(start: Start, write: Write) -> None:
    path = write(claude_api_key=[{"api-key": UPSTREAM_KEY, "headers": {"X-Token\n": TOKEN}}])
    check = start(*CLIPROXY, "check", str(path))
    assert check.end() == 1
    assert check.output.strip()
    assert not [secret for secret in SECRETS if secret in check.output]


def test_an_upstream_that_repeats_the_key_does_not_spread_it(start: Start, write: Write) -> None:
    """As some do in their message for 401."""
    told = b'{"error":{"message":"Incorrect API key provided: %b"}}' % UPSTREAM_KEY.encode()
    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(told)
    with answering(head + told) as port:
        key = {"api-key": UPSTREAM_KEY, "base-url": f"http://127.0.0.1:{port}"}
        daemon = start(*CLIPROXY, "run", "--config", str(write(claude_api_key=[key])))
        answer = ask(daemon.url, message(model="claude-sonnet-5"), CLIENT_KEY)
        assert UPSTREAM_KEY.encode() not in answer.body
        assert leaked(daemon) == []
