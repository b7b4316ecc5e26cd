"""What is known of each credential: what it has to do, what is held against it, what its vendor says of its limits.

It only keeps; what follows from it is decided in the pool. Bounded; what changes is told to whoever writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final

from cliproxy.quota import Window
from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName, Terms, matches
from cliproxy.routing.memory import Saved, StandingRow, WindowRow, note
from cliproxy.routing.standing import Standing, held_against
from cliproxy.routing.verdicts import NO_SUCH_MODEL, TRANSIENT

MAX_STANDINGS: Final = 50_000
"""Of single models. Names served by pattern come from clients; the oldest is forgotten."""
MAX_WINDOWS: Final = 32
"""Of one credential."""
LOAD_HALF_LIFE: Final = 2 * 3600.0
"""Seconds after which what was served counts for half."""
USED_UP: Final = "used up"
"""What is held against an account whose window says so."""


class Credential:
    """What is known of one credential for all of its models. Mutable, the ledger's own."""

    __slots__ = ("failed", "in_flight", "load", "load_at", "parked", "served", "standing", "terms", "windows")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.standing: Standing | None = None
        self.windows: dict[tuple[str, str], Window] = {}
        self.in_flight = 0
        self.load = 0.0
        self.load_at = 0.0
        self.parked = False
        self.served = 0
        self.failed = 0

    def load_now(self, now: float) -> float:
        """What it has served lately, in tokens of fresh input."""
        return self.load * 0.5 ** (max(0.0, now - self.load_at) / LOAD_HALF_LIFE) if self.load else 0.0

    def add_load(self, tokens: float, now: float) -> None:
        """It serves so much more."""
        self.load = max(0.0, self.load_now(now) + tokens)
        self.load_at = now

    def windows_for(self, model: str, now: float) -> tuple[Window, ...]:
        """The windows that hold for a model, with those that are over: the next one begins with a request."""
        if not self.windows:
            return ()
        return tuple([window for window in self.windows.values() if not window.model or matches(window.model, model)])

    @property
    def is_full(self) -> bool:
        """Whether it has enough to do."""
        return 0 < self.terms.max_concurrency <= self.in_flight


