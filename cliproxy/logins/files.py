"""Account files: one JSON object each, with the names that other programs of this kind gave them.

What a file says and we do not know survives in it. A person may have made it, or another program, or nobody in good
faith: every member is read with care, and the sentence of a `FileUnusable` says what is wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from cliproxy.logins import fields
from cliproxy.logins.fields import EXPIRY, LAST_REFRESH, Members, first_moment, inner, rfc3339
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.logins.sources import SourceUnusable, read_adopted
from cliproxy.logins.stored import FileUnusable, checked, editable, is_account, read_bytes, replace, written
from cliproxy.logins.tokens import Tokens
from cliproxy.secret import Secret

__all__ = [
    "FileUnusable",
    "Loaded",
    "SourceUnusable",
    "fingerprint",
    "load",
    "load_all",
    "parse",
    "parse_with_remarks",
    "remove",
    "save",
    "token_fields",
]

ALIASES: Final[Mapping[str, str]] = {"gemini-cli": "gemini"}
"""What other programs call a type of ours."""
INSIDE: Final = "token"
"""The member in which some programs keep the tokens."""
MAX_WEIGHT: Final = 1_000_000
MAX_PRIORITY: Final = 1_000_000

_LOCATION: Final = re.compile(r"[a-z0-9-]{1,63}")
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}")
_PREFIX: Final = re.compile(r"[^/\s]{1,64}")


@attrs.frozen
class Loaded:
    """A directory of account files, read."""

    logins: tuple[Login, ...] = ()
    problems: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    """What is wrong with a file, by its name."""


def fingerprint(refresh_token: Secret) -> str:
    """Which refresh token was rejected, for the file's `needs_login_of`: with another one the account is well again."""
    return refresh_token.digest().hex()[:16]


# -- reading -------------------------------------------------------------------------------------------------------


def load(path: Path) -> Login:
    """One account, its tokens from where they are kept. Raises `FileNotFoundError` and `FileUnusable`."""
    return parse(path.name, read_bytes(path))


def load_all(directory: Path) -> Loaded:
    """Every account of a directory, by name; none if there is no such directory. Raises `FileUnusable`."""
    logins: list[Login] = []
    problems: dict[str, str] = {}
    try:
        names = sorted(name for name in os.listdir(directory) if is_account(name))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise FileUnusable(f"{directory} cannot be looked at: {error.strerror}") from None
    for name in names:
        try:
            logins.append(load(directory / name))
        except FileNotFoundError:
            continue  # it was removed meanwhile
        except FileUnusable as unusable:
            problems[name] = str(unusable)
    return Loaded(tuple(logins), problems)


def parse(name: str, content: bytes) -> Login:
    """What an account file says. Of an adopted one, the tokens are read from where the CLI keeps them.

    Of several projects between commas the first is the account's; see `parse_with_remarks`. Raises `FileUnusable`.
    """
    return parse_with_remarks(name, content)[0]


def parse_with_remarks(name: str, content: bytes) -> tuple[Login, tuple[str, ...]]:
    """The same, and what a person should know of it."""
    found = fields.members(content)
    kind = _type(found)
    source = fields.text(found, "adopted_from")
    if source:
        found = {**_without_tokens(found), **_adopted(kind, source)}
    projects = [project for part in fields.text(found, "project_id").split(",") if (project := part.strip())]
    login = _login(name, kind, {**found, "project_id": projects[0]} if projects else found)
    if len(projects) < 2:
        return login, ()
    return login, (f"of {len(projects)} projects the first, {projects[0]}, is used; another needs a file of its own",)


def _adopted(kind: str, source: str) -> Members:
    if not os.path.isabs(source):
        raise FileUnusable("`adopted_from` is no absolute path")
    return {member: value for member, value in read_adopted(kind, Path(source)).items() if value}


def _without_tokens(found: Members) -> Members:
    return {member: value for member, value in found.items() if member not in _KEPT_THERE}


def _type(found: Members) -> str:
    told = fields.text(found, "type").lower()
    kind = ALIASES.get(told, told)
    row = LOGIN_TYPES.get(kind)
    if row is None:
        known = f"the types are {', '.join(sorted(LOGIN_TYPES))}"
        raise FileUnusable(
            f"its type {told[:40]!r} is not served here; {known}" if told else f"it has no type; {known}"
        )
    return row.name


