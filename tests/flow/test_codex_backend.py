"""Every client served by a ChatGPT login, whose server refuses what its own client would not send."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from cliproxy.formats import sse
from tests.support.behind import (
    CALLED,
    TOKEN,
    Behind,
    body_of_answer,
    told_by_the_last_event,
    told_in_a_stream,
    told_whole,
)
from tests.support.codex_backend import (
    ACCOUNT_ID,
    BASE_URL,
    codex_backend,
    codex_login,
    events_without_output,
    objections,
)
from tests.support.crossing import HELLO, PATHS, UPSTREAM_MODEL, clients, sent, sent_headers, text_of
from tests.support.house import EVENT_STREAM
from tests.support.translating import MODEL, asking

RESPONSES: Final = "openai-responses"
WISHES: Final[dict[str, dict[str, Any]]] = {
    "anthropic": {
        "system": "Be brief.",
        "temperature": 0.5,
        "metadata": {"user_id": "u"},
        "thinking": {"type": "disabled"},
    },
    "openai-chat": {
        "temperature": 0.5,
        "max_completion_tokens": 100,
        "user": "u",
        "reasoning_effort": "none",
        "service_tier": "flex",
        "logprobs": True,
        "metadata": {"a": "b"},
    },
    RESPONSES: {
        "temperature": 0.5,
        "max_output_tokens": 100,
        "user": "u",
        "store": True,
        "truncation": "auto",
        "prompt_cache_retention": "24h",
        "service_tier": "flex",
        "reasoning": {"effort": "none"},
        "include": ["web_search_call.action.sources"],
        "previous_response_id": None,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Go on."}],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 100, "thinkingConfig": {"thinkingBudget": 0}},
    },
}
"""What each client may ask that this server refuses."""
OWN: Final = orjson.dumps(
    {
        "model": MODEL,
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Mind the cat."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
            {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAAA"},
            {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "call_1"},
            {"type": "function_call_output", "call_id": "call_1", "output": "a"},
        ],
        "tools": [{"type": "function", "name": "look", "strict": False, "parameters": {"type": "object"}}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "service_tier": "priority",
        "prompt_cache_key": "a-key",
        "text": {"verbosity": "low"},
    }
).replace(b",", b" ,\t")
"""As this server's own client asks, spelled as no serialiser would."""


def behind(**more: Any) -> Behind:
    return Behind(codex_login(), **more)


# -- what every client gets


@clients
def test_a_stream_is_served(client: str) -> None:
    assert text_of(told_in_a_stream(behind(), client, codex_backend, HELLO)) == "Hello"


@clients
def test_a_whole_reply_is_made_of_the_stream_that_alone_is_to_be_had(client: str) -> None:
    assert text_of(told_whole(behind(), client, codex_backend, HELLO)) == "Hello"


@clients
def test_a_streamed_call_is_the_clients_own_tool(client: str) -> None:
    (call,) = told_in_a_stream(behind(), client, codex_backend, CALLED).answers[0].calls
    assert (call.name, orjson.loads(call.text)) == ("look", {"path": "a"})


@clients
def test_a_call_in_a_whole_reply_is_the_clients_own_tool(client: str) -> None:
    (call,) = told_whole(behind(), client, codex_backend, CALLED).answers[0].calls
    assert (call.name, orjson.loads(call.text)) == ("look", {"path": "a"})


@clients
def test_what_the_server_refuses_is_left_out_whoever_asks_for_it(client: str) -> None:
    assert text_of(told_in_a_stream(behind(), client, codex_backend, HELLO, **WISHES[client])) == "Hello"


@clients
def test_a_client_is_told_what_was_left_out(client: str) -> None:
    daemon = behind()
    caller = daemon.ask(client, "X-Cliproxy-Losses: 1", **WISHES[client])
    codex_backend(daemon.upstream.last)
    assert "temperature" in caller.headers["x-cliproxy-losses"]


# -- what is sent


