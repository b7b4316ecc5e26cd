"""Short bodies, taken whole."""

from __future__ import annotations

import gzip

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from cliproxy.streaming.collect import collect
from tests.support.house import Asked


class Body:
    """A body under way, and what was collected of it."""

    def __init__(self, limit: int = 100, seconds: float = 5.0) -> None:
        self.clock = Clock()
        self.upstream = Asked(self.clock, b"POST", b"http://up/", Headers(), b"")
        self.results: list[bytes | Failure] = []
        self.whole: Deferred[bytes] = collect(self, limit, seconds, self.clock)
        self.whole.addBoth(self.results.append)

    def deliver(self, receiver: IProtocol) -> None:
        self.upstream.deliver_to(receiver)


def test_the_whole_body_is_given_at_its_end() -> None:
    body = Body()
    body.upstream.say(b"one ", b"two")
    assert body.results == []
    body.upstream.end()
    assert body.results == [b"one two"]
    assert body.clock.getDelayedCalls() == []


def test_a_cut_body_is_given_as_far_as_it_came() -> None:
    body = Body()
    body.upstream.say(b"one ")
    body.upstream.cut()
    assert body.results == [b"one "]


def test_gzip_is_undone() -> None:
    body = Body()
    body.upstream.say(gzip.compress(b"packed"))
    body.upstream.end()
    assert body.results == [b"packed"]


def test_gzip_that_is_cut_gives_what_came_out() -> None:
    body = Body(limit=10_000)
    text = b"".join(b"%d " % (number * 7919) for number in range(1000))
    body.upstream.say(gzip.compress(text)[:1500])
    body.upstream.end()
    (result,) = body.results
    assert isinstance(result, bytes)
    assert text.startswith(result)
    assert len(result) > 1000


def test_what_only_begins_like_gzip_is_given_unchanged() -> None:
    body = Body()
    body.upstream.say(b"\x1f\x8b")
    body.upstream.end()
    assert body.results == [b"\x1f\x8b"]


def test_at_the_limit_it_is_enough_and_the_upstream_is_cut() -> None:
    body = Body(limit=5)
    body.upstream.say(b"123", b"4567")
    assert body.results == [b"12345"]
    assert body.upstream.stopped
    body.clock.advance(0)
    assert body.clock.getDelayedCalls() == []


def test_in_time_it_is_enough_and_the_upstream_is_cut() -> None:
    body = Body(seconds=5)
    body.upstream.say(b"123")
    body.clock.advance(5)
    assert body.results == [b"123"]
    assert body.upstream.stopped


def test_whoever_is_cancelled_does_not_go_on_with_what_came() -> None:
    """Cancelling gave the bytes so far, so an exchange whose client had left asked the next credential."""
    body = Body()
    body.upstream.say(b"123")
    body.whole.cancel()
    (result,) = body.results
    assert isinstance(result, Failure)
    assert result.check(CancelledError)
    assert body.upstream.stopped
    body.clock.advance(0)
    assert body.clock.getDelayedCalls() == []


def test_a_body_that_was_there_already_is_given_at_once() -> None:
    clock = Clock()
    upstream = Asked(clock, b"POST", b"http://up/", Headers(), b"").say(b"all")
    upstream.end()

    class There:
        def deliver(self, receiver: IProtocol) -> None:
            upstream.deliver_to(receiver)

    results: list[bytes] = []
    collect(There(), 100, 5, clock).addCallback(results.append)
    assert results == [b"all"]
    assert clock.getDelayedCalls() == []
