"""One renewal of one login, from the lock to the file.

    lock -> read the file again -> (renewed by somebody else: take that over) -> ask -> write
                                                          refused -> read once more -> park

Refresh tokens are single use: whoever asks with one makes all other copies worthless, and an answer that is lost is
lost for ever. So nobody asks without a look at the file, under a lock that other processes of this program take too.
The official CLIs know of no lock; what they renewed first is taken over, before asking and after a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from cliproxy.logins.login import Login
from cliproxy.logins.providers import LoginType
from cliproxy.logins.schedule import can_be_renewed
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.logins.vault import NotWritten, Unwritten, Vault
from cliproxy.secret import Secret

ASK_SECONDS: Final = 60.0
"""An endpoint bounds itself at half of that; this is for one that does not."""
INSISTENCE: Final = 5
"""How often to write, if nobody stays to do so later."""
SECOND_LOOK_SECONDS: Final = 2.0
"""Between a refusal and the look at the file that decides: whoever came first may be about to write."""
LEAST_LIFE_SECONDS: Final = 60.0
"""A token that ends sooner is not worth taking over."""


class Endpoint(Protocol):
    """Where tokens are renewed."""

    def refresh(self, login_type: LoginType, login: Login) -> Deferred[Tokens]:
        """Fires with new tokens, or fails with `Rejected` or `Unanswered`."""


@attrs.frozen
class Renewed:
    """The login with other tokens than before."""

    login: Login
    asked: bool
    """They were asked for. If not, somebody else had done so, and they were found in the file."""
    unwritten: Unwritten | None = None


@attrs.frozen
class Parked:
    """The provider refuses for good: the login says `needs_login`."""

    login: Login
    sentence: str


Outcome = Renewed | Parked


def with_tokens_of(login: Login, other: Login) -> Login:
    """The login with another's tokens, and with what is known of them."""
    return attrs.evolve(
        login,
        access_token=other.access_token,
        refresh_token=other.refresh_token,
        expired=other.expired,
        last_refresh=other.last_refresh,
    )


def with_tokens(login: Login, tokens: Tokens, now: float) -> Login:
    """The login with new tokens; what was not given anew stays."""
    return attrs.evolve(
        login,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token or login.refresh_token,
        expired=tokens.expires_at,
        last_refresh=now,
        needs_login=False,
    )


def same_source(login: Login, other: Login) -> bool:
    """Whether both are renewed with the same token or key file, so that what is refused to one is to the other."""
    return login.refresh_token == other.refresh_token and login.service_account == other.service_account


@attrs.frozen
class Renewal:
    """What it takes to renew logins."""

    vault: Vault
    endpoint: Endpoint
    clock: IReactorTime
    wall: Callable[[], float]

    async def run(
        self, held: Login, login_type: LoginType, asking: Callable[[], None], unwritten: Unwritten | None = None
    ) -> Outcome:
        """Renew `held`. Raises `Unanswered`: nothing has changed, and it may be tried again.

        `asking` is called when the token is about to be spent: who cancels after that may lose the account.
        `unwritten`: what an earlier renewal gave that the file does not hold yet, but `held` does.
        """
        release = await self.vault.lock(held)
        try:
            on_disk = found = await self.vault.read(held)
            if unwritten is not None and on_disk.refresh_token == unwritten.spent:
                found = with_tokens_of(on_disk, held)
            if self._is_better(found, held):
                return await self._taken_over(found)
            if found.needs_login and not held.needs_login and same_source(found, held):
                return Parked(found, "another process was refused")
            return await self._asked(found, on_disk, login_type, asking)
        finally:
            release()

    async def at_once(self, name: str, types: Mapping[str, LoginType]) -> Login:
        """Renew a login of which nothing is known but its file, due or not. Raises `LoginFailed` if that fails."""
        login = await self.vault.read(Login(name, ""))
        login_type = types.get(login.type)
        if login_type is None or not can_be_renewed(login):
            raise LoginFailed(f"{name} holds nothing to renew it with")
        outcome = await self.run(login, login_type, lambda: None)
        if isinstance(outcome, Parked):
            raise Rejected(outcome.sentence)
        if outcome.unwritten is not None:
            await self._insist(outcome.unwritten)
        return outcome.login

    async def _insist(self, unwritten: Unwritten) -> None:
        """Write what nobody will write later."""
        sentence = unwritten.sentence
        for _ in range(INSISTENCE):
            await deferLater(self.clock, SECOND_LOOK_SECONDS)
            try:
                await self.vault.catch_up(unwritten)
            except LoginFailed as trouble:
                sentence = str(trouble)
            else:
                return
        raise NotWritten(f"the new tokens are lost, for {sentence}; only a new login helps")

    async def _asked(
        self, found: Login, on_disk: Login, login_type: LoginType, asking: Callable[[], None], again: bool = True
    ) -> Outcome:
        """Ask with what `found` holds. `again`: if another process has renewed it meanwhile, with what that left."""
        if not (found.refresh_token or found.service_account):
            raise Unanswered("its file holds nothing to renew it with")
        asking()
        try:
            tokens = await self._tokens(login_type, found)
        except Rejected as rejected:
            await deferLater(self.clock, SECOND_LOOK_SECONDS)
            there = await self.vault.read(found)
            if same_source(there, on_disk) and there.access_token == on_disk.access_token:
                return await self._parked(there, str(rejected))
            if self._is_better(there, found):
                return await self._taken_over(there)
            if not again:
                return await self._parked(there, str(rejected))
            return await self._asked(there, there, login_type, asking, again=False)
        return await self._kept(found, on_disk.refresh_token, tokens)

    async def _tokens(self, login_type: LoginType, login: Login) -> Tokens:
        asked = self.endpoint.refresh(login_type, login)
        asked.addTimeout(ASK_SECONDS, self.clock, onTimeoutCancel=_silent)
        return await asked

    def _is_better(self, found: Login, held: Login) -> bool:
        """Whether somebody has renewed the login, and its token lives long enough to be of use."""
        if not found.access_token or found.access_token == held.access_token:
            return False
        return found.expired is None or found.expired > self.wall() + LEAST_LIFE_SECONDS

    async def _taken_over(self, found: Login) -> Renewed:
        if found.needs_login:  # which was said of the tokens before these
            await self.vault.mark(found, needs_login=False)
        return Renewed(attrs.evolve(found, needs_login=False), asked=False)

    async def _parked(self, login: Login, sentence: str) -> Parked:
        await self.vault.mark(login, needs_login=True)
        return Parked(attrs.evolve(login, needs_login=True), sentence)

    async def _kept(self, found: Login, spent: Secret, tokens: Tokens) -> Renewed:
        """Write the new tokens before anybody hears of them. Those of a key file can be made anew, and are in none."""
        now = self.wall()
        if found.service_account:
            if found.needs_login:
                await self.vault.mark(found, needs_login=False)
            return Renewed(with_tokens(found, tokens, now), asked=True)
        try:
            newer = await self.vault.keep(found, tokens, spent, now)
        except NotWritten as trouble:
            unwritten = Unwritten(found, tokens, now, spent, str(trouble))
            return Renewed(with_tokens(found, tokens, now), asked=True, unwritten=unwritten)
        if newer is not None:
            return Renewed(newer, asked=False)
        return Renewed(with_tokens(found, tokens, now), asked=True)


def _silent(_: object, seconds: float) -> Tokens:
    raise Unanswered(f"no answer within {seconds:g} s")
