"""Every client served by a Code Assist login, whose server speaks Gemini inside of an envelope."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from tests.support.behind import CALLED, TOKEN, Behind, body_of_answer, told_in_a_stream, told_whole
from tests.support.code_assist import (
    BASE_URL,
    PROJECT,
    chunks,
    code_assist,
    code_assist_login,
    wrapped,
    wrapped_events,
)
from tests.support.crossing import (
    HELLO,
    UPSTREAM_MODEL,
    body_of,
    clients,
    path_of,
    sent,
    sent_headers,
    streamed,
    text_of,
)
from tests.support.house import EVENT_STREAM, JSON
from tests.support.translating import MODEL

GEMINI: Final = "gemini"
RATE_LIMITED: Final = {"error": {"code": 429, "message": "Quota exhausted.", "status": "RESOURCE_EXHAUSTED"}}


def behind(**more: Any) -> Behind:
    return Behind(code_assist_login(), **more)


# -- what every client gets


@clients
def test_a_stream_is_served(client: str) -> None:
    assert text_of(told_in_a_stream(behind(), client, code_assist, HELLO)) == "Hello"


@clients
def test_a_whole_reply_is_served(client: str) -> None:
    assert text_of(told_whole(behind(), client, code_assist, HELLO)) == "Hello"


@clients
def test_a_streamed_call_is_the_clients_own_tool(client: str) -> None:
    (call,) = told_in_a_stream(behind(), client, code_assist, CALLED).answers[0].calls
    assert (call.name, orjson.loads(call.text)) == ("look", {"path": "a"})


@clients
def test_a_call_in_a_whole_reply_is_the_clients_own_tool(client: str) -> None:
    (call,) = told_whole(behind(), client, code_assist, CALLED).answers[0].calls
    assert (call.name, orjson.loads(call.text)) == ("look", {"path": "a"})


@pytest.mark.parametrize(
    ("path", "body", "counted"),
    [
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "Hi"}]}, "input_tokens"),
        ("/v1/responses/input_tokens", {"input": "Hi"}, "input_tokens"),
        (f"/v1beta/models/{MODEL}:countTokens", {"contents": [{"parts": [{"text": "Hi"}]}]}, "totalTokens"),
    ],
)
def test_tokens_are_counted(path: str, body: dict[str, Any], counted: str) -> None:
    daemon = behind()
    caller = daemon.caller().ask(orjson.dumps({"model": MODEL, **body}), path=path)
    code_assist(daemon.upstream.last)
    assert body_of_answer(caller)[counted] == 7


# -- what is sent


def test_the_clients_bytes_stand_unchanged_in_the_envelope() -> None:
    raw = body_of(GEMINI).replace(b",", b" ,\t")
    daemon = behind()
    daemon.caller().ask(raw, path=path_of(GEMINI))
    model, project = UPSTREAM_MODEL.encode(), PROJECT.encode()
    assert daemon.upstream.last.body == b'{"model":"%b","project":"%b","request":%b}' % (model, project, raw)


def test_a_request_names_neither_project_nor_model_in_its_url() -> None:
    daemon = behind()
    daemon.ask("anthropic")
    assert daemon.upstream.last.uri == f"{BASE_URL}/v1internal:streamGenerateContent?alt=sse"


@clients
def test_a_login_is_known_by_its_token_alone(client: str) -> None:
    daemon = behind()
    daemon.ask(client, "X-Goog-Api-Key: of-the-client")
    headers = sent_headers(daemon.upstream.last)
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["user-agent"].startswith("cliproxy/")
    assert not headers.keys() & {"x-goog-api-key", "x-goog-api-client", "client-metadata"}


@clients
def test_schemas_are_those_of_the_protobuf_unless_the_client_wrote_them(client: str) -> None:
    daemon = behind()
    daemon.ask(client)
    (declared, *_) = sent(daemon.upstream.last)["request"]["tools"][0]["functionDeclarations"]
    assert ("parametersJsonSchema" in declared) is (client == GEMINI)


# -- what is told


def test_a_client_of_gemini_is_told_plain_gemini() -> None:
    daemon = behind(name=MODEL)
    caller = daemon.ask(GEMINI)
    code_assist(daemon.upstream.last)
    assert caller.body == b"".join(b"data: %b\n\n" % chunk for chunk in chunks())


def test_what_was_in_the_envelope_passes_byte_for_byte() -> None:
    daemon = behind(name=MODEL)
    caller = daemon.ask(GEMINI, stream=False)
    said = b'{ "candidates" : [{"finishReason":"STOP"}],\t"odd": 1.0e2 }'
    daemon.upstream.last.answer(200, JSON, body=wrapped(said), end=True)
    assert caller.body == said


def test_the_length_of_the_envelope_is_not_told_of_what_was_in_it() -> None:
    daemon = behind(name=MODEL)
    caller = daemon.ask(GEMINI, stream=False)
    body = wrapped(b'{"candidates":[]}')
    daemon.upstream.last.answer(200, JSON, ("Content-Length", str(len(body))), body=body, end=True)
    assert caller.ended
    assert body_of_answer(caller) == {"candidates": []}


def test_a_client_that_is_told_a_stream_as_an_array_gets_plain_gemini() -> None:
    daemon = behind()
    caller = daemon.ask(GEMINI, stream=False, array=True)
    code_assist(daemon.upstream.last)
    assert text_of(streamed(caller, GEMINI, array=True)) == "Hello"


def test_a_reply_to_an_alias_names_what_the_client_asked_for() -> None:
    daemon = behind()
    caller = daemon.ask(GEMINI, stream=False)
    code_assist(daemon.upstream.last)
    assert body_of_answer(caller)["modelVersion"] == MODEL


def test_an_event_that_comes_byte_by_byte_is_the_same() -> None:
    daemon = behind()
    caller = daemon.ask(GEMINI)
    daemon.upstream.last.answer(200)
    daemon.upstream.last.say(*(bytes((byte,)) for byte in b"".join(wrapped_events())))
    daemon.upstream.last.end()
    assert text_of(streamed(caller, GEMINI)) == "Hello"


@clients
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_has_no_envelope(client: str, stream: bool) -> None:
    daemon = behind()
    caller = daemon.ask(client, stream=stream)
    daemon.upstream.last.answer(429, JSON, body=orjson.dumps(RATE_LIMITED), end=True)
    assert caller.status == 429
    assert b"Quota exhausted." in caller.body


@clients
def test_an_error_inside_of_a_stream_is_told(client: str) -> None:
    daemon = behind()
    caller = daemon.ask(client)
    daemon.upstream.last.answer(200, EVENT_STREAM, body=b"data: %b\n\n" % orjson.dumps(RATE_LIMITED), end=True)
    assert caller.status == 429


@clients
def test_a_client_that_leaves_takes_the_upstreams_stream_with_it(client: str) -> None:
    daemon = behind()
    caller = daemon.ask(client)
    daemon.upstream.last.answer(200, EVENT_STREAM, body=wrapped_events()[0][:-2])
    caller.leave()
    daemon.assert_quiet()
