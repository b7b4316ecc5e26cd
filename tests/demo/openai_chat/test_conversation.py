from __future__ import annotations

import pytest

from cliproxy.demo.replies import Json
from tests.demo.asking import PIXEL
from tests.demo.openai_chat.chatting import TOOLS, answered, assistant, called, refused, result, said, user

TWO = user('[[tool:Read {"path": "a"}]][[tool:Bash]]')


def messages(*listed: Json) -> dict[str, Json]:
    return {"messages": list(listed), "tools": TOOLS}


def test_a_tool_result_leads_to_the_next_call() -> None:
    (call,) = answered(**messages(TWO, assistant(called()), result("one")))["message"]["tool_calls"]
    assert call["function"]["name"] == "Bash"


def test_after_all_results_their_text_is_told() -> None:
    calls = assistant(called(), called("Bash", "call_2"))
    results = (result("one"), result([{"type": "text", "text": "two"}], "call_2"))
    assert "one\ntwo" in said(**messages(TWO, calls, *results))


def test_results_may_come_in_another_order() -> None:
    calls = assistant(called(), called("Bash", "call_2"))
    assert "two\none" in said(**messages(TWO, calls, result("two", "call_2"), result("one")))


def test_a_message_beside_results_is_no_new_instruction() -> None:
    assert "one" in said(**messages(user("[[tool:Read]]"), assistant(called()), result("one"), user("reminder")))


def test_operators_are_no_users() -> None:
    operators: list[Json] = [
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [text("or not")]},
    ]
    assert "“hi”" in said(**messages(operators[0], user("hi"), operators[1]))


def text(words: str) -> Json:
    return {"type": "text", "text": words}


# -- parts ---------------------------------------------------------------------------------------------------------


def image(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


def file(**fields: Json) -> Json:
    return {"type": "file", "file": fields}


@pytest.mark.parametrize(
    ("part", "seen"),
    [
        (image(f"data:image/png;base64,{PIXEL}"), "image of 70 bytes"),
        (image("https://example.com/a.png"), "image by link"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, "recording of 3 bytes"),
        (file(file_data="data:application/pdf;base64,QUJD", filename="a.pdf"), "document of 3 bytes"),
        (file(file_id="file-1"), "document by link"),
    ],
)
def test_what_is_attached_is_told(part: Json, seen: str) -> None:
    assert f"I see 1 attached: {seen}." in said(**messages(user([text("look"), part])))


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "picture"}, "messages[0].content[0].type"),
        ({"type": "text"}, "messages[0].content[0].text"),
        ({"type": "text", "text": 1}, "messages[0].content[0].text"),
        (image("data:image/tiff;base64,QUJD"), "messages[0].content[0].image_url.url"),
        (image("data:image/png;base64,no base64!"), "messages[0].content[0].image_url.url"),
        (image("a.png"), "messages[0].content[0].image_url.url"),
        (file(), "messages[0].content[0].file.file_id"),
        (file(file_data="QUJD", filename="a"), "messages[0].content[0].file.file_data"),
        (
            {"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}},
            "messages[0].content[0].input_audio.data",
        ),
        ("text", "messages[0].content[0]"),
    ],
)
def test_a_part_that_is_wrong_is_named(part: Json, param: str) -> None:
    assert refused(**messages(user([part])))[1] == param


# -- what does not fit together ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([user("a"), result("one")], "must be a response to a preceding message with 'tool_calls'"),
        ([TWO, assistant(called())], "did not have response messages: call_1"),
        ([TWO, assistant(called()), user("go on")], "did not have response messages: call_1"),
        ([TWO, assistant(called(), called("Bash", "call_2")), result("one"), user("x")], "messages: call_2"),
        ([TWO, assistant(called()), result("one", "call_9")], "is the id of none that waits"),
        ([TWO, assistant(called()), result("one"), result("one")], "is the id of none that waits"),
        ([TWO, assistant(called()), result("one"), user("x"), result("two")], "is the id of none that waits"),
        ([{"role": "wizard", "content": "hi"}], "Invalid value: 'wizard'."),
        ([{"content": "hi"}], "Missing required parameter: 'messages[0].role'."),
        ([user(None)], "Missing required parameter: 'messages[0].content'."),
        ([user(7)], "expected a string or an array of objects, but got an integer instead"),
        ([assistant()], "expected a string, got null"),
        ([{"role": "assistant", "content": "a", "tool_calls": []}], "empty array"),
        ([assistant({**called(), "id": "c" * 41}), result("one", "c" * 41)], "string too long"),
        ([assistant({**called(), "function": {"name": "Read", "arguments": {}}})], "expected a string, but got an obj"),
        ([assistant({**called(), "type": "magic"})], "Invalid value: 'magic'."),
        ([TWO, assistant(called()), result([image("https://a/b.png")])], "only allowed for messages with role 'user'"),
        (["hi"], "expected an object, but got a string"),
    ],
)
def test_messages_that_do_not_fit_together_are_refused(listed: list[Json], told: str) -> None:
    assert told in refused(**messages(*listed))[0]


def test_reasoning_may_come_back() -> None:
    thought: Json = {"role": "assistant", "content": "b", "reasoning_content": "hm"}
    assert "“c”" in said(**messages(user("a"), thought, user("c")))


def test_a_custom_call_may_come_back() -> None:
    call: Json = {"id": "call_1", "type": "custom", "custom": {"name": "Patch", "input": "x"}}
    assert "done" in said(**messages(user("[[tool:Patch]]"), assistant(call), result("done")))
