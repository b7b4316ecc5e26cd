"""The conversation itself: `contents` to messages, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    EMPTY_ARGUMENTS,
    JsonObject,
    Media,
    Part,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Message, Role
from cliproxy.errors import BadRequest
from cliproxy.formats import jsontext
from cliproxy.formats.gemini import blobs, media
from cliproxy.formats.gemini.fields import a_list, a_text, an_object, field, rest, snake
from cliproxy.formats.gemini.pairing import Pairing
from cliproxy.formats.gemini.words import FORMAT
from cliproxy.formats.wire import Document

_ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {"": Role.USER, "user": Role.USER, "function": Role.USER, "tool": Role.USER, "model": Role.ASSISTANT}
)
_BESIDE: Final = ("thought", "thoughtSignature")
"""What may stand beside a part's data and has a place of its own in the conversation."""

_SERVER_TOOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "GOOGLE_SEARCH_WEB": "web_search",
        "GOOGLE_SEARCH_IMAGE": "web_search",
        "URL_CONTEXT": "web_fetch",
    }
)


@attrs.frozen
class _Reading:
    pairing: Pairing
    losses: Losses


@attrs.frozen
class _Place:
    path: str
    position: str
    """The same in few characters, for ids."""


def decode_contents(value: object, losses: Losses) -> tuple[Message, ...]:
    """Raises `BadRequest` with the path of what cannot be understood."""
    if value is None:
        raise BadRequest("contents: Field required.")
    contents = [an_object(item, f"contents.{index}") for index, item in enumerate(a_list(value, "contents"))]
    reading = _Reading(Pairing(frozenset(_answered(contents))), losses)
    turns: list[tuple[Role, list[Part]]] = []
    for index, content in enumerate(contents):
        role = _role(content.get("role"), f"contents.{index}.role")
        parts = list(_parts(content.get("parts"), index, reading))
        if not parts:
            continue
        if role is Role.USER:
            reading.pairing.user_spoke()
        if role is Role.ASSISTANT and turns and turns[-1][0] is role:
            turns[-1][1].extend(parts)
        else:
            turns.append((role, parts))
    return tuple(Message(role, tuple(_joined(parts) if role is Role.ASSISTANT else parts)) for role, parts in turns)


def decode_system(value: object) -> tuple[Text, ...]:
    """`systemInstruction`: a content, its parts, or a string. Only text can be said there."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),) if value else ()
    parts = value
    if isinstance(value, Mapping):
        parts = value.get("parts") if "parts" in value else value
    said = (
        a_text(an_object(part, f"systemInstruction.parts.{index}").get("text"), f"systemInstruction.parts.{index}.text")
        for index, part in enumerate(a_list(parts, "systemInstruction.parts"))
    )
    return tuple(Text(text) for text in said if text)


def _role(value: object, path: str) -> Role:
    role = _ROLES.get(a_text(value, path))
    if role is None:
        raise BadRequest(f"{path}: One of user, model was expected.")
    return role


def _answered(contents: list[Document]) -> Iterator[str]:
    for content in contents:
        parts = content.get("parts")
        for part in parts if isinstance(parts, list) else ():
            result = field(part, "functionResponse") if isinstance(part, Mapping) else None
            given = result.get("id") if isinstance(result, Mapping) else None
            if isinstance(given, str) and given:
                yield given


def _parts(value: object, index: int, reading: _Reading) -> Iterator[Part]:
    for number, item in enumerate(a_list(value, f"contents.{index}.parts")):
        place = _Place(f"contents.{index}.parts.{number}", f"{index}_{number}")
        part = _part(an_object(item, place.path), place, reading)
        if part is not None:
            yield part


def _part(part: Document, place: _Place, reading: _Reading) -> Part | None:
    """One part; None for an empty one."""
    for name, read in _READERS.items():
        value = field(part, name)
        if value is not None:
            return read(part, value, place, reading)
    if rest(part, _BESIDE):
        return _vendor(part)
    return _text(part, "", place, reading)


def _vendor(part: Document) -> VendorPart:
    return VendorPart(FORMAT, cast(JsonObject, part))


def _text(part: Document, value: object, place: _Place, reading: _Reading) -> Part | None:
    text = a_text(value, f"{place.path}.text")
    blob = blobs.signature(field(part, "thoughtSignature"))
    _note_rest(part, "text", place, reading)
    if not text and blob is None:
        return None
    if part.get("thought") is True:
        return Thinking(text, blob)
    return Text(text, blob=blob)


def _call(part: Document, value: object, place: _Place, reading: _Reading) -> Part:
    path = f"{place.path}.functionCall"
    call = an_object(value, path)
    name = a_text(call.get("name"), f"{path}.name")
    if not name:
        raise BadRequest(f"{path}.name: Field required.")
    given = a_text(call.get("id"), f"{path}.id")
    args = call.get("args")
    for key in rest(call, ("id", "name", "args")):
        reading.losses.drop(f"{path}.{key}", "There is no place for it beside a call.")
    _note_rest(part, "functionCall", place, reading)
    return ToolCall(
        reading.pairing.call(given, name, place.position),
        name,
        EMPTY_ARGUMENTS if args is None else jsontext.text_of(args),
        blob=blobs.signature(field(part, "thoughtSignature")),
    )


def _result(part: Document, value: object, place: _Place, reading: _Reading) -> Part:
    path = f"{place.path}.functionResponse"
    result = an_object(value, path)
    given = a_text(result.get("id"), f"{path}.id")
    name = a_text(result.get("name"), f"{path}.name")
    call_id, name = reading.pairing.result(given, name, place.position)
    for key in rest(result, ("id", "name", "response", "parts")):
        reading.losses.drop(f"{path}.{key}", "There is no place for it beside a result.")
    text, is_error = _response(result.get("response"))
    content: list[Text | Media | VendorPart] = [Text(text)] if text else []
    for number, item in enumerate(a_list(result.get("parts"), f"{path}.parts")):
        inner = _Place(f"{path}.parts.{number}", "")
        piece = _part(an_object(item, inner.path), inner, reading)
        if isinstance(piece, Text | Media | VendorPart):
            content.append(piece)
    return ToolResult(call_id, tuple(content), is_error, name)


def _response(value: object) -> tuple[str, bool]:
    """What a tool said, and whether it is an error. `output` and `error` are Google's own keys, `result` a custom."""
    if not isinstance(value, Mapping):
        return _as_text(value), False
    if len(value) == 1:
        key, said = next(iter(value.items()))
        if key in ("output", "result", "error"):
            return _as_text(said), key == "error"
    return jsontext.text_of(value), bool(value.get("error"))


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else jsontext.text_of(value)


