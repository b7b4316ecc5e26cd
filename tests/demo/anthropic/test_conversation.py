from __future__ import annotations

import pytest

from cliproxy.demo.answer import answer
from cliproxy.demo.anthropic.conversation import signature_of
from cliproxy.demo.replies import DemoRequest, Json
from cliproxy.demo.settings import DemoSettings
from tests.demo.asking import PIXEL, TOOLS, asking, body_in, told_by


def error_in(request: DemoRequest) -> tuple[int, str]:
    reply = answer(request, DemoSettings())
    error = body_in(reply)["error"]
    assert isinstance(error, dict)
    return reply.status, str(error["type"])


def conversation(*messages: Json, text: str = "", **fields: Json) -> DemoRequest:
    return asking(text, messages=list(messages), tools=TOOLS, **fields)


def called(name: str, key: str = "toolu_1") -> dict[str, Json]:
    return {"type": "tool_use", "id": key, "name": name, "input": {}}


def result(text: Json, key: str = "toolu_1") -> dict[str, Json]:
    return {"type": "tool_result", "tool_use_id": key, "content": text}


def user(*blocks: Json) -> dict[str, Json]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> dict[str, Json]:
    return {"role": "assistant", "content": list(blocks)}


def text_block(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


TWO = text_block("[[tool:Read]][[tool:Bash]]")


def test_a_tool_result_leads_to_the_next_call() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one")))
    assert told_by(answer(request, DemoSettings())).blocks[-1].fields["name"] == "Bash"


def test_after_all_results_their_text_is_told() -> None:
    request = conversation(
        user(TWO),
        assistant(called("Read"), called("Bash", "toolu_2")),
        user(result("one"), result([text_block("two")], "toolu_2")),
    )
    told = told_by(answer(request, DemoSettings()))
    assert told.stop_reason == "end_turn"
    assert "one\ntwo" in told.text


def test_a_reminder_beside_a_tool_result_is_no_new_instruction() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one"), text_block("<system-reminder>")))
    assert told_by(answer(request, DemoSettings())).blocks[-1].fields["name"] == "Bash"


def test_a_later_instruction_starts_a_new_script() -> None:
    request = conversation(
        user(TWO),
        assistant(called("Read")),
        user(result("one")),
        assistant(text_block("ok")),
        user(text_block("thanks")),
    )
    assert "“thanks”" in told_by(answer(request, DemoSettings())).text


def test_the_last_block_of_an_instruction_is_repeated() -> None:
    request = conversation(user(text_block("<system-reminder>"), text_block("my words [[deltas:2]]")))
    assert "“my words”" in told_by(answer(request, DemoSettings())).text


def test_a_system_message_within_the_conversation_is_taken() -> None:
    system: Json = {"role": "system", "content": "be brief"}
    assert "“hi”" in told_by(answer(conversation(user(text_block("hi")), system), DemoSettings())).text


def test_a_true_signature_is_taken_back() -> None:
    thought: Json = {"type": "thinking", "thinking": "hm", "signature": signature_of("hm")}
    request = conversation(user(text_block("a")), assistant(thought, text_block("b")), user(text_block("c")))
    assert answer(request, DemoSettings()).status == 200


@pytest.mark.parametrize("signature", ["", "EqFalse", None, signature_of("other")])
def test_a_wrong_signature_is_refused(signature: Json) -> None:
    thought: Json = {"type": "thinking", "thinking": "hm", "signature": signature}
    request = conversation(user(text_block("a")), assistant(thought, text_block("b")), user(text_block("c")))
    assert error_in(request) == (400, "invalid_request_error")


def test_a_result_of_no_call_is_refused() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one", "toolu_renamed")))
    assert error_in(request) == (400, "invalid_request_error")


def test_a_call_without_result_is_refused() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(text_block("go on")))
    assert error_in(request) == (400, "invalid_request_error")


# -- blocks --------------------------------------------------------------------------------------------------------


def image(**source: Json) -> dict[str, Json]:
    return {"type": "image", "source": source}


def test_an_image_is_told_with_its_size() -> None:
    seen = image(type="base64", media_type="image/png", data=PIXEL)
    told = told_by(answer(conversation(user(text_block("look"), seen)), DemoSettings()))
    assert "I see 1 attached: image of 70 bytes." in told.text


def test_an_image_in_a_tool_result_is_told() -> None:
    seen = image(type="base64", media_type="image/png", data=PIXEL)
    request = conversation(user(text_block("look")), assistant(called("Read")), user(result([seen])))
    assert "image of 70 bytes" in told_by(answer(request, DemoSettings())).text


def test_a_document_is_told() -> None:
    document: Json = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ßß"}}
    told = told_by(answer(conversation(user(text_block("read"), document)), DemoSettings()))
    assert "document of 4 bytes" in told.text


@pytest.mark.parametrize(
    "block",
    [
        image(type="base64", media_type="image/tiff", data=PIXEL),
        image(type="base64", media_type="image/png", data="no base64!"),
        image(type="base64", media_type="image/png"),
        {"type": "image"},
        text_block(""),
        {"type": "tool_result"},
    ],
)
def test_a_block_that_is_wrong_is_refused(block: Json) -> None:
    assert error_in(conversation(user(text_block("a"), block))) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "call",
    [
        {"type": "tool_use", "id": "has a space", "name": "Read", "input": {}},
        {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": "{}"},
        {"type": "tool_use", "id": "toolu_1", "input": {}},
    ],
)
def test_a_call_that_is_wrong_is_refused(call: Json) -> None:
    request = conversation(user(TWO), assistant(call), user(result("one")))
    assert error_in(request) == (400, "invalid_request_error")


def test_two_results_of_one_call_are_refused() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one"), result("again")))
    assert error_in(request) == (400, "invalid_request_error")


def test_redacted_thinking_is_never_the_demos() -> None:
    thought: Json = {"type": "redacted_thinking", "data": "EqQ="}
    request = conversation(user(TWO), assistant(thought, text_block("b")), user(text_block("c")))
    assert error_in(request) == (400, "invalid_request_error")


def test_what_is_wrong_is_named_by_its_path() -> None:
    error = body_in(answer(conversation(user(text_block("a"), {"type": "text"})), DemoSettings()))["error"]
    assert error == {"type": "invalid_request_error", "message": "messages.0.content.1.text: Field required"}
