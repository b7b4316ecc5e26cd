"""One credential, asked: what the pool learns of each answer, and that every grant is given back."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectError
from twisted.logger import LogLevel, formatEvent

from cliproxy.asking import MAX_LOGGED_CHARACTERS
from cliproxy.config.schema import Config
from cliproxy.routing.standing import Standing
from tests.support.crossing import Crossing, complaint, error_from, sent, stream_from, whole_from
from tests.support.house import (
    BLOCK,
    EVENT_STREAM,
    JSON,
    LIMITED,
    NO_SUCH_MODEL,
    OVERLOADED,
    START,
    WHOLE,
    Daemon,
    FakeRenewer,
    logged,
    login,
    refuse,
    serve,
)


def in_flight(daemon: Daemon) -> list[int]:
    """How many requests each credential has, as the pool counts them."""
    return [
        daemon.house.pool.ledger.credential(name).in_flight
        for name in daemon.house._exchanges.provision.catalogue.credentials
    ]


def verdict(daemon: Daemon) -> tuple[str, int]:
    """What is held against the only credential, and after which status."""
    (standing,) = daemon.standings()
    assert isinstance(standing, Standing)
    return standing.verdict, standing.status


# -- what is learned


@pytest.mark.parametrize(
    ("status", "body", "held"),
    [
        (401, LIMITED, "unauthorized"),
        (402, LIMITED, "unpaid"),
        (403, LIMITED, "forbidden"),
        (404, NO_SUCH_MODEL, "no such model"),
        (429, LIMITED, "rate limited"),
        (500, LIMITED, "transient"),
        (529, LIMITED, "transient"),
    ],
)
def test_an_answer_is_judged(status: int, body: bytes, held: str) -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, status, body=body)
    assert verdict(daemon) == (held, status)


def test_no_answer_is_passing_trouble() -> None:
    daemon = Daemon()
    daemon.stream()
    daemon.upstream.last.fail(ConnectError())
    assert verdict(daemon) == ("transient", 0)


def test_an_error_inside_a_stream_is_judged_by_its_kind() -> None:
    daemon = Daemon()
    daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM, body=START + OVERLOADED, end=True)
    assert verdict(daemon) == ("transient", 529)


def test_an_error_behind_the_first_content_is_judged_as_well() -> None:
    daemon = Daemon()
    daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM, body=START + BLOCK + OVERLOADED, end=True)
    assert verdict(daemon) == ("transient", 529)


def test_trouble_of_the_whole_account_concerns_its_other_models() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 401)
    assert daemon.stream("claude-haiku-4-5").status == 503


@pytest.mark.parametrize("status", [200, 429])
def test_what_an_answer_says_of_limits_is_kept(status: int) -> None:
    daemon = Daemon()
    daemon.stream()
    used = ("Anthropic-Ratelimit-Unified-7d-Utilization", "0.5")
    reset = ("Anthropic-Ratelimit-Unified-7d-Reset", "1790086400")
    daemon.upstream.last.answer(status, EVENT_STREAM if status == 200 else JSON, used, reset, body=WHOLE, end=True)
    (record,) = daemon.house.pool.ledger.credentials.values()
    assert [(window.name, window.used) for window in record.windows.values()] == [("7d", 0.5)]


def test_a_probe_that_serves_is_told_in_the_log() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "5"))
    daemon.pass_time(6)
    with logged(LogLevel.info) as events:
        daemon.stream()
        serve(daemon.upstream.last)
    assert any("serves again" in str(formatEvent(event)) for event in events)


def test_a_cooldown_is_told_in_one_line_with_what_the_vendor_said() -> None:
    daemon = Daemon()
    with logged() as events:
        daemon.stream()
        refuse(daemon.upstream.last, 429, ("Retry-After", "30"))
    (line,) = [str(formatEvent(event)) for event in events]
    assert "cools for 30 s for claude-opus-4-5 (rate limited, 429): Slow down" in line


def test_a_long_message_does_not_flood_the_log() -> None:
    daemon = Daemon()
    body = b'{"error":{"message":"%b"}}' % (b"x" * 10_000)
    with logged() as events:
        daemon.stream()
        refuse(daemon.upstream.last, 500, body=body)
    (line,) = [str(formatEvent(event)) for event in events]
    assert len(line) < MAX_LOGGED_CHARACTERS + 200


def test_the_key_is_in_no_line_of_the_log_and_in_no_explanation() -> None:
    daemon = Daemon()
    with logged(LogLevel.debug) as events:
        client = daemon.stream()
        refuse(daemon.upstream.last, 500, body=b'{"error":{"message":"Bad key sk-ant-upstream-key-0!"}}')
    told = [str(formatEvent(event)) for event in events]
    assert not any("sk-ant" in text for text in (*told, str(daemon.explained(client)), str(daemon.house.status())))


def test_a_token_that_was_renewed_under_way_is_told_nobody() -> None:
    """It is another one than that which the attempt began with."""
    daemon = Daemon(0, Config())
    daemon.house.take_logins({"claude-0.json": login(0)})
    renewer = FakeRenewer(daemon.house)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401)
    renewer.give(login(0, "fresh-token"))
    refuse(daemon.upstream.last, 401, body=b'{"error":{"message":"Bad fresh-token!"}}')
    assert client.status == 401
    assert b"fresh-token" not in client.raw
    assert "fresh-token" not in str(daemon.house.status())


# -- grants


@pytest.mark.parametrize(
    "end", ["served", "refused", "mistake", "cut", "broken", "silent", "left", "left in the stream"]
)
def test_a_grant_is_given_back_whatever_happens(end: str) -> None:
    daemon = Daemon()
    client = daemon.stream()
    asked = daemon.upstream.last
    assert in_flight(daemon) == [1]
    if end == "served":
        serve(asked)
    elif end in ("refused", "mistake"):
        refuse(asked, 500 if end == "refused" else 400)
    elif end == "cut":
        asked.fail()
    elif end == "broken":
        asked.answer().say(START + BLOCK).cut()
    elif end == "silent":
        daemon.pass_time(600)
    else:
        if end == "left in the stream":
            asked.answer().say(START + BLOCK)
        client.leave()
    assert in_flight(daemon) == [0]
    client.leave()
    daemon.assert_quiet()


def test_a_reply_under_way_keeps_its_grant() -> None:
    daemon = Daemon()
    daemon.stream()
    daemon.upstream.last.answer().say(START + BLOCK)
    assert in_flight(daemon) == [1]


def test_what_a_reply_took_weighs_in_for_the_next_choice() -> None:
    daemon = Crossing("openai-chat")
    daemon.ask("openai-chat")
    before = next(iter(daemon.house.pool.ledger.credentials.values())).load
    stream_from(daemon.upstream.last, "openai-chat")
    assert next(iter(daemon.house.pool.ledger.credentials.values())).load != before


# -- several answers of an upstream that gives one at a time


def test_one_grant_is_for_all_answers() -> None:
    daemon = Crossing("anthropic")
    client = daemon.ask("openai-chat", stream=False, n=2)
    whole_from(daemon.upstream.last, "anthropic")
    assert in_flight(daemon) == [1]
    whole_from(daemon.upstream.last, "anthropic")
    assert (client.status, in_flight(daemon)) == (200, [0])


def test_a_failure_among_them_asks_for_all_of_them_elsewhere() -> None:
    daemon = Crossing("anthropic", "anthropic")
    client = daemon.ask("openai-chat", stream=False, n=2)
    whole_from(daemon.upstream.last, "anthropic")
    error_from(daemon.upstream.last, 529, complaint("anthropic", 529, "Overloaded"))
    for _ in range(2):
        whole_from(daemon.upstream.last, "anthropic")
    assert (client.status, len(daemon.upstream.asked), in_flight(daemon)) == (200, 4, [0, 0])


def test_a_client_that_leaves_between_them_leaves_nothing_behind() -> None:
    daemon = Crossing("anthropic")
    client = daemon.ask("openai-chat", stream=False, n=2)
    whole_from(daemon.upstream.last, "anthropic")
    client.leave()
    daemon.assert_quiet()
    assert in_flight(daemon) == [0]
    assert sent(daemon.upstream.last)["model"]
