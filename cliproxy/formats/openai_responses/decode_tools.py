"""Tools and the choice among them, read from a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Custom, Function, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats import jsontext
from cliproxy.formats.openai_responses import fields
from cliproxy.formats.openai_responses.words import NAME

WEB_SEARCH: Final = "web_search"
NAMESPACE: Final = "namespace"
"""Among a function's extras: what is said of its namespace, once for each."""
BETWEEN_NAMES: Final = "__"
_FUNCTION_FIELDS: Final = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM_FIELDS: Final = frozenset({"type", "name", "description", "format"})
_PLACES: Final = ("city", "region", "country", "timezone")


def read_tools(value: Json, path: str, losses: Losses) -> list[Tool]:
    """A list of tools, those in namespaces one by one. Raises `BadRequest`."""
    tools: list[Tool] = []
    for number, entry in enumerate(fields.sequence(value, path)):
        at = f"{path}.{number}"
        tool = fields.mapping(entry, at)
        if tool.get("type") == NAMESPACE:
            tools += _namespace(tool, at, losses)
        else:
            tools.append(_read_tool(tool, at, "", losses))
    return tools


def without_duplicates(tools: Iterable[Tool], losses: Losses) -> tuple[Tool, ...]:
    """Of several with one name, the first. Another that says the same is no loss."""
    kept: dict[tuple[str, str], Tool] = {}
    for number, tool in enumerate(tools):
        if kept.setdefault(_identity(tool), tool) != tool:
            losses.drop(f"tools.{number}", "a tool of this name is declared before it")
    return tuple(kept.values())


def _identity(tool: Tool) -> tuple[str, str]:
    if isinstance(tool, ServerTool):
        return jsontext.text_of(tool.raw), tool.kind
    return tool.namespace, tool.name


def _namespace(space: dict[str, Json], path: str, losses: Losses) -> list[Tool]:
    name = fields.text(space.get("name"), f"{path}.name")
    tools: list[Tool] = []
    described: dict[str, Json] = {"description": fields.optional_text(space.get("description"), f"{path}.description")}
    for number, entry in enumerate(fields.sequence(space.get("tools"), f"{path}.tools")):
        at = f"{path}.tools.{number}"
        tool = _read_tool(fields.mapping(entry, at), at, name, losses)
        if isinstance(tool, Function) and described["description"]:
            tool = Function(
                tool.name,
                tool.description,
                tool.parameters,
                tool.strict,
                name,
                extras={**tool.extras, NAMESPACE: described},
            )
            described = {"description": ""}
        tools.append(tool)
    return tools


def _read_tool(tool: dict[str, Json], path: str, namespace: str, losses: Losses) -> Tool:
    kind = fields.text(tool.get("type"), f"{path}.type")
    if kind == "function":
        parameters = tool.get("parameters")
        return Function(
            fields.text(tool.get("name"), f"{path}.name"),
            fields.optional_text(tool.get("description"), f"{path}.description"),
            None if parameters is None else fields.mapping(parameters, f"{path}.parameters"),
            fields.flag(tool.get("strict"), f"{path}.strict"),
            namespace,
            extras={key: value for key, value in tool.items() if key not in _FUNCTION_FIELDS},
        )
    if kind == "custom":
        return _read_custom(tool, path, namespace, losses)
    return _read_hosted(tool, kind, path)


def _read_custom(tool: dict[str, Json], path: str, namespace: str, losses: Losses) -> Custom:
    for name in tool:
        if name not in _CUSTOM_FIELDS:
            losses.drop(f"{path}.{name}", "not known of a free-form tool")
    form = fields.optional_mapping(tool.get("format"), f"{path}.format")
    grammar = form.get("type") == "grammar"
    return Custom(
        fields.text(tool.get("name"), f"{path}.name"),
        fields.optional_text(tool.get("description"), f"{path}.description"),
        fields.text(form.get("syntax"), f"{path}.format.syntax") if grammar else "",
        fields.text(form.get("definition"), f"{path}.format.definition") if grammar else "",
        namespace,
    )


def _read_hosted(tool: dict[str, Json], kind: str, path: str) -> ServerTool:
    if not kind.startswith(WEB_SEARCH):
        return ServerTool(kind, NAME, raw=tool)
    filters = fields.optional_mapping(tool.get("filters"), f"{path}.filters")
    place = fields.optional_mapping(tool.get("user_location"), f"{path}.user_location")
    location = {key: told for key in _PLACES if isinstance(told := place.get(key), str)}
    return ServerTool(
        WEB_SEARCH,
        NAME,
        _domains(filters.get("allowed_domains"), f"{path}.filters.allowed_domains"),
        _domains(filters.get("blocked_domains"), f"{path}.filters.blocked_domains"),
        location=location or None,
        raw=tool,
    )


def _domains(value: Json, path: str) -> tuple[str, ...]:
    return tuple(fields.text(domain, path) for domain in fields.sequence(value, path))


def read_tool_choice(value: Json, tools: Sequence[Tool], losses: Losses) -> ToolChoice | None:
    """A word, one tool, or some. Raises `BadRequest`."""
    path = "tool_choice"
    if value is None:
        return None
    if isinstance(value, str):
        return ToolChoice(_mode(value, path))
    choice = fields.mapping(value, path)
    if choice.get("type") != "allowed_tools":
        return ToolChoice("required", (_chosen(choice, path, tools, losses),))
    names = tuple(
        _chosen(fields.mapping(entry, f"{path}.tools.{number}"), f"{path}.tools.{number}", tools, losses)
        for number, entry in enumerate(fields.sequence(choice.get("tools"), f"{path}.tools"))
    )
    return ToolChoice(_mode(choice.get("mode", "auto"), f"{path}.mode"), names)


def _mode(value: Json, path: str) -> Literal["auto", "required", "none"]:
    if value == "auto":
        return "auto"
    if value == "required":
        return "required"
    if value == "none":
        return "none"
    raise BadRequest(f"{path}: One of none, auto, required was expected.")


def _chosen(entry: dict[str, Json], path: str, tools: Sequence[Tool], losses: Losses) -> str:
    kind = fields.text(entry.get("type"), f"{path}.type")
    if kind not in ("function", "custom"):
        if kind == "mcp":
            losses.emulate(path, "the first MCP server is meant, with all its tools")
        return WEB_SEARCH if kind.startswith(WEB_SEARCH) else kind
    name = fields.text(entry.get("name"), f"{path}.name")
    namespace = fields.optional_text(entry.get("namespace"), f"{path}.namespace")
    if not namespace:
        named = [tool for tool in tools if not isinstance(tool, ServerTool) and tool.name == name]
        namespace = named[0].namespace if named and all(tool.namespace for tool in named) else ""
    return f"{namespace}{BETWEEN_NAMES}{name}" if namespace else name
