"""The composition root: what is behind the doors, what is kept on disk, and the listening, as one service."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger

from cliproxy.config.schema import Config
from cliproxy.home import Home
from cliproxy.house import House
from cliproxy.listening import Listeners
from cliproxy.threads import OffReactor
from cliproxy.web.channel import LimitedSite

MAX_NAMED: Final = 20
"""Credentials in one line of the log."""


class Daemon(MultiService):
    """The whole proxy as a service. `resource` is its HTTP API, for mounting; with endpoints, it listens itself.

    Stopping it takes the time that exchanges under way need, `shutdown-grace-seconds` at the most. `secret` seals what
    clients carry back and forth of other vendors' reasoning; without one, that is of use until the process ends.
    `off_reactor`: the directories that the configuration names are used, for accounts and for what is known of them;
    without, nothing is read from disk, and nothing left there.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        config: Config,
        reactor: IReactorTime,
        endpoints: Sequence[IStreamServerEndpoint] = (),
        secret: bytes = b"",
        off_reactor: OffReactor | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.house = House(config, reactor, secret, wall)
        self.resource = self.house.doors
        self.home = None if off_reactor is None else Home(config, self.house, reactor, off_reactor, wall)
        self._site = LimitedSite(self.resource, reactor, self.house.body_limit)
        self.listeners = Listeners(endpoints, self._site)
        self.listeners.setServiceParent(self)

    def configure(self, config: Config) -> None:
        """Use another configuration from now on; what it says of listening and directories needs a restart."""
        self.house.configure(config)
        self.describe()

    def startService(self) -> None:
        """Say what is served, and begin."""
        self.describe()
        self.house.open()
        if self.home is not None:
            self.home.startService()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening, let what is under way end, let what was written reach the clients, and keep what is known."""
        return Deferred.fromCoroutine(self._stopped(super().stopService()))

    async def _stopped(self, listening: Deferred[object]) -> None:
        await listening
        self._site.drain()
        await self.house.drain()
        await self._site.close()
        if self.home is not None:
            await self.home.stopService()

    def describe(self) -> None:
        """One line on what is served."""
        names = self.house.credential_names
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        self._log.info(
            "serving {count} models by {credentials}",
            count=len(self.house.model_names),
            credentials=", ".join(names[:MAX_NAMED]) + more or "nobody, since no credential is configured",
        )
