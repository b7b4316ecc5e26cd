from __future__ import annotations

import pytest

from cliproxy.demo.gemini.signatures import call_signature
from cliproxy.demo.replies import Json
from tests.demo.asking import PIXEL
from tests.demo.gemini.generating import NEW, TOOLS, called, calls, model, parts, refused, result, said, text, user

TWO = user(text('[[tool:Read {"path": "a"}]][[tool:Bash]]'))
ONE: dict[str, Json] = {"output": "one"}


def test_a_tool_result_leads_to_the_next_call() -> None:
    assert calls([TWO, model(called()), user(result(ONE))], tools=TOOLS) == [("Bash", {})]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"output": "one"}, "one"),
        ({"result": "one"}, "one"),
        ({"error": "no such file"}, "no such file"),
        ({"output": {"lines": 2}}, '{"lines":2}'),
        ({"lines": 2}, '{"lines":2}'),
    ],
)
def test_after_all_results_their_text_is_told(given: dict[str, Json], told: str) -> None:
    assert told in said([user(text("[[tool:Read]]")), model(called()), user(result(given))], tools=TOOLS)


def test_parallel_results_come_together() -> None:
    answers = user(result(ONE), result({"output": "two"}, "Bash"))
    assert "one\ntwo" in said([TWO, model(called(), called("Bash")), answers], tools=TOOLS)


def test_a_text_beside_results_is_no_new_instruction() -> None:
    assert calls([TWO, model(called()), user(result(ONE), text("reminder"))], tools=TOOLS) == [("Bash", {})]


def test_a_content_without_a_role_is_the_users() -> None:
    assert "“hi”" in said([{"parts": [text("hi")]}])


def test_names_may_come_in_snake_case() -> None:
    call: Json = {"function_call": {"name": "Read", "args": {}}}
    answer: Json = {"function_response": {"name": "Read", "response": ONE}}
    assert "one" in said([user(text("[[tool:Read]]")), model(call), user(answer)], tools=TOOLS)


# -- what is attached ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "seen"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": PIXEL}}, "image of 70 bytes"),
        ({"inline_data": {"mime_type": "application/pdf", "data": "QUJD"}}, "document of 3 bytes"),
        ({"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}}, "recording of 3 bytes"),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "https://example.com/a"}}, "film by link"),
    ],
)
def test_what_is_attached_is_told(part: Json, seen: str) -> None:
    assert f"I see 1 attached: {seen}." in said([user(text("look"), part)])


def test_an_image_in_a_tools_response_is_told() -> None:
    image: Json = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    answer = user(result(ONE, parts=[image]))
    assert "image of 70 bytes" in said([user(text("[[tool:Read]]")), model(called()), answer], tools=TOOLS)


# -- signatures ----------------------------------------------------------------------------------------------------

MISSING = "Function call is missing a thought_signature in functionCall parts."


def signed(name: str = "Read") -> dict[str, Json]:
    return called(name, thoughtSignature=call_signature(name, {}))


def test_a_call_of_the_current_turn_must_be_signed() -> None:
    told = refused([TWO, model(called()), user(result(ONE))], NEW, tools=TOOLS)
    assert told.startswith(MISSING)
    assert "`default_api:Read`, position 2" in told


def test_a_signed_call_is_taken() -> None:
    assert calls([TWO, model(signed()), user(result(ONE))], NEW, tools=TOOLS) == [("Bash", {})]


def test_of_parallel_calls_the_first_alone_is_signed() -> None:
    answers = user(result(ONE), result(ONE, "Bash"))
    assert "one" in said([TWO, model(signed(), called("Bash")), answers], NEW, tools=TOOLS)


def test_every_step_of_the_turn_is_signed() -> None:
    steps = [TWO, model(signed()), user(result(ONE)), model(called("Bash")), user(result(ONE, "Bash"))]
    assert refused(steps, NEW, tools=TOOLS).startswith(MISSING)


def test_calls_of_earlier_turns_need_no_signature() -> None:
    steps = [TWO, model(called()), user(result(ONE)), model(text("ok")), user(text("thanks"))]
    assert "“thanks”" in said(steps, NEW, tools=TOOLS)


def test_other_models_want_no_signature() -> None:
    assert calls([TWO, model(called()), user(result(ONE))], tools=TOOLS) == [("Bash", {})]


def test_what_the_demo_called_comes_back_as_it_was() -> None:
    first = parts('[[tool:Read {"path": "ä"}]]', NEW, tools=TOOLS)
    steps = [user(text('[[tool:Read {"path": "ä"}]]')), model(*first), user(result(ONE))]
    assert "one" in said(steps, NEW, tools=TOOLS)


def test_a_signature_of_others_is_refused_anywhere() -> None:
    steps = [user(text("a")), model({"text": "b", "thoughtSignature": "QUJD"}), user(text("c"))]
    assert refused(steps) == "Corrupted thought signature."


# -- what does not fit together ------------------------------------------------------------------------------------

UNEVEN = "number of function response parts is equal to the number of function call parts"


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ([{"role": "assistant", "parts": [text("a")]}], "Please use a valid role: user, model."),
        ([{"role": "user", "parts": []}], "contents[0].parts: contents.parts must not be empty."),
        ([{"role": "user"}], "contents[0].parts: contents.parts must not be empty."),
        ([user({})], "contents[0].parts[0].data: required oneof field 'data' must have one initialized field"),
        ([user({"text": "a", "functionCall": {"name": "b"}})], "required oneof field 'data'"),
        ([user({"type": "text", "text": "a"})], "Unknown name \"type\" at 'contents[0].parts[0]': Cannot find field."),
        ([{**user(text("a")), "content": "a"}], "Unknown name \"content\" at 'contents[0]': Cannot find field."),
        ([user({"text": 7})], "Invalid value at 'contents[0].parts[0].text'"),
        ([user({"inlineData": {"mimeType": "image/png", "data": "!"}})], "Base64 decoding failed"),
        ([TWO, model(called())], UNEVEN),
        ([TWO, model(called()), user(text("go on"))], UNEVEN),
        ([TWO, model(called()), model(text("b"))], UNEVEN),
        ([TWO, model(called(), called("Bash")), user(result(ONE))], UNEVEN),
        ([TWO, model(called(), called("Bash")), user(result(ONE)), user(result(ONE, "Bash"))], UNEVEN),
        ([TWO, user(result(ONE))], UNEVEN),
        ([TWO, model(called()), user(result(ONE, "Bash"))], "names do not match"),
        ([model(called()), user(result(ONE))], "comes immediately after a user turn or after a function response turn"),
        ([TWO, model(text("a")), model(called()), user(result(ONE))], "comes immediately after a user turn"),
        ([TWO, model({"functionCall": {"name": "Read", "args": "{}"}})], "an object was expected"),
        ([TWO, model({"functionCall": {"name": "Read", "arguments": {}}})], 'Unknown name "arguments"'),
        (
            [TWO, model(called()), user({"functionResponse": {"name": "Read", "response": "one"}})],
            "an object was expected",
        ),
        (["hi"], "Invalid value at 'contents[0]'"),
    ],
)
def test_contents_that_do_not_fit_together_are_refused(contents: list[Json], told: str) -> None:
    assert told in refused(contents, tools=TOOLS)


def test_a_response_answers_the_call_of_its_id() -> None:
    call: Json = {"functionCall": {"name": "Read", "args": {}, "id": "call_1"}}
    assert "one" in said([user(text("a")), model(call), user(result(ONE, id="call_1"))])
    assert "id 'call_2'" in refused([user(text("a")), model(call), user(result(ONE, id="call_2"))])
