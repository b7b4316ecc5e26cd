"""Logins at a terminal: what is shown, what is typed, and what a verb comes to. The reactor is an argument here too."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, cast

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent
from zope.interface import implementer

from cliproxy import __version__
from cliproxy.config.addresses import proxy_or_direct
from cliproxy.config.readers import Unfit
from cliproxy.logins.device import DeviceCode
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.fields import rfc3339
from cliproxy.logins.files import FileUnusable, save
from cliproxy.logins.flows import Flows, Lines, NewAccount
from cliproxy.logins.lock import FileLock, NotLocked
from cliproxy.logins.login import Login
from cliproxy.logins.pasted import MAX_CHARACTERS
from cliproxy.logins.providers import Flow, LoginType
from cliproxy.logins.refresh import renew_now
from cliproxy.logins.tokens import LoginFailed
from cliproxy.upstream.accounts import Way
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.transport import Transport

CONNECT_SECONDS: Final = 15.0
FIRST_BYTE_SECONDS: Final = 30.0
INTERRUPTED: Final = 130
"""The exit status that shells know for Ctrl-C."""


class Unkept(LoginFailed):
    """The directory of accounts cannot be written to."""


Echo = Callable[[str], None]
"""Shows a line."""


@attrs.frozen
class TerminalScreen:
    """Asks the person before a terminal. `environment` is the process's."""

    echo: Echo
    environment: Mapping[str, str]

    def open_page(self, url: str, goes_to: int, port: int | None) -> None:
        """Show the URL, and how the way back goes."""
        self.echo(f"\nOpen this page in a browser, on whatever machine:\n\n  {url}\n")
        if port is None:
            self.echo("At its end, paste here the address of the page that does not load.")
            return
        self.echo(f"Waiting at port {port} of this machine for the browser to come back.")
        self.echo(
            "If it runs on another machine, open a tunnel there first\n\n"
            f"  ssh -L {goes_to}:127.0.0.1:{port} {self._here()}\n\n"
            "or paste here the address of the page that does not load. Ctrl-C gives up."
        )

    def type_code(self, device: DeviceCode) -> None:
        """Show the code and where to type it."""
        self.echo(f"\nOpen {device.page} on any device, and type this code:\n\n  {device.user_code}\n")
        if device.whole_page:
            self.echo(f"Or open {device.whole_page} , where it is typed already.")
        self.echo(
            f"Waiting, for {device.life_seconds / 60:.0f} minutes at most. Give the code to nobody. Ctrl-C gives up."
        )

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.echo(sentence)

    def _here(self) -> str:
        """How this machine is reached: by the address that an SSH session came to, or by its own name."""
        session = self.environment.get("SSH_CONNECTION", "").split()
        host = session[2] if len(session) == 4 else socket.gethostname()
        user = self.environment.get("USER", "")
        return f"{user}@{host}" if user else host


