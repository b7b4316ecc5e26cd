"""What an account is called, and what of it does not print."""

from __future__ import annotations

from cliproxy.logins.login import Login
from cliproxy.secret import Secret


def test_an_account_is_known_by_its_address() -> None:
    assert Login("a.json", "claude", email="me@example.org", project_id="p").label == "me@example.org"


def test_without_one_by_its_project() -> None:
    assert Login("a.json", "vertex", project_id="p", account_id="1").label == "p"


def test_or_by_its_number() -> None:
    assert Login("a.json", "codex", account_id="1").label == "1"


def test_or_by_its_file() -> None:
    assert Login("kimi-1.json", "kimi").label == "kimi-1"


def test_tokens_and_key_files_do_not_print() -> None:
    login = Login(
        "a.json",
        "vertex",
        access_token=Secret("my-token"),
        service_account={"private_key": "my-key"},
        headers={"x-key": "my-header"},
    )
    assert not any(secret in repr(login) for secret in ("my-token", "my-key", "my-header"))
