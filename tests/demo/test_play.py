from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from cliproxy.demo.play import MAX_WRITE_BYTES, STEPS_A_TURN, Player
from cliproxy.demo.replies import Chunk, Cut, End, Pause, Reply, Stamped, Step
from tests.demo.asking import Remembered


def playing(*steps: Step, wait_seconds: float = 0.0) -> tuple[Player, Clock, Remembered]:
    clock, target = Clock(), Remembered()
    return Player(Reply(200, (), steps, wait_seconds), clock, target), clock, target


def test_a_short_reply_is_played_at_once_without_a_timer() -> None:
    player, clock, target = playing(Chunk(b"a"), Chunk(b"b"), End())
    player.start()
    assert (target.log, target.body) == (["head 200", "end"], b"ab")
    assert clock.getDelayedCalls() == []


def test_a_long_reply_gives_the_reactor_a_turn_after_each_group() -> None:
    player, clock, target = playing(*[Chunk(b"x")] * (STEPS_A_TURN * 2), End())
    player.start()
    assert len(target.body) == STEPS_A_TURN
    clock.advance(0)
    assert len(target.body) == 2 * STEPS_A_TURN
    clock.advance(0)
    assert target.log[-1] == "end"


def test_a_pause_is_kept() -> None:
    player, clock, target = playing(Chunk(b"a"), Pause(2), Chunk(b"b"), End())
    player.start()
    clock.advance(1.9)
    assert target.body == b"a"
    clock.advance(0.1)
    assert target.body == b"ab"


def test_the_silence_before_the_head_is_kept() -> None:
    player, clock, target = playing(End(), wait_seconds=3)
    player.start()
    assert target.log == []
    clock.advance(3)
    assert target.log == ["head 200", "end"]


def test_a_cut_is_passed_on() -> None:
    player, _, target = playing(Chunk(b"a"), Cut())
    player.start()
    assert target.log == ["head 200", "cut"]


def test_a_stamp_is_the_time_of_sending() -> None:
    player, clock, target = playing(Pause(1), Stamped(b"<", b">"), End())
    player.start()
    before = time.monotonic_ns()
    clock.advance(1)
    assert before <= int(target.body[1:-1]) <= time.monotonic_ns()


def test_a_large_chunk_goes_out_in_bounded_writes() -> None:
    body = bytes(range(256)) * 1000
    player, clock, target = playing(Chunk(body), Chunk(b"!"), End())
    player.start()
    clock.advance(0)
    assert target.body == body + b"!"
    assert max(target.writes) <= MAX_WRITE_BYTES


def test_a_pause_asked_for_within_a_write_holds_the_next_one() -> None:
    player, clock, target = playing(*[Chunk(b"x")] * 3, End())
    target.on_write = player.pause
    player.start()
    clock.advance(10)
    assert target.body == b"x"


def test_after_resume_the_rest_comes_in_the_next_turn() -> None:
    player, clock, target = playing(Chunk(b"a"), Chunk(b"b"), End())
    player.pause()
    player.start()
    player.resume()
    assert target.body == b""
    clock.advance(0)
    assert target.body == b"ab"


def test_pause_and_resume_within_a_write_change_nothing() -> None:
    player, clock, target = playing(*[Chunk(b"x")] * 5, End())

    def blink() -> None:
        player.pause()
        player.resume()

    target.on_write = blink
    player.start()
    assert target.body == b"xxxxx"
    assert clock.getDelayedCalls() == []


def test_a_silence_that_ends_while_paused_waits_for_resume() -> None:
    player, clock, target = playing(Pause(1), Chunk(b"a"), End())
    player.start()
    player.pause()
    clock.advance(5)
    assert target.body == b""
    player.resume()
    clock.advance(0)
    assert target.body == b"a"


def test_resume_does_not_shorten_a_silence() -> None:
    player, clock, target = playing(Pause(9), Chunk(b"a"), End())
    player.start()
    player.pause()
    player.resume()
    clock.advance(8)
    assert target.body == b""


def test_stop_leaves_no_timer_and_tells_nothing_more() -> None:
    player, clock, target = playing(Chunk(b"a"), Pause(9), Chunk(b"b"), End())
    player.start()
    player.stop()
    player.resume()
    assert clock.getDelayedCalls() == []
    assert target.log == ["head 200"]


def test_stop_within_a_write_is_the_last_write() -> None:
    player, _, target = playing(*[Chunk(b"x")] * 5, End())
    target.on_write = player.stop
    player.start()
    assert (target.body, target.log) == (b"x", ["head 200"])


@given(
    st.lists(st.sampled_from([Chunk(b"a"), Chunk(b"b" * 70_000), Pause(1)]), max_size=50),
    st.lists(st.sampled_from(["pause", "resume", "tick"]), max_size=30),
)
def test_however_it_is_held_up_all_arrives_in_order(steps: list[Step], moves: list[str]) -> None:
    player, clock, target = playing(*steps, End())
    player.start()
    for move in moves:
        if move == "tick":
            clock.advance(0.5)
        elif move == "pause":
            player.pause()
        else:
            player.resume()
    player.resume()
    for _ in range(500):
        clock.advance(1)
    assert target.log == ["head 200", "end"]
    assert target.body == b"".join(step.body for step in steps if isinstance(step, Chunk))
    assert clock.getDelayedCalls() == []
