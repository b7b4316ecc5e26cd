"""The members of an account file, read one by one: whatever stands there, a value or a `FileUnusable`."""

from __future__ import annotations

import base64
import ipaddress
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import orjson

from cliproxy.logins.login import NO_SECRET
from cliproxy.logins.stored import FileUnusable
from cliproxy.secret import Secret

Members = Mapping[str, object]

MAX_TEXT: Final = 16 * 1024
"""Characters; the longest tokens have about 4,000."""
MAX_NOTE: Final = 500
MAX_ENTRIES: Final = 1000
"""Of a list of models."""
MAX_HEADERS: Final = 64
MAX_UNIX: Final = 1e11
"""A larger number is no time in seconds but one in milliseconds: the year 5138, or 1973."""

EXPIRY: Final = ("expired", "expire", "expires_at", "expiresAt", "expiry", "expires")
"""What programs call the end of an access token; the first that says something counts."""
LAST_REFRESH: Final = ("last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt")
NONE: Final[Members] = MappingProxyType({})
NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def members(content: bytes) -> Members:
    """The JSON object that a file holds, a name with dashes also as one with underscores. Raises `FileUnusable`."""
    try:
        found = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        raise FileUnusable("it is not JSON" if content.strip() else "it is empty") from None
    if not isinstance(found, dict):
        raise FileUnusable("it is no JSON object")
    dashed = {name.replace("-", "_"): value for name, value in found.items() if "-" in name}
    return {**dashed, **found} if dashed else found


def inner(found: Members, name: str) -> Members:
    """An object inside; empty if there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else NONE


# -- text ----------------------------------------------------------------------------------------------------------


def text(found: Members, name: str) -> str:
    """One line, trimmed; empty if it is not there."""
    value = found.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _line(value, name)


def note(found: Members, name: str) -> str:
    """A person's words, as one line."""
    value = found.get(name)
    return _CONTROL.sub("", " ".join(value.split()))[:MAX_NOTE] if isinstance(value, str) else ""


def shared(found: Members, name: str) -> str:
    """The same, of what many accounts have in common: kept once."""
    return sys.intern(text(found, name))


def visible(found: Members, name: str) -> str:
    """A text that is sent in a header: ASCII without spaces."""
    value = text(found, name)
    if not value.isascii() or " " in value:
        raise FileUnusable(f"`{name}` holds a character that cannot be sent")
    return value


def secret(found: Members, name: str) -> Secret:
    """The same, but it does not print."""
    value = visible(found, name)
    return Secret(value) if value else NO_SECRET


def segment(found: Members, name: str, form: re.Pattern[str]) -> str:
    """A text that becomes part of an address."""
    value = shared(found, name)
    if value and not form.fullmatch(value):
        raise FileUnusable(f"`{name}` holds a character that has no place in it")
    return value


def address(found: Members, name: str, *, plain: bool) -> str:
    """A URL; `plain`: over HTTP too, which otherwise is for loopback alone."""
    value = shared(found, name)
    if value and not _is_address(value, plain):
        raise FileUnusable(f"`{name}` is no {'http or https' if plain else 'https'} URL")
    return value


def _is_address(value: str, plain: bool) -> bool:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or " " in value or "\\" in value:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (plain or _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _line(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise FileUnusable(f"`{name}` is no text")
    value = value.strip()
    if len(value) > MAX_TEXT:
        raise FileUnusable(f"`{name}` is longer than {MAX_TEXT} characters")
    if _CONTROL.search(value):
        raise FileUnusable(f"`{name}` holds a control character")
    return value


# -- other values --------------------------------------------------------------------------------------------------


def flag(found: Members, name: str) -> bool:
    """True or false; false if it is not there."""
    value = found.get(name)
    if isinstance(value, str):
        value = {"true": True, "false": False, "": False}.get(value.strip().lower(), value)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise FileUnusable(f"`{name}` is neither true nor false")
    return value


def whole(found: Members, name: str, default: int, least: int, most: int) -> int:
    """A whole number; beyond the limits, the limit."""
    value = found.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, str):
        try:
            value = int(value) if len(value) < 20 else None
        except ValueError:
            value = None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FileUnusable(f"`{name}` is no whole number")
    return min(max(value, least), most)


def listed(found: Members, name: str) -> tuple[str, ...]:
    """Texts, as a list or between commas, without repetitions."""
    value = found.get(name)
    entries = value.split(",") if isinstance(value, str) else value
    if entries is None:
        return ()
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise FileUnusable(f"`{name}` is no list of at most {MAX_ENTRIES} texts")
    lines = (sys.intern(_line(entry, name)) for entry in entries)
    return tuple(dict.fromkeys(line for line in lines if line))


def headers(found: Members, name: str) -> Mapping[str, str]:
    """Header fields."""
    value = found.get(name)
    if not value:
        return NO_TEXTS
    if not isinstance(value, dict) or len(value) > MAX_HEADERS:
        raise FileUnusable(f"`{name}` is no object of at most {MAX_HEADERS} header fields")
    if not all(_HEADER_NAME.fullmatch(field) for field in value):
        raise FileUnusable(f"`{name}` holds a name that no header may have")
    lines = {sys.intern(field): _line(line, name) for field, line in value.items()}
    if not all(line.isascii() for line in lines.values()):
        raise FileUnusable(f"`{name}` holds a character that cannot be sent")
    return lines


# -- times ---------------------------------------------------------------------------------------------------------


def moment(value: object) -> float | None:
    """A time in Unix seconds, of RFC 3339 or a number of seconds or milliseconds; None if it is no sensible one.

    Without a zone it is taken as UTC, and the zero of other programs' clocks, the year 1, says nothing.
    """
    if isinstance(value, str):
        value = _told(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1000 * MAX_UNIX:
        return None
    return value / 1000 if value >= MAX_UNIX else float(value)


def first_moment(found: Members, names: tuple[str, ...]) -> float | None:
    """The first of these members that is a time."""
    return next((time for name in names if (time := moment(found.get(name))) is not None), None)


def rfc3339(seconds: float) -> str:
    """A time as account files tell it: `2026-01-31T12:00:00Z`. Of no sensible one, the end of the year 9999."""
    try:
        told = _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        told = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    return told.isoformat(timespec="seconds").replace("+00:00", "Z")


def _told(written: str) -> float | None:
    try:
        return float(written) if written[:1].isdigit() and "-" not in written else _from_calendar(written)
    except (ValueError, OverflowError):
        return None


def _from_calendar(written: str) -> float:
    told = datetime.fromisoformat(written)
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


# -- tokens --------------------------------------------------------------------------------------------------------


def claims(token: str) -> Members:
    """What a JWT says of itself, unverified: to be shown and reckoned with, never to be trusted. Empty for others."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_TEXT:
        return NONE
    try:
        found = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return NONE
    return found if isinstance(found, dict) else NONE
