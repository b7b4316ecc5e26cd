"""Streams from one format to another: the grammar of the client's wire, and that nothing of the turn is lost."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.grammars import gemini, openai_chat
from tests.support.streams import cut
from tests.support.translating import (
    GRAMMARS,
    PAIRS,
    TELLERS,
    asking,
    chances,
    expected,
    heard,
    often,
    passed,
    reader,
    translation,
    turns,
)

Pair = tuple[str, str]
pairs = st.sampled_from(PAIRS)
places = st.lists(st.integers(0, 100_000), max_size=12)


def stream(data: st.DataObject, upstream: str, chance: Random) -> list[bytes]:
    """Any turn, told by this upstream, event by event."""
    return TELLERS[upstream].events(data.draw(turns(upstream, choices=3)), chance)


@often
@given(pairs, st.data(), chances)
def test_what_was_said_arrives(pair: Pair, data: st.DataObject, chance: Random) -> None:
    upstream, client = pair
    turn = data.draw(turns(upstream, choices=3))
    told = passed(TELLERS[upstream].events(turn, chance), reader(upstream, client))
    said = GRAMMARS[client].check(told)
    assert heard(said, client, counted=turn.tokens is not None) == expected(turn, upstream, client)


@often
@given(pairs, st.data(), chances, places)
def test_however_the_bytes_are_split_the_same_bytes_go_out(
    pair: Pair, data: st.DataObject, chance: Random, places: list[int]
) -> None:
    raw = b"".join(stream(data, pair[0], chance))
    assert passed(cut(raw, places), reader(*pair)) == passed([raw], reader(*pair))


@often
@given(pairs, st.data(), chances)
def test_a_stream_that_stops_short_ends_as_the_clients_wire_ends_streams(
    pair: Pair, data: st.DataObject, chance: Random
) -> None:
    events = stream(data, pair[0], chance)
    reply = reader(*pair)
    said = GRAMMARS[pair[1]].check(passed(events[: data.draw(st.integers(0, len(events)))], reply))
    assert (said.error is not None) == (reply.trouble is not None)


@often
@given(pairs, st.data(), chances)
def test_an_error_anywhere_is_told_in_the_clients_words(pair: Pair, data: st.DataObject, chance: Random) -> None:
    upstream, client = pair
    events = stream(data, upstream, chance)
    place = data.draw(st.integers(0, len(events) - 1))
    broken = [*events[:place], TELLERS[upstream].error("It broke."), *events[place:]]
    assert GRAMMARS[client].check(passed(broken, reader(upstream, client))).error == "It broke."


@often
@given(st.sampled_from([upstream for upstream, client in PAIRS if client == "gemini"]), st.data(), chances)
def test_a_gemini_client_without_events_gets_one_array_however_the_stream_ends(
    upstream: str, data: st.DataObject, chance: Random
) -> None:
    events = stream(data, upstream, chance)
    asked = translation("gemini", asking("gemini"), stream=False, array=True)
    reply = reader(upstream, "gemini", asked=asked)
    said = gemini.check(passed(events[: data.draw(st.integers(0, len(events)))], reply), array=True)
    assert (said.error is not None) == (reply.trouble is not None)


@often
@given(st.sampled_from([upstream for upstream, client in PAIRS if client == "openai-chat"]), st.data(), chances)
def test_a_chat_client_that_wants_no_usage_gets_none(upstream: str, data: st.DataObject, chance: Random) -> None:
    asked = translation("openai-chat", asking("openai-chat", stream_options={}))
    told = passed(stream(data, upstream, chance), reader(upstream, "openai-chat", asked=asked))
    assert openai_chat.check(told, usage_wanted=False).tokens is None
