"""Account files as programs leave them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final

CLAUDE: Final[dict[str, object]] = {
    "access_token": "own-access",
    "email": "me@example.org",
    "expired": "2026-01-31T12:00:00Z",
    "id_token": "",
    "last_refresh": "2026-01-31T04:00:00Z",
    "refresh_token": "own-refresh",
    "type": "claude",
}
"""As the original writes one."""

GEMINI: Final[dict[str, object]] = {
    "type": "gemini",
    "email": "me@example.org",
    "project_id": "one-project",
    "auto": False,
    "checked": True,
    "token": {
        "access_token": "inner-access",
        "refresh_token": "inner-refresh",
        "token_type": "Bearer",
        "expiry": "2026-01-31T13:00:00.123456789+01:00",
        "token_uri": "https://oauth2.googleapis.com/token",
        "client_id": "id.apps.example.org",
        "client_secret": "inner-secret",
        "scopes": ["a", "b"],
        "universe_domain": "googleapis.com",
    },
}
"""The same, of Code Assist: its tokens stand inside."""

CLAUDE_CODE_LOGIN: Final[dict[str, object]] = {
    "accessToken": "claude-access",
    "refreshToken": "claude-refresh",
    "expiresAt": 1769860800000,
    "scopes": ["user:inference", "user:profile"],
    "subscriptionType": "max",
}
CLAUDE_CODE: Final[dict[str, object]] = {
    "claudeAiOauth": CLAUDE_CODE_LOGIN,
    "mcpOAuth": {"other": {"accessToken": "not-ours"}},
}
"""`~/.claude/.credentials.json`"""


def jwt(**told: object) -> str:
    """A token that says these things, signed by nobody."""
    payload = base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.c2ln"


CODEX_LOGIN: Final[dict[str, object]] = {
    "id_token": jwt(email="me@example.org"),
    "access_token": jwt(exp=1769860800),
    "refresh_token": "codex-refresh",
    "account_id": "acc-1",
}
CODEX: Final[dict[str, object]] = {
    "auth_mode": "chatgpt",
    "OPENAI_API_KEY": None,
    "tokens": CODEX_LOGIN,
    "last_refresh": "2026-01-30T12:00:00.123456789Z",
}
"""`~/.codex/auth.json`"""


def write(directory: Path, name: str, members: object) -> Path:
    """Put an account file there, in place as an editor does."""
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / name
    path.write_text(members if isinstance(members, str) else json.dumps(members))
    return path
