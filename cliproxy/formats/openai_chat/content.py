"""The content of an upstream's message or delta: a string, or with some servers a list of parts. Never raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from cliproxy.conversation.parts import Media, Refusal, Text, Thinking
from cliproxy.formats.openai_chat.media import source_of

Piece: TypeAlias = "Text | Thinking | Refusal | Media"


def pieces_of(content: object) -> Sequence[Piece]:
    """What it says, in order; what cannot be understood is left out."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    if not isinstance(content, list):
        return ()
    return [piece for item in content if (piece := _piece(item)) is not None]


def images_of(images: object) -> Sequence[Piece]:
    """`images`, where image models put what they made."""
    return [piece for item in images if (piece := _image(item)) is not None] if isinstance(images, list) else ()


def _piece(item: object) -> Piece | None:
    if isinstance(item, str):
        return Text(item) if item else None
    if not isinstance(item, Mapping):
        return None
    kind = item.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    return read(item) if read else None


def _text(item: Mapping[str, object]) -> Piece | None:
    text = item.get("text")
    return Text(text) if isinstance(text, str) and text else None


def _refusal(item: Mapping[str, object]) -> Piece | None:
    text = item.get("refusal")
    return Refusal(text) if isinstance(text, str) and text else None


def _thinking(item: Mapping[str, object]) -> Piece | None:
    """Mistral's: a string, or a list of texts."""
    told = item.get("thinking")
    if isinstance(told, list):
        found = [piece.get("text") for piece in told if isinstance(piece, Mapping)]
        told = "".join(text for text in found if isinstance(text, str))
    return Thinking(told) if isinstance(told, str) and told else None


def _image(item: object) -> Piece | None:
    image = item.get("image_url") if isinstance(item, Mapping) else None
    url = image.get("url") if isinstance(image, Mapping) else image
    return Media("image", source_of(url)) if isinstance(url, str) and url else None


_READERS: Final[Mapping[str, Callable[[Mapping[str, object]], Piece | None]]] = MappingProxyType(
    {
        "text": _text,
        "output_text": _text,
        "refusal": _refusal,
        "thinking": _thinking,
        "image_url": _image,
    }
)
