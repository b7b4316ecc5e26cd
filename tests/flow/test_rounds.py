"""Trouble before the first byte: who is asked next, when everybody is asked once more, and what the client notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs
import orjson
import pytest
from twisted.internet.error import ConnectError

from cliproxy.config.schema import Config, KeyEntry, Model, OpenAICompatibility, Retrying, Routing
from cliproxy.secret import Secret
from tests.support.crossing import Crossing, clients, events_of, stream_from
from tests.support.house import (
    BLOCK,
    EVENT_STREAM,
    JSON,
    LIMITED,
    MODEL,
    MONTH,
    NO_SUCH_MODEL,
    START,
    WHOLE,
    Asked,
    Daemon,
    key,
    refuse,
    serve,
)
from tests.support.translating import MODEL as SHARED_MODEL

OTHER_MODEL: Final = "claude-haiku-4-5"
TOO_LARGE: Final = b'{"error":{"message":"Request too large for claude-opus-4-5 on input tokens per min"}}'


def patient(keys: int = 1, retrying: Retrying | None = None) -> Daemon:
    """A daemon that waits for a credential to be ready again."""
    return Daemon(keys, Config(retrying=retrying or Retrying()), patient=True)


# -- one credential


def test_a_single_credential_that_is_overloaded_is_asked_again_after_1_2_and_4_seconds() -> None:
    daemon = patient()
    client = daemon.stream()
    for count, seconds in enumerate((1, 2, 4), start=1):
        refuse(daemon.upstream.last, 529)
        daemon.pass_time(seconds - 0.1)
        assert len(daemon.upstream.asked) == count
        daemon.pass_time(0.2 + seconds / 4)
        assert len(daemon.upstream.asked) == count + 1
    serve(daemon.upstream.last)
    assert (client.status, client.body) == (200, WHOLE)


def test_who_served_at_last_has_nothing_held_against_it() -> None:
    daemon = patient()
    daemon.stream()
    refuse(daemon.upstream.last, 529)
    daemon.pass_time(1.5)
    serve(daemon.upstream.last)
    assert daemon.standings() == [None]


def test_a_client_that_wants_no_stream_is_waited_for_as_well() -> None:
    daemon = patient()
    client = daemon.whole()
    daemon.upstream.last.fail(ConnectError())
    daemon.pass_time(1.5)
    daemon.upstream.last.answer(200, JSON, body=b"{}", end=True)
    assert (client.status, client.body) == (200, b"{}")


def test_the_vendors_own_hint_is_waited_for() -> None:
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "12"))
    daemon.pass_time(11.9)
    assert len(daemon.upstream.asked) == 1
    daemon.pass_time(2.2)
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_a_hint_beyond_the_interval_is_told_the_client_at_once() -> None:
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "31"))
    assert (client.status, client.headers["retry-after"]) == (429, "31")
    client.leave()
    daemon.assert_quiet()


def test_who_comes_while_everybody_cools_waits_for_the_nearest() -> None:
    daemon = patient()
    daemon.stream().leave()
    first = daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "20"))
    first.leave()
    client = daemon.stream()
    daemon.pass_time(19)
    assert len(daemon.upstream.asked) == 2
    daemon.pass_time(4)
    serve(daemon.upstream.last)
    assert client.body.endswith(WHOLE)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_there_are_as_many_further_rounds_as_configured(retries: int) -> None:
    daemon = patient(retrying=Retrying(request_retry=retries))
    client = daemon.stream()
    for _ in range(retries + 1):
        refuse(daemon.upstream.last, 503)
        daemon.pass_time(4)
    assert len(daemon.upstream.asked) == retries + 1
    assert (client.status, client.body) == (503, LIMITED)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_what_no_waiting_mends_is_told_at_once(status: int) -> None:
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, status)
    assert client.status == status
    client.leave()
    daemon.assert_quiet()


def test_a_request_that_is_too_large_for_a_limit_is_not_sent_again() -> None:
    """Its status is that of a rate limit, and with nothing held against the credential it was asked thrice more."""
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, 429, body=TOO_LARGE)
    assert (client.status, client.body) == (429, TOO_LARGE)
    assert daemon.standings() == [None]


def test_a_redirect_is_not_followed_by_another_round() -> None:
    """Nobody's waiting mends a wrong base-url, but the client waited for seven seconds."""
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, 307, ("Location", "https://elsewhere.example/"))
    assert client.status == 503


