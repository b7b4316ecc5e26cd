"""Tools and the choice among them, as a client of this wire states them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, cast

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Function, ServerTool, Tool, ToolChoice
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.fields import a_list, a_text, an_object, field, rest, snake, texts
from cliproxy.formats.gemini.openapi import read_schema
from cliproxy.formats.gemini.words import FORMAT
from cliproxy.formats.wire import Document

SERVER_TOOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        spelling: kind
        for name, kind in (
            ("googleSearch", "web_search"),
            ("googleSearchRetrieval", "web_search"),
            ("urlContext", "web_fetch"),
            ("codeExecution", "code_execution"),
        )
        for spelling in (name, snake(name))
    }
)
"""The tools that Google runs, by the field that asks for them. Others keep the field's name as their kind."""

_DECLARED: Final = ("name", "description", "parameters", "parametersJsonSchema")
_CALLING: Final = ("mode", "allowedFunctionNames")

_MODES: Final[Mapping[str, Literal["auto", "required", "none"]]] = MappingProxyType(
    {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}
)


def decode_tools(value: object) -> tuple[Tool, ...]:
    """Every tool of `tools`, in order. Raises `BadRequest`."""
    return tuple(tool for index, item in enumerate(a_list(value, "tools")) for tool in _tools(item, f"tools.{index}"))


def _tools(value: object, path: str) -> Iterator[Tool]:
    """One entry is a bundle: functions, and any number of tools of Google's."""
    for key, inner in an_object(value, path).items():
        if inner is None:
            continue
        if key in ("functionDeclarations", "function_declarations"):
            for index, declaration in enumerate(a_list(inner, f"{path}.{key}")):
                yield _function(declaration, f"{path}.{key}.{index}")
        else:
            yield _server_tool(key, cast(Json, inner))


def _function(value: object, path: str) -> Function:
    declaration = an_object(value, path)
    name = a_text(field(declaration, "name"), f"{path}.name")
    if not name:
        raise BadRequest(f"{path}.name: Field required.")
    return Function(
        name,
        a_text(field(declaration, "description"), f"{path}.description"),
        _parameters(declaration, path),
        extras=rest(declaration, _DECLARED),
    )


def _parameters(declaration: Document, path: str) -> JsonObject | None:
    exact = field(declaration, "parametersJsonSchema")
    if exact is not None:
        return cast(JsonObject, an_object(exact, f"{path}.parametersJsonSchema"))
    schema = declaration.get("parameters")
    if schema is None:
        return None
    where = f"{path}.parameters"
    return read_schema(cast(JsonObject, an_object(schema, where)), where)


def _server_tool(key: str, value: Json) -> ServerTool:
    excluded: object = None
    if isinstance(value, dict):
        excluded = field(value, "excludeDomains")
    return ServerTool(
        SERVER_TOOLS.get(key, key),
        FORMAT,
        blocked_domains=texts(excluded, f"tools.{key}.excludeDomains"),
        raw={key: value},
    )


def decode_choice(value: object) -> tuple[ToolChoice | None, dict[str, Json]]:
    """What `toolConfig` says of functions, and what else stands in it. Raises `BadRequest`."""
    config = an_object(value, "toolConfig")
    left = rest(config, ("functionCallingConfig",))
    path = "toolConfig.functionCallingConfig"
    calling = an_object(field(config, "functionCallingConfig"), path)
    word = a_text(calling.get("mode"), f"{path}.mode").upper()
    names = texts(field(calling, "allowedFunctionNames"), f"{path}.allowedFunctionNames")
    kept = rest(calling, _CALLING)
    if word == "VALIDATED" and not names:
        kept["mode"] = (
            word  # calls by the schema's letter: between AUTO, as others read it, and this there is a difference
        )
    if kept:
        left["functionCallingConfig"] = kept
    if word in ("", "MODE_UNSPECIFIED"):
        return (ToolChoice("auto", names) if names else None), left
    if word not in _MODES:
        raise BadRequest(f"{path}.mode: One of {', '.join(_MODES)} was expected.")
    return ToolChoice(_MODES[word], names), left
