"""A request, made such that its target bears it, and the stages that undo this in the reply.

Whatever of it a client could notice is named in the losses. A request that needs nothing comes back as the same
object: each step looks before it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject, Media, Part, Text, ToolResult, VendorPart
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Limits
from cliproxy.translate.custom_tools import fit_custom_tools
from cliproxy.translate.history import repair
from cliproxy.translate.ids import fit_ids
from cliproxy.translate.names import declared_once, fit_names
from cliproxy.translate.schema_tool import fit_output
from cliproxy.translate.stages import Stage
from cliproxy.translate.stops import fit_stops

HARMLESS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stream_options": "says how the stream is framed, and the proxy frames it",
        "betas": "names trials of one vendor's; what they turn on stands in fields of its own",
        "anthropic_beta": "the same, in the body",
        "anthropic_version": "names the wire format, not a wish",
        "include": "asks for more in the answer; reasoning and log probabilities are asked for anyway",
        "client_metadata": "tells the vendor about the client",
        "diagnostics": "tells the vendor of earlier answers",
    }
)
"""Fields of one format alone whose absence changes no answer, and why."""

_SAYS_NOTHING: Final[Mapping[str, Sequence[Json]]] = MappingProxyType(
    {
        "truncation": ("disabled",),
        "modalities": (["text"],),
        "generationConfig.responseModalities": (["TEXT"], ["text"]),
        "speed": ("standard",),
    }
)
"""Values that ask for what happens anyway."""

MAX_TOLD_CHARACTERS: Final = 64 * 1024
"""Of one part told as its JSON: longer ones hold files, which no model reads as text."""

_NESTED: Final = frozenset({"generationConfig"})
"""Fields that are only a place for others."""


@attrs.frozen
class Fitted:
    """A request as the target bears it."""

    request: Request
    stages: tuple[Stage, ...]
    """What undoes it in the reply, first things first. They hold the state of one reply: each reply needs a fitting."""


def fit(
    request: Request,
    limits: Limits,
    losses: Losses,
    *,
    structured: bool,
    json_mode: bool | None = None,
    forced_tools: bool = True,
    target: str = "",
) -> Fitted:
    """Fit `request` to the `limits` of its target.

    `structured`: the model takes a JSON Schema for its answer. `json_mode`: it can be held to JSON without one; None:
    if it takes a schema. `forced_tools`: it bears a forced tool. `target`: its wire format, whose own fields are no
    loss.
    """
    if request.format != target:
        _note_extras(request.extras, losses)
        request = _with_readable_results(request, target, losses)
    request = declared_once(request, losses)
    if not limits.system_anywhere:
        request = _without_operator(request, losses)
    if limits.answers_all_calls:
        request = repair(request, losses)
    answer = None
    if not _shaped(request.output.kind, structured, json_mode):
        request, answer = fit_output(request, losses, forced_tools=forced_tools)
    request, unwrap = fit_custom_tools(request, limits, losses)
    request, restore = fit_names(request, limits, losses)
    request = fit_ids(request, limits)
    request, scan = fit_stops(request, limits, losses)
    stages: Sequence[Stage | None] = (restore, unwrap, answer, scan)
    return Fitted(request, tuple(stage for stage in stages if stage is not None))


def _shaped(kind: str, structured: bool, json_mode: bool | None) -> bool:
    """Whether the model itself sees to an answer of this kind."""
    if kind == "json" and json_mode is not None:
        return json_mode
    return kind == "text" or structured


def _without_operator(request: Request, losses: Losses) -> Request:
    """The operator's later words as marked texts of the user's, each in its place: moved to the beginning they would
    change what is cached, and what was thought."""
    if all(message.role in (Role.USER, Role.ASSISTANT) for message in request.messages):
        return request
    messages: list[Message] = []
    for number, message in enumerate(request.messages):
        if message.role in (Role.SYSTEM, Role.DEVELOPER):
            losses.emulate(f"messages.{number}", "the operator's words, told as a marked text of the user's")
            message = attrs.evolve(message, role=Role.USER, parts=tuple(_marked(part) for part in message.parts))
        messages.append(message)
    return attrs.evolve(request, messages=tuple(messages))


def _with_readable_results(request: Request, target: str, losses: Losses) -> Request:
    """Of what a tool gave, the parts that only the client's format has words for, as JSON: the model can read that."""
    messages = tuple(
        attrs.evolve(message, parts=tuple(_readable(part, target, number, losses) for part in message.parts))
        if any(isinstance(part, ToolResult) and _is_odd(part, target) for part in message.parts)
        else message
        for number, message in enumerate(request.messages)
    )
    return request if messages == request.messages else attrs.evolve(request, messages=messages)


def _is_odd(result: ToolResult, target: str) -> bool:
    return any(isinstance(part, VendorPart) and part.format != target for part in result.content)


def _readable(part: Part, target: str, number: int, losses: Losses) -> Part:
    if not isinstance(part, ToolResult):
        return part
    content: list[Text | Media | VendorPart] = []
    for piece in part.content:
        if isinstance(piece, VendorPart) and piece.format != target:
            told = jsontext.text_of(piece.value)
            if len(told) <= MAX_TOLD_CHARACTERS:
                losses.emulate(f"messages.{number}", "a part of a tool's result that others do not know, told as JSON")
                piece = Text(told)
        content.append(piece)
    return attrs.evolve(part, content=tuple(content))


def _marked(part: Part) -> Part:
    if not isinstance(part, Text) or not part.text:
        return part
    return attrs.evolve(part, text=f"<system-reminder>\n{part.text}\n</system-reminder>")


def _note_extras(extras: JsonObject, losses: Losses) -> None:
    for field, value in _fields(extras):
        if value and field not in HARMLESS and value not in _SAYS_NOTHING.get(field, ()):
            losses.drop(field, "only the client's own format knows this field")


def _fields(extras: JsonObject) -> Iterator[tuple[str, Json]]:
    for field, value in extras.items():
        if field in _NESTED and isinstance(value, dict):
            yield from ((f"{field}.{nested}", inner) for nested, inner in value.items())
        else:
            yield field, value
