"""Tools and the choice among them, read and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Custom, Function, Request, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.caching import read_mark, write_mark
from cliproxy.formats.anthropic.fields import (
    NAME,
    as_object,
    as_text,
    maybe_count,
    maybe_flag,
    maybe_list,
    maybe_object,
    maybe_text,
    note_unread,
    texts,
)
from cliproxy.formats.anthropic.schemas import input_schema

WEB_SEARCH: Final = "web_search_20250305"
"""The version that every model with a web search knows."""
_DATE_DIGITS: Final = 8
_PLACES: Final = ("city", "region", "country", "timezone")
_FUNCTION_FIELDS: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_CHOICE_FIELDS: Final = frozenset({"type", "name", "disable_parallel_tool_use"})


# -- reading ------------------------------------------------------------------------------------------------------


def read_tools(value: Json, losses: Losses) -> tuple[Tool, ...]:
    """`tools`. What has a type of its own is run, or at least defined, by Anthropic."""
    return tuple(_read_tool(tool, f"tools.{i}", losses) for i, tool in enumerate(maybe_list(value, "tools")))


def _read_tool(value: Json, path: str, losses: Losses) -> Tool:
    tool = as_object(value, path)
    kind = maybe_text(tool.get("type"), f"{path}.type")
    if kind in ("", "custom") or "input_schema" in tool:
        return _read_function(tool, path, losses)
    location = maybe_object(tool.get("user_location"), f"{path}.user_location")
    return ServerTool(
        kind=_without_date(kind),
        format=NAME,
        allowed_domains=texts(tool.get("allowed_domains"), f"{path}.allowed_domains"),
        blocked_domains=texts(tool.get("blocked_domains"), f"{path}.blocked_domains"),
        max_uses=maybe_count(tool.get("max_uses"), f"{path}.max_uses"),
        location={place: said for place in _PLACES if isinstance(said := location.get(place), str)} or None,
        raw=tool,
    )


def _without_date(kind: str) -> str:
    name, _, date = kind.rpartition("_")
    return name if len(date) == _DATE_DIGITS and date.isdecimal() else kind


def _read_function(tool: JsonObject, path: str, losses: Losses) -> Function:
    schema = tool.get("input_schema")
    return Function(
        name=as_text(tool.get("name"), f"{path}.name"),
        description=maybe_text(tool.get("description"), f"{path}.description"),
        parameters=None if schema is None else as_object(schema, f"{path}.input_schema"),
        strict=maybe_flag(tool.get("strict"), f"{path}.strict"),
        cache=read_mark(tool.get("cache_control"), f"{path}.cache_control", losses),
        extras={key: value for key, value in tool.items() if key not in _FUNCTION_FIELDS and value is not None},
    )


def read_choice(value: Json, losses: Losses) -> tuple[ToolChoice | None, bool | None]:
    """`tool_choice`, and whether several tools may be called at once."""
    if value is None:
        return None, None
    choice = as_object(value, "tool_choice")
    note_unread(choice, _CHOICE_FIELDS, "tool_choice", losses)
    single = maybe_flag(choice.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use")
    return _read_mode(choice), None if single is None else not single


def _read_mode(choice: JsonObject) -> ToolChoice:
    kind = as_text(choice.get("type"), "tool_choice.type")
    if kind == "tool":
        return ToolChoice("required", (as_text(choice.get("name"), "tool_choice.name"),))
    if kind == "any":
        return ToolChoice("required")
    if kind == "auto":
        return ToolChoice("auto")
    if kind == "none":
        return ToolChoice("none")
    raise BadRequest("tool_choice.type: One of auto, any, tool, none was expected.")


# -- writing ------------------------------------------------------------------------------------------------------


def write_tools(request: Request, losses: Losses) -> list[dict[str, Json]]:
    """`tools`, without those that Anthropic has no words for."""
    written = (_write_tool(tool, f"tools.{i}", request.format, losses) for i, tool in enumerate(request.tools))
    return [tool for tool in written if tool is not None]


def _write_tool(tool: Tool, path: str, client: str, losses: Losses) -> dict[str, Json] | None:
    if isinstance(tool, Function):
        return _write_function(tool, path, client, losses)
    if isinstance(tool, Custom):
        losses.drop(path, "Anthropic has no free-form tools.")
        return None
    if tool.format == NAME and tool.raw:
        return dict(tool.raw)
    if tool.kind == "web_search":
        return _write_search(tool, path, losses)
    losses.drop(path, f"Anthropic has no tool of its own for {tool.kind}.")
    return None


def _write_function(tool: Function, path: str, client: str, losses: Losses) -> dict[str, Json]:
    schema, changed = input_schema(tool.parameters)
    if changed:
        losses.emulate(f"{path}.parameters", "The root must be an object without unions: branches are laid together.")
    made: dict[str, Json] = {"name": tool.name}
    if tool.description:
        made["description"] = tool.description
    made["input_schema"] = schema
    if tool.strict:
        made["strict"] = True
    if tool.cache is not None:
        made["cache_control"] = write_mark(tool.cache)
    if client == NAME:
        return {**tool.extras, **made}
    for key in tool.extras:
        losses.drop(f"{path}.{key}", "Anthropic's tools have no such field.")
    return made


def _write_search(tool: ServerTool, path: str, losses: Losses) -> dict[str, Json]:
    made: dict[str, Json] = {"type": WEB_SEARCH, "name": "web_search"}
    if tool.allowed_domains:
        made["allowed_domains"] = list(tool.allowed_domains)
        if tool.blocked_domains:
            losses.drop(f"{path}.blocked_domains", "Domains may be allowed or blocked, not both.")
    elif tool.blocked_domains:
        made["blocked_domains"] = list(tool.blocked_domains)
    if tool.raw.get("search_context_size") not in (None, "medium"):
        losses.drop(f"{path}.search_context_size", "How much a search gives cannot be chosen.")
    if tool.max_uses is not None:
        made["max_uses"] = tool.max_uses
    if tool.location:
        known = {place: tool.location[place] for place in _PLACES if place in tool.location}
        made["user_location"] = {"type": "approximate", **known}
    return made


def write_choice(request: Request, tools: Sequence[JsonObject], losses: Losses) -> dict[str, Json] | None:
    """`tool_choice`, with the word against parallel calls; nothing if there is nothing to choose or to say."""
    wish = request.tool_choice
    if not tools:
        if wish is not None and wish.mode == "required":
            losses.drop("tool_choice", "There is no tool to be called.")
        return None
    choice = _write_mode(wish, {tool.get("name") for tool in tools}, losses)
    if request.parallel_tool_calls is False and choice.get("type") != "none":
        return {**choice, "disable_parallel_tool_use": True}
    return None if wish is None else choice


def _write_mode(wish: ToolChoice | None, names: set[Json], losses: Losses) -> dict[str, Json]:
    if wish is None:
        return {"type": "auto"}
    if wish.mode == "none":
        return {"type": "none"}
    kind = "auto" if wish.mode == "auto" else "any"
    if not wish.names:
        return {"type": kind}
    if len(wish.names) > 1 or kind == "auto":
        # The list of tools stays whole: it begins the prompt, and another one would cost the cache.
        losses.drop("tool_choice", "The choice cannot be limited to some tools; all of them may be called.")
        return {"type": kind}
    if wish.names[0] not in names:
        losses.drop("tool_choice", f"The tool {wish.names[0]!r} is not among those that are sent.")
        return {"type": "auto"}
    return {"type": "tool", "name": wish.names[0]}
