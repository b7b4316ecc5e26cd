from __future__ import annotations

import pytest

from cliproxy.conversation.events import Finished, Stop
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    Inline,
    Media,
    Part,
    Refusal,
    ServerCall,
    Text,
    Thinking,
    ToolCall,
    VendorPart,
)
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.anthropic.reply_blocks import ending, head, identified, message, usage_of, whole, words
from cliproxy.formats.codec import Framing

FRAMING = Framing(Request("anthropic", "m", ()), "claude", "5eed", 0, input_estimate=120)


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("a"), {"type": "text", "text": ""}),
        (Thinking("a"), {"type": "thinking", "thinking": "", "signature": ""}),
        (Thinking("", Blob("E"), redacted=True), None),
        (ToolCall("toolu_1", "b", "{}"), {"type": "tool_use", "id": "toolu_1", "name": "b", "input": {}}),
        (
            ServerCall("ws_1", "web_search", '{"query":"q"}'),
            {"type": "server_tool_use", "id": "ws_1", "name": "web_search", "input": {}},
        ),
        (VendorPart("anthropic", {"type": "compaction"}), {"type": "compaction"}),
        (VendorPart("gemini", {"executableCode": {}}), None),
    ],
)
def test_a_block_begins_without_its_words(part: Part, block: object) -> None:
    assert head(part) == block


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("a"), {"type": "text", "text": "a"}),
        (Text(""), None),
        (Refusal("No."), {"type": "text", "text": "No."}),
        (Media("image", Inline("image/png", "AAAA")), {"type": "text", "text": "[image omitted]"}),
        (Thinking("a", Blob("E")), {"type": "thinking", "thinking": "a", "signature": "E"}),
        (Thinking("a"), {"type": "thinking", "thinking": "a", "signature": ""}),
        (Thinking("", Blob("E")), {"type": "thinking", "thinking": "", "signature": "E"}),
        (Thinking(""), None),
        (Thinking("", Blob("E"), redacted=True), {"type": "redacted_thinking", "data": "E"}),
        (Thinking("", redacted=True), None),
        (
            ToolCall("toolu_1", "b", '{"n":12345678901234567890123}'),
            {"type": "tool_use", "id": "toolu_1", "name": "b", "input": {"n": 12345678901234567890123}},
        ),
        (ToolCall("toolu_1", "b"), {"type": "tool_use", "id": "toolu_1", "name": "b", "input": {}}),
        (ToolCall("toolu_1", "b", "{"), {"type": "tool_use", "id": "toolu_1", "name": "b", "input": {"_raw": "{"}}),
    ],
)
def test_a_whole_block_holds_everything(part: Part, block: object) -> None:
    assert jsontext.loads(jsontext.dumps(whole(part))) == block


def test_a_whole_text_holds_its_citations() -> None:
    block = whole(Text("a", citations=(Citation("https://a"),)))
    assert block is not None
    assert jsontext.dumps(block["citations"]).startswith(b'[{"type":"web_search_result_location","url":"https://a"')


@pytest.mark.parametrize(("part", "said"), [(ToolCall("a", "b", "{}"), "{}"), (VendorPart("anthropic", {}), "")])
def test_words_are_what_flows(part: Part, said: str) -> None:
    assert words(part) == said


def test_a_call_without_an_id_gets_one_of_the_seed() -> None:
    assert identified(ToolCall("", "b"), 2, FRAMING).id == "toolu_5eed2"


def test_a_call_keeps_its_id() -> None:
    assert identified(ToolCall("call_1", "b"), 2, FRAMING).id == "call_1"


def test_a_message_has_an_id_of_the_seed_and_the_clients_model() -> None:
    begun = message(FRAMING, None)
    assert (begun["id"], begun["model"]) == ("msg_5eed", "claude")


@pytest.mark.parametrize(
    ("usage", "tokens"), [(None, 120), (Usage(), 120), (Usage(input=7), 7), (Usage(cache_read=5), 0)]
)
def test_the_prompt_is_estimated_if_nobody_told_it(usage: Usage | None, tokens: int) -> None:
    assert usage_of(usage, FRAMING)["input_tokens"] == tokens


@pytest.mark.parametrize(
    ("stop", "calls", "reason"),
    [
        (Stop.END, False, "end_turn"),
        (Stop.END, True, "tool_use"),
        (Stop.TOOLS, True, "tool_use"),
        (Stop.TOOLS, False, "end_turn"),
        (Stop.LENGTH, True, "max_tokens"),
        (Stop.PAUSE, False, "pause_turn"),
        (Stop.CONTEXT, False, "model_context_window_exceeded"),
    ],
)
def test_each_stop_has_its_reason(stop: Stop, calls: bool, reason: str) -> None:
    assert ending(Finished(stop), calls) == {"stop_reason": reason, "stop_sequence": None}


def test_a_sequence_is_told() -> None:
    assert ending(Finished(Stop.SEQUENCE, "END"), False) == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_a_refusal_is_explained() -> None:
    assert ending(Finished(Stop.REFUSAL, detail="SAFETY"), False) == {
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": "SAFETY"},
    }
