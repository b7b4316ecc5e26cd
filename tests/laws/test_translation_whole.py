"""A turn told whole and the same turn streamed are the same reply, whichever of the two the client wants."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.grammars.said import Said
from tests.support.translating import GRAMMARS, PAIRS, TELLERS, chances, expected, heard, often, passed, reader, turns

Pair = tuple[str, str]
pairs = st.sampled_from(PAIRS)


def from_whole(turn: Said, pair: Pair, *, stream: bool) -> bytes:
    """What the client is told of a turn that the upstream told whole."""
    return passed([TELLERS[pair[0]].whole(turn)], reader(*pair, stream=stream, streams=False))


def from_stream(turn: Said, pair: Pair, chance: Random) -> bytes:
    """The body that the client is told of a turn that the upstream streamed."""
    return passed(TELLERS[pair[0]].events(turn, chance), reader(*pair, stream=False))


@often
@given(pairs, st.data())
def test_what_was_said_whole_arrives(pair: Pair, data: st.DataObject) -> None:
    upstream, client = pair
    turn = data.draw(turns(upstream, in_order=True, choices=3))
    said = GRAMMARS[client].read(from_whole(turn, pair, stream=False))
    assert heard(said, client, counted=turn.tokens is not None) == expected(turn, upstream, client)


@often
@given(pairs, st.data(), chances)
def test_a_streamed_turn_and_the_same_turn_whole_make_one_body(pair: Pair, data: st.DataObject, chance: Random) -> None:
    turn = data.draw(turns(pair[0], in_order=True, choices=3))
    read, client = GRAMMARS[pair[1]].read, pair[1]
    streamed, whole = from_stream(turn, pair, chance), from_whole(turn, pair, stream=False)
    assert heard(read(streamed), client) == heard(read(whole), client)


@often
@given(pairs, st.data())
def test_a_whole_turn_is_streamed_in_the_clients_grammar(pair: Pair, data: st.DataObject) -> None:
    turn = data.draw(turns(pair[0], in_order=True, choices=3))
    client = pair[1]
    streamed = GRAMMARS[client].check(from_whole(turn, pair, stream=True))
    assert heard(streamed, client) == heard(GRAMMARS[client].read(from_whole(turn, pair, stream=False)), client)
