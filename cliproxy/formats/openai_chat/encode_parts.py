"""Parts of a message's content, as this wire writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import FileId, Inline, Json, Link, Media, Part, Plain, Refusal, Text, VendorPart
from cliproxy.formats.openai_chat.decode_parts import NAME
from cliproxy.formats.openai_chat.media import DETAILS, data_url, sound_format, text_inside

_OWN_FILES = frozenset({NAME, "openai-responses"})
"""The two formats whose servers share one file store."""


def text_part(text: str) -> dict[str, Json]:
    """`{"type": "text", …}`."""
    return {"type": "text", "text": text}


def plain_or_parts(parts: Sequence[dict[str, Json]]) -> Json:
    """A string if that says it all: not every server takes a list."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].get("type") == "text":
        return parts[0]["text"]
    return list(parts)


def user_parts(parts: Iterable[Part], losses: Losses) -> list[dict[str, Json]]:
    """What the user, or the operator, says."""
    written: list[dict[str, Json]] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            if part.text:
                written.append(text_part(part.text))
        elif isinstance(part, Media):
            written += media_parts(part, losses)
        elif isinstance(part, VendorPart) and part.format == NAME:
            written.append(dict(part.value))
        else:
            losses.drop(what(part), "has no place in a message of the user's here")
    return written


def what(part: Part) -> str:
    """A part's name in losses."""
    if isinstance(part, VendorPart):
        kind = part.value.get("type")
        return f"{part.format} {kind}" if isinstance(kind, str) else part.format
    return type(part).__name__


def media_parts(media: Media, losses: Losses) -> list[dict[str, Json]]:
    """One part, with what the client says about it in front."""
    if media.cited:
        losses.drop("citations", "citations of a document cannot be asked for")
    written = _WRITERS[media.kind](media, losses)
    if media.context and not isinstance(media.source, Plain):
        written.insert(0, text_part(media.context))
    return written


def _image(media: Media, losses: Losses) -> list[dict[str, Json]]:
    source = media.source
    if isinstance(source, FileId):
        return _file_id(media, source, losses)
    if isinstance(source, Plain):
        return [text_part(source.text)]
    image: dict[str, Json] = {"url": data_url(source, "image/png") if isinstance(source, Inline) else source.url}
    if media.detail in DETAILS:
        image["detail"] = media.detail
    elif media.detail:
        losses.drop("detail", f"the resolution {media.detail!r} is not known here")
    return [{"type": "image_url", "image_url": image}]


def _document(media: Media, losses: Losses) -> list[dict[str, Json]]:
    source = media.source
    if isinstance(source, FileId):
        return _file_id(media, source, losses)
    if isinstance(source, Link):
        losses.drop("documents by URL", "files are taken by their bytes only; the URL is told as text")
        return [text_part(f"[Document: {source.url}]")]
    text = source.text if isinstance(source, Plain) else text_inside(source)
    if text is not None:
        return [text_part("\n".join(filter(None, (_title(media.name), media.context, text))))]
    if isinstance(source, Plain):
        return []
    file: dict[str, Json] = {
        "filename": media.name or "document.pdf",
        "file_data": data_url(source, "application/pdf"),
    }
    return [{"type": "file", "file": file}]


def _audio(media: Media, losses: Losses) -> list[dict[str, Json]]:
    source = media.source
    if isinstance(source, Inline):
        sound: dict[str, Json] = {"data": source.data, "format": sound_format(source.media_type)}
        return [{"type": "input_audio", "input_audio": sound}]
    return _omitted(media, losses)


def _video(media: Media, losses: Losses) -> list[dict[str, Json]]:
    source = media.source
    if isinstance(source, Inline | Link):
        url = data_url(source, "video/mp4") if isinstance(source, Inline) else source.url
        return [{"type": "video_url", "video_url": {"url": url}}]
    return _omitted(media, losses)


def _file_id(media: Media, source: FileId, losses: Losses) -> list[dict[str, Json]]:
    if source.format not in _OWN_FILES:
        losses.drop(f"{media.kind} by file id", f"the file lies with another vendor ({source.format})")
        return [text_part(f"[{media.kind} omitted]")]
    return [{"type": "file", "file": {"file_id": source.id}}]


def _omitted(media: Media, losses: Losses) -> list[dict[str, Json]]:
    losses.drop(f"{media.kind} by reference", "only its bytes are taken here")
    return [text_part(f"[{media.kind} omitted]")]


def _title(name: str) -> str:
    return f"[Document: {name}]" if name else ""


_WRITERS = {"image": _image, "document": _document, "audio": _audio, "video": _video}
