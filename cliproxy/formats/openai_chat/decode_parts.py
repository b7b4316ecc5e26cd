"""The parts of a message's content, as clients send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.parts import (
    CacheMark,
    FileId,
    Inline,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    VendorPart,
)
from cliproxy.errors import BadRequest
from cliproxy.formats import jsontext
from cliproxy.formats.openai_chat.fields import Place, as_json, place_of, wrong
from cliproxy.formats.openai_chat.media import is_data_url, kind_of, sniffed, sound_type, source_of

NAME: Final = "openai-chat"


def content(message: Place, key: str = "content") -> tuple[Part, ...]:
    """A string or a list of parts. Empty text without a cache mark says nothing."""
    value = message.fields.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if not isinstance(value, list):
        raise wrong(message.at(key), "A string or a list of parts")
    parts = [_part(item, f"{message.at(key)}.{number}") for number, item in enumerate(value)]
    return tuple(part for part in parts if part != Text(""))


def result_content(message: Place) -> tuple[Text | Media | VendorPart, ...]:
    """What a tool gave. Whatever is no content becomes its JSON: a tool's words are for the model, not for us."""
    value = message.fields.get("content")
    if value is None:
        return ()
    if isinstance(value, str):
        return _unwrapped(value) or ((Text(value),) if value else ())
    if not isinstance(value, list):
        return (Text(jsontext.text_of(value)),)
    return tuple(_result_part(item, f"{message.at('content')}.{number}") for number, item in enumerate(value))


def mark_of(place: Place) -> CacheMark | None:
    """OpenRouter's and LiteLLM's `cache_control`, or OpenAI's own `prompt_cache_breakpoint`. A hint: never refused."""
    control = place.fields.get("cache_control")
    if isinstance(control, Mapping):
        ttl = control.get("ttl")
        return CacheMark(ttl if ttl in ("5m", "1h") else None)
    return CacheMark() if isinstance(place.fields.get("prompt_cache_breakpoint"), Mapping) else None


def with_mark(parts: tuple[Part, ...], mark: CacheMark | None) -> tuple[Part, ...]:
    """A message's mark on its last part, unless that has its own."""
    if mark is None or not parts:
        return parts
    last = parts[-1]
    if isinstance(last, Text | Media | ToolResult) and last.cache is None:
        return (*parts[:-1], attrs.evolve(last, cache=mark))
    return parts


def _part(item: object, path: str) -> Part:
    if isinstance(item, str):
        return Text(item)
    place = place_of(item, path)
    kind = place.required_text("type")
    read = _PARTS.get(kind)
    if read is None:
        return VendorPart(NAME, {key: as_json(value) for key, value in place.fields.items()})
    part, mark = read(place), mark_of(place)
    return attrs.evolve(part, cache=mark) if mark and isinstance(part, Text | Media) else part


def _result_part(item: object, path: str) -> Text | Media | VendorPart:
    if isinstance(item, str):
        return Text(item)
    try:
        part = _part(item, path)
    except BadRequest:
        return Text(jsontext.text_of(item))
    return part if isinstance(part, Text | Media | VendorPart) else Text(jsontext.text_of(item))


def _unwrapped(text: str) -> tuple[Text | Media | VendorPart, ...]:
    """The parts of a list with images that a client sent as text; nothing if it is other text."""
    if not text.lstrip().startswith("[") or not ('"image_url"' in text or '"input_image"' in text):
        return ()
    try:
        items = jsontext.loads(text)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            return ()
        parts = [_part(item, "content") for item in items]
    except (ValueError, BadRequest):
        return ()
    if not any(isinstance(part, Media) for part in parts):
        return ()
    return tuple(part for part in parts if isinstance(part, Text | Media | VendorPart))


def _text(place: Place) -> Part:
    return Text(place.text("text") or "")


def _refusal(place: Place) -> Part:
    return Refusal(place.text("refusal") or "")


def _thinking(place: Place) -> Part:
    """Mistral's."""
    value = place.fields.get("thinking")
    if isinstance(value, str):
        return Thinking(value)
    return Thinking("".join(piece.text("text") or "" for piece in place.each("thinking")))


def _image(place: Place) -> Part:
    """An object with a URL, or the URL alone."""
    if isinstance(place.fields.get("image_url"), str):
        return Media("image", source_of(place.required_text("image_url")), detail=_detail(place))
    image = place.required_inner("image_url")
    return Media("image", source_of(image.required_text("url")), detail=_detail(image))


def _input_image(place: Place) -> Part:
    """As OpenAI Responses writes it, which tools' results hold now and then."""
    file_id = place.text("file_id")
    source = FileId(file_id, NAME) if file_id else source_of(place.required_text("image_url"))
    return Media("image", source, detail=_detail(place))


def _detail(place: Place) -> str | None:
    value = place.fields.get("detail")
    return value if isinstance(value, str) else None


def _audio(place: Place) -> Part:
    sound = place.required_inner("input_audio")
    media_type = sound_type(sound.text("format") or "")
    data = sound.required_text("data")
    source = source_of(data, media_type) if is_data_url(data) else Inline(media_type, data)
    return Media("audio", source)


def _file(place: Place) -> Part:
    file = place.required_inner("file")
    name = file.text("filename") or ""
    file_id = file.text("file_id")
    if file_id:
        return Media("document", FileId(file_id, NAME), name=name)
    url = file.text("file_url")
    data = url or file.required_text("file_data")
    source = source_of(data) if url or is_data_url(data) else Inline(sniffed(data), data)
    return Media(kind_of(source.media_type), source, name=name)


def _video(place: Place) -> Part:
    if isinstance(place.fields.get("video_url"), str):
        return Media("video", source_of(place.required_text("video_url")))
    return Media("video", source_of(place.required_inner("video_url").required_text("url")))


_PARTS: Final[Mapping[str, Callable[[Place], Part]]] = MappingProxyType(
    {
        "text": _text,
        "input_text": _text,
        "output_text": _text,
        "refusal": _refusal,
        "thinking": _thinking,
        "image_url": _image,
        "input_image": _input_image,
        "input_audio": _audio,
        "file": _file,
        "video_url": _video,
    }
)
