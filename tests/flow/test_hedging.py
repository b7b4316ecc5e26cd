"""A second credential, asked when the first is silent: who is told, who is cancelled, and who is blamed."""

from __future__ import annotations

import pytest
from twisted.logger import LogEvent

from cliproxy.config.schema import Config, Model, Retrying, Routing
from cliproxy.exchange import Exchange
from tests.support.house import (
    BLOCK,
    EVENT_STREAM,
    JSON,
    MODEL,
    START,
    WHOLE,
    Daemon,
    delta,
    error_event,
    key,
    number_of,
    refuse,
    request,
    serve,
)

SPARE = "claude-haiku-4-5"


def hedged(keys: int = 2, max_concurrency: int = 0) -> Daemon:
    """A daemon that asks a second credential after half a second."""
    retrying = Retrying(hedge_seconds=0.5, max_retry_interval_seconds=0)
    return Daemon(keys, Config(retrying=retrying, routing=Routing(max_concurrency=max_concurrency)))


def test_who_answers_in_time_is_asked_alone() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.45)
    serve(daemon.upstream.last)
    assert client.body == WHOLE
    client.leave()
    daemon.assert_quiet()
    assert len(daemon.upstream.asked) == 1


def test_behind_a_silence_a_second_one_is_asked() -> None:
    daemon = hedged()
    daemon.stream()
    daemon.pass_time(0.55)
    assert sorted(daemon.keys_asked) == [0, 1]


def test_a_head_without_content_is_a_silence() -> None:
    daemon = hedged()
    daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START)
    daemon.pass_time(0.55)
    assert len(daemon.upstream.asked) == 2


def test_no_third_one_is_asked() -> None:
    daemon = hedged(keys=3)
    daemon.stream()
    daemon.pass_time(10)
    assert len(daemon.upstream.asked) == 2


@pytest.mark.parametrize("winner", [0, 1])
def test_the_first_to_give_content_is_told_and_the_other_cancelled(winner: int) -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    won, lost = daemon.upstream.asked[winner], daemon.upstream.asked[1 - winner]
    serve(won)
    assert client.body == WHOLE
    assert lost.cancelled
    client.leave()
    daemon.assert_quiet()


@pytest.mark.parametrize("winner", [0, 1])
def test_who_was_slower_is_not_blamed(winner: int) -> None:
    daemon = hedged()
    daemon.stream()
    daemon.pass_time(0.55)
    serve(daemon.upstream.asked[winner])
    assert daemon.standings() == [None, None]


def test_who_was_slower_has_its_place_back() -> None:
    daemon = hedged(max_concurrency=1)
    daemon.talk("a")
    daemon.pass_time(0.55)
    daemon.upstream.asked[1].answer().say(START + BLOCK)
    daemon.talk("b")
    assert number_of(daemon.upstream.asked[2]) == number_of(daemon.upstream.asked[0])


def test_one_that_fails_leaves_the_race_to_the_other() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    refuse(daemon.upstream.asked[0], 529)
    assert not client.told
    serve(daemon.upstream.asked[1])
    assert client.body == WHOLE


def test_one_that_fails_before_the_time_is_over_hands_on_at_once() -> None:
    daemon = hedged()
    client = daemon.stream()
    refuse(daemon.upstream.asked[0], 529)
    assert len(daemon.upstream.asked) == 2
    serve(daemon.upstream.asked[1])
    assert client.body == WHOLE


def test_if_both_fail_the_last_error_is_told() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    refuse(daemon.upstream.asked[1], 500)
    refuse(daemon.upstream.asked[0], 429)
    assert client.status == 429
    client.leave()
    daemon.assert_quiet()


def test_if_both_fail_a_third_one_is_asked() -> None:
    daemon = hedged(keys=3)
    client = daemon.stream()
    daemon.pass_time(0.55)
    refuse(daemon.upstream.asked[0], 500)
    refuse(daemon.upstream.asked[1], 500)
    assert sorted(daemon.keys_asked) == [0, 1, 2]
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_a_clients_mistake_ends_the_race() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    refuse(daemon.upstream.asked[0], 400)
    assert client.status == 400
    assert daemon.upstream.asked[1].cancelled
    assert daemon.standings() == [None, None]


def test_with_nobody_else_the_first_is_waited_for() -> None:
    daemon = hedged(keys=1)
    client = daemon.stream()
    daemon.pass_time(5)
    serve(daemon.upstream.last)
    assert (client.body, len(daemon.upstream.asked)) == (WHOLE, 1)


