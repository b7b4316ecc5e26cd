"""All exchanges of one daemon. Their end when it is stopped is told in test_exchange.py and test_daemon.py."""

from __future__ import annotations

from contextlib import suppress

import pytest
from twisted.internet.defer import CancelledError, Deferred

from cliproxy.ask import Ask
from cliproxy.config.schema import Config, Routing
from cliproxy.errors import Unavailable
from cliproxy.exchanges import STUBBORN_SECONDS
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import Operation
from tests.support.ends import ClientEnd
from tests.support.house import BLOCK, MODEL, START, WHOLE, Daemon, refuse, request, serve


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


def test_each_request_has_its_decision(end: ClientEnd) -> None:
    daemon = Daemon()
    daemon.house.serve_into(ask(), end.sink)
    told = daemon.house.explanation("req_1")
    assert told is not None
    assert (told["model"], told["outcome"]) == (MODEL, "under way")


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("served", "200 by claude:"),
        ("broken", "then broken: The upstream cut"),
        ("refused", "400: Slow down"),
        ("unreachable", "502: "),
        ("left", "the client left"),
        ("stopped", "the proxy was stopped"),
    ],
)
def test_how_it_ended_is_noted(ending: str, outcome: str) -> None:
    daemon = Daemon(1, Config(shutdown_grace_seconds=1))
    client = daemon.talk("a", stream=ending != "stopped")
    asked = daemon.upstream.last
    (running,) = daemon.house._exchanges.decisions._kept
    if ending == "served":
        serve(asked)
    elif ending == "broken":
        asked.answer().say(START + BLOCK).cut()
    elif ending == "refused":
        refuse(asked, 400)
    elif ending == "unreachable":
        asked.fail()
    elif ending == "left":
        client.leave()
    else:
        daemon.house.drain()
        daemon.pass_time(1)
    told = daemon.house.explanation(running)
    assert told is not None
    assert outcome in str(told["outcome"])


def test_an_unknown_model_has_a_decision_without_steps() -> None:
    daemon = Daemon()
    told = daemon.explained(daemon.stream("unheard-of"))
    assert (told["steps"], str(told["outcome"])[:4]) == ([], "404:")


def test_when_the_grace_is_over_nobody_is_let_in_any_more() -> None:
    """The end of the first let in the second, which was sent upstream to be cancelled there."""
    daemon = Daemon(1, Config(routing=Routing(max_concurrency=1), shutdown_grace_seconds=1))
    daemon.talk("a", stream=False)
    daemon.talk("b", stream=False)
    daemon.house.drain()
    daemon.pass_time(1)
    assert len(daemon.upstream.asked) == 1
    assert daemon.house._exchanges.running == 0


def test_what_is_deaf_to_its_end_does_not_keep_the_daemon() -> None:
    """A route of a module that catches every cancelling was waited for without end."""
    daemon = Daemon(1, Config(shutdown_grace_seconds=1))

    async def deaf() -> None:
        while True:
            with suppress(CancelledError):
                await Deferred()

    daemon.house.attend(Deferred.fromCoroutine(deaf()))
    drained = daemon.house.drain()
    daemon.pass_time(1 + STUBBORN_SECONDS)
    assert drained.called


def test_whatever_ends_when_it_is_cut_short_is_not_waited_for() -> None:
    daemon = Daemon(1, Config(shutdown_grace_seconds=1))
    daemon.house.attend(Deferred().addErrback(lambda failure: failure.trap(CancelledError)))
    drained = daemon.house.drain()
    daemon.pass_time(1)
    assert drained.called
    assert not daemon.clock.getDelayedCalls()
