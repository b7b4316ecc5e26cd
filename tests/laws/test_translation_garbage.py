"""Whatever an upstream sends, the client gets a stream in its own grammar: nothing raises, and nothing hangs open."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import UpstreamTrouble
from tests.support.translating import GRAMMARS, PAIRS, TELLERS, chances, often, passed, reader, turns
from tests.support.values import objects, places_in, values

Pair = tuple[str, str]
pairs = st.sampled_from(PAIRS)


def framed(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value).encode()


def payload(frame: bytes) -> Any:
    """What an event of a teller's says; None for an end mark."""
    line = next(line for line in frame.splitlines() if line.startswith(b"data:"))
    return None if line == b"data: [DONE]" else json.loads(line[5:])


@st.composite
def spoilt(draw: st.DrawFn, wire: str) -> list[bytes]:
    """A good stream of which events are missing, doubled, or in another order, and some values others."""
    frames = TELLERS[wire].events(draw(turns(wire, choices=3)), draw(chances))
    chance = draw(chances)
    for _ in range(draw(st.integers(1, 4))):
        number = chance.randrange(len(frames))
        change = chance.randrange(4)
        if change == 0:
            frames[number : number + 1] = [] if len(frames) > 1 else frames
        elif change == 1:
            frames.insert(chance.randrange(len(frames) + 1), frames[number])
        elif change == 2:
            other = chance.randrange(len(frames))
            frames[number], frames[other] = frames[other], frames[number]
        elif places := places_in(value := payload(frames[number])):
            holder, key = chance.choice(places)
            if chance.random() < 0.3:
                del holder[key]
            else:
                holder[key] = draw(values)
            frames[number] = framed(value)
    return frames


def check_outcome(pair: Pair, pieces: list[bytes]) -> None:
    reply = reader(*pair)
    said = GRAMMARS[pair[1]].check(passed(pieces, reply))
    assert reply.complete
    assert (said.error is not None) == (reply.trouble is not None or reply.reported is not None)


@often
@given(pairs, st.data())
def test_a_spoilt_stream_comes_out_in_the_clients_grammar(pair: Pair, data: st.DataObject) -> None:
    check_outcome(pair, data.draw(spoilt(pair[0])))


@often
@given(pairs, st.lists(objects, max_size=8))
def test_any_objects_as_events_come_out_in_the_clients_grammar(pair: Pair, events: list[Any]) -> None:
    check_outcome(pair, [framed(event) for event in events])


@often
@given(pairs, st.lists(st.binary(max_size=20) | st.sampled_from((b"data: ", b"\n\n", b"{}", b"[DONE]")), max_size=8))
def test_any_bytes_come_out_in_the_clients_grammar(pair: Pair, pieces: list[bytes]) -> None:
    check_outcome(pair, pieces)


@often
@given(pairs, objects, st.booleans())
def test_any_object_as_a_body_is_a_reply_or_trouble(pair: Pair, body: Any, stream: bool) -> None:
    check_body(pair, json.dumps(body).encode(), stream)


@often
@given(pairs, st.data(), chances, st.booleans())
def test_a_spoilt_body_is_a_reply_or_trouble(pair: Pair, data: st.DataObject, chance: Random, stream: bool) -> None:
    body = json.loads(TELLERS[pair[0]].whole(data.draw(turns(pair[0], in_order=True, choices=3))))
    for _ in range(chance.randrange(1, 4)):
        places = places_in(body)
        if places:
            holder, key = chance.choice(places)
            holder[key] = data.draw(values)
    check_body(pair, json.dumps(body).encode(), stream)


@often
@given(pairs, st.binary(max_size=40))
def test_any_bytes_as_a_body_are_trouble(pair: Pair, body: bytes) -> None:
    reply = reader(*pair, stream=False, streams=False)
    assert reply.feed(body) + reply.finish() == b""
    assert isinstance(reply.trouble, UpstreamTrouble)


def check_body(pair: Pair, body: bytes, stream: bool) -> None:
    reply = reader(*pair, stream=stream, streams=False)
    told = passed([body], reply)
    if stream:
        said = GRAMMARS[pair[1]].check(told)
        assert (said.error is not None) == (reply.trouble is not None or reply.reported is not None)
    elif reply.trouble is None:
        GRAMMARS[pair[1]].read(told)
    else:
        assert told == b""