def test_a_login_names_its_token_and_its_account() -> None:
    daemon = behind()
    daemon.ask("anthropic", "ChatGPT-Account-Id: another")
    headers = sent_headers(daemon.upstream.last)
    assert (headers["authorization"], headers["chatgpt-account-id"]) == (f"Bearer {TOKEN}", ACCOUNT_ID)


@clients
def test_a_stream_is_accepted_whatever_the_client_accepts(client: str) -> None:
    daemon = behind()
    daemon.ask(client, "Accept: application/json", stream=False)
    assert sent_headers(daemon.upstream.last)["accept"] == "text/event-stream"


def test_a_client_of_the_same_wire_is_known_by_its_own_headers() -> None:
    daemon = behind()
    daemon.ask(RESPONSES, "User-Agent: a-client/1", "Originator: a_client", "Session-Id: s")
    headers = sent_headers(daemon.upstream.last)
    assert (headers["user-agent"], headers["originator"], headers["session-id"]) == ("a-client/1", "a_client", "s")


@clients
def test_no_client_is_made_to_look_like_the_servers_own(client: str) -> None:
    daemon = behind()
    daemon.ask(client)
    headers = sent_headers(daemon.upstream.last)
    assert headers["user-agent"].startswith("cliproxy/")
    assert not headers.keys() & {"originator", "session-id", "session_id", "conversation_id", "version", "openai-beta"}


def test_the_instructions_of_a_client_that_has_none_are_empty() -> None:
    daemon = behind()
    daemon.ask(RESPONSES)
    assert sent(daemon.upstream.last)["instructions"] == ""


def test_the_servers_own_clients_request_passes_byte_for_byte() -> None:
    daemon = behind(name=MODEL)
    daemon.caller().ask(OWN, path=PATHS[RESPONSES])
    assert daemon.upstream.last.body == OWN


def test_the_judge_has_nothing_against_its_own_client() -> None:
    assert list(objections(orjson.loads(OWN))) == []


def test_an_alias_is_all_that_changes_in_such_a_request() -> None:
    daemon = behind()
    daemon.caller().ask(OWN, path=PATHS[RESPONSES])
    assert daemon.upstream.last.body == OWN.replace(MODEL.encode(), UPSTREAM_MODEL.encode())


def test_a_conversation_that_is_kept_elsewhere_is_the_clients_mistake() -> None:
    daemon = behind()
    caller = daemon.ask(RESPONSES, previous_response_id="resp_1")
    assert caller.status == 400
    assert "previous_response_id" in body_of_answer(caller)["error"]["message"]
    assert daemon.upstream.asked == []


@pytest.mark.parametrize("stream", [True, False])
def test_a_tools_name_that_is_too_long_is_the_clients_own_again_in_the_reply(stream: bool) -> None:
    name = "look_" * 20
    daemon = behind()
    body = asking(RESPONSES, [name], stream=stream)
    caller = daemon.caller().ask(orjson.dumps(body), path=PATHS[RESPONSES])
    theirs = sent(daemon.upstream.last)["tools"][0]["name"]
    assert len(theirs) <= 64
    events = b"".join(events_without_output(CALLED)).replace(b'"look"', orjson.dumps(theirs))
    daemon.upstream.last.answer(200, EVENT_STREAM, body=events, end=True)
    assert orjson.dumps(name) in caller.body
    assert orjson.dumps(theirs) not in caller.body


# -- what is told


def test_the_last_event_of_a_stream_has_the_output_that_it_left_out() -> None:
    daemon = behind()
    caller = daemon.ask(RESPONSES)
    codex_backend(daemon.upstream.last, CALLED)
    last = orjson.loads(sse.data_of(list(sse.each(caller.body))[-1]) or b"")
    assert [item["type"] for item in last["response"]["output"]] == ["function_call"]


def test_every_other_event_of_a_stream_passes_byte_for_byte() -> None:
    daemon = behind(name=MODEL)
    caller = daemon.ask(RESPONSES)
    codex_backend(daemon.upstream.last)
    assert caller.body.startswith(b"".join(events_without_output()[:-1]))