def _inline(part: Document, value: object, place: _Place, reading: _Reading) -> Part:
    return _medium(part, media.read_inline(value, f"{place.path}.inlineData"), "inlineData", place, reading)


def _file(part: Document, value: object, place: _Place, reading: _Reading) -> Part:
    return _medium(part, media.read_file(value, f"{place.path}.fileData"), "fileData", place, reading)


def _medium(part: Document, medium: Media, data: str, place: _Place, reading: _Reading) -> Part:
    """What only Google knows of a file (a stretch of a film, the signature of a picture) keeps the part as it stands;
    but pictures and documents, which others can read too, go without.
    """
    signed = field(part, "thoughtSignature") is not None or part.get("thought") is True
    if signed or (medium.kind == "video" and rest(part, (data, *_BESIDE, "mediaResolution"))):
        return _vendor(part)
    _note_rest(part, data, place, reading, "mediaResolution")
    return attrs.evolve(medium, detail=media.read_detail(field(part, "mediaResolution")))


def _server_call(part: Document, value: object, place: _Place, reading: _Reading) -> Part:
    call = an_object(value, f"{place.path}.toolCall")
    args = call.get("args")
    return ServerCall(
        a_text(call.get("id"), f"{place.path}.toolCall.id"),
        server_tool(field(call, "toolType")),
        EMPTY_ARGUMENTS if args is None else jsontext.text_of(args),
        _vendor(part),
    )


def _server_result(part: Document, value: object, place: _Place, reading: _Reading) -> Part:
    result = an_object(value, f"{place.path}.toolResponse")
    call_id = a_text(result.get("id"), f"{place.path}.toolResponse.id")
    return ServerResult(call_id, server_tool(field(result, "toolType")), raw=_vendor(part))


def server_tool(kind: object) -> str:
    """The tool that a `toolType` names."""
    word = kind if isinstance(kind, str) else ""
    return _SERVER_TOOLS.get(word, word.lower())


def _note_rest(part: Document, data: str, place: _Place, reading: _Reading, *more: str) -> None:
    if len(part) > 1:
        for key in rest(part, (data, *_BESIDE, *more)):
            reading.losses.drop(f"{place.path}.{key}", f"There is no place for it beside {snake(data)}.")


_Reader: TypeAlias = Callable[[Document, object, _Place, _Reading], "Part | None"]
_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "functionCall": _call,
        "functionResponse": _result,
        "inlineData": _inline,
        "fileData": _file,
        "toolCall": _server_call,
        "toolResponse": _server_result,
        "text": _text,
    }
)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Clients keep a streamed turn in the pieces it came in, Google's SDK even in a content for each. Those of one
    stretch are one part again, and the signature that followed a stretch of thinking is the thinking's: other vendors
    check the two together.
    """
    for kind, stretch in groupby(parts, _stretch):
        if kind is Text:
            yield Text("".join(part.text for part in stretch if isinstance(part, Text)))
        elif kind is Thinking:
            yield from _thought([part for part in stretch if isinstance(part, Thinking)])
        else:
            yield from stretch


def _stretch(part: Part) -> type[Part] | None:
    """What neighbours must have in common to be one. Signed text stands alone: Google wants it back as it was."""
    if isinstance(part, Thinking):
        return Thinking
    return Text if isinstance(part, Text) and part.blob is None else None


def _thought(stretch: list[Thinking]) -> Iterator[Thinking]:
    unsigned: list[str] = []
    for part in stretch:
        if part.blob is None:
            unsigned.append(part.text)
        elif part.text:
            if unsigned:
                yield Thinking("".join(unsigned))
            yield part
            unsigned = []
        else:
            yield Thinking("".join(unsigned), part.blob)
            unsigned = []
    if unsigned:
        yield Thinking("".join(unsigned))