def test_another_model_is_no_second_one() -> None:
    """A slow model was answered by the cheap one that stands in for it when nobody is well."""
    own = key(0, models=(Model(MODEL, MODEL), Model(SPARE, SPARE)))
    retrying = Retrying(hedge_seconds=0.5, fallbacks={MODEL: (SPARE,)})
    daemon = Daemon(config=Config(claude_keys=(own,), retrying=retrying))
    daemon.stream()
    daemon.pass_time(2)
    assert len(daemon.upstream.asked) == 1


def test_a_bound_of_a_round_holds_for_the_second_one() -> None:
    retrying = Retrying(hedge_seconds=0.5, max_retry_credentials=1)
    daemon = Daemon(2, Config(retrying=retrying))
    daemon.stream()
    daemon.pass_time(2)
    assert len(daemon.upstream.asked) == 1


def test_counting_is_not_hedged() -> None:
    daemon = hedged()
    daemon.caller().ask(request(stream=False), path="/v1/messages/count_tokens")
    daemon.pass_time(2)
    assert len(daemon.upstream.asked) == 1


@pytest.mark.parametrize("seconds", [0.3, 0.6])
def test_a_client_that_leaves_cancels_both(seconds: float) -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(seconds)
    client.leave()
    daemon.assert_quiet()
    assert daemon.standings() == [None, None]


def test_the_proxys_end_cancels_both() -> None:
    daemon = Daemon(2, Config(retrying=Retrying(hedge_seconds=0.5), shutdown_grace_seconds=1))
    client = daemon.whole()
    done: list[object] = []
    daemon.house.drain().addBoth(done.append)
    daemon.pass_time(1)
    assert (client.status, done) == (503, [None])
    assert all(asked.cancelled for asked in daemon.upstream.asked)


# -- beats


def test_beats_go_on_in_a_stream_whose_rival_was_none() -> None:
    """The other answer, which was no stream, had stopped them for good."""
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    daemon.upstream.asked[0].answer(200, JSON, body=b'{"a":')
    daemon.upstream.asked[1].answer(200, EVENT_STREAM).say(START + BLOCK)
    daemon.pass_time(15)
    assert client.body == START + BLOCK + b'event: ping\ndata: {"type": "ping"}\n\n'


def test_beats_go_on_behind_one_that_was_no_stream_and_broke() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    daemon.upstream.asked[0].answer(200, JSON, body=b'{"a":').cut()
    daemon.pass_time(15)
    assert client.body == b"\n"


def test_an_answer_that_is_no_stream_gets_no_beats_of_its_rival() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    daemon.upstream.asked[0].answer(200, JSON, body=b'{"a":' + b"1" * 16 * 1024)
    daemon.pass_time(40)
    assert client.body == b'{"a":' + b"1" * 16 * 1024
    daemon.upstream.asked[0].say(b"}").end()
    assert client.ended


# -- conversations


@pytest.mark.parametrize("winner", [0, 1])
def test_a_conversation_is_from_then_on_with_whoever_served_it(winner: int) -> None:
    """It was where it had been asked last, be it that nobody had heard of it there."""
    daemon = hedged()
    daemon.talk("a")
    daemon.pass_time(0.55)
    won = number_of(daemon.upstream.asked[winner])
    serve(daemon.upstream.asked[winner])
    for _ in range(3):
        daemon.talk("a")
        serve(daemon.upstream.last)
        assert number_of(daemon.upstream.last) == won


# -- mistakes of ours


def test_a_second_one_that_cannot_be_prepared_ends_the_request_and_keeps_nothing(
    failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was raised into the reactor, and its credential had one request more for good."""
    daemon = hedged(max_concurrency=1)
    client = daemon.whole()
    with monkeypatch.context() as broken:
        broken.setattr(Exchange, "_prepare", lambda *_: 1 / 0)
        daemon.pass_time(0.6)
    assert client.status == 500
    assert daemon.upstream.last.cancelled
    failures.clear()
    daemon.talk("a")
    daemon.talk("b")
    assert sorted(daemon.keys_asked[1:]) == [0, 1]


def test_an_error_told_inside_a_stream_leaves_the_race_to_the_other() -> None:
    daemon = hedged()
    client = daemon.stream()
    daemon.pass_time(0.55)
    daemon.upstream.asked[0].answer(200, EVENT_STREAM, body=START + error_event("overloaded_error", "No"), end=True)
    assert not client.told
    daemon.upstream.asked[1].answer(200, EVENT_STREAM).say(START + BLOCK, delta("x"))
    daemon.pass_time(0.1)
    assert client.body == START + BLOCK + delta("x")