def test_where_nothing_cools_nobody_is_asked_again_within_a_second() -> None:
    """All further rounds were made at once."""
    daemon = patient(retrying=Retrying(disable_cooling=True))
    daemon.stream()
    refuse(daemon.upstream.last, 529)
    daemon.pass_time(0.9)
    assert len(daemon.upstream.asked) == 1
    daemon.pass_time(0.5)
    assert len(daemon.upstream.asked) == 2


def test_after_ten_minutes_no_further_round_is_begun() -> None:
    """Upstreams that never answered were asked again and again, for hours."""
    daemon = patient()
    client = daemon.whole()
    daemon.pass_time(602)
    assert client.status == 504
    assert len(daemon.upstream.asked) == 1


# -- several


def test_in_a_round_everybody_is_asked_once() -> None:
    daemon = patient(keys=3)
    daemon.stream()
    for _ in range(3):
        refuse(daemon.upstream.last, 529)
    assert sorted(daemon.keys_asked) == [0, 1, 2]


def test_in_the_next_round_the_first_who_is_back_is_asked() -> None:
    daemon = patient(keys=2)
    client = daemon.stream()
    slow, quick = daemon.upstream.asked[0], 1 - daemon.keys_asked[0]
    refuse(slow, 429, ("Retry-After", "25"))
    refuse(daemon.upstream.last, 429, ("Retry-After", "3"))
    daemon.pass_time(4)
    assert daemon.keys_asked[2:] == [quick]
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_one_that_may_do_better_is_worth_another_round_whatever_the_last_one_said() -> None:
    """The last failure alone decided, so that a broken key kept the well ones from being asked again."""
    daemon = patient(keys=2)
    client = daemon.stream()
    first = daemon.keys_asked[0]
    refuse(daemon.upstream.last, 529)
    refuse(daemon.upstream.last, 401)
    assert not client.told
    daemon.pass_time(1.5)
    assert daemon.keys_asked[2:] == [first]
    serve(daemon.upstream.last)
    assert client.status == 200


def test_who_was_not_asked_since_it_cooled_is_waited_for() -> None:
    """The refusal of the only one that was well was told, three seconds before the other was back."""
    daemon = patient(keys=2)
    first = daemon.stream()
    limited = daemon.keys_asked[0]
    refuse(daemon.upstream.last, 429, ("Retry-After", "3"))
    serve(daemon.upstream.last)
    assert first.ended
    client = daemon.stream()
    refuse(daemon.upstream.last, 401)
    assert not client.told
    daemon.pass_time(4)
    assert daemon.keys_asked[-1] == limited
    serve(daemon.upstream.last)
    assert client.body == WHOLE


@pytest.mark.parametrize("most", [1, 2])
def test_a_round_is_bounded(most: int) -> None:
    daemon = patient(keys=4, retrying=Retrying(max_retry_credentials=most, request_retry=0))
    client = daemon.stream()
    for _ in range(most):
        refuse(daemon.upstream.last, 500)
    assert len(daemon.upstream.asked) == most
    assert client.status == 500


def test_behind_a_bounded_round_others_are_asked_in_the_next() -> None:
    daemon = patient(keys=2, retrying=Retrying(max_retry_credentials=1))
    daemon.stream()
    refuse(daemon.upstream.last, 529)
    daemon.pass_time(1.5)
    assert sorted(daemon.keys_asked) == [0, 1]


