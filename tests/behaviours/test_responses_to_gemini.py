"""What a client of OpenAI Responses says, told to Gemini, and what it is told."""

from __future__ import annotations

import pytest

from cliproxy.translate.envelopes import MARK
from tests.support.pairs import Body, asking, collected, dropped, emulated, raw_stream, rules, streamed, translated
from tests.support.spoken import IMAGE_URL, PIXEL, SIGNATURE, calling, candidate, items_of, thought

R, G = "openai-responses", "gemini"
GEMINI_3 = "gemini-3-pro-preview"
SKIP = "skip_thought_signature_validator"
USER: Body = {"role": "user", "content": "Hi."}


def function(name: str) -> Body:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}


def call(call_id: str, name: str = "f") -> Body:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def output(call_id: str, given: object = "r") -> Body:
    return {"type": "function_call_output", "call_id": call_id, "output": given}


TOOLS: list[Body] = [
    function("f"),
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "mcp", "description": "", "tools": [function("find")]},
]
ASKED = asking(R, input=[USER], tools=TOOLS)


def contents(*items: Body, model: str = "a-model") -> list[Body]:
    told: list[Body] = translated(R, G, asking(R, input=[*items]), model=model)["contents"]
    return told


def words(content: Body) -> list[str]:
    """What a content says, in short."""
    return [
        part.get("text") or part.get("functionCall", {}).get("id") or part["functionResponse"]["id"]
        for part in content["parts"]
    ]


# -- the request


def test_results_stand_in_the_order_of_their_calls() -> None:
    told = contents(USER, call("a"), call("b", "g"), output("b"), output("a"), USER)
    assert [words(content) for content in told] == [["Hi."], ["a", "b"], ["a", "b", "Hi."]]


def test_a_late_result_is_moved_behind_its_call_and_named() -> None:
    """Left where it was, the vendor would refuse the whole history: it wants as many results as calls."""
    mid: Body = {"role": "user", "content": "Mid."}
    body = asking(R, input=[USER, call("a"), call("b", "g"), output("b"), mid, output("a")])
    assert words(translated(R, G, body)["contents"][2]) == ["a", "b", "Mid."]
    assert emulated(R, G, body) == {"messages.4"}


def test_instructions_and_the_operators_first_words_are_the_systems() -> None:
    body = asking(R, instructions="I", input=[{"role": "developer", "content": "D"}, USER])
    assert translated(R, G, body)["systemInstruction"] == {"parts": [{"text": "I"}, {"text": "D"}]}


def test_later_words_of_the_operators_keep_their_place_and_are_marked() -> None:
    told = contents(USER, {"role": "developer", "content": "D"}, {"role": "user", "content": "Go."})
    assert words(told[0]) == ["Hi.", "<system-reminder>\nD\n</system-reminder>", "Go."]


def test_a_schema_for_the_answer_is_told() -> None:
    schema: Body = {"type": "object", "properties": {}}
    body = asking(R, text={"format": {"type": "json_schema", "name": "n", "schema": schema}})
    config = translated(R, G, body)["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": schema}


def test_texts_and_pictures_that_a_tool_gave_stay_apart() -> None:
    given = [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": IMAGE_URL},
        {"type": "input_text", "text": "u"},
    ]
    (part,) = contents(USER, call("a"), output("a", given))[2]["parts"]
    assert part["functionResponse"]["response"] == {"output": ["t", "u"]}
    assert part["functionResponse"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]


def test_before_gemini_3_a_picture_that_a_tool_gave_stands_beside_the_result() -> None:
    given = [{"type": "input_image", "image_url": IMAGE_URL}]
    told = contents(USER, call("a"), output("a", given), model="gemini-2.5-pro")[2]["parts"]
    assert [next(iter(part)) for part in told] == ["functionResponse", "inlineData"]


def test_some_tools_may_be_allowed() -> None:
    allowed = [{"type": "function", "name": "f"}, {"type": "custom", "name": "patch"}]
    body = {**ASKED, "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": allowed}}
    calling_config = translated(R, G, body)["toolConfig"]["functionCallingConfig"]
    assert calling_config == {"mode": "ANY", "allowedFunctionNames": ["f", "patch"]}


def test_a_file_in_another_vendors_store_is_named() -> None:
    body = asking(R, input=[USER, call("a"), output("a", [{"type": "input_file", "file_id": "file-1"}])])
    assert dropped(R, G, body) == {"messages.2.content.0.content.0"}


@pytest.mark.parametrize("given", [["a", 1], {"a": 1}, 5])
def test_an_odd_output_is_told_as_json(given: object) -> None:
    (part,) = contents(USER, call("a"), output("a", given))[2]["parts"]
    assert part["functionResponse"]["response"]["output"].replace(" ", "") in ('["a",1]', '{"a":1}', "5")


def test_alternatives_to_each_token_are_asked_for_with_the_probabilities() -> None:
    config = translated(R, G, asking(R, top_logprobs=3))["generationConfig"]
    assert config == {"logprobs": 3, "responseLogprobs": True}


# -- signatures, there and back


