"""The composition root: what a configuration makes of the rooms, what a reload changes, and how a daemon stops."""

from __future__ import annotations

from pathlib import Path

import attrs
import orjson
import pytest
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

import cliproxy
from cliproxy.config.schema import Access, Config, Listening, Retrying, Timeouts
from cliproxy.daemon import Daemon
from cliproxy.house import House
from cliproxy.secret import Secret
from cliproxy.store.place import state_path
from cliproxy.store.state import StateFile
from cliproxy.web.channel import LimitedSite
from tests.support.house import MODEL, TODAY, WHOLE, Asked, Caller, MemoryHouse, Upstream, at_once, key, request

DEMO = Config(demo=True)
DEMO_CREDENTIALS = ("demo", "demo-responses", "demo-chat", "demo-gemini")


class Program:
    """A house with an upstream in memory, behind a daemon."""

    def __init__(self, config: Config | None = None) -> None:
        self.reactor = MemoryReactorClock()
        self.config = config or Config(claude_keys=(key(0),))
        self.upstream = Upstream(self.reactor)
        self.daemon = Daemon(self.config, self.reactor, [TCP4ServerEndpoint(self.reactor, 8317)])
        self.house = self.daemon.house = MemoryHouse(self.config, self.reactor, self.upstream)
        self.daemon.startService()

    def caller(self) -> Caller:
        return Caller(LimitedSite(self.house.doors, self.reactor, self.house.body_limit), self.reactor)

    def stream(self) -> Caller:
        return self.caller().ask(request(stream=True, model=MODEL))

    def configure(self, **changes: object) -> None:
        self.config = attrs.evolve(self.config, **changes)  # type: ignore[arg-type]  # checked as it runs
        self.daemon.configure(self.config)


def told(fired: Deferred[None]) -> list[None]:
    results: list[None] = []
    fired.addCallback(results.append)
    return results


def begin(asked: Asked) -> Asked:
    return asked.answer(body=WHOLE[:-60])


# -- what is served ------------------------------------------------------------------------------------------------


def test_the_demo_serves_when_asked_for() -> None:
    house = House(DEMO, Clock())
    assert house.credential_names == DEMO_CREDENTIALS
    assert "demo" in house.model_names
    assert house.why_not_ready() is None


def test_nobody_serves_without_a_credential() -> None:
    house = House(Config(), Clock())
    assert list(house.model_names) == []
    assert house.why_not_ready() == "No credential is configured."


def test_the_demo_comes_after_the_configured_keys() -> None:
    house = House(Config(claude_keys=(key(0),), demo=True), Clock())
    assert house.credential_names[1:] == DEMO_CREDENTIALS


def test_a_daemon_is_a_service_with_a_resource() -> None:
    daemon = Daemon(DEMO, Clock())
    assert verifyObject(IService, daemon)
    assert verifyObject(IResource, daemon.resource)


def test_one_line_tells_what_is_served() -> None:
    with capturedLogs() as events:
        Daemon(Config(), Clock()).startService()
    (event,) = [event for event in events if event["log_level"] is LogLevel.info]
    assert formatEvent(event) == "serving 0 models by nobody, since no credential is configured"


def test_a_request_without_a_user_agent_goes_out_under_our_name() -> None:
    program = Program()
    program.stream()
    assert program.upstream.last.headers.getRawHeaders("User-Agent") == [f"cliproxy/{cliproxy.__version__}"]


# -- a reload ------------------------------------------------------------------------------------------------------


def test_a_new_client_key_is_heeded_at_once() -> None:
    program = Program()
    program.configure(access=Access(api_keys=(Secret("a-key-of-a-client"),)))
    assert program.stream().status == 401
    program.caller().ask(request(stream=True, model=MODEL), "x-api-key: a-key-of-a-client")
    assert len(program.upstream.asked) == 1


def test_a_new_credential_serves_the_next_request() -> None:
    program = Program()
    program.configure(claude_keys=(key(7),))
    program.stream()
    sent = program.upstream.last.headers.getRawHeaders("x-api-key")
    assert sent == [key(7).api_key.reveal()]


def test_a_running_exchange_keeps_what_it_began_with() -> None:
    program = Program()
    caller = program.stream()
    begin(program.upstream.last)
    program.configure(claude_keys=(), timeouts=Timeouts(idle_seconds=1.0), access=Access(api_keys=(Secret("other"),)))
    program.reactor.advance(5)
    program.upstream.last.say(WHOLE[-60:]).end()
    program.reactor.advance(1)
    assert caller.body == WHOLE
    assert caller.ended


def test_a_credential_that_cools_still_cools_after_a_reload() -> None:
    program = Program()
    caller = program.stream()
    program.upstream.last.answer(429, body=b"{}", end=True)
    assert caller.status == 429
    program.configure(debug=True)
    assert program.stream().status == 429
    assert len(program.upstream.asked) == 1


