"""Whose tokens they are, and what the file is called."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.logins.identity import file_name, identity
from cliproxy.logins.stored import is_account

NOW = 1_700_000_000.5


def token(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.c2ln"


def test_claudes_account_is_in_the_answer() -> None:
    answer = {
        "account": {"uuid": "a-1", "email_address": "me@example.org"},
        "organization": {"uuid": "o-1", "name": "Example"},
    }
    assert identity("claude", answer) == {
        "email": "me@example.org",
        "account_uuid": "a-1",
        "organization_uuid": "o-1",
        "organization_name": "Example",
    }


def test_chatgpts_account_is_in_the_id_token() -> None:
    claim = {"chatgpt_account_id": "c-1", "chatgpt_plan_type": "plus"}
    answer = {"id_token": token(email="me@example.org", **{"https://api.openai.com/auth": claim})}
    assert identity("codex", answer) == {"email": "me@example.org", "account_id": "c-1", "plan_type": "plus"}


def test_xais_account_is_in_the_id_token() -> None:
    answer = {"id_token": token(email="me@example.org", sub="s-1"), "token_type": "Bearer"}
    assert identity("xai", answer) == {"email": "me@example.org", "sub": "s-1", "token_type": "Bearer"}


def test_kimi_tells_of_nobody() -> None:
    assert identity("kimi", {"scope": "kimi-code", "id_token": token(email="x@example.org")}) == {"scope": "kimi-code"}


@pytest.mark.parametrize(
    "answer",
    [{}, {"id_token": 5}, {"id_token": "a.b.c"}, {"id_token": "...."}, {"id_token": token(email=["x"])}],
)
def test_what_is_not_told_is_not_there(answer: dict[str, object]) -> None:
    """A refresh that tells less than the login must not take away what that told."""
    assert identity("codex", answer) == {}


def test_an_address_that_does_not_print_is_none() -> None:
    assert identity("claude", {"account": {"email_address": "me\x1b[2J@example.org"}}) == {}


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("claude", {"email": "me@example.org"}, "claude-me@example.org.json"),
        ("codex", {"email": "me+two@example.org", "account_id": "x"}, "codex-me+two@example.org.json"),
        ("xai", {"sub": "s-1"}, "xai-s-1.json"),
        ("xai", {}, "xai-1700000000500.json"),
        ("kimi", {"email": "me@example.org"}, "kimi-1700000000500.json"),
        ("vertex", {"project_id": "p-1"}, "vertex-p-1.json"),
        ("vertex", {"project_id": "p-1", "prefix": "team"}, "vertex-team-p-1.json"),
        ("gemini", {"email": "me@example.org", "project_id": "p-1"}, "gemini-me@example.org-p-1.json"),
        ("claude", {"email": "../../etc/passwd"}, "claude-.._.._etc_passwd.json"),
        ("claude", {"email": "a b\\c:d@example.org"}, "claude-a_b_c_d@example.org.json"),
    ],
)
def test_a_file_is_called_as_the_original_calls_it(kind: str, fields: dict[str, object], name: str) -> None:
    assert file_name(kind, fields, NOW) == name


@given(st.text(), st.text())
def test_every_name_is_one_that_an_account_may_have(email: str, project: str) -> None:
    assert is_account(file_name("gemini", {"email": email, "project_id": project}, NOW))
