"""The program around the daemon: its options, how it starts or says why not, its signals, its greeting."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from twisted.application.service import IServiceMaker
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from zope.interface.verify import verifyObject

from cliproxy.config.schema import Access, Config
from cliproxy.secret import Secret
from cliproxy.tap import Options, Program, Signals, _greet

LISTEN = "tcp:8317:interface=127.0.0.1"

pytestmark = pytest.mark.usefixtures("empty_home")


class Threads:
    """A pool that does its work at once."""

    def callInThreadWithCallback(self, done: Callable[[bool, object], None], work: Callable[..., object]) -> None:
        done(True, work())


class Reactor(MemoryReactorClock):
    """In memory, with a way in from signal handlers, which is taken at once."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0
        self.threads: list[object] = []

    def callFromThread(self, call: object, *arguments: object) -> None:
        assert callable(call)
        call(*arguments)

    def getThreadPool(self) -> Threads:
        return Threads()

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


@pytest.fixture
def handlers() -> Iterator[None]:
    """What signals do is put back afterwards."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)


# -- options -------------------------------------------------------------------------------------------------------


def options(*arguments: str) -> Options:
    parsed = Options()
    parsed.parseOptions(arguments)
    return parsed


def test_nothing_is_asked_for_by_default() -> None:
    assert dict(options()) == {"config": None, "demo": 0, "listen": []}


def test_every_option_is_taken() -> None:
    parsed = options("--config", "c.yaml", "--demo", "--listen", "tcp:1", "--listen", "tcp:2")
    assert dict(parsed) == {"config": "c.yaml", "demo": 1, "listen": ["tcp:1", "tcp:2"]}


def test_two_parsers_share_no_list() -> None:
    options("--listen", "tcp:1")
    assert options()["listen"] == []


def test_an_unknown_option_is_told() -> None:
    with pytest.raises(UsageError):
        options("--port", "1")


def test_the_plugin_is_known_to_twist() -> None:
    (plugin,) = [plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname == "cliproxy"]
    assert verifyObject(IServiceMaker, plugin)
    assert plugin.options is Options


# -- start ---------------------------------------------------------------------------------------------------------


def test_without_a_file_the_demo_serves(reactor: Reactor) -> None:
    program = Program(None, [LISTEN], False, reactor)
    assert program.daemon.house.credential_names[0] == "demo"


def test_with_a_file_the_demo_serves_when_asked_for(reactor: Reactor, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("claude-api-key: [{api-key: sk-of-an-account}]\n")
    assert "demo" not in Program(str(path), [LISTEN], False, reactor).daemon.house.credential_names
    assert "demo" in Program(str(path), [LISTEN], True, reactor).daemon.house.credential_names


def test_it_listens_where_the_file_says(reactor: Reactor, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("host: 127.0.0.2\nport: 4711\n")
    Program(str(path), [], False, reactor).privilegedStartService()
    assert [(server[0], server[3]) for server in reactor.tcpServers] == [(4711, "127.0.0.2")]


def test_endpoints_go_before_the_file(reactor: Reactor, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("port: 4711\n")
    Program(str(path), ["tcp:1", "tcp:2"], False, reactor).privilegedStartService()
    assert [server[0] for server in reactor.tcpServers] == [1, 2]


def test_a_low_port_is_opened_before_privileges_are_shed(reactor: Reactor) -> None:
    program = Program(None, ["tcp:80"], False, reactor)
    program.privilegedStartService()
    assert [server[0] for server in reactor.tcpServers] == [80]
    program.startService()
    assert len(reactor.tcpServers) == 1
    program.stopService()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "There is no file {path}."),
        ("port: many\n", "{path}:1: port: "),
        ("port: many\nrequest-retry: often\ndebug: x\n", "(2 more: `cliproxy check {path}` shows them)"),
    ],
)
def test_a_file_that_does_not_hold_ends_it_with_one_line(
    text: str | None, line: str, reactor: Reactor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        Program(str(path), [], False, reactor)
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("cliproxy: ")
    assert told.count("\n") == 1
    assert line.format(path=path) in told


def test_what_is_no_endpoint_ends_it(reactor: Reactor, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Program(None, ["pigeon:1"], False, reactor)
    assert "'pigeon:1' is no endpoint" in capsys.readouterr().err


def test_keys_without_effect_are_told_once(reactor: Reactor, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("request-log: true\nprot: 1\n")
    program = Program(str(path), [LISTEN], False, reactor)
    with capturedLogs() as events:
        program.startService()
    told = [formatEvent(event) for event in events]
    assert [line for line in told if "not in use yet: request-log" in line]
    assert [line for line in told if f"{path}:2: prot" in line]
    program.stopService()


# -- signals -------------------------------------------------------------------------------------------------------


def started(reactor: Reactor, reloads: list[None]) -> Signals:
    signals = Signals(reactor, lambda: reloads.append(None))
    signals.startService()
    for call, arguments, keywords in reactor.whenRunningHooks:
        call(*arguments, **keywords)
    return signals


def raise_signal(number: signal.Signals) -> None:
    handler = signal.getsignal(number)
    assert callable(handler)
    frame: FrameType | None = None
    handler(number, frame)


@pytest.mark.usefixtures("handlers")
def test_sighup_reloads(reactor: Reactor) -> None:
    reloads: list[None] = []
    started(reactor, reloads)
    raise_signal(signal.SIGHUP)
    assert (len(reloads), reactor.stops) == (1, 0)


@pytest.mark.usefixtures("handlers")
def test_sigterm_stops_the_reactor_once() -> None:
    """A second one was thought to be harmless; the reactor raises when it is asked to stop twice."""
    reactor = Reactor()
    started(reactor, [])
    raise_signal(signal.SIGTERM)
    raise_signal(signal.SIGTERM)
    assert reactor.stops == 1


@pytest.mark.usefixtures("handlers")
def test_signals_are_taken_when_the_reactor_has_taken_its_own(reactor: Reactor) -> None:
    before = signal.getsignal(signal.SIGTERM)
    Signals(reactor, lambda: None).startService()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reload_without_a_file_is_told(reactor: Reactor) -> None:
    program = Program(None, [LISTEN], False, reactor)
    with capturedLogs() as events:
        program.reload()
    assert [formatEvent(event) for event in events] == [
        "nothing to reload: the daemon runs without a configuration file"
    ]


# -- the greeting --------------------------------------------------------------------------------------------------


def greeting(config: Config, models: list[str], capsys: pytest.CaptureFixture[str], *urls: str) -> str:
    _greet(list(urls), config, models)
    return capsys.readouterr().out


def test_the_first_request_names_address_key_and_model(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(demo=True, access=Access(api_keys=(Secret("the-key"),)))
    shown = greeting(config, ["demo"], capsys, "http://127.0.0.1:8317", "http://127.0.0.1:8318")
    assert "  address  http://127.0.0.1:8317\n  key      the-key\n" in shown
    assert "curl http://127.0.0.1:8317/v1/messages -H 'x-api-key: the-key'" in shown
    assert '"model": "demo"' in shown


@pytest.mark.parametrize(
    ("url", "address"),
    [("http://0.0.0.0:8317", "http://127.0.0.1:8317"), ("https://[::]:8317", "https://[::1]:8317")],
)
def test_what_listens_on_every_interface_can_be_called_as_shown(
    url: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line to try named the host 0.0.0.0, which the gate refuses."""
    shown = greeting(Config(demo=True), ["demo"], capsys, url)
    assert f"  address  {address}\n" in shown
    assert f" curl {address}/v1/messages" in shown