def _login(name: str, kind: str, found: Members) -> Login:
    token = inner(found, INSIDE)
    refresh = fields.secret(found, "refresh_token") or fields.secret(token, "refresh_token")
    access = fields.secret(found, "access_token") or fields.secret(token, "access_token")
    expired = first_moment(found, EXPIRY) or first_moment(token, EXPIRY)
    if expired is None and access:
        expired = first_moment(fields.claims(access.reveal()), ("exp",))
    return Login(
        name=name,
        type=kind,
        access_token=access,
        refresh_token=refresh,
        expired=expired,
        last_refresh=first_moment(found, LAST_REFRESH),
        email=fields.text(found, "email"),
        account_id=fields.visible(found, "account_id"),
        project_id=fields.segment(found, "project_id", _PROJECT),
        location=fields.segment(found, "location", _LOCATION),
        base_url=fields.address(found, "base_url", plain=True),
        token_endpoint=fields.address(found, "token_endpoint", plain=False)
        or fields.address(token, "token_uri", plain=False),
        client_id=fields.shared(found, "client_id") or fields.shared(token, "client_id"),
        client_secret=fields.secret(found, "client_secret") or fields.secret(token, "client_secret"),
        service_account=_service_account(found),
        disabled=fields.flag(found, "disabled"),
        needs_login=fields.flag(found, "needs_login")
        and fields.text(found, "needs_login_of") in ("", fingerprint(refresh)),
        prefix=_prefix(found),
        proxy_url=fields.shared(found, "proxy_url"),
        priority=fields.whole(found, "priority", 0, -MAX_PRIORITY, MAX_PRIORITY),
        weight=fields.whole(found, "weight", 1, 0, MAX_WEIGHT),
        excluded_models=fields.listed(found, "excluded_models"),
        headers=fields.headers(found, "headers"),
        note=fields.note(found, "note"),
        adopted_from=fields.text(found, "adopted_from"),
    )


def _prefix(found: Members) -> str:
    trimmed = fields.text(found, "prefix").strip("/")
    return fields.segment({"prefix": trimmed}, "prefix", _PREFIX)


def _service_account(found: Members) -> Mapping[str, str]:
    """The texts of Google's key file; nothing else of it is of use."""
    account = inner(found, "service_account")
    if not account:
        return fields.NO_TEXTS
    return {member: value for member, value in account.items() if isinstance(value, str)}


# -- writing -------------------------------------------------------------------------------------------------------


def token_fields(tokens: Tokens, now: float) -> dict[str, object]:
    """New tokens as members of an account file. `now` is Unix time in seconds."""
    told: dict[str, object] = {"access_token": tokens.access_token.reveal()}
    if tokens.refresh_token:
        told["refresh_token"] = tokens.refresh_token.reveal()
    if tokens.id_token:
        told["id_token"] = tokens.id_token.reveal()
    if tokens.expires_at is not None:
        told["expired"] = rfc3339(tokens.expires_at)
    told["last_refresh"] = rfc3339(now)
    return told


def save(directory: Path, name: str, members: Mapping[str, object], *, only_existing: bool = False) -> Path:
    """Put members into an account's file, which is made if need be; None takes one away.

    All others stay, in their order, and a member keeps the spelling and the place that it has: tokens may stand inside
    `token`. A new access token ends `needs_login`. With nothing new to say the file is not
    touched; with `only_existing`, one that is gone stays gone. Who changes tokens holds the file's lock. Raises
    `FileUnusable` for a name that no account may have or a file that is no JSON object, and `OSError`.
    """
    path = directory / checked(name)
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        if only_existing:
            return path
        content = b""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = editable(content)
    after = written(_merged(before, members))
    if not content or after != written(before):
        replace(path, after)
    return path


def remove(directory: Path, name: str) -> bool:
    """Take an account's file away; whether there was one. Raises `FileUnusable` and `OSError`."""
    try:
        (directory / checked(name)).unlink()
    except FileNotFoundError:
        return False
    return True


_OF_TOKENS: Final = frozenset({"access_token", "refresh_token", "id_token", "expired"})
"""What stands inside `token` in files of some programs."""
_KEPT_THERE: Final = frozenset({"access_token", "refresh_token", "id_token", INSIDE, *EXPIRY, *LAST_REFRESH})
"""What an adopted account has of the CLI's file alone."""


def _merged(before: Members, new: Mapping[str, object]) -> dict[str, object]:
    merged = dict(before)
    token = merged.get(INSIDE)
    if isinstance(token, dict):
        merged[INSIDE] = token = dict(token)
    if "access_token" in new or not new.get("needs_login", True):
        for member in ("needs_login", "needs-login", "needs_login_of"):
            merged.pop(member, None)
    for member, value in new.items():
        spelt = _spelt(member, merged)
        place = merged
        if spelt not in merged and member in _OF_TOKENS and isinstance(token, dict):
            inside = _spelt(member, token)
            if inside in token:
                spelt, place = inside, token
        if value is None:
            place.pop(spelt, None)
        else:
            place[spelt] = value
    return merged


def _spelt(member: str, there: Members) -> str:
    """What a member is called where it stands already."""
    names = EXPIRY if member == "expired" else LAST_REFRESH if member == "last_refresh" else (member,)
    spellings = (spelling for name in names for spelling in (name, name.replace("_", "-")))
    return next((spelling for spelling in spellings if spelling in there), member)
