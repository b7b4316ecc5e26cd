"""The composition root of what is behind the doors: configuration, accounts and reactor become rooms wired together.

    Config, Logins -> Catalogue, Accounts, Transport -> Exchanges -> Doors

A reload, or an account that has come or gone, makes a new `Provision` and puts it in the old one's place. The pool of
standings stays; so does whatever is under way.
"""

from __future__ import annotations

import secrets
import time
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence, Set
from typing import ClassVar, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IAgent
from twisted.web.server import Request

from cliproxy import __version__
from cliproxy.ask import Ask, Provision, Renewer
from cliproxy.config.schema import Config, Timeouts
from cliproxy.credentials import offers_and_accounts
from cliproxy.demo.agent import DemoAgent
from cliproxy.demo.settings import DemoSettings
from cliproxy.exchanges import Exchanges
from cliproxy.login_credentials import Unusable, login_account, login_offers, with_token
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LoginType, with_overrides
from cliproxy.modules import Dress, Errand, Reply
from cliproxy.route_modules import Modules
from cliproxy.routing.catalogue import Catalogue, CredentialId, Offer
from cliproxy.routing.pool import Policy, Pool
from cliproxy.shaping.suffix import split_suffix
from cliproxy.shaping.table import CapabilityTable, load_builtin
from cliproxy.status import status
from cliproxy.streaming.flusher import Flusher
from cliproxy.streaming.outlet import Outlet
from cliproxy.translate.envelopes import Envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.translation import Rules
from cliproxy.upstream.accounts import Account, Way
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.transport import Answer, Outgoing, Transport
from cliproxy.upstream.urls import base_of, url_at
from cliproxy.web.gate import Gate
from cliproxy.web.site import Doors

USER_AGENT = f"cliproxy/{__version__}".encode()
"""For requests whose client named none."""


@attrs.frozen
class _Made:
    """What was made of a login; no account of one that serves nobody."""

    login: Login
    account: Account | None = None
    offers: tuple[Offer, ...] = ()


