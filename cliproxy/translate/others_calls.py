"""Calls that another vendor's model made, in a request that goes to an upstream of the client's own format.

Its format can tell them, but two vendors want to see at a call in progress what they themselves gave with it: Gemini
its signature, Anthropic, where a budget is given, its thinking. A client that has talked to them alone has both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.formats.gemini.words import SKIP_SIGNATURE, generation
from cliproxy.formats.jsontext import loads
from cliproxy.shaping.changes import Change, Remove, Set

SIGNED_CALLS_SINCE: Final = 3
"""Gemini's major version."""
_CALLS: Final = ("functionCall", "function_call")
_SIGNATURES: Final = ("thoughtSignature", "thought_signature")
_RESPONSES: Final = ("functionResponse", "function_response")
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})


def changes_for_others_calls(format_name: str, body: bytes, model: str, losses: Losses) -> Sequence[Change]:
    """What must be another in `body`, which is looked into only if it may hold such a call."""
    find = _FINDERS.get(format_name)
    return () if find is None else tuple(find(body, model, losses))


def _gemini(body: bytes, model: str, losses: Losses) -> Iterator[Change]:
    """The first call of each turn of calls since the user's last words needs a signature."""
    version = generation(model)
    if version is None or version < SIGNED_CALLS_SINCE or not any(b'"%b"' % name.encode() in body for name in _CALLS):
        return
    for number, content in reversed(list(enumerate(_items(_read(body), "contents")))):
        parts = _items(content, "parts")
        if not _is(content, "role", "model"):
            if any(_has(part, ("text",)) for part in parts) and not any(_has(part, _RESPONSES) for part in parts):
                return
            continue
        first = next((place for place, part in enumerate(parts) if _has(part, _CALLS)), None)
        if first is not None and not _has(parts[first], _SIGNATURES):
            losses.emulate(f"contents.{number}", "Google's word for calls of unknown origin stands for a signature")
            yield Set(("contents", number, "parts", first, _SIGNATURES[0]), SKIP_SIGNATURE)


def _anthropic(body: bytes, model: str, losses: Losses) -> Iterator[Change]:
    """With a budget, the turn whose calls are answered must begin with thinking; else it must go without."""
    if b'"budget_tokens"' not in body or b'"tool_result"' not in body:
        return
    document = _read(body)
    if not isinstance(document, dict) or not _is(document.get("thinking"), "type", "enabled"):
        return
    spoken = [message for message in _items(document, "messages") if not _is(message, "role", "system")]
    if len(spoken) < 2 or not any(_is(block, "type", "tool_result") for block in _items(spoken[-1], "content")):
        return
    called = _items(spoken[-2], "content")
    if any(_is(block, "type", "tool_use") for block in called) and not any(
        _is(called[0], "type", it) for it in _THINKING
    ):
        losses.drop("thinking", "with a budget, the call under way would have to begin with thinking")
        yield Remove(("thinking",))
        yield from _without_clearing(document)


def _without_clearing(document: Mapping[str, Json]) -> Iterator[Change]:
    """Where nothing is thought, no thinking may be cleared away either."""
    edits = _items(document.get("context_management"), "edits")
    clearing = [place for place, it in enumerate(edits) if str(_field(it, "type")).startswith("clear_thinking")]
    for place in reversed(clearing):
        yield Remove(("context_management", "edits", place))


_FINDERS: Final[Mapping[str, Callable[[bytes, str, Losses], Iterator[Change]]]] = MappingProxyType(
    {"gemini": _gemini, "anthropic": _anthropic}
)


def _read(body: bytes) -> Json:
    """Null for what is nested too deeply: it passes as it came, for the vendor to refuse."""
    try:
        return loads(body)
    except ValueError:
        return None


def _field(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _items(value: Json, name: str) -> Sequence[Json]:
    """The list under that name; none if there is no such thing."""
    found = _field(value, name)
    return found if isinstance(found, list) else ()


def _is(value: Json, name: str, said: str) -> bool:
    return _field(value, name) == said


def _has(part: Json, names: Sequence[str]) -> bool:
    return any(_field(part, name) for name in names)
