"""From one value of the file to one of ours, or `Unfit` with a sentence, which never repeats it: it may be secret."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from typing import Final, TypeVar

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cliproxy.config.schema import AuthHeader, StrategyName, WireApi
from cliproxy.conversation.parts import Json
from cliproxy.formats import jsontext
from cliproxy.secret import Secret

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)

Reads = Callable[[Node], T]
"""Takes a value that is neither missing nor empty; raises `Unfit`."""

_NULL: Final = "tag:yaml.org,2002:null"
_BOOL: Final = "tag:yaml.org,2002:bool"
_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_TEXT: Final = "tag:yaml.org,2002:str"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_KINDS: Final = {_NULL: "nothing", _BOOL: "true or false", _INT: "a whole number", _FLOAT: "a number"}

_TRUTH: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""YAML 1.1's words as well, since the original takes them."""
_TRUTH_WORD: Final = re.compile("|".join(_TRUTH), re.IGNORECASE | re.ASCII)

_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)", re.ASCII)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)

_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)", re.ASCII)
_SECONDS_OF: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_STRATEGIES: Final[Mapping[str, StrategyName]] = {
    "quota-aware": "quota-aware",
    "round-robin": "round-robin",
    "rr": "round-robin",
    "weighted-round-robin": "weighted-round-robin",
    "weighted": "weighted-round-robin",
    "wrr": "weighted-round-robin",
    "fill-first": "fill-first",
    "ff": "fill-first",
}

_UNITS: Final = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}


class Unfit(Exception):
    """A value that cannot stand where it does; the message says what could."""


# -- kinds ---------------------------------------------------------------------------------------------------------


def kind(node: Node) -> str:
    """What a value is, in the words of the person who wrote it."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return _KINDS.get(node.tag or "", "text")


def is_null(node: Node) -> bool:
    """Whether nothing stands there (`key:`), which counts as an absent key."""
    return isinstance(node, ScalarNode) and node.tag == _NULL


def is_blank(node: Node) -> bool:
    """Whether nothing stands there, or a text without letters (`key: ""`)."""
    return is_null(node) or (isinstance(node, ScalarNode) and not node.value.strip())


def _scalar(node: Node, expected: str) -> str:
    if not isinstance(node, ScalarNode):
        raise Unfit(f"expected {expected}, found {kind(node)}")
    return str(node.value).strip()


def _unquoted(node: Node, expected: str, form: re.Pattern[str]) -> str:
    """What is written, if it has the form and no quotes: in quotes even a number is text, as in the original."""
    written = _scalar(node, expected)
    if not isinstance(node, ScalarNode) or node.style is not None or not form.fullmatch(written):
        raise Unfit(f"expected {expected}, found {kind(node)}")
    return written


# -- plain values --------------------------------------------------------------------------------------------------


def text(node: Node) -> str:
    """A line of text, trimmed. A number is taken as it is written, so that a key of digits needs no quotes."""
    if node.tag in (_BOOL, _NULL):
        raise Unfit(f"expected text, found {kind(node)}; put it in quotes")
    return header_value(node)


def header_value(node: Node) -> str:
    """A line of text, trimmed; `true` needs no quotes, since nothing but text can stand in a header."""
    written = _scalar(node, "text")
    if _UNPRINTABLE.search(written):
        raise Unfit("expected one line of text, found a control character in it")
    return written


def of_text(reads: Callable[[str], T]) -> Reads[T]:
    """A reader of nodes from a reader of text."""
    return lambda node: reads(text(node))


def secret(node: Node) -> Secret:
    """A text that does not print."""
    return Secret(text(node))


def upstream_key(node: Node) -> Secret:
    """A secret that is sent in a header: visible ASCII without spaces."""
    key = text(node)
    if not key.isascii() or " " in key:
        raise Unfit("expected a key that can be sent in a header: ASCII without spaces")
    return Secret(key)


def truth(node: Node) -> bool:
    """`true` or `false`."""
    return _TRUTH[_unquoted(node, "true or false", _TRUTH_WORD).lower()]


def whole(least: int, most: int) -> Reads[int]:
    """A whole number within limits, both included."""
    expected = f"a whole number from {least} to {most}"
    return lambda node: _within(int(_unquoted(node, expected, _WHOLE)), least, most, expected)


def number(most: float, *, zero: bool) -> Reads[float]:
    """A number up to a limit, not negative, and 0 only where `zero` says so."""
    expected = f"a number from 0 to {most}" if zero else f"a number above 0, {most} at most"
    smallest = 0.0 if zero else math.nextafter(0.0, 1.0)
    return lambda node: _within(float(_unquoted(node, expected, _NUMBER)), smallest, most, expected)


def size(least: int, most: int) -> Reads[int]:
    """A size in bytes: `32 MiB`, `16 kB`, `500 B` or a plain number of bytes."""

    def reads(node: Node) -> int:
        expected = "a size such as 32 MiB, 500 kB or a number of bytes"
        written = _scalar(node, expected)
        parts = _SIZE.fullmatch(written)
        if parts and parts[2].lower() in _UNITS:
            found = int(Decimal(parts[1]) * _UNITS[parts[2].lower()])
        elif _WHOLE.fullmatch(written):
            found = int(written)
        else:
            raise Unfit(f"expected {expected}, found {kind(node)}")
        return _within(found, least, most, f"a size from {least} to {most} bytes")

    return reads


def duration(most: float) -> Reads[float]:
    """A time in seconds: `1h`, `1h30m`, `90s`, or a number of seconds; above 0, up to `most`."""
    expected = "a time such as 1h, 30m, 90s or a number of seconds"

    def reads(node: Node) -> float:
        written = _scalar(node, expected)
        parts = _DURATION.findall(written)
        if parts and "".join(map("".join, parts)) == written:
            seconds = sum(float(count) * _SECONDS_OF[unit] for count, unit in parts)
        elif _NUMBER.fullmatch(written):
            seconds = float(written)
        else:
            raise Unfit(f"expected {expected}, found {kind(node)}")
        return _within(seconds, math.nextafter(0.0, 1.0), most, f"a time of at most {most:g} seconds")

    return reads


N = TypeVar("N", int, float)


def _within(found: N, least: float, most: float, expected: str) -> N:
    if not least <= found <= most:
        raise Unfit(f"out of range: expected {expected}")
    return found


# -- words with a meaning ------------------------------------------------------------------------------------------


def auth_header(written: str) -> AuthHeader:
    """How a key is sent."""
    match written.lower():
        case "x-api-key":
            return "x-api-key"
        case "bearer":
            return "bearer"
    raise Unfit("expected x-api-key or bearer")


def wire_api(written: str) -> WireApi:
    """Which of OpenAI's two wire formats a server speaks."""
    match written.lower():
        case "chat":
            return "chat"
        case "responses":
            return "responses"
    raise Unfit("expected chat or responses")


