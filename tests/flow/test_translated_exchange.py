"""The story of a request whose upstream speaks another format, told through the doors."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any, Final

import orjson
import pytest

from cliproxy.config.schema import Payload, Translation
from tests.support.crossing import (
    ASKED_AT,
    HELLO,
    HOSTS,
    UPSTREAM_MODEL,
    Crossing,
    Pair,
    clients,
    complaint,
    error_from,
    error_of,
    events_of,
    few_pairs,
    pairs,
    payload,
    rule,
    sent,
    sent_headers,
    stream_from,
    streamed,
    text_of,
    upstream_key,
    whole,
    whole_from,
)
from tests.support.house import EVENT_STREAM, JSON
from tests.support.translating import MODEL, WIRES

KEY_HEADERS: Final = {
    "anthropic": ("x-api-key", ""),
    "openai-chat": ("authorization", "Bearer "),
    "openai-responses": ("authorization", "Bearer "),
    "gemini": ("x-goog-api-key", ""),
}
OF_A_CLIENT: Final = (
    "Authorization: Bearer sk-of-the-client",
    "X-Api-Key: sk-of-the-client",
    "X-Goog-Api-Key: sk-of-the-client",
    "X-Goog-Api-Client: google-genai-sdk/1",
    "Anthropic-Version: 2023-06-01",
    "Anthropic-Beta: context-1m",
    "OpenAI-Beta: responses",
    "X-Stainless-Lang: python",
    "Session-Id: a-session",
    "User-Agent: claude-cli/2",
    "Cookie: a=b",
    "Accept-Language: de",
)


STRICT: Final = Translation(strict=True)


# -- what is asked


@pairs
def test_a_request_reaches_the_upstreams_own_path(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    daemon.ask(client, stream=False)
    assert daemon.upstream.last.uri == f"https://{HOSTS[upstream]}{ASKED_AT[upstream]}"


@clients
def test_a_stream_is_asked_of_gemini_at_its_own_action(client: str) -> None:
    daemon = Crossing("gemini")
    daemon.ask(client)
    assert daemon.upstream.last.uri.endswith(f"/models/{UPSTREAM_MODEL}:streamGenerateContent?alt=sse")


@pairs
def test_nothing_of_a_clients_headers_goes_to_another_vendor(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    daemon.ask(client, *OF_A_CLIENT)
    headers = sent_headers(daemon.upstream.last)
    version = {"anthropic-version"} if upstream == "anthropic" else set()
    assert headers.keys() - {"accept-encoding"} == version | {
        "accept",
        "content-type",
        "user-agent",
        KEY_HEADERS[upstream][0],
    }
    assert headers["user-agent"].startswith("cliproxy/")


@few_pairs
def test_the_key_stands_where_the_upstream_looks_for_it(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    daemon.ask(client, *OF_A_CLIENT)
    name, before = KEY_HEADERS[upstream]
    assert sent_headers(daemon.upstream.last)[name] == before + upstream_key(0)


def test_a_clients_query_means_nothing_to_another_vendor() -> None:
    daemon = Crossing("openai-chat")
    body = orjson.dumps({"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]})
    daemon.caller().ask(body, path="/v1/messages?beta=true")
    assert "?" not in daemon.upstream.last.uri


@few_pairs
def test_the_upstream_is_asked_for_its_own_model(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    daemon.ask(client)
    asked = daemon.upstream.last
    assert UPSTREAM_MODEL in (asked.uri if upstream == "gemini" else sent(asked)["model"])
    assert MODEL.encode() not in asked.body.replace(UPSTREAM_MODEL.encode(), b"")


# -- a reply that is told


@pairs
@pytest.mark.parametrize("told", ["stream", "whole"])
@pytest.mark.parametrize("wanted", ["stream", "whole"])
def test_either_side_may_stream_whatever_the_other_does(pair: Pair, wanted: str, told: str) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client, stream=wanted == "stream")
    (stream_from if told == "stream" else whole_from)(daemon.upstream.last, upstream)
    said = (streamed if wanted == "stream" else whole)(caller, client)
    assert text_of(said) == "Hello"
    assert said.tokens == HELLO.tokens
    caller.leave()
    daemon.assert_quiet()


@few_pairs
def test_the_reply_names_the_model_as_the_client_did(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client, stream=False)
    whole_from(daemon.upstream.last, upstream)
    assert orjson.loads(caller.body)["modelVersion" if client == "gemini" else "model"] == MODEL


@few_pairs
def test_a_stream_is_told_as_it_comes(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    asked = daemon.upstream.last.answer(200, EVENT_STREAM)
    *most, _ = events_of(upstream)
    asked.say(*most)
    daemon.pass_time(0.03)
    assert b"Hello" in caller.body
    assert not caller.ended


@few_pairs
def test_what_is_told_of_a_reply_has_the_headers_of_its_kind(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    asked = daemon.upstream.last
    vendors = (("Anthropic-Organization-Id", "o"), ("Openai-Processing-Ms", "3"), ("X-Request-Id", "up_1"))
    asked.answer(200, EVENT_STREAM, *vendors, body=b"".join(events_of(upstream)), end=True)
    assert caller.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert caller.headers["x-upstream-request-id"] == "up_1"
    assert not {"anthropic-organization-id", "openai-processing-ms"} & caller.headers.keys()


@few_pairs
@pytest.mark.parametrize("announced", [(("Content-Encoding", "gzip"),), ()], ids=["announced", "not announced"])
def test_gzip_is_undone_before_a_reply_is_translated(pair: Pair, announced: tuple[tuple[str, str], ...]) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client)
    packed = gzip.compress(b"".join(events_of(upstream)))
    daemon.upstream.last.answer(200, EVENT_STREAM, *announced, body=packed, end=True)
    assert text_of(streamed(caller, client)) == "Hello"
    assert "content-encoding" not in caller.headers


def test_a_coding_that_cannot_be_seen_through_is_no_answer() -> None:
    daemon = Crossing("openai-chat")
    caller = daemon.ask("anthropic", stream=False)
    daemon.upstream.last.answer(200, JSON, ("Content-Encoding", "br"), body=b"\x0b\x02\x80hi\x03", end=True)
    assert caller.status == 502
    assert error_of(caller, "anthropic")["type"] == "api_error"


# -- Gemini's arrays


@pytest.mark.parametrize("upstream", ["anthropic", "openai-chat", "openai-responses"])
@pytest.mark.parametrize("tell", [stream_from, whole_from])
def test_an_array_is_streamed_from_another_format(upstream: str, tell: Callable[..., None]) -> None:
    daemon = Crossing(upstream)
    caller = daemon.ask("gemini", array=True)
    tell(daemon.upstream.last, upstream)
    assert text_of(streamed(caller, "gemini", array=True)) == "Hello"
    assert caller.headers["content-type"] == "application/json"


def test_an_array_is_asked_of_another_format_as_a_stream() -> None:
    daemon = Crossing("openai-chat")
    daemon.ask("gemini", array=True)
    assert sent(daemon.upstream.last)["stream"] is True


def test_an_array_is_told_as_it_comes() -> None:
    daemon = Crossing("openai-chat")
    caller = daemon.ask("gemini", array=True)
    daemon.upstream.last.answer(200, EVENT_STREAM).say(*events_of("openai-chat")[:-2])
    daemon.pass_time(0.03)
    assert b"Hello" in caller.body
    assert not caller.ended


def test_an_array_that_breaks_is_still_json() -> None:
    """It ended in an event of a stream that it is none of."""
    daemon = Crossing("openai-chat")
    caller = daemon.ask("gemini", array=True)
    daemon.upstream.last.answer(200, EVENT_STREAM).say(*events_of("openai-chat")[:-2])
    daemon.upstream.last.cut()
    said = streamed(caller, "gemini", array=True)
    assert said.error is not None


def test_an_array_is_asked_of_gemini_as_one() -> None:
    daemon = Crossing("gemini")
    daemon.ask("gemini", array=True)
    assert daemon.upstream.last.uri.endswith(":streamGenerateContent?alt=json")


def test_an_array_in_the_same_format_passes_as_it_comes() -> None:
    daemon = Crossing("gemini", name=MODEL)
    caller = daemon.ask("gemini", array=True)
    piece = b'[{"candidates":[{"content":{"parts":[{"text":"%b"}]}}]}\n' % (b"x" * 17_000)
    daemon.upstream.last.answer(200, JSON).say(piece)
    assert caller.body == piece
    daemon.upstream.last.say(b"]").end()
    assert caller.body == piece + b"]"


def test_an_array_of_an_alias_names_the_model_as_the_client_did() -> None:
    """A list was no object, and so nothing of it was looked at."""
    daemon = Crossing("gemini")
    caller = daemon.ask("gemini", array=True)
    chunk = {"candidates": [], "modelVersion": UPSTREAM_MODEL}
    daemon.upstream.last.answer(200, JSON, body=orjson.dumps([chunk, chunk]), end=True)
    assert [chunk["modelVersion"] for chunk in orjson.loads(caller.body)] == [MODEL, MODEL]


# -- the client's own format


@clients
def test_a_stream_of_an_alias_names_the_model_as_the_client_did(client: str) -> None:
    daemon = Crossing(client)
    caller = daemon.ask(client)
    told = b"".join(events_of(client))
    name = {"anthropic": b'"claude"', "openai-chat": b'"gpt"', "openai-responses": b'"gpt"', "gemini": b'"gemini"'}
    assert name[client] in told
    daemon.upstream.last.answer(200, EVENT_STREAM, body=told, end=True)
    assert caller.body == told.replace(name[client], b'"%b"' % MODEL.encode())


@clients
def test_a_body_of_an_alias_names_the_model_as_the_client_did(client: str) -> None:
    daemon = Crossing(client)
    caller = daemon.ask(client, stream=False)
    whole_from(daemon.upstream.last, client)
    assert orjson.loads(caller.body)["modelVersion" if client == "gemini" else "model"] == MODEL
    assert "content-length" not in caller.headers


@clients
def test_a_reply_without_an_alias_passes_byte_for_byte(client: str) -> None:
    daemon = Crossing(client, name=MODEL)
    caller = daemon.ask(client)
    told = b"".join(events_of(client))
    daemon.upstream.last.answer(200, EVENT_STREAM, body=told, end=True)
    assert caller.body == told


# -- thinking suffixes


@clients
def test_a_suffix_changes_nothing_else_of_a_body_in_the_same_format(client: str) -> None:
    daemon = Crossing(client, name=MODEL)
    daemon.ask(client, model=f"{MODEL}(high)", stream=False)
    plain = Crossing(client, name=MODEL)
    plain.ask(client, stream=False)
    with_suffix, without = sent(daemon.upstream.last), sent(plain.upstream.last)
    added = {"anthropic": {"thinking", "output_config"}, "openai-chat": {"reasoning_effort"}}
    added |= {"openai-responses": {"reasoning"}, "gemini": {"generationConfig"}}
    assert {name for name in with_suffix if with_suffix[name] != without.get(name)} == added[client]
    assert "(high)" not in daemon.upstream.last.uri


@pairs
def test_a_suffix_says_how_much_to_think_whatever_the_format(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    daemon.ask(client, model=f"{MODEL}(high)", stream=False)
    effort = {
        "anthropic": lambda body: body["output_config"]["effort"],
        "openai-chat": lambda body: body["reasoning_effort"],
        "openai-responses": lambda body: body["reasoning"]["effort"],
        "gemini": lambda body: body["generationConfig"]["thinkingConfig"]["thinkingLevel"].lower(),
    }
    assert effort[upstream](sent(daemon.upstream.last)) == "high"


@few_pairs
def test_a_reply_names_the_model_with_its_suffix(pair: Pair) -> None:
    upstream, client = pair
    daemon = Crossing(upstream)
    caller = daemon.ask(client, model=f"{MODEL}(high)", stream=False)
    whole_from(daemon.upstream.last, upstream)
    assert orjson.loads(caller.body)["modelVersion" if client == "gemini" else "model"] == f"{MODEL}(high)"


# -- configured rules


RULES: Final = payload([{"service_tier": "flex", "model": "not-this"}], [{"temperature": 0.25}], ["tools"])


@pytest.mark.parametrize("client", ["openai-chat", "anthropic"])
def test_payload_rules_are_for_bodies_of_every_origin(client: str) -> None:
    daemon = Crossing("openai-chat", payload=RULES)
    daemon.ask(client, stream=False)
    body = sent(daemon.upstream.last)
    assert (body["service_tier"], body["temperature"], body["model"]) == ("flex", 0.25, UPSTREAM_MODEL)
    assert "tools" not in body


@pytest.mark.parametrize("client", ["openai-chat", "anthropic"])
def test_payload_rules_for_another_format_are_left_alone(client: str) -> None:
    rules = Payload(overrides=(rule({"temperature": 0.25}, protocol="gemini"),))
    daemon = Crossing("openai-chat", payload=rules)
    daemon.ask(client, stream=False)
    assert "temperature" not in sent(daemon.upstream.last)


# -- what is lost


def test_losses_are_told_in_a_header_to_who_asks() -> None:
    daemon = Crossing("anthropic")
    caller = daemon.ask("openai-chat", "X-Cliproxy-Losses: 1", stream=False, seed=7)
    whole_from(daemon.upstream.last, "anthropic")
    assert "seed" in caller.headers["x-cliproxy-losses"]


def test_losses_are_told_in_the_head_of_a_stream() -> None:
    daemon = Crossing("anthropic")
    caller = daemon.ask("openai-chat", "X-Cliproxy-Losses: 1", seed=7)
    stream_from(daemon.upstream.last, "anthropic")
    assert "seed" in caller.headers["x-cliproxy-losses"]


def test_losses_are_told_nobody_else() -> None:
    daemon = Crossing("anthropic")
    caller = daemon.ask("openai-chat", stream=False, seed=7)
    whole_from(daemon.upstream.last, "anthropic")
    assert "x-cliproxy-losses" not in caller.headers


@pytest.mark.parametrize("field", ["a\r\nx-evil: 1", "a\nb", "a\x00b", "\U0001f989", "a\x7fb", "x" * 5000])
def test_a_field_of_any_name_makes_no_header_of_its_own(field: str) -> None:
    daemon = Crossing("anthropic")
    odd: dict[str, Any] = {field: 1}
    caller = daemon.ask("openai-chat", "X-Cliproxy-Losses: 1", stream=False, **odd)
    whole_from(daemon.upstream.last, "anthropic")
    assert caller.status == 200
    assert "x-evil" not in caller.headers
    shown = caller.headers["x-cliproxy-losses"]
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 2000


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_strict_proxy_refuses_what_would_be_lost(stream: bool) -> None:
    daemon = Crossing("anthropic", translation=STRICT)
    caller = daemon.ask("openai-chat", stream=stream, seed=7, logit_bias={"5": 1})
    assert caller.status == 400
    message = error_of(caller, "openai-chat")["message"]
    assert "seed" in message
    assert "logit_bias" in message
    assert daemon.upstream.asked == []


def test_a_strict_proxy_asks_whom_it_can_ask_without_a_loss() -> None:
    """Whose turn it was decided whether the client got an answer."""
    daemon = Crossing("anthropic", "openai-chat", translation=STRICT)
    callers = [daemon.ask("openai-chat", stream=False, seed=7) for _ in range(2)]
    for asked in daemon.upstream.asked:
        assert HOSTS["openai-chat"] in asked.uri
        whole_from(asked, "openai-chat")
    assert [caller.status for caller in callers] == [200, 200]


def test_a_strict_proxy_lets_pass_what_is_done_in_another_way() -> None:
    daemon = Crossing("openai-responses", translation=STRICT)
    caller = daemon.ask("anthropic", stream=False, stop_sequences=["END"])
    whole_from(daemon.upstream.last, "openai-responses")
    assert caller.status == 200


# -- replies that end before the upstream's


def test_an_upstream_is_cut_off_once_a_stop_sequence_came_up() -> None:
    """It went on writing for a second, for which somebody pays."""
    daemon = Crossing("openai-responses")
    caller = daemon.ask("anthropic", stop_sequences=["lo"])
    events = events_of("openai-responses")
    daemon.upstream.last.answer(200, EVENT_STREAM, body=b"".join(events[:-3]))
    assert b'"stop_sequence":"lo"' in caller.raw
    assert caller.raw.count(b"event: message_stop") == 1
    assert daemon.upstream.last.over


# -- the older completions


@pytest.mark.parametrize("upstream", WIRES)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_completion_is_served_from_any_format(upstream: str, stream: bool) -> None:
    daemon = Crossing(upstream)
    caller = daemon.ask("openai-completions", stream=stream)
    stream_from(daemon.upstream.last, upstream)
    if stream:
        chunks = [orjson.loads(line[6:]) for line in caller.body.split(b"\n\n") if line not in (b"", b"data: [DONE]")]
        assert caller.body.endswith(b"data: [DONE]\n\n")
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks if chunk["choices"]) == "Hello"
    else:
        body = orjson.loads(caller.body)
        assert (body["object"], body["choices"][0]["text"]) == ("text_completion", "Hello")
        assert body["model"] == MODEL


def test_several_completions_are_asked_for_one_by_one() -> None:
    daemon = Crossing("anthropic")
    caller = daemon.ask("openai-completions", stream=False, n=2)
    for number in (0, 1):
        stream_from(daemon.upstream.asked[number], "anthropic")
    assert [choice["text"] for choice in orjson.loads(caller.body)["choices"]] == ["Hello", "Hello"]


@pytest.mark.parametrize("status", [400, 429])
def test_a_completion_that_is_refused_is_told_in_openais_words(status: int) -> None:
    daemon = Crossing("gemini")
    caller = daemon.ask("openai-completions")
    error_from(daemon.upstream.last, status, complaint("gemini", status, "Alas"))
    assert caller.status == status
    assert error_of(caller, "openai-completions")["message"] == "Alas"
