"""What clients of OpenAI Chat expect of an upstream that speaks Anthropic's format."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.pairs import (
    Body,
    answered,
    asking,
    dropped,
    emulated,
    prepared,
    raw_stream,
    rules,
    streamed,
    translated,
)
from tests.support.spoken import claude, claude_call, claude_text, claude_thinking
from tests.support.wire_replies import CLAUDE_USAGE, claude_body

CLIENT: Final = "openai-chat"
UPSTREAM: Final = "anthropic"
PAIR: Final = (CLIENT, UPSTREAM)
LOOK: Final[Body] = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
MARK: Final[Body] = {"type": "ephemeral"}


def ask(*messages: Body, **fields: Any) -> Body:
    return asking(CLIENT, messages=list(messages) or [user("Go on.")], **fields)


def body(*messages: Body, **fields: Any) -> Body:
    return translated(*PAIR, ask(*messages, **fields))


def user(content: Any, **fields: Any) -> Body:
    return {"role": "user", "content": content, **fields}


def text(words: str, **fields: Any) -> Body:
    return {"type": "text", "text": words, **fields}


def calling(*ids: str) -> Body:
    function = {"name": "look", "arguments": '{"a":1}'}
    calls = [{"id": call_id, "type": "function", "function": function} for call_id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str, content: Any) -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def bare(block: Body) -> Body:
    """A block without its cache mark: marks are put where they serve."""
    return {key: value for key, value in block.items() if key != "cache_control"}


# -- the operator (57, 59)


def test_the_operators_first_words_are_the_system_prompt_block_by_block() -> None:
    told = body({"role": "system", "content": "One."}, {"role": "developer", "content": [text("Two.")]}, user("Hi."))
    assert [block["text"] for block in told["system"]] == ["One.", "Two."]


def test_the_operators_later_words_keep_their_place() -> None:
    told = body({"role": "system", "content": "One."}, user("Hi."), {"role": "system", "content": "Two."}, user("Go."))
    assert [message["role"] for message in told["messages"]] == ["user", "system", "user"]


def test_a_model_that_hears_the_operator_at_the_beginning_only_is_told_by_a_marked_text() -> None:
    asked = ask(user([text("a", cache_control=MARK)]), {"role": "system", "content": "Note."}, user("b"))
    told = translated(*PAIR, asked, model="claude-sonnet-4-5", by=rules(known=True))
    (turn,) = told["messages"]
    assert [block["text"] for block in turn["content"]] == [
        "a",
        "<system-reminder>\nNote.\n</system-reminder>",
        "b",
    ]
    assert [block.get("cache_control") for block in turn["content"]] == [MARK, None, None]


def test_a_conversation_of_the_operators_words_alone_gets_a_user_who_says_something() -> None:
    (turn,) = body({"role": "system", "content": "One."})["messages"]
    assert turn["role"] == "user"
    assert turn["content"][0]["text"].strip()


# -- calls and results (58, 60 to 62)


def test_results_are_one_turn_in_the_calls_order_before_what_the_user_says() -> None:
    told = body(user("Hi."), calling("a", "b"), result("b", "rb"), result("a", "ra"), user("And?"), tools=[LOOK])
    assert [message["role"] for message in told["messages"]] == ["user", "assistant", "user"]
    kinds = [(block["type"], block.get("tool_use_id")) for block in told["messages"][2]["content"]]
    assert kinds == [("tool_result", "a"), ("tool_result", "b"), ("text", None)]


def test_an_id_that_anthropic_refuses_is_spelled_alike_on_the_call_and_on_its_result() -> None:
    told = body(user("Hi."), calling("call:1|x y"), result("call:1|x y", "r"), tools=[LOOK])
    call_id = told["messages"][1]["content"][0]["id"]
    assert call_id == told["messages"][2]["content"][0]["tool_use_id"]
    assert all(letter.isalnum() or letter in "_-" for letter in call_id)


def test_of_two_results_of_one_call_the_later_one_counts_and_the_other_is_named() -> None:
    asked = ask(user("Hi."), calling("a"), result("a", "old"), result("a", "new"), tools=[LOOK])
    (given,) = translated(*PAIR, asked)["messages"][2]["content"]
    assert given["content"] == [text("new")]
    assert dropped(*PAIR, asked) == {"messages.2"}


def test_images_in_a_result_stay_there() -> None:
    shown = [
        text("r"),
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/a.png"}},
    ]
    told = body(user("Hi."), calling("a"), result("a", shown), tools=[LOOK])
    assert told["messages"][2]["content"][0]["content"] == [
        text("r"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}},
        {"type": "image", "source": {"type": "url", "url": "https://a.example/a.png"}},
    ]


def test_a_result_without_a_call_is_told_as_words() -> None:
    asked = ask(user("Hi."), result("zz", "lone"), user("And?"))
    (turn,) = translated(*PAIR, asked)["messages"]
    assert "lone" in [block["text"] for block in turn["content"]]
    assert emulated(*PAIR, asked) == {"messages.1"}


# -- caching (63)


def test_a_mark_on_a_message_is_put_on_its_last_block() -> None:
    told = body(user([text("a"), text("b")], cache_control={"type": "ephemeral", "ttl": "1h"}))
    first, last = told["messages"][0]["content"]
    assert (first.get("cache_control"), last["cache_control"]) == (None, {"type": "ephemeral", "ttl": "1h"})


def test_a_mark_on_a_part_wins_over_the_messages() -> None:
    part = text("a", cache_control={"type": "ephemeral", "ttl": "5m"})
    told = body(user([part], cache_control={"type": "ephemeral", "ttl": "1h"}))
    assert told["messages"][0]["content"][0]["cache_control"]["ttl"] == "5m"


def test_a_mark_on_a_tool_is_kept() -> None:
    assert body(tools=[{**LOOK, "cache_control": MARK}])["tools"][0]["cache_control"] == MARK


def test_a_client_that_sets_no_marks_still_gets_its_prompt_cached() -> None:
    told = body({"role": "system", "content": "One."}, user("Hi."), tools=[LOOK])
    marked = [told["system"][-1], told["tools"][-1], told["messages"][-1]["content"][-1]]
    assert sum("cache_control" in block for block in marked) >= 2


# -- tools (64)


@pytest.mark.parametrize("union", ["anyOf", "oneOf"])
def test_a_schema_with_a_union_at_its_root_becomes_an_object_with_all_properties(union: str) -> None:
    branches = [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}},
    ]
    tool = {"type": "function", "function": {"name": "look", "parameters": {union: branches}}}
    schema = body(tools=[tool])["tools"][0]["input_schema"]
    assert (schema["type"], set(schema["properties"])) == ("object", {"a", "b"})
    assert not {union, "required"} & schema.keys()


def test_a_union_of_constraints_at_the_root_is_taken_out() -> None:
    properties: Body = {"a": {"type": "string"}, "b": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    asked = ask(tools=[{"type": "function", "function": {"name": "look", "parameters": schema}}])
    assert translated(*PAIR, asked)["tools"][0]["input_schema"] == {"type": "object", "properties": properties}
    assert "tools.0.parameters" in emulated(*PAIR, asked)


def test_no_tools_may_be_called_where_the_client_said_so() -> None:
    assert body(tools=[LOOK], tool_choice="none")["tool_choice"] == {"type": "none"}


def test_parallel_calls_are_forbidden_as_asked() -> None:
    told = body(tools=[LOOK], parallel_tool_calls=False)
    assert told["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_free_form_tool_is_a_function_there_and_a_free_form_tool_again_in_the_reply() -> None:
    asked = ask(tools=[{"type": "custom", "custom": {"name": "patch"}}])
    assert list(translated(*PAIR, asked)["tools"][0]["input_schema"]["properties"]) == ["input"]
    block = {"type": "tool_use", "id": "k", "name": "patch", "input": {"input": "*** x"}}
    (told,) = answered(*PAIR, claude_body([block], "tool_use"), asked)["choices"][0]["message"]["tool_calls"]
    assert told == {"id": "k", "type": "custom", "custom": {"name": "patch", "input": "*** x"}}


# -- what else is asked for (65 to 67)


@pytest.mark.parametrize(
    "fields", [{"max_tokens": 4096}, {"max_completion_tokens": 4096}, {"max_tokens": 5, "max_completion_tokens": 4096}]
)
def test_the_newer_word_for_the_limit_wins(fields: Body) -> None:
    assert body(**fields)["max_tokens"] == 4096


def test_without_a_limit_there_is_one() -> None:
    assert body()["max_tokens"] > 0


def test_without_a_limit_a_known_model_may_write_all_it_can() -> None:
    told = translated(*PAIR, ask(), model="claude-sonnet-4-5", by=rules(known=True))
    assert told["max_tokens"] == 64000


def test_the_temperature_is_told_and_what_cannot_stand_beside_it_is_named() -> None:
    asked = ask(temperature=0.3, top_p=0.9)
    told = translated(*PAIR, asked)
    assert (told["temperature"], "top_p" in told) == (0.3, False)
    assert dropped(*PAIR, asked) == {"top_p"}


@pytest.mark.parametrize("fields", [{"user": "ann"}, {"safety_identifier": "ann"}, {"metadata": {"user_id": "ann"}}])
def test_the_end_user_is_told_under_the_name_the_client_gave(fields: Body) -> None:
    asked = ask(**fields)
    assert translated(*PAIR, asked)["metadata"] == {"user_id": "ann"}
    assert not dropped(*PAIR, asked)


def test_labels_beside_the_end_user_are_named_as_lost() -> None:
    assert dropped(*PAIR, ask(metadata={"user_id": "ann", "team": "t"})) == {"metadata"}


def test_no_end_user_is_made_up() -> None:
    assert "metadata" not in body()


def test_a_stop_sequence_of_white_space_stops_though_anthropic_refuses_it() -> None:
    asked = ask(stop=["\n\n", "END"])
    assert "stop_sequences" not in translated(*PAIR, asked)
    told = answered(*PAIR, claude_body([text("one\n\ntwo")]), asked)
    assert told["choices"][0]["message"]["content"] == "one"
    assert (dropped(*PAIR, asked), emulated(*PAIR, asked)) == (set(), {"stop"})


def test_white_space_at_the_end_of_words_put_into_the_models_mouth_is_not_sent() -> None:
    told = body(user("Hi."), {"role": "assistant", "content": "So: \n"})
    assert told["messages"][-1]["content"][0]["text"] == "So:"


def test_an_answer_by_a_schema_is_asked_for() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    told = body(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    assert told["output_config"]["format"] == {"type": "json_schema", "schema": schema}


def test_an_answer_in_json_is_had_from_a_tool_and_told_as_words() -> None:
    asked = ask(response_format={"type": "json_object"})
    name = translated(*PAIR, asked)["tools"][0]["name"]
    block = {"type": "tool_use", "id": "t", "name": name, "input": {"a": 1}}
    choice = answered(*PAIR, claude_body([block], "tool_use"), asked)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")


def test_several_answers_are_asked_for_one_by_one() -> None:
    assert prepared(*PAIR, ask(n=2)).times == 2


def test_what_has_no_place_is_named() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    stored = {"type": "file", "file": {"file_id": "file_1"}}
    asked = ask(user([text("a"), sound, stored]), seed=3, presence_penalty=1, logit_bias={"1": 1}, logprobs=True)
    assert dropped(*PAIR, asked) == {
        "messages.0.content.1",
        "messages.0.content.2",
        "seed",
        "presence_penalty",
        "logit_bias",
        "logprobs",
    }


def test_reasoning_that_anthropic_did_not_give_is_left_out_and_named() -> None:
    asked = ask(user("Hi."), {"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}, user("And?"))
    assert [bare(block) for block in translated(*PAIR, asked)["messages"][1]["content"]] == [text("Yes.")]
    assert dropped(*PAIR, asked) == {"messages.1.thinking"}


def test_anthropics_own_reasoning_comes_back_to_it_by_its_call_though_the_client_drops_it() -> None:
    by = rules()
    thinking = {"type": "thinking", "thinking": "hm", "signature": "SIG"}
    withheld = {"type": "redacted_thinking", "data": "RED"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}
    answered(*PAIR, claude_body([thinking, withheld, call], "tool_use"), ask(tools=[LOOK]), by=by)
    then = ask(user("Go on."), calling("toolu_1"), result("toolu_1", "ok"), tools=[LOOK])
    assert translated(*PAIR, then, by=by)["messages"][1]["content"] == [thinking, withheld, call]


# -- the reply (68 to 70)


def test_usage_is_added_up_as_openai_adds_it() -> None:
    usage = answered(*PAIR, claude_body([text("Hi.")]))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (22044, 4, 22048)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 22000, "cache_write_tokens": 31}


def test_usage_ends_a_stream_that_asked_for_it() -> None:
    told = streamed(*PAIR, claude(claude_text("Hi."), usage=CLAUDE_USAGE))
    assert (told[-1]["choices"], told[-1]["usage"]["prompt_tokens"]) == ([], 22044)


def test_no_usage_is_told_in_a_stream_that_did_not_ask_for_it() -> None:
    asked = ask(stream_options=None)
    assert not any(event.get("usage") for event in streamed(*PAIR, claude(claude_text("Hi.")), asked))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        (None, "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("sensitive", "content_filter"),
    ],
)
def test_a_reply_ends_for_the_reason_it_had(reason: str | None, finish: str) -> None:
    assert answered(*PAIR, claude_body([text("Hi.")], reason))["choices"][0]["finish_reason"] == finish
    told = streamed(*PAIR, claude(claude_text("Hi."), stop=reason))
    assert [event["choices"][0]["finish_reason"] for event in told if event["choices"]][-1] == finish


def delta_texts(events: list[Body], field: str) -> str:
    return "".join(event["choices"][0]["delta"].get(field) or "" for event in events if event["choices"])


def test_reasoning_and_words_are_the_same_in_a_stream_and_whole() -> None:
    whole = answered(*PAIR, claude_body([{"type": "thinking", "thinking": "hm", "signature": "S"}, text("Hi.")]))
    told = streamed(*PAIR, claude(claude_thinking("hm"), claude_text("Hi.")))
    message = whole["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm", "Hi.")
    assert (delta_texts(told, "reasoning_content"), delta_texts(told, "content")) == ("hm", "Hi.")


def test_without_reasoning_there_is_no_field_of_it() -> None:
    message = answered(*PAIR, claude_body([text("Hi.")]))["choices"][0]["message"]
    assert not {"reasoning_content", "reasoning", "reasoning_details"} & message.keys()


def test_withheld_reasoning_is_never_shown() -> None:
    withheld = {"type": "redacted_thinking", "data": "REDACTED"}
    raw = raw_stream(*PAIR, claude((withheld, []), claude_text("Hi.")))
    assert b"REDACTED" not in raw
    assert b"reasoning_content" not in raw


def test_calls_are_numbered_among_themselves_and_told_as_they_come() -> None:
    told = streamed(
        *PAIR,
        claude(
            claude_text("Hi."), claude_call("a", "look", '{"x"', ":1}"), claude_call("b", "look", "{}"), stop="tool_use"
        ),
    )
    entries = [
        entry for event in told if event["choices"] for entry in event["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert [entry["index"] for entry in entries] == [0, 0, 0, 1, 1]
    assert [entry["function"]["arguments"] for entry in entries] == ["", '{"x"', ":1}", "", "{}"]


def test_sources_are_told_as_annotations() -> None:
    citation = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "c"}
    block = {**text("Hi."), "citations": [{**citation, "encrypted_index": "I"}]}
    (told,) = answered(*PAIR, claude_body([block]))["choices"][0]["message"]["annotations"]
    assert told["url_citation"]["url"] == "https://a.example"
