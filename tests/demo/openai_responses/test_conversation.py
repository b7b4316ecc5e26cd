from __future__ import annotations

from typing import get_args

import pytest
from openai.types.responses import ResponseInputItemParam

from cliproxy.demo.openai_responses.conversation import HOSTED_ITEMS, HOSTED_OUTPUTS
from cliproxy.demo.openai_responses.reasoning import encrypted
from cliproxy.demo.replies import Json
from tests.demo.asking import PIXEL
from tests.demo.openai_responses.responding import ENCRYPTED, TOOLS, called, calls, output, refused, result, said, user

TWO = user('[[tool:Read {"path": "a"}]][[tool:Bash]]')
ANSWER: dict[str, Json] = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]}


def reasoning(item_id: str = "rs_1", **more: Json) -> dict[str, Json]:
    summary: list[Json] = [{"type": "summary_text", "text": "hm"}]
    return {"type": "reasoning", "id": item_id, "summary": summary, **more}


def sealed(item_id: str = "rs_1") -> dict[str, Json]:
    return reasoning(item_id, encrypted_content=encrypted(item_id, "hm"))


def test_every_item_of_the_service_is_known() -> None:
    kinds = {str(item.__annotations__["type"]) for item in get_args(ResponseInputItemParam)}
    own = (
        *("message", "reasoning", "function_call", "custom_tool_call", "function_call_output", "compaction"),
        *("custom_tool_call_output", "additional_tools", "item_reference"),
    )
    known = (*HOSTED_ITEMS, *HOSTED_OUTPUTS, *own)
    assert [kind for kind in kinds if not any(f"'{name}'" in kind for name in known)] == []


def test_a_tool_result_leads_to_the_next_call() -> None:
    assert calls([TWO, called(), result("one")], tools=TOOLS) == [("Bash", "{}")]


def test_after_all_results_their_text_is_told() -> None:
    two = result([{"type": "input_text", "text": "two"}], "call_2")
    assert "one\ntwo" in said([TWO, called(), called("Bash", "call_2"), result("one"), two], tools=TOOLS)


def test_calls_and_results_may_take_turns() -> None:
    items: list[Json] = [TWO, called(), result("one"), called("Bash", "call_2"), result("two", "call_2")]
    assert "one\ntwo" in said(items, tools=TOOLS)


def test_a_message_beside_results_is_no_new_instruction() -> None:
    assert calls([TWO, called(), result("one"), user("reminder")], tools=TOOLS) == [("Bash", "{}")]


def test_the_last_message_is_repeated() -> None:
    operator: Json = {"role": "developer", "content": "brief"}
    items: list[Json] = [user("a"), ANSWER, operator, user([{"type": "input_text", "text": "c"}])]
    assert "“c”" in said(items)


def test_a_custom_tools_output_comes_back() -> None:
    call: Json = {"type": "custom_tool_call", "call_id": "call_1", "name": "Patch", "input": "x"}
    done: Json = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "patched"}
    assert "patched" in said([user("[[tool:Patch]]"), call, done], tools=TOOLS)


def test_more_tools_may_come_among_the_items() -> None:
    more: Json = {"type": "additional_tools", "role": "developer", "tools": TOOLS}
    assert calls([more, user("[[tool:Bash]]")]) == [("Bash", "{}")]


