"""Tools and the choice among them, written for Google's servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Custom, Function, Request, ServerTool
from cliproxy.formats.codec import Target
from cliproxy.formats.gemini.schema import clean
from cliproxy.formats.gemini.words import FORMAT

_SERVER_TOOLS: Final[Mapping[str, str]] = MappingProxyType(
    {"web_search": "googleSearch", "web_fetch": "urlContext", "code_execution": "codeExecution"}
)


def encode_tools(request: Request, target: Target, losses: Losses) -> list[Json]:
    """`tools`: the functions in one entry, each tool of Google's in its own."""
    declarations: dict[str, Json] = {}
    own: list[Json] = []
    alone = not any(isinstance(tool, Function) for tool in request.tools)
    for index, tool in enumerate(request.tools):
        path = f"tools.{index}"
        if isinstance(tool, Custom):
            losses.drop(path, "Tools that take free text are not known on this wire.")
        elif isinstance(tool, ServerTool):
            own += _server_tool(tool, path, alone, losses)
        elif tool.name in declarations:
            losses.drop(path, f"There is a tool {tool.name!r} already.")
        else:
            declarations[tool.name] = _declaration(tool, path, request, target, losses)
    functions: list[Json] = [{"functionDeclarations": list(declarations.values())}] if declarations else []
    return functions + own


def encode_choice(request: Request, losses: Losses) -> dict[str, Json] | None:
    """`toolConfig`, if there is a choice and functions to choose from."""
    if request.parallel_tool_calls is False:
        losses.drop("parallel_tool_calls", "The model cannot be kept from calling several tools at once.")
    choice = request.tool_choice
    functions = {tool.name for tool in request.tools if isinstance(tool, Function)}
    if choice is None or not functions:
        if choice is not None and choice.mode == "required":
            losses.drop("tool_choice", "There is no function to call.")
        return None
    names = [name for name in choice.names if name in functions]
    if len(names) < len(choice.names):
        losses.drop("tool_choice", "Only functions can be chosen.")
        if not names:
            return None
    if choice.mode == "none":
        return _calling("NONE", [])
    if choice.mode == "required":
        return _calling("ANY", names)
    return _calling("VALIDATED" if names else "AUTO", names)


def _calling(mode: str, names: list[str]) -> dict[str, Json]:
    config: dict[str, Json] = {"mode": mode}
    if names:
        config["allowedFunctionNames"] = list[Json](names)
    return {"functionCallingConfig": config}


def _declaration(tool: Function, path: str, request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    declaration: dict[str, Json] = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters is not None:
        if target.dialect.json_schema:
            declaration["parametersJsonSchema"] = dict(tool.parameters)
        else:
            schema = clean(tool.parameters)
            losses.emulate(f"{path}.parameters", "What the wire's own schemas cannot say is told in descriptions.")
            if schema.get("properties"):
                declaration["parameters"] = schema
    if tool.strict:
        losses.drop(f"{path}.strict", "Keeping to the schema cannot be demanded of one tool.")
    if request.format == FORMAT:
        declaration |= tool.extras
    else:
        for key in tool.extras:
            losses.drop(f"{path}.{key}", f"Only {request.format} knows it.")
    return declaration


def _server_tool(tool: ServerTool, path: str, alone: bool, losses: Losses) -> Iterator[Json]:
    if tool.format == FORMAT:
        yield dict(tool.raw)
        return
    name = _SERVER_TOOLS.get(tool.kind)
    if name is None:
        losses.drop(path, f"Google runs no {tool.kind}.")
        return
    if not alone:
        losses.drop(path, f"{name} beside functions is refused, or needs history that this client does not keep.")
        return
    yield {name: {}}
    for field, given in (
        ("allowed_domains", tool.allowed_domains),
        ("blocked_domains", tool.blocked_domains),
        ("max_uses", tool.max_uses),
        ("user_location", tool.location),
        ("search_context_size", tool.raw.get("search_context_size") not in (None, "medium")),
    ):
        if given:
            losses.drop(f"{path}.{field}", f"{name} takes no such setting.")
