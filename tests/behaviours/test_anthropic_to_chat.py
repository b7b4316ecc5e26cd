"""What clients of Anthropic's expect of an upstream that speaks OpenAI Chat."""

from __future__ import annotations

from typing import Any, Final

import pytest

from cliproxy.formats.codec import Dialect
from tests.support.pairs import Body, answered, asking, dropped, emulated, raw_stream, streamed, translated
from tests.support.spoken import chunk
from tests.support.wire_replies import CHAT_USAGE, blocks_of, call_chunk, chat_body, closing

CLIENT: Final = "anthropic"
UPSTREAM: Final = "openai-chat"
PAIR: Final = (CLIENT, UPSTREAM)
LOOK: Final[Body] = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
REPLAYING: Final = Dialect(replays_reasoning=True)
BILLING: Final = "x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"


def ask(**fields: Any) -> Body:
    return asking(CLIENT, **fields)


def turns(*messages: Body, **fields: Any) -> Body:
    return ask(messages=[{"role": "user", "content": "Hi."}, *messages], tools=[LOOK], **fields)


def told(*messages: Body, **fields: Any) -> list[Body]:
    """The messages that the upstream gets behind the first."""
    written: list[Body] = translated(*PAIR, turns(*messages), **fields)["messages"]
    return written[1:]


def assistant(*blocks: Body) -> Body:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Body) -> Body:
    return {"role": "user", "content": list(blocks)}


def text(words: str) -> Body:
    return {"type": "text", "text": words}


def call(call_id: str = "toolu_1") -> Body:
    return {"type": "tool_use", "id": call_id, "name": "look", "input": {"a": 1}}


def result(content: Any, call_id: str = "toolu_1", **fields: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **fields}


PICTURE: Final[Body] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}}
LINKED: Final[Body] = {"type": "image", "source": {"type": "url", "url": "https://a.example/a.png"}}

# -- reasoning of earlier turns (21, 22)


@pytest.mark.parametrize("signature", ["EqQBCkgIAxAB", "gAAAAABo", ""])
def test_reasoning_that_this_upstream_did_not_give_is_left_out_and_named(signature: str) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    asked = turns(assistant(thought, text("Yes.")), user(text("And?")))
    assert translated(*PAIR, asked, dialect=REPLAYING)["messages"][1] == {"role": "assistant", "content": "Yes."}
    assert dropped(*PAIR, asked) == {"messages.1.thinking"}


def test_a_turn_that_was_nothing_but_reasoning_vanishes_with_it() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "gAAAAABo"}
    assert [message["role"] for message in told(assistant(thought), user(text("And?")))] == ["user"]


