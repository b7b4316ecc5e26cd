"""The official CLIs' own files, where they keep their tokens: read, and written so that the CLI goes on with them.

Their refresh tokens are of a single use, so whoever uses one up must leave the next where the CLI looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs

from cliproxy.logins.fields import Members, claims, inner, members, rfc3339, text, visible
from cliproxy.logins.stored import FileUnusable, editable, read_bytes, rewrite, written
from cliproxy.logins.tokens import Tokens
from cliproxy.secret import Secret


class SourceUnusable(FileUnusable):
    """The CLI's file says nothing of use. `gone`: it is not there, or nobody is logged in."""

    def __init__(self, sentence: str, source: Path, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.source = source
        self.gone = gone


@attrs.frozen
class Cli:
    """One official CLI."""

    name: str
    home: str
    """Where its files are, unless the environment says otherwise."""
    home_variable: str
    file: str
    log_in: str
    """The command that makes the file."""
    read: Callable[[Members], dict[str, object]]
    """What its file says, in the words of ours."""
    change: Callable[[dict[str, object], Tokens, float], None]
    """Put tokens into its file, at a time in Unix seconds."""


def default_source(kind: str, environment: Mapping[str, str]) -> Path:
    """Where the CLI of this kind of account keeps its tokens. Raises `FileUnusable` if there is no such CLI."""
    cli = _cli(kind)
    return Path(environment.get(cli.home_variable) or cli.home).expanduser() / cli.file


def read_adopted(kind: str, source: Path) -> dict[str, object]:
    """What the CLI's file says, as members of an account file. Raises `SourceUnusable`."""
    cli = _cli(kind)
    try:
        found = cli.read(members(read_bytes(source)))
    except FileNotFoundError:
        raise SourceUnusable(f"{source} is not there; `{cli.log_in}` makes it", source, gone=True) from None
    except FileUnusable as unusable:
        raise SourceUnusable(f"{source}: {unusable}", source) from None
    if not found["access_token"] and not found["refresh_token"]:
        raise SourceUnusable(f"{source} holds no login; `{cli.log_in}` makes one", source, gone=True)
    return found


def write_adopted(kind: str, source: Path, tokens: Tokens, now: float, spent: Secret | None = None) -> bool:
    """Put new tokens where the CLI finds them; everything else in the file stays, and so do its mode and owner.

    `spent`: the refresh token that was used up for them. If the file holds another by now, somebody has logged in
    meanwhile: it stays as it is, and the answer is False. Raises `SourceUnusable` and `OSError`.
    """
    cli = _cli(kind)
    held = read_adopted(kind, source)["refresh_token"]
    if spent is not None and held != spent.reveal():
        return False
    found = editable(read_bytes(source))
    cli.change(found, tokens, now)
    rewrite(source, written(found))
    return True


def _cli(kind: str) -> Cli:
    cli = CLIS.get(kind)
    if cli is None:
        raise FileUnusable(f"there is no CLI whose {kind or 'nameless'} account could be adopted; {_KNOWN}")
    return cli


# -- Claude Code ---------------------------------------------------------------------------------------------------


def _read_claude(found: Members) -> dict[str, object]:
    block = inner(found, "claudeAiOauth")
    return {
        "access_token": visible(block, "accessToken"),
        "refresh_token": visible(block, "refreshToken"),
        "expired": block.get("expiresAt"),
    }


def _change_claude(found: dict[str, object], tokens: Tokens, now: float) -> None:
    block = _block(found, "claudeAiOauth")
    block["accessToken"] = tokens.access_token.reveal()
    if tokens.refresh_token:
        block["refreshToken"] = tokens.refresh_token.reveal()
    if tokens.expires_at is not None:
        block["expiresAt"] = int(tokens.expires_at * 1000)


# -- Codex ---------------------------------------------------------------------------------------------------------


def _read_codex(found: Members) -> dict[str, object]:
    block = inner(found, "tokens")
    identity = claims(visible(block, "id_token"))
    account = inner(identity, "https://api.openai.com/auth")
    return {
        "access_token": visible(block, "access_token"),
        "refresh_token": visible(block, "refresh_token"),
        "id_token": visible(block, "id_token"),
        "account_id": visible(block, "account_id") or visible(account, "chatgpt_account_id"),
        "email": text(identity, "email"),
        "last_refresh": found.get("last_refresh"),
    }


def _change_codex(found: dict[str, object], tokens: Tokens, now: float) -> None:
    block = _block(found, "tokens")
    block["access_token"] = tokens.access_token.reveal()
    if tokens.refresh_token:
        block["refresh_token"] = tokens.refresh_token.reveal()
    if tokens.id_token:
        block["id_token"] = tokens.id_token.reveal()
    found["last_refresh"] = rfc3339(now)


def _block(found: dict[str, object], name: str) -> dict[str, object]:
    block = found.get(name)
    if not isinstance(block, dict):
        found[name] = block = {}
    return block


CLIS: Final[Mapping[str, Cli]] = {
    "claude": Cli(
        "Claude Code",
        "~/.claude",
        "CLAUDE_CONFIG_DIR",
        ".credentials.json",
        "claude auth login",
        _read_claude,
        _change_claude,
    ),
    "codex": Cli("Codex", "~/.codex", "CODEX_HOME", "auth.json", "codex login", _read_codex, _change_codex),
}
"""By the type of account."""
_KNOWN: Final = f"those of {' and '.join(CLIS)} can be"
