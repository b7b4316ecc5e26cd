"""What is attached to an OpenAI request: data URLs, links, ids."""

from __future__ import annotations

from typing import Final

from cliproxy.demo.fields import Node
from cliproxy.demo.history import Attachment, base64_size, data_url
from cliproxy.demo.openai.words import invalid

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")


def image_at(url: Node) -> Attachment:
    """An image by its URL. Raises `Mistake` if a data URL holds none that is supported."""
    text = url.text()
    inline = data_url(text)
    if inline is None:
        if not text.startswith(("http://", "https://")):
            told = "Expected a valid URL, but got a value with an invalid format."
            raise invalid(url, told, "invalid_image_url")
        return Attachment("image", None)
    media_type, size = inline
    if media_type not in IMAGE_TYPES or not size:
        told = f"Expected a base64-encoded data URL with an image MIME type (e.g. one of {', '.join(IMAGE_TYPES)})"
        raise invalid(url, f"{told}, but got '{media_type}' or what is no base64.", "invalid_value")
    return Attachment("image", size)


def file_in(part: Node) -> Attachment:
    """A file by its bytes, its URL or its id. Raises `Mistake` if there is none of them."""
    held = part.at("file_data")
    if held is None:
        if part.at("file_url") is None and part.at("file_id") is None:
            raise part.words.missing((*part.path, "file_id"))
        return Attachment("document", None)
    inline = data_url(held.text())
    if inline is None or not inline[1]:
        told = "Expected a base64-encoded data URL (e.g. 'data:application/pdf;base64,…')."
        raise invalid(held, told)
    part.need("filename")
    return Attachment("document", inline[1])


def recording_in(audio: Node) -> Attachment:
    """Sound, in base64."""
    audio.need("format").text()
    held = audio.need("data")
    size = base64_size(held.text())
    if not size:
        raise invalid(held, "Expected base64-encoded audio.")
    return Attachment("recording", size)
