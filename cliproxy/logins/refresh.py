"""The refresh service: every login is renewed before its token ends, or when a request finds it spent.

One heap of due times and one timer for all of them, however many. A login has at most one renewal under way, which
everybody who asks for it shares; `FLIGHTS` go on at once, and those that a request waits for go first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import ClassVar, Final

import attrs
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, execute, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cliproxy.logins.backlog import Backlog
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.flights import Flight
from cliproxy.logins.issuer import Issuer
from cliproxy.logins.login import NO_SECRET, Login
from cliproxy.logins.providers import LoginType
from cliproxy.logins.renewal import Endpoint, Outcome, Parked, Renewal, Renewed, same_source, with_tokens_of
from cliproxy.logins.schedule import Schedule, back_off_seconds, can_be_renewed, due_at
from cliproxy.logins.sources import CLIS
from cliproxy.logins.tokens import LoginFailed, Unanswered
from cliproxy.logins.vault import Vault
from cliproxy.secret import Secret
from cliproxy.threads import OffReactor
from cliproxy.upstream.accounts import Way

FLIGHTS: Final = 16
"""Renewals at once: after a night's sleep all are due, and each takes a connection and a thread."""
LONGEST_SLEEP_SECONDS: Final = 60.0
"""A machine that is suspended stops its timers and not the time."""
JUMP_SECONDS: Final = 5.0
"""What the wall clock may drift from the other before everything is planned anew."""
LEAST_PAUSE_SECONDS: Final = 30.0
"""Between two renewals of one login, whatever the first came to."""
PATIENCE_SECONDS: Final = 30.0
"""How long a request waits for one."""
GRACE_SECONDS: Final = 10.0
"""For renewals under way when the service stops: a token that was sent is spent, and its successor on the way."""


@attrs.define(eq=False)
class _Kept:
    """A login that is kept fresh. Times are the clock's."""

    login: Login
    pardoned: bool = False
    """It says `needs_login`, but has another token or key than that which was refused."""
    failures: int = 0
    """In a row."""
    not_before: float = 0.0
    """When it is renewed again at the earliest, even if a request asks for it."""
    retry_at: float = 0.0
    """The same, if none does."""
    flight: Flight | None = None


