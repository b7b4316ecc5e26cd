"""What Amp's requests lose before they are served here."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.amp.asked import LONG_CONTEXT, MAX_BLOCKS, sanitised, without_long_context

SIGNED = b'{"type":"thinking","thinking":"hm","signature":"c2ln"}'
UNSIGNED = b'{"type":"thinking","thinking":"hm"}'
TEXT = b'{"type":"text","text":"hello"}'
CALL = b'{"type":"tool_use","id":"t1","name":"Bash","input":{"n":12345678901234567890123}}'
SIGNED_CALL = CALL[:-1] + b',"signature":""}'


def said(*blocks: bytes, role: bytes = b"assistant") -> bytes:
    """A request: the user's question, these blocks, and what the user said then."""
    question = b'{"role":"user","content":"q"}'
    return b'{"model":"m","messages":[%b,{"role":"%b","content":[%b]},%b],"max_tokens":9}' % (
        question,
        role,
        b",".join(blocks),
        question,
    )


# -- thinking


@pytest.mark.parametrize(
    "signature",
    [b"", b',"signature":""', b',"signature":"  "', b',"signature":null', b',"signature":7', b',"signature":["x"]'],
)
def test_thinking_without_a_signature_is_dropped(signature: bytes) -> None:
    thinking = b'{"type":"thinking","thinking":"hm"%b}' % signature
    assert sanitised(said(thinking, TEXT)) == said(TEXT)


def test_signed_thinking_stays() -> None:
    body = said(SIGNED, TEXT)
    assert sanitised(body) is body


def test_of_several_thinking_blocks_those_that_are_signed_stay() -> None:
    assert sanitised(said(UNSIGNED, SIGNED, TEXT, UNSIGNED, CALL, UNSIGNED)) == said(SIGNED, TEXT, CALL)


def test_redacted_thinking_has_no_signature_and_stays() -> None:
    body = said(b'{"type":"redacted_thinking","data":"c2ln"}', b'{"type":"text","text":"\\"thinking\\""}')
    assert sanitised(body) is body


def test_what_the_user_says_is_not_touched() -> None:
    body = said(UNSIGNED, SIGNED_CALL, role=b"user")
    assert sanitised(body) is body


def test_thinking_that_is_asked_for_is_not_touched() -> None:
    body = said(TEXT)[:-1] + b',"thinking":{"type":"enabled","budget_tokens":1024}}'
    assert sanitised(body) is body


# -- tool calls


@pytest.mark.parametrize("signature", [b'""', b'"c2ln"', b"null", b"7", b'{"a":[1]}'])
def test_the_signature_of_a_tool_call_is_removed(signature: bytes) -> None:
    call = CALL[:-1] + b',"signature":%b}' % signature
    assert sanitised(said(TEXT, call)) == said(TEXT, CALL)


def test_a_signature_is_removed_wherever_it_stands_in_the_call() -> None:
    call = b'{ "signature" : "x" , "type" : "tool_use" , "input" : { } }'
    assert sanitised(said(call)) == said(b'{ "type" : "tool_use" , "input" : { } }')


def test_a_signature_that_is_the_tools_own_argument_stays() -> None:
    body = said(b'{"type":"tool_use","id":"t","name":"sign","input":{"text":"x","signature":""}}')
    assert sanitised(body) is body


def test_a_signature_beside_the_tools_own_argument_is_removed() -> None:
    call = b'{"type":"tool_use","id":"t","name":"sign","input":{"text":"x","signature":""},"signature":""}'
    kept = b'{"type":"tool_use","id":"t","name":"sign","input":{"text":"x","signature":""}}'
    assert sanitised(said(call)) == said(kept)


def test_both_are_done_in_one_message() -> None:
    assert sanitised(said(UNSIGNED, SIGNED_CALL, SIGNED, SIGNED_CALL)) == said(CALL, SIGNED, CALL)


# -- what is left


def test_every_other_byte_stays() -> None:
    body = (
        b'{ "max_tokens" :\t1.0e2,"x":12345678901234567890123, "messages" : [ {"role": "assistant",\r\n'
        b'"content": [ {"type":"thinking","thinking":"\\u00e9"} , {"text":"caf\xc3\xa9\\/", "type":"text"} ] } ] ,'
        b'"a":1,"a":2}'
    )
    assert sanitised(body) == body.replace(b'{"type":"thinking","thinking":"\\u00e9"} , ', b"")


def test_a_message_of_which_nothing_is_left_goes_too() -> None:
    question = b'{"role":"user","content":"q"}'
    assert sanitised(said(UNSIGNED)) == b'{"model":"m","messages":[%b,%b],"max_tokens":9}' % (question, question)


def test_the_last_message_goes_too_if_nothing_is_left_of_it() -> None:
    assert sanitised(
        b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[%b]}]}' % UNSIGNED
    ) == (b'{"messages":[{"role":"user","content":"q"}]}')


