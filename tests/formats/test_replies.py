from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.usage import Usage
from cliproxy.formats import FORMATS
from cliproxy.formats.replies import MAX_READ_BYTES, usage_of

CHAT = FORMATS["openai-chat"].usage_in
GEMINI = FORMATS["gemini"].usage_in
RESPONSES = FORMATS["openai-responses"].usage_in


def test_what_a_body_took_is_read_past_everything_else() -> None:
    body = b' {"choices":[{"message":{"content":"usage"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n'
    assert usage_of(body, CHAT) == Usage(7, output=2)


def test_figures_beside_the_usage_are_read_as_well() -> None:
    body = b'{"usage":{"input_tokens":7},"tool_usage":{"web_search":{"num_requests":2}}}'
    assert usage_of(body, RESPONSES) == Usage(7, searches=2)


def test_of_a_list_the_last_tells_for_all() -> None:
    body = b'[{"usageMetadata":{"promptTokenCount":1}}\n,\r\n{"usageMetadata":{"promptTokenCount":9}}]'
    assert usage_of(body, GEMINI) == Usage(9)


DEEP = b"[" * 9000


@pytest.mark.parametrize("body", [b"", b"[]", b"[1]", b"{}", b"{", b"7", b"null", b"<html>", b"\xff", DEEP])
@pytest.mark.parametrize("before", [b"", b'{"usage":', b'{"x":1,"usage":[', b'{"usage":"'])
@pytest.mark.parametrize("after", [b"", b"}", b"]" * 9000 + b"}"])
def test_what_tells_nothing_took_nothing(before: bytes, body: bytes, after: bytes) -> None:
    assert {usage_of(before + body + after, wire.usage_in) for wire in FORMATS.values()} == {Usage()}


def test_a_body_that_is_too_large_is_not_looked_at() -> None:
    body = b'{"usage":{"prompt_tokens":7},"x":"%b"}'
    assert usage_of(body % b"", CHAT) == Usage(7)
    assert usage_of(body % (b"x" * MAX_READ_BYTES), CHAT) == Usage()


@given(
    st.lists(st.sampled_from(['{"usage":', '"prompt_tokens"', ":", "1", "{", "}", "[", "]", ",", "1e999"])).map("".join)
)
def test_garbage_never_raises(body: str) -> None:
    assert usage_of(body.encode(), CHAT).total >= 0