def test_a_body_made_of_a_stream_is_called_json() -> None:
    daemon = behind()
    caller = daemon.ask(RESPONSES, stream=False)
    codex_backend(daemon.upstream.last)
    assert caller.headers["content-type"] == "application/json"
    assert body_of_answer(caller)["status"] == "completed"


def test_a_reply_to_an_alias_names_what_the_client_asked_for() -> None:
    daemon = behind()
    caller = daemon.ask(RESPONSES, stream=False)
    codex_backend(daemon.upstream.last)
    assert body_of_answer(caller)["model"] == MODEL


@clients
@pytest.mark.parametrize("stream", [True, False])
def test_a_limit_that_is_told_inside_of_a_stream_is_a_limit(client: str, stream: bool) -> None:
    daemon = behind()
    caller = daemon.ask(client, stream=stream)
    error = {"code": "usage_limit_reached", "message": "The usage limit has been reached", "resets_in_seconds": 90}
    failed = {"type": "response.failed", "response": {"id": "r", "status": "failed", "error": error}}
    daemon.upstream.last.answer(200, EVENT_STREAM, body=sse.event(b"response.failed", orjson.dumps(failed)), end=True)
    assert caller.status == 429
    assert daemon.blamed


def test_a_limit_that_is_told_inside_of_a_stream_lasts_as_long_as_it_says() -> None:
    daemon = behind()
    daemon.ask(RESPONSES)
    error = {"type": "error", "error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 90}}
    daemon.upstream.last.answer(200, EVENT_STREAM, body=sse.event(b"error", orjson.dumps(error)), end=True)
    assert 90 in daemon.cooling(UPSTREAM_MODEL)


@clients
@pytest.mark.parametrize("stream", [True, False])
def test_a_stream_that_closes_before_its_last_event_is_an_error(client: str, stream: bool) -> None:
    daemon = behind()
    caller = daemon.ask(client, stream=stream)
    daemon.upstream.last.answer(200, EVENT_STREAM, body=b"".join(events_without_output()[:2]), end=True)
    assert caller.status == 502


def test_a_refusal_is_told_in_the_servers_words() -> None:
    daemon = behind()
    caller = daemon.ask(RESPONSES)
    daemon.upstream.last.answer(400, body=b'{"detail":"Unsupported parameter: odd"}', end=True)
    assert body_of_answer(caller) == {"detail": "Unsupported parameter: odd"}


@clients
def test_a_client_that_leaves_takes_the_upstreams_stream_with_it(client: str) -> None:
    daemon = behind()
    caller = daemon.ask(client, stream=False)
    daemon.upstream.last.answer(200, EVENT_STREAM, body=b"".join(events_without_output()[:2]))
    caller.leave()
    daemon.assert_quiet()


def test_several_answers_are_asked_for_one_by_one() -> None:
    daemon = behind()
    caller = daemon.ask("openai-chat", stream=False, n=2)
    for _ in range(2):
        codex_backend(daemon.upstream.last)
    assert len(body_of_answer(caller)["choices"]) == 2


def test_a_conversation_is_compacted_at_its_own_path() -> None:
    daemon = behind()
    body = orjson.dumps({"model": MODEL, "input": "Go on."})
    daemon.caller().ask(body, path="/v1/responses/compact")
    asked = daemon.upstream.last
    assert asked.uri == f"{BASE_URL}/responses/compact"
    assert "stream" not in sent(asked)


def test_a_request_is_asked_at_the_backends_own_path() -> None:
    daemon = behind()
    daemon.ask("anthropic")
    assert daemon.upstream.last.uri == f"{BASE_URL}/responses"


def test_a_reply_that_comes_byte_by_byte_is_the_same() -> None:
    daemon = behind()
    caller = daemon.ask(RESPONSES)
    daemon.upstream.last.answer(200)
    daemon.upstream.last.say(*(bytes((byte,)) for byte in b"".join(events_without_output(CALLED))))
    daemon.upstream.last.end()
    assert told_by_the_last_event(caller).answers[0].calls
