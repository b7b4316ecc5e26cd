"""Account files as renewing them needs it: locked, read again, and written only over what was read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeVar

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cliproxy.logins import adopt, files
from cliproxy.logins.files import FileUnusable
from cliproxy.logins.lock import FileLock, NotLocked
from cliproxy.logins.login import Login
from cliproxy.logins.tokens import LoginFailed, Tokens, Unanswered
from cliproxy.secret import Secret
from cliproxy.threads import OffReactor

LOCK_SECONDS: Final = 30.0
"""How long another process's renewal is waited for. It takes about a second, and is bounded."""

T = TypeVar("T")


class NotWritten(LoginFailed):
    """New tokens are in no file."""


@attrs.frozen
class Unwritten:
    """New tokens that are in no file yet."""

    login: Login
    """As it was before them."""
    tokens: Tokens
    given_at: float
    """Unix time in seconds."""
    spent: Secret
    """The refresh token that the file holds."""
    sentence: str
    """Why they could not be written."""


@attrs.frozen
class Vault:
    """The account files of a directory, and the official CLIs' files that some of them point at."""

    _log: ClassVar[Logger] = Logger()

    directory: Path
    clock: IReactorTime
    off_reactor: OffReactor

    async def lock(self, login: Login) -> Callable[[], None]:
        """Be alone with a login, as far as others of this program go; what comes back ends that.

        Raises `Unanswered` if another process does not come to its end. Where no lock can be made, since the disk is
        full or not ours, it goes on without: an account that is not renewed is lost for certain.
        """
        lock = FileLock(adopt.locked_path(login, self.directory), self.clock, LOCK_SECONDS)
        began = self.clock.seconds()
        try:
            await lock.acquire()
        except NotLocked as trouble:
            if self.clock.seconds() - began >= LOCK_SECONDS:
                raise Unanswered(str(trouble)) from None
            self._log.warn("{account} is renewed without a lock: {reason}", account=login.name, reason=str(trouble))
        return partial(self._release, lock, login.name)

    def _release(self, lock: FileLock, name: str) -> None:
        try:
            lock.release()
        except OSError as error:  # it is open to others all the same, with the file left over
            self._log.warn("the lock of {account} stays as a file: {reason}", account=name, reason=error.strerror)

    async def read(self, login: Login) -> Login:
        """The login as it is on the disk now. Raises `Unanswered` if nothing is to be made of it at the moment."""
        try:
            return await self.off_reactor(partial(adopt.current, login, self.directory))
        except FileUnusable as unusable:
            raise Unanswered(f"its file cannot be used: {unusable}") from None
        except OSError as error:
            raise Unanswered(f"its file cannot be read: {error.strerror}") from None

    async def keep(self, login: Login, tokens: Tokens, spent: Secret, now: float) -> Login | None:
        """Write new tokens over those they were given for, of which `spent` is the refresh token.

        If the file holds others by now, somebody has logged in anew: it stays, and what it says is returned. Raises
        `NotWritten`.
        """
        told = attrs.evolve(login, refresh_token=spent)
        try:
            return await self.off_reactor(partial(_keep, self.directory, told, tokens, now))
        except FileNotFoundError:
            raise NotWritten("its file is gone") from None
        except FileUnusable as unusable:
            raise NotWritten(f"its file cannot be used: {unusable}") from None
        except OSError as error:
            raise NotWritten(f"its file cannot be written: {error.strerror}") from None

    async def catch_up(self, unwritten: Unwritten, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Write what could not be written before, if it is `wanted` still once the login is locked.

        False: it is of no use any more, since the file holds other tokens. Raises `NotWritten` and `Unanswered`.
        """
        login = unwritten.login
        release = await self.lock(login)
        try:
            if not wanted():
                return False
            return await self.keep(login, unwritten.tokens, unwritten.spent, unwritten.given_at) is None
        finally:
            release()

    async def mark(self, login: Login, *, needs_login: bool) -> None:
        """Write whether nothing but a new login helps. Where that cannot be written, it holds until a restart."""
        members = {"needs_login": True if needs_login else None}
        try:
            await self.off_reactor(partial(files.save, self.directory, login.name, members, only_existing=True))
        except (OSError, FileUnusable) as trouble:
            self._log.warn(
                "{account} cannot be marked: {reason}",
                account=login.name,
                reason=trouble.strerror if isinstance(trouble, OSError) else str(trouble),
            )


def _keep(directory: Path, login: Login, tokens: Tokens, now: float) -> Login | None:
    if not adopt.keep_tokens(directory, login, tokens, now):
        return adopt.current(login, directory)
    if login.needs_login and login.adopted_from:  # the mark is in our file, the tokens are not
        files.save(directory, login.name, {"needs_login": None}, only_existing=True)
    return None