class Ledger:
    """Credentials by id, and standings by credential and model. `terms` tells those of a credential."""

    def __init__(self, terms: Callable[[CredentialId], Terms]) -> None:
        self.credentials: dict[CredentialId, Credential] = {}
        self.standings: dict[Candidate, Standing] = {}
        """What is held against a credential for one model alone."""
        self._terms = terms
        self._changed_standings: dict[tuple[str, str], StandingRow | None] = {}
        self._changed_windows: dict[tuple[str, str, str], WindowRow | None] = {}

    def credential(self, credential: CredentialId) -> Credential:
        """What is known of one."""
        record = self.credentials.get(credential)
        if record is None:
            record = self.credentials[credential] = Credential(self._terms(credential))
        return record

    def held(self) -> Iterator[tuple[CredentialId, str, Standing]]:
        """All that is held against anybody: by credential and model, the empty name being all of them."""
        for credential, record in self.credentials.items():
            if record.standing is not None:
                yield credential, "", record.standing
        for candidate, standing in self.standings.items():
            yield candidate.credential, candidate.model, standing

    def held_against(self, candidate: Candidate) -> list[Standing]:
        """What keeps one candidate out: of all of its credential's models, and of this one."""
        record = self.credentials.get(candidate.credential)
        found = (record.standing if record else None, self.standings.get(candidate))
        return [standing for standing in found if standing is not None]

    # -- what changes

    def set(self, candidate: Candidate, standing: Standing | None) -> Collection[CredentialId]:
        """Hold something against a credential for one model, or nothing any more. Gives those of whom something was
        forgotten for want of room.
        """
        self.standings.pop(candidate, None)
        row = None if standing is None else _row(candidate.credential, candidate.model, standing)
        note(self._changed_standings, (candidate.credential, candidate.model), row)
        if standing is None:
            return ()
        self.standings[candidate] = standing
        if len(self.standings) <= MAX_STANDINGS:
            return ()
        oldest = next(iter(self.standings))
        self.set(oldest, None)
        return (oldest.credential,)

    def set_whole(self, credential: CredentialId, standing: Standing | None) -> None:
        """The same for all of its models."""
        record = self.credential(credential)
        if record.standing is None and standing is None:
            return
        record.standing = standing
        row = None if standing is None else _row(credential, "", standing)
        note(self._changed_standings, (credential, ""), row)

    def keep_window(self, credential: CredentialId, window: Window, now: float) -> bool:
        """What a vendor said of one limit; whether there was room for it, and it holds."""
        windows, key = self.credential(credential).windows, (window.name, window.model)
        if key not in windows and len(windows) >= MAX_WINDOWS:
            self._forget_windows(credential, lambda known: known.over(now))
            if len(windows) >= MAX_WINDOWS:
                return False
        windows[key] = window
        row = WindowRow(credential, window.name, window.model, window.used, window.resets_at, window.seconds, now)
        note(self._changed_windows, (credential, *key), row)
        return not window.over(now)

    def keep_only(self, known: Collection[str], terms: Callable[[CredentialId], Terms]) -> None:
        """Forget all others, and have new terms; nothing is held against those whom trouble leaves as they are."""
        self._terms = terms
        for credential in [credential for credential in self.credentials if credential not in known]:
            self._forget_windows(credential)
            self.set_whole(credential, None)
            if not self.credentials[credential].in_flight:
                del self.credentials[credential]
        for candidate in [candidate for candidate in self.standings if candidate.credential not in known]:
            self.set(candidate, None)
        for credential, record in self.credentials.items():
            record.terms = terms(credential)
            if not record.terms.cools:
                self.set_whole(credential, None)
        for candidate, standing in tuple(self.standings.items()):
            if not self.credential(candidate.credential).terms.cools and standing.verdict != NO_SUCH_MODEL.name:
                self.set(candidate, None)

    def unpark_all_but(self, parked: Collection[CredentialId]) -> Collection[CredentialId]:
        """These need a login, and no others any more; gives those others."""
        for credential in parked:
            self.credential(credential).parked = True
        well = [name for name, record in self.credentials.items() if record.parked and name not in parked]
        for credential in well:
            self.credentials[credential].parked = False
        return well

    # -- over a restart

    def restore(self, saved: Saved, now: float, cap: float) -> None:
        """Take up what an earlier process knew. `cap`: seconds until a probe, whatever the vendor asked for."""
        for row in saved.standings:
            standing = held_against(
                row.verdict,
                row.status,
                max(1, row.failures),
                max(0.0, row.until - row.since),
                row.since,
                cap,
                soft=row.verdict in (TRANSIENT.name, USED_UP),
                reason=row.reason,
            )
            if row.model:
                self.standings[Candidate(CredentialId(row.credential), ModelName(row.model))] = standing
            else:
                self.credential(CredentialId(row.credential)).standing = standing
        for told in saved.windows:
            window = Window(told.name, told.used, told.resets_at, told.seconds, told.model)
            if not window.over(now):
                self.credential(CredentialId(told.credential)).windows[told.name, told.model] = window

    def take_changes(
        self,
    ) -> tuple[dict[tuple[str, str], StandingRow | None], dict[tuple[str, str, str], WindowRow | None]]:
        """The rows that have changed since this was asked last."""
        changed = self._changed_standings, self._changed_windows
        self._changed_standings, self._changed_windows = {}, {}
        return changed

    def _forget_windows(self, credential: CredentialId, which: Callable[[Window], bool] = lambda _: True) -> None:
        windows = self.credentials[credential].windows
        for key in [key for key, window in windows.items() if which(window)]:
            del windows[key]
            note(self._changed_windows, (credential, *key), None)


def _row(credential: str, model: str, standing: Standing) -> StandingRow:
    return StandingRow(
        credential,
        model,
        standing.verdict,
        standing.status,
        standing.failures,
        standing.since,
        standing.until,
        standing.reason,
    )
