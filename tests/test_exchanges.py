"""All exchanges of one daemon. Their end when it is stopped is told in test_exchange.py and test_daemon.py."""

from __future__ import annotations

import pytest

from cliproxy.ask import Ask
from cliproxy.errors import Unavailable
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import Operation
from tests.support.ends import ClientEnd
from tests.support.house import MODEL, WHOLE, Daemon, request


def ask() -> Ask:
    body = request(stream=True)
    return Ask("req_1", ANTHROPIC, Operation.GENERATE, MODEL, stream=True, body=body, headers=())


@pytest.fixture
def end() -> ClientEnd:
    return ClientEnd()


def test_a_reply_goes_into_whatever_stands_at_the_clients_end(end: ClientEnd) -> None:
    daemon = Daemon()
    daemon.house.serve_into(ask(), end.sink)
    daemon.upstream.last.answer(body=WHOLE, end=True)
    assert end.caller.body == WHOLE


def test_an_end_that_stays_awake_by_itself_gets_no_heartbeats(end: ClientEnd) -> None:
    daemon = Daemon()
    daemon.house.serve_into(ask(), end.sink)
    daemon.pass_time(60)
    assert not end.sink.head_sent


def test_those_exchanges_count_too(end: ClientEnd) -> None:
    daemon = Daemon()
    served = daemon.house.serve_into(ask(), end.sink)
    assert daemon.house._exchanges.running == 1
    served.addErrback(lambda _: None)
    served.cancel()
    assert daemon.house._exchanges.running == 0


def test_a_daemon_that_stops_takes_no_more_of_them(end: ClientEnd) -> None:
    daemon = Daemon()
    daemon.house.drain()
    with pytest.raises(Unavailable):
        daemon.house.serve_into(ask(), end.sink)
