"""What a client of OpenAI Chat says, told to Gemini, and what it is told."""

from __future__ import annotations

import pytest

from tests.support.pairs import Body, answered, asking, dropped, rules, streamed, translated
from tests.support.spoken import (
    IMAGE_URL,
    PIXEL,
    SIGNATURE,
    calling,
    candidate,
    deltas_of,
    finishes_of,
    thought,
)

C, G = "openai-chat", "gemini"
GEMINI_3 = "gemini-3-pro-preview"
SKIP = "skip_thought_signature_validator"
USER: Body = {"role": "user", "content": "Hi."}
TOOLS: list[Body] = [{"type": "function", "function": {"name": name}} for name in "fg"]
ASKED = asking(C, tools=TOOLS)


def call(call_id: str, name: str, **fields: object) -> Body:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}, **fields}


def result(call_id: str, content: object) -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


HISTORY: list[Body] = [
    USER,
    {"role": "assistant", "reasoning_content": "hm", "content": "A", "tool_calls": [call("c1", "f"), call("c2", "g")]},
    result("c1", "r1"),
    result("c2", "r2"),
    {"role": "assistant", "content": ""},
    {"role": "user", "content": "Go."},
]


def contents(*messages: Body, model: str = "a-model") -> list[Body]:
    told: list[Body] = translated(C, G, asking(C, messages=[*messages]), model=model)["contents"]
    return told


def config(**fields: object) -> Body:
    told: Body = translated(C, G, asking(C, **fields)).get("generationConfig", {})
    return told


# -- the request


def test_results_bear_the_names_of_the_tools_that_were_called() -> None:
    results = [part["functionResponse"] for part in contents(*HISTORY)[2]["parts"] if "functionResponse" in part]
    assert [(result["id"], result["name"]) for result in results] == [("c1", "f"), ("c2", "g")]


def test_a_message_without_words_leaves_no_empty_turn() -> None:
    assert [content["role"] for content in contents(*HISTORY)] == ["user", "model", "user"]


def test_no_signature_is_made_up_for_models_that_want_none() -> None:
    assert SKIP not in str(contents(*HISTORY, model="gemini-2.5-pro"))


def test_of_calls_without_signatures_the_first_alone_gets_googles_word_for_it() -> None:
    calls = [part for part in contents(*HISTORY, model=GEMINI_3)[1]["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in calls] == [SKIP, None]


def test_a_signature_that_we_told_comes_back_as_the_vendors_own() -> None:
    house = rules()
    stream = [candidate(calling("f", thoughtSignature=SIGNATURE)), candidate(finish="STOP")]
    entries = [
        entry
        for delta in deltas_of(streamed(C, G, stream, ASKED, model=GEMINI_3, by=house))
        for entry in delta.get("tool_calls", ())
    ]
    extra = next(entry["extra_content"] for entry in entries if "extra_content" in entry)
    used = {**entries[0], "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    turns = [USER, {"role": "assistant", "content": None, "tool_calls": [used]}, result(entries[0]["id"], "r")]
    told = translated(C, G, asking(C, messages=turns), model=GEMINI_3, by=house)
    assert told["contents"][1]["parts"][0]["thoughtSignature"] == SIGNATURE


def test_a_signature_of_unknown_origin_is_not_shown_to_the_vendor_and_named() -> None:
    used = call("c1", "f", extra_content={"google": {"thought_signature": "Zm9yZWlnbg=="}})
    turns = [USER, {"role": "assistant", "content": None, "tool_calls": [used]}, result("c1", "r")]
    assert contents(*turns, model=GEMINI_3)[1]["parts"][0]["thoughtSignature"] == SKIP
    assert dropped(C, G, asking(C, messages=turns)) == {"messages.1.signature"}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
            {"mimeType": "application/pdf", "data": "JVBERi0="},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            {"mimeType": "audio/mpeg", "data": "SUQz"},
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA"}},
            {"mimeType": "video/mp4", "data": "AA"},
        ),
        ({"type": "image_url", "image_url": {"url": IMAGE_URL}}, {"mimeType": "image/png", "data": PIXEL}),
        (
            {"type": "file", "file": {"file_data": "DATA:application/pdf;name=x.pdf;base64,JVBERi0="}},
            {"mimeType": "application/pdf", "data": "JVBERi0="},
        ),
        ({"type": "file", "file": {"file_data": "JVBERi0="}}, {"mimeType": "application/pdf", "data": "JVBERi0="}),
    ],
)
def test_files_are_told_by_their_bytes(part: Body, told: Body) -> None:
    assert contents({"role": "user", "content": [part]})[0]["parts"] == [{"inlineData": told}]


def test_a_picture_at_an_address_is_told_by_its_address() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://a.org/a.png"}}
    (part,) = contents({"role": "user", "content": [picture]})[0]["parts"]
    assert part == {"fileData": {"mimeType": "image/png", "fileUri": "https://a.org/a.png"}}


