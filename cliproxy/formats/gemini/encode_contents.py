"""Messages to `contents`: turns that alternate, results right behind their calls, signatures on the parts they sign."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    Json,
    Link,
    Media,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.formats.codec import Target
from cliproxy.formats.gemini import media
from cliproxy.formats.gemini.parts import args_of, call_part, is_told, text_part
from cliproxy.formats.gemini.words import FORMAT, SKIP_SIGNATURE, generation

_WirePart: TypeAlias = dict[str, Json]

SIGNED_CALLS_SINCE: Final = 3
"""From this major version on Gemini refuses a step whose first call has no signature."""
RESULTS_WITH_MEDIA_SINCE: Final = 3
"""From this one on a result may hold pictures; before, they stand beside it."""
NO_WORDS: Final = "Continue."
"""Said for the user where nobody says anything: contents must not be empty."""


@attrs.define
class _Turn:
    """State: the parts so far, in the order in which they will stand."""

    model: bool
    parts: list[_WirePart] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)
    """Ids of the calls, in order."""
    results: dict[str, list[_WirePart]] = attrs.field(factory=dict)
    """By id of the call: the result, and what stands right behind it."""


@attrs.frozen
class _Writing:
    request: Request
    target: Target
    losses: Losses
    names: Mapping[str, str]
    """Of calls, by id."""
    version: int | None


def encode_contents(request: Request, target: Target, losses: Losses) -> list[Json]:
    """Of at least one turn."""
    names = {part.id: part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
    writing = _Writing(request, target, losses, names, generation(target.model))
    turns: list[_Turn] = []
    for index, message in enumerate(request.messages):
        _add(turns, index, message, writing)
    contents: list[Json] = []
    before: _Turn | None = None
    for turn in turns:
        if turn.model:
            _sign(turn, writing)
        contents.append(_content(turn, before))
        before = turn
    if contents:
        return contents
    losses.emulate("messages", "Nothing is left to ask, so a word stands for it.")
    return [{"role": "user", "parts": [text_part(NO_WORDS)]}]


def encode_system(texts: Iterable[Text]) -> dict[str, Json] | None:
    """`systemInstruction`; None if there is nothing to say."""
    parts: list[Json] = [text_part(text.text) for text in texts if text.text]
    return {"parts": parts} if parts else None


def _content(turn: _Turn, before: _Turn | None) -> dict[str, Json]:
    """Results come first, in the order of the calls that the turn before made."""
    parts: list[Json] = []
    waiting = dict(turn.results)
    for call_id in before.calls if before and before.model else ():
        parts += waiting.pop(call_id, ())
    for late in waiting.values():
        parts += late
    parts += turn.parts
    return {"role": "model" if turn.model else "user", "parts": parts}


def _sign(turn: _Turn, writing: _Writing) -> None:
    """Newer models want the first call of each step signed; of the others, no signature may be made up."""
    if writing.version is None or writing.version < SIGNED_CALLS_SINCE:
        return
    first = next((part for part in turn.parts if "functionCall" in part), None)
    if first is not None and "thoughtSignature" not in first:
        first["thoughtSignature"] = SKIP_SIGNATURE
        writing.losses.emulate("signatures of calls", "Google's word for calls of unknown origin stands for them.")


def _add(turns: list[_Turn], index: int, message: Message, writing: _Writing) -> None:
    """One message, in the turn that is under way if that is the same side's. One that ends up empty splits nothing."""
    if message.name:
        writing.losses.drop(f"messages.{index}.name", "Participants have no names on this wire.")
    path = f"messages.{index}"
    model = message.role is Role.ASSISTANT
    turn = turns[-1] if turns and turns[-1].model is model else _Turn(model)
    if message.role in (Role.SYSTEM, Role.DEVELOPER):
        turn.parts += _reminder(message, path, writing)
    else:
        for number, part in enumerate(message.parts):
            _WRITERS[type(part)](turn, part, f"{path}.content.{number}", writing)
    if (turn.parts or turn.results) and (not turns or turns[-1] is not turn):
        turns.append(turn)


def _reminder(message: Message, path: str, writing: _Writing) -> Iterator[_WirePart]:
    text = "\n\n".join(part.text for part in message.parts if isinstance(part, Text) and part.text)
    if text:
        writing.losses.emulate(path, "Words of the operator's in mid-conversation become a marked text of the user's.")
        yield text_part(f"<system-reminder>\n{text}\n</system-reminder>")


