from __future__ import annotations

import pytest

from cliproxy.demo.history import Instruction
from cliproxy.demo.plan import Talk, Turn
from cliproxy.demo.replies import Chunk, DemoRequest, End, Pace, Pause, Reply, Step
from cliproxy.demo.serving import Voice, json_reply, seed_of, serve, speak
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from cliproxy.errors import ClientMistake, Unauthenticated


def stream(turn: Turn, pace: Pace) -> list[Step]:
    return [*pace.paced([Chunk(piece.encode()) for piece in turn.text]), End()]


VOICE = Voice(
    whole=lambda turn: "".join(turn.text).encode(),
    stream=stream,
    error=lambda status, message: json_reply(status, message.encode()),
    error_event=lambda message, before: b"error %d" % before,
)


def spoken(text: str, streamed: bool = True) -> Reply:
    return speak(Talk(Instruction((text,))), DemoSettings(deltas=4), VOICE, streamed)


def served(request: DemoRequest) -> Reply:
    def refuse(mistake: ClientMistake, seed: str) -> Reply:
        return json_reply(mistake.status, mistake.message.encode())

    def check(request: DemoRequest) -> None:
        if not request.headers:
            raise Unauthenticated("no key")

    def route(request: DemoRequest, settings: DemoSettings, seed: str) -> Reply:
        return json_reply(200, seed.encode())

    return serve(request, DemoSettings(), route if request.path == "/" else None, check, refuse)


def test_a_stream_is_not_cached() -> None:
    assert dict(spoken("x").headers) == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
    }


def test_a_pause_stands_before_every_delta() -> None:
    assert spoken("[[say:abcd]][[delay:10]]").steps[:3] == [Pause(0.01), Chunk(b"a"), Pause(0.01)]


def test_a_whole_reply_takes_as_long_as_its_stream() -> None:
    assert spoken("[[say:abcd]][[delay:10]]", streamed=False).wait_seconds == pytest.approx(0.04)


def test_an_error_event_knows_how_many_went_before_it() -> None:
    assert spoken("[[say:abcd]][[fault:error]]").steps[-2:] == [Chunk(b"error 2"), End()]
    assert spoken("[[say:abcd]][[fault:error-first]]").steps == [Chunk(b"a"), Chunk(b"error 1"), End()]


def test_an_error_in_a_whole_reply_is_a_status() -> None:
    assert spoken("[[fault:error]]", streamed=False).status == 503


def test_a_fault_that_is_a_status_is_one() -> None:
    assert spoken("[[fault:402]]").status == 402


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (DemoRequest("GET", "/", "", {"key": "k"}), 200),
        (DemoRequest("GET", "/", "", {}), 401),
        (DemoRequest("GET", "/else", "", {"key": "k"}), 404),
        (DemoRequest("GET", "/", "", {"key": "k"}, bytes(MAX_BODY_BYTES + 1)), 413),
    ],
)
def test_a_request_is_looked_at_before_its_body(request_: DemoRequest, status: int) -> None:
    assert served(request_).status == status


def test_another_body_has_another_seed() -> None:
    one, two = (seed_of(DemoRequest("POST", "/", "", {}, body)) for body in (b"a", b"b"))
    assert one != two
    assert len(one) == 64
