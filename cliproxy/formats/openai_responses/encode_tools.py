"""Tools and the choice among them, as this wire writes them: flat, grouped by namespace."""

from __future__ import annotations

from collections.abc import Sequence

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Custom, Function, ServerTool, Tool, ToolChoice
from cliproxy.formats.openai_responses.decode_tools import BETWEEN_NAMES, NAMESPACE, WEB_SEARCH
from cliproxy.formats.openai_responses.words import NAME


def write_tools(tools: Sequence[Tool], own: bool, losses: Losses) -> list[Json]:
    """`own`: the client spoke this wire. Elsewhere a schema is not strict unless somebody says so; here it is."""
    written: list[Json] = []
    spaces: dict[str, list[Json]] = {}
    for tool in tools:
        entry = _write_tool(tool, own, losses)
        if entry is None:
            continue
        namespace = "" if isinstance(tool, ServerTool) else tool.namespace
        if not namespace:
            written.append(entry)
            continue
        if namespace not in spaces:
            spaces[namespace] = []
            space: dict[str, Json] = {"type": NAMESPACE, "name": namespace, "description": _described(namespace, tools)}
            written.append({**space, "tools": spaces[namespace]})
        spaces[namespace].append(entry)
    return written


def _described(namespace: str, tools: Sequence[Tool]) -> str:
    for tool in tools:
        if isinstance(tool, Function) and tool.namespace == namespace:
            told = tool.extras.get(NAMESPACE)
            description = told.get("description") if isinstance(told, dict) else None
            if isinstance(description, str):
                return description
    return ""


def _write_tool(tool: Tool, own: bool, losses: Losses) -> dict[str, Json] | None:
    if isinstance(tool, Function):
        return _function(tool, own, losses)
    if isinstance(tool, Custom):
        return _custom(tool)
    if tool.format == NAME:
        return dict(tool.raw)
    if tool.kind == WEB_SEARCH:
        return _web_search(tool, losses)
    losses.drop(f"tools.{tool.kind}", "a tool that only another vendor runs")
    return None


def _function(tool: Function, own: bool, losses: Losses) -> dict[str, Json]:
    written: dict[str, Json] = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["parameters"] = _schema(tool.parameters)
    if tool.strict is not None:
        written["strict"] = tool.strict
    elif not own:
        written["strict"] = False
    for key, value in tool.extras.items():
        if own and key != NAMESPACE:
            written[key] = value
        elif not own and value:
            losses.drop(f"tools.{tool.name}.{key}", "only the client's own format knows this field")
    return written


def _schema(parameters: JsonObject | None) -> dict[str, Json]:
    """The servers refuse an object without a list of its properties."""
    if parameters is None:
        return {"type": "object", "properties": {}}
    if parameters.get("type") == "object" and not isinstance(parameters.get("properties"), dict):
        return {**parameters, "properties": {}}
    return dict(parameters)


def _custom(tool: Custom) -> dict[str, Json]:
    written: dict[str, Json] = {"type": "custom", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.syntax:
        written["format"] = {"type": "grammar", "syntax": tool.syntax, "definition": tool.grammar}
    return written


def _web_search(tool: ServerTool, losses: Losses) -> dict[str, Json]:
    if tool.blocked_domains:
        losses.drop("blocked_domains", "OpenAI's web search takes allowed domains only")
    if tool.max_uses is not None:
        losses.drop("max_uses", "OpenAI's web search has no limit of its own")
    written: dict[str, Json] = {"type": WEB_SEARCH}
    if tool.allowed_domains:
        written["filters"] = {"allowed_domains": list(tool.allowed_domains)}
    if tool.location:
        written["user_location"] = {"type": "approximate", **tool.location}
    return written


def write_tool_choice(choice: ToolChoice, tools: Sequence[Tool], losses: Losses) -> Json:
    """A word, one tool, or `allowed_tools`. Names without a tool that is written are noted."""
    if not choice.names or choice.mode == "none":
        return choice.mode
    chosen = [entry for name in choice.names if (entry := _chosen(name, tools)) is not None]
    if len(chosen) < len(choice.names):
        losses.drop("tool_choice", "a tool is chosen that is not there")
    if not chosen:
        return "auto"
    if choice.mode == "required" and len(chosen) == 1:
        return chosen[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": [*chosen]}


def _chosen(name: str, tools: Sequence[Tool]) -> dict[str, Json] | None:
    for tool in tools:
        if isinstance(tool, ServerTool):
            if tool.kind == name and (tool.format == NAME or name == WEB_SEARCH):
                return _chosen_hosted(tool)
        elif name == (f"{tool.namespace}{BETWEEN_NAMES}{tool.name}" if tool.namespace else tool.name):
            entry: dict[str, Json] = {"type": "custom" if isinstance(tool, Custom) else "function", "name": tool.name}
            return {**entry, "namespace": tool.namespace} if tool.namespace else entry
    return None


def _chosen_hosted(tool: ServerTool) -> dict[str, Json]:
    kind = tool.raw.get("type") if tool.format == NAME else tool.kind
    if kind == "mcp":
        return {"type": "mcp", "server_label": tool.raw.get("server_label")}
    return {"type": kind}
