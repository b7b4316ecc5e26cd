"""Logins at a terminal: what is shown and typed, what is kept, and what a verb comes to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import attrs
import orjson
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFDSet, IReactorTime
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from cliproxy.config.schema import Proxy
from cliproxy.logins.console import (
    Console,
    TerminalScreen,
    TypedLines,
    Unkept,
    ended,
    flow_for,
    prepared,
    typed_lines,
    way_of,
)
from cliproxy.logins.device import DeviceCode
from cliproxy.logins.flows import NewAccount
from cliproxy.logins.login import Login
from cliproxy.logins.pasted import MAX_CHARACTERS
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.tokens import LoginFailed
from cliproxy.secret import Secret
from tests.support.identity_provider import Fault, browse, identity_provider
from tests.support.upstream import on_the_reactor

DEVICE = DeviceCode(Secret("d"), "ABCD-EFGH", "https://id.example/device", "https://id.example/device?c=ABCD-EFGH")
ACCOUNT = NewAccount("claude-me@example.org.json", {"type": "claude", "access_token": "a", "email": "me@example.org"})


class Told(list[str]):
    """Everything that was shown."""

    def __call__(self, text: str) -> None:
        self.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self)


# -- what is shown


def shown(environment: dict[str, str], goes_to: int = 1455, port: int | None = 1455) -> str:
    told = Told()
    TerminalScreen(told, environment).open_page("https://id.example/authorize?x=1", goes_to, port)
    return told.text


def test_the_page_is_shown_on_a_line_by_itself() -> None:
    assert "\n  https://id.example/authorize?x=1\n" in shown({})


def test_a_tunnel_goes_to_where_the_session_came_to() -> None:
    told = shown({"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.5 22", "USER": "me"})
    assert "  ssh -L 1455:127.0.0.1:1455 me@203.0.113.5\n" in told


def test_without_a_session_it_goes_to_the_machines_name() -> None:
    assert "ssh -L 1455:127.0.0.1:1455 me@" in shown({"USER": "me"})


def test_a_tunnel_begins_where_the_browser_is_sent_to() -> None:
    assert "ssh -L 1455:127.0.0.1:9000 " in shown({}, port=9000)


def test_without_a_port_there_is_pasting_alone() -> None:
    assert "paste here" in shown({}, port=None)
    assert "ssh" not in shown({}, port=None)


def test_a_code_is_shown_with_its_page() -> None:
    told = Told()
    TerminalScreen(told, {}).type_code(DEVICE)
    assert "\n  ABCD-EFGH\n" in told.text
    assert "https://id.example/device?c=ABCD-EFGH" in told.text


# -- what is typed


class FDSet:
    """Knows who is read."""

    def __init__(self) -> None:
        self.readers: list[object] = []

    def addReader(self, reader: object) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: object) -> None:
        self.readers.remove(reader)


class Typing:
    """A pipe, one end of which is read."""

    def __init__(self) -> None:
        self.there, self.here = os.pipe()
        self.reactor = FDSet()
        self.lines: list[str | None] = []
        self.typed = TypedLines(cast(IReactorFDSet, self.reactor), self.there, self.lines.append)

    def type(self, content: bytes) -> list[str | None]:
        for start in range(0, len(content), 4096):
            os.write(self.here, content[start : start + 4096])
            self.typed.doRead()
        return self.lines

    def close(self) -> None:
        os.close(self.here)
        self.typed.doRead()


@pytest.fixture
def typing() -> Iterator[Typing]:
    typing = Typing()
    yield typing
    for descriptor in (typing.there, typing.here):
        try:
            os.close(descriptor)
        except OSError:
            pass


def test_lines_come_one_by_one(typing: Typing) -> None:
    assert typing.type(b"one\ntwo\nth") == ["one", "two"]
    assert typing.type(b"ree\n") == ["one", "two", "three"]


def test_the_end_is_told_once(typing: Typing) -> None:
    typing.close()
    typing.typed.connectionLost(Failure(ValueError()))
    assert typing.lines == [None]


def test_a_last_line_without_an_end_counts(typing: Typing) -> None:
    typing.type(b"last")
    typing.close()
    assert typing.lines == ["last", None]


def test_at_the_end_nobody_reads_any_more(typing: Typing) -> None:
    typing.close()
    assert typing.reactor.readers == []


def test_a_line_that_never_ends_is_not_kept(typing: Typing) -> None:
    typing.type(b"x" * (5 * MAX_CHARACTERS))
    assert len(typing.type(b"\n")[0] or "") <= MAX_CHARACTERS + 4096


def test_what_is_stopped_hands_nothing_on(typing: Typing) -> None:
    typing.typed.stop()
    assert typing.type(b"one\n") == []
    assert typing.reactor.readers == []


def test_bytes_that_are_no_text_do_no_harm(typing: Typing) -> None:
    assert typing.type(b"\xff\n") == ["\ufffd"]


def test_without_a_terminal_the_end_comes_at_once() -> None:
    lines: list[str | None] = []
    typed_lines(cast(IReactorFDSet, FDSet()), None)(lines.append)()
    assert lines == [None]


def test_what_cannot_be_watched_is_at_its_end() -> None:
    """Some reactors watch no files."""

    class Unable(FDSet):
        def addReader(self, reader: object) -> None:
            raise PermissionError

    lines: list[str | None] = []
    typed_lines(cast(IReactorFDSet, Unable()), 0)(lines.append)()
    assert lines == [None]


# -- what is kept


def console(directory: Path) -> Console:
    return Console(cast(IReactorTime, Clock()), directory, "direct", Told(), {}, None)


def kept(directory: Path) -> Any:
    outcomes: list[Any] = []
    Deferred.fromCoroutine(console(directory).keep(ACCOUNT)).addBoth(outcomes.append)
    (outcome,) = outcomes
    return outcome


def test_an_account_is_its_owners_alone(tmp_path: Path) -> None:
    path = kept(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert orjson.loads(path.read_bytes()) == ACCOUNT.fields


def test_no_lock_stays(tmp_path: Path) -> None:
    kept(tmp_path)
    assert os.listdir(tmp_path) == [ACCOUNT.name]


def test_a_new_login_ends_the_need_of_one(tmp_path: Path) -> None:
    (tmp_path / ACCOUNT.name).write_text('{"type": "claude", "needs_login": true, "note": "mine"}')
    assert orjson.loads(kept(tmp_path).read_bytes()) == {**ACCOUNT.fields, "note": "mine"}


def test_a_file_that_is_no_account_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / ACCOUNT.name).write_text("my diary")
    assert isinstance(kept(tmp_path).value, Unkept)
    assert (tmp_path / ACCOUNT.name).read_text() == "my diary"


def test_a_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    prepared(tmp_path / "new" / "accounts")
    assert stat.S_IMODE((tmp_path / "new" / "accounts").stat().st_mode) == 0o700


def test_where_nothing_can_be_kept_nobody_is_sent_to_log_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unkept, match="cannot be made"):
        prepared(tmp_path / "file" / "accounts")


# -- ways out


def test_an_account_may_have_its_own_way() -> None:
    assert way_of(Login("a.json", "claude", proxy_url="http://proxy.example:3128")) == Proxy(
        "http", "proxy.example", 3128
    )


def test_or_none_at_all() -> None:
    assert way_of(Login("a.json", "claude", proxy_url="direct")) == "direct"


def test_without_one_it_goes_as_all_do() -> None:
    assert way_of(Login("a.json", "claude")) is None


def test_a_way_that_is_none_is_told_without_its_password() -> None:
    with pytest.raises(LoginFailed) as caught:
        way_of(Login("a.json", "claude", proxy_url="gopher://me:hunter2@proxy.example"))
    assert "hunter2" not in str(caught.value)


# -- what a verb comes to


def status_of(verb: Any, *, interrupted: bool = False) -> tuple[object, list[str]]:
    reactor = MemoryReactorClock()
    told = Told()
    outcomes: list[Any] = []
    ended(cast(IReactorCore, reactor), verb, told).addBoth(outcomes.append)
    assert outcomes == []
    reactor.run()
    if interrupted:
        for call, *arguments in reactor.triggers["before"]["shutdown"]:
            call(*arguments[0])
    (outcome,) = outcomes
    return (cast(Any, outcome.value).code if isinstance(outcome, Failure) else outcome), told


async def well() -> None:
    pass


async def badly() -> None:
    raise LoginFailed("The provider refused the login.")


async def for_ever() -> None:
    await Deferred()


def test_what_goes_well_ends_well() -> None:
    assert status_of(well) == (None, [])


def test_what_fails_says_why_in_one_line() -> None:
    assert status_of(badly) == (1, ["The provider refused the login."])


def test_an_interrupted_verb_is_cancelled() -> None:
    assert status_of(for_ever, interrupted=True) == (130, [])


def test_a_bug_is_not_hidden() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    reactor = MemoryReactorClock()
    outcomes: list[Any] = []
    ended(cast(IReactorCore, reactor), broken, Told()).addBoth(outcomes.append)
    reactor.run()
    assert outcomes[0].check(ZeroDivisionError)


# -- whole verbs


@attrs.define
class Browsing:
    """Opens what is shown, as the person would."""

    told: Told = attrs.field(factory=Told)

    def __call__(self, text: str) -> None:
        self.told(text)
        for word in text.split():
            if "/authorize?" in word:
                Deferred.fromCoroutine(browse(word)).addErrback(lambda _: None)


@pytest.mark.real
@on_the_reactor
async def test_a_login_and_its_renewal_at_a_terminal(tmp_path: Path) -> None:
    from twisted.internet import reactor

    echo = Browsing()
    terminal = Console(cast(IReactorTime, reactor), tmp_path / "accounts", "direct", echo, {}, None)
    async with identity_provider() as provider:
        row = provider.login_type("claude")
        await terminal.log_in(row)
        path = tmp_path / "accounts" / "claude-me@example.org.json"
        first = orjson.loads(path.read_bytes())
        await terminal.renew(path.name, {"claude": row})
    second = orjson.loads(path.read_bytes())
    assert "Logged in as me@example.org" in echo.told.text
    assert first["refresh_token"] != second["refresh_token"]
    assert provider.knows(second["access_token"])
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.real
@on_the_reactor
async def test_a_renewal_that_fails_is_told(tmp_path: Path) -> None:
    from twisted.internet import reactor

    terminal = Console(cast(IReactorTime, reactor), tmp_path, "direct", Browsing(), {}, None)
    async with identity_provider() as provider:
        row = provider.login_type("claude")
        await terminal.log_in(row)
        (name,) = os.listdir(tmp_path)
        provider.fail("/token", Fault(500))
        with pytest.raises(LoginFailed, match="could not be renewed"):
            await terminal.renew(name, {"claude": row})


@pytest.mark.parametrize(
    ("name", "device", "port", "by"),
    [
        ("claude", False, None, "browser"),
        ("codex", True, None, "device"),
        ("kimi", False, None, "device"),
        ("kimi", False, 9000, "device"),
        ("xai", False, None, "device"),
        ("xai", False, 9000, "browser"),
        ("claude", True, None, "device"),
    ],
)
def test_the_usual_way_is_taken_unless_another_is_asked_for(name: str, device: bool, port: int | None, by: str) -> None:
    assert flow_for(LOGIN_TYPES[name], device, port) == by


@on_the_reactor
async def test_an_account_that_there_is_not_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoginFailed, match=r"There is no account nobody\.json"):
        await console(tmp_path).renew("nobody.json", {})
