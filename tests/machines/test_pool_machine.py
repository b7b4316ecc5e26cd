"""The pool under any history of asks, answers, passing time and reloads."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.routing.pool import Pool, Standing, Wait
from cliproxy.routing.verdicts import NO_ANSWER

NAMES = ("a", "b", "c", "d")
CAP = 600.0
MODEL = ModelName("m")


def candidate(name: str) -> Candidate:
    return Candidate(CredentialId(name), MODEL)


class PoolMachine(RuleBasedStateMachine):
    """Requests under way answer in any order, so that late answers come after cooldowns have begun."""

    @initialize(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def begin(self, names: set[str]) -> None:
        self.now = 0.0
        self.pool = Pool(CAP)
        self.cools_until = dict.fromkeys(sorted(names), 0.0)
        self.under_way: list[tuple[str, float]] = []

    def ready(self) -> list[str]:
        return [name for name, until in self.cools_until.items() if until <= self.now]

    @rule()
    def ask(self) -> None:
        ready = self.ready()
        chosen = self.pool.choose([candidate(name) for name in self.cools_until], self.pool.turn(MODEL), self.now)
        if not ready:
            assert isinstance(chosen, Wait)
            assert chosen.seconds == min(self.cools_until.values()) - self.now
            assert 0 < chosen.seconds <= CAP
            return
        assert isinstance(chosen, Candidate)
        assert chosen.credential in ready, "a cooling credential was chosen while another was ready"
        self.under_way.append((chosen.credential, self.now))

    @precondition(lambda self: self.ready())
    @rule()
    def ask_around(self) -> None:
        """In a row of asks as long as there are ready credentials, each of them is chosen."""
        ready = self.ready()
        chosen = set()
        for _ in ready:
            choice = self.pool.choose([candidate(name) for name in self.cools_until], self.pool.turn(MODEL), self.now)
            assert isinstance(choice, Candidate)
            chosen.add(choice.credential)
        assert chosen == set(ready), "a ready credential starves"

    @precondition(lambda self: self.ready())
    @rule()
    def ask_until_all_were_tried(self) -> None:
        """One request that fails everywhere meets every ready credential once."""
        turn = self.pool.turn(MODEL)
        tried: list[Candidate] = []
        while isinstance(
            choice := self.pool.choose(list(map(candidate, self.cools_until)), turn, self.now, tried), Candidate
        ):
            assert choice not in tried
            tried.append(choice)
        assert {choice.credential for choice in tried} == set(self.ready())

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        name, asked_at = self._answered(data)
        before = self.pool.standing(candidate(name))
        self.pool.served(candidate(name), asked_at)
        if before.since <= asked_at:
            self.cools_until[name] = 0.0
            assert self.pool.standing(candidate(name)) == Standing()
        else:
            assert self.pool.standing(candidate(name)) == before, "a late success ends a cooldown begun meanwhile"

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), hint=st.none() | st.floats(0, 1e9))
    def rate_limited(self, data: st.DataObject, hint: float | None) -> None:
        self._fail(self._answered(data)[0], 429, hint)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def refused(self, data: st.DataObject) -> None:
        self._fail(self._answered(data)[0], 401, None)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), status=st.sampled_from([NO_ANSWER, 500, 503, 529]))
    def broken(self, data: st.DataObject, status: int) -> None:
        self._fail(self._answered(data)[0], status, None)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), status=st.sampled_from([400, 404, 413, 422]))
    def mistaken_client(self, data: st.DataObject, status: int) -> None:
        name = candidate(self._answered(data)[0])
        before = self.pool.standing(name)
        assert self.pool.failed(name, status, self.now, 1000.0) == 0
        assert self.pool.standing(name) == before

    @rule(seconds=st.sampled_from([0.5, 1.0, 59.0, 60.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def reload(self, names: set[str]) -> None:
        before = {name: self.pool.standing(candidate(name)) for name in names & set(self.cools_until)}
        self.pool.keep_only(names)
        for name, standing in before.items():
            assert self.pool.standing(candidate(name)) == standing, "a reload forgets a standing"
        for name in set(NAMES) - names:
            assert self.pool.standing(candidate(name)) == Standing(), "a reload keeps who is gone"
        self.cools_until = {name: self.cools_until.get(name, 0.0) for name in sorted(names)}
        self.under_way = [(name, asked_at) for name, asked_at in self.under_way if name in names]

    @invariant()
    def no_cooldown_exceeds_the_cap(self) -> None:
        for name in self.cools_until:
            assert self.pool.standing(candidate(name)).cools_until <= self.now + CAP

    @invariant()
    def everybody_is_back_after_the_cap(self) -> None:
        for name in self.cools_until:
            assert self.pool.choose([candidate(name)], 0, self.now + CAP) == candidate(name)

    def _answered(self, data: st.DataObject) -> tuple[str, float]:
        return self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))

    def _fail(self, name: str, status: int, hint: float | None) -> None:
        seconds = self.pool.failed(candidate(name), status, self.now, hint)
        until = self.pool.standing(candidate(name)).cools_until
        assert until >= self.cools_until[name], "a late answer shortens a cooldown"
        assert 0 <= seconds <= CAP
        assert until == self.now + seconds
        self.cools_until[name] = until


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPool = PoolMachine.TestCase
