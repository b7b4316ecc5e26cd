"""Images, files and sound: parts of the wire to neutral media and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import FileId, Inline, Json, Link, Media, MediaKind, Plain, Source
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses import fields
from cliproxy.formats.openai_responses.words import NAME

_DATA_URL: Final = "data:"
_FILE_STORES: Final = frozenset({NAME, "openai-chat"})
"""Both wires name files of the same store."""
_BEGINNINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iVBORw0KGgo": "image/png",
        "/9j/": "image/jpeg",
        "R0lGOD": "image/gif",
        "UklGR": "image/webp",
        "JVBERi0": "application/pdf",
    }
)
"""How the base64 of a kind of file begins, to media type."""
_SOUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav"}
)
_FAMILIES: Final[Mapping[str, MediaKind]] = MappingProxyType({"image": "image", "audio": "audio", "video": "video"})
_NAMES: Final[Mapping[str, str]] = MappingProxyType({"application/pdf": "document.pdf", "text/plain": "document.txt"})
"""The wire wants a name with a file's bytes."""


def read_image(part: dict[str, Json], path: str) -> Media:
    """An `input_image`. Raises `BadRequest`."""
    detail = part.get("detail")
    detail = detail if isinstance(detail, str) else None
    if part.get("image_url") is not None:
        return Media(
            "image", _at(fields.text(part["image_url"], f"{path}.image_url"), f"{path}.image_url"), detail=detail
        )
    return Media("image", FileId(fields.text(part.get("file_id"), f"{path}.image_url"), NAME), detail=detail)


def read_file(part: dict[str, Json], path: str) -> Media:
    """An `input_file`. Raises `BadRequest`."""
    name = fields.optional_text(part.get("filename"), f"{path}.filename")
    detail = part.get("detail")
    detail = detail if isinstance(detail, str) else None
    source: Source
    if part.get("file_data") is not None:
        data = fields.text(part["file_data"], f"{path}.file_data")
        source = _at(data, f"{path}.file_data") if _is_data_url(data) else Inline(media_type_of(data), data)
    elif part.get("file_url") is not None:
        source = _at(fields.text(part["file_url"], f"{path}.file_url"), f"{path}.file_url")
    else:
        source = FileId(fields.text(part.get("file_id"), f"{path}.file_data"), NAME)
    return Media(_kind(source), source, name, detail=detail)


def read_audio(part: dict[str, Json], path: str) -> Media:
    """An `input_audio`. Raises `BadRequest`."""
    sound = fields.mapping(part.get("input_audio"), f"{path}.input_audio")
    form = fields.text(sound.get("format"), f"{path}.input_audio.format")
    data = fields.text(sound.get("data"), f"{path}.input_audio.data")
    return Media("audio", Inline("audio/mpeg" if form == "mp3" else f"audio/{form}", data))


def _is_data_url(url: str) -> bool:
    """The scheme may be in any case."""
    return url[: len(_DATA_URL)].lower() == _DATA_URL


def _at(url: str, path: str) -> Inline | Link:
    if not _is_data_url(url):
        return Link(url)
    head, comma, data = url[len(_DATA_URL) :].partition(",")
    if not comma:
        raise BadRequest(f"{path}: A data URL with a comma was expected.")
    media_type, *parameters = head.split(";")
    if "base64" not in [parameter.strip().lower() for parameter in parameters]:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Inline(media_type, data)


def _kind(source: Source) -> MediaKind:
    family = source.media_type.partition("/")[0] if isinstance(source, Inline) else ""
    return _FAMILIES.get(family, "document")


def media_type_of(data: str) -> str:
    """What the beginning of some base64 tells; empty if it tells nothing."""
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), "")


def write_media(media: Media, losses: Losses) -> dict[str, Json] | None:
    """A part of a user's message or of a tool's result; None, and a loss, if the wire has no words for it."""
    if media.cited:
        losses.drop("citations", "OpenAI cites no documents of the prompt")
    if media.context:
        losses.drop("context", "OpenAI takes no context beside a document")
    if isinstance(media.source, FileId) and media.source.format not in _FILE_STORES:
        losses.drop(media.kind, "the file lies in another vendor's store")
        return None
    if media.kind == "image":
        return _image(media, media.source, losses)
    if media.kind == "document":
        return _file(media, media.source, losses)
    if media.kind == "audio":
        return _audio(media.source, losses)
    losses.drop("video", "OpenAI Responses takes none")
    return None


def _image(media: Media, source: Source, losses: Losses) -> dict[str, Json] | None:
    part: dict[str, Json] = {"type": "input_image"}
    if isinstance(source, Inline):
        part["image_url"] = _data_url(source, "image/png")
    elif isinstance(source, Link):
        part["image_url"] = source.url
    elif isinstance(source, FileId):
        part["file_id"] = source.id
    else:
        losses.drop("image", "text is no image")
        return None
    if media.detail is not None:
        part["detail"] = media.detail
    return part


def _file(media: Media, source: Source, losses: Losses) -> dict[str, Json]:
    if isinstance(source, Plain):
        losses.emulate("documents", "a document of text is written as text")
        title = f' title="{media.name}"' if media.name else ""
        return {"type": "input_text", "text": f"<document{title}>\n{source.text}\n</document>"}
    part: dict[str, Json] = {"type": "input_file"}
    if isinstance(source, Inline):
        part["filename"] = media.name or _NAMES.get(source.media_type, "document")
        part["file_data"] = _data_url(source, "application/pdf")
    else:
        if media.name:
            part["filename"] = media.name
        if isinstance(source, Link):
            part["file_url"] = source.url
        else:
            part["file_id"] = source.id
    if media.detail is not None:
        part["detail"] = media.detail
    return part


def _audio(source: Source, losses: Losses) -> dict[str, Json] | None:
    form = _SOUNDS.get(source.media_type) if isinstance(source, Inline) else None
    if not isinstance(source, Inline) or form is None:
        losses.drop("audio", "OpenAI Responses takes bytes of MP3 or WAV only")
        return None
    return {"type": "input_audio", "input_audio": {"data": source.data, "format": form}}


def _data_url(source: Inline, otherwise: str) -> str:
    return f"data:{source.media_type or media_type_of(source.data) or otherwise};base64,{source.data}"
