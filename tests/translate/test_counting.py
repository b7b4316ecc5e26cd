"""What of a request a vendor's token counter takes."""

from __future__ import annotations

from cliproxy.conversation.parts import Json
from cliproxy.translate.counting import count_body


def test_anthropics_counter_takes_no_limit() -> None:
    asked: dict[str, Json] = {"model": "m", "messages": [], "max_tokens": 5, "stream": True, "tools": []}
    body = count_body("anthropic", asked, "m")
    assert body == {"model": "m", "messages": [], "tools": []}


def test_anthropics_counter_takes_thinking() -> None:
    thinking: Json = {"type": "adaptive"}
    assert count_body("anthropic", {"model": "m", "messages": [], "thinking": thinking}, "m")["thinking"] == thinking


def test_geminis_counter_takes_a_whole_request_with_its_model() -> None:
    body = count_body("gemini", {"contents": [], "systemInstruction": {"parts": []}, "labels": {}}, "gemini-3-pro")
    assert body == {
        "generateContentRequest": {"model": "models/gemini-3-pro", "contents": [], "systemInstruction": {"parts": []}}
    }


def test_the_responses_counter_takes_no_storage_and_no_stream() -> None:
    body = count_body("openai-responses", {"model": "m", "input": [], "store": False, "stream": True}, "m")
    assert body == {"model": "m", "input": []}