def test_the_upstreams_own_reasoning_goes_back_to_it_beside_its_call() -> None:
    entry = {"id": "c0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    reply = chat_body({"content": None, "reasoning_content": "hm", "tool_calls": [entry]}, "tool_calls")
    said = answered(*PAIR, reply)["content"]
    back = told({"role": "assistant", "content": said}, user(result("ok", "c0")), dialect=REPLAYING)
    assert back[0]["reasoning_content"] == "hm"


def test_an_upstream_that_never_asked_for_its_reasoning_does_not_get_it() -> None:
    said = answered(*PAIR, chat_body({"content": "Yes.", "reasoning_content": "hm"}))["content"]
    asked = turns({"role": "assistant", "content": said}, user(text("And?")))
    assert translated(*PAIR, asked)["messages"][1] == {"role": "assistant", "content": "Yes."}
    assert dropped(*PAIR, asked) == {"thinking"}


# -- the operator (23, 24)


def test_the_system_prompt_is_one_message_without_the_billing_line() -> None:
    body = translated(*PAIR, ask(system=[text(BILLING), text("You code."), text("Be brief.")]))
    assert body["messages"][0] == {"role": "system", "content": [text("You code."), text("Be brief.")]}


@pytest.mark.parametrize("system", ["", [], [text(BILLING)]])
def test_without_a_system_prompt_there_is_no_message_of_it(system: Any) -> None:
    assert [message["role"] for message in translated(*PAIR, ask(system=system))["messages"]] == ["user"]


def test_the_operators_later_words_keep_their_place_and_their_rank() -> None:
    written = told({"role": "system", "content": "Note."}, user(text("Go on.")))
    assert written[0] == {"role": "system", "content": "Note."}


# -- calls and results (25 to 27)


def test_results_stand_right_behind_their_call_and_what_else_was_said_behind_them() -> None:
    written = told(assistant(call()), user(text("before"), result("r"), text("after")))
    assert [message["role"] for message in written] == ["assistant", "tool", "user"]
    assert [part["text"] for part in written[2]["content"]] == ["before", "after"]


def test_a_result_that_is_an_object_is_told_as_json() -> None:
    assert told(assistant(call()), user(result({"a": 1})))[1]["content"] == '{"a":1}'


@pytest.mark.parametrize(
    ("content", "url"),
    [([text("r"), PICTURE], "data:image/png;base64,iVBORw0K"), ([LINKED], "https://a.example/a.png")],
)
def test_an_image_in_a_result_follows_in_a_message_of_the_users(content: Any, url: str) -> None:
    written = told(assistant(call()), user(result(content)))
    assert [message["role"] for message in written] == ["assistant", "tool", "user"]
    assert written[2]["content"][-1] == {"type": "image_url", "image_url": {"url": url}}


def test_an_image_in_a_result_stays_there_where_the_server_takes_it() -> None:
    written = told(assistant(call()), user(result([text("r"), PICTURE])), dialect=Dialect(tool_images=True))
    assert [part["type"] for part in written[1]["content"]] == ["text", "image_url"]


def test_words_around_a_call_are_one_message_with_it() -> None:
    asked = turns(assistant(text("a"), call(), text("b")), user(result("r")))
    message = translated(*PAIR, asked)["messages"][1]
    assert (message["content"], len(message["tool_calls"])) == ("ab", 1)
    assert emulated(*PAIR, asked) == {"messages"}


def test_a_tool_that_failed_says_so() -> None:
    asked = turns(assistant(call()), user(result("no such file", is_error=True)))
    assert translated(*PAIR, asked)["messages"][2]["content"] == "Error: no such file"
    assert emulated(*PAIR, asked) == {"is_error"}


# -- what else is asked for (28, 29)


def test_object_schemas_get_properties_at_every_level() -> None:
    inner: Body = {"type": "object"}
    schema = {"type": "object", "properties": {"n": inner, "l": {"type": "array", "items": inner}}}
    tools = [{"name": "t", "input_schema": {"type": "object"}}, {"name": "u", "input_schema": schema}]
    bare, nested = (tool["function"]["parameters"] for tool in translated(*PAIR, ask(tools=tools))["tools"])
    filled = {"type": "object", "properties": {}}
    assert bare == filled
    assert nested["properties"] == {"n": filled, "l": {"type": "array", "items": filled}}


@pytest.mark.parametrize("stops", [["END"], ["END", "STOP"]])
def test_stop_sequences_are_a_list(stops: list[str]) -> None:
    assert translated(*PAIR, ask(stop_sequences=stops))["stop"] == stops


def test_more_stop_sequences_than_the_wire_takes_still_stop() -> None:
    asked = ask(stop_sequences=["A", "B", "C", "D", "E"])
    reply = answered(*PAIR, chat_body({"content": "oneEtwo"}), asked)
    assert (reply["content"][0]["text"], reply["stop_sequence"]) == ("one", "E")


def test_no_tools_may_be_called_where_the_client_said_so() -> None:
    assert translated(*PAIR, ask(tools=[LOOK], tool_choice={"type": "none"}))["tool_choice"] == "none"


def test_parallel_calls_are_forbidden_as_asked() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert translated(*PAIR, ask(tools=[LOOK], tool_choice=choice))["parallel_tool_calls"] is False


def test_temperature_and_top_p_are_both_told() -> None:
    body = translated(*PAIR, ask(temperature=0.3, top_p=0.9))
    assert (body["temperature"], body["top_p"]) == (0.3, 0.9)


def test_an_answer_by_a_schema_is_asked_for() -> None:
    form = {"type": "json_schema", "schema": {"type": "object", "properties": {}, "additionalProperties": False}}
    assert translated(*PAIR, ask(output_config={"format": form}))["response_format"]["type"] == "json_schema"


def test_the_end_user_is_told() -> None:
    assert translated(*PAIR, ask(metadata={"user_id": "ann"}))["user"] == "ann"


def test_a_document_keeps_its_place() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    content = told(user(text("a"), {"type": "document", "source": source}, text("b")))[0]["content"]
    assert [part["type"] for part in content] == ["text", "file", "text"]


def test_what_the_wire_has_no_word_for_is_named() -> None:
    tools = [LOOK, {"type": "web_search_20250305", "name": "web_search"}]
    asked = ask(top_k=5, tools=tools, context_management={"edits": [1]})
    assert dropped(*PAIR, asked) == {"top_k", "tools.web_search", "context_management"}


def test_a_tool_that_the_vendor_runs_is_not_made_a_function() -> None:
    tools = [LOOK, {"type": "bash_20250124", "name": "bash"}]
    assert [tool["function"]["name"] for tool in translated(*PAIR, ask(tools=tools))["tools"]] == ["look"]


def test_cache_marks_are_named_as_not_needed() -> None:
    asked = ask(system=[{**text("x"), "cache_control": {"type": "ephemeral"}}])
    assert emulated(*PAIR, asked) == {"cache_control"}


# -- the reply (30 to 34)


def blocks(*chunks: Body) -> list[Body]:
    return blocks_of(streamed(*PAIR, chunks))


def stop_of(*chunks: Body) -> str:
    reason = closing(streamed(*PAIR, chunks))["delta"]["stop_reason"]
    assert isinstance(reason, str)
    return reason


LAST: Final = chunk({}, "tool_calls")


def test_usage_behind_the_end_is_told_with_the_end() -> None:
    only_usage = {**chunk({}), "choices": [], "usage": CHAT_USAGE}
    usage = closing(streamed(*PAIR, [chunk({"content": "Hi."}), chunk({}, "stop"), only_usage]))["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (
        50,
        30,
        20,
    )


@pytest.mark.parametrize("name", [None, "", 5, "look"])
def test_a_name_that_comes_again_or_empty_begins_no_other_call(name: Any) -> None:
    events = [
        call_chunk(0, id="c0", function={"name": "look", "arguments": ""}),
        call_chunk(0, function={"name": name, "arguments": "{}"}),
        LAST,
    ]
    assert [(block["name"], block["arguments"]) for block in blocks(*events)] == [("look", "{}")]


def test_a_name_that_is_no_text_is_waited_for() -> None:
    events = [
        call_chunk(0, id="c0", function={"name": 5, "arguments": ""}),
        call_chunk(0, function={"name": "look", "arguments": "{}"}),
        LAST,
    ]
    assert [block["name"] for block in blocks(*events)] == ["look"]


def test_a_call_that_is_never_named_gets_a_name_of_its_place() -> None:
    event = call_chunk(0, id="c0", function={"arguments": '{"a":1}'})
    assert [(block["name"], block["arguments"]) for block in blocks(event, LAST)] == [("tool_0", '{"a":1}')]


def test_a_bare_place_is_no_call() -> None:
    assert blocks(call_chunk(0), LAST) == []
    assert stop_of(call_chunk(0), LAST) == "end_turn"


@pytest.mark.parametrize("late", [{"id": "c9", "function": {"arguments": ""}}, {"id": "c9"}])
def test_a_call_waits_for_its_id(late: Body) -> None:
    first = call_chunk(0, function={"name": "look", "arguments": '{"a":1}'})
    assert [(block["id"], block["arguments"]) for block in blocks(first, call_chunk(0, **late), LAST)] == [
        ("c9", '{"a":1}')
    ]


def test_a_call_that_never_gets_an_id_is_given_one() -> None:
    first = call_chunk(0, function={"name": "look", "arguments": "{}"})
    assert blocks(first, LAST)[0]["id"]


def test_calls_that_wait_to_the_end_come_in_their_order() -> None:
    waiting = [call_chunk(place, function={"name": f"t{place}", "arguments": "{}"}) for place in (2, 0, 1)]
    assert [block["name"] for block in blocks(*waiting, LAST)] == ["t0", "t1", "t2"]


def test_a_call_is_the_reason_to_stop_whatever_the_upstream_says() -> None:
    event = call_chunk(0, id="c0", function={"name": "look", "arguments": "{}"})
    assert stop_of(chunk({"content": "t"}), event, chunk({}, "stop")) == "tool_use"


def test_a_call_that_was_cut_off_stops_for_the_limit() -> None:
    event = call_chunk(0, id="c0", function={"name": "look", "arguments": '{"a'})
    assert stop_of(event, chunk({}, "length")) == "max_tokens"


def test_arguments_are_told_as_they_come() -> None:
    events = [
        call_chunk(0, id="c0", function={"name": "look"}),
        call_chunk(0, function={"arguments": '{"command":'}),
        call_chunk(0, function={"arguments": '"ls"}'}),
        LAST,
    ]
    deltas = [event["delta"] for event in streamed(*PAIR, events) if event["type"] == "content_block_delta"]
    assert [delta["partial_json"] for delta in deltas] == ['{"command":', '"ls"}']


def test_arguments_that_come_as_an_object_are_not_lost() -> None:
    event = call_chunk(0, id="c0", function={"name": "look", "arguments": {"command": "ls"}})
    assert blocks(event, LAST)[0]["arguments"] == '{"command":"ls"}'


def test_a_filtered_answer_is_a_refusal() -> None:
    assert stop_of(chunk({"content": "t"}), chunk({}, "content_filter")) == "refusal"


def test_reasoning_and_words_are_blocks_of_their_own() -> None:
    told_blocks = blocks(chunk({"reasoning_content": "hm"}), chunk({"content": "Hi."}), chunk({}, "stop"))
    assert [(block["type"], block.get("thinking"), block.get("text")) for block in told_blocks] == [
        ("thinking", "hm", None),
        ("text", None, "Hi."),
    ]


def test_the_terminator_comes_once_and_last() -> None:
    only_usage = {**chunk({}), "choices": [], "usage": CHAT_USAGE}
    raw = raw_stream(*PAIR, [chunk({"content": "t"}), chunk({}, "stop"), only_usage, only_usage])
    assert raw.count(b"event: message_stop") == 1
    assert raw.endswith(b'data: {"type":"message_stop"}\n\n')


def test_a_message_begins_once() -> None:
    events = streamed(*PAIR, [chunk({"role": "assistant"}), chunk({"role": "assistant", "content": "t"}), LAST])
    assert [event["type"] for event in events].count("message_start") == 1
