"""The operator's door: what it answers, to whom, and how its socket comes and goes."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import attrs
import orjson
import pytest
from twisted.internet import reactor
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.python.failure import Failure

from cliproxy.management import control as control_module
from cliproxy.management.control import ControlSite, ControlSocket, Occupant, occupant, peer_uid
from cliproxy.management.inquiry import NoAnswer, Told, ask
from tests.support.upstream import on_the_reactor


class FakeHouse:
    """A pool with one credential, and one request that it remembers."""

    def __init__(self) -> None:
        self.told: dict[str, object] = {"version": "1", "now": 1.0, "reason": "well"}
        self.trouble: Exception | None = None

    def status(self) -> dict[str, object]:
        if self.trouble is not None:
            raise self.trouble
        return self.told

    def explanation(self, request_id: str) -> dict[str, object] | None:
        return {"request_id": request_id, "at": 1.0} if request_id.startswith("req_") else None


@attrs.frozen
class Answer:
    """One answer of the door."""

    status: int
    head: bytes
    content: bytes

    @property
    def message(self) -> str:
        assert b"content-type: application/json" in self.head.lower()
        message: str = orjson.loads(self.content)["error"]["message"]
        return message


class Peer(StringTransport):
    """A transport that may have a socket, as Twisted's have."""

    def __init__(self, peer: socket.socket | None = None) -> None:
        super().__init__(UNIXAddress(b"control.sock"), UNIXAddress(b""))
        self.socket = peer


def asked(
    line: str, house: FakeHouse | None = None, peer: Peer | None = None, body: bytes = b"", headers: bytes = b""
) -> Answer:
    """What the door answers to a request line."""
    transport = peer or Peer()
    channel = ControlSite(house or FakeHouse(), Clock()).buildProtocol(UNIXAddress(b""))
    channel.makeConnection(transport)
    channel.dataReceived(line.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n" + body)
    head, _, content = transport.value().partition(b"\r\n\r\n")
    channel.connectionLost(Failure(ConnectionDone()))
    return Answer(int(head.split()[1]), head, content)


# -- what it answers -----------------------------------------------------------------------------------------------


def test_the_status_is_told() -> None:
    answer = asked("GET /status")
    assert (answer.status, orjson.loads(answer.content)) == (200, FakeHouse().told)


def test_a_request_is_explained() -> None:
    answer = asked("GET /explain/req_1")
    assert (answer.status, orjson.loads(answer.content)) == (200, {"request_id": "req_1", "at": 1.0})


def test_a_name_may_be_escaped() -> None:
    assert orjson.loads(asked("GET /explain/req_%2F%C3%A9").content)["request_id"] == "req_/é"


@pytest.mark.parametrize("name", ["other", "%FF%00", "x" * 10_000])
def test_a_request_that_nobody_knows_is_not_found(name: str) -> None:
    answer = asked(f"GET /explain/{name}")
    assert (answer.status, answer.message) == (404, "No such request is remembered.")


@pytest.mark.parametrize("path", ["/", "/statuses", "/status/", "/explain", "/explain/a/b", "//status", "*"])
def test_nothing_else_is_there(path: str) -> None:
    assert asked(f"GET {path}").status in (404, 405)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_nothing_can_be_done_here(method: str) -> None:
    answer = asked(f"{method} /status", body=b"{}", headers=b"Content-Length: 2\r\n")
    assert (answer.status, answer.message) == (405, "Only GET is served here.")
    assert b"allow: get" in answer.head.lower()


def test_a_head_is_answered_without_a_body() -> None:
    answer = asked("HEAD /status")
    assert (answer.status, answer.content) == (200, b"")


def test_a_body_is_not_kept() -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = asked("GET /status", body=chunk * 8 + b"0\r\n\r\n", headers=b"Transfer-Encoding: chunked\r\n")
    assert answer.status == 200


def test_what_an_upstream_wrote_is_told_in_utf_8() -> None:
    house = FakeHouse()
    house.told = {"\ud800": ["half \ud800 a pair", ("a", 1)]}
    assert orjson.loads(asked("GET /status", house).content) == {"?": ["half ? a pair", ["a", 1]]}


def test_a_mistake_of_ours_is_told_without_its_words(failures: list[LogEvent]) -> None:
    house = FakeHouse()
    house.trouble = ZeroDivisionError("secret")
    answer = asked("GET /status", house)
    assert (answer.status, answer.message) == (500, "The daemon failed; its log has the reason.")
    assert [event["log_failure"].type for event in failures] == [ZeroDivisionError]
    failures.clear()


# -- to whom -------------------------------------------------------------------------------------------------------


def asked_by(uid: int | None, monkeypatch: pytest.MonkeyPatch) -> Answer:
    monkeypatch.setattr(control_module, "peer_uid", lambda transport: uid)
    return asked("GET /status")


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_its_owner_and_root_are_served(uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_by(uid, monkeypatch).status == 200


def test_nobody_else_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked_by(os.geteuid() + 1, monkeypatch)
    assert (answer.status, answer.message) == (403, "This daemon is another user's.")


def test_where_the_system_does_not_tell_the_files_mode_must_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_by(None, monkeypatch).status == 200


def test_the_system_tells_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with closing(ours), closing(theirs):
        assert peer_uid(Peer(ours)) == os.geteuid()


def test_a_transport_without_a_socket_tells_nothing() -> None:
    assert peer_uid(Peer()) is None


def test_a_system_that_knows_no_peers_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with closing(ours), closing(theirs):
        assert peer_uid(Peer(ours)) is None


# -- the socket ----------------------------------------------------------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    """A socket's, short enough for one."""
    folder = tempfile.mkdtemp(prefix="cliproxy-")
    yield Path(folder) / "state" / "control.sock"
    shutil.rmtree(folder)


@pytest.fixture
def said() -> Iterator[Callable[[], list[str]]]:
    """What the log was told at warning level or above."""
    with capturedLogs() as events:
        yield lambda: [formatEvent(event) for event in events if event["log_level"].name in ("warn", "error")]


def control(place: Path) -> ControlSocket:
    assert IReactorTime.providedBy(reactor)
    service = ControlSocket(reactor, place, FakeHouse())
    service.startService()
    return service


def in_a_thread(place: Path, path: str = "/status") -> Deferred[Told]:
    return deferToThread(ask, place, path)


@pytest.mark.real
@on_the_reactor
async def test_it_answers_at_its_socket(place: Path) -> None:
    service = control(place)
    told = await in_a_thread(place)
    await service.stopService()
    assert orjson.loads(told.content) == FakeHouse().told


@pytest.mark.real
@on_the_reactor
async def test_it_looks_at_who_asks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int | None] = []

    def look(transport: object) -> int | None:
        seen.append(peer_uid(transport))
        return seen[-1]

    monkeypatch.setattr(control_module, "peer_uid", look)
    service = control(place)
    await in_a_thread(place)
    await service.stopService()
    assert seen == [os.geteuid()]


@pytest.mark.real
@on_the_reactor
async def test_nobody_else_may_open_it(place: Path) -> None:
    service = control(place)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (place, place.parent)]
    await service.stopService()
    assert modes == [0o600, 0o700]