def test_a_month_of_retry_after_is_believed_for_ten_minutes_at_the_most() -> None:
    daemon = Daemon(keys=2)
    client = daemon.talk("one")
    limited = daemon.keys_asked[0]
    refuse(daemon.upstream.last, 429, ("Retry-After", MONTH))
    serve(daemon.upstream.last)
    assert client.status == 200
    daemon.pass_time(500)
    daemon.talk("two")
    assert daemon.keys_asked[-1] == 1 - limited
    serve(daemon.upstream.last)
    daemon.pass_time(100)
    probe = daemon.talk("three")
    assert daemon.keys_asked[-1] == limited
    serve(daemon.upstream.last)
    assert probe.body == WHOLE
    assert daemon.standings() == [None, None]


def test_a_probe_that_fails_is_nothing_to_the_client() -> None:
    daemon = Daemon(keys=2)
    daemon.talk("one")
    limited = daemon.keys_asked[0]
    refuse(daemon.upstream.last, 429, ("Retry-After", MONTH))
    serve(daemon.upstream.last)
    daemon.pass_time(601)
    client = daemon.talk("two")
    assert daemon.keys_asked[-1] == limited
    refuse(daemon.upstream.last, 429, ("Retry-After", MONTH))
    assert daemon.keys_asked[-1] == 1 - limited
    serve(daemon.upstream.last)
    assert client.body == WHOLE


# -- a model that one of them has not


def test_a_model_that_one_credential_has_not_is_asked_of_the_next() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    refuse(daemon.upstream.last, 404, body=NO_SUCH_MODEL)
    serve(daemon.upstream.last)
    assert client.body == WHOLE
    assert sorted(daemon.keys_asked) == [0, 1]


def test_its_other_models_are_left_alone() -> None:
    daemon = Daemon(keys=2)
    daemon.stream()
    refuse(daemon.upstream.last, 404, body=NO_SUCH_MODEL)
    assert daemon.standings().count(None) == 1
    assert daemon.standings(OTHER_MODEL) == [None, None]


def test_a_model_that_nobody_has_is_told_in_the_vendors_words() -> None:
    daemon = patient(keys=2)
    client = daemon.stream()
    refuse(daemon.upstream.last, 404, body=NO_SUCH_MODEL)
    refuse(daemon.upstream.last, 404, body=NO_SUCH_MODEL)
    assert (client.status, client.body) == (404, NO_SUCH_MODEL)
    client.leave()
    daemon.assert_quiet()


def test_a_path_that_is_unknown_speaks_of_no_model() -> None:
    daemon = Daemon(keys=2)
    client = daemon.stream()
    refuse(daemon.upstream.last, 404, body=b"404 page not found")
    assert (client.status, len(daemon.upstream.asked)) == (404, 1)
    assert daemon.standings() == [None, None]


# -- what a client notices meanwhile


def test_a_stream_that_waits_for_a_credential_is_kept_alive() -> None:
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "28"))
    daemon.pass_time(15)
    assert (client.status, client.body) == (200, b"\n")
    daemon.pass_time(15)
    assert client.body == b"\n\n"
    daemon.pass_time(1)
    serve(daemon.upstream.last)
    assert client.body == b"\n\n" + WHOLE


def test_what_went_wrong_at_last_is_told_in_the_stream_that_was_promised() -> None:
    daemon = patient(retrying=Retrying(request_retry=1))
    client = daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "20"))
    daemon.pass_time(26)
    refuse(daemon.upstream.last, 429, ("Retry-After", "40"))
    assert client.ended
    told = orjson.loads(client.body.rpartition(b"data: ")[2])
    assert told["error"] == {"type": "rate_limit_error", "message": "Slow down"}
    client.leave()
    daemon.assert_quiet()


def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind() -> None:
    daemon = patient()
    client = daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "20"))
    client.leave()
    daemon.assert_quiet()
    assert len(daemon.upstream.asked) == 1


