"""Whatever upstreams and clients do, and in whatever order: every client is told, and nothing is left behind."""

from __future__ import annotations

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

from cliproxy.config.schema import Config, Retrying, Routing
from tests.support.house import (
    BLOCK,
    EVENT_STREAM,
    JSON,
    LIMITED,
    MODEL,
    MONTH,
    NO_SUCH_MODEL,
    OVERLOADED,
    START,
    WHOLE,
    Asked,
    Caller,
    Daemon,
    FakeRenewer,
    key,
    login,
    refuse,
    serve,
)

SPARE = "claude-haiku-4-5"
LONGEST = 7 * 3600
"""Three upstreams that never answer, asked for two models one after the other, twice."""


class ExchangeMachine(RuleBasedStateMachine):
    """Some clients, some upstreams, and a daemon between them."""

    @initialize(
        keys=st.integers(1, 3),
        limit=st.sampled_from([0, 1, 2]),
        queue=st.sampled_from([0, 2, 128]),
        rounds=st.integers(0, 2),
        hedge=st.sampled_from([0.0, 0.5]),
        fallback=st.booleans(),
    )
    def begin(self, keys: int, limit: int, queue: int, rounds: int, hedge: float, fallback: bool) -> None:
        retrying = Retrying(request_retry=rounds, hedge_seconds=hedge, fallbacks={MODEL: (SPARE,)} if fallback else {})
        routing = Routing(max_concurrency=limit, queue_size=queue, queue_seconds=20.0)
        claude_keys = tuple(key(number) for number in range(keys))
        self.daemon = Daemon(0, Config(claude_keys=claude_keys, retrying=retrying, routing=routing), patient=True)
        self.daemon.house.take_logins({login(0).name: login(0, "")})
        self.renewer = FakeRenewer(self.daemon.house)
        self.clients: list[Caller] = []
        self.begun: list[Asked] = []

    @property
    def silent(self) -> list[Asked]:
        """Those that have not answered."""
        return [asked for asked in self.daemon.upstream.asked if not (asked.answered.called or asked.cancelled)]

    @property
    def flowing(self) -> list[Asked]:
        return [asked for asked in self.begun if not asked.over]

    # -- clients

    @rule(session=st.sampled_from("abc"), stream=st.booleans(), model=st.sampled_from([MODEL, SPARE]))
    def ask(self, session: str, stream: bool, model: str) -> None:
        self.clients.append(self.daemon.talk(session, stream=stream, model=model))

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        self.clients.pop(which % len(self.clients)).leave()

    # -- upstreams

    @precondition(lambda self: self.silent)
    @rule(which=st.integers(0, 9))
    def serve(self, which: int) -> None:
        serve(self.silent[which % len(self.silent)])

    @precondition(lambda self: self.silent)
    @rule(
        which=st.integers(0, 9),
        status=st.sampled_from([307, 400, 401, 402, 404, 429, 500, 529]),
        hint=st.sampled_from(["", "0", "5", MONTH]),
        body=st.sampled_from([LIMITED, NO_SUCH_MODEL]),
    )
    def refuse(self, which: int, status: int, hint: str, body: bytes) -> None:
        headers = (("Retry-After", hint),) if hint else ()
        refuse(self.silent[which % len(self.silent)], status, *headers, body=body)

    @precondition(lambda self: self.silent)
    @rule(which=st.integers(0, 9), so_far=st.sampled_from([b"", START, START + OVERLOADED, START + BLOCK]))
    def begin_stream(self, which: int, so_far: bytes) -> None:
        asked = self.silent[which % len(self.silent)]
        self.begun.append(asked.answer(200, EVENT_STREAM, body=so_far))

    @precondition(lambda self: self.silent)
    @rule(which=st.integers(0, 9), size=st.sampled_from([1, 20_000]))
    def begin_body(self, which: int, size: int) -> None:
        self.begun.append(self.silent[which % len(self.silent)].answer(200, JSON, body=b"x" * size))

    @precondition(lambda self: self.silent)
    @rule(which=st.integers(0, 9))
    def fail(self, which: int) -> None:
        self.silent[which % len(self.silent)].fail()

    @precondition(lambda self: self.flowing)
    @rule(which=st.integers(0, 9), end=st.sampled_from(["cut", "end", "go on"]))
    def go_on(self, which: int, end: str) -> None:
        asked = self.flowing[which % len(self.flowing)]
        if end == "cut":
            asked.cut()
        else:
            asked.say(WHOLE[len(START) :])
            if end == "end" and not asked.over:
                asked.end()

    # -- the rest of the world

    @rule(renewed=st.booleans(), number=st.integers(0, 1000))
    def renew(self, renewed: bool, number: int) -> None:
        if renewed:
            self.renewer.give(login(0, f"token-{number}"))
        else:
            self.renewer.refuse()

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.3, 6.0, 61.0, 600.0]))
    def pass_time(self, seconds: float) -> None:
        self.daemon.clock.advance(seconds)

    @rule()
    def reload(self) -> None:
        self.daemon.house.configure(self.daemon.config)

    # -- what holds

    @invariant()
    def who_asks_is_counted(self) -> None:
        if hasattr(self, "daemon"):
            running = self.daemon.house._exchanges.running
            assert self.in_flight <= 2 * running
            assert len(self.daemon.house._exchanges.waiting) <= running

    @property
    def in_flight(self) -> int:
        return sum(record.in_flight for record in self.daemon.house.pool.ledger.credentials.values())

    def teardown(self) -> None:
        if not hasattr(self, "daemon"):
            return
        for _ in range(LONGEST // 60):
            if not self.daemon.house._exchanges.running:
                break
            self.daemon.clock.advance(60)
            self.renewer.refuse()
        assert all(client.was_cut or client.ended for client in self.clients)
        for client in self.clients:
            client.leave()
        self.daemon.assert_quiet()
        assert self.in_flight == 0
        assert not self.daemon.house.pool._probing


def test_whatever_happens_every_client_is_told_and_nothing_is_left() -> None:
    run_state_machine_as_test(ExchangeMachine, settings=settings(stateful_step_count=40))
