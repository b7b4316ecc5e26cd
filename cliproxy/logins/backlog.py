"""New tokens that could not be written, and are tried again until they are: a full disk must not cost an account."""

from __future__ import annotations

from typing import ClassVar, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cliproxy.logins.tokens import LoginFailed
from cliproxy.logins.vault import Unwritten, Vault

FIRST_SECONDS: Final = 5.0
LAST_SECONDS: Final = 300.0


class Backlog:
    """What is to be written yet: the last tokens of each login. State: them, and the loop that tries."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, vault: Vault, clock: IReactorTime) -> None:
        self._vault = vault
        self._clock = clock
        self._waiting: dict[str, Unwritten] = {}
        self._loop: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def of(self, name: str) -> Unwritten | None:
        """What is to be written of a login."""
        return self._waiting.get(name)

    def add(self, unwritten: Unwritten) -> None:
        """Write these, in place of older ones of the same login."""
        self._waiting[unwritten.login.name] = unwritten
        self._tell(unwritten, unwritten.sentence)
        if self._loop is None:
            loop = Deferred.fromCoroutine(self._go_on())
            self._loop = loop if not loop.called else None

    def drop(self, name: str) -> None:
        """The login is gone, or what it has now is written."""
        self._waiting.pop(name, None)
        if not self._waiting:
            self._stop_loop()

    def last_try(self) -> Deferred[None]:
        """Try once more, now, and then no more."""
        self._stop_loop()
        return Deferred.fromCoroutine(self._write_all())

    def _stop_loop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()

    async def _go_on(self) -> None:
        wait = FIRST_SECONDS
        try:
            while self._waiting:
                await deferLater(self._clock, wait)
                await self._write_all()
                wait = min(wait * 2, LAST_SECONDS)
        except CancelledError:
            return
        finally:
            self._loop = None

    async def _write_all(self) -> None:
        for unwritten in tuple(self._waiting.values()):
            try:
                await self._write(unwritten)
            except LoginFailed as trouble:
                self._tell(unwritten, str(trouble))

    async def _write(self, unwritten: Unwritten) -> None:
        name = unwritten.login.name

        def wanted() -> bool:  # if not, a later renewal has come first
            return self._waiting.get(name) is unwritten

        written = await self._vault.catch_up(unwritten, wanted)
        if wanted():
            del self._waiting[name]
            said = "the new tokens of {account} are written" if written else "{account} has been logged in to anew"
            self._log.info(said, account=name)

    def _tell(self, unwritten: Unwritten, sentence: str) -> None:
        self._log.error(
            "the new tokens of {account} are held in memory only, and lost if this process ends: {reason}",
            account=unwritten.login.name,
            reason=sentence,
        )