def test_who_waits_when_the_proxy_stops_is_told_so() -> None:
    daemon = patient()
    client = daemon.whole()
    refuse(daemon.upstream.last, 429, ("Retry-After", "30"))
    daemon.house.configure(attrs.evolve(daemon.config, shutdown_grace_seconds=1))
    done: list[object] = []
    daemon.house.drain().addBoth(done.append)
    daemon.pass_time(1)
    assert (client.status, done) == (503, [None])
    assert "shutting down" in client.error["message"]


def test_when_too_many_wait_the_next_is_told_at_once() -> None:
    daemon = patient()
    daemon.house.configure(attrs.evolve(daemon.config, routing=Routing(queue_size=1)))
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "20"))
    client = daemon.stream()
    assert client.status == 429
    assert len(daemon.upstream.asked) == 1


def test_what_cannot_be_said_to_one_upstream_waits_for_the_other_that_cools() -> None:
    """It was told at once as the client's mistake."""
    chat = OpenAICompatibility(
        "chat", "https://chat.example/v1", models=(Model("m", MODEL),), keys=(KeyEntry(Secret("sk-chat-0123456789")),)
    )
    config = Config(claude_keys=(key(0),), openai_compatibility=(chat,), retrying=Retrying())
    daemon = Daemon(config=config, patient=True)
    house = daemon.house
    body = orjson.dumps({"model": MODEL, "max_tokens": 9, "stream": True, "container": "c_1", "messages": "Hi"})
    daemon.caller().ask(body)
    (asked,) = daemon.upstream.asked
    assert "anthropic" in asked.uri
    refuse(asked, 429, ("Retry-After", "3"))
    daemon.pass_time(4)
    assert len(daemon.upstream.asked) == 2
    assert house.status()["queue"] == {"waiting": 0}


# -- whatever the client speaks


def refusing(status: int, *headers: tuple[str, str]) -> Callable[[Asked], object]:
    return lambda asked: refuse(asked, status, *headers, body=b"{}")


TROUBLE: Final[Mapping[str, Callable[[Asked], object]]] = {
    **{str(status): refusing(status) for status in (401, 402, 403, 500, 503, 529)},
    "429": refusing(429, ("Retry-After", MONTH)),
    "cut before the head": lambda asked: asked.fail(),
    "cut before the first byte": lambda asked: asked.answer(200, EVENT_STREAM).cut(),
    "ended before the first byte": lambda asked: asked.answer(200, EVENT_STREAM, end=True),
}


@clients
@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_with_one_of_two_is_nothing_to_the_client(trouble: str, client: str) -> None:
    daemon = Crossing(client, client, name=SHARED_MODEL, alias=SHARED_MODEL)
    caller = daemon.ask(client)
    TROUBLE[trouble](daemon.upstream.last)
    assert not caller.told
    stream_from(daemon.upstream.last, client)
    assert len(daemon.upstream.asked) == 2
    assert caller.status == 200
    assert caller.body == b"".join(events_of(client))
    assert sorted(daemon.failures(SHARED_MODEL)) == [0, 1]


@pytest.mark.parametrize("client", ["anthropic", "openai-responses"])
def test_a_stream_of_which_only_the_opening_came_is_nothing_to_the_client(client: str) -> None:
    daemon = Crossing(client, client)
    caller = daemon.ask(client)
    daemon.upstream.last.answer(200, EVENT_STREAM).say(events_of(client)[0]).cut()
    assert not caller.told
    stream_from(daemon.upstream.last, client)
    assert len(daemon.upstream.asked) == 2
    assert caller.ended


def test_a_stream_that_breaks_behind_its_first_content_is_asked_for_once() -> None:
    daemon = patient(keys=2)
    client = daemon.stream()
    daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK).cut()
    assert len(daemon.upstream.asked) == 1
    assert client.ended