def test_a_unix_socket_can_be_called_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown = greeting(Config(demo=True), ["demo"], capsys, "unix:/run/cli proxy.sock")
    assert "  address  unix:/run/cli proxy.sock\n" in shown
    assert " curl --unix-socket '/run/cli proxy.sock' http://localhost/v1/messages" in shown


def test_without_keys_none_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    shown = greeting(Config(demo=True), ["demo"], capsys, "http://127.0.0.1:8317")
    assert "none needed from this machine" in shown
    assert "x-api-key" not in shown


def test_nobody_is_greeted_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(access=Access(api_keys=(Secret("the-key"),)))
    assert greeting(config, ["claude-opus-5"], capsys, "http://127.0.0.1:8317") == ""


def test_nobody_is_greeted_when_it_does_not_listen(capsys: pytest.CaptureFixture[str]) -> None:
    assert greeting(Config(demo=True), ["demo"], capsys) == ""


def test_a_terminal_is_shown_a_model_that_is_served(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of the vendor's was shown, which a key with models of its own does not serve."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = greeting(Config(), ["big"], capsys, "http://127.0.0.1:8317")
    assert '"model": "big"' in shown


def fired(waited: Deferred[object]) -> list[object]:
    results: list[object] = []
    waited.addCallback(results.append)
    return results


def test_a_program_stops_when_its_daemon_has(reactor: Reactor) -> None:
    program = Program(None, [LISTEN], False, reactor)
    program.startService()
    assert len(fired(program.stopService())) == 1
