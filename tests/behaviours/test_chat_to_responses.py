"""What a client of OpenAI Chat says, told to OpenAI Responses, and what it is told."""

from __future__ import annotations

import json

import pytest

from tests.support.pairs import Body, answered, asking, dropped, emulated, losses, streamed, translated
from tests.support.spoken import (
    CREATED,
    IMAGE_URL,
    PIXEL,
    call_item,
    deltas_of,
    ending,
    event,
    finishes_of,
    message_item,
)

C, R = "openai-chat", "openai-responses"
USER: Body = {"role": "user", "content": "Hi."}
TOOLS: list[Body] = [
    {"type": "function", "function": {"name": "f"}},
    {"type": "function", "function": {"name": "g"}},
    {"type": "custom", "custom": {"name": "patch"}},
]
ASKED = asking(C, tools=TOOLS)


def call(call_id: str, name: str) -> Body:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def calls(*entries: Body, content: str | None = None) -> Body:
    return {"role": "assistant", "content": content, "tool_calls": [*entries]}


def result(call_id: str, content: object) -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def items(*messages: Body, **fields: object) -> list[Body]:
    told: list[Body] = translated(C, R, asking(C, messages=[*messages], **fields))["input"]
    return told


def output(content: object) -> object:
    """What the upstream is told that a tool gave."""
    return items(USER, calls(call("c1", "f")), result("c1", content))[-1]["output"]


# -- the request


def test_rounds_of_calls_are_items_in_their_order() -> None:
    told = items(
        USER,
        calls(call("c1", "f"), content="A"),
        result("c1", "r1"),
        calls(call("c2", "f"), call("c3", "g")),
        result("c2", "r2"),
        result("c3", "r3"),
        USER,
    )
    assert [item.get("call_id", item.get("role")) for item in told] == [
        "user",
        "assistant",
        "c1",
        "c1",
        "c2",
        "c3",
        "c2",
        "c3",
        "user",
    ]


@pytest.mark.parametrize("content", ["", None])
def test_a_message_of_calls_alone_leaves_no_empty_message(content: str | None) -> None:
    told = items(USER, calls(call("c1", "f"), content=content), result("c1", "r"))
    assert [item["type"] for item in told] == ["message", "function_call", "function_call_output"]


def test_the_parts_that_a_tool_gave_are_parts() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    told = output(
        [
            {"type": "text", "text": "t"},
            {"type": "image_url", "image_url": {"url": IMAGE_URL, "detail": "high"}},
            {"type": "file", "file": file},
        ]
    )
    assert told == [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": IMAGE_URL, "detail": "high"},
        {"type": "input_file", **file},
    ]


def test_pictures_in_json_text_are_seen() -> None:
    listed = json.dumps([{"type": "image_url", "image_url": {"url": IMAGE_URL}}])
    assert output(listed) == [{"type": "input_image", "image_url": IMAGE_URL}]


@pytest.mark.parametrize("text", ['{"a":1}', '[{"type": "text", "text": "t"}]', "plain"])
def test_other_json_text_stays_as_it_is(text: str) -> None:
    assert output(text) == text


def test_what_is_no_text_is_told_as_json() -> None:
    assert output({"a": 1}) == '{"a":1}'


def test_a_part_of_a_result_that_nobody_knows_was_left_out() -> None:
    assert output([{"type": "odd", "x": 1}]) == '{"type":"odd","x":1}'


def test_a_part_of_a_result_that_is_told_as_json_is_named() -> None:
    body = asking(C, messages=[USER, calls(call("c1", "f")), result("c1", [{"type": "odd", "x": 1}])])
    assert emulated(C, R, body) == {"messages.2"}


def test_sound_keeps_its_format() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}
    assert items({"role": "user", "content": [sound]})[0]["content"] == [sound]


def test_free_form_tools_stay_what_they_are() -> None:
    used = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** x"}}
    told = items(USER, calls(used), result("c1", "ok"), tools=TOOLS)
    assert [item["type"] for item in told[1:]] == ["custom_tool_call", "custom_tool_call_output"]


def test_long_names_are_cut_the_same_way_everywhere() -> None:
    long = "a" * 80
    tool = {"type": "function", "function": {"name": long}}
    choice = {"type": "function", "function": {"name": long}}
    body = asking(C, messages=[USER, calls(call("c1", long)), result("c1", "r")], tools=[tool], tool_choice=choice)
    told = translated(C, R, body)
    name = told["tools"][0]["name"]
    assert len(name) <= 64
    assert told["tool_choice"]["name"] == name == told["input"][1]["name"]


