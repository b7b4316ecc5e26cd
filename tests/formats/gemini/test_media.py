"""Files in messages."""

from __future__ import annotations

import pytest

from cliproxy.conversation.parts import FileId, Inline, Json, Link, Media, MediaKind, Plain
from cliproxy.errors import BadRequest
from cliproxy.formats.gemini.media import read_detail, read_file, read_inline, written, written_detail


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "image"),
        ("audio/mpeg", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "document"),
        ("application/x-thing", "document"),
    ],
)
def test_the_mime_type_tells_the_kind(media_type: str, kind: MediaKind) -> None:
    assert read_inline({"mimeType": media_type, "data": "AAAA"}, "p") == Media(kind, Inline(media_type, "AAAA"))


def test_text_is_a_document_of_text() -> None:
    assert read_inline({"mime_type": "text/csv", "data": "YSxi"}, "p") == Media("document", Plain("a,b"))


def test_text_in_another_encoding_stays_bytes() -> None:
    assert read_inline({"mimeType": "text/plain", "data": "/w=="}, "p").source == Inline("text/plain", "/w==")


def test_bytes_without_a_type_are_recognised_by_how_they_begin() -> None:
    assert read_inline({"data": "iVBORw0KGgoAAAA="}, "p").kind == "image"


def test_a_url_safe_file_is_read_in_the_standard_alphabet() -> None:
    assert read_inline({"mimeType": "image/png", "data": "a-_a"}, "p").source == Inline("image/png", "a+/a")


def test_a_file_of_googles_is_a_link() -> None:
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    read = read_file({"fileUri": uri, "mimeType": "image/png", "displayName": "a.png"}, "p")
    assert read == Media("image", Link(uri, "image/png"), "a.png")


def test_a_bucket_is_a_link_whose_kind_its_ending_tells() -> None:
    assert read_file({"file_uri": "gs://b/film.mp4"}, "p") == Media("video", Link("gs://b/film.mp4"))


def test_a_film_of_youtubes_is_a_film() -> None:
    assert read_file({"fileUri": "https://www.youtube.com/watch?v=1"}, "p").kind == "video"


def test_a_file_that_is_none_is_refused_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"contents\.0\.parts\.1\.data: A string was expected\."):
        read_inline({"data": 3}, "contents.0.parts.1")


@pytest.mark.parametrize(
    ("media", "wire"),
    [
        (Media("image", Inline("image/png", "AA==")), {"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        (Media("image", Inline("", "/9j/AA==")), {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/AA=="}}),
        (Media("document", Plain("é")), {"inlineData": {"mimeType": "text/plain", "data": "w6k="}}),
        (
            Media("image", Link("https://example.org/a.webp?x=1")),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.org/a.webp?x=1"}},
        ),
        (
            Media("image", Link("https://example.org/picture")),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/picture"}},
        ),
        (Media("document", FileId("files/1", "gemini")), {"fileData": {"fileUri": "files/1"}}),
        (Media("document", FileId("file-1", "openai-chat")), None),
    ],
)
def test_each_source_has_its_part(media: Media, wire: dict[str, Json] | None) -> None:
    assert written(media) == wire


@pytest.mark.parametrize("detail", ["low", "auto", "high", "original"])
def test_a_parts_resolution_is_the_detail_of_a_picture(detail: str) -> None:
    assert read_detail(written_detail(detail)) == detail


def test_other_words_for_a_detail_are_none() -> None:
    assert (written_detail("huge"), read_detail({"level": 3}), read_detail("x")) == (None, None, None)
