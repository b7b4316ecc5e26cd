"""The backend of ChatGPT's logins: OpenAI Responses with rules of its own.

What a request must be here beside what its wire says, as changes of its document: for one that was translated, and for
a client's own bytes. A request that keeps to the rules, as Codex's own do, is not touched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

import msgspec

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.errors import BadRequest
from cliproxy.formats.codec import Dialect
from cliproxy.formats.jsontext import loads
from cliproxy.formats.wire import Operation
from cliproxy.shaping.changes import Change, Path, Remove, Set

Body: TypeAlias = Mapping[str, Json]

MAX_NAME_CHARACTERS: Final = 64
"""Of tools, and of ids of calls."""
_HASH_DIGITS: Final = 16
_ENCRYPTED: Final = "reasoning.encrypted_content"
_BREAKPOINT: Final = "prompt_cache_breakpoint"
_KEPT_ELSEWHERE: Final = ("previous_response_id", "conversation", "prompt")
_TIER: Final = "priority"
_USUAL_TIERS: Final = ("auto", "default", None)
"""Left out they mean the same."""
_SEARCH_PREVIEW: Final = "web_search_preview"
_SEARCH: Final = "web_search"
_LONG_NAME: Final = re.compile(rb'"name"\s*+:\s*+"[^"]{%d}' % (MAX_NAME_CHARACTERS + 1))
_CALLS: Final = ("function_call", "custom_tool_call")
_WITH_PARTS: Final = ("content", "output")


class _Input(msgspec.Struct):
    input: list[msgspec.Raw]


_INPUT: Final = msgspec.json.Decoder(_Input)


def changes_for_backend(
    document: Body, raw: bytes | None, operation: Operation, dialect: Dialect, losses: Losses
) -> Sequence[Change]:
    """What makes of a request one that the backend takes. `raw`: the same as bytes, of which every item that needs no
    change is to stay as it is.

    Raises `BadRequest` for what stands for a part of the conversation that is kept elsewhere: without it the model
    would answer another question.
    """
    return tuple(_changes(document, raw, operation, dialect, losses))


def must_be_translated(raw: bytes) -> bool:
    """Whether a request in the backend's own format cannot be edited in place: the names of its tools are too long, so
    that they must be other ones upstream, and again the client's in the reply.
    """
    if _LONG_NAME.search(raw) is None:
        return False
    try:
        document = loads(raw)
    except ValueError:
        return False  # nested too deeply: for the vendor to refuse
    if not isinstance(document, dict):
        return False
    called = (item for item in _objects(document.get("input")) if item.get("type") in _CALLS)
    return any(_is_long(name) for name in (*_names(document.get("tools")), *(item.get("name") for item in called)))


def _names(tools: Json) -> Iterator[Json]:
    for tool in _objects(tools):
        yield tool.get("name")
        yield from _names(tool.get("tools"))


def _is_long(name: Json) -> bool:
    return isinstance(name, str) and len(name) > MAX_NAME_CHARACTERS


def _changes(
    document: Body, raw: bytes | None, operation: Operation, dialect: Dialect, losses: Losses
) -> Iterator[Change]:
    yield from _without_what_is_kept_elsewhere(document)
    for name, value in document.items():
        if name in dialect.refuses and name != "store":
            yield Remove((name,))
            if value is not None:
                losses.drop(name, "this upstream refuses it")
    if operation is Operation.GENERATE:
        yield from _as_a_stream_that_is_not_stored(document, losses)
    if document.get("instructions") is None:
        yield Set(("instructions",), "")
    yield from _tier(document, losses)
    yield from _effort(document, losses)
    yield from _searches(document)
    yield from _input(document.get("input"), raw, losses)


def _without_what_is_kept_elsewhere(document: Body) -> Iterator[Change]:
    for name in _KEPT_ELSEWHERE:
        if document.get(name):
            raise _kept_elsewhere(name)
        if name in document:
            yield Remove((name,))
    items = document.get("input")
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("type") == "item_reference":
            raise _kept_elsewhere(f"input.{number}")


def _kept_elsewhere(field: str) -> BadRequest:
    return BadRequest(f"{field}: This upstream keeps no replies; send the whole conversation.")


def _as_a_stream_that_is_not_stored(document: Body, losses: Losses) -> Iterator[Change]:
    if document.get("stream") is not True:
        yield Set(("stream",), True)
    if document.get("store") is not False:
        if document.get("store"):
            losses.drop("store", "this upstream keeps nothing")
        yield Set(("store",), False)
    include = document.get("include")
    if include != [_ENCRYPTED]:
        for wanted in include if isinstance(include, list) else ():
            if wanted != _ENCRYPTED:
                losses.drop("include", "this upstream adds nothing to its replies but encrypted reasoning")
        yield Set(("include",), [_ENCRYPTED])


def _tier(document: Body, losses: Losses) -> Iterator[Change]:
    tier = document.get("service_tier", _TIER)
    if tier != _TIER:
        if tier not in _USUAL_TIERS:
            losses.drop("service_tier", f"this upstream knows none but {_TIER!r}")
        yield Remove(("service_tier",))


def _effort(document: Body, losses: Losses) -> Iterator[Change]:
    reasoning = document.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("effort") == "none":
        losses.emulate("reasoning.effort", "this upstream's models always think: low is the least")
        yield Set(("reasoning", "effort"), "low")


def _searches(document: Body) -> Iterator[Change]:
    yield from _searches_in(document.get("tools"), ("tools",))
    choice = document.get("tool_choice")
    if isinstance(choice, dict):
        yield from _search(choice, ("tool_choice",))
        yield from _searches_in(choice.get("tools"), ("tool_choice", "tools"))


def _searches_in(tools: Json, path: Path) -> Iterator[Change]:
    for number, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, dict):
            yield from _search(tool, (*path, number))


def _search(tool: Body, path: Path) -> Iterator[Change]:
    kind = tool.get("type")
    if isinstance(kind, str) and kind.startswith(_SEARCH_PREVIEW):
        yield Set((*path, "type"), _SEARCH)


# -- input


def _input(items: Json, raw: bytes | None, losses: Losses) -> Iterator[Change]:
    if isinstance(items, str):
        yield Set(("input",), [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": items}]}])
    if not isinstance(items, list):
        return
    fitted = [_fitted(number, item, losses) for number, item in enumerate(items)]
    if all(new is old for new, old in zip(fitted, items, strict=True)):
        return
    if raw is not None:
        stood = _INPUT.decode(raw).input
        fitted = [cast(Json, stood[number]) if new is items[number] else new for number, new in enumerate(fitted)]
    yield Set(("input",), fitted)


def _fitted(number: int, item: Json, losses: Losses) -> Json:
    """The item as it is taken; the same object if it is taken as it stands."""
    if not isinstance(item, dict):
        return item
    item = _plain_reasoning(number, item, losses) if item.get("type") == "reasoning" else _by_the_developer(item)
    call_id = item.get("call_id")
    if isinstance(call_id, str) and _is_long(call_id):
        item = {**item, "call_id": _shortened(call_id)}
    for name in _WITH_PARTS:
        parts = item.get(name)
        if isinstance(parts, list) and any(_BREAKPOINT in part for part in _objects(parts)):
            losses.emulate(_BREAKPOINT, "OpenAI caches prompts by itself")
            item = {**item, name: [_without(part, _BREAKPOINT) for part in parts]}
    return item


def _plain_reasoning(number: int, item: dict[str, Json], losses: Losses) -> dict[str, Json]:
    if item.get("content"):
        losses.drop(f"input.{number}.content", "this upstream takes back reasoning in its encrypted form alone")
        item = {name: value for name, value in item.items() if name != "content"}
    return {name: value for name, value in item.items() if name != "status"} if "status" in item else item


def _by_the_developer(item: dict[str, Json]) -> dict[str, Json]:
    is_systems = item.get("role") == "system" and item.get("type", "message") == "message"
    return {**item, "role": "developer"} if is_systems else item


def _shortened(call_id: str) -> str:
    """The same for a call and for its result, in each request."""
    digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{call_id[: MAX_NAME_CHARACTERS - _HASH_DIGITS - 1]}_{digest}"


def _without(part: Json, name: str) -> Json:
    if not isinstance(part, dict):
        return part
    return {key: value for key, value in part.items() if key != name}


def _objects(value: Json) -> list[dict[str, Json]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