@implementer(IReadDescriptor)
class TypedLines:
    """Lines from a terminal, a pipe or a file, whose settings stay as they are: it is read when there is something.

    (Twisted's `StandardIO` makes the terminal non-blocking, which outlives the process.) State: the line under way.
    """

    def __init__(self, reactor: IReactorFDSet, descriptor: int, take: Callable[[str | None], None]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._take = take
        self._line = b""
        self._stopped = False
        reactor.addReader(self)

    def fileno(self) -> int:
        """What the reactor watches."""
        return self._descriptor

    def logPrefix(self) -> str:
        """For logs."""
        return "typed lines"

    def doRead(self) -> None:
        """Something was typed, or there will be no more."""
        try:
            read = os.read(self._descriptor, 4096)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return
            read = b""
        *lines, self._line = (self._line + read).split(b"\n")
        if not read:
            lines = [self._line] if self._line else []
        for line in lines:
            self._hand_on(line)
        if not read:
            self._end()
        elif len(self._line) > MAX_CHARACTERS:
            self._line = self._line[: MAX_CHARACTERS + 1]  # enough to be told that it is too long

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has lost it."""
        self._end()

    def stop(self) -> None:
        """Read no more."""
        if not self._stopped:
            self._stopped = True
            self._reactor.removeReader(self)

    def _hand_on(self, line: bytes) -> None:
        if not self._stopped:
            self._take(line.decode(errors="replace"))

    def _end(self) -> None:
        if not self._stopped:
            self.stop()
            self._take(None)


def typed_lines(reactor: IReactorFDSet, descriptor: int | None) -> Lines:
    """What is typed there, for `Flows`; None: nothing can be."""

    def begin(take: Callable[[str | None], None]) -> Callable[[], None]:
        if descriptor is not None:
            try:
                return TypedLines(reactor, descriptor, take).stop
            except OSError:  # of a kind that this reactor does not watch
                pass
        take(None)
        return lambda: None

    return begin


@attrs.frozen
class Console:
    """What the verbs of a terminal have: a reactor, the way out, the directory, and somebody who reads."""

    reactor: IReactorTime
    directory: Path
    way: Way
    echo: Echo
    environment: Mapping[str, str]
    descriptor: int | None
    """Standard input's."""

    async def log_in(
        self, login_type: LoginType, *, device: bool = False, port: int | None = None, project: str = ""
    ) -> None:
        """Log in, and keep the account. Raises `LoginFailed`."""
        prepared(self.directory)
        transport = self.transport()
        lines = typed_lines(cast(IReactorFDSet, self.reactor), self.descriptor)
        flows = Flows(self.endpoint(transport), TerminalScreen(self.echo, self.environment), lines)
        try:
            if flow_for(login_type, device, port) == "device":
                account = await flows.by_device(login_type)
            else:
                account = await flows.by_browser(login_type, port, project)
        finally:
            transport.retire()
        path = await self.keep(account)
        self.echo(f"Logged in as {account.label}. The account is in {path}")

    async def renew(self, name: str, types: Mapping[str, LoginType]) -> None:
        """Renew the tokens of an account now, due or not. Raises `LoginFailed`."""
        if not (self.directory / name).is_file():
            raise LoginFailed(f"There is no account {name} in {self.directory}.")
        transport = self.transport()
        try:
            login = await renew_now(self.directory, name, types, self.endpoint(transport), way_of)
        except LoginFailed as failed:
            raise LoginFailed(f"{name} could not be renewed: {str(failed).rstrip('.')}.") from None
        finally:
            transport.retire()
        until = f"; the token ends at {rfc3339(login.expired)}" if login.expired is not None else ""
        self.echo(f"{name} is renewed{until}.")

    async def keep(self, account: NewAccount) -> Path:
        """Write the account, alone with its file if that can be had. Raises `Unkept`."""
        async with AsyncExitStack() as alone:
            try:
                await alone.enter_async_context(FileLock(self.directory / account.name, self.reactor))
            except NotLocked:
                pass  # better written without a lock than lost: the code is spent
            try:
                return save(self.directory, account.name, account.fields)
            except OSError as error:
                raise Unkept(f"{self.directory} cannot be written to: {error.strerror}.") from None
            except FileUnusable as unusable:
                raise Unkept(
                    f"{account.name} is there already, but {unusable}. Move it away and begin again."
                ) from None

    def transport(self) -> Transport:
        """The way out, as the daemon's."""

        def make_agent(way: Way) -> IAgent:
            connect = connector(self.reactor, None if isinstance(way, str) else way)
            return PooledAgent(self.reactor, connect, CONNECT_SECONDS)

        return Transport(self.reactor, make_agent, FIRST_BYTE_SECONDS)

    def endpoint(self, transport: Transport) -> TokenEndpoint:
        """Token endpoints by that way."""
        return TokenEndpoint(transport, self.reactor, time.time, f"cliproxy/{__version__}".encode(), self.way)


def flow_for(login_type: LoginType, device: bool, port: int | None) -> Flow:
    """The type's usual flow, unless a device or a port to come back to is asked for."""
    if device:
        return "device"
    return "browser" if port is not None and "browser" in login_type.flows else login_type.flows[0]


def way_of(login: Login) -> Way | None:
    """An account's own way out; None: it has none. Raises `LoginFailed` if what its file says is no proxy."""
    if not login.proxy_url:
        return None
    try:
        return proxy_or_direct(login.proxy_url)
    except Unfit as unfit:
        raise LoginFailed(f"its proxy_url does not hold: {unfit}") from None


def prepared(directory: Path) -> None:
    """Make sure that there is a directory to write to, before anybody goes through a login. Raises `Unkept`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unkept(f"{directory} cannot be made: {error.strerror}.") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise Unkept(f"{directory} may not be written to by this user.")


def ended(
    reactor: IReactorCore, verb: Callable[[], Coroutine[Deferred[object], object, None]], complain: Echo
) -> Deferred[None]:
    """A verb for `react`: it fails with `SystemExit` after a line on why, and is cancelled when the reactor stops.

    It begins once the reactor runs: before, Ctrl-C would break into it wherever it is.
    """
    over: Deferred[None] = Deferred()

    def begin() -> None:
        running = Deferred.fromCoroutine(verb())
        reactor.addSystemEventTrigger("before", "shutdown", running.cancel)
        running.addErrback(failed).chainDeferred(over)

    def failed(failure: Failure) -> None:
        if failure.check(CancelledError):
            raise SystemExit(INTERRUPTED)
        if failure.check(LoginFailed):
            complain(failure.getErrorMessage())
            raise SystemExit(1)
        failure.raiseException()

    reactor.callWhenRunning(begin)
    return over
