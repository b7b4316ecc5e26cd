"""What a client of OpenAI Responses says, told to OpenAI Chat, and what it is told."""

from __future__ import annotations

import json

import pytest

from cliproxy.formats.codec import Dialect
from tests.support.pairs import Body, asking, collected, dropped, emulated, rules, streamed, translated
from tests.support.spoken import IMAGE_URL, USAGE_CHUNK, chunk, items_of, piece_of_call

R, C = "openai-responses", "openai-chat"
USER: Body = {"role": "user", "content": "Hi."}
REPLAYS = Dialect(replays_reasoning=True)


def function(name: str) -> Body:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}


def call(call_id: str, name: str = "f") -> Body:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def output(call_id: str, given: object = "r") -> Body:
    return {"type": "function_call_output", "call_id": call_id, "output": given}


def assistant(text: str) -> Body:
    return {"role": "assistant", "content": text}


def reasoning(text: str) -> Body:
    return {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}


ASKED = asking(R, tools=[function("f"), function("g"), {"type": "custom", "name": "patch"}])


def messages(*items: Body, **fields: object) -> list[Body]:
    told: list[Body] = translated(R, C, asking(R, input=[*items], **fields))["messages"]
    return told


def roles(*items: Body) -> list[str]:
    return [message["role"] for message in messages(*items)]


# -- the request


def test_words_and_calls_that_follow_each_other_are_one_message() -> None:
    told = messages(USER, assistant("A"), call("a"), call("b", "g"), output("a"), output("b"))
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "tool"]
    assert [entry["id"] for entry in told[1]["tool_calls"]] == ["a", "b"]


def test_calls_on_both_sides_of_the_users_words_are_two_messages() -> None:
    assert roles(USER, call("a"), output("a"), USER, call("b"), output("b")) == [
        "user",
        "assistant",
        "tool",
        "user",
        "assistant",
        "tool",
    ]


def test_words_between_a_call_and_its_result_wait_for_the_result() -> None:
    told = messages(USER, call("a"), {"role": "user", "content": "Mid."}, output("a"))
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "user"]
    assert told[-1]["content"] == "Mid."


def test_the_result_of_no_call_is_told_as_text_and_named() -> None:
    body = asking(R, input=[output("gone", "r")])
    (message,) = translated(R, C, body)["messages"]
    assert message["role"] == "user"
    assert message["content"][-1]["text"] == "r"
    assert emulated(R, C, body) == {"messages.0"}


def test_a_call_without_a_result_is_answered_and_named() -> None:
    body = asking(R, input=[USER, call("a"), USER])
    assert [message["role"] for message in translated(R, C, body)["messages"]] == ["user", "assistant", "tool", "user"]
    assert "messages.1" in emulated(R, C, body)


def test_the_operators_words_keep_their_rank() -> None:
    assert roles({"role": "developer", "content": "D"}, USER, {"role": "developer", "content": "E"}, USER) == [
        "system",
        "user",
        "system",
        "user",
    ]


def test_a_server_that_knows_developers_is_told_of_them() -> None:
    body = asking(R, input=[{"role": "developer", "content": "D"}, USER])
    assert translated(R, C, body, dialect=Dialect(developer_role=True))["messages"][0]["role"] == "developer"


def test_foreign_reasoning_is_left_out_and_named() -> None:
    body = asking(R, input=[USER, reasoning("hm"), assistant("A"), USER])
    assert "reasoning_content" not in str(translated(R, C, body))
    assert dropped(R, C, body) == {"messages.1.thinking"}


def test_a_turn_of_foreign_reasoning_alone_leaves_no_message() -> None:
    assert roles(USER, reasoning("hm"), USER) == ["user", "user"]


def test_reasoning_comes_back_to_the_server_that_wants_it() -> None:
    house = rules()
    stream = [chunk({"reasoning_content": "hm"}), piece_of_call(0, "{}", id="a", name="f"), chunk({}, "tool_calls")]
    items = items_of(streamed(R, C, stream, ASKED, by=house))
    body = {**ASKED, "input": [USER, *items, output("a")]}
    told = translated(R, C, body, by=house, dialect=REPLAYS)["messages"][1]
    assert told["reasoning_content"] == "hm"


def test_a_server_that_wants_reasoning_beside_calls_gets_an_empty_one_if_there_is_none() -> None:
    body = asking(R, input=[USER, call("a"), output("a")])
    assert translated(R, C, body, dialect=REPLAYS)["messages"][1]["reasoning_content"] == ""


