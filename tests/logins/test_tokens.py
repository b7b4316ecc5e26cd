"""What an identity provider gives, and how it refuses."""

from __future__ import annotations

from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.secret import Secret


def test_tokens_do_not_print() -> None:
    tokens = Tokens(Secret("access-secret-words"), Secret("refresh-secret-words"), fields={"email": "me@example.org"})
    assert "words" not in repr(tokens)
    assert "me@example.org" not in repr(tokens)


def test_trouble_may_say_when_to_ask_again() -> None:
    assert Unanswered("Busy.", 30.0).retry_after == 30.0


def test_both_ways_to_fail_are_failures() -> None:
    assert issubclass(Rejected, LoginFailed)
    assert issubclass(Unanswered, LoginFailed)