class Refresher(Service):
    """Keeps logins fresh. State: the logins, their times, one timer, the renewals under way, what is to be written yet.

    `publish(login)` is called with each login that is to be used in place of the one before, renewed or parked; it must
    not call back. `wall` tells the Unix time in seconds, `chance` gives numbers of 0 to 1. Stopping it takes
    `GRACE_SECONDS` at the most for the renewals under way, and as long for what could not be written before.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        endpoint: Endpoint,
        directory: Path,
        types: Mapping[str, LoginType],
        clock: IReactorTime,
        wall: Callable[[], float],
        chance: Callable[[], float],
        off_reactor: OffReactor,
        publish: Callable[[Login], None],
    ) -> None:
        vault = Vault(directory, clock, off_reactor)
        self._renewal = Renewal(vault, endpoint, clock, wall)
        self._backlog = Backlog(vault, clock)
        self._types = types
        self._clock = clock
        self._wall = wall
        self._chance = chance
        self._publish = publish
        self._kept: dict[str, _Kept] = {}
        self._schedule = Schedule()
        self._asked_for: deque[_Kept] = deque()
        self._flying: set[Flight] = set()
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._skew = 0.0

    # -- the service

    def startService(self) -> None:
        """Begin to renew."""
        Service.startService(self)
        self._plan_all()
        self._look()

    def stopService(self) -> Deferred[None]:
        """Begin no more renewals, and let those end whose token has been sent."""
        Service.stopService(self)
        self._clear_timer()
        while self._asked_for:
            self._dismiss(self._asked_for.popleft())
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> None:
        for flight in tuple(self._flying):
            flight.call_off()
        if self._flying:
            self._log.info("stopping: {count} renewals are under way", count=len(self._flying))
            ended = DeferredList([flight.ended() for flight in self._flying], consumeErrors=True)
            ended.addTimeout(GRACE_SECONDS, self._clock, onTimeoutCancel=lambda *_: [])
            await ended
        for flight in tuple(self._flying):
            if flight.running is not None:
                flight.running.cancel()
        if len(self._backlog):
            written = self._backlog.last_try()
            written.addTimeout(GRACE_SECONDS, self._clock, onTimeoutCancel=lambda *_: None)
            await written

    # -- who is kept fresh

    def hold(self, logins: Mapping[str, Login]) -> None:
        """Keep these fresh, by the names of their files, and nobody else."""
        self.update(logins, self._kept.keys() - logins.keys())

    def update(self, changed: Mapping[str, Login], removed: Set[str] = frozenset()) -> None:
        """Files were added or edited, or are gone. What is known here of a login and not in its file is published."""
        for name in removed:
            self._forget(name)
        for name, login in changed.items():
            taken = self._take_in(name, login)
            if taken != login:
                self._tell(taken)
        self._look()

    def configure(self, types: Mapping[str, LoginType]) -> None:
        """Use another table of types from now on."""
        self._types = types
        self._plan_all()
        self._look()

    def _take_in(self, name: str, given: Login) -> Login:
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = _Kept(given)
        else:
            before, kept.login = kept.login, self._completed(kept.login, given)
            mended = not same_source(before, kept.login)
            if mended or before.needs_login != kept.login.needs_login:
                kept.failures, kept.not_before, kept.retry_at = 0, 0.0, 0.0
            kept.pardoned = kept.login.needs_login and (mended or kept.pardoned)
        self._plan(kept)
        return kept.login

    def _completed(self, before: Login, given: Login) -> Login:
        """What a file says, with the tokens that it does not hold (yet), and what is known of those that it does."""
        unwritten = self._backlog.of(given.name)
        if unwritten is not None and given.refresh_token == unwritten.spent:
            return with_tokens_of(given, before)
        if given.service_account and not given.access_token and same_source(before, given):
            return with_tokens_of(given, before)
        if not given.access_token or given.access_token != before.access_token:
            return given
        return attrs.evolve(
            given,
            expired=before.expired if given.expired is None else given.expired,
            last_refresh=before.last_refresh if given.last_refresh is None else given.last_refresh,
        )

    def _forget(self, name: str) -> None:
        kept = self._kept.pop(name, None)
        self._schedule.drop(name)
        self._backlog.drop(name)
        if kept is None or kept.flight is None:
            return
        if kept.flight.running is None:
            self._dismiss(kept)
        else:
            kept.flight.call_off()

    # -- for requests

    def renew(self, name: str, spent: Secret) -> Deferred[bool]:
        """An upstream has refused the token `spent`, or there is none yet. Fires with whether there is another now.

        It takes 30 s at the most, and never fails. Cancelling it ends the waiting, not the renewal.
        """
        kept = self._kept.get(name)
        if kept is None or self._has_another(name, spent):
            return succeed(kept is not None)
        if kept.flight is None:
            if not (self.running and self._may_be_renewed(kept)) or self._clock.seconds() < kept.not_before:
                return succeed(False)
            kept.flight = Flight()
            self._schedule.drop(name)
            self._asked_for.append(kept)
        ended = kept.flight.ended()
        ended.addTimeout(PATIENCE_SECONDS, self._clock, onTimeoutCancel=lambda *_: None)
        self._look()
        return ended.addCallback(lambda _: self._has_another(name, spent))

    def _has_another(self, name: str, spent: Secret) -> bool:
        kept = self._kept.get(name)
        return kept is not None and bool(kept.login.access_token) and kept.login.access_token != spent

    # -- when

    def _may_be_renewed(self, kept: _Kept) -> bool:
        login = kept.login
        wanted = not login.disabled and (kept.pardoned or not login.needs_login)
        return wanted and can_be_renewed(login) and login.type in self._types

    def _plan_all(self) -> None:
        self._skew = self._wall() - self._clock.seconds()
        for kept in self._kept.values():
            self._plan(kept)

    def _plan(self, kept: _Kept) -> None:
        """Set when a login is renewed next, unless that is under way: its end plans anew."""
        due, login, login_type = None, kept.login, self._types.get(kept.login.type)
        now = self._wall()
        if login_type is not None and kept.flight is None and self._may_be_renewed(kept):
            due = now if kept.pardoned else due_at(login, login_type.lead_seconds, now, self._chance())
        if due is None:
            self._schedule.drop(login.name)
        else:
            self._schedule.put(login.name, max(self._clock.seconds() + due - now, kept.retry_at))

    def _look(self) -> None:
        """Renew whoever is due or asked for, as far as there is room, and set the timer for the next."""
        if not self.running or self._looking:
            return
        self._looking = True
        try:
            if abs(self._wall() - self._clock.seconds() - self._skew) > JUMP_SECONDS:
                self._log.info("the time has leapt; all renewals are planned anew")
                self._plan_all()
            while len(self._flying) < FLIGHTS and (kept := self._next()) is not None:
                self._fly(kept)
        finally:
            self._looking = False
        self._set_timer()

    def _next(self) -> _Kept | None:
        while self._asked_for:
            kept = self._asked_for.popleft()
            if self._kept.get(kept.login.name) is kept and self._may_be_renewed(kept):
                return kept
            self._dismiss(kept)
        name = self._schedule.pop(self._clock.seconds())
        return None if name is None else self._kept[name]

    def _dismiss(self, kept: _Kept) -> None:
        """A renewal that somebody waits for does not come to its turn."""
        flight, kept.flight = kept.flight, None
        if flight is not None:
            flight.land()

    def _set_timer(self) -> None:
        self._clear_timer()
        due = self._schedule.next_due()
        if not self.running or due is None:
            return
        sleep = LONGEST_SLEEP_SECONDS
        if len(self._flying) < FLIGHTS:  # otherwise the end of one of them looks for the next
            sleep = min(max(due - self._clock.seconds(), 0.0), sleep)
        self._timer = self._clock.callLater(sleep, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._look()

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- renewing

    def _fly(self, kept: _Kept) -> None:
        flight = kept.flight = kept.flight or Flight()
        self._flying.add(flight)
        flight.running = Deferred.fromCoroutine(self._renewed(kept, flight))

    async def _renewed(self, kept: _Kept, flight: Flight) -> None:
        login = kept.login
        # One that is pardoned may take over what it holds already: that is not what was refused.
        held = attrs.evolve(login, access_token=NO_SECRET) if kept.pardoned else login
        try:
            unwritten = self._backlog.of(login.name)
            outcome = await self._renewal.run(held, self._types[login.type], flight.send, unwritten)
        except CancelledError:
            if self.running and self._kept.get(login.name) is kept:  # by somebody else than us
                self._failed(kept, "it was broken off", None)
        except LoginFailed as trouble:
            self._failed(kept, str(trouble), trouble.retry_after if isinstance(trouble, Unanswered) else None)
        except Exception:
            self._log.failure("renewing {account} broke", account=login.name)
            self._failed(kept, "it broke", None)
        else:
            self._take(login.name, outcome)
        self._flying.discard(flight)
        kept.flight = None
        if self._kept.get(login.name) is kept:
            self._plan(kept)
        flight.land()
        self._look()

    def _failed(self, kept: _Kept, reason: str, retry_after: float | None) -> None:
        kept.failures += 1
        now, wait = self._clock.seconds(), back_off_seconds(kept.failures, retry_after, self._chance())
        kept.retry_at = now + wait
        kept.not_before = now + (LEAST_PAUSE_SECONDS if retry_after is None else wait)
        self._log.warn(
            "{account} could not be renewed, next try in {seconds:.0f} s: {reason}",
            account=kept.login.name,
            seconds=wait,
            reason=reason,
        )

    def _take(self, name: str, outcome: Outcome) -> None:
        """Use what a renewal gave. All but the tokens is as the file said last: it may have been edited meanwhile."""
        kept = self._kept.get(name)
        if kept is None:
            return
        kept.pardoned, kept.failures = False, 0
        # There are tokens that are due as they come, and such as are refused as they come.
        kept.not_before = kept.retry_at = self._clock.seconds() + LEAST_PAUSE_SECONDS
        parked = isinstance(outcome, Parked)
        login = attrs.evolve(with_tokens_of(kept.login, outcome.login), needs_login=parked)
        if isinstance(outcome, Parked):
            self._tell_parked(login, outcome.sentence)
            self._backlog.drop(name)
        else:
            self._note(login, outcome)
        if login != kept.login:
            kept.login = login
            self._tell(login)

    def _note(self, login: Login, renewed: Renewed) -> None:
        if renewed.unwritten is None:
            self._backlog.drop(login.name)
        else:
            self._backlog.add(renewed.unwritten)
        said = "{account} is renewed" if renewed.asked else "{account} was renewed by another program"
        self._log.info(said, account=login.name)

    def _tell_parked(self, login: Login, sentence: str) -> None:
        command = (
            CLIS[login.type].log_in if login.adopted_from and login.type in CLIS else f"cliproxy login {login.type}"
        )
        self._log.error(
            "{account} needs a new login, which `{command}` makes: {reason}",
            account=login.name,
            command=command,
            reason=sentence,
        )

    def _tell(self, login: Login) -> None:
        with self._log.failuresHandled("publishing {account}", account=login.name):
            self._publish(login)


def renew_now(
    directory: Path,
    name: str,
    types: Mapping[str, LoginType],
    endpoint: TokenEndpoint,
    way: Callable[[Login], Way | None] = lambda _: None,
) -> Deferred[Login]:
    """Renew one login whether it is due or not, for a person at a terminal; a daemon may run beside it.

    Fires with the renewed login. Fails with `Rejected` (then the file says `needs_login`), `Unanswered`, or another
    `LoginFailed`. `way`: as for `Issuer`. What is to be done on the disk holds up the reactor.
    """
    vault = Vault(directory, endpoint.clock, execute)
    renewal = Renewal(vault, Issuer(endpoint, execute, way), endpoint.clock, endpoint.wall)
    return Deferred.fromCoroutine(renewal.at_once(name, types))
