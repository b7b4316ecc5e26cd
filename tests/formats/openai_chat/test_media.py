from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Inline, Link
from cliproxy.formats.openai_chat.media import (
    data_url,
    kind_of,
    sniffed,
    sound_format,
    sound_type,
    source_of,
    text_inside,
)


def test_a_data_url_holds_its_content() -> None:
    assert source_of("data:image/png;base64,AAAA") == Inline("image/png", "AAAA")


def test_the_scheme_has_no_case() -> None:
    assert source_of("DATA:image/png;BASE64,AAAA") == Inline("image/png", "AAAA")


def test_parameters_of_a_data_url_are_no_part_of_the_type() -> None:
    assert source_of("data:text/plain;charset=utf-8;base64,AAAA") == Inline("text/plain", "AAAA")


def test_a_data_url_with_plain_content_is_made_base64() -> None:
    assert source_of("data:image/svg+xml,%3Csvg/%3E") == Inline("image/svg+xml", "PHN2Zy8+")


def test_any_other_url_points_somewhere() -> None:
    assert source_of("https://a/b.png") == Link("https://a/b.png")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("iVBORw0KGgoAAAA", "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("UklGRgAA", "image/webp"),
        ("JVBERi0xLjc=", "application/pdf"),
        ("AAAA", ""),
    ],
)
def test_a_file_is_known_by_its_beginning(data: str, kind: str) -> None:
    assert sniffed(data) == kind


@pytest.mark.parametrize(
    ("inline", "url"),
    [
        (Inline("image/gif", "AAAA"), "data:image/gif;base64,AAAA"),
        (Inline("", "/9j/4AAQ"), "data:image/jpeg;base64,/9j/4AAQ"),
        (Inline("", "AAAA"), "data:image/png;base64,AAAA"),
    ],
)
def test_a_media_type_is_always_written(inline: Inline, url: str) -> None:
    assert data_url(inline, "image/png") == url


@pytest.mark.parametrize(("word", "media_type"), [("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("flac", "audio/flac")])
def test_sound_has_a_media_type_and_a_short_word(word: str, media_type: str) -> None:
    assert (sound_type(word), sound_format(media_type)) == (media_type, word)


@pytest.mark.parametrize("media_type", ["audio/x-wav", "audio/wave", ""])
def test_sound_of_other_names_is_wav(media_type: str) -> None:
    assert sound_format(media_type) == "wav"


@pytest.mark.parametrize(
    ("media_type", "kind"), [("image/png", "image"), ("audio/wav", "audio"), ("video/mp4", "video"), ("", "document")]
)
def test_a_file_is_taken_for_what_its_type_says(media_type: str, kind: str) -> None:
    assert kind_of(media_type) == kind


def test_a_text_document_is_read() -> None:
    assert text_inside(Inline("text/markdown", "w6k=")) == "é"


@pytest.mark.parametrize(
    "inline", [Inline("application/pdf", "w6k="), Inline("text/plain", "!"), Inline("text/plain", "/w==")]
)
def test_anything_else_is_no_text(inline: Inline) -> None:
    assert text_inside(inline) is None
