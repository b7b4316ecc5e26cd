"""How each credential stands for each model, and who serves the next attempt. Pure: time comes in as an argument.

    choose -> Grant -> served | failed | nothing -> release

Trouble keeps a credential out, by the vendor's hint or the table of verdicts, but never for longer than the cap without
a probe: then one request may try it. Success clears what was held against it, failure renews it. Passing trouble (5xx,
no answer) only has others go first; if there is nobody else, it is tried again soon.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import attrs

from cliproxy.conversation.usage import Usage
from cliproxy.quota import Window
from cliproxy.routing.affinity import WARM_SECONDS, Affinity, Binding, Key, worth_moving
from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName, Terms, matches
from cliproxy.routing.decisions import Decision, Step
from cliproxy.routing.ledger import USED_UP, Credential, Ledger
from cliproxy.routing.memory import BindingRow, Changes, Saved
from cliproxy.routing.noting import packed_choice
from cliproxy.routing.roster import Judge, Judged, Roster
from cliproxy.routing.standing import Fate, Standing, held_against
from cliproxy.routing.strategies import FULL as NEARLY_USED
from cliproxy.routing.strategies import STRATEGIES, Seen, Strategy
from cliproxy.routing.verdicts import LOGGED_OUT, NO_SUCH_MODEL, RATE_LIMITED, TRANSIENT, UNAUTHORIZED, Verdict

MAX_ROSTERS: Final = 256
MAX_PLACES: Final = 500_000
"""In all rosters together. Names served by pattern come from clients; the least lately asked for is forgotten."""
SHORTEST_HINT: Final = 1.0
"""Some vendors say 0 with every refusal."""
NEVER: Final = float("inf")

READY: Final[Judged] = Fate.READY, 0.0, 0.0
FULL: Final[Judged] = Fate.FULL, 0.0, NEVER
TRIED: Final[Judged] = Fate.TRIED, 0.0, NEVER
PARKED: Final[Judged] = Fate.PARKED, 0.0, NEVER


@attrs.frozen
class Policy:
    """What the configuration says of choosing."""

    strategy: str = "quota-aware"
    max_cooldown_seconds: float = 600.0
    transient_seconds: float = 60.0
    affinity_seconds: float = 3600.0
    """0: conversations stay nowhere."""


@attrs.frozen
class Wanted:
    """Who is looked for."""

    name: str
    """The model, as the client calls it, or what stands in for it."""
    candidates: Sequence[Candidate]
    """The same object for the same list, so that it is sorted once."""
    kind: str = ""
    """The operation, where the list is another one for that."""
    session: bytes = b""
    """The conversation; empty: it stands alone."""
    tokens: int = 0
    """Of the prompt, as estimated."""
    proves: bool = True
    """Whether its success says that the account is well: counting tokens succeeds without quota."""


@attrs.frozen
class Grant:
    """Who serves the next attempt. To be released."""

    candidate: Candidate
    at: float
    wanted: Wanted = attrs.field(repr=False)
    probe: bool = False
    """Something is held against the credential, and this request tries whether that is over."""


@attrs.frozen
class Wait:
    """Nobody is ready. `seconds` until somebody may be asked, as far as that is known; `status`: its last answer."""

    seconds: float | None
    status: int
    full: bool = False
    """There are some that are well, and have enough to do: one will be free when a request ends."""


class Pool:
    """The standings, the loads, the conversations. Bounded; what changes is told to whoever keeps it."""

    def __init__(
        self, policy: Policy | None = None, terms: Callable[[CredentialId], Terms] = lambda _: Terms()
    ) -> None:
        self.policy = policy or Policy()
        self.affinity = Affinity(self.policy.affinity_seconds)
        self.probes = 0
        self.ledger = Ledger(terms)
        self._probing: dict[Candidate | CredentialId, Grant] = {}
        self._rosters: dict[tuple[str, str], Roster] = {}

    def configure(self, policy: Policy, terms: Callable[[CredentialId], Terms], known: Collection[str]) -> None:
        """Go by another configuration; whoever is not among `known` any more is forgotten."""
        self.policy = policy
        self.affinity.seconds = policy.affinity_seconds
        self._rosters.clear()
        self.ledger.keep_only(known, terms)
        self.affinity.keep(lambda candidate: candidate.credential in known)

    def park(self, parked: Collection[CredentialId]) -> None:
        """These, and no others, serve nobody until they are logged in to again."""
        for credential in parked:
            self.ledger.credential(credential).parked = True
        for credential in self.ledger.unpark_all_but(parked):
            self._revive(credential)

    def renewed(self, credential: CredentialId) -> None:
        """It has another token: that the one before was refused is no longer held against it."""
        record = self.ledger.credential(credential)
        if record.standing is not None and record.standing.verdict in (UNAUTHORIZED.name, LOGGED_OUT.name):
            self.ledger.set_whole(credential, None)
            self._revive(credential)

    # -- choosing

    def choose(
        self, wanted: Wanted, now: float, tried: Collection[Candidate] = (), decision: Decision | None = None
    ) -> Grant | Wait | None:
        """Who serves the next attempt of a request; a wait if nobody can now; None if all were tried."""
        roster = self._roster(wanted)
        judge = self._judge(roster, now, tried)
        binding = self.affinity.find((wanted.session, wanted.name), now) if wanted.session else None
        here = self._ready_position(roster, binding, judge)
        roster.due(judge, now)  # who is well again goes back to the ready, and is seen with them
        looked = roster.look(judge, spread=self.policy.strategy != "fill-first")
        due = roster.due(judge, now)  # with those of whom it was noticed only now
        seen = [self._seen(roster, position, now) for position in looked]
        spared = bool(looked and (tried or not wanted.proves))
        probe = None if spared else self._due(roster, due, looked, binding if here is not None else None, now)
        if probe is not None:
            why = "a probe: what was held against it may be over"
            return self._grant(roster, judge, probe, wanted, now, why, decision, seen)
        if seen:
            best = self._strategy(seen, now)
            if here is not None and binding is not None and self._stays(roster, here, best, binding, now):
                why = "the conversation is there"
                return self._grant(roster, judge, here, wanted, now, why, decision, seen)
            why = f"chosen by {self.policy.strategy}"
            if here is not None:
                why += "; the conversation moves, since others have much less to do"
            elif binding is not None and binding.served:
                why += f"; the conversation was at {binding.candidate.credential}"
            position = roster.find(best.candidate)
            assert position is not None
            return self._grant(roster, judge, position, wanted, now, why, decision, seen, picked=True)
        return self._last_resort(roster, judge, wanted, now, decision)

    def _stays(self, roster: Roster, here: int, best: Seen, binding: Binding, now: float) -> bool:
        seen = self._seen(roster, here, now)
        if best.candidate == seen.candidate:
            return True
        warm = now - binding.used_at <= WARM_SECONDS
        if self._terms_of(best.candidate).priority > roster.terms[here].priority:
            return warm
        if self.policy.strategy == "fill-first":
            return True
        if self.policy.strategy == "weighted-round-robin" and best.weight > 0:
            best = best._replace(load=best.load * seen.weight / best.weight)
        return not worth_moving(seen, best, binding.price(now), warm, now)

    def _due(
        self,
        roster: Roster,
        due: Sequence[int],
        looked: Sequence[int],
        binding: Binding | None,
        now: float,
    ) -> int | None:
        """Who is to be tried by this request, though others are ready. A warm conversation is spared, for a while."""
        least = roster.terms[looked[0]].priority if looked else None
        warm = binding is not None and now - binding.used_at <= WARM_SECONDS
        for position in due:
            if least is not None and roster.terms[position].priority < least:
                break
            standings = self.ledger.held_against(roster.candidates[position])
            if not (warm and looked) or all(now >= standing.overdue_at for standing in standings):
                return position
        return None

    def _last_resort(
        self,
        roster: Roster,
        judge: Judge,
        wanted: Wanted,
        now: float,
        decision: Decision | None,
    ) -> Grant | Wait | None:
        """Nobody is ready: passing trouble may have passed, or there is a time to wait for."""
        position, wait = self._soonest(roster, judge, now)
        if position is not None:
            return self._grant(roster, judge, position, wanted, now, "there is nobody else", decision)
        if wait is not None:
            self._note(decision, roster, judge, wanted, now, None, "nobody is ready", ())
        return wait

    def _soonest(self, roster: Roster, judge: Judge, now: float) -> tuple[int | None, Wait | None]:
        """With nobody ready: who may be asked all the same, or what there is to wait for.

        A probe keeps others out, but not where the trouble was a passing one: there everybody waits no longer than for
        its time, since the one request that is under way may be slow.
        """
        first = roster.first_back(judge, now)
        askable = [(-roster.terms[position].priority, at, position) for at, position in first if at <= now]
        if askable:
            return min(askable)[2], None
        full = roster.anybody_busy(judge)
        for back_at, position in first:
            return None, Wait(back_at - now, self.ledger.held_against(roster.candidates[position])[0].status, full)
        return None, Wait(None, 0, full) if full else None

    def _grant(
        self,
        roster: Roster,
        judge: Judge,
        position: int,
        wanted: Wanted,
        now: float,
        why: str,
        decision: Decision | None,
        seen: Sequence[Seen] = (),
        *,
        picked: bool = False,
    ) -> Grant:
        candidate = roster.candidates[position]
        credential = self.ledger.credential(candidate.credential)
        held = self.ledger.held_against(candidate)
        self._note(decision, roster, judge, wanted, now, position, why, seen)
        grant = Grant(candidate, now, wanted, probe=bool(held))
        if held:
            self.probes += 1
            for subject in self._subjects(candidate):
                self._probing.setdefault(subject, grant)
        roster.count(position, picked=picked)
        credential.in_flight += 1
        credential.add_load(wanted.tokens, now)
        if wanted.session and wanted.proves:
            key = wanted.session, wanted.name
            binding = self.affinity.find(key, now)
            if binding is None or not held or binding.candidate == candidate:
                self.affinity.bind(key, candidate, now)
        return grant

    # -- how it went

    def served(self, grant: Grant, now: float) -> None:
        """A success: what was held against it is forgotten, unless it failed only after this request was sent."""
        candidate, record = grant.candidate, self.ledger.credential(grant.candidate.credential)
        record.served += 1
        self._end_probe(grant)
        if not grant.wanted.proves:
            return
        cleared = False
        if record.standing is not None and not grant.at < record.standing.since <= now:
            self.ledger.set_whole(candidate.credential, None)
            cleared = True
        own = self.ledger.standings.get(candidate)
        if own is not None and not grant.at < own.since <= now:
            self.ledger.set(candidate, None)
            cleared = True
        if cleared:
            self._revive(candidate.credential)
        if grant.wanted.session:
            well = not self.ledger.held_against(candidate)
            self.affinity.served((grant.wanted.session, grant.wanted.name), candidate, well=well)

    def failed(
        self,
        grant: Grant,
        verdict: Verdict,
        now: float,
        *,
        status: int,
        hint: float | None = None,
        whole: bool = False,
        reason: str = "",
    ) -> float:
        """Trouble: it cools, for `hint` seconds if the vendor gave one. Returns the seconds until it is tried again.

        Trouble that comes while it cools answers a request sent earlier: it never shortens the cooldown, and is no
        further failure in a row.
        """
        candidate, record = grant.candidate, self.ledger.credential(grant.candidate.credential)
        record.failed += 1
        self._end_probe(grant)
        if not record.terms.cools and verdict is not NO_SUCH_MODEL:
            return 0.0
        whole = whole or verdict.whole
        before = record.standing if whole else self.ledger.standings.get(candidate)
        late = before is not None and grant.at < before.since <= now
        failures = (before.failures if before else 0) + (not late)
        seconds = self._seconds(verdict, failures, hint)
        if seconds <= 0:
            return 0.0
        standing = held_against(
            verdict.name,
            status,
            max(1, failures),
            seconds,
            now,
            self.policy.max_cooldown_seconds,
            soft=verdict.soft,
            reason=reason,
        )
        if before is not None and late and before.probe_at > standing.probe_at:
            standing = before
        if whole:
            self.ledger.set_whole(candidate.credential, standing)
        else:
            self._set(candidate, standing)
        self._revive(candidate.credential)
        return standing.overdue_at - now

    def told(self, candidate: Candidate, windows: Iterable[Window], now: float) -> None:
        """What an answer said of the account's limits."""
        for window in windows:
            if self.ledger.keep_window(candidate.credential, window, now) and window.used >= NEARLY_USED:
                self._hold_used_up(candidate, window, now)

    def _hold_used_up(self, candidate: Candidate, window: Window, now: float) -> None:
        """As good as refused: others go first, and until the window ends it is only tried now and then.

        Otherwise nobody would ask it before that, though vendors give quotas back early and without notice.
        """
        if not self.ledger.credential(candidate.credential).terms.cools:
            return
        seconds, cap = window.resets_at - now, self.policy.max_cooldown_seconds
        standing = held_against(USED_UP, 429, 1, seconds, now, cap, soft=True, reason=window.name)
        before = (
            self.ledger.standings.get(candidate)
            if window.model
            else self.ledger.credential(candidate.credential).standing
        )
        if before is not None and before.verdict != USED_UP:
            return  # it was refused, which says more
        if not window.model:
            self.ledger.set_whole(candidate.credential, standing)
        elif matches(window.model, candidate.model):
            self._set(candidate, standing)
        self._revive(candidate.credential)

    def release(self, grant: Grant, now: float, usage: Usage | None = None) -> None:
        """The attempt is over, however it went; `usage` if it was told."""
        record = self.ledger.credential(grant.candidate.credential)
        was_full = record.is_full
        record.in_flight = max(0, record.in_flight - 1)
        self._end_probe(grant)
        if usage is not None and usage.total:
            record.add_load(_weight_of(usage) - grant.wanted.tokens, now)
            if grant.wanted.session:
                key = grant.wanted.session, grant.wanted.name
                self.affinity.cached(key, grant.candidate, usage.cache_read + usage.cache_write)
        if was_full:
            self._free(grant.candidate.credential)

    def _seconds(self, verdict: Verdict, failures: int, hint: float | None) -> float:
        if verdict.soft and self.policy.transient_seconds <= 0:
            return 0.0
        if hint is not None and verdict in (RATE_LIMITED, TRANSIENT):
            return max(hint, SHORTEST_HINT)
        return self.policy.transient_seconds if verdict.soft else verdict.seconds(max(1, failures))

    # -- looking

    def next_for(self, wanted: Wanted, now: float) -> CredentialId | None:
        """Who would serve a new conversation, if one asked now."""
        roster = self._roster(wanted, keep=False)
        looked = roster.look(self._judge(roster, now, ()), spread=self.policy.strategy != "fill-first")
        if not looked:
            return None
        return self._strategy([self._seen(roster, position, now) for position in looked], now).candidate.credential

    def seconds_until_ready(self, wanted: Wanted, now: float) -> float | None:
        """When somebody may be asked, at the earliest; None if nobody ever."""
        roster = self._roster(wanted)
        judge = self._judge(roster, now, ())
        if roster.due(judge, now) or roster.look(judge, spread=False) or roster.due(judge, now):
            return 0.0
        position, wait = self._soonest(roster, judge, now)
        if position is not None or (wait is not None and wait.full):
            return 0.0
        return wait.seconds if wait is not None else None

    @property
    def probed(self) -> int:
        """How many credentials a request is trying just now."""
        return len({subject.credential if isinstance(subject, Candidate) else subject for subject in self._probing})

    def is_probed(self, credential: CredentialId) -> bool:
        """Whether a request is trying it just now."""
        return any(
            subject == credential or (isinstance(subject, Candidate) and subject.credential == credential)
            for subject in self._probing
        )

    # -- over a restart

    def restore(self, saved: Saved, now: float) -> None:
        """Take up what an earlier process knew."""
        self.ledger.restore(saved, now, self.policy.max_cooldown_seconds)
        for bound in sorted(saved.bindings, key=lambda row: row.used_at):
            candidate = Candidate(CredentialId(bound.credential), ModelName(bound.model))
            binding = Binding(candidate, bound.used_at, bound.cached_tokens, served=True)
            self.affinity.restore((bound.session, bound.name), binding)

    def take_changes(self) -> Changes:
        """What has changed since this was asked last."""
        standings, windows = self.ledger.take_changes()
        bindings = {
            key: None if binding is None else _bound(key, binding)
            for key, binding in self.affinity.take_changes().items()
        }
        return Changes(standings, windows, bindings)

    # -- inside

    @property
    def _strategy(self) -> Strategy:
        return STRATEGIES[self.policy.strategy]

    def _terms_of(self, candidate: Candidate) -> Terms:
        return self.ledger.credential(candidate.credential).terms

    def _roster(self, wanted: Wanted, *, keep: bool = True) -> Roster:
        """`keep`: whoever asks for it next finds it, in the place of the one that was asked for longest ago."""
        key = wanted.kind, wanted.name
        roster = self._rosters.get(key)
        if roster is None or roster.given is not wanted.candidates:
            roster = Roster(wanted.candidates, [self._terms_of(candidate) for candidate in wanted.candidates])
        if not keep:
            return roster
        self._rosters.pop(key, None)
        self._rosters[key] = roster
        if len(self._rosters) > 1:
            places = sum(len(known.candidates) for known in self._rosters.values()) if roster.turn == 0 else 0
            while len(self._rosters) > MAX_ROSTERS or (places > MAX_PLACES and len(self._rosters) > 1):
                oldest = next(iter(self._rosters))
                places -= len(self._rosters.pop(oldest).candidates)
        return roster

    def _judge(self, roster: Roster, now: float, tried: Collection[Candidate]) -> Judge:
        candidates = roster.candidates
        credentials = self.ledger.credentials
        standings = self.ledger.standings

        def judge(position: int) -> Judged:
            candidate = candidates[position]
            if tried and candidate in tried:
                return TRIED
            record = credentials.get(candidate.credential) or self.ledger.credential(candidate.credential)
            if record.parked:
                return PARKED
            own = standings.get(candidate) if standings else None
            if record.standing is not None or own is not None:
                return self._held(candidate, record, own, now)
            return FULL if record.is_full else READY

        return judge

    def _held(self, candidate: Candidate, record: Credential, own: Standing | None, now: float) -> Judged:
        """The fate of one against whom something is held. A clock that was set back keeps nobody out."""
        due_at = back_at = 0.0
        passing = True
        for standing in (record.standing, own):
            if standing is not None and standing.since <= now:
                due_at = max(due_at, standing.probe_at)
                passing = passing and standing.soft_at is not None
                back_at = max(back_at, standing.soft_at or 0.0)
        back_at = min(back_at, due_at) if passing else due_at
        if back_at <= now and record.is_full:
            return FULL
        if now < due_at:
            return Fate.COOLING, due_at, back_at
        probed = self._probing and any(subject in self._probing for subject in self._subjects(candidate))
        if not probed:
            return Fate.HALF_OPEN, due_at, due_at
        return Fate.PROBING, due_at, (due_at if passing else NEVER)

    def _subjects(self, candidate: Candidate) -> list[Candidate | CredentialId]:
        """What a probe of a candidate tries: it, or all of its credential."""
        whole = self.ledger.credential(candidate.credential).standing is not None
        subjects: list[Candidate | CredentialId] = [candidate.credential] if whole else []
        return [*subjects, candidate] if candidate in self.ledger.standings else subjects

    def _ready_position(self, roster: Roster, binding: Binding | None, judge: Judge) -> int | None:
        position = roster.find(binding.candidate) if binding is not None else None
        return position if position is not None and judge(position)[0] is Fate.READY else None

    def _seen(self, roster: Roster, position: int, now: float) -> Seen:
        candidate = roster.candidates[position]
        record = self.ledger.credential(candidate.credential)
        return Seen(
            candidate,
            position,
            roster.terms[position].weight,
            roster.turns[position],
            max(roster.shares[position], roster.floor),
            record.load_now(now),
            record.in_flight,
            record.windows_for(candidate.model, now),
        )

    def _note(
        self,
        decision: Decision | None,
        roster: Roster,
        judge: Judge,
        wanted: Wanted,
        now: float,
        taken: int | None,
        why: str,
        seen: Sequence[Seen],
    ) -> None:
        if decision is None:
            return
        looked = {look.order: look for look in seen}
        if taken is not None and taken not in looked:
            looked[taken] = self._seen(roster, taken, now)
        tier = roster.terms[seen[0].order].priority if seen else None
        packed = packed_choice(roster, judge, self.ledger, now, looked, taken, tier)
        decision.note(
            Step(
                at=now,
                name=wanted.name,
                taken=roster.candidates[taken] if taken is not None else None,
                why=why,
                packed=b"".join(packed),
                candidates=roster.candidates,
                others=len(roster.candidates) - len(packed),
            )
        )

    def _set(self, candidate: Candidate, standing: Standing) -> None:
        for forgotten in self.ledger.set(candidate, standing):
            self._revive(forgotten)

    def _end_probe(self, grant: Grant) -> None:
        if not grant.probe:
            return
        subjects: tuple[Candidate | CredentialId, ...] = grant.candidate, grant.candidate.credential
        ended = [subject for subject in subjects if self._probing.get(subject) is grant]
        for subject in ended:
            del self._probing[subject]
        if ended:
            self._free(grant.candidate.credential)

    def _revive(self, credential: CredentialId) -> None:
        for roster in self._rosters.values():
            roster.revive(credential)

    def _free(self, credential: CredentialId) -> None:
        for roster in self._rosters.values():
            roster.free(credential)


def _weight_of(usage: Usage) -> float:
    """What a reply took, in tokens of fresh input, at the ratios of price lists."""
    return usage.input + 1.25 * usage.cache_write + 0.1 * usage.cache_read + 5.0 * usage.completion


def _bound(key: Key, binding: Binding) -> BindingRow:
    session, name = key
    candidate = binding.candidate
    return BindingRow(session, name, candidate.credential, candidate.model, binding.used_at, binding.cached_tokens)
