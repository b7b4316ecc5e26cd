"""What a request's fitting changed is undone in its reply: names, free text, shapes and stop sequences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any, Final

import attrs
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translate.translation import Translation
from tests.support.grammars.said import Answer, Piece, Said
from tests.support.streams import cut
from tests.support.translating import (
    GRAMMARS,
    PAIRS,
    TELLERS,
    asking,
    chances,
    often,
    passed,
    reader,
    translation,
    turns,
    upstream_of,
)

Pair = tuple[str, str]
pairs = st.sampled_from(PAIRS)
places = st.lists(st.integers(0, 100_000), max_size=12)

names = st.lists(
    st.text(st.sampled_from("ab_-.:/é "), min_size=1, max_size=8) | st.text(st.sampled_from("ab"), min_size=60),
    min_size=1,
    max_size=5,
    unique=True,
)
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def body_for(upstream: str, asked: Translation) -> Mapping[str, Any]:
    """What the upstream is asked."""
    body = json.loads(asked.prepare(upstream_of(upstream)).body)
    assert isinstance(body, dict)
    return body


def tools_in(upstream: str, body: Mapping[str, Any]) -> list[str]:
    """The names of the tools that an upstream is given."""
    tools = body.get("tools", [])
    if upstream == "gemini":
        return [tool["name"] for group in tools for tool in group.get("functionDeclarations", ())]
    return [tool["function"]["name"] if upstream == "openai-chat" else tool["name"] for tool in tools]


@often
@given(pairs, names, chances)
def test_calls_come_back_by_the_names_that_the_client_gave(pair: Pair, names: list[str], chance: Random) -> None:
    upstream, client = pair
    asked = translation(client, asking(client, names))
    theirs = tools_in(upstream, body_for(upstream, asked))
    assert len(set(theirs)) == len(names)
    pieces = tuple(Piece("call", "{}", f"call_{place}", name) for place, name in enumerate(theirs))
    events = TELLERS[upstream].events(Said((Answer(pieces, "tools"),)), chance)
    said = GRAMMARS[client].check(passed(events, reader(upstream, client, asked=asked)))
    assert [piece.name for piece in said.answers[0].calls] == names


FREE: Final = {
    "openai-chat": {"type": "custom", "custom": {"name": "patch"}},
    "openai-responses": {"type": "custom", "name": "patch"},
}


@often
@given(
    st.sampled_from([pair for pair in PAIRS if pair[1] in FREE and pair[0] not in FREE]),
    st.text(),
    st.booleans(),
    chances,
    places,
)
def test_free_text_arrives_character_for_character(
    pair: Pair, text: str, ascii_only: bool, chance: Random, places: list[int]
) -> None:
    upstream, client = pair
    asked = translation(client, asking(client, tools=[FREE[client]]))
    call = Piece("call", json.dumps({"input": text}, ensure_ascii=ascii_only), "call_0", "patch")
    raw = b"".join(TELLERS[upstream].events(Said((Answer((call,), "tools"),)), chance))
    said = GRAMMARS[client].check(passed(cut(raw, places), reader(upstream, client, asked=asked)))
    assert said.answers[0].pieces == (Piece("call", text, "call_0", "patch", custom=True),)


STOPS: Final[Mapping[str, Any]] = {
    "anthropic": {"stop_sequences": ["END", "ND\n"]},
    "openai-chat": {"stop": ["END", "ND\n"]},
    "gemini": {"generationConfig": {"stopSequences": ["END", "ND\n"]}},
}


@often
@given(st.sampled_from(sorted(STOPS)), st.text(st.sampled_from("END\n x"), min_size=1, max_size=30), chances, places)
def test_a_reply_is_cut_where_a_stop_sequence_comes_up(
    client: str, text: str, chance: Random, places: list[int]
) -> None:
    upstream = "openai-responses"
    asked = translation(client, {**asking(client), **STOPS[client]})
    raw = b"".join(TELLERS[upstream].events(Said((Answer((Piece("text", text),), "end"),)), chance))
    said = GRAMMARS[client].check(passed(cut(raw, places), reader(upstream, client, asked=asked)))
    ends = [text.find(stop) + len(stop) for stop in ("END", "ND\n") if stop in text]
    kept = text[: min(ends)].removesuffix("END").removesuffix("ND\n") if ends else text
    assert said.answers[0].joined("text") == kept


@often
@given(st.sampled_from([pair for pair in PAIRS if pair[1] == "openai-chat"]), st.data(), chances, places)
def test_whatever_stages_there_are_the_grammar_is_the_clients(
    pair: Pair, data: st.DataObject, chance: Random, places: list[int]
) -> None:
    upstream, client = pair
    body = asking(client, ["look", "a.b", "write_file"], stop=["a", '"'], n=1)
    body["response_format"] = data.draw(
        st.sampled_from(({"type": "json_object"}, {"type": "json_schema", "json_schema": {"schema": SCHEMA}}))
    )
    asked = translation(client, body)
    turn = data.draw(turns(upstream, choices=2))
    answer = attrs.evolve(
        turn.answers[0],
        pieces=tuple(
            attrs.evolve(piece, name=data.draw(st.sampled_from(tools_in(upstream, body_for(upstream, asked)))))
            if piece.kind == "call"
            else piece
            for piece in turn.answers[0].pieces
        ),
    )
    frames = TELLERS[upstream].events(attrs.evolve(turn, answers=(answer, *turn.answers[1:])), chance)
    raw = b"".join(frames[: data.draw(st.integers(0, len(frames)))])
    told = passed(cut(raw, places), reader(upstream, client, asked=asked))
    GRAMMARS[client].check(told)
    assert told == passed([raw], reader(upstream, client, asked=asked))
