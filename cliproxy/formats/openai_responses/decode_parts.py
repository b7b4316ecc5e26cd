"""The content of messages and of tool results, read into neutral parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Json, Media, Part, Refusal, Text, VendorPart
from cliproxy.formats import jsontext
from cliproxy.formats.openai_responses import fields
from cliproxy.formats.openai_responses.citations import read_citation
from cliproxy.formats.openai_responses.media import read_audio, read_file, read_image
from cliproxy.formats.openai_responses.words import NAME

_BREAKPOINT: Final = "prompt_cache_breakpoint"


def read_content(value: Json, path: str, losses: Losses) -> tuple[Part, ...]:
    """A string or a list of parts; nothing of null and of the empty string. Raises `BadRequest`."""
    if isinstance(value, str):
        return (Text(value),) if value else ()
    return tuple(
        _read_part(fields.mapping(part, f"{path}.{number}"), f"{path}.{number}", losses)
        for number, part in enumerate(fields.sequence(value, path))
    )


def read_output(value: Json, path: str, losses: Losses) -> tuple[Text | Media | VendorPart, ...]:
    """What a tool gave. Whatever is neither text nor a list is kept as its JSON text. Raises `BadRequest`."""
    if isinstance(value, str):
        value = _unwrapped(value)
    odd = isinstance(value, list) and any(not isinstance(part, dict) for part in value)
    if odd or not isinstance(value, str | list | None):
        return (Text(jsontext.text_of(value)),)
    content = read_content(value, path, losses)
    return tuple(
        Text(part.text) if isinstance(part, Refusal) else part
        for part in content
        if isinstance(part, Text | Refusal | Media | VendorPart)
    )


def _unwrapped(output: str) -> Json:
    """Some clients give a list with images as its JSON text: as text it would fill the context and show nothing."""
    if not output.startswith("[") or '"input_image"' not in output:
        return output
    try:
        parts = jsontext.loads(output)
    except ValueError:
        return output
    known = isinstance(parts, list) and all(
        isinstance(part, dict) and isinstance(part.get(_OUTPUT_FIELDS.get(str(part.get("type")), "")), str)
        for part in parts
    )
    return parts if known else output


_OUTPUT_FIELDS: Final[Mapping[str, str]] = MappingProxyType({"input_text": "text", "input_image": "image_url"})


def _read_part(part: dict[str, Json], path: str, losses: Losses) -> Part:
    read = _READERS.get(fields.text(part.get("type"), f"{path}.type"))
    if read is None:
        return VendorPart(NAME, part)
    found = read(part, path)
    mark = part.get(_BREAKPOINT)
    if isinstance(mark, dict) and isinstance(found, Text | Media):
        if mark.get("ttl") is not None:
            losses.emulate(_BREAKPOINT, "the lifetime is left to the vendor")
        return attrs.evolve(found, cache=CacheMark())
    return found


def _read_text(part: dict[str, Json], path: str) -> Text:
    annotations = part.get("annotations")
    cited = [read_citation(annotation) for annotation in annotations] if isinstance(annotations, list) else []
    return Text(
        fields.text(part.get("text"), f"{path}.text"),
        citations=tuple(citation for citation in cited if citation is not None),
    )


def _read_refusal(part: dict[str, Json], path: str) -> Refusal:
    return Refusal(fields.text(part.get("refusal"), f"{path}.refusal"))


_READERS: Final[Mapping[str, Callable[[dict[str, Json], str], Part]]] = MappingProxyType(
    {
        "input_text": _read_text,
        "output_text": _read_text,
        "text": _read_text,
        "refusal": _read_refusal,
        "input_image": read_image,
        "input_file": read_file,
        "input_audio": read_audio,
    }
)