def replayed(*parts: Body, model: str = GEMINI_3, tamper: bool = False) -> list[Body]:
    """The parts that the model gets back of a turn that it said, when the client sends back what it was told."""
    house = rules()
    stream = [*(candidate(part) for part in parts), candidate(finish="STOP")]
    items = items_of(streamed(R, G, stream, ASKED, model=model, by=house))
    if tamper:
        items = [
            {**item, "encrypted_content": "AAAA" + item["encrypted_content"]} if "encrypted_content" in item else item
            for item in items
        ]
    answers = [output(item["call_id"]) for item in items if item["type"] == "function_call"]
    body = {**ASKED, "input": [USER, *items, *answers, USER]}
    said: list[Body] = translated(R, G, body, model=model, by=house)["contents"][1]["parts"]
    return said


def signatures(parts: list[Body]) -> list[str | None]:
    return [part.get("thoughtSignature") for part in parts]


def test_a_calls_signature_comes_back_on_the_call() -> None:
    assert signatures(replayed(calling("f", thoughtSignature=SIGNATURE))) == [SIGNATURE]


def test_of_parallel_calls_the_unsigned_one_stays_unsigned() -> None:
    assert signatures(replayed(calling("f", thoughtSignature=SIGNATURE), calling("f"))) == [SIGNATURE, None]


def test_a_texts_signature_comes_back_on_the_text() -> None:
    told = replayed({"text": "a", "thoughtSignature": SIGNATURE})
    assert told == [{"text": "a", "thoughtSignature": SIGNATURE}]


def test_two_signatures_come_back_each_on_its_own_part() -> None:
    told = replayed({"text": "a", "thoughtSignature": SIGNATURE}, calling("f", thoughtSignature="b3RoZXI="))
    assert signatures(told) == [SIGNATURE, "b3RoZXI="]


def test_a_signature_behind_a_thought_is_the_thoughts() -> None:
    told = replayed(thought("hm"), {"text": "", "thoughtSignature": SIGNATURE}, {"text": "a"})
    assert told == [{"text": "hm", "thought": True, "thoughtSignature": SIGNATURE}, {"text": "a"}]


def test_a_signature_behind_a_thought_opened_a_text_without_words() -> None:
    stream = [
        candidate(thought("hm")),
        candidate({"text": "", "thoughtSignature": SIGNATURE}),
        candidate(finish="STOP"),
    ]
    assert [item["type"] for item in items_of(streamed(R, G, stream, ASKED))] == ["reasoning"]


def test_an_envelope_that_was_tampered_with_is_thrown_away() -> None:
    told = replayed(thought("hm", thoughtSignature=SIGNATURE), {"text": "a"}, tamper=True)
    assert told == [{"text": "a"}]


def test_a_foreign_blob_is_not_shown_to_the_vendor_and_named() -> None:
    foreign = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAforeign"}
    body = asking(R, input=[USER, foreign, call("a"), output("a")])
    told = translated(R, G, body, model=GEMINI_3)
    assert signatures(told["contents"][1]["parts"]) == [SKIP]
    assert "messages.1.thinking" in dropped(R, G, body)


def test_nothing_of_our_own_reaches_the_vendor() -> None:
    told = replayed(thought("hm", thoughtSignature=SIGNATURE), calling("f", thoughtSignature=SIGNATURE), tamper=True)
    assert MARK not in str(told)


def test_a_signature_does_not_move_to_another_turn() -> None:
    foreign = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAforeign"}
    told = contents(USER, foreign, USER, call("a"), output("a"))
    assert signatures(told[1]["parts"]) == [None]


# -- the reply


SAID: list[Body] = [
    candidate(thought("hm")),
    candidate({"text": "hello"}),
    candidate(calling("mcp__find", thoughtSignature=SIGNATURE)),
    candidate({"functionCall": {"name": "patch", "args": {"input": "p"}}}),
    candidate(finish="STOP", usage={"promptTokenCount": 10, "totalTokenCount": 10}),
]


def test_each_stretch_is_an_item() -> None:
    kinds = [item["type"] for item in items_of(streamed(R, G, SAID, ASKED))]
    assert kinds == ["reasoning", "message", "function_call", "custom_tool_call"]


def test_namespaces_and_free_text_are_restored() -> None:
    _, _, found, patched = items_of(streamed(R, G, SAID, ASKED))
    assert (found["namespace"], found["name"]) == ("mcp", "find")
    assert patched["input"] == "p"


def test_an_item_at_its_end_is_the_one_in_the_whole_response() -> None:
    events = streamed(R, G, SAID, ASKED)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == items_of(events)


def test_a_whole_body_says_the_same_as_a_stream() -> None:
    assert collected(R, G, SAID, ASKED)["output"] == items_of(streamed(R, G, SAID, ASKED))


def test_a_reply_ends_once() -> None:
    raw = raw_stream(R, G, [*SAID, {"usageMetadata": {"promptTokenCount": 10}}], ASKED)
    assert raw.count(b"event: response.completed") == 1


def test_a_stream_of_nothing_is_a_failure() -> None:
    assert streamed(R, G, [], ASKED)[-1]["type"] == "response.failed"


def test_a_call_that_is_cut_off_leaves_the_response_incomplete() -> None:
    last = streamed(R, G, [candidate(calling("f"), finish="MAX_TOKENS")], ASKED)[-1]["response"]
    assert (last["status"], last["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


def test_a_filtered_answer_leaves_the_response_incomplete() -> None:
    last = streamed(R, G, [candidate({"text": "a"}, finish="SAFETY")], ASKED)[-1]["response"]
    assert last["incomplete_details"] == {"reason": "content_filter"}
