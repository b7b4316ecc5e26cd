"""What a client of Gemini's says, told to Anthropic, and what it is told."""

from __future__ import annotations

import pytest

from tests.support.pairs import Body, answered, asking, dropped, emulated, rules, streamed, translated
from tests.support.spoken import (
    PIXEL,
    SIGNATURE,
    calling,
    claude,
    claude_call,
    claude_text,
    claude_thinking,
    parts_of,
    responding,
    thought,
)

G, A = "gemini", "anthropic"


def said(role: str, *parts: Body) -> Body:
    return {"role": role, "parts": [*parts]}


def inline(mime: str, data: str = "AAAA") -> Body:
    return {"inlineData": {"mimeType": mime, "data": data}}


def asked(*contents: Body, **fields: object) -> Body:
    return asking(G, contents=[*contents], **fields)


HI = said("user", {"text": "Hi."})
DECLARED = asking(G, tools=[{"functionDeclarations": [{"name": "look"}]}])


def test_an_id_that_the_client_gives_is_the_calls_and_its_results() -> None:
    body = asked(HI, said("model", calling("f", "id-1")), said("user", responding("f", "r", "id-1")))
    _, called, given = translated(G, A, body)["messages"]
    assert (called["content"][0]["id"], given["content"][0]["tool_use_id"]) == ("id-1", "id-1")


def test_a_call_without_an_id_gets_one_that_its_result_shares() -> None:
    body = asked(HI, said("model", calling("f")), said("user", responding("f", "r")))
    _, called, given = translated(G, A, body)["messages"]
    assert called["content"][0]["id"] == given["content"][0]["tool_use_id"]


def test_ids_that_are_made_stay_the_same_as_the_conversation_grows() -> None:
    turns = [HI, said("model", calling("f")), said("user", responding("f", "r"))]
    longer = asked(*turns, said("model", calling("f")), said("user", responding("f", "s")))
    before, after = (translated(G, A, body)["messages"] for body in (asked(*turns), longer))
    assert after[1]["content"] == before[1]["content"]


def test_what_only_a_client_of_its_own_kind_writes_into_a_call_is_named() -> None:
    call: Body = {"functionCall": {"name": "f", "args": {}, "call_id": "x"}}
    assert "contents.1.parts.0.functionCall.call_id" in dropped(G, A, asked(HI, said("model", call)))


def test_contents_of_one_side_are_one_turn() -> None:
    body = asked(
        HI,
        said("model", {"text": "a"}),
        said("model", calling("f")),
        said("model", calling("g")),
        said("function", responding("f", "rf")),
        said("function", responding("g", "rg")),
        said("user", {"text": "Then?"}),
    )
    assert [[block["type"] for block in turn["content"]] for turn in translated(G, A, body)["messages"]] == [
        ["text"],
        ["text", "tool_use", "tool_use"],
        ["tool_result", "tool_result", "text"],
    ]


def test_the_operators_words_are_the_system_and_no_turn_of_the_users() -> None:
    told = translated(G, A, asked(HI, systemInstruction={"parts": [{"text": "S"}, {"text": "T"}]}))
    assert [block["text"] for block in told["system"]] == ["S", "T"]
    assert len(told["messages"]) == 1


@pytest.mark.parametrize(
    "part", [inline("image/png", PIXEL), {"inline_data": {"mime_type": "image/png", "data": PIXEL}}]
)
def test_a_picture_is_an_image_in_either_spelling(part: Body) -> None:
    (block,) = translated(G, A, asked(said("user", part)))["messages"][0]["content"]
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}


def test_a_pdf_is_a_document() -> None:
    (block,) = translated(G, A, asked(said("user", inline("application/pdf", "JVBERi0="))))["messages"][0]["content"]
    assert block["type"] == "document"


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_sound_and_film_leave_a_mark_and_are_named(kind: str) -> None:
    body = asked(said("user", inline(f"{kind}/mp4")))
    (block,) = translated(G, A, body)["messages"][0]["content"]
    assert block["text"] == f"[{kind} omitted]"
    assert dropped(G, A, body) == {"messages.0.content.0"}


def test_foreign_thoughts_are_left_out_and_named() -> None:
    body = asked(HI, said("model", thought("hm"), {"text": "a"}), said("user", {"text": "b"}))
    assert [block["type"] for block in translated(G, A, body)["messages"][1]["content"]] == ["text"]
    assert dropped(G, A, body) == {"messages.1.thinking"}


def test_how_tokens_are_drawn_is_told() -> None:
    config = {"temperature": 0.3, "topK": 5, "maxOutputTokens": 100, "stopSequences": ["E"]}
    told = translated(G, A, asked(HI, generationConfig=config))
    assert (told["temperature"], told["top_k"], told["max_tokens"], told["stop_sequences"]) == (0.3, 5, 100, ["E"])


def test_a_schema_in_googles_spelling_is_told_as_json_schema() -> None:
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    form = translated(G, A, asked(HI, generationConfig=config))["output_config"]["format"]["schema"]
    assert (form["type"], form["properties"]) == ("object", {"a": {"type": "string"}})


def test_several_candidates_are_asked_for_one_by_one() -> None:
    assert "n" in emulated(G, A, asked(HI, generationConfig={"candidateCount": 2}))


def test_a_call_is_told_whole_with_its_id() -> None:
    stream = claude(claude_call("toolu_1", "look", '{"a":', "1}"), stop="tool_use")
    assert parts_of(streamed(G, A, stream, DECLARED)) == [
        {"functionCall": {"id": "toolu_1", "name": "look", "args": {"a": 1}}}
    ]


def test_a_thought_is_told_with_a_signature_that_opens_again() -> None:
    house = rules()
    parts = parts_of(streamed(G, A, claude(claude_thinking("hm"), claude_text("a")), DECLARED, by=house))
    body = asked(HI, said("model", *parts), said("user", {"text": "And?"}))
    block = translated(G, A, body, by=house)["messages"][1]["content"][0]
    assert block == {"type": "thinking", "thinking": "hm", "signature": SIGNATURE}


def test_thinking_that_the_client_throws_away_is_put_back_before_its_call() -> None:
    house = rules()
    stream = claude(claude_thinking("hm"), claude_call("toolu_1", "look", "{}"), stop="tool_use")
    body = asking(G, contents=[HI], tools=DECLARED["tools"])
    (_, _, call) = parts_of(streamed(G, A, stream, body, by=house))
    body = asked(HI, said("model", call), said("user", responding("look", "r", "toolu_1")))
    assert [block["type"] for block in translated(G, A, body, by=house)["messages"][1]["content"]] == [
        "thinking",
        "tool_use",
    ]


def test_a_whole_body_is_told_with_its_usage() -> None:
    body: Body = {
        "type": "message",
        "content": [{"type": "text", "text": "a"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 2},
    }
    told = answered(G, A, body)
    assert told["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert told["usageMetadata"]["promptTokenCount"] == 10
    assert told["usageMetadata"]["cachedContentTokenCount"] == 7


def test_a_declined_answer_is_told_as_one() -> None:
    body: Body = {"type": "message", "content": [], "stop_reason": "refusal", "usage": {"input_tokens": 1}}
    assert answered(G, A, body)["candidates"][0]["finishReason"] == "SAFETY"