# -- a writer for each kind of part ---------------------------------------------------------------------------------


def _text(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, Text)
    if part.citations:
        writing.losses.drop(f"{path}.citations", "Citations of earlier answers cannot be sent back.")
    if part.text or part.blob:
        turn.parts.append(text_part(part.text, part.blob.value if part.blob else ""))


def _refusal(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, Refusal)
    if part.text:
        turn.parts.append(text_part(part.text))
        writing.losses.emulate(f"{path}.refusal", "A refusal is written as text.")


def _thinking(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, Thinking)
    if part.blob is None:
        writing.losses.drop(path, "Thinking is taken back only with a signature of this model's.")
    else:
        turn.parts.append(text_part(part.text, part.blob.value, thought=True))


def _call(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, ToolCall)
    call_id = part.id if writing.target.dialect.call_ids else ""
    signature = part.blob.value if part.blob else ""
    turn.parts.append(call_part(call_id, part.name, args_of(part.arguments), signature))
    turn.calls.append(part.id)


def _result(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, ToolResult)
    beside: list[_WirePart] = []
    texts: list[Json] = []
    for number, piece in enumerate(part.content):
        if isinstance(piece, Text):
            texts.append(piece.text)
        elif isinstance(piece, Media):
            beside += _medium(piece, f"{path}.content.{number}", writing)
        else:
            beside += _vendor_part(piece, f"{path}.content.{number}", writing)
    said: Json = "" if not texts else texts[0] if len(texts) == 1 else texts
    result: dict[str, Json] = {}
    if writing.target.dialect.call_ids and is_told(part.call_id):
        result["id"] = part.call_id
    result["name"] = writing.names.get(part.call_id) or part.name
    result["response"] = {"error" if part.is_error else "output": said}
    if beside and (writing.version is None or writing.version >= RESULTS_WITH_MEDIA_SINCE):
        result["parts"] = cast(Json, beside)
        beside = []
    if beside:
        writing.losses.emulate(f"{path}.content", "Media of a tool's stand behind its result, not in it.")
    turn.results.setdefault(part.call_id, []).extend([{"functionResponse": result}, *beside])


def _media(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, Media)
    turn.parts += _medium(part, path, writing)


def _medium(part: Media, path: str, writing: _Writing) -> list[_WirePart]:
    """The file, behind what is said about it."""
    wire = media.written(part)
    if wire is None:
        writing.losses.drop(path, "The file lies in another vendor's store.")
        return []
    if isinstance(part.source, Link) and part.source.url.startswith("data:"):
        writing.losses.drop(path, "The data URL cannot be read.")
        return []
    if part.cited:
        writing.losses.drop(f"{path}.citations", "Citations of documents cannot be asked for.")
    if part.detail and part.detail != "auto":
        level = media.written_detail(part.detail) if writing.request.format == FORMAT else None
        if level is None:
            writing.losses.drop(f"{path}.detail", "The resolution of one picture cannot be chosen.")
        else:
            wire["mediaResolution"] = level
    caption = ([f"File: {part.name}"] if part.name else []) + ([part.context] if part.context else [])
    if not caption:
        return [wire]
    writing.losses.emulate(f"{path}.title", "What a file is called is told in a text before it.")
    return [text_part("\n".join(caption)), wire]


def _server_part(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, ServerCall | ServerResult)
    if part.raw is not None and part.raw.format == FORMAT:
        turn.parts.append(dict(part.raw.value))
    else:
        writing.losses.drop(path, f"What another vendor's {part.tool or 'tool'} gave cannot be sent back.")


def _vendor(turn: _Turn, part: Part, path: str, writing: _Writing) -> None:
    assert isinstance(part, VendorPart)
    turn.parts += _vendor_part(part, path, writing)


def _vendor_part(part: VendorPart, path: str, writing: _Writing) -> Sequence[_WirePart]:
    if part.format == FORMAT:
        return [dict(part.value)]
    writing.losses.drop(path, f"Only {part.format} has words for it.")
    return ()


_Writer: TypeAlias = Callable[[_Turn, Part, str, _Writing], None]
_WRITERS: Final[Mapping[type[Part], _Writer]] = MappingProxyType(
    {
        Text: _text,
        Refusal: _refusal,
        Thinking: _thinking,
        Media: _media,
        ToolCall: _call,
        ToolResult: _result,
        ServerCall: _server_part,
        ServerResult: _server_part,
        VendorPart: _vendor,
    }
)
