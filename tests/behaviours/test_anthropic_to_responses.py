"""What clients of Anthropic's expect of an upstream that speaks Responses: how they are understood."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.pairs import Body, answered, asking, dropped, emulated, prepared, translated
from tests.support.wire_replies import call_item, message_item, reasoning_item, response

CLIENT: Final = "anthropic"
UPSTREAM: Final = "openai-responses"
PAIR: Final = (CLIENT, UPSTREAM)
LOOK: Final[Body] = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
BILLING: Final = "x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"
LONG: Final = "tool_" + "x" * 70
SEARCH: Final[Body] = {"type": "web_search_20250305", "name": "web_search"}


def ask(**fields: Any) -> Body:
    return asking(CLIENT, **fields)


def body(**fields: Any) -> Body:
    return translated(*PAIR, ask(**fields))


def turns(*messages: Body, **fields: Any) -> Body:
    return ask(messages=[{"role": "user", "content": "Hi."}, *messages], tools=[LOOK], **fields)


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


def image(data: str = "iVBORw0K") -> Body:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def kinds(items: list[Body]) -> list[str]:
    return [item["type"] if item["type"] != "message" else item["role"] for item in items]


# -- what the operator says (1, 2)


@pytest.mark.parametrize("system", ["Be brief.", [text("Be brief.")]])
def test_the_system_prompt_becomes_the_instructions(system: Any) -> None:
    assert body(system=system)["instructions"] == "Be brief."


@pytest.mark.parametrize("system", ["", [], [text(BILLING)], BILLING])
def test_no_system_prompt_makes_no_instructions(system: Any) -> None:
    assert "instructions" not in body(system=system)


def test_the_line_for_anthropics_own_billing_does_not_go_to_another_vendor() -> None:
    told = body(system=[text(BILLING), text("You code."), text("Be brief.")])
    assert told["instructions"] == "You code.\n\nBe brief."


def test_the_billing_line_is_no_loss() -> None:
    assert not dropped(*PAIR, ask(system=[text(BILLING), text("Be brief.")]))


@pytest.mark.parametrize("content", ["Note.", [text("Note.")]])
def test_the_operators_later_words_keep_their_place_and_their_rank(content: Any) -> None:
    told = translated(*PAIR, turns({"role": "system", "content": content}, user(text("Go on.")), system="Top."))
    assert (told["instructions"], kinds(told["input"])) == ("Top.", ["user", "developer", "user"])


# -- tools (3 to 5, 7)


@pytest.mark.parametrize(("disabled", "parallel"), [(True, False), (False, True)])
def test_parallel_calls_are_forbidden_or_allowed_as_asked(disabled: bool, parallel: bool) -> None:
    told = body(tools=[LOOK], tool_choice={"type": "auto", "disable_parallel_tool_use": disabled})
    assert told["parallel_tool_calls"] is parallel


def test_of_parallel_calls_nothing_is_said_where_the_client_said_nothing() -> None:
    assert "parallel_tool_calls" not in body(tools=[LOOK], tool_choice={"type": "auto"})


@pytest.mark.parametrize(("said", "told"), [("any", "required"), ("none", "none"), ("auto", "auto")])
def test_the_choice_of_tools_has_a_word_each(said: str, told: str) -> None:
    assert body(tools=[LOOK], tool_choice={"type": said})["tool_choice"] == told


def test_a_long_name_is_shortened_alike_where_it_is_declared_and_where_it_is_chosen() -> None:
    told = body(tools=[{**LOOK, "name": LONG}], tool_choice={"type": "tool", "name": LONG})
    assert told["tool_choice"] == {"type": "function", "name": told["tools"][0]["name"]}
    assert len(told["tools"][0]["name"]) <= 64


def test_a_shortened_name_comes_back_whole() -> None:
    asked = ask(tools=[{**LOOK, "name": LONG}])
    short = translated(*PAIR, asked)["tools"][0]["name"]
    assert answered(*PAIR, response([call_item("c0", "{}", name=short)]), asked)["content"][0]["name"] == LONG


def test_a_long_call_id_is_shortened_alike_on_the_call_and_on_its_result() -> None:
    long = "toolu_" + "z" * 70
    items = translated(*PAIR, turns(assistant(call(long)), user(result("ok", long))))["input"]
    assert items[1]["call_id"] == items[2]["call_id"]
    assert len(items[1]["call_id"]) <= 64


def test_a_strict_tool_stays_strict() -> None:
    assert body(tools=[{**LOOK, "strict": True}])["tools"][0]["strict"] is True


def test_where_web_search_may_look_is_told() -> None:
    place = {"type": "approximate", "city": "Vienna", "country": "AT"}
    tool = {**SEARCH, "allowed_domains": ["a.example"], "user_location": place}
    told = body(tools=[tool], tool_choice={"type": "tool", "name": "web_search"})
    assert told["tools"] == [
        {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}, "user_location": place}
    ]
    assert told["tool_choice"] == {"type": "web_search"}


def test_what_web_search_cannot_be_told_is_named() -> None:
    tool = {**SEARCH, "blocked_domains": ["b.example"], "max_uses": 3}
    assert {"blocked_domains", "max_uses"} <= dropped(*PAIR, ask(tools=[tool]))


@pytest.mark.parametrize("version", ["20250305", "20260209", "20991231"])
def test_every_version_of_web_search_is_one(version: str) -> None:
    assert body(tools=[{**SEARCH, "type": f"web_search_{version}"}])["tools"] == [{"type": "web_search"}]


def test_a_function_called_web_search_is_a_function() -> None:
    tool = {"name": "web_search", "input_schema": {"type": "object"}}
    told = body(tools=[tool], tool_choice={"type": "tool", "name": "web_search"})
    assert (told["tools"][0]["type"], told["tool_choice"]["type"]) == ("function", "function")


# -- how fast (6)


@pytest.mark.parametrize("fields", [{"service_tier": "priority"}, {"speed": "fast"}])
def test_who_is_in_a_hurry_gets_the_priority_tier(fields: Body) -> None:
    assert body(**fields)["service_tier"] == "priority"


def test_the_fast_speed_overrides_the_default_tier_and_that_is_no_loss() -> None:
    asked = ask(service_tier="auto", speed="fast")
    assert translated(*PAIR, asked)["service_tier"] == "priority"
    assert not dropped(*PAIR, asked)


# -- what was said (8 to 10)


def test_reasoning_comes_back_as_the_item_it_was() -> None:
    reply = response([reasoning_item("one", blob="gBLOB"), message_item("Yes.")])
    said = answered(*PAIR, reply)["content"]
    told = translated(*PAIR, turns({"role": "assistant", "content": said}, user(text("And?"))))["input"]
    assert told[1] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "one"}],
        "encrypted_content": "gBLOB",
    }


def test_an_empty_blob_is_none() -> None:
    said = answered(*PAIR, response([reasoning_item("one"), message_item("Hi.")]))["content"]
    asked = turns({"role": "assistant", "content": said}, user(text("And?")))
    assert kinds(translated(*PAIR, asked)["input"]) == ["user", "assistant", "user"]
    assert dropped(*PAIR, asked) == {"thinking"}


@pytest.mark.parametrize("signature", ["EqQBCkgIAxAB", "gAAAAABo", "unknown"])
def test_reasoning_that_this_upstream_did_not_seal_is_not_shown_to_it(signature: str) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    asked = turns(assistant(thought, text("Yes.")), user(text("And?")))
    assert kinds(translated(*PAIR, asked)["input"]) == ["user", "assistant", "user"]
    assert dropped(*PAIR, asked) == {"messages.1.thinking"}


def test_withheld_reasoning_of_another_vendor_is_named_when_it_is_left_out() -> None:
    asked = turns(assistant({"type": "redacted_thinking", "data": "x"}, text("Yes.")), user(text("And?")))
    assert dropped(*PAIR, asked) == {"messages.1.thinking"}


def test_a_pdf_keeps_its_place_between_texts() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    told = translated(*PAIR, turns(user(text("a"), {"type": "document", "source": source}, text("b"))))
    file = {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    assert told["input"][1]["content"] == [
        {"type": "input_text", "text": "a"},
        file,
        {"type": "input_text", "text": "b"},
    ]


def test_documents_that_are_no_pdf_are_told_as_text() -> None:
    plain = {"type": "document", "title": "Notes", "source": {"type": "text", "data": "plain words"}}
    blocks = {"type": "document", "source": {"type": "content", "content": [text("one"), text("two")]}}
    content = translated(*PAIR, turns(user(plain, blocks)))["input"][1]["content"]
    assert "Notes" in content[0]["text"]
    assert "plain words" in content[0]["text"]
    assert "one\n\ntwo" in content[1]["text"]


def test_images_and_documents_at_a_url_are_passed_on_as_such() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://a.example/a.png"}}
    paper = {"type": "document", "source": {"type": "url", "url": "https://a.example/a.pdf"}}
    content = translated(*PAIR, turns(user(picture, paper)))["input"][1]["content"]
    assert content[0] == {"type": "input_image", "image_url": "https://a.example/a.png"}
    assert content[1] == {"type": "input_file", "file_url": "https://a.example/a.pdf"}


def test_words_and_calls_keep_their_order() -> None:
    said = assistant(text("a"), call(), text("b"), call("toolu_2"))
    told = translated(*PAIR, turns(said, user(result("r"), result("s", "toolu_2"), text("c"))))["input"]
    assert kinds(told) == [
        "user",
        "assistant",
        "function_call",
        "assistant",
        "function_call",
        "function_call_output",
        "function_call_output",
        "user",
    ]


def test_images_and_documents_stay_inside_of_a_tools_result() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    given = result([text("r"), image(), {"type": "document", "source": source}])
    output = translated(*PAIR, turns(assistant(call()), user(given)))["input"][2]["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image", "input_file"]


def test_a_tool_that_failed_says_so() -> None:
    asked = turns(assistant(call()), user(result("no such file", is_error=True)))
    assert translated(*PAIR, asked)["input"][2]["output"] == "Error: no such file"
    assert emulated(*PAIR, asked) == {"is_error"}


# -- what else is asked for


def test_the_limit_the_temperature_and_the_end_user_are_told() -> None:
    told = body(temperature=0.3, metadata={"user_id": "ann"})
    assert (told["max_output_tokens"], told["temperature"], told["safety_identifier"]) == (1000, 0.3, "ann")


def test_an_answer_by_a_schema_is_asked_for() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    told = body(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert told["text"]["format"]["schema"] == schema


def test_stop_sequences_stop_the_answer_though_the_wire_has_none() -> None:
    asked = ask(stop_sequences=["END"])
    told = answered(*PAIR, response([message_item("one END two")]), asked)
    assert (told["content"][0]["text"], told["stop_reason"], told["stop_sequence"]) == (
        "one ",
        "stop_sequence",
        "END",
    )
    assert emulated(*PAIR, asked) == {"stop"}


def test_top_k_is_named_as_lost() -> None:
    assert dropped(*PAIR, ask(top_k=5)) == {"top_k"}


def test_the_same_request_is_written_the_same_again() -> None:
    asked = turns(assistant(text("a"), call("toolu_" + "z" * 70)), user(result("r", "toolu_" + "z" * 70)))
    assert prepared(*PAIR, asked).body == prepared(*PAIR, asked).body