def test_names_that_differ_behind_the_cut_stay_two() -> None:
    tools = [{"type": "function", "function": {"name": "a" * 70 + letter}} for letter in "xy"]
    names = {tool["name"] for tool in translated(C, R, asking(C, tools=tools))["tools"]}
    assert len(names) == 2


def test_an_id_that_comes_twice_is_told_apart() -> None:
    told = items(USER, calls(call("x", "f")), result("x", "r1"), calls(call("x", "f")), result("x", "r2"))
    assert told[1]["call_id"] == told[2]["call_id"] == "x"
    assert told[3]["call_id"] == told[4]["call_id"] != "x"


def test_a_call_without_an_id_gets_the_result_without_one() -> None:
    bare = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    told = items(USER, calls(bare), {"role": "tool", "content": "r"})
    assert told[1]["call_id"] == told[2]["call_id"]


def test_the_result_of_no_call_is_told_as_text_and_named() -> None:
    body = asking(C, messages=[USER, result("gone", "r"), USER])
    assert [part["text"] for part in translated(C, R, body)["input"][1]["content"]][1] == "r"
    assert emulated(C, R, body) == {"messages.1"}


def test_of_two_results_of_one_call_the_last_stands_and_the_other_is_named() -> None:
    body = asking(C, messages=[USER, calls(call("c", "f")), result("c", "r1"), result("c", "r2"), USER])
    assert [item["output"] for item in translated(C, R, body)["input"] if "output" in item] == ["r2"]
    assert len(dropped(C, R, body)) == 1


def test_no_effort_is_made_up() -> None:
    assert "reasoning" not in translated(C, R, asking(C))


def test_json_without_a_schema_is_asked_for() -> None:
    told = translated(C, R, asking(C, response_format={"type": "json_object"}))
    assert told["text"]["format"] == {"type": "json_object"}


def test_the_description_of_a_schema_is_told() -> None:
    shape = {"name": "n", "description": "D", "strict": True, "schema": {"type": "object", "properties": {}}}
    told = translated(C, R, asking(C, response_format={"type": "json_schema", "json_schema": shape}))
    assert told["text"]["format"] == {"type": "json_schema", **shape}


@pytest.mark.parametrize("wish", [True, False])
def test_whether_tools_may_be_called_at_once_is_the_clients_choice(wish: bool) -> None:
    assert translated(C, R, asking(C, tools=TOOLS, parallel_tool_calls=wish))["parallel_tool_calls"] is wish


def test_whether_tools_may_be_called_at_once_is_not_made_up() -> None:
    assert "parallel_tool_calls" not in translated(C, R, ASKED)


def test_foreign_reasoning_is_left_out_and_named() -> None:
    messages = [USER, {"role": "assistant", "content": "x", "reasoning_content": "hm"}, USER]
    assert dropped(C, R, asking(C, messages=messages)) == {"messages.1.thinking"}


@pytest.mark.parametrize(
    "field", ["seed", "logit_bias", "presence_penalty", "frequency_penalty", "prediction", "modalities", "audio"]
)
def test_what_the_wire_has_no_words_for_is_named(field: str) -> None:
    values = {
        "logit_bias": {"1": 2},
        "prediction": {"type": "content"},
        "modalities": ["audio"],
        "audio": {"voice": "a"},
    }
    assert field in dropped(C, R, asking(C, **{field: values.get(field, 1)}))


def test_stop_sequences_and_several_answers_are_had_in_another_way() -> None:
    assert emulated(C, R, asking(C, stop=["E"], n=2)) == {"stop", "n"}


def test_probabilities_are_asked_for() -> None:
    told = translated(C, R, asking(C, logprobs=True, top_logprobs=3))
    assert "message.output_text.logprobs" in told["include"]
    assert told["top_logprobs"] == 3


def test_a_plain_request_loses_nothing() -> None:
    assert losses(C, R, ASKED) == ()


# -- the reply


def test_calls_that_come_interleaved_keep_their_numbers() -> None:
    first, second = call_item(0, "f", '{"a":', "1}"), call_item(1, "g", '{"b":', "2}")
    woven = [step for pair in zip(first, second, strict=True) for step in pair]
    entries = [
        entry
        for delta in deltas_of(streamed(C, R, [CREATED, *woven, ending()], ASKED))
        for entry in delta.get("tool_calls", ())
    ]
    for number, arguments in enumerate(('{"a":1}', '{"b":2}')):
        mine = [entry["function"] for entry in entries if entry["index"] == number]
        assert "".join(piece["arguments"] for piece in mine) == arguments


