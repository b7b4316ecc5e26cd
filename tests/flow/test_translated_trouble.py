"""What may go wrong while an upstream of another format is asked, and what the client is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import pytest

from tests.support.crossing import (
    AN_OTHER,
    FEW,
    HELLO,
    HOSTS,
    Crossing,
    Pair,
    clients,
    complaint,
    error_from,
    error_of,
    events_of,
    few_pairs,
    keys_in,
    named,
    pairs,
    stream_from,
    streamed,
    text_of,
    upstream_key,
    whole,
    whole_from,
)
from tests.support.house import EVENT_STREAM, JSON, Caller
from tests.support.translating import PAIRS, TELLERS, WIRES

# -- another credential


BREAKS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "empty": lambda upstream: b"",
    "html": lambda upstream: b"<html>Bad gateway</html>\n\n",
    "an error": lambda upstream: TELLERS[upstream].error("Overloaded"),
    "an opening": lambda upstream: events_of(upstream)[0] if upstream in ("anthropic", "openai-responses") else b"",
}


@few_pairs
@pytest.mark.parametrize("how", BREAKS)
def test_a_stream_that_breaks_before_content_moves_to_the_clients_own_format(pair: Pair, how: str) -> None:
    upstream, client = pair
    daemon = Crossing(upstream, client)
    caller = daemon.ask(client)
    asked = daemon.upstream.asked[0]
    first = upstream if HOSTS[upstream] in asked.uri else client
    asked.answer(200, EVENT_STREAM, body=BREAKS[how](first), end=True)
    assert not caller.told
    second = client if first == upstream else upstream
    stream_from(daemon.asked(second), second)
    assert len(daemon.upstream.asked) == 2
    assert b"Hello" in caller.body
    assert caller.ended
    assert daemon.blamed == 1


@few_pairs
@pytest.mark.parametrize("status", [401, 429, 529])
def test_trouble_moves_to_an_upstream_of_another_format(pair: Pair, status: int) -> None:
    upstream, client = pair
    daemon = Crossing(upstream, client)
    caller = daemon.ask(client, stream=False)
    first = upstream if HOSTS[upstream] in daemon.upstream.asked[0].uri else client
    error_from(daemon.upstream.asked[0], status, complaint(first, status, "Alas"))
    second = client if first == upstream else upstream
    whole_from(daemon.asked(second), second)
    assert caller.status == 200
    assert b"Hello" in caller.body


@clients
def test_a_whole_answer_that_is_garbage_moves_on(client: str) -> None:
    upstream = AN_OTHER[client]
    daemon = Crossing(upstream, upstream)
    caller = daemon.ask(client, stream=False)
    daemon.upstream.asked[0].answer(200, JSON, body=b"<html>", end=True)
    whole_from(daemon.upstream.asked[1], upstream)
    assert text_of(whole(caller, client)) == "Hello"


# -- a stream that breaks


def begun(daemon: Crossing, client: str, upstream: str) -> Caller:
    """A client that was told the first words."""
    caller = daemon.ask(client)
    asked = daemon.upstream.last.answer(200, EVENT_STREAM)
    for event in events_of(upstream):
        asked.say(event)
        daemon.pass_time(0.03)
        if caller.told and b"Hello" in caller.body:
            return caller
    raise AssertionError("nothing was told")


SPOILS: Final[Mapping[str, Callable[[Any, str], object]]] = {
    "cut": lambda asked, upstream: asked.cut(),
    "ended": lambda asked, upstream: asked.end(),
    "half": lambda asked, upstream: asked.say(b'data: {"a').end(),
    "garbage": lambda asked, upstream: asked.say(b"data: {not json}\n\n"),
    "html": lambda asked, upstream: asked.say(b"<html>\n\n"),
    "error": lambda asked, upstream: asked.say(TELLERS[upstream].error("It broke.")),
}


@pytest.mark.parametrize(
    ("pair", "how"),
    [(pair, how) for pair in PAIRS for how in SPOILS if how == "cut" or pair in FEW],
    ids=lambda given: given if isinstance(given, str) else named(given),
)
def test_a_stream_that_breaks_after_content_ends_with_an_error_in_the_clients_words(pair: Pair, how: str) -> None:
    upstream, client = pair
    daemon = Crossing(upstream, upstream)
    caller = begun(daemon, client, upstream)
    SPOILS[how](daemon.upstream.last, upstream)
    daemon.pass_time(1.1)
    said = streamed(caller, client)
    assert said.error
    assert len(daemon.upstream.asked) == 1, "after content nobody else is asked"
    assert daemon.blamed == 1
    caller.leave()
    daemon.assert_quiet()


@few_pairs
def test_a_whole_reply_that_the_upstream_breaks_off_is_an_error(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client, stream=False)
    daemon.upstream.last.answer(200, JSON, body=TELLERS[upstream].whole(HELLO)[:-9]).cut()
    assert caller.status == 502
    assert error_of(caller, client)["message"]


@few_pairs
def test_silence_ends_a_stream_with_an_error(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = begun(daemon, client, upstream)
    daemon.pass_time(121)
    assert "silent" in (streamed(caller, client).error or "")


# -- heartbeats


@few_pairs
def test_beats_while_a_client_waits_break_no_grammar(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    daemon.pass_time(40)
    assert caller.body.strip() == b""
    stream_from(daemon.upstream.last, upstream)
    assert text_of(streamed(caller, client)) == "Hello"


@pairs
def test_beats_between_events_break_no_grammar(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    asked = daemon.upstream.last.answer(200, EVENT_STREAM)
    for event in events_of(upstream):
        asked.say(event)
        daemon.pass_time(31)
    asked.end()
    assert text_of(streamed(caller, client)) == "Hello"


@pytest.mark.parametrize("upstream", WIRES)
def test_a_gemini_client_is_told_no_comment(upstream: str) -> None:
    daemon = Crossing(upstream)
    caller = begun(daemon, "gemini", upstream)
    daemon.pass_time(60)
    assert b"\n:" not in caller.body
    assert not caller.body.startswith(b":")


def test_an_array_is_told_no_beats() -> None:
    daemon = Crossing("openai-chat")
    caller = daemon.ask("gemini", array=True)
    daemon.pass_time(60)
    assert not caller.told


# -- the client leaves


def waiting(daemon: Crossing, upstream: str) -> None:
    """For the answer's head."""


