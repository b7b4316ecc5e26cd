"""Tools, and the choice among them, as this wire writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Custom, Function, Request, ServerTool, Tool, ToolChoice
from cliproxy.formats.codec import Dialect
from cliproxy.formats.openai_chat.decode_parts import NAME

MAX_SCHEMA_DEPTH: Final = 64
"""How deep schemas are mended; what lies deeper stays as it is."""

_SCHEMAS_BY_NAME: Final = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
_SCHEMAS: Final = frozenset(
    {"items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "if", "then", "else", "contains"}
)


def encode_tools(request: Request, dialect: Dialect, losses: Losses) -> dict[str, Json]:
    """The fields of a body that are about tools; a choice without tools is refused by the servers."""
    tools: list[Json] = []
    body: dict[str, Json] = {}
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            _server_tool(tool, request, tools, body, losses)
        elif isinstance(tool, Custom) and not dialect.custom_tools:
            losses.drop(f"tools.{tool.name}", "this upstream knows no free-form tools")
        else:
            tools.append(_custom(tool) if isinstance(tool, Custom) else _function(tool, request.format == NAME, losses))
    choice = request.tool_choice
    if not tools:
        if choice is not None and choice.mode == "required":
            losses.drop("tool_choice", "there are no tools left to choose from")
        return body
    body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = _choice(choice, request.tools)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    return body


def with_properties(schema: JsonObject) -> dict[str, Json]:
    """A schema whose objects all say which properties they have, if none: strict servers want that."""
    return cast("dict[str, Json]", _mended(dict(schema), MAX_SCHEMA_DEPTH))


def _mended(schema: Json, depth: int) -> Json:
    if not depth:
        return schema
    if isinstance(schema, list):
        return [_mended(item, depth - 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    mended: dict[str, Json] = {}
    for key, value in schema.items():
        if key in _SCHEMAS_BY_NAME and isinstance(value, dict):
            mended[key] = {name: _mended(inner, depth - 1) for name, inner in value.items()}
        else:
            mended[key] = _mended(value, depth - 1) if key in _SCHEMAS else value
    kind = schema.get("type")
    if (kind == "object" or (isinstance(kind, list) and "object" in kind)) and "properties" not in schema:
        mended["properties"] = {}
    return mended


def _server_tool(tool: ServerTool, request: Request, tools: list[Json], body: dict[str, Json], losses: Losses) -> None:
    if tool.format != NAME or request.format != NAME:
        losses.drop(f"tools.{tool.kind}", "this wire has no such tool that the vendor runs")
    elif "type" in tool.raw:
        tools.append(dict(tool.raw))
    else:
        body["web_search_options"] = dict(tool.raw)


def _function(tool: Function, own: bool, losses: Losses) -> Json:
    function: dict[str, Json] = {"name": f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = with_properties(tool.parameters or {"type": "object"})
    if tool.strict is not None:
        function["strict"] = tool.strict
    if own:
        return {"type": "function", "function": {**function, **tool.extras}}
    for key, value in tool.extras.items():
        if value:
            losses.drop(f"tools.{tool.name}.{key}", "only the client's own format knows this field")
    return {"type": "function", "function": function}


def _custom(tool: Custom) -> Json:
    custom: dict[str, Json] = {"name": f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name}
    if tool.description:
        custom["description"] = tool.description
    if tool.syntax:
        grammar: Mapping[str, Json] = {"syntax": tool.syntax, "definition": tool.grammar}
        custom["format"] = {"type": "grammar", "grammar": dict(grammar)}
    return {"type": "custom", "custom": custom}


def _choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Json:
    if not choice.names or choice.mode == "none":
        return choice.mode
    free = {tool.name for tool in tools if isinstance(tool, Custom)}
    named = [_named(name, name in free) for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def _named(name: str, custom: bool) -> Json:
    kind = "custom" if custom else "function"
    return {"type": kind, kind: {"name": name}}