def test_a_call_is_announced_once_with_its_name_and_without_words() -> None:
    deltas = deltas_of(streamed(C, R, [CREATED, *call_item(0, "f", "{}"), ending()], ASKED))
    announced = [delta for delta in deltas if "id" in delta.get("tool_calls", [{}])[0]]
    assert announced == [
        {"tool_calls": [{"index": 0, "id": "call_0", "type": "function", "function": {"name": "f", "arguments": ""}}]}
    ]


FREE: Body = {"type": "custom_tool_call", "id": "ct", "call_id": "c9", "name": "patch", "input": ""}
ADDED = event("output_item.added", output_index=0, item=FREE)
DELTA = event("custom_tool_call_input.delta", item_id="ct", output_index=0, delta="ab")
DONE = event("custom_tool_call_input.done", item_id="ct", output_index=0, input="ab")
ITEM = event("output_item.done", output_index=0, item={**FREE, "input": "ab"})


@pytest.mark.parametrize(
    "steps",
    [[ADDED, DELTA, DONE, ITEM], [ADDED, DONE, ITEM], [ADDED, ITEM], [ITEM]],
    ids=["deltas", "done", "item done", "item alone"],
)
def test_free_text_is_told_once_however_it_comes(steps: list[Body]) -> None:
    deltas = deltas_of(streamed(C, R, [CREATED, *steps, ending()], ASKED))
    entries = [entry for delta in deltas for entry in delta.get("tool_calls", ())]
    assert "".join(entry["custom"]["input"] for entry in entries) == "ab"
    assert [entry["id"] for entry in entries if "id" in entry] == ["c9"]


def test_pieces_of_an_item_that_was_never_opened_are_no_call() -> None:
    stray = event("custom_tool_call_input.delta", item_id="zz", output_index=7, delta="ab")
    assert finishes_of(streamed(C, R, [CREATED, stray, ending()], ASKED)) == ["stop"]


def test_a_reply_that_is_cut_off_ends_so_even_behind_a_call() -> None:
    cut = ending("incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert finishes_of(streamed(C, R, [CREATED, *call_item(0, "f", "{}"), cut], ASKED)) == ["length"]


def test_an_empty_last_message_does_not_wipe_out_the_one_before() -> None:
    messages = [{"type": "message", "content": [{"type": "output_text", "text": text}]} for text in ("kept", "")]
    told = answered(C, R, {"id": "r", "object": "response", "status": "completed", "output": messages})
    assert told["choices"][0]["message"]["content"] == "kept"


@pytest.mark.parametrize(
    ("details", "written"), [({"cache_write_tokens": 3}, 3), ({"cache_write_tokens": 0}, 0), ({}, 0)]
)
def test_tokens_written_to_the_cache_are_told(details: Body, written: int) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4, **details}}
    told = answered(C, R, {"object": "response", "status": "completed", "output": [], "usage": usage})["usage"]
    assert told["prompt_tokens"] == 10
    assert told["prompt_tokens_details"] == {"cached_tokens": 4, "cache_write_tokens": written}


def test_usage_is_told_behind_the_end() -> None:
    last = streamed(C, R, [CREATED, *message_item(0, "a"), ending()], ASKED)[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_usage_that_nobody_asked_for_is_not_told() -> None:
    body = {key: value for key, value in ASKED.items() if key != "stream_options"}
    told = streamed(C, R, [CREATED, *message_item(0, "a"), ending()], body)
    assert not [chunk for chunk in told if "usage" in chunk]


def test_a_picture_is_told_once_however_often_it_was_sketched() -> None:
    item = {"type": "image_generation_call", "id": "ig", "status": "completed", "result": PIXEL, "output_format": "png"}
    sketch = event(
        "image_generation_call.partial_image",
        item_id="ig",
        output_index=0,
        partial_image_b64=PIXEL,
        partial_image_index=0,
    )
    steps = [event("output_item.added", output_index=0, item={**item, "result": None}), sketch]
    deltas = deltas_of(
        streamed(C, R, [CREATED, *steps, event("output_item.done", output_index=0, item=item), ending()])
    )
    assert [delta["images"] for delta in deltas if "images" in delta] == [
        [{"type": "image_url", "image_url": {"url": IMAGE_URL}}]
    ]