@pytest.mark.real
@on_the_reactor
async def test_it_is_gone_when_it_has_stopped(place: Path) -> None:
    service = control(place)
    await service.stopService()
    assert list(place.parent.iterdir()) == []


@pytest.mark.real
@on_the_reactor
async def test_it_can_be_started_again(place: Path) -> None:
    service = control(place)
    await service.stopService()
    service.startService()
    told = await in_a_thread(place)
    await service.stopService()
    assert told.status == 200


@pytest.mark.real
@on_the_reactor
async def test_the_socket_of_a_daemon_that_was_killed_is_replaced(place: Path) -> None:
    place.parent.mkdir()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as killed:
        killed.bind(os.fspath(place))
    service = control(place)
    told = await in_a_thread(place)
    await service.stopService()
    assert told.status == 200


@pytest.mark.real
@on_the_reactor
async def test_the_socket_of_another_daemon_is_left_alone(place: Path, said: Callable[[], list[str]]) -> None:
    first = control(place)
    second = control(place)
    await second.stopService()
    told = await in_a_thread(place)
    await first.stopService()
    assert told.status == 200
    assert said() == [f"`cliproxy status` cannot be answered: another daemon listens at {place}."]


@pytest.mark.real
@on_the_reactor
async def test_a_file_in_its_place_is_left_alone(place: Path, said: Callable[[], list[str]]) -> None:
    place.parent.mkdir()
    place.write_text("mine")
    await control(place).stopService()
    assert (place.read_text(), said()) == (
        "mine",
        [f"`cliproxy status` cannot be answered: {place} is there and no socket."],
    )


@pytest.mark.real
@on_the_reactor
async def test_a_path_that_is_too_long_is_told(place: Path, said: Callable[[], list[str]]) -> None:
    long = place.with_name("x" * 100)
    await control(long).stopService()
    assert said() == [
        f"`cliproxy status` cannot be answered: {long} is too long for a socket; state-dir may name a shorter place."
    ]


@pytest.mark.real
@on_the_reactor
async def test_a_directory_that_cannot_be_made_is_told(place: Path, said: Callable[[], list[str]]) -> None:
    place.parent.write_text("")
    await control(place).stopService()
    assert said() == [f"`cliproxy status` cannot be answered: {place}: File exists."]


@pytest.mark.real
@on_the_reactor
async def test_it_stops_though_its_directory_is_gone(place: Path) -> None:
    service = control(place)
    shutil.rmtree(place.parent)
    await service.stopService()
    place.parent.mkdir()


@pytest.mark.real
@on_the_reactor
async def test_what_took_its_place_meanwhile_is_left_there(place: Path) -> None:
    first = control(place)
    place.unlink()
    second = control(place)
    await first.stopService()
    told = await in_a_thread(place)
    await second.stopService()
    assert told.status == 200


@pytest.mark.real
@on_the_reactor
async def test_a_stopped_daemon_does_not_answer(place: Path) -> None:
    await control(place).stopService()
    with pytest.raises(NoAnswer, match="No daemon is running"):
        await in_a_thread(place)


def test_a_place_that_is_free_has_no_occupant(place: Path) -> None:
    assert occupant(place) is Occupant.NOBODY


def test_a_link_is_no_socket(place: Path) -> None:
    place.parent.mkdir()
    place.symlink_to("elsewhere")
    assert occupant(place) is Occupant.OTHER


def test_a_daemon_whose_queue_is_full_is_one(place: Path) -> None:
    place.parent.mkdir()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as busy:
        busy.bind(os.fspath(place))
        busy.listen(0)
        assert [occupant(place) for _ in range(4)] == [Occupant.DAEMON] * 4
