"""What an account shows of itself."""

from __future__ import annotations

from hyperlink import EncodedURL

from cliproxy.config.schema import Proxy
from cliproxy.formats.codec import Dialect
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account


def test_an_account_prints_neither_its_key_nor_its_headers_nor_its_proxys_password() -> None:
    account = Account(
        id="claude:1",
        provider="claude",
        base_url=EncodedURL.from_text("https://api.example"),
        key=Secret("sk-ant-0123456789abcdef"),
        bearer=False,
        headers={"X-Token": "token-0123456789abcdef"},
        required={b"chatgpt-account-id": b"account-0123456789abcdef"},
        way=Proxy("http", "proxy.example", 3128, Secret("somebody-at-home"), Secret("password-0123456789")),
    )
    shown = repr(account)
    assert "claude:1" in shown
    for hidden in ("0123456789", "at-home"):
        assert hidden not in shown


def test_an_upstreams_words_are_shown_without_the_key() -> None:
    account = Account("claude:1", "claude", EncodedURL.from_text("https://api.example"), Secret("sk-0123456789"), True)
    assert account.redacted(b"bad key sk-0123456789!") == b"bad key [redacted]!"


def test_without_a_key_nothing_is_taken_out() -> None:
    account = Account("a", "openai-compatibility", EncodedURL.from_text("http://h"), Secret(""), True)
    assert account.redacted(b"no such model") == b"no such model"


def test_an_account_s_dialect_is_the_plainest_unless_told_otherwise() -> None:
    account = Account("a", "openai-compatibility", EncodedURL.from_text("http://h"), Secret(""), True)
    assert (account.dialect, account.origin) == (Dialect(), "")


def test_a_key_so_short_that_it_may_stand_there_by_chance_is_left() -> None:
    account = Account("claude:1", "claude", EncodedURL.from_text("https://api.example"), Secret("k"), True)
    assert account.redacted(b"a bad key") == b"a bad key"


def test_an_account_is_no_logins_unless_told_otherwise() -> None:
    account = Account("claude:1", "claude", EncodedURL.from_text("https://api.example"), Secret("k"), True)
    assert (account.renewable, account.betas, dict(account.required)) == (False, (), {})
