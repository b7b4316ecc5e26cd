"""Accounts whose tokens an official CLI keeps: taken on as they are, without a copy, and renewed for both.

A refresh token is good once. Were it copied, whoever used it second would be logged out; so our file only points at the
CLI's, and both read and write that. The CLI does not know our lock: whoever renews holds it, reads again, and takes
over what the CLI has renewed first.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Final

from cliproxy.logins import fields
from cliproxy.logins.files import fingerprint, load, save, token_fields
from cliproxy.logins.login import Login
from cliproxy.logins.sources import default_source, read_adopted, write_adopted
from cliproxy.logins.stored import FileUnusable, read_bytes
from cliproxy.logins.tokens import Tokens

__all__ = [
    "adopt",
    "current",
    "default_source",
    "keep_tokens",
    "locked_path",
    "park",
    "read_adopted",
    "write_adopted",
]

MAX_ADOPTED: Final = 100
"""Of one kind."""


def adopt(kind: str, source: Path, directory: Path) -> str:
    """Take on the account that a CLI is logged in to; the name of its file here, the same when it is asked again.

    Raises `FileUnusable` if nobody is logged in there, and `OSError`.
    """
    source = source.expanduser().absolute()
    said = read_adopted(kind, source)
    members: dict[str, object] = {"type": kind, "adopted_from": str(source), "needs_login": None}
    if said.get("email"):
        members["email"] = said["email"]
    name = _name(kind, source, directory)
    save(directory, name, members)
    return name


def current(login: Login, directory: Path) -> Login:
    """The account as it is on the disk now. Raises `FileNotFoundError` and `FileUnusable`."""
    return load(directory / login.name)


def locked_path(login: Login, directory: Path) -> Path:
    """The file whose lock is held while the account's tokens are renewed: the one that holds them."""
    return Path(login.adopted_from) if login.adopted_from else directory / login.name


def keep_tokens(directory: Path, login: Login, tokens: Tokens, now: float) -> bool:
    """Write new tokens to where the account keeps them; whether they belong there still.

    They do not if somebody has logged in anew while they were fetched, or the account was removed: then `current` says
    what is so. Raises `FileUnusable` and `OSError`.
    """
    if login.adopted_from:
        return write_adopted(login.type, Path(login.adopted_from), tokens, now, login.refresh_token)
    try:
        held = current(login, directory)
    except FileNotFoundError:
        return False
    if held.refresh_token != login.refresh_token:
        return False
    save(directory, login.name, {**tokens.fields, **token_fields(tokens, now)}, only_existing=True)
    return True


def park(directory: Path, login: Login) -> None:
    """Write down that the refresh token in hand was rejected: the account needs a new login, or the CLI's.

    Raises `FileUnusable` and `OSError`.
    """
    members = {"needs_login": True, "needs_login_of": fingerprint(login.refresh_token)}
    save(directory, login.name, members, only_existing=True)


def _name(kind: str, source: Path, directory: Path) -> str:
    """`claude-cli.json`, or with a number if that is another's. Logins of our own are called after their account."""
    for number in count(1):
        name = f"{kind}-cli.json" if number == 1 else f"{kind}-cli-{number}.json"
        if number > MAX_ADOPTED:
            raise FileUnusable(f"there are {MAX_ADOPTED} adopted accounts of {kind} already")
        if _points_at(directory / name) in (None, str(source)):
            return name
    raise AssertionError("count() does not end")


def _points_at(path: Path) -> str | None:
    """Whose tokens a file points at; None if there is no such file."""
    try:
        found: Mapping[str, object] = fields.members(read_bytes(path))
        return fields.text(found, "adopted_from")
    except FileNotFoundError:
        return None
    except FileUnusable:
        return ""