PICTURE: Body = {"type": "input_image", "image_url": IMAGE_URL, "detail": "high"}


@pytest.mark.parametrize("given", [[PICTURE], json.dumps([PICTURE])], ids=["parts", "JSON text"])
def test_pictures_that_a_tool_gave_are_seen(given: object) -> None:
    body = asking(R, input=[USER, call("a"), output("a", given)])
    told = translated(R, C, body, dialect=Dialect(tool_images=True))["messages"][-1]["content"]
    assert told == [{"type": "image_url", "image_url": {"url": IMAGE_URL, "detail": "high"}}]


def test_where_a_tools_message_takes_no_pictures_they_follow_as_the_users() -> None:
    body = asking(R, input=[USER, call("a"), output("a", [PICTURE])])
    tool, user = translated(R, C, body)["messages"][-2:]
    assert (tool["role"], user["role"]) == ("tool", "user")
    assert user["content"][-1]["image_url"]["url"] == IMAGE_URL
    assert emulated(R, C, body) == {"images in tool results"}


@pytest.mark.parametrize(
    ("given", "told"), [("plain", "plain"), ({"a": 1}, '{"a":1}'), (5, "5"), (["a", {"b": 1}], '["a",{"b":1}]')]
)
def test_other_outputs_are_text(given: object, told: str) -> None:
    assert messages(USER, call("a"), output("a", given))[-1]["content"] == told


@pytest.mark.parametrize("detail", ["low", "high", "auto", "original"])
def test_the_resolution_of_a_picture_is_told(detail: str) -> None:
    (message,) = messages({"role": "user", "content": [{**PICTURE, "detail": detail}]})
    assert message["content"][0]["image_url"]["detail"] == detail


def test_a_resolution_that_nobody_knows_is_left_out_and_named() -> None:
    body = asking(R, input=[{"role": "user", "content": [{**PICTURE, "detail": "medium"}]}])
    assert "detail" not in translated(R, C, body)["messages"][0]["content"][0]["image_url"]
    assert dropped(R, C, body) == {"detail"}


def test_a_schema_for_the_answer_is_told_whole() -> None:
    shape = {"name": "n", "description": "D", "strict": True, "schema": {"type": "object", "properties": {}}}
    told = translated(R, C, asking(R, text={"format": {"type": "json_schema", **shape}}))
    assert told["response_format"] == {"type": "json_schema", "json_schema": shape}


def test_json_without_a_schema_is_asked_for() -> None:
    told = translated(R, C, asking(R, text={"format": {"type": "json_object"}}))
    assert told["response_format"] == {"type": "json_object"}


def test_tools_of_namespaces_stand_among_the_others_and_the_direct_one_keeps_its_name() -> None:
    space = {"type": "namespace", "name": "mcp", "description": "", "tools": [function("find")]}
    tools = translated(R, C, asking(R, tools=[space, function("mcp__find"), function("f")]))["tools"]
    names = [tool["function"]["name"] for tool in tools]
    assert names[1:] == ["mcp__find", "f"]
    assert len(set(names)) == 3


def test_a_server_without_free_form_tools_gets_a_function() -> None:
    (tool,) = translated(R, C, asking(R, tools=[{"type": "custom", "name": "p"}]), dialect=Dialect(custom_tools=False))[
        "tools"
    ]
    assert tool["function"]["parameters"]["required"] == ["input"]


