"""Gemini requests: bytes in, a `Talk` out, with the checks that the real service makes."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from cliproxy.demo.fields import Mistake, Node, read_object, size_of
from cliproxy.demo.gemini.conversation import read_contents
from cliproxy.demo.gemini.tools import check_schema, read_choice, read_tools
from cliproxy.demo.gemini.words import WORDS, check_names, dotted, number
from cliproxy.demo.history import asked_before, instruction
from cliproxy.demo.plan import NO_LIMIT, Talk
from cliproxy.demo.replies import Json
from cliproxy.demo.usage import Prompt, prompt_of

MAX_STOPS: Final = 5
MAX_CHOICES: Final = 8
NEEDS_SIGNATURES: Final = "gemini-3"
"""Models with this in their name think always, and want their calls signed."""

REQUEST: Final = (
    *("model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig"),
    *("cachedContent", "labels", "serviceTier", "store", "continuationToken"),
)
CONFIG: Final = (
    *("temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed"),
    *("presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema"),
    *("responseJsonSchema", "responseFormat", "responseModalities", "speechConfig", "imageConfig"),
    *("mediaResolution", "thinkingConfig", "enableEnhancedCivicAnswers", "translationConfig"),
)
LEVELS: Final = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")


@attrs.frozen
class Asked:
    """A request body, understood."""

    model: str
    candidates: int
    signs: bool
    """Whether calls and texts are signed."""
    prompt: Prompt
    talk: Talk


def read_body(body: bytes, model: str) -> Asked:
    """The request in `body`. Raises `BadRequest` that names the field."""
    return _read(read_object(body, WORDS), model)


def count(body: bytes, model: str) -> Prompt:
    """What the counter counts: contents alone, or a whole request."""
    node = read_object(body, WORDS)
    check_names(node, ("model", "contents", "generateContentRequest", "systemInstruction", "tools"))
    whole = node.at("generateContentRequest")
    return _read(Node(node.value if whole is None else whole.value, (), WORDS), model).prompt


def _read(node: Node, model: str) -> Asked:
    check_names(node, REQUEST)
    contents = node.each("contents")
    if not contents:
        raise WORDS.missing(("contents",))
    config = node.at("generationConfig") or Node({}, ("generationConfig",), WORDS)
    check_names(config, CONFIG)
    tools = read_tools(node)
    structured, schema = _structure(config)
    always = NEEDS_SIGNATURES in model
    thinking = _thinking(config, always)
    talk = Talk(
        instruction=instruction(read_contents(contents, always)),
        tools=tools,
        choice=read_choice(node, tools),
        thinking=thinking,
        max_tokens=_limit(config, "maxOutputTokens", NO_LIMIT, NO_LIMIT),
        stops=_stops(config),
        structured=structured,
        schema=schema,
    )
    _check_system(node)
    return Asked(
        model, _limit(config, "candidateCount", 1, MAX_CHOICES), thinking != "off", _prompt(node, contents), talk
    )


def _check_system(node: Node) -> None:
    system = node.at("systemInstruction")
    for part in system.each("parts") if system is not None else ():
        if part.at("text") is None:
            raise Mistake("System instruction only supports text parts.")
        part.text_at("text")


def _prompt(node: Node, contents: list[Node]) -> Prompt:
    around = [found.value for name in ("systemInstruction", "tools") if (found := node.at(name)) is not None]
    values = [content.value for content in contents]
    known = asked_before(values, [content.text_at("role") == "model" for content in contents])
    return prompt_of(size_of(*around, values), size_of(*around, *known) if known else 0)


# -- generationConfig ----------------------------------------------------------------------------------------------


def _limit(config: Node, name: str, otherwise: int, most: int) -> int:
    found = config.at(name)
    if found is None:
        return otherwise
    value = number(found)
    if not 1 <= value <= most:
        told = f"Unable to submit request because it has a {name} value of {value} but the supported range is from 1"
        raise Mistake(f"{told} (inclusive) to {most + 1} (exclusive). Update the value and try again.")
    return value


def _stops(config: Node) -> tuple[str, ...]:
    stops = tuple(stop.text() for stop in config.each("stopSequences"))
    if len(stops) > MAX_STOPS:
        told = f"* GenerateContentRequest.generation_config.stop_sequences: at most {MAX_STOPS} are supported"
        raise Mistake(f"{told}, but {len(stops)} were given\n")
    return stops


def _structure(config: Node) -> tuple[bool, Json]:
    """Whether the answer is to be JSON, and by which schema."""
    media_type = config.text_at("responseMimeType", "text/plain")
    if media_type not in ("text/plain", "application/json", "text/x.enum"):
        told = "must be one of 'text/plain', 'application/json' and 'text/x.enum'"
        raise Mistake(f"* GenerateContentRequest.generation_config.response_mime_type: {told}\n")
    schema, json_schema = config.at("responseSchema"), config.at("responseJsonSchema")
    if schema is not None and json_schema is not None:
        raise Mistake("Only one of response_schema and response_json_schema may be set.")
    given = schema or json_schema
    if given is not None and media_type == "text/plain":
        told = f"{dotted((given.path[-1],))} may only be set with a response_mime_type of 'application/json'"
        raise Mistake(f"* GenerateContentRequest.generation_config: {told}\n")
    if schema is not None:
        check_schema(schema)
    return media_type == "application/json", None if given is None else given.fields()


def _thinking(config: Node, always: bool) -> Literal["off", "shown", "omitted"]:
    """Off unless the client says something of it; models that think always cannot be kept from it."""
    thinking = config.at("thinkingConfig")
    if thinking is None:
        return "omitted" if always else "off"
    check_names(thinking, ("includeThoughts", "thinkingBudget", "thinkingLevel"))
    budget, level = thinking.at("thinkingBudget"), thinking.at("thinkingLevel")
    if budget is not None and level is not None:
        raise Mistake("You can only set only one of thinking budget and thinking level.")
    if level is not None and level.text().upper() not in LEVELS:
        raise Mistake(f"Invalid value at '{dotted(level.path)}', \"{level.text()}\"")
    shown = thinking.flag_at("includeThoughts")
    if budget is not None and number(budget) == 0 and not always:
        if shown:
            raise Mistake("Thinking_config.include_thoughts is only enabled when thinking is enabled.")
        return "off"
    return "shown" if shown else "omitted"
