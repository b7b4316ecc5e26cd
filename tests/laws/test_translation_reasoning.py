"""What a model thought goes through a client of another wire and comes back to the model as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Thinking, ToolCall
from cliproxy.formats import CODECS
from tests.support.grammars.said import Answer, Piece, Said
from tests.support.translating import (
    MODEL,
    PAIRS,
    TELLERS,
    asking,
    chances,
    often,
    passed,
    reader,
    rules,
    translation,
    upstream_of,
)

Pair = tuple[str, str]
BLOBS: Final = ("c2lnbmF0dXJl", "b3RoZXI=")
CALL: Final = Piece("call", '{"path": "a"}', "call_1", "look")


def _anthropic(asked: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}
    turns = [{"role": "assistant", "content": told["content"]}, {"role": "user", "content": [result]}]
    return {**asked, "messages": [*asked["messages"], *turns]}


def _chat(asked: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    result = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
    return {**asked, "messages": [*asked["messages"], told["choices"][0]["message"], result]}


def _responses(asked: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    result = {"type": "function_call_output", "call_id": "call_1", "output": "ok"}
    first = {"role": "user", "content": asked["input"]}
    return {**asked, "input": [first, *told["output"], result]}


def _gemini(asked: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    response = {"name": "look", "id": "call_1", "response": {"result": "ok"}}
    result = {"role": "user", "parts": [{"functionResponse": response}]}
    return {**asked, "contents": [*asked["contents"], told["candidates"][0]["content"], result]}


NEXT: Final[Mapping[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]]] = {
    "anthropic": _anthropic,
    "openai-chat": _chat,
    "openai-responses": _responses,
    "gemini": _gemini,
}
"""What a client asks next: everything said so far, and what the tool gave."""
THINKING: Final[Mapping[str, dict[str, Any]]] = {
    "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 9000},
    "openai-chat": {"reasoning_effort": "low"},
    "openai-responses": {"reasoning": {"effort": "low"}},
    "gemini": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 2000}}},
}

signed = st.builds(
    Piece, st.just("thinking"), st.sampled_from(("Hm.", "Hm.\n\nWell 🦉.", "")), blob=st.sampled_from(BLOBS)
)


def sent_back(pair: Pair, pieces: tuple[Piece, ...], chance: Random, *, remembered: bool) -> Any:
    """The conversation as the upstream gets it in the next request. `remembered`: by the same daemon, which was not
    started anew in between.
    """
    upstream, client = pair
    events = TELLERS[upstream].events(Said((Answer(pieces, "tools"),)), chance)
    asked, first = asking(client, **THINKING[client]), rules()
    reply = reader(upstream, client, asked=translation(client, asked, stream=False, under=first))
    told = json.loads(passed(events, reply))
    following = translation(client, NEXT[client](asked, told), under=first if remembered else rules())
    body = json.loads(following.prepare(upstream_of(upstream)).body)
    request = CODECS[upstream].decode_request({"model": MODEL, **body}, Losses())
    return [part for message in request.messages for part in message.parts]


@often
@given(
    st.sampled_from([pair for pair in PAIRS if pair[0] in ("anthropic", "openai-responses")]),
    st.lists(signed, min_size=1, max_size=3),
    chances,
)
def test_signed_thinking_comes_back_to_its_maker(pair: Pair, thoughts: list[Piece], chance: Random) -> None:
    parts = sent_back(pair, (*thoughts, CALL), chance, remembered=False)
    back = [(part.text, part.blob.value) for part in parts if isinstance(part, Thinking) and part.blob]
    assert back == [(piece.text, piece.blob) for piece in thoughts]


@often
@given(st.sampled_from([pair for pair in PAIRS if pair[0] == "gemini"]), st.sampled_from(BLOBS), chances)
def test_the_signature_of_a_call_is_remembered_for_its_maker(pair: Pair, blob: str, chance: Random) -> None:
    call = Piece("call", '{"path": "a"}', "call_1", "look", blob=blob)
    parts = sent_back(pair, (Piece("thinking", "Hm."), call), chance, remembered=True)
    assert [part.blob.value for part in parts if isinstance(part, ToolCall) and part.blob] == [blob]
