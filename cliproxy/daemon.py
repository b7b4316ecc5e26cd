"""The composition root: a configuration and a reactor become rooms wired together, on one screen.

    Config -> Catalogue, Accounts, Transport -> Exchanges -> Doors -> Site

A reload makes a new `Provision` from the new configuration and puts it in the old one's place. The pool of standings
stays; so does whatever is under way.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import ClassVar

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.web.iweb import IAgent
from twisted.web.server import Request

from cliproxy import __version__
from cliproxy.ask import Ask, Provision
from cliproxy.config.schema import Config, Timeouts
from cliproxy.credentials import offers_and_accounts
from cliproxy.demo.agent import DemoAgent
from cliproxy.demo.settings import DemoSettings
from cliproxy.exchanges import Exchanges
from cliproxy.listening import Listeners
from cliproxy.routing.catalogue import Catalogue
from cliproxy.routing.pool import Pool
from cliproxy.shaping.table import CapabilityTable, load_builtin
from cliproxy.streaming.flusher import Flusher
from cliproxy.streaming.outlet import Outlet
from cliproxy.translate.envelopes import Envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.translation import Rules
from cliproxy.upstream.accounts import Way
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.transport import Transport
from cliproxy.web.channel import LimitedSite
from cliproxy.web.gate import Gate
from cliproxy.web.site import Doors

USER_AGENT = f"cliproxy/{__version__}".encode()
"""For requests whose client named none."""


class House:
    """What is behind the doors: everything but the listening. State: the configuration that is in use."""

    def __init__(self, config: Config, reactor: IReactorTime, secret: bytes = b"") -> None:
        self.config = config
        self.body_limit = config.listening.body_limit_bytes
        """In bytes; like all that concerns listening, it changes with a restart only."""
        self._reactor = reactor
        self._envelopes = Envelopes(secret or secrets.token_bytes())
        self._memory = ReasoningMemory()
        self._transport = self._make_transport(config.timeouts)
        self._pool = Pool(config.retrying.max_cooldown_seconds)
        self._exchanges = Exchanges(self._provision(config), self._pool, reactor)
        self._drained = False
        self.doors = Doors(self, Gate(config.access))

    def configure(self, config: Config) -> None:
        """Use another configuration from now on; exchanges under way keep the one they began with."""
        before, self.config = self.config, config
        if config.timeouts != before.timeouts:
            retired, self._transport = self._transport, self._make_transport(config.timeouts)
            retired.retire()
        self._exchanges.provision = self._provision(config)
        self._pool.max_cooldown_seconds = config.retrying.max_cooldown_seconds
        self._pool.keep_only(self._exchanges.provision.catalogue.credentials)
        self.doors.gate = Gate(config.access)

    # -- for the doors

    def serve(self, ask: Ask, request: Request) -> Deferred[None]:
        """Serve one request, to the end of its reply."""
        return self._exchanges.serve(ask, request)

    def serve_into(self, ask: Ask, outlet: Outlet) -> Deferred[None]:
        """The same for a client that needs no heartbeats, and at whose end stands something else than a request."""
        return self._exchanges.serve_into(ask, outlet)

    @property
    def serves_sockets(self) -> bool:
        """Whether WebSockets are opened."""
        return self.config.responses_websocket

    @property
    def model_names(self) -> Sequence[str]:
        """Every model that is served."""
        return self._exchanges.provision.catalogue.names

    @property
    def credential_names(self) -> Sequence[str]:
        """Every credential, by its id."""
        return self._exchanges.provision.catalogue.credentials

    def nearest_models(self, name: str) -> Sequence[str]:
        """The served names most like an unknown one."""
        return self._exchanges.provision.catalogue.nearest(name)

    def why_not_ready(self) -> str | None:
        """None, or why no request can be served just now."""
        if not self._exchanges.provision.catalogue.credentials:
            return "No credential is configured."
        return None

    # -- for the service

    def open(self) -> None:
        """Take requests: after a drain with exchanges and connections anew, but what is known of each credential."""
        if self._drained:
            self._drained = False
            self._transport = self._make_transport(self.config.timeouts)
            self._exchanges = Exchanges(self._provision(self.config), self._pool, self._reactor)

    def drain(self) -> Deferred[None]:
        """Take no more requests, let those under way end, and keep no connection upstream."""
        self._drained = True
        return self._exchanges.drain(self.config.shutdown_grace_seconds).addCallback(lambda _: self._transport.retire())

    def _provision(self, config: Config) -> Provision:
        offers, accounts = offers_and_accounts(config)
        return Provision(
            catalogue=Catalogue(offers),
            accounts=accounts,
            rules=Rules(
                self._envelopes,
                self._memory,
                CapabilityTable(load_builtin(), config.translation.capabilities),
                config.payload,
                config.translation.strict,
            ),
            sender=self._transport,
            flusher=Flusher(self._reactor, config.streaming.flush_seconds),
            streaming=config.streaming,
            timeouts=config.timeouts,
            request_retry=config.retrying.request_retry,
            user_agent=USER_AGENT,
        )

    def _make_transport(self, timeouts: Timeouts) -> Transport:
        def make_agent(way: Way) -> IAgent:
            if way == "demo":
                return DemoAgent(self._reactor, DemoSettings())
            connect = connector(self._reactor, None if way == "direct" else way)
            return PooledAgent(self._reactor, connect, timeouts.connect_seconds)

        return Transport(self._reactor, make_agent, timeouts.first_byte_seconds)


class Daemon(MultiService):
    """The whole proxy as a service. `resource` is its HTTP API, for mounting; with endpoints, it listens itself.

    Stopping it takes the time that exchanges under way need, `shutdown-grace-seconds` at the most. `secret` seals what
    clients carry back and forth of other vendors' reasoning; without one, that is of use until the process ends.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        config: Config,
        reactor: IReactorTime,
        endpoints: Sequence[IStreamServerEndpoint] = (),
        secret: bytes = b"",
    ) -> None:
        super().__init__()
        self.house = House(config, reactor, secret)
        self.resource = self.house.doors
        self._site = LimitedSite(self.resource, reactor, self.house.body_limit)
        self.listeners = Listeners(endpoints, self._site)
        self.listeners.setServiceParent(self)

    def configure(self, config: Config) -> None:
        """Use another configuration from now on; what it says of listening needs a restart."""
        self.house.configure(config)
        self.describe()

    def startService(self) -> None:
        """Say what is served, and begin."""
        self.describe()
        self.house.open()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening, let what is under way end, and let what was written reach the clients."""
        stopped: Deferred[object] = super().stopService()
        stopped.addCallback(lambda _: self._site.drain())
        drained = stopped.addCallback(lambda _: self.house.drain())
        return drained.addCallback(lambda _: self._site.close())

    def describe(self) -> None:
        """One line on what is served."""
        self._log.info(
            "serving {count} models by {credentials}",
            count=len(self.house.model_names),
            credentials=", ".join(self.house.credential_names) or "nobody, since no credential is configured",
        )