def test_a_shorter_cooldown_holds_for_the_next_failure() -> None:
    program = Program()
    program.configure(retrying=Retrying(max_cooldown_seconds=2.0))
    program.stream()
    program.upstream.last.answer(429, ("Retry-After", "3600"), body=b"{}", end=True)
    program.reactor.advance(2.5)
    program.stream()
    assert len(program.upstream.asked) == 2


def test_the_body_limit_waits_for_a_restart() -> None:
    program = Program()
    before = program.house.body_limit
    program.configure(listening=Listening(body_limit_bytes=1024))
    assert program.house.body_limit == before


def test_a_reload_is_told_in_one_line() -> None:
    program = Program()
    with capturedLogs() as events:
        program.configure(claude_keys=())
    assert [formatEvent(event) for event in events] == ["serving 0 models by nobody, since no credential is configured"]


# -- the end -------------------------------------------------------------------------------------------------------


def test_an_idle_daemon_stops_at_once() -> None:
    program = Program()
    assert told(program.daemon.stopService()) == [None]
    assert program.reactor.getDelayedCalls() == []


def test_a_running_exchange_holds_it_up_until_its_end() -> None:
    program = Program()
    caller = program.stream()
    begin(program.upstream.last)
    stopped = told(program.daemon.stopService())
    assert stopped == []
    program.upstream.last.say(WHOLE[-60:]).end()
    program.reactor.advance(1)
    assert stopped == [None]
    assert caller.body == WHOLE


def test_after_its_grace_it_is_cancelled_and_told() -> None:
    program = Program(Config(claude_keys=(key(0),), shutdown_grace_seconds=3.0))
    caller = program.stream()
    begin(program.upstream.last)
    stopped = told(program.daemon.stopService())
    program.reactor.pump([1.0, 1.0, 1.0, 1.0])
    assert stopped == [None]
    assert program.upstream.last.stopped
    assert b"shutting down" in caller.body
    assert caller.ended


def test_who_comes_late_is_sent_away() -> None:
    program = Program()
    begin_with = program.stream()
    begin(program.upstream.last)
    program.daemon.stopService()
    late = program.stream()
    assert (late.status, late.headers["retry-after"]) == (503, "1")
    assert orjson.loads(late.body)["type"] == "error"
    program.upstream.last.say(WHOLE[-60:]).end()
    program.reactor.advance(1)
    assert begin_with.ended


def test_a_daemon_that_was_stopped_can_be_started_again() -> None:
    """It was thought to be at its end, and answered 503 for ever."""
    program = Program()
    program.daemon.stopService()
    program.daemon.startService()
    caller = program.stream()
    program.upstream.last.answer(body=WHOLE, end=True)
    program.reactor.advance(1)
    assert (caller.status, caller.body) == (200, WHOLE)


def test_what_cools_is_remembered_over_a_stop() -> None:
    program = Program()
    program.stream()
    program.upstream.last.answer(401, body=b"{}", end=True)
    program.daemon.stopService()
    program.daemon.startService()
    assert program.stream().status == 503


def test_two_daemons_share_nothing() -> None:
    one, two = Program(), Program()
    one.stream()
    one.upstream.last.answer(429, body=b"{}", end=True)
    two.stream()
    assert len(two.upstream.asked) == 1
    one.configure(access=Access(api_keys=(Secret("other"),)))
    assert two.stream().raw == b""


# -- what is kept on disk ------------------------------------------------------------------------------------------


def test_without_a_way_to_write_nothing_is_read_or_left(tmp_path: Path) -> None:
    config = Config(claude_keys=(key(0),), auth_dir=str(tmp_path / "accounts"))
    daemon = Daemon(config, MemoryReactorClock())
    daemon.startService()
    daemon.stopService()
    assert daemon.home is None
    assert list(tmp_path.iterdir()) == []


def test_what_the_last_reply_taught_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known is written after the drain: replies that end in it still teach something."""
    reactor = MemoryReactorClock()
    upstream = Upstream(reactor)
    config = Config(claude_keys=(key(0),), auth_dir=str(tmp_path))
    monkeypatch.setattr("cliproxy.daemon.House", lambda config, *_: MemoryHouse(config, reactor, upstream))
    daemon = Daemon(config, reactor, off_reactor=at_once)
    daemon.startService()
    site = LimitedSite(daemon.house.doors, reactor, daemon.house.body_limit)
    Caller(site, reactor).ask(request(stream=True, model=MODEL))
    upstream.last.answer(body=WHOLE[:-60])
    stopped = told(daemon.stopService())
    reactor.advance(1)
    assert stopped == []
    upstream.last.cut()
    reactor.pump([0.1] * 20)
    assert stopped == [None]
    (row,) = StateFile(state_path(config)).load(TODAY).standings
    assert (row.model, row.verdict) == (MODEL, "transient")
