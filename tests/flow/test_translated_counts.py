"""Counting tokens, and asking once for each of several answers, where the formats differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson
import pytest

from cliproxy.exchange import COUNT_HEADER
from tests.support.crossing import (
    UPSTREAM_MODEL,
    Crossing,
    complaint,
    error_from,
    error_of,
    events_of,
    payload,
    sent,
    stream_from,
    streamed,
    whole,
    whole_from,
)
from tests.support.grammars.said import Answer, Piece, Said, Tokens
from tests.support.house import EVENT_STREAM, JSON, Caller
from tests.support.translating import MODEL

# -- counting tokens


COUNTS: Final[Mapping[str, tuple[str, dict[str, object]]]] = {
    "anthropic": ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "Hi"}]}),
    "openai-responses": ("/v1/responses/input_tokens", {"input": "Hi"}),
    "gemini": (f"/v1beta/models/{MODEL}:countTokens", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
}
COUNTED: Final = {"anthropic": "input_tokens", "openai-responses": "input_tokens", "gemini": "totalTokens"}
COUNTERS: Final = {
    "anthropic": "/v1/messages/count_tokens",
    "gemini": f"/v1beta/models/{UPSTREAM_MODEL}:countTokens",
}


def count(daemon: Crossing, client: str, **fields: object) -> Caller:
    """A client asks how many tokens."""
    path, body = COUNTS[client]
    return daemon.caller().ask(orjson.dumps({"model": MODEL, **body, **fields}), path=path)


@pytest.mark.parametrize("upstream", COUNTERS)
@pytest.mark.parametrize("client", COUNTS)
def test_a_count_is_asked_of_an_upstream_that_counts(client: str, upstream: str) -> None:
    daemon = Crossing(upstream)
    caller = count(daemon, client)
    assert daemon.upstream.last.uri.endswith(COUNTERS[upstream])
    daemon.upstream.last.answer(200, JSON, body=orjson.dumps({COUNTED[upstream]: 7}), end=True)
    assert orjson.loads(caller.body)[COUNTED[client]] == 7
    assert COUNT_HEADER.decode() not in caller.headers


@pytest.mark.parametrize("client", COUNTS)
def test_a_count_of_an_upstream_without_a_counter_is_an_estimate(client: str) -> None:
    daemon = Crossing("openai-chat")
    caller = count(daemon, client)
    assert daemon.upstream.asked == []
    assert orjson.loads(caller.body)[COUNTED[client]] > 0
    assert caller.headers["x-cliproxy-token-count"] == "estimate"
    caller.leave()
    daemon.assert_quiet()


@pytest.mark.parametrize("upstream", COUNTERS)
@pytest.mark.parametrize("client", COUNTS)
@pytest.mark.parametrize(
    "status",
    [404, 405, 501],
)
def test_a_counter_that_is_not_there_after_all_is_an_estimate(client: str, upstream: str, status: int) -> None:
    daemon = Crossing(upstream)
    caller = count(daemon, client)
    daemon.upstream.last.answer(status, JSON, body=b'{"error":{"message":"Not found"}}', end=True)
    assert orjson.loads(caller.body)[COUNTED[client]] > 0
    assert caller.headers["x-cliproxy-token-count"] == "estimate"
    assert daemon.blamed == 0


def test_a_count_that_is_none_is_a_broken_answer() -> None:
    daemon = Crossing("gemini")
    caller = count(daemon, "anthropic")
    daemon.upstream.last.answer(200, JSON, body=b"{}", end=True)
    assert caller.status == 502


@pytest.mark.parametrize("client", COUNTS)
@pytest.mark.parametrize("upstream", COUNTERS)
def test_payload_rules_are_for_what_is_generated(client: str, upstream: str) -> None:
    """A counter refuses fields that it does not know, such as `max_tokens`."""
    daemon = Crossing(upstream, payload=payload(overrides=[{"max_tokens": 5, "odd": 1}]))
    count(daemon, client)
    assert not {"max_tokens", "odd"} & sent(daemon.upstream.last).keys()


# -- several answers


def several(daemon: Crossing, *, stream: bool, n: int = 2) -> Caller:
    """A client of Chat that wants so many answers."""
    return daemon.ask("openai-chat", stream=stream, n=n)


def said(text: str, prompt: int, completion: int) -> Said:
    """One answer."""
    return Said((Answer((Piece("text", text),)),), Tokens(prompt, 0, completion, 0))


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("tell", [stream_from, whole_from])
@pytest.mark.parametrize("upstream", ["anthropic", "openai-responses"])
def test_several_answers_are_asked_for_one_by_one(upstream: str, tell: Callable[..., None], stream: bool) -> None:
    daemon = Crossing(upstream)
    caller = several(daemon, stream=stream)
    tell(daemon.upstream.asked[0], upstream, said("One", 7, 2))
    tell(daemon.upstream.asked[1], upstream, said("Two", 7, 3))
    told = (streamed if stream else whole)(caller, "openai-chat")
    assert [answer.joined("text") for answer in told.answers] == ["One", "Two"]
    assert told.tokens == Tokens(14, 0, 5, 0)
    caller.leave()
    daemon.assert_quiet()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_several_answers_of_which_one_fails_move_to_the_next_credential(stream: bool) -> None:
    daemon = Crossing("anthropic", "anthropic")
    caller = several(daemon, stream=stream)
    stream_from(daemon.upstream.asked[0], "anthropic", said("Old", 7, 2))
    error_from(daemon.upstream.asked[1], 529, complaint("anthropic", 529, "Overloaded"))
    stream_from(daemon.upstream.asked[2], "anthropic", said("One", 7, 2))
    stream_from(daemon.upstream.asked[3], "anthropic", said("Two", 7, 2))
    told = (streamed if stream else whole)(caller, "openai-chat")
    assert [answer.joined("text") for answer in told.answers] == ["One", "Two"]


def test_several_answers_of_which_one_is_the_clients_mistake_are_refused() -> None:
    daemon = Crossing("anthropic")
    caller = several(daemon, stream=False)
    error_from(daemon.upstream.asked[0], 400, complaint("anthropic", 400, "temperature: too hot"))
    assert caller.status == 400
    assert error_of(caller, "openai-chat")["message"] == "temperature: too hot"
    assert len(daemon.upstream.asked) == 1


def test_several_answers_of_which_one_breaks_are_an_error() -> None:
    daemon = Crossing("anthropic")
    caller = several(daemon, stream=False)
    daemon.upstream.asked[0].answer(200, EVENT_STREAM, body=events_of("anthropic")[0]).cut()
    assert caller.status == 502
    assert daemon.blamed == 1
    caller.leave()
    daemon.assert_quiet()


def test_several_answers_beat_while_they_come() -> None:
    daemon = Crossing("anthropic")
    caller = several(daemon, stream=True)
    daemon.pass_time(16)
    for asked in (0, 1):
        stream_from(daemon.upstream.asked[asked], "anthropic")
        daemon.pass_time(16)
    assert len(streamed(caller, "openai-chat").answers) == 2


def test_a_body_that_goes_on_behind_its_reply_does_no_harm_to_the_next_answer() -> None:
    """The pump of an answer that was kept ran into its own silence, with nobody to tell."""
    daemon = Crossing("anthropic")
    caller = several(daemon, stream=False)
    daemon.upstream.asked[0].answer(200, EVENT_STREAM, body=b"".join(events_of("anthropic")))
    daemon.pass_time(130)
    stream_from(daemon.upstream.asked[1], "anthropic")
    assert len(whole(caller, "openai-chat").answers) == 2
    caller.leave()
    daemon.assert_quiet()


def test_a_client_that_leaves_between_two_answers_has_no_more_asked() -> None:
    daemon = Crossing("anthropic")
    caller = several(daemon, stream=True, n=3)
    stream_from(daemon.upstream.asked[0], "anthropic")
    caller.leave()
    assert len(daemon.upstream.asked) == 2
    assert daemon.upstream.last.over
    daemon.assert_quiet()


def test_more_answers_than_are_reasonable_are_refused() -> None:
    daemon = Crossing("anthropic")
    caller = several(daemon, stream=False, n=9)
    assert caller.status == 400
    assert "at most 8" in error_of(caller, "openai-chat")["message"]


@pytest.mark.parametrize("upstream", ["gemini"])
def test_several_answers_are_asked_at_once_where_that_can_be(upstream: str) -> None:
    daemon = Crossing(upstream)
    several(daemon, stream=False)
    assert sent(daemon.upstream.last)["generationConfig"]["candidateCount"] == 2
