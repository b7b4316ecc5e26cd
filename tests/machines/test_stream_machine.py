"""A stream under every sequence of what its two ends may do: nothing raises, and it ends exactly once."""

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
from twisted.web.http import PotentialDataLoss

from cliproxy.errors import Unavailable
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from cliproxy.streaming.pump import Phase
from cliproxy.translate.readers import PassedBody
from tests.support.ends import IDLE_SECONDS, Reply
from tests.support.house import BLOCK, OVERLOADED, PING, START, STOP, delta

PIECES = st.sampled_from(
    [
        START,
        PING,
        BLOCK,
        delta("one"),
        delta("two")[:25],
        delta("two")[25:],
        STOP,
        OVERLOADED,
        b": comment\n\n",
        b"\n",
        b"data: nonsense\n\n",
        b"<html>\n\n",
        b"\x1f\x8b\x08",
        b"x" * 20_000,
        b"",
    ]
)
LAST = (b'{"type":"message_stop"', b'{"type":"error"')


class StreamMachine(RuleBasedStateMachine):
    """An upstream, a client, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.reply = Reply()
        self.is_stream = True
        self.body_over = False
        self.reads = True
        self.gone = False

    @initialize(
        is_stream=st.booleans(),
        early=st.lists(PIECES, max_size=3),
        end=st.sampled_from([None, None, "well", "unframed", "cut"]),
        patient=st.booleans(),
    )
    def begin(self, is_stream: bool, early: list[bytes], end: str | None, patient: bool) -> None:
        """What has come already is delivered at once; the exchange lets it flow as soon as it has proved good."""
        self.is_stream = is_stream
        if not is_stream:
            self.reply = Reply(PassedBody(may_be_empty=False))
        self.reply.upstream.say(*early)
        if end is not None:
            self.end(end)
        self.reply.deliver(patience=None if patient else 15.0)
        self.reply.pump.proven.addCallback(lambda _: self._flow())

    def _flow(self) -> None:
        if self.reply.proofs == [None]:
            self.reply.flow()

    @precondition(lambda self: not self.body_over)
    @rule(piece=PIECES)
    def say(self, piece: bytes) -> None:
        self.reply.upstream.say(piece)

    @precondition(lambda self: not self.body_over)
    @rule(how=st.sampled_from(["well", "unframed", "cut"]))
    def end(self, how: str) -> None:
        self.body_over = True
        if how == "cut":
            self.reply.upstream.cut()
        else:
            self.reply.upstream.end(PotentialDataLoss() if how == "unframed" else None)

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.02, 1.0, 15.0, IDLE_SECONDS, MAX_STALL_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.reply.clock.advance(seconds)

    @precondition(lambda self: not self.gone and not self.reply.sink.closed)
    @rule()
    def toggle_reading(self) -> None:
        self.reads = not self.reads
        if self.reads:
            self.reply.caller.read()
        else:
            self.reply.caller.stop_reading()

    @rule()
    def leave(self) -> None:
        self.gone = True
        self.reply.caller.leave()
        self.reply.pump.abandon()

    @rule()
    def break_off(self) -> None:
        self.reply.pump.break_off(Unavailable("Closing time."))

    @invariant()
    def each_outcome_is_told_once(self) -> None:
        assert len(self.reply.proofs) <= 1
        assert len(self.reply.outcomes) <= 1

    @invariant()
    def a_stream_has_whole_events_and_one_terminator(self) -> None:
        caller = self.reply.caller
        if not self.is_stream or not caller.told:
            return
        assert caller.body.endswith(b"\n") or not caller.body
        events = [event for event in caller.body.split(b"\n\n") if event.strip(b"\n")]
        terminators = [event for event in events if any(last in event for last in LAST)]
        assert terminators in ([], events[-1:])
        if caller.ended:
            assert terminators
        if self.reply.pump.phase in (Phase.ENDED, Phase.BROKEN):
            assert caller.ended or self.gone

    def teardown(self) -> None:
        """Whatever happened, both ends gone leave nothing behind."""
        phase = self.reply.pump.phase
        for _ in range(int(MAX_STALL_SECONDS / IDLE_SECONDS) + 2):
            self.reply.clock.advance(IDLE_SECONDS)
        self.reply.clock.pump([0, 0.02, 0.02])
        assert self.reply.pump.phase not in (Phase.PROBING, Phase.STREAMING), phase
        assert self.reply.clock.getDelayedCalls() == []


def test_every_sequence_ends_once() -> None:
    run_state_machine_as_test(StreamMachine, settings=settings(max_examples=150, stateful_step_count=30, deadline=None))
