"""What each model bears, by patterns of names: the built-in table, and over it what the configuration says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import attrs
import msgspec
from ruamel.yaml import YAML

from cliproxy.conversation.capabilities import Capabilities
from cliproxy.conversation.efforts import EFFORTS
from cliproxy.routing.catalogue import matches

MAX_FOUND: Final = 1024
"""Answers to remember. Names come from clients, but who asks for so many is no client to be fast for."""
BUILTIN: Final = "capabilities.yaml"
WHERE: Final = "translation.capabilities"
"""Where the configuration says it."""
NOTHING_SAID: Final[Mapping[str, object]] = MappingProxyType({})
_TELLS_THINKING: Final = frozenset({"thinks", "off", "on_by_default", "adaptive", "efforts", "budget"})


@attrs.frozen
class Entry:
    """What is said of the models that a pattern means; the rest stays as it is otherwise known."""

    pattern: str
    """`*` stands for any text."""
    values: Mapping[str, object] = attrs.field(hash=False)
    """By field of `Capabilities`."""

    @property
    def literal_length(self) -> int:
        """How specific the pattern is."""
        return len(self.pattern) - self.pattern.count("*")


class CapabilityTable:
    """Finds a model's capabilities. Changes: the answers that are remembered."""

    def __init__(self, builtin: Iterable[Entry], overrides: Mapping[str, object] = NOTHING_SAID) -> None:
        """`overrides` as in the configuration. Raises `ValueError` with the key path of what is wrong there."""
        self._builtin = _most_specific_first(builtin)
        self._overrides = _most_specific_first(read_entries(overrides, WHERE))
        self._remembered = lru_cache(maxsize=MAX_FOUND)(self._find)

    def of(self, model: str) -> Capabilities:
        """Of the model that an upstream calls so. One that nobody knows takes everything."""
        return self._remembered(model)

    def _find(self, model: str) -> Capabilities:
        known = _first(self._builtin, plain_name(model))
        said = _first(self._overrides, model) or _first(self._overrides, plain_name(model))
        found = Capabilities()
        for entry in (known, said):
            if entry is not None:
                is_known = found.known or not _TELLS_THINKING.isdisjoint(entry.values)
                fields = {**attrs.asdict(found, recurse=False), **entry.values, "known": is_known}
                found = msgspec.convert(fields, Capabilities)
        return found


def plain_name(model: str) -> str:
    """The vendor's own name of a model that resellers give theirs: `anthropic/claude-opus-4.6`,
    `us.anthropic.claude-opus-4-6-v1`.
    """
    name = model.lower().rpartition("/")[2].rpartition("anthropic.")[2]
    return name.replace(".", "-") if name.startswith("claude-") else name


def read_entries(values: Mapping[str, object], where: str = "") -> tuple[Entry, ...]:
    """The entries that a mapping of patterns to capabilities says. `where` is the mapping's own key path.

    Raises `ValueError` with the path of the value that is none.
    """
    prefix = f"{where}." if where else ""
    return tuple(_entry(prefix, pattern, said) for pattern, said in values.items())


@lru_cache(maxsize=1)
def load_builtin() -> tuple[Entry, ...]:
    """The table that comes with the package."""
    text = files(__package__).joinpath(BUILTIN).read_text(encoding="utf-8")
    document = YAML(typ="safe", pure=True).load(text)
    return read_entries(document["models"])


def _most_specific_first(entries: Iterable[Entry]) -> Sequence[Entry]:
    """Of equals the first stays first."""
    return sorted(entries, key=lambda entry: -entry.literal_length)


def _first(entries: Iterable[Entry], model: str) -> Entry | None:
    return next((entry for entry in entries if matches(entry.pattern, model)), None)


# -- reading


def _entry(prefix: str, pattern: str, said: object) -> Entry:
    path = f"{prefix}{pattern}"
    if not isinstance(said, Mapping):
        raise ValueError(f"{path}: a mapping of capabilities was expected")
    values: dict[str, object] = {}
    for key, value in said.items():
        read = _READERS.get(key)
        if read is None:
            raise ValueError(f"{path}.{key}: unknown; known are {', '.join(sorted(_READERS))}")
        try:
            values[key.replace("-", "_")] = read(value)
        except ValueError as error:
            raise ValueError(f"{path}.{key}: {error}") from None
    return Entry(pattern, MappingProxyType(values))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false was expected")
    return value


def _tokens(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("a whole number above 0 was expected")
    return value


def _optional_tokens(value: object) -> int | None:
    return None if value is None else _tokens(value)


def _budget(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("two whole numbers were expected, the smallest and the largest budget")
    least, most = (_tokens(number) for number in value)
    if least > most:
        raise ValueError("the smallest budget is above the largest")
    return least, most


def _efforts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or any(effort not in EFFORTS for effort in value):
        raise ValueError(f"a list of efforts was expected; there are {', '.join(EFFORTS)}")
    return tuple(effort for effort in EFFORTS if effort in value)


_READERS: Final[Mapping[str, Callable[[object], object]]] = MappingProxyType(
    {
        "thinks": _flag,
        "off": _flag,
        "on-by-default": _flag,
        "adaptive": _flag,
        "efforts": _efforts,
        "budget": _budget,
        "budget-below-max-tokens": _flag,
        "sampling": _flag,
        "sampling-while-thinking": _flag,
        "temperature-with-top-p": _flag,
        "forced-tools": _flag,
        "forced-tools-while-thinking": _flag,
        "prefill": _flag,
        "prefill-while-thinking": _flag,
        "structured": _flag,
        "system-anywhere": _flag,
        "reasoning-with-tools": _flag,
        "context-tokens": _optional_tokens,
        "max-output-tokens": _optional_tokens,
    }
)
