"""What an account shows of itself."""

from __future__ import annotations

from hyperlink import EncodedURL

from cliproxy.config.schema import Proxy
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
        way=Proxy("http", "proxy.example", 3128, Secret("somebody-at-home"), Secret("password-0123456789")),
    )
    shown = repr(account)
    assert "claude:1" in shown
    for hidden in ("0123456789", "at-home"):
        assert hidden not in shown
