"""Whose tokens these are, and how the account's file is called. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cliproxy.logins.fields import claims

OPENAI_CLAIM: Final = "https://api.openai.com/auth"
MAX_NAME_CHARACTERS: Final = 190
"""Of a file, without its ending."""
MAX_VALUE_CHARACTERS: Final = 320
"""As long as an e-mail address may be."""
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9@._+-]")


def identity(login_type: str, answer: Mapping[str, object]) -> dict[str, object]:
    """Fields for the account's file, out of a token endpoint's answer. What is not told is not there.

    The id token's signature is not verified: it came over TLS from the token endpoint, whose word is all that it would
    prove (OpenID Connect Core, 3.1.3.7).
    """
    token = answer.get("id_token")
    told = claims(token) if isinstance(token, str) else {}
    found: dict[str, object] = {}
    if login_type == "claude":
        account, organization = _object(answer, "account"), _object(answer, "organization")
        found = {
            "email": _text(account, "email_address"),
            "account_uuid": _text(account, "uuid"),
            "organization_uuid": _text(organization, "uuid"),
            "organization_name": _text(organization, "name"),
        }
    elif login_type == "codex":
        openai = _object(told, OPENAI_CLAIM)
        found = {
            "email": _text(told, "email"),
            "account_id": _text(openai, "chatgpt_account_id"),
            "plan_type": _text(openai, "chatgpt_plan_type"),
        }
    elif login_type == "xai":
        found = {"email": _text(told, "email"), "sub": _text(told, "sub")}
    elif login_type == "gemini":
        found = {"email": _text(told, "email")}
    if login_type in ("kimi", "xai"):
        found |= {name: _text(answer, name) for name in ("token_type", "scope")}
    return {name: value for name, value in found.items() if value}


def file_name(login_type: str, fields: Mapping[str, object], now: float) -> str:
    """How the original calls the file of such an account. `now` is for those of whom nothing is known."""
    known = [_text(fields, name) for name in ("email", "sub", "account_id", "account_uuid")]
    who = next(filter(None, known), "") or str(int(now * 1000))
    parts = [login_type, who]
    if login_type == "kimi":
        parts = [login_type, str(int(now * 1000))]
    elif login_type == "vertex":
        parts = [login_type, _text(fields, "prefix"), _text(fields, "project_id")]
    elif login_type == "gemini":
        parts = [login_type, who, _text(fields, "project_id")]
    # Nothing in the name may be a path, a hidden file, or another file's temporary name.
    clean = (_NOT_IN_A_NAME.sub("_", part) for part in parts if part)
    return "-".join(clean)[:MAX_NAME_CHARACTERS].rstrip(".") + ".json"


def _text(fields: Mapping[str, object], name: str) -> str:
    """What fits into a line and a file name, and prints."""
    value = fields.get(name)
    fits = isinstance(value, str) and len(value) <= MAX_VALUE_CHARACTERS and value.isprintable()
    return value.strip() if isinstance(value, str) and fits else ""


def _object(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}
