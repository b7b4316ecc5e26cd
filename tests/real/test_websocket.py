"""OpenAI's SDK over a WebSocket, against daemons with real sockets."""

from __future__ import annotations

import json
import signal
import ssl
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from openai import OpenAI
from openai.resources.responses.responses import ResponsesConnection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_to

from tests.real.conftest import CLIENT_KEY, UPSTREAM_KEY, Start, Write
from tests.support.certificates import Authority
from tests.support.processes import CLIPROXY, Process

pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used as a context manager:DeprecationWarning")
"""The SDK's own way to use its library."""

MODEL = "gpt-6-sol"
ANTHROPIC_MODEL = "claude-sonnet-5"
LAST = ("response.completed", "response.incomplete", "response.failed", "error")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("daemon")
    (directory / "config.yaml").write_text(
        f"api-keys: [{CLIENT_KEY}]\nport: 0\nbody-limit: 1 MiB\n"
        f"claude-api-key:\n  - {{api-key: {UPSTREAM_KEY}, base-url: '{upstream}'}}\n"
        f"codex-api-key:\n  - {{api-key: {UPSTREAM_KEY}, base-url: '{upstream}/v1'}}\n"
    )
    with Process((*CLIPROXY, "run", "--config", "config.yaml"), directory) as daemon:
        yield daemon.url


@pytest.fixture
def connection(url: str) -> Iterator[ResponsesConnection]:
    with (
        OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=20) as client,
        client.responses.connect() as connection,
    ):
        yield connection


def plain(url: str, **more: Any) -> ClientConnection:
    """A client that shows how a socket is closed."""
    address = url.replace("http", "ws", 1) + "/v1/responses"
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"}
    client: ClientConnection = connect_to(address, additional_headers=headers, proxy=None, **more)
    return client


def code_of(client: ClientConnection) -> int | None:
    """By which the socket is closed, without a message before."""
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=10)
    return client.close_code


def response(connection: ResponsesConnection, text: str, model: str = MODEL, **fields: Any) -> Any:
    """The response that the last of its events holds, or an error."""
    asked: Any = [{"type": "message", "role": "user", "content": text}]
    connection.response.create(model=model, input=asked, store=False, **fields)
    events: Iterable[Any] = connection
    for event in events:
        if event.type in LAST:
            return event.error if event.type == "error" else event.response
    raise AssertionError("the connection closed")


@pytest.mark.parametrize("model", [MODEL, ANTHROPIC_MODEL])
def test_a_response(connection: ResponsesConnection, model: str) -> None:
    told = response(connection, "[[say:ça va ☕ 你好]]", model)
    assert (told.status, told.output[-1].content[0].text) == ("completed", "ça va ☕ 你好")


@pytest.mark.parametrize("model", [MODEL, ANTHROPIC_MODEL])
def test_a_conversation_with_reasoning_goes_on(connection: ResponsesConnection, model: str) -> None:
    """The demo refuses ids that it would have to remember, and reasoning that has changed."""
    reasoning = {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]}
    told = response(connection, "One", model, **reasoning)
    for text in ("Two", "Three"):
        told = response(connection, text, model, previous_response_id=told.id, **reasoning)
        assert told.status == "completed"
    assert "Three" in told.output[-1].content[0].text


def test_a_conversation_goes_on_after_warming_up(connection: ResponsesConnection) -> None:
    warmed = response(connection, "Ready?", generate=False)
    assert warmed.output == []
    assert response(connection, "Go", previous_response_id=warmed.id).status == "completed"


def test_an_unknown_response_is_told(connection: ResponsesConnection) -> None:
    assert response(connection, "Go", previous_response_id="resp_0").code == "previous_response_not_found"


def test_after_an_error_the_connection_is_of_use(connection: ResponsesConnection) -> None:
    assert response(connection, "Hi", "nobody's").message
    assert response(connection, "Hi").status == "completed"


def test_a_large_message_comes_whole(connection: ResponsesConnection) -> None:
    assert response(connection, "x" * 500_000).status == "completed"


def test_a_message_over_the_limit_closes_with_1009(url: str) -> None:
    """The client is still sending, and reads why it is closed all the same."""
    with plain(url) as client:
        client.send("x" * 8_000_000)
        assert code_of(client) == 1009


def test_pings_are_answered(url: str) -> None:
    with plain(url) as client:
        assert client.ping().wait(10)


def test_a_get_without_the_upgrade_is_told_to_use_http(url: str) -> None:
    request = Request(f"{url}/v1/responses", headers={"Authorization": f"Bearer {CLIENT_KEY}"})
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=10)
    with refused.value as answer:
        assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")


def test_it_works_over_tls(start: Start, write: Write, tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    pair = authority.issue("localhost", "127.0.0.1")
    tls = {"enable": True, "cert": str(pair.certificate), "key": str(pair.key)}
    daemon = start(*CLIPROXY, "run", "--config", str(write(tls=tls)))
    trusting = ssl.create_default_context(cafile=authority.certificate)
    # This client reads in one thread and writes in another. By TLS 1.3, whose tickets come while the request is
    # written, it loses one handshake in thousands, with any server.
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    asked = {"type": "response.create", "model": "demo", "input": "[[say:over TLS]]"}
    with plain(daemon.url, ssl=trusting) as client:
        client.send(json.dumps(asked))
        told = [json.loads(client.recv(timeout=10))]
        while told[-1]["type"] not in LAST:
            told.append(json.loads(client.recv(timeout=10)))
        daemon.send(signal.SIGTERM)
        assert code_of(client) == 1012
    assert told[-1]["response"]["output"][-1]["content"][0]["text"] == "over TLS"


def test_a_daemon_that_stops_closes_with_1012(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    with plain(daemon.url) as client:
        daemon.send(signal.SIGTERM)
        assert code_of(client) == 1012
    assert daemon.end() == 0
    assert "Traceback" not in daemon.output


def test_a_response_under_way_ends_before_that(start: Start, write: Write, upstream: str) -> None:
    keys = [{"api-key": UPSTREAM_KEY, "base-url": f"{upstream}/v1"}]
    daemon = start(*CLIPROXY, "run", "--config", str(write(codex_api_key=keys)))
    with OpenAI(base_url=f"{daemon.url}/v1", api_key=CLIENT_KEY) as sdk, sdk.responses.connect() as connection:
        connection.response.create(model=MODEL, input="[[deltas:8]][[delay:50]]", store=False)
        kinds = []
        for event in connection:
            kinds.append(event.type)
            if event.type == "response.created":
                daemon.send(signal.SIGTERM)
            if event.type in LAST:
                break
    assert kinds[-1] == "response.completed"
    assert daemon.end() == 0