def test_a_choice_is_told_in_the_wires_own_shape() -> None:
    told = translated(R, C, asking(R, tools=[function("f")], tool_choice={"type": "function", "name": "f"}))
    assert told["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_without_tools_nothing_is_said_of_choosing_them() -> None:
    told = translated(R, C, asking(R, tool_choice="auto", parallel_tool_calls=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & told.keys()


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        ({"temperature": 0.1}, "temperature", 0.1),
        ({"top_p": 0.2}, "top_p", 0.2),
        ({"text": {"verbosity": "low"}}, "verbosity", "low"),
        ({"metadata": {"a": "b"}}, "metadata", {"a": "b"}),
        ({"prompt_cache_key": "k"}, "prompt_cache_key", "k"),
        ({"max_output_tokens": 20}, "max_tokens", 20),
        ({"reasoning": {"effort": "high"}}, "reasoning_effort", "high"),
        ({"service_tier": "flex"}, "service_tier", "flex"),
        ({"store": True}, "store", True),
        ({"safety_identifier": "s"}, "user", "s"),
        ({"top_logprobs": 3}, "top_logprobs", 3),
    ],
)
def test_settings_have_their_counterparts(fields: Body, key: str, value: object) -> None:
    assert translated(R, C, asking(R, **fields))[key] == value


def test_alternatives_to_each_token_were_asked_for_without_the_probabilities() -> None:
    assert translated(R, C, asking(R, top_logprobs=3))["logprobs"] is True


def test_no_alternatives_to_each_token_need_no_word() -> None:
    assert "top_logprobs" not in translated(R, C, asking(R, top_logprobs=0))


def test_a_file_is_told_by_its_bytes() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    (message,) = messages({"role": "user", "content": [{"type": "input_file", **file}]})
    assert message["content"] == [{"type": "file", "file": file}]


@pytest.mark.parametrize("field", ["max_tool_calls", "truncation"])
def test_what_the_wire_has_no_words_for_is_named(field: str) -> None:
    assert dropped(R, C, asking(R, **{field: {"max_tool_calls": 3}.get(field, "auto")})) == {field}


# -- the reply


def kinds(events: list[Body]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_everything_is_closed_before_the_end_and_the_end_comes_once() -> None:
    told = kinds(streamed(R, C, [chunk({"content": "a"}), chunk({}, "stop"), USAGE_CHUNK], ASKED))
    assert told[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert told.count("completed") == 1


def test_usage_is_told_with_the_end() -> None:
    last = streamed(R, C, [chunk({"content": "a"}), chunk({}, "stop"), USAGE_CHUNK], ASKED)[-1]["response"]
    assert last["usage"]["input_tokens_details"]["cached_tokens"] == 3
    assert last["usage"]["total_tokens"] == 14


def test_without_usage_none_is_made_up() -> None:
    last = streamed(R, C, [chunk({"content": "a"}), chunk({}, "stop")], ASKED)[-1]["response"]
    assert last["usage"] is None


WOVEN = [
    chunk({"content": "a"}),
    piece_of_call(0, '{"a"', id="x", name="f"),
    piece_of_call(1, '{"b"', id="y", name="g"),
    piece_of_call(0, ":1}"),
    piece_of_call(1, ":2}"),
    chunk({}, "tool_calls"),
]


def test_arguments_of_calls_that_come_interleaved_are_not_mixed() -> None:
    _, first, second = items_of(streamed(R, C, WOVEN, ASKED))
    assert (first["arguments"], second["arguments"]) == ('{"a":1}', '{"b":2}')


def test_items_end_in_the_order_of_their_numbers() -> None:
    done = [event for event in streamed(R, C, WOVEN, ASKED) if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in done] == [0, 1, 2]


def test_a_whole_body_says_the_same_as_a_stream() -> None:
    assert collected(R, C, WOVEN, ASKED)["output"] == items_of(streamed(R, C, WOVEN, ASKED))


def test_an_id_that_comes_late_is_waited_for() -> None:
    stream = [piece_of_call(0, '{"a"', name="f"), piece_of_call(0, ":1}", id="late"), chunk({}, "tool_calls")]
    events = streamed(R, C, stream, ASKED)
    (added,) = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert added["call_id"] == "late"
    assert items_of(events)[0]["arguments"] == '{"a":1}'


def test_a_call_that_never_gets_an_id_has_one_all_the_same() -> None:
    (item,) = items_of(streamed(R, C, [piece_of_call(0, "{}", name="f"), chunk({}, "tool_calls")], ASKED))
    assert item["call_id"]


def test_a_name_that_comes_late_is_waited_for() -> None:
    stream = [piece_of_call(0, "{", id="x"), piece_of_call(0, "}", name="f"), chunk({}, "tool_calls")]
    (item,) = items_of(streamed(R, C, stream, ASKED))
    assert (item["name"], item["arguments"]) == ("f", "{}")


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_a_reply_that_stops_short_is_incomplete(finish: str, reason: str) -> None:
    last = streamed(R, C, [chunk({"content": "a"}), chunk({}, finish)], ASKED)[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": reason}


def test_arguments_that_are_cut_off_are_not_mended() -> None:
    (item,) = items_of(streamed(R, C, [piece_of_call(0, '{"a', id="x", name="f"), chunk({}, "length")], ASKED))
    assert item["arguments"] == '{"a'


@pytest.mark.parametrize("stream", [[chunk({"reasoning_content": "hm"})], [piece_of_call(0, '{"a', id="x", name="f")]])
def test_a_stream_that_breaks_off_is_a_failure_that_may_be_tried_again(stream: list[Body]) -> None:
    last = streamed(R, C, stream, ASKED)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "server_error"
