"""Images, documents, sound and film: `inlineData` and `fileData`, in both directions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from cliproxy.conversation.parts import FileId, Inline, Json, Link, Media, MediaKind, Plain, Source
from cliproxy.formats.gemini import blobs
from cliproxy.formats.gemini.fields import a_text, an_object, field
from cliproxy.formats.gemini.words import FORMAT
from cliproxy.formats.wire import Document

_KINDS: Final[Mapping[str, MediaKind]] = MappingProxyType({"image": "image", "audio": "audio", "video": "video"})

_BY_SUFFIX: Final[Mapping[str, str]] = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "webp": "image/webp",
        "heic": "image/heic",
        "heif": "image/heif",
        "bmp": "image/bmp",
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "html": "text/html",
        "csv": "text/csv",
        "json": "application/json",
        "mp3": "audio/mpeg",
        "wav": "audio/wav",
        "ogg": "audio/ogg",
        "flac": "audio/flac",
        "m4a": "audio/mp4",
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "webm": "video/webm",
    }
)
_BY_BEGINNING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iVBORw0KGgo": "image/png",
        "/9j/": "image/jpeg",
        "R0lGOD": "image/gif",
        "UklGR": "image/webp",
        "JVBERi": "application/pdf",
        "SUQz": "audio/mpeg",
    }
)
"""How base64 of well-known files begins."""
_USUAL: Final[Mapping[MediaKind, str]] = MappingProxyType(
    {"image": "image/jpeg", "document": "application/pdf", "audio": "audio/mpeg", "video": "video/mp4"}
)
_FILM_HOSTS: Final = frozenset({"www.youtube.com", "youtube.com", "m.youtube.com", "youtu.be"})

_DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MEDIA_RESOLUTION_LOW": "low",
        "MEDIA_RESOLUTION_MEDIUM": "auto",
        "MEDIA_RESOLUTION_HIGH": "high",
        "MEDIA_RESOLUTION_ULTRA_HIGH": "original",
    }
)
_LEVELS: Final[Mapping[str, str]] = MappingProxyType({detail: level for level, detail in _DETAILS.items()})


def kind_of(media_type: str) -> MediaKind:
    """What files of a MIME type are."""
    return _KINDS.get(media_type.partition("/")[0].lower(), "document")


def read_inline(value: object, path: str) -> Media:
    """`inlineData`. Text in UTF-8 becomes a document of text, which every other wire has a way for."""
    blob = an_object(value, path)
    media_type = a_text(field(blob, "mimeType"), f"{path}.mimeType")
    data = blobs.standard(a_text(field(blob, "data"), f"{path}.data"))
    source: Source = Inline(media_type, data)
    if media_type.lower().startswith("text/"):
        text = _utf8(data)
        source = source if text is None else Plain(text)
    return Media(kind_of(media_type or guess(source)), source, _name(blob))


def read_file(value: object, path: str) -> Media:
    """`fileData`: a file of Google's, or anything at a public URL."""
    file = an_object(value, path)
    link = Link(
        a_text(field(file, "fileUri"), f"{path}.fileUri"),
        a_text(field(file, "mimeType"), f"{path}.mimeType"),
    )
    if not link.media_type and _host(link.url) in _FILM_HOSTS:
        return Media("video", link, _name(file))
    return Media(kind_of(link.media_type or guess(link)), link, _name(file))


def read_detail(value: object) -> str | None:
    """A part's own `mediaResolution`, as the detail of an image."""
    level = value.get("level") if isinstance(value, Mapping) else None
    return _DETAILS.get(level) if isinstance(level, str) else None


def written_detail(detail: str) -> dict[str, Json] | None:
    """The way back; None for words that this wire does not have."""
    level = _LEVELS.get(detail)
    return {"level": level} if level else None


def written(media: Media) -> dict[str, Json] | None:
    """The part, without anything beside its data; None for what lies in another vendor's store of files."""
    source = media.source
    if isinstance(source, Inline):
        media_type = source.media_type or guess(source) or _USUAL[media.kind]
        return {"inlineData": {"mimeType": media_type, "data": source.data}}
    if isinstance(source, Plain):
        return {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(source.text.encode()).decode()}}
    if isinstance(source, Link):
        media_type = source.media_type or guess(source) or _USUAL[media.kind]
        return {"fileData": {"mimeType": media_type, "fileUri": source.url}}
    if source.format == FORMAT:
        return {"fileData": {"fileUri": source.id}}
    return None


def guess(source: Source) -> str:
    """The MIME type, by the beginning of the bytes or the end of the name; empty if neither tells."""
    if isinstance(source, Inline):
        data = source.data[:16]
        return next((kind for beginning, kind in _BY_BEGINNING.items() if data.startswith(beginning)), "")
    if isinstance(source, Link | FileId):
        name = source.url if isinstance(source, Link) else source.id
        path = name.partition("?")[0].partition("#")[0]
        return _BY_SUFFIX.get(path.rpartition(".")[2].lower(), "")
    return "text/plain"


def _name(document: Document) -> str:
    name = field(document, "displayName")
    return name if isinstance(name, str) else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _utf8(data: str) -> str | None:
    raw = blobs.decoded(data)
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None