def beating(daemon: Crossing, upstream: str) -> None:
    """For the answer's head, with a first beat told."""
    daemon.pass_time(16)


def probing(daemon: Crossing, upstream: str) -> None:
    """For the first content."""
    daemon.upstream.last.answer(200, EVENT_STREAM)


def collecting(daemon: Crossing, upstream: str) -> None:
    """For the end of a whole body."""
    daemon.upstream.last.answer(200, JSON).say(b'{"id":')


def streaming(daemon: Crossing, upstream: str) -> None:
    """For more events."""
    daemon.upstream.last.answer(200, EVENT_STREAM).say(*events_of(upstream)[:-2])


def lingering(daemon: Crossing, upstream: str) -> None:
    """For the end of a body whose reply is whole."""
    daemon.upstream.last.answer(200, EVENT_STREAM).say(*events_of(upstream))


def being_refused(daemon: Crossing, upstream: str) -> None:
    """For the end of an error's body."""
    daemon.upstream.last.answer(400, JSON, body=b'{"error":')


WAITS: Final = {
    wait.__name__: wait for wait in (waiting, beating, probing, collecting, streaming, lingering, being_refused)
}


@pytest.mark.parametrize("client", WIRES)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wait", WAITS)
def test_a_client_that_leaves_cancels_the_upstream_at_once(wait: str, stream: bool, client: str) -> None:
    upstream = AN_OTHER[client]
    daemon = Crossing(upstream, upstream)
    caller = daemon.ask(client, stream=stream)
    WAITS[wait](daemon, upstream)
    caller.leave()
    (asked,) = daemon.upstream.asked
    assert asked.over
    daemon.assert_quiet()
    assert daemon.blamed == 0


# -- errors before the first byte


@few_pairs
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_clients_mistake_is_told_at_once_in_its_own_words(pair: Pair, status: int) -> None:
    upstream, client = pair
    daemon = Crossing(upstream, upstream)
    caller = daemon.ask(client)
    error_from(daemon.upstream.last, status, complaint(upstream, status, "temperature: too hot"))
    assert caller.status == status
    assert error_of(caller, client)["message"] == "temperature: too hot"
    assert len(daemon.upstream.asked) == 1
    assert daemon.blamed == 0


