"""Neutral requests: a plain one, one thing more that a client may want, and random whole conversations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    CacheMark,
    Inline,
    Json,
    Link,
    Media,
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from cliproxy.conversation.request import (
    Function,
    Message,
    Output,
    Reasoning,
    Request,
    Role,
    Sampling,
    ToolChoice,
)
from cliproxy.formats import CODECS
from cliproxy.formats.codec import Field, Target
from cliproxy.formats.jsontext import dumps, loads, text_of
from cliproxy.translate.fitting import fit

FOREIGN: Final = "another-format"
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"path": {"type": "string", "description": "Where."}},
    "required": ["path"],
    "additionalProperties": False,
}
LOOK: Final = Function("look", "Looks.", SCHEMA)
WRITE: Final = Function("write", "Writes.", SCHEMA)
PLAIN: Final = Request(FOREIGN, "a-model", (Message(Role.USER, (Text("Go on."),)),), max_tokens=1000)
EQUIPPED: Final = attrs.evolve(PLAIN, tools=(LOOK, WRITE))


@attrs.frozen
class Wish:
    """One thing that a client may want, and where it stands in a request."""

    field: Field
    asked: Request
    seen: Callable[[Request], object]


def _after_a_call(result: ToolResult) -> Request:
    call = Message(Role.ASSISTANT, (ToolCall("call_1", "look", '{"path":"a"}'),))
    return attrs.evolve(EQUIPPED, messages=(*PLAIN.messages, call, Message(Role.USER, (result,))))


def _with(*parts: Part) -> Request:
    return attrs.evolve(PLAIN, messages=(Message(Role.USER, parts),))


def _media(request: Request) -> object:
    """Without names, which not every wire has, and cache marks, which an encoder may set of its own."""
    return [attrs.evolve(part, name="", cache=None) for part in _media_in(request)]


def _media_in(request: Request) -> list[Media]:
    return [part for part in _parts(request) if isinstance(part, Media)]


def _sources(request: Request) -> object:
    return [medium.source for medium in _media_in(request)]


def _urls(request: Request) -> object:
    return [medium.source.url for medium in _media_in(request) if isinstance(medium.source, Link)]


def _functions(request: Request) -> object:
    return [(tool.name, tool.description, tool.parameters) for tool in request.tools if isinstance(tool, Function)]


def _marks(request: Request) -> object:
    return [part.cache for part in _parts(request) if isinstance(part, Text)]


def _parts(request: Request) -> list[Part]:
    return [part for message in request.messages for part in message.parts]


def _results(request: Request) -> object:
    return [(part.call_id, part.is_error, part.content) for part in _parts(request) if isinstance(part, ToolResult)]


def _system(request: Request) -> object:
    return "".join(text.text for text in request.system) + "".join(
        part.text
        for message in request.messages
        if message.role in (Role.SYSTEM, Role.DEVELOPER)
        for part in message.parts
        if isinstance(part, Text)
    )


def _sampling(name: str) -> Callable[[Request], object]:
    return lambda request: getattr(request.sampling, name)


def _drawn(name: str, value: Any) -> Request:
    return attrs.evolve(PLAIN, sampling=Sampling(**{name: value}))


def _thinking(**fields: Any) -> Request:
    reasoning = Reasoning(**fields)
    return attrs.evolve(PLAIN, max_tokens=30_000, reasoning=reasoning)


def _choosing(choice: ToolChoice) -> Request:
    return attrs.evolve(EQUIPPED, tool_choice=choice)


IMAGE: Final = Media("image", Inline("image/png", PIXEL))
LINKED: Final = Media("image", Link("https://example.com/a.png"))
DOCUMENT: Final = Media("document", Inline("application/pdf", "JVBERi0xLjQ="), name="a.pdf")
AUDIO: Final = Media("audio", Inline("audio/wav", "UklGRg=="))

WISHES: Final = (
    Wish("system", attrs.evolve(PLAIN, system=(Text("Be brief."),)), _system),
    Wish("images by bytes", _with(Text("See."), IMAGE), _media),
    Wish("images by URL", _with(Text("See."), LINKED), _urls),
    Wish("documents", _with(Text("See."), DOCUMENT), _sources),
    Wish("audio", _with(Text("Hear."), AUDIO), _sources),
    Wish("tools", EQUIPPED, _functions),
    *(
        Wish("tool choice: auto, required, none", _choosing(ToolChoice(mode)), lambda r: r.tool_choice)
        for mode in ("auto", "required", "none")
    ),
    Wish("tool choice: one tool", _choosing(ToolChoice("required", ("look",))), lambda r: r.tool_choice),
    Wish("tool choice: some tools", _choosing(ToolChoice("auto", ("look",))), lambda r: r.tool_choice),
    Wish("tool choice: some tools", _choosing(ToolChoice("required", ("look", "write"))), lambda r: r.tool_choice),
    Wish(
        "parallel tool calls off",
        attrs.evolve(EQUIPPED, parallel_tool_calls=False),
        lambda r: r.parallel_tool_calls,
    ),
    Wish("images in tool results", _after_a_call(ToolResult("call_1", (Text("ok"), IMAGE))), _results),
    Wish("errors of tools", _after_a_call(ToolResult("call_1", (Text("no"),), is_error=True)), _results),
    Wish("max tokens", attrs.evolve(PLAIN, max_tokens=77), lambda r: r.max_tokens),
    Wish("stop sequences", attrs.evolve(PLAIN, stop=("a", "b")), lambda r: r.stop),
    Wish("several choices", attrs.evolve(PLAIN, choices=2), lambda r: r.choices),
    Wish("temperature, top_p", _drawn("temperature", 0.5), _sampling("temperature")),
    Wish("temperature, top_p", _drawn("temperature", 1.5), _sampling("temperature")),
    Wish("temperature, top_p", _drawn("top_p", 0.5), _sampling("top_p")),
    Wish("top_k", _drawn("top_k", 7), _sampling("top_k")),
    Wish("seed", _drawn("seed", 7), _sampling("seed")),
    Wish("penalties", _drawn("presence_penalty", 0.5), _sampling("presence_penalty")),
    Wish("penalties", _drawn("frequency_penalty", 0.5), _sampling("frequency_penalty")),
    Wish("logit bias", _drawn("logit_bias", {"7": 1}), _sampling("logit_bias")),
    Wish("logprobs", _drawn("logprobs", True), _sampling("logprobs")),
    Wish("thinking: effort", _thinking(mode="on", effort="low"), lambda r: r.reasoning.effort),
    Wish("thinking: effort", _thinking(mode="on", effort="high"), lambda r: r.reasoning.effort),
    Wish("thinking: effort", _thinking(mode="off"), lambda r: r.reasoning.mode),
    Wish("thinking: budget", _thinking(mode="on", budget=5000), lambda r: r.reasoning.budget),
    Wish("thinking: visibility", _thinking(mode="on", effort="low", show=True), lambda r: r.reasoning.show),
    Wish("thinking: visibility", _thinking(mode="on", effort="low", show=False), lambda r: bool(r.reasoning.show)),
    Wish("JSON output", attrs.evolve(PLAIN, output=Output("json")), lambda r: r.output.kind),
    Wish(
        "JSON Schema output",
        attrs.evolve(PLAIN, output=Output("schema", SCHEMA, "answer")),
        lambda r: (r.output.kind, r.output.schema),
    ),
    Wish("verbosity", attrs.evolve(PLAIN, verbosity="low"), lambda r: r.verbosity),
    Wish("cache marks", _with(Text("Go on.", CacheMark())), _marks),
    Wish("cache marks", attrs.evolve(PLAIN, cache=CacheMark()), lambda r: r.cache),
    Wish("cache key", attrs.evolve(PLAIN, cache_key="k"), lambda r: r.cache_key),
    Wish("end user", attrs.evolve(PLAIN, user="u"), lambda r: r.user),
    Wish("metadata", attrs.evolve(PLAIN, metadata={"a": "b"}), lambda r: r.metadata),
    *(
        Wish("service tier", attrs.evolve(PLAIN, service_tier=tier), lambda r: r.service_tier)
        for tier in ("auto", "default", "flex", "priority")
    ),
    Wish("store", attrs.evolve(PLAIN, store=True), lambda r: r.store),
)


def written(request: Request, target: str, losses: Losses) -> Mapping[str, Json]:
    """The body for an upstream of this format."""
    codec = CODECS[target]
    if request.choices > 1 and not codec.limits.choices:
        losses.emulate("n", "asked several times")
        request = attrs.evolve(request, choices=1)
    fitted = fit(
        request, codec.limits, losses, structured=True, json_mode=codec.limits.json_mode, target=target
    ).request
    body = loads(dumps(codec.encode_request(fitted, Target("a-model"), losses)))
    assert isinstance(body, dict)
    return body


def readable(request: Request, target: str, losses: Losses | None = None) -> Request:
    """The same as this format says it, read again."""
    body = written(request, target, Losses() if losses is None else losses)
    return CODECS[target].decode_request({"model": "a-model", **body}, Losses())


# -- conversations ---------------------------------------------------------------------------------------------------

_WORDS: Final = st.lists(
    st.sampled_from(("a", "b c", "\n", '"', "\\", "é", "🦉", "\u2028", "{", "</s>")), min_size=1, max_size=5
).map(lambda pieces: "x" + "".join(pieces) + "x")
"""Neither blank nor with white space at an end, which some servers refuse."""
_VALUES: Final = st.none() | st.booleans() | st.integers() | st.just(10**30) | st.just(0.1) | _WORDS
_ARGUMENTS: Final = st.dictionaries(_WORDS, _VALUES | st.lists(_VALUES, max_size=2), max_size=2)
_NAMES: Final = st.sampled_from(("look", "write"))


@st.composite
def _turn(draw: st.DrawFn, number: int) -> list[Message]:
    """What the user says, what the assistant answers, and what its calls gave."""
    said: list[Part] = [Text(text) for text in draw(st.lists(_WORDS, min_size=1, max_size=2))]
    if draw(st.booleans()):
        said.append(draw(st.sampled_from((IMAGE, LINKED, attrs.evolve(DOCUMENT, name="")))))
    answered: list[Part] = [Text(text) for text in draw(st.lists(_WORDS, max_size=1))]
    calls = [
        ToolCall(f"call_{number}_{place}", draw(_NAMES), text_of(draw(_ARGUMENTS)))
        for place in range(draw(st.integers(0, 3)))
    ]
    answered += calls
    if not answered:
        answered = [Text("Well.")]
    messages = [Message(Role.USER, tuple(said)), Message(Role.ASSISTANT, tuple(answered))]
    if calls:
        messages.append(Message(Role.USER, tuple(draw(_result(call)) for call in calls)))
    return messages


@st.composite
def _result(draw: st.DrawFn, call: ToolCall) -> ToolResult:
    return ToolResult(call.id, (Text(draw(_WORDS)),), name=call.name)


@st.composite
def conversations(draw: st.DrawFn) -> Request:
    """A request that every format can say, but for the operator's words in mid-conversation."""
    messages: list[Message] = []
    for number in range(draw(st.integers(0, 3))):
        messages += draw(_turn(number))
    if draw(st.booleans()) and messages:
        messages.append(Message(draw(st.sampled_from((Role.SYSTEM, Role.DEVELOPER))), (Text(draw(_WORDS)),)))
    messages.append(Message(Role.USER, (Text(draw(_WORDS)),)))
    wished = draw(st.sampled_from(WISHES)).asked
    return attrs.evolve(
        wished,
        messages=tuple(messages),
        tools=(LOOK, WRITE),
        system=tuple(Text(text) for text in draw(st.lists(_WORDS, max_size=2))),
        stream=draw(st.booleans()),
    )


def told_in(request: Request) -> list[tuple[str, ...]]:
    """What is said in a conversation, in its order: words by who says them, calls, and what they gave."""
    told: list[tuple[str, ...]] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text) and part.text:
                told.append(("system" if message.role is Role.DEVELOPER else message.role.value, part.text))
            elif isinstance(part, ToolCall):
                told.append(("call", part.id, part.name, text_of(loads(part.arguments))))
            elif isinstance(part, ToolResult):
                given = (inner.text for inner in part.content if isinstance(inner, Text))
                told.append(("result", part.call_id, *given))
            elif isinstance(part, Media):
                told.append(
                    ("media", part.kind, part.source.url if isinstance(part.source, Link) else str(part.source))
                )
    return told
