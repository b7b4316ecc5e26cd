"""Whatever an upstream does after the first byte, a client sees whole events and exactly one end."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.demo.settings import FAULTS
from cliproxy.streaming.pump import LINGER_SECONDS
from tests.support.grammar import check_stream
from tests.support.house import (
    BLOCK,
    BLOCK_STOP,
    EVENT_STREAM,
    MESSAGE_DELTA,
    OVERLOADED,
    PING,
    START,
    STOP,
    WHOLE,
    Asked,
    Caller,
    Daemon,
    delta,
)
from tests.support.streams import spoilt

BEGUN = START + BLOCK + delta("Hel")


def broken_by(spoil: Callable[[Asked], object], seconds: float = 0.02) -> Caller:
    """A client whose stream has begun well, and then that happens."""
    daemon = Daemon(keys=2)
    client = daemon.stream()
    asked = daemon.upstream.last.answer(200, EVENT_STREAM).say(BEGUN)
    daemon.pass_time(0.02)
    spoil(asked)
    daemon.pass_time(seconds)
    assert len(daemon.upstream.asked) == 1, "after content nobody else is asked"
    assert client.ended
    client.leave()
    daemon.assert_quiet()
    return client


@pytest.mark.parametrize(
    "spoil",
    [
        lambda asked: asked.cut(),
        lambda asked: asked.end(),
        lambda asked: asked.say(delta("lo")[:40]).cut(),
        lambda asked: asked.say(delta("lo")[:-1]).end(),
        lambda asked: asked.say(b"\x00\xfe\xff" * 100, b"\n\n"),
        lambda asked: asked.say(b"data: {not json}\n\n"),
        lambda asked: asked.say(b"data: 7\n\n"),
        lambda asked: asked.say(b"<!DOCTYPE html>\n<html>502</html>\n\n"),
        lambda asked: asked.say(b"data: {}\r\ndata: x\r\n\r\n"),
    ],
    ids=["cut", "end", "half, cut", "half, end", "binary", "no json", "no object", "html", "two lines"],
)
def test_a_stream_that_breaks_ends_with_an_error_event(spoil: Callable[[Asked], object]) -> None:
    told = check_stream(broken_by(spoil).body)
    assert told.text == "Hel"
    assert told.error is not None
    assert told.error["type"] == "api_error"


def test_a_stream_that_falls_silent_ends_with_an_error_event() -> None:
    told = check_stream(broken_by(lambda asked: None, seconds=121).body)
    assert told.error is not None
    assert told.error["type"] == "timeout_error"


def test_gzip_that_breaks_midway_ends_with_an_error_event() -> None:
    daemon = Daemon()
    client = daemon.stream()
    packer = zlib.compressobj(wbits=31)
    asked = daemon.upstream.last.answer(200, EVENT_STREAM, ("Content-Encoding", "gzip"))
    asked.say(packer.compress(BEGUN) + packer.flush(zlib.Z_SYNC_FLUSH), b"\xff" * 64)
    assert check_stream(client.body).error is not None
    assert client.ended


def test_an_error_that_the_upstream_tells_passes_and_is_the_end() -> None:
    client = broken_by(lambda asked: asked.say(OVERLOADED, delta("lo"), STOP), seconds=1.1)
    assert client.body == BEGUN + OVERLOADED


def test_nothing_follows_the_end_of_the_message() -> None:
    rest = delta("lo") + BLOCK_STOP + MESSAGE_DELTA + STOP
    client = broken_by(lambda asked: asked.say(rest + delta("and") + STOP, PING, OVERLOADED), seconds=1.1)
    assert client.body == BEGUN + rest
    assert check_stream(client.body).error is None


def test_an_upstream_that_never_closes_ends_the_reply_all_the_same() -> None:
    daemon = Daemon()
    client = daemon.stream()
    asked = daemon.upstream.last.answer(200, EVENT_STREAM).say(WHOLE)
    assert client.body == WHOLE
    daemon.pass_time(LINGER_SECONDS)
    assert client.ended
    assert asked.stopped
    assert daemon.cooling() == [0]


def test_the_first_content_leaves_in_the_turn_in_which_it_came() -> None:
    daemon = Daemon()
    client = daemon.stream()
    asked = daemon.upstream.last.answer(200, EVENT_STREAM).say(START, PING)
    assert client.raw == b""
    asked.say(BLOCK)
    assert client.body == START + PING + BLOCK


def test_slow_deltas_leave_as_they_come() -> None:
    daemon = Daemon()
    client = daemon.stream()
    asked = daemon.upstream.last.answer(200, EVENT_STREAM).say(START + BLOCK)
    timers = len(daemon.clock.getDelayedCalls())
    sent = START + BLOCK
    for number in range(20):
        daemon.pass_time(0.05)
        asked.say(delta(str(number)))
        sent += delta(str(number))
        assert client.body == sent
        assert len(daemon.clock.getDelayedCalls()) == timers


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not (fault.isdigit() or fault.startswith("stall"))])
@pytest.mark.parametrize("places", [1, 7, 1000])
def test_every_fault_of_the_demo_gives_one_end(fault: str, places: int) -> None:
    daemon = Daemon()
    client = daemon.stream()
    raw = spoilt(fault)
    asked = daemon.upstream.last.answer(200, EVENT_STREAM)
    asked.say(*(raw[start : start + places] for start in range(0, len(raw), places)))
    if not asked.stopped:
        asked.end()
    daemon.pass_time(1.1)
    assert client.ended
    if client.status == 200:
        check_stream(client.body)
    else:
        assert client.error["message"]
    client.leave()
    daemon.assert_quiet()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_wherever_a_stream_is_cut_the_client_sees_one_end(data: st.DataObject) -> None:
    raw = WHOLE
    at = data.draw(st.integers(0, len(raw)))
    pieces = sorted(data.draw(st.lists(st.integers(0, at), max_size=5)))
    daemon = Daemon()
    client = daemon.stream()
    asked = daemon.upstream.last.answer(200, EVENT_STREAM)
    for start, stop in zip([0, *pieces], [*pieces, at], strict=True):
        asked.say(raw[start:stop])
    asked.cut()
    assert client.ended
    if client.status == 200:
        told = check_stream(client.body)
        assert (told.error is None) == (at == len(raw))
    else:
        assert client.status == 502
    client.leave()
    daemon.assert_quiet()