@few_pairs
def test_a_clients_mistake_is_told_in_the_stream_if_its_head_is_out(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    daemon.pass_time(16)
    error_from(daemon.upstream.last, 400, complaint(upstream, 400, "temperature: too hot"))
    assert streamed(caller, client).error == "temperature: too hot"
    assert daemon.blamed == 0


OVERFLOWS: Final = {
    "anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
    "openai-chat": "This model's maximum context length is 128000 tokens. However, you requested 130000 tokens.",
    "openai-responses": "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
}


def tells_overflow(error: Mapping[str, Any], client: str, upstream: str) -> bool:
    """Whether a client of that wire knows that it has to shorten its history."""
    if client == "anthropic":
        return (error["type"], error["message"][:18]) == ("invalid_request_error", "prompt is too long")
    if client == "gemini":
        return (error["status"], error["message"]) == ("INVALID_ARGUMENT", OVERFLOWS[upstream])
    return bool(error["code"] == "context_length_exceeded")


@pairs
def test_a_prompt_that_is_too_long_is_told_so_that_the_client_knows_it(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    error_from(daemon.upstream.last, 400, complaint(upstream, 400, OVERFLOWS[upstream]))
    assert caller.status == 400
    assert tells_overflow(error_of(caller, client), client, upstream)


@pytest.mark.parametrize("client", ["anthropic", "openai-chat", "gemini"])
def test_a_prompt_that_is_too_long_by_an_event_before_content_is_told_so_too(client: str) -> None:
    """Codex's servers answer 200, and only then say it; the answer that was made of that did not."""
    daemon = Crossing("openai-responses")
    caller = daemon.ask(client)
    error = {"code": "context_length_exceeded", "message": OVERFLOWS["openai-responses"]}
    failed = {"type": "response.failed", "response": {"status": "failed", "error": error}}
    daemon.upstream.last.answer(200, EVENT_STREAM, body=b"data: %b\n\n" % orjson.dumps(failed), end=True)
    assert caller.status == 400
    assert tells_overflow(error_of(caller, client), client, "openai-responses")
    assert daemon.blamed == 0


@pytest.mark.parametrize("client", ["anthropic", "openai-chat"])
def test_a_code_alone_tells_that_a_prompt_is_too_long(client: str) -> None:
    """The code was lost on the way, where the message has other words."""
    daemon = Crossing("openai-responses")
    caller = daemon.ask(client)
    error = {"code": "context_length_exceeded", "message": "Too much."}
    failed = {"type": "response.failed", "response": {"status": "failed", "error": error}}
    daemon.upstream.last.answer(200, EVENT_STREAM, body=b"data: %b\n\n" % orjson.dumps(failed), end=True)
    assert tells_overflow(error_of(caller, client), client, "openai-responses")


@few_pairs
@pytest.mark.parametrize("status", [401, 429, 503])
def test_when_everybody_refuses_the_last_refusal_is_told_in_the_clients_words(pair: Pair, status: int) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    error_from(daemon.upstream.last, status, complaint(upstream, status, "Alas"), ("Retry-After", "7"))
    assert caller.status == status
    assert caller.headers["retry-after"] == "7"
    assert error_of(caller, client)["message"] == "Alas"
    caller.leave()
    daemon.assert_quiet()


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "gemini"])
def test_anthropics_own_status_is_told_as_one_that_other_clients_know(client: str) -> None:
    daemon = Crossing("anthropic")
    caller = daemon.ask(client)
    error_from(daemon.upstream.last, 529, complaint("anthropic", 529, "Overloaded"))
    assert caller.status == 503
    if client == "gemini":
        assert error_of(caller, client)["code"] == 503


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "gemini"])
def test_anthropics_own_status_in_a_stream_is_told_as_one_that_other_clients_know(client: str) -> None:
    """Before content the event became an answer with status 529."""
    daemon = Crossing("anthropic")
    caller = daemon.ask(client)
    daemon.upstream.last.answer(200, EVENT_STREAM, body=TELLERS["anthropic"].error("Overloaded"), end=True)
    assert caller.status == 503


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "gemini"])
def test_while_all_cool_anthropics_own_status_is_not_told_other_clients(client: str) -> None:
    """What was made here bore the status as it came."""
    daemon = Crossing("anthropic")
    first = daemon.ask(client)
    error_from(daemon.upstream.last, 529, complaint("anthropic", 529, "Overloaded"), ("Retry-After", "30"))
    first.leave()
    caller = daemon.ask(client)
    assert len(daemon.upstream.asked) == 1
    assert caller.status == 503
    assert caller.headers["retry-after"] == "1"  # there is nobody else, so that it is tried again soon


@clients
@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_upstream_that_repeats_its_key_tells_nobody(client: str, status: int) -> None:
    """A client's mistake was told with the key in it."""
    upstream = AN_OTHER[client]
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    error_from(daemon.upstream.last, status, complaint(upstream, status, f"Bad key {upstream_key(0)}!"))
    assert "Bad key [redacted]!" in error_of(caller, client)["message"]
    assert not keys_in([caller.raw])


@clients
def test_an_upstream_that_repeats_its_key_late_tells_nobody(client: str) -> None:
    daemon = Crossing(AN_OTHER[client])
    caller = daemon.ask(client)
    daemon.pass_time(16)
    error_from(daemon.upstream.last, 400, complaint(AN_OTHER[client], 400, f"Bad key {upstream_key(0)}!"))
    assert streamed(caller, client).error == "Bad key [redacted]!"