class House:
    """What is behind the doors: everything but the listening. State: the configuration that is in use, the logins.

    `wall` tells the Unix time in seconds, by which vendors speak of their limits.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        config: Config,
        reactor: IReactorTime,
        secret: bytes = b"",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.body_limit = config.listening.body_limit_bytes
        """In bytes; like all that concerns listening, it changes with a restart only."""
        self.renewer: Renewer | None = None
        """Keeps the logins' tokens; `renew_with` sets it."""
        self._reactor = reactor
        self._wall = wall
        self._envelopes = Envelopes(secret or secrets.token_bytes())
        self._memory = ReasoningMemory()
        self._transport = self._make_transport(config.timeouts)
        self._types: Mapping[str, LoginType] = with_overrides(config.logins.overrides)
        self._logins: dict[str, Login] = {}
        self._made: dict[str, _Made] = {}
        self._made_for = config
        self._live: dict[CredentialId, Account] = {}
        """The logins' accounts, as they are now: exchanges under way find fresh tokens here."""
        self.pool = Pool()
        self._exchanges = Exchanges(self._provision(config), self.pool, reactor, wall)
        self._heed_configuration()
        self._drained = False
        self._modules = Modules(config)
        self.doors = Doors(self, Gate(config.access), self._modules.all)
        self._modules.reconfigure(config, self.doors.registered)

    def configure(self, config: Config) -> None:
        """Use another configuration from now on; exchanges under way keep the one they began with."""
        before, self.config = self.config, config
        if config.timeouts != before.timeouts:
            retired, self._transport = self._transport, self._make_transport(config.timeouts)
            retired.retire()
        self._provide()
        self.doors.gate = Gate(config.access)
        self._modules.reconfigure(config, self.doors.registered)

    # -- logins

    def renew_with(self, renewer: Renewer) -> None:
        """Have tokens renewed there when they are refused."""
        self.renewer = renewer
        self._provide()

    def take_logins(self, changed: Mapping[str, Login], removed: Set[str] = frozenset()) -> None:
        """These accounts have come or changed, and these have gone. A new token alone disturbs nothing."""
        for name, login in changed.items():
            if name in self._logins and login.access_token != self._logins[name].access_token:
                self.pool.renewed(CredentialId(name))
        rest = {name: login for name, login in changed.items() if not self._takes_token(login)}
        self._logins.update(rest)
        for name in removed:
            self._logins.pop(name, None)
        if rest or removed:
            self._provide()

    def _takes_token(self, login: Login) -> bool:
        """Whether nothing but the token has changed; then that is used from now on."""
        before = self._logins.get(login.name)
        account = self._live.get(CredentialId(login.name))
        if before is None or account is None or login.without_tokens() != before.without_tokens():
            return False
        fresh = with_token(account, login)
        self._logins[login.name] = login
        self._live[CredentialId(login.name)] = fresh
        self._made[login.name] = attrs.evolve(self._made[login.name], login=login, account=fresh)
        return True

    def _login_offers(self, config: Config) -> Sequence[Offer]:
        """What the logins offer. Of thousands, those are made anew that have changed; of another configuration, all."""
        if config is not self._made_for:
            self._made_for, self._made = config, {}
        self._live.clear()
        offers: list[Offer] = []
        for name in sorted(self._logins):
            made = self._made.get(name)
            if made is None or made.login is not self._logins[name]:
                made = self._made[name] = self._make(self._logins[name], config)
            if made.account is not None:
                self._live[CredentialId(name)] = made.account
                offers += made.offers
        for name in self._made.keys() - self._logins.keys():
            del self._made[name]
        return offers

    def _make(self, login: Login, config: Config) -> _Made:
        kind = self._types.get(login.type)
        if login.disabled or kind is None:
            return _Made(login)
        try:
            return _Made(login, login_account(login, kind, config), tuple(login_offers(login, kind, config)))
        except Unusable as unusable:
            self._log.warn("{name} is left out: {why}", name=login.name, why=str(unusable))
            return _Made(login)

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        """The way out, for what is no client's request."""
        return self._transport.send(outgoing)

    # -- for the operator

    def status(self) -> dict[str, object]:
        """How every credential stands, as JSON has it."""
        provision = self._exchanges.provision
        waiting = len(self._exchanges.waiting)
        return status(self.pool, provision.catalogue, provision.accounts, self._logins, waiting, self._wall())

    def explanation(self, request_id: str) -> dict[str, object] | None:
        """Why a request was served by whom, if it was one of the last."""
        decision = self._exchanges.decisions.find(request_id)
        return decision.told() if decision is not None else None

    # -- for the doors

    def serve(self, ask: Ask, request: Request, dress: Dress | None = None) -> Deferred[None]:
        """Serve one request, to the end of its reply."""
        return self._exchanges.serve(ask, request, dress)

    def serve_into(self, ask: Ask, outlet: Outlet) -> Deferred[None]:
        """The same for a client that needs no heartbeats, and at whose end stands something else than a request."""
        return self._exchanges.serve_into(ask, outlet)

    def outlet(self, request: Request) -> Outlet:
        """The client's end of an answer that is not an exchange's."""
        return self._exchanges.outlet(request)

    def attend(self, served: Deferred[None]) -> Deferred[None]:
        """Something is under way beside the exchanges; it is drained like one."""
        return self._exchanges.attend(served)

    def pass_on(self, errand: Errand) -> Deferred[Reply]:
        """Send a request as it is, by the way that the configuration names for all."""
        outgoing = Outgoing(
            method=errand.method.decode("latin-1"),
            url=url_at(base_of(errand.base_url), errand.target),
            headers=HeaderLines(errand.headers),
            body=errand.body,
            way=self.config.proxy_url or "direct",
            as_it_is=True,
        )
        return cast("Deferred[Reply]", self._transport.send(outgoing))

    @property
    def clock(self) -> IReactorTime:
        """For every timer."""
        return self._reactor

    def serves(self, model: str) -> bool:
        """Whether anybody serves a model, with or without the suffix of its name."""
        catalogue = self._exchanges.provision.catalogue
        return bool(catalogue.candidates(model) or catalogue.candidates(split_suffix(model)[0]))

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
            self._exchanges = Exchanges(self._exchanges.provision, self.pool, self._reactor, self._wall)
            self._provide()

    def drain(self) -> Deferred[None]:
        """Take no more requests, let those under way end, and keep no connection upstream."""
        self._drained = True
        return self._exchanges.drain(self.config.shutdown_grace_seconds).addCallback(lambda _: self._transport.retire())

    def _provide(self) -> None:
        """Make all anew that follows from the configuration and the logins, for exchanges to come."""
        self._exchanges.provision = self._provision(self.config)
        self._heed_configuration()

    def _heed_configuration(self) -> None:
        config, catalogue = self.config, self._exchanges.provision.catalogue
        self._exchanges.waiting.most = config.routing.queue_size
        policy = Policy(
            strategy=config.routing.strategy,
            max_cooldown_seconds=config.retrying.max_cooldown_seconds,
            transient_seconds=config.retrying.transient_cooldown_seconds,
            affinity_seconds=config.routing.session_affinity_seconds if config.routing.session_affinity else 0.0,
        )
        self.pool.configure(policy, catalogue.terms, frozenset(catalogue.credentials))
        self.pool.park(
            {CredentialId(name) for name, login in self._logins.items() if login.needs_login} & self._live.keys()
        )
        self._exchanges.waiting.stir()

    def _provision(self, config: Config) -> Provision:
        offers, accounts = offers_and_accounts(config)
        offers += self._login_offers(config)
        return Provision(
            catalogue=Catalogue(offers),
            accounts=ChainMap(self._live, {**accounts, **self._live}),
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
            retrying=config.retrying,
            routing=config.routing,
            user_agent=USER_AGENT,
            renewer=self.renewer,
        )

    def _make_transport(self, timeouts: Timeouts) -> Transport:
        def make_agent(way: Way) -> IAgent:
            if way == "demo":
                return DemoAgent(self._reactor, DemoSettings())
            connect = connector(self._reactor, None if way == "direct" else way)
            return PooledAgent(self._reactor, connect, timeouts.connect_seconds)

        return Transport(self._reactor, make_agent, timeouts.first_byte_seconds)
