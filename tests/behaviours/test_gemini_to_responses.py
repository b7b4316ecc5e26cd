"""What a client of Gemini's says, told to OpenAI Responses, and what it is told."""

from __future__ import annotations

from tests.support.pairs import Body, asking, dropped, losses, streamed, translated
from tests.support.spoken import (
    CREATED,
    IMAGE_URL,
    PIXEL,
    call_item,
    calling,
    ending,
    event,
    message_item,
    parts_of,
    responding,
    thought,
)

G, R = "gemini", "openai-responses"
HI: Body = {"role": "user", "parts": [{"text": "Hi."}]}
ASKED = asking(G, tools=[{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}])


def inline(mime: str, data: str) -> Body:
    return {"inlineData": {"mimeType": mime, "data": data}}


def items(*contents: Body, **fields: object) -> list[Body]:
    told: list[Body] = translated(G, R, asking(G, contents=[*contents], **fields))["input"]
    return told


def test_a_call_and_its_result_share_the_clients_id() -> None:
    model, user = (
        {"role": "model", "parts": [calling("f", "i")]},
        {"role": "user", "parts": [responding("f", "r", "i")]},
    )
    assert [item["call_id"] for item in items(HI, model, user)[1:]] == ["i", "i"]


def test_a_call_and_its_result_share_an_id_that_nobody_gave() -> None:
    turns = [HI, {"role": "model", "parts": [calling("f")]}, {"role": "user", "parts": [responding("f", "r")]}]
    first, again = items(*turns), items(*turns, HI)
    assert first[1]["call_id"] == first[2]["call_id"] == again[1]["call_id"]


def test_files_are_told_by_what_they_are() -> None:
    parts = [inline("image/png", PIXEL), inline("audio/mpeg", "SUQz"), inline("application/pdf", "JVBERi0=")]
    (message,) = items({"role": "user", "parts": parts})
    assert message["content"] == [
        {"type": "input_image", "image_url": IMAGE_URL},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    ]


def test_foreign_thoughts_are_left_out_and_named() -> None:
    body = asking(G, contents=[HI, {"role": "model", "parts": [thought("hm"), {"text": "a"}]}, HI])
    assert [item["role"] for item in translated(G, R, body)["input"]] == ["user", "assistant", "user"]
    assert dropped(G, R, body) == {"messages.1.thinking"}


def test_a_function_may_be_forced() -> None:
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}
    assert translated(G, R, {**ASKED, "toolConfig": config})["tool_choice"] == {"type": "function", "name": "f"}


def test_a_level_of_thinking_is_an_effort() -> None:
    body = asking(G, generationConfig={"thinkingConfig": {"thinkingLevel": "HIGH"}})
    assert translated(G, R, body)["reasoning"] == {"effort": "high"}


def test_a_plain_request_loses_nothing() -> None:
    assert losses(G, R, ASKED) == ()


def test_a_reply_that_is_cut_off_says_so() -> None:
    cut = ending("incomplete", incomplete_details={"reason": "max_output_tokens"})
    told = streamed(G, R, [CREATED, *message_item(0, "a"), cut], ASKED)
    assert told[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_calls_that_come_interleaved_are_told_one_after_the_other_and_whole() -> None:
    first, second = call_item(0, "f", '{"a":', "1}"), call_item(1, "g", '{"b":', "2}")
    woven = [step for pair in zip(first, second, strict=True) for step in pair]
    assert [part["functionCall"] for part in parts_of(streamed(G, R, [CREATED, *woven, ending()], ASKED))] == [
        {"id": "call_0", "name": "f", "args": {"a": 1}},
        {"id": "call_1", "name": "g", "args": {"b": 2}},
    ]


def test_a_picture_is_told_by_its_bytes_and_once() -> None:
    item = {"type": "image_generation_call", "id": "ig", "status": "completed", "result": PIXEL, "output_format": "png"}
    told = streamed(G, R, [CREATED, event("output_item.done", output_index=0, item=item), ending()])
    assert parts_of(told) == [inline("image/png", PIXEL)]


def test_a_message_that_comes_at_its_end_alone_is_told() -> None:
    told = streamed(G, R, [CREATED, message_item(0, "whole")[-1], ending()])
    assert parts_of(told) == [{"text": "whole"}]


def test_the_tokens_of_thoughts_are_told_apart() -> None:
    usage = streamed(G, R, [CREATED, *message_item(0, "a"), ending()])[-1]["usageMetadata"]
    assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"], usage["totalTokenCount"]) == (3, 2, 15)
