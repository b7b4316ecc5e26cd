"""Envelopes that stay behind when a conversation goes to an upstream of the client's own format."""

from __future__ import annotations

import orjson
import pytest

from cliproxy.translate.envelopes import Envelopes, Kind, Maker
from cliproxy.translate.foreign import without_envelopes

SEALED = Envelopes(b"secret").seal("signature", Kind.SIGNED, Maker.of("gemini:google", "gemini-3-pro"))


def cleaned(format_name: str, document: object) -> object:
    return orjson.loads(without_envelopes(orjson.dumps(document), format_name)[0])


def test_an_anthropic_thinking_block_goes_whole() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": SEALED}, {"type": "text", "text": "so"}]
    told = cleaned("anthropic", {"messages": [{"role": "assistant", "content": blocks}]})
    assert told == {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "so"}]}]}


def test_a_turn_of_nothing_else_goes_with_it() -> None:
    asked = {"role": "user", "content": "hello"}
    thought = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": SEALED}]}
    assert cleaned("anthropic", {"messages": [asked, thought, asked]}) == {"messages": [asked, asked]}


def test_a_signature_of_the_vendors_own_stays() -> None:
    own = {"type": "thinking", "thinking": "mine", "signature": "EqQB"}
    sealed = {"type": "thinking", "thinking": "hm", "signature": SEALED}
    told = cleaned("anthropic", {"messages": [{"role": "assistant", "content": [own, sealed]}]})
    assert told == {"messages": [{"role": "assistant", "content": [own]}]}


def test_a_reasoning_item_goes_whole() -> None:
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": SEALED}
    message = {"type": "message", "role": "user", "content": "hi"}
    assert cleaned("openai-responses", {"input": [message, reasoning, message]}) == {"input": [message, message]}


def test_a_gemini_call_loses_its_signature_alone() -> None:
    call = {"functionCall": {"name": "read", "args": {}}, "thoughtSignature": SEALED}
    told = cleaned("gemini", {"contents": [{"role": "model", "parts": [call]}]})
    assert told == {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "read", "args": {}}}]}]}


def test_a_gemini_thought_goes_whole() -> None:
    parts = [{"thought": True, "text": "hm", "thoughtSignature": SEALED}, {"text": "so"}]
    told = cleaned("gemini", {"contents": [{"role": "model", "parts": parts}]})
    assert told == {"contents": [{"role": "model", "parts": [{"text": "so"}]}]}


def test_a_chat_message_loses_the_detail_alone() -> None:
    message = {
        "role": "assistant",
        "content": "so",
        "reasoning_details": [
            {"type": "reasoning.encrypted", "data": SEALED},
            {"type": "reasoning.text", "text": "own"},
        ],
    }
    told = cleaned("openai-chat", {"messages": [message]})
    assert told == {"messages": [message | {"reasoning_details": [{"type": "reasoning.text", "text": "own"}]}]}


def test_every_other_byte_stays() -> None:
    thought = b'{"type":"thinking","thinking":"hm","signature":"%b"}' % SEALED.encode()
    body = (
        b'{ "b" : 1.50 , "messages":[{"role":"assistant","content":[%b, {"type":"text","text":"\\u00e9"}]}]}' % thought
    )
    told, _ = without_envelopes(body, "anthropic")
    assert told == b'{ "b" : 1.50 , "messages":[{"role":"assistant","content":[{"type":"text","text":"\\u00e9"}]}]}'


def test_what_was_left_out_is_named() -> None:
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": SEALED}
    _, losses = without_envelopes(orjson.dumps({"input": [reasoning, {"type": "message"}]}), "openai-responses")
    assert [loss.field for loss in losses] == ["input.0"]


@pytest.mark.parametrize("place", [0, 3, 7])
def test_any_number_of_them_is_found(place: int) -> None:
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": SEALED}
    plain = {"type": "message", "role": "user", "content": "hi"}
    items = [sealed, sealed, plain, sealed, plain, plain, sealed, sealed][place:]
    items.append(plain)
    assert cleaned("openai-responses", {"input": items}) == {"input": [item for item in items if item is plain]}


def test_the_mark_inside_a_text_is_not_taken_for_an_envelope() -> None:
    body = orjson.dumps({"messages": [{"role": "user", "content": f"look: {SEALED}"}]})
    assert without_envelopes(body, "anthropic") == (body, ())


def test_details_that_are_all_anothers_do_not_take_their_message_along() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    details = [{"type": "reasoning.encrypted", "data": SEALED}]
    told = cleaned("openai-chat", {"messages": [message | {"reasoning_details": details}]})
    assert told == {"messages": [message]}


def test_a_body_that_is_nested_too_deeply_passes() -> None:
    body = b'{"a":"%b","x":%b%b}' % (SEALED.encode(), b"[" * 5000, b"]" * 5000)
    assert without_envelopes(body, "anthropic") == (body, ())