def test_a_picture_that_a_tool_gave_is_seen() -> None:
    pictures = [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": IMAGE_URL}}]
    turns = [USER, {"role": "assistant", "tool_calls": [call("c1", "f")]}, result("c1", pictures)]
    (part,) = contents(*turns)[2]["parts"]
    assert part["functionResponse"]["response"] == {"output": "t"}
    assert part["functionResponse"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]


def test_words_put_into_the_models_mouth_are_not_dropped() -> None:
    assert contents(USER, {"role": "assistant", "content": "So"})[-1] == {"role": "model", "parts": [{"text": "So"}]}


def test_a_schema_for_the_answer_is_told_as_it_stands() -> None:
    schema = {"type": "object", "title": "T", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    shape = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    assert config(response_format=shape) == {"responseMimeType": "application/json", "responseJsonSchema": schema}


def test_json_without_a_schema_is_asked_for() -> None:
    assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}


def test_the_shape_of_the_answer_leaves_other_settings_alone() -> None:
    assert config(response_format={"type": "json_object"}, temperature=0.4)["temperature"] == 0.4


def test_that_a_tool_is_strict_is_named_as_left_out() -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True}}
    assert dropped(C, G, asking(C, tools=[tool])) == {"tools.0.strict"}


@pytest.mark.parametrize(("choice", "mode"), [("none", "NONE"), ("auto", "AUTO"), ("required", "ANY")])
def test_the_choice_among_tools_is_told(choice: str, mode: str) -> None:
    told = translated(C, G, asking(C, tools=TOOLS, tool_choice=choice))
    assert told["toolConfig"]["functionCallingConfig"] == {"mode": mode}


def test_one_tool_may_be_forced() -> None:
    told = translated(C, G, asking(C, tools=TOOLS, tool_choice={"type": "function", "function": {"name": "g"}}))
    assert told["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["g"]}


@pytest.mark.parametrize(
    ("ours", "theirs", "value", "told"),
    [
        ("stop", "stopSequences", "E", ["E"]),
        ("seed", "seed", 1, 1),
        ("presence_penalty", "presencePenalty", 1, 1),
        ("frequency_penalty", "frequencyPenalty", 0.5, 0.5),
        ("logprobs", "responseLogprobs", True, True),
        ("n", "candidateCount", 2, 2),
        ("max_tokens", "maxOutputTokens", 9, 9),
        ("max_completion_tokens", "maxOutputTokens", 9, 9),
        ("top_p", "topP", 0.5, 0.5),
    ],
)
def test_settings_have_their_counterparts(ours: str, theirs: str, value: object, told: object) -> None:
    assert config(**{ours: value})[theirs] == told


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logit_bias", {"1": 2}),
        ("parallel_tool_calls", False),
        ("verbosity", "low"),
        ("user", "ann"),
        ("prediction", {"type": "content", "content": "x"}),
    ],
)
def test_what_the_wire_has_no_words_for_is_named(field: str, value: object) -> None:
    assert field in dropped(C, G, asking(C, tools=TOOLS, **{field: value}))


# -- the reply


def test_the_end_stands_in_the_last_chunk_alone_and_says_that_tools_are_called() -> None:
    usage = {"promptTokenCount": 10, "totalTokenCount": 10}
    told = streamed(C, G, [candidate(calling("f")), candidate(finish="STOP", usage=usage)], ASKED)
    assert finishes_of(told) == ["tool_calls"]
    assert told[-1]["usage"]["completion_tokens"] == 0


def test_the_role_is_told_once() -> None:
    told = streamed(C, G, [candidate({"text": "a"}), candidate({"text": "b"}, finish="STOP")], ASKED)
    assert [delta["role"] for delta in deltas_of(told) if "role" in delta] == ["assistant"]


def test_two_texts_in_one_chunk_are_both_told() -> None:
    told = streamed(C, G, [candidate({"text": "a"}, {"text": "b"}, finish="STOP")], ASKED)
    assert "".join(delta.get("content", "") for delta in deltas_of(told)) == "ab"


def test_the_tokens_of_thoughts_are_part_of_the_answers() -> None:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 6, "totalTokenCount": 20}
    told = answered(C, G, candidate({"text": "a"}, finish="STOP", usage=usage), ASKED)["usage"]
    assert told["completion_tokens"] == 10
    assert told["completion_tokens_details"] == {"reasoning_tokens": 6}


def test_calls_in_different_chunks_have_numbers_of_their_own() -> None:
    told = streamed(C, G, [candidate(calling("f")), candidate(calling("g"), finish="STOP")], ASKED)
    entries = [entry for delta in deltas_of(told) for entry in delta.get("tool_calls", ()) if "id" in entry]
    assert [entry["index"] for entry in entries] == [0, 1]
    assert len({entry["id"] for entry in entries}) == 2


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("OTHER", "stop"),
    ],
)
def test_every_reason_is_one_of_the_wires_own(reason: str, told: str) -> None:
    assert finishes_of(streamed(C, G, [candidate({"text": "a"}, finish=reason)], ASKED)) == [told]


def test_a_call_that_is_cut_off_does_not_look_whole() -> None:
    assert finishes_of(streamed(C, G, [candidate(calling("f"), finish="MAX_TOKENS")], ASKED)) == ["length"]


def test_a_prompt_that_is_blocked_ends_as_declined() -> None:
    blocked: Body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}
    assert finishes_of(streamed(C, G, [blocked], ASKED)) == ["content_filter"]


def test_a_call_that_the_model_garbled_is_an_error_and_no_empty_answer() -> None:
    told = streamed(C, G, [candidate(finish="MALFORMED_FUNCTION_CALL")], ASKED)
    assert "error" in told[-1]


def test_a_thought_is_no_visible_text() -> None:
    told = answered(C, G, candidate(thought("hm"), {"text": "a"}, finish="STOP"), ASKED)["choices"][0]["message"]
    assert (told["reasoning_content"], told["content"]) == ("hm", "a")
