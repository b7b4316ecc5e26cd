"""What clients of Anthropic's expect of an upstream that speaks Gemini."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.pairs import Body, answered, asking, dropped, emulated, rules, streamed, translated
from tests.support.spoken import candidate
from tests.support.wire_replies import GEMINI_USAGE, blocks_of, closing

CLIENT: Final = "anthropic"
UPSTREAM: Final = "gemini"
PAIR: Final = (CLIENT, UPSTREAM)
LOOK: Final[Body] = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
BILLING: Final = "x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"
SEARCH: Final[Body] = {"type": "web_search_20250305", "name": "web_search"}
SKIP: Final = "skip_thought_signature_validator"


def ask(**fields: Any) -> Body:
    return asking(CLIENT, **fields)


def turns(*messages: Body, **fields: Any) -> Body:
    return ask(messages=[{"role": "user", "content": "Go on."}, *messages], tools=[LOOK], **fields)


def contents(*messages: Body, **fields: Any) -> list[Body]:
    """What the upstream gets of the conversation."""
    written: list[Body] = translated(*PAIR, turns(*messages), **fields)["contents"]
    return written


def assistant(*blocks: Body) -> Body:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Body) -> Body:
    return {"role": "user", "content": list(blocks)}


def text(words: str) -> Body:
    return {"type": "text", "text": words}


def call(call_id: str = "toolu_1", **fields: Any) -> Body:
    return {"type": "tool_use", "id": call_id, "name": "look", "input": {"a": 1}, **fields}


def result(content: Any, call_id: str = "toolu_1", **fields: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **fields}


PICTURE: Final[Body] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}}
LINKED: Final[Body] = {"type": "image", "source": {"type": "url", "url": "https://a.example/a.png"}}
PDF: Final[Body] = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}

# -- the operator, tools and parameters (35, 36, 45, 51)


def test_one_tool_is_forced_by_its_name() -> None:
    body = translated(*PAIR, ask(tools=[LOOK], tool_choice={"type": "tool", "name": "look"}))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}}


@pytest.mark.parametrize("system", ["Be brief.", [text(BILLING), text("Be brief.")]])
def test_the_system_prompt_is_the_instruction_without_a_role_and_a_billing_line(system: Any) -> None:
    assert translated(*PAIR, ask(system=system))["systemInstruction"] == {"parts": [{"text": "Be brief."}]}


def test_the_operators_later_words_are_the_users_and_marked() -> None:
    written = contents({"role": "system", "content": "Note."}, user(text("Then?")))
    assert [part["text"] for part in written[0]["parts"]] == [
        "Go on.",
        "<system-reminder>\nNote.\n</system-reminder>",
        "Then?",
    ]


def test_names_that_are_spelled_alike_stay_two_tools() -> None:
    names = ["a/b", "a b", "x" * 90]
    declared = translated(*PAIR, ask(tools=[{**LOOK, "name": name} for name in names]))["tools"][0]
    spelled = [function["name"] for function in declared["functionDeclarations"]]
    assert len(set(spelled)) == 3
    assert max(map(len, spelled)) <= 64


def test_a_name_is_spelled_alike_wherever_it_stands_and_comes_back() -> None:
    tool = {**LOOK, "name": "a/b"}
    said = assistant({**call(), "name": "a/b"})
    asked = {**turns(said, user(result("r"))), "tools": [tool], "tool_choice": {"type": "tool", "name": "a/b"}}
    body = translated(*PAIR, asked)
    name = body["tools"][0]["functionDeclarations"][0]["name"]
    assert name == body["contents"][1]["parts"][0]["functionCall"]["name"]
    assert name == body["contents"][2]["parts"][0]["functionResponse"]["name"]
    assert [name] == body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"]
    reply = candidate({"functionCall": {"name": name, "args": {}}}, finish="STOP")
    assert answered(*PAIR, reply, asked)["content"][0]["name"] == "a/b"


def test_the_parameters_are_told() -> None:
    body = translated(*PAIR, ask(temperature=0.3, top_p=0.9, top_k=5, stop_sequences=["END"]))
    assert body["generationConfig"] == {
        "temperature": 0.3,
        "topP": 0.9,
        "topK": 5,
        "maxOutputTokens": 1000,
        "stopSequences": ["END"],
    }


def test_a_thinking_budget_is_told_and_nothing_of_showing_thoughts() -> None:
    body = translated(*PAIR, ask(thinking={"type": "enabled", "budget_tokens": 2048}))
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 2048


def test_an_answer_by_a_schema_is_asked_for() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    config = translated(*PAIR, ask(output_config={"format": {"type": "json_schema", "schema": schema}}))
    assert config["generationConfig"]["responseJsonSchema"] == schema


def test_what_the_wire_has_no_word_for_is_named() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    asked = ask(tools=[{**LOOK, "strict": True}], tool_choice=choice, metadata={"user_id": "ann"})
    assert dropped(*PAIR, asked) == {"tools.0.strict", "parallel_tool_calls", "user"}


def test_a_typed_web_search_is_googles() -> None:
    asked = ask(tools=[{**SEARCH, "allowed_domains": ["a.example"]}])
    assert translated(*PAIR, asked)["tools"] == [{"googleSearch": {}}]
    assert dropped(*PAIR, asked) == {"tools.0.allowed_domains"}


# -- content (37, 38, 44, 52)


def test_an_image_is_inline_and_an_empty_text_is_nothing() -> None:
    parts = contents(assistant(text("So?")), user(text(""), PICTURE))[2]["parts"]
    assert parts == [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0K"}}]


def test_images_by_url_and_documents_are_told() -> None:
    parts = contents(assistant(text("So?")), user(LINKED, PDF))[2]["parts"]
    assert [part.keys() for part in parts] == [{"fileData"}, {"inlineData"}]


@pytest.mark.parametrize(
    ("content", "response", "media"),
    [
        ("ok", {"output": "ok"}, 0),
        ([text("ok"), PICTURE], {"output": "ok"}, 1),
        ([PICTURE, PICTURE], {"output": ""}, 2),
        ([LINKED], {"output": ""}, 1),
        ([PDF], {"output": ""}, 1),
        (None, {"output": ""}, 0),
        ({"a": 1}, {"output": '{"a":1}'}, 0),
    ],
)
def test_a_tools_result_is_told_with_what_it_shows(content: Any, response: Body, media: int) -> None:
    given = contents(assistant(call()), user(result(content)))[2]["parts"][0]["functionResponse"]
    assert (given["id"], given["name"], given["response"]) == ("toolu_1", "look", response)
    assert len(given.get("parts", ())) == media


def test_a_tool_that_failed_says_so() -> None:
    given = contents(assistant(call()), user(result("no such file", is_error=True)))[2]["parts"][0]
    assert given["functionResponse"]["response"] == {"error": "no such file"}


@pytest.mark.parametrize("call_id", ["toolu_1", "name-123", "x"])
def test_the_name_of_a_result_is_that_of_its_call_whatever_its_id_looks_like(call_id: str) -> None:
    given = contents(assistant(call(call_id)), user(result("r", call_id)))[2]["parts"][0]
    assert (given["functionResponse"]["name"], given["functionResponse"]["id"]) == ("look", call_id)


def test_a_result_without_a_call_is_told_as_words() -> None:
    asked = turns(user(result("lone", "toolu_9")))
    assert "lone" in [part["text"] for part in translated(*PAIR, asked)["contents"][0]["parts"]]
    assert emulated(*PAIR, asked) == {"messages.1"}


@pytest.mark.parametrize(("given", "told"), [([1], {"_raw": "[1]"}), ("x", {"_raw": "x"}), (None, {})])
def test_arguments_that_are_no_object_are_not_lost(given: Any, told: Body) -> None:
    parts = contents(assistant(call(input=given)), user(result("r")))[1]["parts"]
    assert parts[0]["functionCall"]["args"] == told


def test_words_and_calls_of_a_turn_keep_their_order() -> None:
    said = contents(assistant(text("a"), call(), text("b"), call("toolu_2")), user(result("r"), result("s", "toolu_2")))
    assert [next(iter(part.keys() & {"text", "functionCall"})) for part in said[1]["parts"]] == [
        "text",
        "functionCall",
        "text",
        "functionCall",
    ]


def test_a_turn_of_the_models_at_the_end_is_told() -> None:
    assert contents(assistant(text("Sure: ")))[-1] == {"role": "model", "parts": [{"text": "Sure: "}]}


# -- signatures (41, 48, 49, 53, 54)


def continued(reply: Body, *answer: Body, **fields: Any) -> list[Body]:
    """The turn that the upstream gets back of what it said, by way of a client that sends it on unchanged."""
    by = rules()
    said = answered(*PAIR, reply, turns(**fields), by=by)["content"]
    then = turns({"role": "assistant", "content": said}, user(*(answer or (text("And?"),))))
    parts: list[Body] = translated(*PAIR, then, by=by)["contents"][1]["parts"]
    return parts


def test_a_thought_comes_back_with_its_signature() -> None:
    thought = {"text": "hm", "thought": True, "thoughtSignature": "c2ln"}
    assert continued(candidate(thought, {"text": "Hi."}, finish="STOP")) == [thought, {"text": "Hi."}]


def test_a_text_comes_back_with_its_signature() -> None:
    texts = [{"text": "one", "thoughtSignature": "czE="}, {"text": "two", "thoughtSignature": "czI="}]
    assert continued(candidate(*texts, finish="STOP")) == texts


def test_a_signature_behind_a_text_comes_back_with_the_text() -> None:
    by = rules()
    events = [candidate({"text": "Hi."}), candidate({"text": "", "thoughtSignature": "c2ln"}, finish="STOP")]
    said = blocks_of(streamed(*PAIR, events, turns(), by=by))
    assert said == [text("Hi.")]
    then = turns({"role": "assistant", "content": said}, user(text("And?")))
    assert translated(*PAIR, then, by=by)["contents"][1]["parts"] == [{"text": "Hi.", "thoughtSignature": "c2ln"}]


def test_the_signature_of_another_conversations_text_stays_there() -> None:
    by = rules()
    reply = candidate({"text": "Yes.", "thoughtSignature": "c2ln"}, finish="STOP")
    answered(*PAIR, reply, ask(messages=[{"role": "user", "content": "Is it?"}]), by=by)
    then = turns(assistant(text("Yes.")), user(text("And?")))
    assert translated(*PAIR, then, by=by)["contents"][1]["parts"] == [{"text": "Yes."}]


def test_a_call_comes_back_with_its_signature_and_its_neighbour_without() -> None:
    signed = {"functionCall": {"id": "a", "name": "look", "args": {}}, "thoughtSignature": "c2ln"}
    plain = {"functionCall": {"id": "b", "name": "look", "args": {}}}
    back = continued(candidate(signed, plain, finish="STOP"), result("r", "a"), result("s", "b"))
    assert back == [signed, plain]


@pytest.mark.parametrize(("model", "excuse"), [("gemini-3-pro-preview", SKIP), ("gemini-2.5-pro", None)])
def test_of_calls_that_another_model_made_only_the_first_is_excused_and_only_where_it_must(
    model: str, excuse: str | None
) -> None:
    said = assistant(call(), call("toolu_2"))
    parts = contents(said, user(result("r"), result("s", "toolu_2")), model=model)[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [excuse, None]


@pytest.mark.parametrize("signature", ["EqQBCkgIAxAB", "c2ln", ""])
def test_a_thought_that_this_upstream_did_not_sign_is_left_out_and_named(signature: str) -> None:
    asked = turns(
        assistant({"type": "thinking", "thinking": "hm", "signature": signature}, text("Yes.")), user(text("?"))
    )
    assert translated(*PAIR, asked)["contents"][1]["parts"] == [{"text": "Yes."}]
    assert dropped(*PAIR, asked) == {"messages.1.thinking"}


@pytest.mark.parametrize("key", ["thoughtSignature", "thought_signature"])
def test_a_thought_and_a_text_are_two_blocks(key: str) -> None:
    reply = candidate({"text": "hm", "thought": True, key: "c2ln"}, {"text": "Hi."}, finish="STOP")
    thinking, words = answered(*PAIR, reply)["content"]
    assert (thinking["type"], thinking["thinking"], words) == ("thinking", "hm", text("Hi."))
    assert thinking["signature"]


@pytest.mark.parametrize(
    "thoughts",
    [
        [{"text": "hm", "thought": True, "thoughtSignature": "c2ln"}],
        [{"text": "hm", "thought": True}, {"text": "", "thought": True, "thoughtSignature": "c2ln"}],
    ],
)
def test_a_thought_is_one_block_with_one_signature_however_it_comes(thoughts: list[Body]) -> None:
    events = [*map(candidate, thoughts), candidate({"text": "Hi."}, finish="STOP")]
    thinking, words = blocks_of(streamed(*PAIR, events))
    assert (thinking["thinking"], words["text"]) == ("hm", "Hi.")
    assert thinking["signature"]


# -- the reply's end (39, 55, 56)


def test_an_end_without_a_count_of_output_is_an_end() -> None:
    events = [candidate({"text": "Hi."}), candidate({"text": ""}, finish="STOP", usage={"promptTokenCount": 9})]
    end = closing(streamed(*PAIR, events))
    assert (end["delta"]["stop_reason"], end["usage"]["input_tokens"], end["usage"]["output_tokens"]) == (
        "end_turn",
        9,
        0,
    )


def test_usage_is_divided_as_anthropic_divides_it() -> None:
    usage = answered(*PAIR, candidate({"text": "x"}, finish="STOP", usage=GEMINI_USAGE))["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (77, 30, 9)


@pytest.mark.parametrize("word", ["SAFETY", "PROHIBITED_CONTENT", "RECITATION"])
def test_a_filtered_answer_is_a_refusal(word: str) -> None:
    assert answered(*PAIR, candidate({"text": "x"}, finish=word))["stop_reason"] == "refusal"


def test_a_blocked_prompt_is_a_whole_message_that_refuses() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": GEMINI_USAGE}
    told = streamed(*PAIR, [blocked])
    assert told[0]["type"] == "message_start"
    assert closing(told)["delta"]["stop_reason"] == "refusal"
    assert answered(*PAIR, blocked)["stop_reason"] == "refusal"


@pytest.mark.parametrize("content", [{}, {"parts": []}, None])
def test_an_empty_answer_is_a_whole_message(content: Any) -> None:
    reply = {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": GEMINI_USAGE}
    told = streamed(*PAIR, [reply])
    assert blocks_of(told) == []
    assert closing(told)["delta"]["stop_reason"] == "end_turn"
    assert answered(*PAIR, reply)["content"] == []


def test_a_call_that_was_cut_off_stops_for_the_limit() -> None:
    reply = candidate({"functionCall": {"name": "look", "args": {}}}, finish="MAX_TOKENS")
    assert answered(*PAIR, reply)["stop_reason"] == "max_tokens"


def test_a_call_that_came_to_nothing_is_an_error() -> None:
    told = streamed(*PAIR, [candidate(finish="MALFORMED_FUNCTION_CALL")])
    assert told[-1]["type"] == "error"


GROUNDED: Final[Body] = {
    "webSearchQueries": ["q"],
    "groundingChunks": [
        {"web": {"uri": "https://a.example", "title": "A"}},
        {"web": {"uri": "https://a.example", "title": "A"}},
        {"web": {"uri": "", "title": "nowhere"}},
    ],
    "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 3, "text": "É s"}, "groundingChunkIndices": [0]}],
}


def test_a_search_is_told_with_what_it_found_once() -> None:
    events = [candidate({"text": "É says."}), candidate({"text": ""}, finish="STOP", groundingMetadata=GROUNDED)]
    words, searching, found = blocks_of(streamed(*PAIR, events, ask(tools=[SEARCH])))
    assert [citation["url"] for citation in words["citations"]] == ["https://a.example"]
    assert (searching["type"], searching["arguments"]) == ("server_tool_use", '{"query":"q"}')
    assert [hit["url"] for hit in found["content"]] == ["https://a.example"]


def test_words_do_not_wait_for_what_a_search_found() -> None:
    events = [candidate({"text": "É says."}), candidate({"text": ""}, finish="STOP", groundingMetadata=GROUNDED)]
    told = streamed(*PAIR, events, ask(tools=[SEARCH]))
    assert told[2]["delta"] == {"type": "text_delta", "text": "É says."}