def test_a_message_that_was_empty_before_is_not_touched() -> None:
    empty = b'{"role":"assistant","content":[],"x":"thinking","thinking":1}'
    full = b'{"role":"assistant","content":[%b]}'
    body = b'{"messages":[%b,%b]}' % (empty, full % SIGNED_CALL)
    assert sanitised(body) == b'{"messages":[%b,%b]}' % (empty, full % CALL)


def test_a_conversation_of_which_nothing_is_left_stays() -> None:
    body = b'{"messages":[{"role":"assistant","content":[%b]}]}' % UNSIGNED
    assert sanitised(body) is body


# -- what is none of our business


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"thinking"',
        b'{"thinking":7}',
        b'{"messages":"thinking","signature":1}',
        b'{"messages":{"thinking":1}}',
        b'{"messages":["thinking",7,null,{"role":"assistant","content":"thinking"}],"thinking":1}',
        b'{"messages":[{"role":"assistant","content":["thinking",7,{"type":7,"signature":"x"}]}]}',
        b'{"messages":[{"role":["assistant"],"content":[{"type":"thinking"}]}]}',
        b'{"messages":[{"content":[{"type":"thinking"}]}]}',
        b'{"messages":[{"role":"assistant","content":[{"type":"thinking"}]}]',
        b'{"messages":[{"role":"assistant","content":[{"type":"thinking","x":"\xff"}]}],"\xff":1}',
        b'{"thinking":' + b"[" * 100_000,
    ],
)
def test_what_is_no_such_conversation_is_the_same_object(body: bytes) -> None:
    assert sanitised(body) is body


def test_a_body_without_either_word_is_not_read() -> None:
    body = b"no JSON at all"
    assert sanitised(body) is body


def test_more_blocks_than_any_conversation_has_are_not_looked_at() -> None:
    body = said(*[SIGNED_CALL] * (MAX_BLOCKS + 1))
    assert sanitised(body) is body


BLOCKS = st.sampled_from([SIGNED, UNSIGNED, TEXT, CALL, SIGNED_CALL, b'{"type":"redacted_thinking","data":"x"}', b"7"])


@given(blocks=st.lists(BLOCKS, max_size=8))
def test_what_was_sanitised_needs_it_no_more(blocks: list[bytes]) -> None:
    once = sanitised(said(*blocks))
    assert sanitised(once) is once


@given(blocks=st.lists(BLOCKS, max_size=8))
def test_of_what_remains_nothing_is_changed(blocks: list[bytes]) -> None:
    left = [CALL if block is SIGNED_CALL else block for block in blocks if block is not UNSIGNED]
    told = json.loads(sanitised(said(*blocks)))["messages"][1:-1]
    expected = json.loads(said(*left))["messages"][1:-1]
    assert told == (expected if left or not blocks else [])


# -- betas


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"a,context-1m-2025-08-07,b", b"a,b"),
        (b"context-1m-2025-08-07,a,b", b"a,b"),
        (b"a,b,context-1m-2025-08-07", b"a,b"),
        (b"a , context-1m-2025-08-07 ,  b", b"a ,  b"),
        (b"context-1m-2025-08-07, a", b"a"),
        (b"a ,Context-1M-2025-08-07", b"a"),
        (b"context-1m-2025-08-07,a,context-1m-2025-08-07", b"a"),
        (b"a, b", b"a, b"),
        (b" a ", b" a "),
        (b"", b""),
        (b"x-context-1m-2025-08-07,context-1m-2025-08-07-x", b"x-context-1m-2025-08-07,context-1m-2025-08-07-x"),
    ],
)
def test_the_long_context_is_taken_out_of_the_betas(value: bytes, told: bytes) -> None:
    assert without_long_context([(b"anthropic-beta", value)]) == [(b"anthropic-beta", told)]


@pytest.mark.parametrize("value", [LONG_CONTEXT, b"  context-1m-2025-08-07\t", b"context-1m-2025-08-07, ,"])
def test_a_line_that_names_no_other_goes(value: bytes) -> None:
    assert without_long_context([(b"anthropic-beta", value), (b"x", b"y")]) == [(b"x", b"y")]


def test_each_line_is_looked_at_whatever_the_case_of_its_name() -> None:
    headers = [(b"Anthropic-Beta", b"a," + LONG_CONTEXT), (b"ANTHROPIC-BETA", LONG_CONTEXT), (b"anthropic-beta", b"b")]
    assert without_long_context(headers) == [(b"Anthropic-Beta", b"a"), (b"anthropic-beta", b"b")]


def test_other_headers_may_say_what_they_like() -> None:
    headers = [(b"x-note", LONG_CONTEXT), (b"x-note", b"a, " + LONG_CONTEXT)]
    assert without_long_context(headers) == headers
