"""Images, files, sound and film as OpenAI's wire writes them: most of it as `data:` URLs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

from cliproxy.conversation.parts import Inline, Link, MediaKind

DETAILS: Final = frozenset({"auto", "low", "high", "original"})
"""Resolutions of an image that the format knows."""

_HEADS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iVBORw0KGgo": "image/png",
        "/9j/": "image/jpeg",
        "R0lGOD": "image/gif",
        "UklGR": "image/webp",
        "JVBERi0": "application/pdf",
    }
)
"""How the base64 of a file begins."""

_SOUNDS: Final[Mapping[str, str]] = MappingProxyType({"mp3": "audio/mpeg"})
_SOUND_FORMATS: Final[Mapping[str, str]] = MappingProxyType({"mpeg": "mp3", "x-wav": "wav", "wave": "wav"})


def is_data_url(url: str) -> bool:
    """Whether it holds what it speaks of. The scheme may be in any case."""
    return url[:5].lower() == "data:"


def source_of(url: str, media_type: str = "") -> Inline | Link:
    """What a URL points to, or holds if it is a `data:` URL."""
    if not is_data_url(url):
        return Link(url, media_type)
    head, _, data = url[5:].partition(",")
    kind, *parameters = head.split(";")
    if any(parameter.strip().lower() == "base64" for parameter in parameters):
        return Inline(kind or media_type, data)
    return Inline(kind or media_type or "text/plain", base64.b64encode(unquote_to_bytes(data)).decode())


def data_url(inline: Inline, fallback: str) -> str:
    """The way back. `fallback`: the media type where neither the client nor the content tells."""
    return f"data:{inline.media_type or sniffed(inline.data) or fallback};base64,{inline.data}"


def sniffed(data: str) -> str:
    """The media type that base64 begins like; empty if it is none of those that are known."""
    return next((kind for head, kind in _HEADS.items() if data.startswith(head)), "")


def kind_of(media_type: str) -> MediaKind:
    """What a file is taken for."""
    family = media_type.partition("/")[0]
    if family == "image":
        return "image"
    if family == "audio":
        return "audio"
    return "video" if family == "video" else "document"


def sound_type(word: str) -> str:
    """Media type of an `input_audio.format`."""
    return _SOUNDS.get(word, f"audio/{word}") if word else ""


def sound_format(media_type: str) -> str:
    """The way back."""
    subtype = media_type.partition("/")[2].partition(";")[0]
    return _SOUND_FORMATS.get(subtype, subtype or "wav")


def text_inside(inline: Inline) -> str | None:
    """The words of a document that is text; None if it is not."""
    if not inline.media_type.startswith("text/"):
        return None
    try:
        return base64.b64decode(inline.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
