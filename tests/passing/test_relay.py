"""The body of an answer on its way to the client."""

from __future__ import annotations

import gzip
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.http import PotentialDataLoss
from zope.interface.verify import verifyObject

from cliproxy.passing.gunzip import MAX_HELD_BYTES, PIECE_BYTES, STEP_BYTES, MaybeGzip, Room
from cliproxy.passing.relay import IDLE_SECONDS, PARTING_SECONDS, Relay
from cliproxy.streaming.outlet import MAX_STALL_SECONDS
from tests.support.passing import Mouth, Told

PLAIN = b'{"threads":[1,2,3]}'
ZIPPED = gzip.compress(PLAIN, mtime=0)


class Way:
    """A body between an upstream and a client."""

    def __init__(self, suspect: bool = False, length: int | None = None, room: Room | None = None) -> None:
        self.clock = Clock()
        self.mouth = Mouth(self.clock)
        self.begun: list[int | None] = []
        self.told = Told()
        self.relay = Relay(self.mouth, self.clock, self._begin, length, MaybeGzip(room) if suspect else None)
        self.outcomes: list[object] = []
        self.relay.done.addBoth(self.outcomes.append)
        self.told.deliver(self.relay)

    def _begin(self, length: int | None) -> None:
        self.begun.append(length)
        self.mouth.head(200, ())

    def run(self) -> None:
        """As many turns as there is something to do at once."""
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())

    @property
    def was_left(self) -> bool:
        """Whether the one outcome is that the client left."""
        (outcome,) = self.outcomes
        return isinstance(outcome, Failure) and outcome.check(CancelledError) is not None


def test_it_is_a_push_producer() -> None:
    assert verifyObject(IPushProducer, Way().relay)


# -- as it comes


def test_the_head_is_told_before_the_body_comes() -> None:
    assert Way(length=5).begun == [5]


def test_bytes_are_told_as_they_come() -> None:
    way = Way()
    way.told.say(b"one")
    assert way.mouth.body == b"one"
    way.told.say(b"two")
    assert way.mouth.body == b"onetwo"


def test_a_whole_body_ends_well() -> None:
    way = Way()
    way.told.say(b"all").end()
    assert way.mouth.finished
    assert way.outcomes == [True]


def test_an_empty_body_ends_well() -> None:
    way = Way(length=0)
    way.told.end()
    assert way.mouth.finished
    assert way.begun == [0]


def test_a_body_that_the_connections_end_ends_is_whole() -> None:
    way = Way()
    way.told.say(b"all").end(PotentialDataLoss())
    assert way.outcomes == [True]


def test_nothing_stays_behind() -> None:
    way = Way()
    way.told.say(b"all").end()
    assert way.timers == 0
    assert not way.told.over


# -- backpressure


def test_a_full_client_pauses_the_upstream() -> None:
    way = Way()
    way.mouth.fill()
    assert way.told.is_paused


def test_room_resumes_it() -> None:
    way = Way()
    way.mouth.fill()
    way.mouth.drain()
    assert not way.told.is_paused


def test_what_comes_all_the_same_waits_in_its_order() -> None:
    way = Way()
    way.told.say(b"1")
    way.mouth.fill()
    way.told.say(b"2", b"3")
    assert way.mouth.body == b"1"
    way.mouth.drain()
    assert way.mouth.body == b"123"


def test_room_for_a_part_of_it_leaves_the_upstream_paused() -> None:
    way = Way()
    way.mouth.fill()
    way.told.say(b"1", b"2")
    way.mouth.drain(room=1)
    assert way.mouth.body == b"1"
    assert way.told.is_paused


def test_the_end_waits_for_what_is_before_it() -> None:
    way = Way()
    way.mouth.fill()
    way.told.say(b"1").end()
    assert not way.mouth.finished
    way.mouth.drain()
    assert way.mouth.body == b"1"
    assert way.mouth.finished


def test_a_client_that_is_full_from_the_start_is_heeded() -> None:
    way = Way(suspect=True)
    way.mouth.fill()
    way.told.say(b"{")
    assert way.told.is_paused
    assert way.mouth.body == b""


# -- a body that breaks off


def test_a_broken_body_is_told_as_far_as_it_came_and_then_cut() -> None:
    way = Way()
    way.told.say(b"half").cut()
    assert way.mouth.body == b"half"
    assert not way.mouth.closed
    way.clock.advance(PARTING_SECONDS)
    assert way.mouth.was_cut
    assert not way.mouth.finished


