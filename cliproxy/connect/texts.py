"""The text of settings files: JSON, TOML, YAML and dotenv, read as nested mappings and changed with little else moved.

A change is proved: what is written is read again, and must say what was meant.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from io import StringIO
from typing import Final, Protocol, cast

import attrs
import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.util import load_yaml_guess_indent
from tomlkit.exceptions import TOMLKitError

from cliproxy.connect.merge import Change, Merged
from cliproxy.connect.settings import TextFormat


class Unreadable(Exception):
    """A text that cannot be read, or not be changed without harm; the message goes on after the file's name."""


@attrs.frozen
class _Format:
    read: Callable[[str], Mapping[str, object]]
    """Raises `Unreadable`; an empty text is empty settings."""
    write: Callable[[str, Merged], str]
    """The text, changed."""


class _Container(Protocol):
    """A mapping or list of a library that remembers how things were written."""

    def __getitem__(self, step: str | int) -> object: ...

    def __setitem__(self, step: str | int, value: object) -> None: ...

    def __len__(self) -> int: ...


def read(text: str, text_format: TextFormat) -> Mapping[str, object]:
    """What a text says. Raises `Unreadable`."""
    try:
        return _FORMATS[text_format].read(text)
    except RecursionError:
        raise Unreadable("is nested too deeply") from None


def written(text: str, merged: Merged, text_format: TextFormat) -> str:
    """The text with the changes. Raises `Unreadable` where it cannot be changed in place."""
    if not merged.changes:
        return text
    cannot = Unreadable("is written so that it cannot be changed without harm")
    try:
        changed = _FORMATS[text_format].write(text, merged)
        proof = read(changed, text_format)
    except (TOMLKitError, YAMLError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise cannot from None
    if proof != merged.settings:
        raise cannot
    return changed


def _put(document: object, change: Change) -> None:
    """Into the containers of a library. Those on the way are there: a change begins where something is missing."""
    container = cast(_Container, document)
    for step in change.path[:-1]:
        container = cast(_Container, container[step])
    last = change.path[-1]
    if isinstance(last, int) and last == len(container):
        cast("list[object]", container).append(change.value)
    else:
        container[last] = change.value


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise Unreadable("holds something else than named settings")
    return value


# -- JSON


_LEXICAL: Final = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|//[^\n]*+|/\*.*?\*/|,(?=[\s]*+[}\]])', re.DOTALL)
_INDENT: Final = re.compile(r'^([ \t]+)"', re.MULTILINE)


def _read_json(text: str) -> Mapping[str, object]:
    if not text.strip():
        return {}
    try:
        return _mapping(_json(text))
    except json.JSONDecodeError as error:
        wrong = error
    try:
        _json(_without_comments(text))
    except json.JSONDecodeError:
        raise Unreadable(f"is no JSON, as line {wrong.lineno} shows: {wrong.msg}") from None
    raise Unreadable("has comments or trailing commas, as JSON has not; they would be lost")


def _json(text: str) -> object:
    try:
        value: object = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_exactly)
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise Unreadable("holds a number that cannot be kept as it is") from None
    return value


def _once(members: Sequence[tuple[str, object]]) -> dict[str, object]:
    settings = dict(members)
    if len(settings) != len(members):
        raise Unreadable("has a name twice in the same place; one of the two would be lost")
    return settings


def _exactly(digits: str) -> float:
    number = float(digits)
    try:
        kept = Decimal(digits) == Decimal(repr(number))
    except ArithmeticError:  # its exponent is beyond all bounds
        kept = False
    if not kept:
        raise ValueError
    return number


def _no_number(_: str) -> object:
    raise Unreadable("holds a number that is none of JSON's")


def _without_comments(text: str) -> str:
    return _LEXICAL.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)


def _write_json(text: str, merged: Merged) -> str:
    indent = _INDENT.search(text)
    changed = json.dumps(merged.settings, indent=indent[1] if indent else 2, ensure_ascii=False)
    # Half of a surrogate pair, which JSON can spell and UTF-8 cannot, is spelled again.
    changed = changed.encode("utf-8", "backslashreplace").decode()
    return changed if text.strip() and not text.endswith("\n") else changed + "\n"


# -- TOML


def _read_toml(text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise Unreadable(f"is no TOML: {error}") from None


def _write_toml(text: str, merged: Merged) -> str:
    document = tomlkit.parse(text)
    for change in merged.changes:
        _put(document, change)
    return tomlkit.dumps(document)


# -- YAML


def _read_yaml(text: str) -> Mapping[str, object]:
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f", as line {mark.line + 1} shows"
        raise Unreadable(f"is no YAML{place}: {error.problem}") from None
    except (YAMLError, ValueError):
        raise Unreadable("is no YAML") from None
    return {} if value is None else _mapping(value)


def _write_yaml(text: str, merged: Merged) -> str:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    _, indent, offset = load_yaml_guess_indent(text)
    yaml.indent(mapping=2, sequence=indent or 2, offset=offset or 0)
    document = yaml.load(text)
    if document is None:
        # Comments without a setting belong to no node.
        before, document = text, {}
    else:
        before = ""
    for change in merged.changes:
        _put(document, change)
    stream = StringIO()
    yaml.dump(document, stream)
    return before + ("\n" if before and not before.endswith("\n") else "") + stream.getvalue()


# -- dotenv


_ASSIGNMENT: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*")
_QUOTED: Final = re.compile(r"""(['"`])(.*?)(?<!\\)\1\s*(?:#.*)?""")
_BARE: Final = re.compile(r"[\w./:@%+,=~-]*", re.ASCII)


def _read_dotenv(text: str) -> Mapping[str, object]:
    settings: dict[str, object] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = _ASSIGNMENT.fullmatch(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        name, value = found.groups()
        if value[:1] in ("'", '"', "`"):
            quoted = _QUOTED.fullmatch(value)
            if quoted is None:
                raise Unreadable(f"has a value of several lines, or a quote without an end, in line {number}")
            settings[name] = quoted[2]
        else:
            settings[name] = value.partition("#")[0].rstrip()
    return settings


def _write_dotenv(text: str, merged: Merged) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    for change in merged.changes:
        (name,) = change.path
        line = f"{name}={_dotenv_value(str(change.value))}\n"
        places = [at for at, old in enumerate(lines) if (found := _ASSIGNMENT.match(old)) and found[1] == name]
        for at in places:
            lines[at] = line
        if not places:
            lines.append(line)
    return "".join(lines)


def _dotenv_value(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    quote = next((quote for quote in "'\"`" if quote not in value), "")
    if not quote or "\\" in value or not value.isprintable():
        raise ValueError
    return f"{quote}{value}{quote}"


_FORMATS: Final[Mapping[TextFormat, _Format]] = {
    "json": _Format(_read_json, _write_json),
    "toml": _Format(_read_toml, _write_toml),
    "yaml": _Format(_read_yaml, _write_yaml),
    "dotenv": _Format(_read_dotenv, _write_dotenv),
}
