"""The tools of a Gemini request, the choice among them, and the schemas that its protobuf can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.gemini.words import check_names, dotted
from cliproxy.demo.plan import Choice, Tool

TOOL: Final = (
    *("functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps"),
    *("fileSearch", "computerUse", "mcpServers", "retrieval", "enterpriseWebSearch"),
)
DECLARATION: Final = (
    *("name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"),
)
CHOICE: Final = ("mode", "allowedFunctionNames", "streamFunctionCallArguments")
SCHEMA: Final = (
    *("type", "format", "title", "description", "nullable", "enum", "items", "maxItems", "minItems", "properties"),
    *("required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf"),
    *("propertyOrdering", "default", "minimum", "maximum"),
)
"""All the keywords that its Schema has: a field of protobuf each."""
TYPES: Final = ("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_MODES: Final[Mapping[str, Literal["auto", "required", "none"]]] = {
    "AUTO": "auto",
    "MODE_UNSPECIFIED": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}


def read_tools(node: Node) -> tuple[Tool, ...]:
    """The functions that the client declares."""
    tools: list[Tool] = []
    for group in node.each("tools"):
        check_names(group, TOOL)
        tools += (_function(declaration) for declaration in group.each("functionDeclarations"))
    doubled = {tool.name for tool in tools if [other.name for other in tools].count(tool.name) > 1}
    if doubled:
        raise Mistake(f"Duplicate function declaration found: {min(doubled)}")
    return tuple(tools)


def _function(declaration: Node) -> Tool:
    check_names(declaration, DECLARATION)
    name = declaration.need("name")
    if not _NAME.fullmatch(name.text()):
        raise Mistake(
            f"* GenerateContentRequest.{dotted(name.path)}: Invalid function name. Must start with a letter or an"
            " underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-),"
            " with a maximum length of 128.\n"
        )
    parameters, json_schema = declaration.at("parameters"), declaration.at("parametersJsonSchema")
    if parameters is not None and json_schema is not None:
        raise Mistake(f"Only one of parameters and parameters_json_schema may be set for {name.value}.")
    if parameters is not None:
        check_schema(parameters)
    schema = parameters or json_schema
    return Tool(name.text(), None if schema is None else schema.fields())


def check_schema(schema: Node) -> None:
    """Raises `Mistake` if the protobuf has no room for something in the schema."""
    check_names(schema, SCHEMA)
    kind = schema.at("type")
    if kind is not None and kind.text().upper() not in TYPES:
        raise Mistake(f"Invalid value at '{dotted(kind.path)}' (type.googleapis.com/google.ai.generativelanguage.Type)")
    for choice in schema.each("enum"):
        choice.text()
    properties = schema.at("properties")
    named = properties.fields() if properties is not None else {}
    for name, value in named.items():
        check_schema(Node(value, (*schema.path, "properties", name), schema.words))
    for required in schema.each("required"):
        if named and required.text() not in named:
            raise Mistake(f"* GenerateContentRequest.{dotted(required.path)}: property is not defined\n")
    if (items := schema.at("items")) is not None:
        check_schema(items)
    for branch in schema.each("anyOf"):
        check_schema(branch)


def read_choice(node: Node, tools: tuple[Tool, ...]) -> Choice:
    """Which functions may or must be called. Raises `Mistake`."""
    config = node.at("toolConfig")
    calling = config.at("functionCallingConfig") if config is not None else None
    if calling is None:
        return Choice()
    check_names(calling, CHOICE)
    mode = calling.text_at("mode", "AUTO").upper()
    if mode not in _MODES:
        raise Mistake(f"Invalid value at '{dotted((*calling.path, 'mode'))}', \"{mode}\"")
    names = tuple(name.text() for name in calling.each("allowedFunctionNames"))
    if names and mode not in ("ANY", "VALIDATED"):
        raise Mistake("Allowed function names should only be set when function calling mode is ANY.")
    unknown = sorted({*names} - {tool.name for tool in tools})
    if unknown:
        raise Mistake(f"Allowed function names {', '.join(unknown)} are not declared.")
    if mode == "ANY" and not tools:
        raise Mistake("Function calling config is set without function_declarations.")
    return Choice(_MODES[mode], names or None)