def test_what_was_told_last_is_flushed_before_the_cut() -> None:
    way = Way()
    way.told.say(b"half").cut()
    assert way.mouth.flushes == 1


def test_it_is_over_when_the_client_hears_no_more() -> None:
    way = Way()
    way.told.cut()
    way.clock.advance(PARTING_SECONDS)
    assert way.outcomes == []
    way.mouth.close()
    assert way.outcomes == [False]


def test_a_cut_waits_for_a_full_client() -> None:
    way = Way()
    way.mouth.fill()
    way.told.say(b"half").cut()
    way.clock.advance(PARTING_SECONDS)
    assert not way.mouth.closed
    way.mouth.drain()
    way.clock.advance(PARTING_SECONDS)
    assert way.mouth.was_cut
    assert way.mouth.body == b"half"


def test_a_cut_does_not_wait_for_ever_for_a_full_client() -> None:
    way = Way()
    way.mouth.fill()
    way.told.say(b"half").cut()
    way.clock.advance(MAX_STALL_SECONDS)
    assert way.mouth.was_cut
    assert way.timers == 0


def test_a_client_that_fills_and_empties_before_the_cut_is_cut_once() -> None:
    way = Way()
    way.told.say(b"half").cut()
    way.mouth.fill()
    way.mouth.drain()
    way.clock.advance(PARTING_SECONDS)
    way.mouth.close()
    assert way.outcomes == [False]
    assert way.timers == 0


# -- silence


def test_a_silent_upstream_is_cut_and_so_is_the_client() -> None:
    way = Way()
    way.told.say(b"half")
    way.clock.advance(IDLE_SECONDS - 1)
    assert not way.told.over
    way.clock.advance(1)
    assert way.told.over
    way.clock.advance(PARTING_SECONDS)
    assert way.mouth.was_cut


def test_each_byte_begins_the_silence_anew() -> None:
    way = Way()
    way.clock.advance(IDLE_SECONDS - 1)
    way.told.say(b".")
    way.clock.advance(IDLE_SECONDS - 1)
    assert not way.told.over


def test_a_full_client_is_not_the_upstreams_silence() -> None:
    way = Way()
    way.clock.advance(IDLE_SECONDS - 1)
    way.mouth.fill()
    way.clock.advance(2)
    assert not way.told.over


def test_a_client_that_stays_full_is_cut_in_the_end() -> None:
    way = Way()
    way.clock.advance(IDLE_SECONDS - 1)
    way.mouth.fill()
    way.clock.advance(1)
    way.clock.advance(MAX_STALL_SECONDS)
    assert way.told.over
    assert way.mouth.was_cut
    assert way.timers == 0


def test_the_end_of_the_upstream_after_its_cut_is_nothing_new() -> None:
    way = Way()
    way.clock.advance(IDLE_SECONDS)
    way.told.cut()
    way.clock.advance(PARTING_SECONDS)
    way.mouth.close()
    assert way.outcomes == [False]


# -- the client leaves


@pytest.mark.parametrize("suspect", [False, True])
def test_when_the_client_leaves_the_upstream_is_cut_at_once(suspect: bool) -> None:
    way = Way(suspect)
    way.told.say(ZIPPED[:5])
    way.relay.done.cancel()
    assert way.told.over
    assert way.was_left
    assert way.timers == 0


def test_then_nothing_more_is_told() -> None:
    way = Way()
    way.relay.done.cancel()
    way.relay.dataReceived(b"late")
    way.told.cut()
    assert way.mouth.body == b""
    assert not way.mouth.closed


def test_between_the_break_and_the_cut_too() -> None:
    way = Way()
    way.told.say(b"half").cut()
    way.relay.done.cancel()
    assert way.timers == 0
    assert not way.mouth.closed
    assert not way.told.over


def test_in_the_midst_of_decoding_too() -> None:
    way = Way(suspect=True)
    way.told.say(gzip.compress(bytes(4 * STEP_BYTES)))
    assert way.timers == 2
    way.relay.done.cancel()
    assert way.timers == 0


# -- what may be gzip


def test_gzip_is_told_plain_with_its_length() -> None:
    way = Way(suspect=True, length=len(ZIPPED))
    way.told.say(ZIPPED)
    assert way.begun == []
    way.told.end()
    assert way.begun == [len(PLAIN)]
    assert way.mouth.body == PLAIN
    assert way.mouth.finished


@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(gzip.compress)), st.lists(st.integers(0), max_size=6)
)
def test_however_it_is_cut_a_body_is_told_plain_or_as_it_is(body: bytes, cuts: list[int]) -> None:
    way = Way(suspect=True, length=len(body))
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    way.told.say(*(body[start:end] for start, end in pairwise(edges))).end()
    plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    assert way.mouth.body == plain
    assert way.begun == [len(plain)]
    assert way.outcomes == [True]


