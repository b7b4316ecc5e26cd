"""The tools of a client's request, and its choice among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from cliproxy.conversation.parts import JsonObject
from cliproxy.conversation.request import Custom, Function, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_parts import NAME, mark_of
from cliproxy.formats.openai_chat.fields import Place, as_json, wrong

_Mode = Literal["auto", "required", "none"]
_MODES: Final[Mapping[str, _Mode]] = {"auto": "auto", "required": "required", "any": "required", "none": "none"}
_OF_A_FUNCTION: Final = frozenset(
    {"name", "description", "parameters", "input_schema", "strict", "cache_control", "type"}
)
_PLACES: Final = ("city", "region", "country", "timezone")


def decode_tools(request: Place) -> tuple[Tool, ...]:
    """`tools`, the older `functions`, and the search that has a field of its own."""
    tools = [_tool(place) for place in request.each("tools")]
    tools += [_function(place, place) for place in request.each("functions")]
    search = request.inner("web_search_options")
    if search is not None:
        tools.append(ServerTool("web_search", NAME, location=_location(search), raw=_as_it_stood(search)))
    return tuple(tools)


def decode_tool_choice(request: Place) -> ToolChoice | None:
    """`tool_choice`, or the older `function_call`."""
    for key in ("tool_choice", "function_call"):
        value = request.fields.get(key)
        if value is None:
            continue
        if isinstance(value, str):
            return ToolChoice(_mode(request.at(key), value))
        place = request.required_inner(key)
        return ToolChoice("required", (place.required_text("name"),)) if key == "function_call" else _choice(place)
    return None


def _tool(place: Place) -> Tool:
    kind = place.text("type") or "function"
    if kind == "custom":
        return _custom(place.inner("custom") or place)
    if kind == "function":
        # Some clients write the function's fields beside the type, as OpenAI Responses and Anthropic have them.
        return _function(place.inner("function") or place, place)
    return ServerTool("web_search" if kind.startswith("web_search") else kind, NAME, raw=_as_it_stood(place))


def _function(place: Place, tool: Place) -> Function:
    parameters = place.json_object("parameters")
    return Function(
        place.required_text("name"),
        place.text("description") or "",
        place.json_object("input_schema") if parameters is None else parameters,
        place.flag("strict"),
        cache=mark_of(tool) or mark_of(place),
        extras={key: as_json(value) for key, value in place.fields.items() if key not in _OF_A_FUNCTION},
    )


def _custom(place: Place) -> Custom:
    shape = place.inner("format")
    grammar = (shape.inner("grammar") or shape) if shape else None
    return Custom(
        place.required_text("name"),
        place.text("description") or "",
        (grammar.text("syntax") or "") if grammar else "",
        (grammar.text("definition") or "") if grammar else "",
    )


def _location(search: Place) -> Mapping[str, str] | None:
    user = search.inner("user_location")
    if user is None:
        return None
    place = user.inner("approximate") or user
    return {key: value for key in _PLACES if (value := place.text(key))} or None


def _choice(place: Place) -> ToolChoice:
    kind = place.required_text("type")
    if kind in _MODES:
        return ToolChoice(_MODES[kind])
    if kind == "allowed_tools":
        allowed = place.inner("allowed_tools") or place
        mode = _mode(allowed.at("mode"), allowed.text("mode") or "auto")
        return ToolChoice(mode, tuple(_names(allowed)))
    if kind in ("function", "custom", "tool"):
        return ToolChoice("required", (_name(place),))
    raise wrong(place.at("type"), "One of function, custom, allowed_tools")


def _names(allowed: Place) -> Iterator[str]:
    for tool in allowed.each("tools"):
        yield _name(tool)


def _name(place: Place) -> str:
    inner = place.inner("function") or place.inner("custom") or place
    return inner.required_text("name")


def _mode(path: str, word: str) -> _Mode:
    mode = _MODES.get(word)
    if mode is None:
        raise BadRequest(f"{path}: One of auto, required, none was expected.")
    return mode


def _as_it_stood(place: Place) -> JsonObject:
    return {key: as_json(value) for key, value in place.fields.items()}
