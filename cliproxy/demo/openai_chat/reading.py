"""Chat Completions requests: bytes in, a `Talk` out, with the checks that the real service makes."""

from __future__ import annotations

from typing import Final

import attrs
import orjson

from cliproxy.demo.fields import Mistake, Node, read_object, size_of
from cliproxy.demo.history import asked_before, instruction
from cliproxy.demo.openai.asked import structure, thinks
from cliproxy.demo.openai.schemas import Whose, check_strict
from cliproxy.demo.openai.words import WORDS, bounded, bracketed, check_known, invalid, name_in, one_of, within
from cliproxy.demo.openai_chat.conversation import read_messages
from cliproxy.demo.plan import NO_LIMIT, Choice, Talk, Tool
from cliproxy.demo.usage import Prompt, prompt_of

MAX_STOPS: Final = 4
MAX_CHOICES: Final = 8
"""The real service gives up to 128: here each is a copy of the first, so more would test nothing but memory."""

KNOWN: Final = frozenset(
    {
        *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n"),
        *("parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options"),
        *("prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed"),
        *("service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools"),
        *("top_logprobs", "top_p", "user", "verbosity", "web_search_options"),
    }
)
"""All that the service takes."""


@attrs.frozen
class Asked:
    """A request body, understood."""

    model: str
    streamed: bool
    usage_in_stream: bool
    choices: int
    prompt: Prompt
    talk: Talk


def read_body(body: bytes) -> Asked:
    """The request in `body`. Raises `BadRequest` that names the field."""
    node = read_object(body, WORDS)
    check_known(node, KNOWN)
    model = node.need("model").text()
    messages = node.need("messages").each()
    if not messages:
        told = "empty array. Expected an array with minimum length 1, but got an empty array instead."
        raise invalid(node.need("messages"), told, "empty_array")
    tools = tuple(_tool(tool) for tool in node.each("tools"))
    turns = read_messages(messages)
    structured, schema = structure(node.at("response_format"), "json_schema", orjson.dumps(node.fields()["messages"]))
    talk = Talk(
        instruction=instruction(turns),
        tools=tools,
        choice=_choice(node, tools),
        thinking="shown" if thinks(node.at("reasoning_effort")) else "off",
        max_tokens=_max_tokens(node),
        stops=_stops(node),
        structured=structured,
        schema=schema,
    )
    streamed = node.flag_at("stream")
    return Asked(model, streamed, _usage_in_stream(node, streamed), _choices(node), _prompt(node, messages), talk)


def _choices(node: Node) -> int:
    choices = node.at("n")
    return 1 if choices is None else within(choices, 1, MAX_CHOICES)


def _prompt(node: Node, messages: list[Node]) -> Prompt:
    fields = node.fields()
    answers = [message.fields().get("role") == "assistant" for message in messages]
    known = asked_before([message.value for message in messages], answers)
    tools = fields.get("tools")
    return prompt_of(size_of(tools, fields["messages"]), size_of(tools, *known) if known else 0)


def _max_tokens(node: Node) -> int:
    limits = [found for name in ("max_tokens", "max_completion_tokens") if (found := node.at(name)) is not None]
    if len(limits) > 1:
        raise Mistake(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    return within(limits[0], 1) if limits else NO_LIMIT


def _stops(node: Node) -> tuple[str, ...]:
    stop = node.at("stop")
    if stop is None:
        return ()
    if isinstance(stop.value, str):
        return (stop.value,)
    if not isinstance(stop.value, list):
        raise stop.mistyped("a string or an array of strings")
    return tuple(each.text() for each in bounded(stop.each(), stop, MAX_STOPS))


def _usage_in_stream(node: Node, streamed: bool) -> bool:
    options = node.at("stream_options")
    if options is None:
        return False
    if not streamed:
        raise Mistake("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return options.flag_at("include_usage")


# -- tools ---------------------------------------------------------------------------------------------------------


def _tool(tool: Node) -> Tool:
    kind = one_of(tool.need("type"), ("function", "custom"))
    held = tool.need(kind)
    name = name_in(held)
    if kind == "custom":
        return Tool(name, custom=True)
    parameters = held.at("parameters")
    schema = None if parameters is None else parameters.fields()
    if schema is not None and schema.get("type") != "object":
        told = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        raise Mistake(told, bracketed((*held.path, "parameters")), "invalid_function_parameters")
    check_strict(held, "parameters", Whose(f"function '{name}'", bracketed((*held.path, "parameters"))))
    return Tool(name, schema)


def _choice(node: Node, tools: tuple[Tool, ...]) -> Choice:
    choice = node.at("tool_choice")
    parallel = node.at("parallel_tool_calls")
    for given, name in ((choice, "tool_choice"), (parallel, "parallel_tool_calls")):
        if given is not None and not tools and given.value != "none":
            raise Mistake(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)
    several = node.flag_at("parallel_tool_calls", otherwise=True)
    if choice is None:
        return Choice(parallel=several)
    if isinstance(choice.value, str):
        mode = one_of(choice, ("none", "auto", "required"))
        return Choice("none" if mode == "none" else "required" if mode == "required" else "auto", parallel=several)
    kind = one_of(choice.need("type"), ("function", "custom", "allowed_tools"))
    held = choice.need(kind)
    if kind == "allowed_tools":
        mode = one_of(held.need("mode"), ("auto", "required"))
        names = tuple(_named(tool, tools) for tool in held.need("tools").each())
        return Choice("required" if mode == "required" else "auto", names, several)
    return Choice("required", (_named(choice, tools),), several)


def _named(choice: Node, tools: tuple[Tool, ...]) -> str:
    """The tool that a choice names. Raises `Mistake` if it is not on offer."""
    held = choice.need(one_of(choice.need("type"), ("function", "custom")))
    name = held.need("name").text()
    if name not in {tool.name for tool in tools}:
        raise Mistake(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
    return name
