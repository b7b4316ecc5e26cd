"""The tools of a Responses request, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.schemas import Whose, check_strict
from cliproxy.demo.openai.words import bracketed, name_in, one_of
from cliproxy.demo.plan import Choice, Tool

HOSTED: Final = (
    *("file_search", "computer", "computer_use_preview", "web_search", "web_search_2025_08_26", "mcp"),
    *("code_interpreter", "programmatic_tool_calling", "image_generation", "local_shell", "shell", "tool_search"),
    *("web_search_preview", "web_search_preview_2025_03_11", "apply_patch"),
)
"""The service's own, which the demo never calls."""
SEPARATOR: Final = "__"


def read_tools(nodes: Iterable[Node], namespace: str = "") -> tuple[Tool, ...]:
    """The client's tools; of those in a namespace the name is `namespace__name`."""
    tools: list[Tool] = []
    for node in nodes:
        kind = one_of(node.need("type"), ("function", "custom", *(("namespace", *HOSTED) if not namespace else ())))
        if kind == "namespace":
            tools += read_tools(node.need("tools").each(), name_in(node))
        elif kind == "function":
            tools.append(_function(node, namespace))
        elif kind == "custom":
            tools.append(Tool(_full(name_in(node), namespace), custom=True, namespace=namespace))
    return tuple(tools)


def _function(node: Node, namespace: str) -> Tool:
    name = name_in(node)
    parameters = node.at("parameters")
    schema = None if parameters is None else parameters.fields()
    where = bracketed((*node.path, "parameters"))
    if schema is not None and schema.get("type") != "object":
        told = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        raise Mistake(told, where, "invalid_function_parameters")
    check_strict(node, "parameters", Whose(f"function '{name}'", where))
    return Tool(_full(name, namespace), schema, namespace=namespace)


def _full(name: str, namespace: str) -> str:
    return f"{namespace}{SEPARATOR}{name}" if namespace else name


def read_choice(node: Node, tools: tuple[Tool, ...]) -> Choice:
    """Which tools may or must be called. Raises `Mistake`."""
    several = node.flag_at("parallel_tool_calls", otherwise=True)
    choice = node.at("tool_choice")
    if choice is None:
        return Choice(parallel=several)
    if isinstance(choice.value, str):
        mode = one_of(choice, ("none", "auto", "required"))
        return Choice("none" if mode == "none" else "required" if mode == "required" else "auto", parallel=several)
    kind = one_of(choice.need("type"), ("function", "custom", "allowed_tools", *HOSTED))
    if kind == "allowed_tools":
        mode = one_of(choice.need("mode"), ("auto", "required"))
        named = (_named(tool, tools) for tool in choice.need("tools").each())
        names = tuple(name for name in named if name is not None)
        return Choice("required" if mode == "required" else "auto", names, several)
    name = _named(choice, tools)
    return Choice(parallel=several) if name is None else Choice("required", (name,), several)


def _named(choice: Node, tools: tuple[Tool, ...]) -> str | None:
    """The tool that a choice names, None if it is one of the service's. Raises `Mistake` if it is not on offer."""
    if one_of(choice.need("type"), ("function", "custom", *HOSTED)) in HOSTED:
        return None
    name = _full(choice.need("name").text(), choice.text_at("namespace"))
    if name not in {tool.name for tool in tools}:
        raise Mistake(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
    return name
