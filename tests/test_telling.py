"""Telling that there is no reply: by status and body, by raising it for the door, or in a stream that was promised."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from twisted.internet.interfaces import IPushProducer

from cliproxy.ask import Ask
from cliproxy.attempt import Refusal
from cliproxy.errors import Overloaded, ProxyError, RateLimited, Reported, Unavailable
from cliproxy.formats import FORMATS
from cliproxy.formats.wire import Operation
from cliproxy.routing.pool import Wait
from cliproxy.telling import QUEUE_FULL_SECONDS, nobody_for, shutting_down, tell_error, tell_refusal

ASK = Ask("req_1", FORMATS["anthropic"], Operation.GENERATE, "m", stream=True, body=b"{}", headers=())
CHAT = Ask("req_1", FORMATS["openai-chat"], Operation.GENERATE, "m", stream=True, body=b"{}", headers=())
REFUSAL = Refusal(429, [(b"retry-after", b"7")], b'{"error":1}', "Slow down")


class End:
    """A client's end that keeps what it is told."""

    closed = False
    last_write = 0.0
    full_since: float | None = None

    def __init__(self, *, promised: bool = False) -> None:
        self.head_sent = promised
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []
        self.told = b""

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.head_sent, self.status, self.headers = True, status, list(headers)

    def draw_from(self, source: IPushProducer) -> None:
        raise AssertionError("nothing flows")

    def write(self, chunk: bytes) -> None:
        self.told += chunk

    def flush(self) -> None:
        raise AssertionError("nothing gathers")

    def finish(self) -> None:
        assert not self.closed
        self.closed = True

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        raise AssertionError("it can be told")


def test_a_refusal_is_told_as_it_came() -> None:
    end = End()
    tell_refusal(REFUSAL, ASK, end)
    assert (end.status, end.told, end.closed) == (429, REFUSAL.body, True)
    assert end.headers == [(b"retry-after", b"7"), (b"content-length", b"11")]


def test_a_refusal_behind_a_promise_is_an_event() -> None:
    end = End(promised=True)
    tell_refusal(REFUSAL, ASK, end)
    assert end.told.startswith(b"event: error\n")
    assert b'"rate_limit_error"' in end.told
    assert b"Slow down" in end.told
    assert end.closed


def test_an_error_is_raised_for_the_door() -> None:
    end = End()
    with pytest.raises(RateLimited):
        tell_error(RateLimited("Slow down"), ASK, end)
    assert not end.closed


def test_an_error_behind_a_promise_is_an_event_of_the_clients_format() -> None:
    end = End(promised=True)
    tell_error(Unavailable("Alas"), CHAT, end)
    assert end.told.startswith(b'data: {"error":')
    assert b"Alas" in end.told


@pytest.mark.parametrize(
    "error", [Reported("Too long", 400, context_overflow=True), Reported("prompt is too long: 5 > 4", 400)]
)
def test_a_prompt_that_is_too_long_is_told_as_such_behind_a_promise(error: ProxyError) -> None:
    end = End(promised=True)
    tell_error(error, CHAT, end)
    assert b"context_length_exceeded" in end.told


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (529, Overloaded), (401, Unavailable), (0, Unavailable)]
)
def test_of_those_who_cool_the_nearest_ones_status_is_told(status: int, kind: type[ProxyError]) -> None:
    told = nobody_for("m", Wait(12.4, status))
    assert type(told) is kind
    assert told.retry_after == 12.4
    assert "12 s" in told.message


def test_of_those_who_are_full_it_is_told_when_to_come_back() -> None:
    told = nobody_for("m", Wait(None, 0, full=True))
    assert (told.status, told.retry_after) == (529, QUEUE_FULL_SECONDS)


def test_of_accounts_that_need_a_login_it_is_told_what_to_do() -> None:
    assert "cliproxy logins" in nobody_for("m", None).message


def test_a_shutdown_is_soon_over() -> None:
    assert (shutting_down().status, shutting_down().retry_after) == (503, 1.0)
