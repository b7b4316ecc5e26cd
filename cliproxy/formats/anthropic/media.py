"""Images and documents, read and written. Sound and film Anthropic does not take."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import FileId, Inline, Json, JsonObject, Link, Media, Plain, Source, VendorPart
from cliproxy.formats.anthropic.caching import read_mark, write_mark
from cliproxy.formats.anthropic.fields import (
    NAME,
    as_object,
    as_text,
    maybe_flag,
    maybe_object,
    maybe_text,
    note_unread,
)

Block: TypeAlias = dict[str, Json]

IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF: Final = "application/pdf"
_SPELLINGS: Final = MappingProxyType(
    {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
)
_TEXTUAL: Final = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")
_HEADS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", PDF),
)
_HEAD_CHARACTERS: Final = 16
"""Of base64: the twelve bytes in which every one of these kinds shows itself."""

_IMAGE_FIELDS: Final = frozenset({"type", "source", "cache_control"})
_DOCUMENT_FIELDS: Final = frozenset({"type", "source", "title", "context", "citations", "cache_control"})


# -- reading ------------------------------------------------------------------------------------------------------


def read_image(block: JsonObject, path: str, losses: Losses) -> Media | VendorPart:
    """An `image` block."""
    source = _read_source(block, path, losses)
    if source is None:
        return VendorPart(NAME, block)
    note_unread(block, _IMAGE_FIELDS, path, losses)
    return Media("image", source, cache=read_mark(block.get("cache_control"), f"{path}.cache_control", losses))


def read_document(block: JsonObject, path: str, losses: Losses) -> Media | VendorPart:
    """A `document` block."""
    source = _read_source(block, path, losses)
    if source is None:
        return VendorPart(NAME, block)
    note_unread(block, _DOCUMENT_FIELDS, path, losses)
    citations = maybe_object(block.get("citations"), f"{path}.citations")
    return Media(
        "document",
        source,
        name=maybe_text(block.get("title"), f"{path}.title"),
        context=maybe_text(block.get("context"), f"{path}.context"),
        cited=bool(maybe_flag(citations.get("enabled"), f"{path}.citations.enabled")),
        cache=read_mark(block.get("cache_control"), f"{path}.cache_control", losses),
    )


def _read_source(block: JsonObject, path: str, losses: Losses) -> Source | None:
    path = f"{path}.source"
    source = as_object(block.get("source"), path)
    read = _SOURCES.get(as_text(source.get("type"), f"{path}.type"))
    return None if read is None else read(source, path, losses)


def _base64(source: JsonObject, path: str, losses: Losses) -> Source:
    return Inline(
        maybe_text(source.get("media_type"), f"{path}.media_type"), as_text(source.get("data"), f"{path}.data")
    )


def _url(source: JsonObject, path: str, losses: Losses) -> Source:
    return Link(as_text(source.get("url"), f"{path}.url"))


def _file(source: JsonObject, path: str, losses: Losses) -> Source:
    return FileId(as_text(source.get("file_id"), f"{path}.file_id"), NAME)


def _text(source: JsonObject, path: str, losses: Losses) -> Source:
    return Plain(as_text(source.get("data"), f"{path}.data"))


def _content(source: JsonObject, path: str, losses: Losses) -> Source | None:
    content = source.get("content")
    if isinstance(content, str):
        return Plain(content)
    texts = [_text_of(block) for block in content] if isinstance(content, list) else []
    found = [text for text in texts if text is not None]
    if not found or len(found) < len(texts):
        return None
    losses.emulate(f"{path}.content", "The document's blocks become one text.")
    return Plain("\n\n".join(found))


def _text_of(block: Json) -> str | None:
    if not isinstance(block, dict) or block.get("type") != "text":
        return None
    text = block.get("text")
    return text if isinstance(text, str) else None


_SOURCES: Final[Mapping[str, Callable[[JsonObject, str, Losses], Source | None]]] = MappingProxyType(
    {"base64": _base64, "url": _url, "file": _file, "text": _text, "content": _content}
)


# -- writing ------------------------------------------------------------------------------------------------------


def write_media(media: Media, path: str, losses: Losses) -> Block:
    """An `image` or `document` block; a text that says what is missing where there can be none."""
    source = _WRITERS[type(media.source)](media.source, media.kind)
    if source is None:
        losses.drop(path, f"Anthropic takes no such {media.kind}; a note stands in its place.")
        return _marked({"type": "text", "text": omitted(media)}, media)
    if source[0] == "image":
        _note_what_images_lack(media, path, losses)
        return _marked({"type": "image", "source": source[1]}, media)
    block: Block = {"type": "document", "source": source[1]}
    if media.name:
        block["title"] = media.name
    if media.context:
        block["context"] = media.context
    if media.cited:
        block["citations"] = {"enabled": True}
    return _marked(block, media)


def omitted(media: Media) -> str:
    """The note that stands for what cannot be shown."""
    return f"[{media.kind} omitted]"


def media_type_of(inline: Inline) -> str:
    """What the content is: as it was said, else as its first bytes show; empty if they show nothing known."""
    said = inline.media_type.partition(";")[0].strip().lower()
    if said and said != "application/octet-stream":
        return _SPELLINGS.get(said, said)
    try:
        head = base64.b64decode(inline.data[:_HEAD_CHARACTERS])
    except ValueError:
        return said
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _HEADS if head.startswith(magic)), said)


def _marked(block: Block, media: Media) -> Block:
    if media.cache is not None:
        block["cache_control"] = write_mark(media.cache)
    return block


def _note_what_images_lack(media: Media, path: str, losses: Losses) -> None:
    if media.detail not in (None, "auto"):
        losses.drop(f"{path}.detail", "Anthropic chooses the resolution itself.")
    if media.name or media.context or media.cited:
        losses.drop(f"{path}.title", "An image has no name, context or citations.")


_Written: TypeAlias = "tuple[str, Block] | None"
"""The kind of block and its source."""


def _write_inline(source: Inline, kind: str) -> _Written:
    media_type = media_type_of(source) if source.data else ""
    if media_type in IMAGES or media_type == PDF:
        block: Block = {"type": "base64", "media_type": media_type, "data": source.data}
        return "document" if media_type == PDF else "image", block
    if not media_type.startswith(_TEXTUAL):
        return None
    try:
        text = base64.b64decode(source.data, validate=True).decode()
    except ValueError:
        return None
    return _write_plain(Plain(text), kind)


def _write_link(source: Link, kind: str) -> _Written:
    if not source.url.startswith(("https://", "http://")):
        return None
    if kind == "document" and source.media_type not in ("", PDF):
        return None
    return (kind, {"type": "url", "url": source.url}) if kind in ("image", "document") else None


def _write_file(source: FileId, kind: str) -> _Written:
    if source.format != NAME or kind not in ("image", "document"):
        return None
    return kind, {"type": "file", "file_id": source.id}


def _write_plain(source: Plain, kind: str) -> _Written:
    return ("document", {"type": "text", "media_type": "text/plain", "data": source.text}) if source.text else None


_WRITERS: Final[Mapping[type[Source], Callable[..., _Written]]] = MappingProxyType(
    {Inline: _write_inline, Link: _write_link, FileId: _write_file, Plain: _write_plain}
)
