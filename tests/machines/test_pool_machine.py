"""The pool under any history of asks, answers, cancellations, passing time, reloads and restarts.

Beside it runs a model of its rules, which knows nothing of rosters: it looks at every candidate each time.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cliproxy.routing.affinity import WARM_SECONDS
from cliproxy.routing.catalogue import Candidate, CredentialId, Terms
from cliproxy.routing.memory import BindingRow, Saved, StandingRow
from cliproxy.routing.pool import Grant, Policy, Pool, Wait, Wanted
from cliproxy.routing.standing import SOFT_LADDER
from cliproxy.routing.verdicts import NO_SUCH_MODEL, RATE_LIMITED, TOO_LARGE, TRANSIENT, UNAUTHORIZED, Verdict
from tests.support.pooling import candidate

EXAMPLES: Final = int(os.environ.get("CLIPROXY_EXAMPLES", "30"))
NAMES: Final = ("one", "two", "three")
SESSIONS: Final = (b"", b"", b"red", b"blue")
CAP: Final = 600.0
EARLY: Final = 540.0
DAY: Final = 86_400.0
HINTS: Final = st.sampled_from([None, 0.0, 1.0, 30.0, 541.0, 600.0, 601.0, 3600.0, 30 * DAY])

SECONDS: Final = st.sampled_from([0.0, 0.5, 1.0, 2.0, 59.0, 300.0, 540.0, 600.0, 7200.0])


@attrs.frozen
class Asked:
    """What a client asks."""

    name: str
    session: bytes
    proves: bool


@attrs.frozen
class Outcome:
    """How a request goes: a verdict on the account, or none, which 200, 400, 413 and 0, a cancellation, are."""

    status: int
    verdict: Verdict | None = None
    hint: float | None = None
    whole: bool = False


ASKS: Final = st.builds(
    Asked, st.sampled_from(NAMES), st.sampled_from(SESSIONS), st.sampled_from([True, True, True, False])
)
OUTCOMES: Final = st.one_of(
    st.just(Outcome(200)),
    st.sampled_from([Outcome(0), Outcome(400), Outcome(413)]),
    st.builds(Outcome, st.just(429), st.just(RATE_LIMITED), HINTS, st.sampled_from([False, False, True])),
    st.builds(Outcome, st.just(529), st.just(TRANSIENT), st.sampled_from([None, None, 3.0, 3600.0])),
    st.sampled_from([Outcome(401, UNAUTHORIZED, None, whole=True), Outcome(404, NO_SUCH_MODEL)]),
)

Subject = tuple[str, str]
"""A credential, and a model of it; the empty name is all of them."""


def candidates_for(name: str, names: Iterable[str]) -> tuple[Candidate, ...]:
    """Everybody serves `one`, the first as two models; `two` is the same without the last; `three` is another model."""
    known = sorted(names)
    if name == "three":
        return tuple(candidate(each, "k") for each in known)
    served = [candidate(each) for each in (known if name == "one" else known[:-1] or known)]
    return (*served, candidate(known[0], "n")) if name == "one" else tuple(served)


@attrs.frozen
class Held:
    """What the model holds against one."""

    since: float
    failures: int
    probe_at: float
    overdue_at: float
    soft_at: float | None


@attrs.define(eq=False)
class UnderWay:
    """A request."""

    grant: Grant
    probes: list[Subject] = attrs.field(factory=list)
    """What it alone may try."""


class PoolMachine(RuleBasedStateMachine):
    """Requests under way are answered in any order, so that late answers come after cooldowns have begun."""

    @initialize(
        terms=st.lists(
            st.builds(Terms, priority=st.sampled_from([0, 0, 1]), max_concurrency=st.sampled_from([0, 0, 1, 2])),
            min_size=2,
            max_size=6,
        ),
        strategy=st.sampled_from(["round-robin", "round-robin", "quota-aware", "weighted-round-robin", "fill-first"]),
    )
    def begin(self, terms: list[Terms], strategy: str) -> None:
        self.now = 1_000_000.0
        self.terms = {CredentialId(name): each for name, each in zip("abcdef", terms, strict=False)}
        self.policy = Policy(strategy)
        self.pool = Pool(self.policy, self.terms_of)
        self.standing_rows: dict[tuple[str, str], StandingRow | None] = {}
        self.binding_rows: dict[tuple[bytes, str], BindingRow | None] = {}
        self.held: dict[Subject, Held] = {}
        self.parked: set[CredentialId] = set()
        self.under_way: list[UnderWay] = []
        self.served_by: dict[tuple[bytes, str], Candidate] = {}
        self.last_failure: dict[CredentialId, float] = {}
        self.known = set(self.terms)
        self.lists = self.new_lists()

    def terms_of(self, credential: CredentialId) -> Terms:
        return self.terms.get(credential, Terms())

    def new_lists(self) -> dict[str, tuple[Candidate, ...]]:
        return {name: candidates_for(name, self.known) for name in NAMES}

    # -- the model

    def against(self, one: Candidate) -> list[Held]:
        subjects = (one.credential, ""), (one.credential, one.model)
        return [self.held[subject] for subject in subjects if subject in self.held]

    def subjects(self, one: Candidate) -> list[Subject]:
        return [subject for subject in ((one.credential, ""), (one.credential, one.model)) if subject in self.held]

    def probed(self) -> set[Subject]:
        return {subject for request in self.under_way for subject in request.probes}

    def in_flight(self, credential: str) -> int:
        return sum(request.grant.candidate.credential == credential for request in self.under_way)

    def is_full(self, one: Candidate) -> bool:
        return 0 < self.terms_of(one.credential).max_concurrency <= self.in_flight(one.credential)

    def cools(self, one: Candidate) -> bool:
        return any(self.now < held.probe_at for held in self.against(one))

    def passes(self, one: Candidate) -> bool:
        """All that is held against it is passing trouble, and it is time."""
        times = [held.soft_at for held in self.against(one)]
        known = [time for time in times if time is not None]
        return len(known) == len(times) and (max(known) <= self.now or not self.cools(one))

    def is_ready(self, one: Candidate) -> bool:
        return not self.against(one) and not self.is_full(one) and one.credential not in self.parked

    def is_half_open(self, one: Candidate) -> bool:
        return (
            bool(self.against(one))
            and not self.cools(one)
            and not self.is_full(one)
            and one.credential not in self.parked
            and self.probed().isdisjoint(self.subjects(one))
        )

    def is_last_resort(self, one: Candidate) -> bool:
        return bool(
            self.against(one) and self.passes(one) and not self.is_full(one) and one.credential not in self.parked
        )

    def is_busy(self, one: Candidate) -> bool:
        """Only requests keep it out."""
        if one.credential in self.parked:
            return False
        if not self.against(one):
            return self.is_full(one)
        if self.cools(one):
            return self.passes(one) and self.is_full(one)
        return True

    def back_at(self, one: Candidate) -> float:
        """When one that cools may be asked at the earliest."""
        due_at = max(held.probe_at for held in self.against(one))
        times = [held.soft_at for held in self.against(one)]
        known = [time for time in times if time is not None]
        return min(due_at, max(known)) if len(known) == len(times) else due_at

    def priority(self, one: Candidate) -> int:
        return self.terms_of(one.credential).priority

    # -- asking

    def wanted(self, name: str, session: bytes = b"", *, proves: bool = True) -> Wanted:
        return Wanted(name, self.lists[name], session=session, proves=proves)

    def ask_for(self, wanted: Wanted, tried: Collection[Candidate] = ()) -> UnderWay | None:
        """A choice, held against the model."""
        left = [one for one in wanted.candidates if one not in tried]
        key = wanted.session, wanted.name
        binding = self.pool.affinity.find(key, self.now) if wanted.session else None
        ready = [one for one in left if self.is_ready(one)]
        half_open = [one for one in left if self.is_half_open(one)]
        resorts = [one for one in left if self.is_last_resort(one)]
        choice = self.pool.choose(wanted, self.now, tried)
        if not isinstance(choice, Grant):
            assert not ready, "somebody ready starves"
            assert not half_open, "nobody is ready, and who is due is not tried"
            assert not resorts, "nobody is ready, and passing trouble is not met again"
            self.hold_wait(choice, left)
            return None
        chosen = choice.candidate
        assert chosen in left
        best = max((self.priority(one) for one in ready), default=None)
        at_home = binding.candidate if binding is not None and binding.candidate in ready else None
        warm = binding is not None and self.now - binding.used_at <= WARM_SECONDS
        request = UnderWay(choice)
        assert choice.probe is bool(self.against(chosen))
        if chosen in ready:
            assert best is not None
            if at_home is not None:
                stays = warm or self.priority(at_home) == best
                assert (chosen == at_home) is stays, "a conversation leaves an account that is well"
            else:
                assert self.priority(chosen) == best, "a lower priority is asked while a higher one is ready"
            overdue = [one for one in half_open if all(self.now >= held.overdue_at for held in self.against(one))]
            if not tried and wanted.proves:
                assert not any(self.priority(one) >= best for one in overdue), "who is overdue is not tried"
        elif ready:
            assert chosen in half_open, "a cooling credential is asked outside its probe"
            assert not tried, "a request that has met trouble is a probe"
            assert wanted.proves, "a token count is a probe"
            assert best is not None
            assert self.priority(chosen) >= best
            if at_home is not None and warm:
                assert all(self.now >= held.overdue_at for held in self.against(chosen))
        else:
            assert chosen in half_open or chosen in resorts, "a cooling credential is asked outside its probe"
        if chosen in half_open:
            request.probes = self.subjects(chosen)
        elif chosen in resorts:
            request.probes = [subject for subject in self.subjects(chosen) if subject not in self.probed()]
        self.under_way.append(request)
        if wanted.session and wanted.proves and not choice.probe:
            now_at = self.pool.affinity.find(key, self.now)
            assert now_at is not None
            assert now_at.candidate == chosen, "a conversation is not where it is asked"
        return request

    def hold_wait(self, choice: Wait | None, left: Sequence[Candidate]) -> None:
        cooling = [one for one in left if one.credential not in self.parked and self.against(one) and self.cools(one)]
        cooling = [one for one in cooling if not self.passes(one)]
        busy = any(self.is_busy(one) for one in left)
        if choice is None:
            assert not cooling
            assert not busy
            return
        assert choice.full is busy
        if not cooling:
            assert choice.seconds is None
            return
        assert choice.seconds == min(self.back_at(one) for one in cooling) - self.now
        assert 0 < choice.seconds <= CAP

    @rule(asks=st.lists(ASKS, min_size=1, max_size=3))
    def ask(self, asks: list[Asked]) -> None:
        for asked in asks:
            self.ask_once(asked)

    @rule(asked=ASKS, seconds=SECONDS, outcome=OUTCOMES)
    def ask_and_be_answered(self, asked: Asked, seconds: float, outcome: Outcome) -> None:
        request = self.ask_once(asked)
        self.now += seconds
        if request is not None:
            self.hear(request, outcome)

    @precondition(lambda self: self.under_way)
    @rule(answers=st.lists(st.tuples(st.integers(0, 9), OUTCOMES), min_size=1, max_size=3))
    def be_answered(self, answers: list[tuple[int, Outcome]]) -> None:
        """In any order."""
        for number, outcome in answers:
            if self.under_way:
                self.hear(self.under_way[number % len(self.under_way)], outcome)

    @rule(name=st.sampled_from(NAMES), session=st.sampled_from(SESSIONS))
    def ask_until_all_were_tried(self, name: str, session: bytes) -> None:
        """One request that gets no answer anywhere meets everybody who may be asked, each once."""
        tried: set[Candidate] = set()
        met: list[UnderWay] = []
        wanted = self.wanted(name, session)
        while (request := self.ask_for(wanted, tried)) is not None:
            tried.add(request.grant.candidate)
            met.append(request)
        for request in met:
            self.end(request)

    @precondition(lambda self: self.policy.strategy == "round-robin")
    @rule(name=st.sampled_from(NAMES))
    def ask_around(self, name: str) -> None:
        """In a row of new conversations each ready credential of the highest priority serves one."""
        wanted = self.wanted(name)
        best = max((self.priority(one) for one in wanted.candidates if self.is_ready(one)), default=None)
        ready = {one for one in wanted.candidates if self.is_ready(one) and self.priority(one) == best}
        probes: list[UnderWay] = []
        served: set[Candidate] = set()
        for _ in range(len(wanted.candidates)):
            if not any(map(self.is_ready, ready - served)):
                break
            request = self.ask_for(wanted)
            assert request is not None
            if request.grant.probe:
                probes.append(request)
            else:
                served.add(request.grant.candidate)
                self.end(request)
        assert not any(map(self.is_ready, ready - served)), "a ready credential starves"
        for request in probes:
            self.end(request)

    # -- time, and the operator

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(event=st.sampled_from(["park", "reload", "restart", "recovery"]), some=st.sets(st.sampled_from("abcdef")))
    def the_rare_happens(self, event: str, some: set[str]) -> None:
        if event == "park":
            self.park({credential for credential in self.known if credential in some})
        elif event == "reload":
            self.reload({credential for credential in self.terms if credential in some} or set(self.terms))
        elif event == "restart":
            self.restart()
        else:
            self.recover()

    def recover(self) -> None:
        """Whatever was said, ten minutes after its last failure each may be asked again, if nothing is under way."""
        for request in tuple(self.under_way):
            self.end(request)
        self.now = max([self.now, *(at + CAP for at in self.last_failure.values())])
        for one in {one for name in NAMES for one in self.lists[name] if one.credential not in self.parked}:
            choice = self.pool.choose(Wanted("alone", (one,)), self.now)
            assert isinstance(choice, Grant), "an account is not asked again within the cap"
            self.pool.release(choice, self.now)

    def park(self, parked: set[CredentialId]) -> None:
        self.parked = parked
        self.pool.park(parked)

    def reload(self, known: set[CredentialId]) -> None:
        """Some go, some come; new lists, of the same candidates or others."""
        self.known = known
        self.lists = self.new_lists()
        self.pool.configure(self.policy, self.terms_of, known)
        self.park(self.parked & known)
        self.held = {subject: held for subject, held in self.held.items() if subject[0] in known}

    def restart(self) -> None:
        """The process ends with all that is under way; another knows what was written."""
        before = set(self.pool.ledger.held())
        changes = self.pool.take_changes()
        self.standing_rows.update(changes.standings)
        self.binding_rows.update(changes.bindings)
        saved = Saved(
            tuple(row for row in self.standing_rows.values() if row is not None),
            (),
            tuple(row for row in self.binding_rows.values() if row is not None),
        )
        self.pool = Pool(self.policy, self.terms_of)
        self.pool.restore(saved, self.now)
        self.pool.park(self.parked)
        self.under_way.clear()
        self.served_by = {(row.session, row.name): candidate(row.credential, row.model) for row in saved.bindings}
        assert set(self.pool.ledger.held()) == before, "a restart changes a standing"

    # -- always

    @invariant()
    def what_is_held_is_what_the_model_holds(self) -> None:
        found = {
            (credential, model): Held(
                standing.since, standing.failures, standing.probe_at, standing.overdue_at, standing.soft_at
            )
            for credential, model, standing in self.pool.ledger.held()
        }
        assert found == self.held

    @invariant()
    def requests_under_way_are_counted(self) -> None:
        for credential in self.terms:
            assert self.pool.ledger.credential(credential).in_flight == self.in_flight(credential)

    @invariant()
    def nothing_is_probed_twice_at_once(self) -> None:
        probes = [subject for request in self.under_way for subject in request.probes]
        assert len(probes) == len(set(probes))
        assert self.pool.probed == len({credential for credential, _ in probes})

    def teardown(self) -> None:
        """When all requests have ended, nothing is left of them."""
        for request in tuple(self.under_way):
            self.end(request)
        assert self.pool.probed == 0
        assert [self.pool.ledger.credential(credential).in_flight for credential in self.terms] == [0] * len(self.terms)

    # -- pieces

    def ask_once(self, asked: Asked) -> UnderWay | None:
        wanted = self.wanted(asked.name, asked.session, proves=asked.proves)
        moves = self.pool.affinity.moves
        promised = self.pool.seconds_until_ready(wanted, self.now)
        request = self.ask_for(wanted)
        assert (promised == 0.0) is (request is not None or any(map(self.is_busy, wanted.candidates)))
        assert self.pool.affinity.moves == moves, "a move is counted before it is answered"
        return request

    def hear(self, request: UnderWay, outcome: Outcome) -> None:
        """How a request went."""
        if outcome.verdict is not None:
            self.fail(request, outcome.verdict, outcome.status, outcome.hint, whole=outcome.whole)
        elif outcome.status == 200:
            self.succeed(request)
        else:
            self.change_nothing(request, too_large=outcome.status == 413)

    def succeed(self, request: UnderWay) -> None:
        grant = request.grant
        key = grant.wanted.session, grant.wanted.name
        moves = self.pool.affinity.moves
        self.pool.served(grant, self.now)
        moved = self.pool.affinity.moves - moves
        if grant.wanted.proves:
            for subject in self.subjects(grant.candidate):
                if self.held[subject].since <= grant.at:
                    del self.held[subject]
        if moved:
            assert moved == 1
            assert self.served_by[key] != grant.candidate, "a conversation that stays is counted as a move"
        if grant.wanted.session and grant.wanted.proves:
            now_at = self.pool.affinity.find(key, self.now)
            if now_at is not None and now_at.candidate == grant.candidate:
                self.served_by[key] = grant.candidate
        self.end(request)

    def change_nothing(self, request: UnderWay, *, too_large: bool) -> None:
        before = set(self.pool.ledger.held())
        if too_large:
            assert self.pool.failed(request.grant, TOO_LARGE, self.now, status=413) == 0
        self.end(request)
        assert set(self.pool.ledger.held()) == before, "a client's mistake, or a cancellation, changes a standing"

    def end(self, request: UnderWay) -> None:
        self.under_way.remove(request)
        self.pool.release(request.grant, self.now)

    def fail(
        self, request: UnderWay, verdict: Verdict, status: int, hint: float | None, *, whole: bool = False
    ) -> None:
        one = request.grant.candidate
        cost = self.pool.failed(request.grant, verdict, self.now, status=status, hint=hint, whole=whole)
        subject: Subject = (one.credential, "" if whole else one.model)
        before = self.held.get(subject)
        late = before is not None and request.grant.at < before.since
        failures = max(1, (before.failures if before is not None else 0) + (0 if late else 1))
        seconds = seconds_of(verdict, failures, hint)
        held = Held(
            self.now,
            failures,
            self.now + (EARLY if seconds > CAP else seconds),
            self.now + min(seconds, CAP),
            self.now + SOFT_LADDER[min(failures, len(SOFT_LADDER)) - 1] if verdict is TRANSIENT else None,
        )
        if not late or before is None or held.probe_at >= before.probe_at:
            self.held[subject] = held
        assert 0 < cost <= CAP
        assert cost == self.held[subject].overdue_at - self.now
        self.last_failure[one.credential] = self.now
        self.end(request)


def seconds_of(verdict: Verdict, failures: int, hint: float | None) -> float:
    """The table, for what the machine does."""
    if hint is not None:
        return max(1.0, hint)
    if verdict is RATE_LIMITED:
        return float(min(1800, 2 ** (failures - 1)))
    return {TRANSIENT: 60.0, UNAUTHORIZED: 1800.0, NO_SUCH_MODEL: 43_200.0}[verdict]


def test_the_pool_keeps_its_promises() -> None:
    run_state_machine_as_test(
        PoolMachine, settings=settings(max_examples=4 * EXAMPLES, stateful_step_count=50, deadline=None)
    )
