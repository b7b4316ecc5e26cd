"""What a client asks: nothing of it is printed that may hold a secret."""

from __future__ import annotations

from cliproxy.ask import Ask
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import Operation


def test_neither_the_words_nor_the_headers_of_a_client_are_printed() -> None:
    headers = [(b"authorization", b"Bearer sk-secret")]
    ask = Ask("req_1", ANTHROPIC, Operation.GENERATE, "m", False, b'{"secret": 1}', headers)
    assert "secret" not in repr(ask)