def strategy(written: str) -> StrategyName:
    """How one of several credentials is chosen."""
    found = _STRATEGIES.get(written.lower())
    if found is None:
        raise Unfit("expected quota-aware, round-robin, weighted-round-robin or fill-first")
    return found


def prefix(written: str) -> str:
    """What stands before the slash in `prefix/model`."""
    if "/" in written or " " in written:
        raise Unfit("expected a name without slash and space")
    return written


def header_name(written: str) -> str:
    """A field name of HTTP."""
    if not _TOKEN.fullmatch(written):
        raise Unfit("expected header names, found one with a character that none may hold")
    return written


def own_name(written: str) -> str:
    """A path or a pattern in the place of a key."""
    if not written.strip() or _UNPRINTABLE.search(written):
        raise Unfit("expected names of letters that print")
    return written.strip()


def texts(node: Node) -> tuple[str, ...]:
    """A list of lines of text, or one line alone; what is empty is left out."""
    nodes = node.value if isinstance(node, SequenceNode) else [node]
    return once(tuple(text(entry) for entry in nodes if not is_blank(entry)))


def once(values: tuple[H, ...]) -> tuple[H, ...]:
    """The same without repetitions."""
    return tuple(dict.fromkeys(values))


# -- JSON ----------------------------------------------------------------------------------------------------------


def json_text(node: Node) -> Json:
    """JSON that is written as text."""
    expected = "JSON, written as text"
    if not isinstance(node, ScalarNode):
        raise Unfit(f"expected {expected}, found {kind(node)}")
    try:
        return jsontext.loads(node.value)
    except ValueError:
        raise Unfit(f"expected {expected}; this is not JSON") from None


def json_scalar(node: Node) -> Json:
    """A single value as JSON has it; text keeps its lines and spaces."""
    read = _JSON_SCALARS.get(node.tag or "")
    if read is None or not isinstance(node, ScalarNode):
        raise Unfit("expected text, a number, true, false or null; another tag has no place here")
    try:
        return read(node.value)
    except (ValueError, KeyError):
        raise Unfit("expected a value that JSON can hold") from None


def _json_text(written: str) -> str:
    written.encode()  # half of a surrogate pair is no text
    return written


def _json_whole(written: str) -> int:
    digits = written.replace("_", "").lower()
    base = _BASES.get(digits.lstrip("+-")[:2], 10)
    return int(digits, base)


def _json_number(written: str) -> float:
    found = float(written.replace("_", ""))
    if not math.isfinite(found):
        raise ValueError(found)
    return found


_BASES: Final = {"0x": 16, "0o": 8, "0b": 2}
_JSON_SCALARS: Final[Mapping[str, Callable[[str], Json]]] = {
    _NULL: lambda written: None,
    _BOOL: lambda written: _TRUTH[written.lower()],
    _INT: _json_whole,
    _FLOAT: _json_number,
    _TEXT: _json_text,
    _TIMESTAMP: _json_text,
}
