"""What a provider sends back through a browser: read from the callback's URL, or from what a person pastes. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from cliproxy.secret import Secret

MAX_CHARACTERS: Final = 16 * 1024
"""Of one line. A redirect has some hundreds."""
_TERMINAL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z~]")
"""Control sequences; terminals put some around what is pasted."""
_ERROR: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Unreadable(Exception):
    """The text is no redirect; the message is one sentence for whoever pasted it."""


@attrs.frozen
class Callback:
    """What came back. Not yet judged: the state may be anybody's."""

    code: Secret
    """Empty: none."""
    state: Secret
    """Empty: none."""
    error: str = ""
    """The OAuth error, a word."""
    description: str = ""
    """The provider's, without anything that a terminal could take for a command."""


def read_pasted(text: str) -> Callback:
    """A redirect URL with a query or a fragment, `code#state`, or `code=…&state=…`. Raises `Unreadable`."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable("That is too long for a redirect URL.")
    line = _TERMINAL.sub("", text).strip().strip("<>\"'")
    if not line:
        raise Unreadable("Nothing was pasted.")
    if any(letter.isspace() or not letter.isprintable() for letter in line):
        raise Unreadable("That is no redirect URL: there are spaces in it. Paste it as one line.")
    if "://" in line:
        return read_url(line)
    if "=" in line:
        return read_query(line.lstrip("?#/"))
    code, mark, state = line.partition("#")
    if not mark or not code or not state or "#" in state:
        raise Unreadable("That lacks the state. Paste the whole address of the page that you were sent to.")
    return Callback(Secret(code), Secret(state))


def read_url(url: str) -> Callback:
    """The parameters of a URL, be they in its query or in its fragment. Raises `Unreadable`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Unreadable("That is not a URL.") from None
    if "=" in parts.fragment:
        return read_query("&".join(filter(None, (parts.query, parts.fragment))))
    # `?code=…#…`: some pages show the state as the tail of the code.
    return read_query(parts.query, parts.fragment)


def read_query(query: str, fragment: str = "") -> Callback:
    """`code=…&state=…` or `error=…`. Raises `Unreadable` for anything else, and for a name that comes twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError:
        raise Unreadable("That is not the address of a redirect.") from None
    fields = dict(pairs)
    if len(pairs) != len(fields):
        raise Unreadable("That is no redirect: a parameter comes twice.")
    code, mark, tail = fields.get("code", "").partition("#")
    state = fields.get("state", "") or (tail if mark else fragment)
    error = fields.get("error", "")
    if not code and not error:
        raise Unreadable("There is neither a code nor an error in that.")
    return Callback(
        Secret(code),
        Secret(state),
        error if _ERROR.fullmatch(error) or not error else "an error without a name",
        printable(fields.get("error_description", "")),
    )


def printable(text: str, limit: int = 200) -> str:
    """A stranger's text, fit for a terminal: what cannot be printed becomes a space, and there is not much of it."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:limit]).strip()