@pytest.mark.parametrize("body", [b"", b"\x1f", b"\x1f\x8b", ZIPPED[:-3], ZIPPED[:-8] + bytes(8), ZIPPED + b"x", b"x"])
@pytest.mark.parametrize("announced", [True, False])
def test_what_is_no_sound_gzip_is_told_as_it_came(body: bytes, announced: bool) -> None:
    length = len(body) if announced else None
    way = Way(suspect=True, length=length)
    for byte in body:
        way.told.say(bytes([byte]))
    way.told.end()
    assert (way.mouth.body, way.begun, way.outcomes) == (body, [length], [True])


def test_what_does_not_begin_like_it_passes_at_once() -> None:
    way = Way(suspect=True)
    way.told.say(b"{")
    assert way.mouth.body == b"{"


@pytest.mark.parametrize("came", [b"", b"\x1f", ZIPPED[:5], ZIPPED[:-1], ZIPPED])
def test_of_a_body_that_breaks_off_all_that_came_is_told(came: bytes) -> None:
    way = Way(suspect=True, length=100)
    way.told.say(*(bytes([byte]) for byte in came)).cut()
    assert way.begun == [100]
    assert way.mouth.body == came
    way.clock.advance(PARTING_SECONDS)
    assert way.mouth.was_cut


def test_a_body_that_turns_out_bad_goes_on_as_it_comes() -> None:
    way = Way(suspect=True)
    way.told.say(b"\x1f\x8b", b" no gzip")
    assert way.mouth.body == b"\x1f\x8b no gzip"
    way.told.say(b" at all")
    assert way.mouth.body == b"\x1f\x8b no gzip at all"


def test_much_is_decoded_in_turns_while_the_upstream_rests() -> None:
    way = Way(suspect=True)
    way.told.say(gzip.compress(bytes(4 * STEP_BYTES)))
    assert way.told.is_paused
    way.run()
    assert not way.told.is_paused
    way.told.end()
    assert way.mouth.body == bytes(4 * STEP_BYTES)


def test_a_body_that_ends_while_it_is_decoded_is_told_whole() -> None:
    way = Way(suspect=True)
    way.told.say(gzip.compress(bytes(4 * STEP_BYTES))).end()
    assert way.begun == []
    way.run()
    assert way.mouth.body == bytes(4 * STEP_BYTES)
    assert way.outcomes == [True]
    assert way.timers == 0


def test_one_that_breaks_off_meanwhile_is_told_as_it_came() -> None:
    way = Way(suspect=True, length=10**6)
    body = gzip.compress(bytes(4 * STEP_BYTES))[:-8]
    way.told.say(body).cut()
    way.run()
    assert way.mouth.body == body
    way.clock.advance(PARTING_SECONDS)
    assert way.mouth.was_cut


def test_more_that_comes_while_it_is_decoded_is_kept() -> None:
    way = Way(suspect=True)
    body = gzip.compress(bytes(4 * STEP_BYTES)) + gzip.compress(b"more")
    way.told.say(body[:-30], body[-30:]).end()
    way.run()
    assert way.mouth.body == bytes(4 * STEP_BYTES) + b"more"


def test_a_decoded_body_waits_for_room_piece_by_piece() -> None:
    way = Way(suspect=True)
    way.mouth.room = 1
    way.told.say(gzip.compress(bytes(3 * PIECE_BYTES))).end()
    for pieces in (1, 2):
        assert len(way.mouth.body) == pieces * PIECE_BYTES
        assert not way.mouth.finished
        way.mouth.drain(room=1)
    assert len(way.mouth.body) == 3 * PIECE_BYTES
    assert way.mouth.finished


# -- the room that gathered bodies take up


@pytest.mark.parametrize("ending", ["end", "cut", "left"])
def test_the_room_of_a_gathered_body_is_given_back_however_it_ends(ending: str) -> None:
    room = Room()
    way = Way(suspect=True, room=room)
    way.told.say(ZIPPED[:10])
    assert room.left == MAX_HELD_BYTES - 10
    if ending == "left":
        way.relay.done.cancel()
    elif ending == "cut":
        way.told.end(RuntimeError("cut"))
        way.clock.advance(PARTING_SECONDS)
    else:
        way.told.say(ZIPPED[10:])
        way.told.end()
        way.run()
    assert room.left == MAX_HELD_BYTES