# -- what is attached ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "seen"),
    [
        ({"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}, "image of 70 bytes"),
        ({"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"}, "image by link"),
        (
            {"type": "input_file", "file_data": "data:application/pdf;base64,QUJD", "filename": "a"},
            "document of 3 bytes",
        ),
        ({"type": "input_file", "file_url": "https://example.com/a.pdf"}, "document by link"),
    ],
)
def test_what_is_attached_is_told(part: Json, seen: str) -> None:
    assert f"I see 1 attached: {seen}." in said([user([{"type": "input_text", "text": "look"}, part])])


def test_an_image_in_a_tools_output_is_told() -> None:
    image: Json = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
    assert "image of 70 bytes" in said([user("[[tool:Read]]"), called(), result([image])], tools=TOOLS)


# -- reasoning -----------------------------------------------------------------------------------------------------


def test_own_reasoning_is_taken_back() -> None:
    assert "“c”" in said([user("a"), sealed(), ANSWER, user("c")])


def test_own_reasoning_may_come_without_its_id() -> None:
    item = sealed()
    del item["id"]
    assert "“c”" in said([user("a"), item, ANSWER, user("c")])


def test_reasoning_may_stand_before_a_call() -> None:
    assert "one" in said([user("[[tool:Read]]"), sealed(), called(), result("one")], tools=TOOLS)


def test_what_the_demo_reasoned_comes_back_as_it_was() -> None:
    fields: dict[str, Json] = {"reasoning": {"effort": "low"}, "include": ENCRYPTED, "store": False}
    first = output("[[tool:Read]]", tools=TOOLS, **fields)
    assert "found" in said(
        [user("[[tool:Read]]"), *first, result("found", first[-1]["call_id"])], tools=TOOLS, **fields
    )


def test_reasoning_that_is_stored_needs_no_content() -> None:
    first = output("a", reasoning={"effort": "low"})
    assert "“c”" in said([user("a"), *first, user("c")])


@pytest.mark.parametrize(
    "blob", ["", "gAAAAA", "gAAAAABc", encrypted("rs_1", "hm")[:-8], "x" + encrypted("rs_1", "hm")]
)
def test_reasoning_of_others_is_refused(blob: str) -> None:
    told, param, code = refused([user("a"), reasoning(encrypted_content=blob), ANSWER, user("c")])
    assert "could not be verified" in told
    assert (param, code) == ("input[1].encrypted_content", "invalid_encrypted_content")


def test_reasoning_of_another_item_is_refused() -> None:
    item = reasoning("rs_2", encrypted_content=encrypted("rs_1", "hm"))
    assert "item_id did not match" in refused([user("a"), item, ANSWER, user("c")])[0]


@pytest.mark.parametrize(
    "items",
    [
        [user("a"), sealed("rs_7")],
        [user("a"), sealed("rs_7"), user("c")],
        [user("[[tool:Read]]"), called(), sealed("rs_7"), result("one")],
    ],
)
def test_reasoning_is_followed_by_its_item(items: list[Json]) -> None:
    told = "Item 'rs_7' of type 'reasoning' was provided without its required following item."
    assert refused(items, tools=TOOLS)[0] == told


def test_reasoning_that_is_not_stored_is_not_there() -> None:
    told = refused([user("a"), reasoning("rs_demo1"), ANSWER, user("c")], store=False)[0]
    assert "Item with id 'rs_demo1' not found." in told


def test_an_items_id_alone_leads_nowhere() -> None:
    assert "'msg_1' not found" in refused([{"type": "item_reference", "id": "msg_1"}, user("a")])[0]


# -- what does not fit together ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([user("a"), result("one")], "No tool call found for function call output with call_id call_1."),
        ([TWO, called()], "No tool output found for function call call_1."),
        ([TWO, called(), user("go on")], "No tool output found for function call call_1."),
        ([TWO, result("one"), called()], "No tool call found for function call output with call_id call_1."),
        (
            [TWO, called(), {**result("one"), "type": "custom_tool_call_output"}],
            "No tool call found for custom tool call output with call_id call_1.",
        ),
        ([{"type": "magic"}], "Invalid value: 'magic'."),
        ([{"role": "tool", "content": "hi"}], "Invalid value: 'tool'."),
        ([{"content": "hi"}], "Missing required parameter: 'input[0].role'."),
        ([user(None)], "Missing required parameter: 'input[0].content'."),
        ([user(7)], "expected a string or an array of objects, but got an integer instead."),
        ([user([{"type": "output_text", "text": "a"}])], "Invalid value: 'output_text'."),
        ([{**ANSWER, "content": [{"type": "input_text", "text": "a"}]}], "Invalid value: 'input_text'."),
        ([{**called(), "arguments": {}}], "expected a string, but got an object"),
        ([{**called(), "call_id": "c" * 65}], "maximum length 64"),
        ([TWO, called(), result(7)], "expected a string or an array of objects"),
        (["hi"], "expected an object, but got a string"),
    ],
)
def test_items_that_do_not_fit_together_are_refused(items: list[Json], told: str) -> None:
    assert told in refused(items, tools=TOOLS)[0]
