from __future__ import annotations

import base64

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    CacheMark,
    FileId,
    Inline,
    Json,
    JsonObject,
    Link,
    Media,
    MediaKind,
    Plain,
    Source,
    VendorPart,
)
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.media import media_type_of, read_document, read_image, write_media

PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and more").decode()


def written(media: Media) -> tuple[object, list[str]]:
    losses = Losses()
    return write_media(media, "messages.0.content.0", losses), [loss.field for loss in losses.dropped]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "AAAA"}, Inline("image/png", "AAAA")),
        ({"type": "url", "url": "https://a.b/c.png"}, Link("https://a.b/c.png")),
        ({"type": "file", "file_id": "file_1"}, FileId("file_1", "anthropic")),
    ],
)
def test_an_image_is_read(source: JsonObject, expected: Source) -> None:
    assert read_image({"type": "image", "source": dict(source)}, "a", Losses()) == Media("image", expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"type": "base64", "media_type": "application/pdf", "data": "AAAA"}, Inline("application/pdf", "AAAA")),
        ({"type": "text", "media_type": "text/plain", "data": "words"}, Plain("words")),
        ({"type": "content", "content": "words"}, Plain("words")),
        ({"type": "url", "url": "https://a.b/c.pdf"}, Link("https://a.b/c.pdf")),
        ({"type": "file", "file_id": "file_1"}, FileId("file_1", "anthropic")),
    ],
)
def test_a_document_is_read(source: JsonObject, expected: Source) -> None:
    assert read_document({"type": "document", "source": dict(source)}, "a", Losses()) == Media("document", expected)


def test_what_is_said_of_a_document_is_read() -> None:
    block: JsonObject = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        "title": "Title",
        "context": "Context",
        "citations": {"enabled": True},
        "cache_control": {"type": "ephemeral"},
    }
    assert read_document(block, "a", Losses()) == Media(
        "document", Plain("words"), "Title", "Context", cited=True, cache=CacheMark()
    )


def test_a_document_of_blocks_becomes_one_text_and_that_is_named() -> None:
    content: list[Json] = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    losses = Losses()
    block: JsonObject = {"type": "document", "source": {"type": "content", "content": content}}
    assert read_document(block, "a", losses) == Media("document", Plain("one\n\ntwo"))
    assert [(loss.field, loss.emulated) for loss in losses] == [("a.source.content", True)]


def test_a_document_with_images_in_it_stays_as_it_is() -> None:
    block: JsonObject = {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "https://a"}}]},
    }
    assert read_document(block, "a", Losses()) == VendorPart("anthropic", block)


def test_a_source_of_an_unknown_kind_stays_as_it_is() -> None:
    block: JsonObject = {"type": "image", "source": {"type": "hologram"}}
    assert read_image(block, "a", Losses()) == VendorPart("anthropic", block)


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"type": "image"}, "a.source"),
        ({"type": "image", "source": {}}, "a.source.type"),
        ({"type": "image", "source": {"type": "base64", "data": 7}}, "a.source.data"),
        ({"type": "image", "source": {"type": "url"}}, "a.source.url"),
    ],
)
def test_a_broken_source_is_refused_with_its_path(block: JsonObject, path: str) -> None:
    with pytest.raises(BadRequest, match=f"^{path}: "):
        read_image(block, "a", Losses())


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (
            Media("image", Inline("image/png", "AAAA")),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
        (
            Media("image", Link("https://a.b/c.png")),
            {"type": "image", "source": {"type": "url", "url": "https://a.b/c.png"}},
        ),
        (
            Media("image", FileId("file_1", "anthropic"), cache=CacheMark()),
            {
                "type": "image",
                "source": {"type": "file", "file_id": "file_1"},
                "cache_control": {"type": "ephemeral"},
            },
        ),
        (
            Media("document", Inline("application/pdf", "AAAA"), "a.pdf", "Context", cited=True),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
                "title": "a.pdf",
                "context": "Context",
                "citations": {"enabled": True},
            },
        ),
        (
            Media("document", Plain("words")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        ),
        (
            Media("document", Link("https://a.b/c.pdf")),
            {"type": "document", "source": {"type": "url", "url": "https://a.b/c.pdf"}},
        ),
        (
            Media("document", Inline("text/csv", base64.b64encode(b"a,b").decode())),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ),
    ],
)
def test_media_are_written_without_a_loss(media: Media, block: object) -> None:
    assert written(media) == (block, [])


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("audio", Inline("audio/mpeg", "AAAA")),
        ("video", Link("https://a.b/c.mp4")),
        ("image", Inline("image/heic", "AAAA")),
        ("image", Inline("", "AAAA")),
        ("image", Inline("image/png", "")),
        ("image", Link("gs://bucket/a.png")),
        ("image", FileId("file-1", "openai-responses")),
        ("document", Link("https://a.b/c.docx", "application/msword")),
        ("document", Inline("text/plain", "no base64 at all")),
        ("document", Plain("")),
    ],
)
def test_what_cannot_be_shown_leaves_a_note(kind: MediaKind, source: Source) -> None:
    note = {"type": "text", "text": f"[{kind} omitted]"}
    assert written(Media(kind, source)) == (note, ["messages.0.content.0"])


def test_a_resolution_cannot_be_asked_for() -> None:
    _, lost = written(Media("image", Inline("image/png", "AAAA"), detail="high"))
    assert lost == ["messages.0.content.0.detail"]


def test_the_usual_resolution_is_no_loss() -> None:
    _, lost = written(Media("image", Inline("image/png", "AAAA"), detail="auto"))
    assert lost == []


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n0000", "image/png"),
        (b"\xff\xd8\xff\xe000000000", "image/jpeg"),
        (b"GIF89a000000", "image/gif"),
        (b"RIFF0000WEBP0000", "image/webp"),
        (b"RIFF0000WAVE0000", ""),
        (b"%PDF-1.7 0000", "application/pdf"),
        (b"", ""),
        (b"x", ""),
    ],
)
def test_content_of_which_nobody_said_what_it_is_shows_it(head: bytes, expected: str) -> None:
    assert media_type_of(Inline("", base64.b64encode(head).decode())) == expected


@pytest.mark.parametrize("data", ["é", "=", "A", "AAAAA", "\ud800"])
def test_content_that_is_no_base64_shows_nothing(data: str) -> None:
    assert media_type_of(Inline("", data)) == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [("image/jpg", "image/jpeg"), ("IMAGE/PNG", "image/png"), ("image/png; charset=binary", "image/png")],
)
def test_what_was_said_is_put_into_the_usual_spelling(said: str, expected: str) -> None:
    assert media_type_of(Inline(said, PDF)) == expected


def test_bytes_of_no_kind_are_looked_at() -> None:
    assert media_type_of(Inline("application/octet-stream", PDF)) == "application/pdf"


def test_a_pdf_that_was_called_an_image_is_a_document() -> None:
    block, _ = written(Media("image", Inline("", PDF)))
    assert isinstance(block, dict)
    assert block["type"] == "document"
