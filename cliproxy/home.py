"""What a daemon keeps on disk: its accounts, kept fresh, and what it knows of them; and its operator's door.

AuthDirectory -> House <-> Refresher          House.pool -> Saver -> state.db          ControlSocket -> House
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReactorTime

from cliproxy.config.schema import Config
from cliproxy.house import USER_AGENT, House
from cliproxy.login_credentials import login_way
from cliproxy.logins.directory import AuthDirectory, Changes
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.issuer import Issuer
from cliproxy.logins.login import Login
from cliproxy.logins.providers import with_overrides
from cliproxy.logins.refresh import Refresher
from cliproxy.management.control import ControlSocket
from cliproxy.store.place import socket_path, state_path
from cliproxy.store.saver import Saver
from cliproxy.store.state import StateFile
from cliproxy.threads import OffReactor


class Home(MultiService):
    """Reads at once what is there, so that the first request finds all accounts. Where directories are is heeded at the
    start only.
    """

    def __init__(
        self,
        config: Config,
        house: House,
        reactor: IReactorTime,
        off_reactor: OffReactor,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._house = house
        auth_dir = Path(config.auth_dir).expanduser()
        watching = reactor if IReactorFDSet.providedBy(reactor) else None
        self._directory = AuthDirectory(auth_dir, self._changed, reactor, watching, off_reactor)
        self._refresher = Refresher(
            Issuer(
                TokenEndpoint(house, reactor, wall, USER_AGENT),
                off_reactor,
                lambda login: login_way(login, house.config),
            ),
            auth_dir,
            with_overrides(config.logins.overrides),
            reactor,
            wall,
            random.random,
            off_reactor,
            self._renewed,
        )
        logins = self._directory.load_now()
        house.take_logins(logins)
        house.renew_with(self._refresher)
        self._refresher.hold(logins)
        state = StateFile(state_path(config))
        house.pool.restore(state.load(wall()), wall())
        self._saver = Saver(state, house.pool.take_changes, reactor, off_reactor)
        for child in (
            self._directory,
            self._refresher,
            self._saver,
            ControlSocket(reactor, socket_path(config), house),
        ):
            child.setServiceParent(self)

    def _changed(self, changes: Changes) -> None:
        """Files have come, changed or gone."""
        self._house.take_logins(changes.logins, changes.removed)
        self._refresher.update(changes.logins, changes.removed)

    def _renewed(self, login: Login) -> None:
        """A token was renewed, or a login parked."""
        self._directory.note(login)
        self._house.take_logins({login.name: login})

    def stopService(self) -> Deferred[object]:
        """Let renewals under way end, and write what is known."""
        return cast("Deferred[object]", super().stopService())
