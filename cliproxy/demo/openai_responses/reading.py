"""Responses requests: bytes in, a `Talk` out, with the checks that the real service makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs
import orjson

from cliproxy.demo.fields import Mistake, Node, read_object, size_of
from cliproxy.demo.history import asked_before, instruction
from cliproxy.demo.openai.asked import structure, thinks
from cliproxy.demo.openai.words import WORDS, check_known, one_of, within
from cliproxy.demo.openai_responses.conversation import Conversation
from cliproxy.demo.openai_responses.tools import read_choice, read_tools
from cliproxy.demo.plan import NO_LIMIT, Choice, Talk
from cliproxy.demo.replies import Json, JsonObject
from cliproxy.demo.usage import Prompt, prompt_of

LEAST_TOKENS: Final = 16
"""The real service's smallest `max_output_tokens`."""
INCLUDABLE: Final = (
    *("file_search_call.results", "web_search_call.results", "web_search_call.action.sources"),
    *("message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs"),
    *("reasoning.encrypted_content", "message.output_text.logprobs"),
)
ENCRYPTED: Final = "reasoning.encrypted_content"

KNOWN: Final = frozenset(
    {
        *("access_programs", "background", "background_options", "client_metadata", "context_management"),
        *("conversation", "image", "include", "input", "instructions", "max_output_tokens", "max_tool_calls"),
        *("metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier"),
        *("service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools"),
        *("top_logprobs", "top_p", "truncation", "user", "personality"),
    }
)
"""All that the service takes; `client_metadata` is Codex's, `personality` the token counter's."""
ECHOED: Final[Mapping[str, Json]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What the reply repeats of the request, and what it says where the request said nothing."""

_ECHOED_OBJECTS: Final[Mapping[str, JsonObject]] = {
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "reasoning": {"effort": None, "summary": None},
}


@attrs.frozen
class Asked:
    """A request body, understood."""

    model: str
    streamed: bool
    encrypted: bool
    """Reasoning is wanted back in a form that can be sent again."""
    prompt: Prompt
    echo: JsonObject = attrs.field(repr=False)
    talk: Talk


def read_body(body: bytes, generates: bool = True) -> Asked:
    """The request in `body`; a count needs no model. Raises `BadRequest` that names the field."""
    node = read_object(body, WORDS)
    check_known(node, KNOWN)
    _check_memory(node)
    model = node.need("model").text() if generates else node.text_at("model")
    conversation = Conversation(stored=node.flag_at("store", otherwise=True))
    items = _items(node)
    conversation.read(items)
    tools = read_tools([*node.each("tools"), *conversation.more_tools])
    text = node.at("text")
    form = text.at("format") if text is not None else None
    structured, schema = structure(form, None, orjson.dumps(node.fields().get("input")))
    limit = node.at("max_output_tokens")
    talk = Talk(
        instruction=instruction(conversation.turns),
        tools=tools,
        choice=read_choice(node, tools) if tools else Choice(),
        thinking=_thinking(node),
        max_tokens=NO_LIMIT if limit is None else within(limit, LEAST_TOKENS),
        structured=structured,
        schema=schema,
    )
    return Asked(
        model, node.flag_at("stream"), _encrypted(node), _prompt(node, items, conversation.answers), _echo(node), talk
    )


def _check_memory(node: Node) -> None:
    """The demo remembers nothing, so whatever is called by its id is not there."""
    previous = node.at("previous_response_id")
    if previous is not None:
        told = f"Previous response with id '{previous.text()}' not found."
        raise Mistake(told, "previous_response_id", "previous_response_not_found")
    for name in ("conversation", "prompt"):
        if node.at(name) is not None:
            raise Mistake(f"{name.capitalize()} not found.", name, status=404)


def _items(node: Node) -> list[Node]:
    given = node.need("input")
    if isinstance(given.value, str):
        return [Node({"role": "user", "content": given.value}, given.path, given.words)]
    if not isinstance(given.value, list):
        raise given.mistyped("a string or an array of objects")
    return given.each()


def _thinking(node: Node) -> Literal["off", "shown", "omitted"]:
    reasoning = node.at("reasoning")
    if reasoning is None or not thinks(reasoning.at("effort")):
        return "off"
    summary = reasoning.at("summary") or reasoning.at("generate_summary")
    if summary is None:
        return "omitted"
    one_of(summary, ("auto", "concise", "detailed"))
    return "shown"


def _encrypted(node: Node) -> bool:
    return ENCRYPTED in [one_of(wanted, INCLUDABLE) for wanted in node.each("include")]


def _prompt(node: Node, items: list[Node], answers: list[bool]) -> Prompt:
    fields = node.fields()
    before = (fields.get("instructions"), fields.get("tools"))
    known = asked_before([item.value for item in items], answers)
    return prompt_of(size_of(*before, fields["input"]), size_of(*before, *known) if known else 0)


def _echo(node: Node) -> JsonObject:
    fields = node.fields()
    echo = {name: otherwise if fields.get(name) is None else fields[name] for name, otherwise in ECHOED.items()}
    for name, inner in _ECHOED_OBJECTS.items():
        given = fields.get(name)
        echo[name] = {**inner, **given} if isinstance(given, dict) else {**inner}
    return echo
