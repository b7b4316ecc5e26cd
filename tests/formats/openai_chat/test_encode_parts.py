from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    FileId,
    Inline,
    Json,
    Link,
    Media,
    Part,
    Plain,
    Refusal,
    Text,
    Thinking,
    VendorPart,
)
from cliproxy.formats.openai_chat.encode_parts import media_parts, plain_or_parts, user_parts

PNG = Inline("image/png", "AA")
PDF = Inline("application/pdf", "AA")


def written(part: Part) -> tuple[list[dict[str, Json]], list[str]]:
    losses = Losses()
    return user_parts([part], losses), [loss.field for loss in losses]


@pytest.mark.parametrize("part", [Text("a"), Refusal("a")])
def test_words_are_text(part: Part) -> None:
    assert written(part) == ([{"type": "text", "text": "a"}], [])


def test_empty_words_are_left_out() -> None:
    assert written(Text("")) == ([], [])


def test_image_bytes_are_a_data_url() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert written(Media("image", PNG)) == ([image], [])


@pytest.mark.parametrize("detail", ["auto", "low", "high", "original"])
def test_the_resolution_of_an_image_is_kept(detail: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a", "detail": detail}}
    assert written(Media("image", Link("https://a"), detail=detail)) == ([image], [])


def test_a_resolution_that_nobody_knows_is_left_out_and_named() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a"}}
    assert written(Media("image", Link("https://a"), detail="medium")) == ([image], ["detail"])


def test_a_document_is_a_file_with_a_name() -> None:
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}}
    assert written(Media("document", PDF, name="a.pdf")) == ([file], [])


def test_a_document_without_a_name_gets_one() -> None:
    file = {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}}
    assert written(Media("document", PDF)) == ([file], [])


def test_what_is_said_about_a_document_stands_before_it() -> None:
    parts, _ = written(Media("document", PDF, context="c"))
    assert parts[0] == {"type": "text", "text": "c"}


def test_a_document_that_is_text_is_text_with_its_title() -> None:
    document = Media("document", Plain("words"), name="n", context="c")
    assert written(document) == ([{"type": "text", "text": "[Document: n]\nc\nwords"}], [])


def test_a_text_document_by_bytes_is_text_too() -> None:
    assert written(Media("document", Inline("text/plain", "d29yZHM="))) == ([{"type": "text", "text": "words"}], [])


def test_a_document_by_url_is_lost_but_for_the_url() -> None:
    parts, losses = written(Media("document", Link("https://a")))
    assert (parts, losses) == ([{"type": "text", "text": "[Document: https://a]"}], ["documents by URL"])


def test_citations_cannot_be_asked_for() -> None:
    _, losses = written(Media("document", Plain("words"), cited=True))
    assert losses == ["citations"]


@pytest.mark.parametrize("format_name", ["openai-chat", "openai-responses"])
def test_a_file_of_the_vendors_own_store_is_named(format_name: str) -> None:
    file = {"type": "file", "file": {"file_id": "f"}}
    assert written(Media("document", FileId("f", format_name))) == ([file], [])


@pytest.mark.parametrize("kind", ["image", "document"])
def test_a_file_of_another_store_is_lost(kind: str) -> None:
    media = Media("image" if kind == "image" else "document", FileId("f", "anthropic"))
    assert written(media) == ([{"type": "text", "text": f"[{kind} omitted]"}], [f"{kind} by file id"])


def test_sound_is_bytes_with_a_format() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}
    assert written(Media("audio", Inline("audio/mpeg", "AA"))) == ([sound], [])


def test_sound_by_url_is_lost() -> None:
    parts, losses = written(Media("audio", Link("https://a")))
    assert (parts, losses) == ([{"type": "text", "text": "[audio omitted]"}], ["audio by reference"])


def test_film_is_a_url() -> None:
    video = {"type": "video_url", "video_url": {"url": "https://a"}}
    assert written(Media("video", Link("https://a"))) == ([video], [])


def test_a_part_of_its_own_stands_as_it_stood() -> None:
    assert written(VendorPart("openai-chat", {"type": "x", "y": 1})) == ([{"type": "x", "y": 1}], [])


def test_a_part_of_another_format_is_lost() -> None:
    assert written(VendorPart("gemini", {"type": "x"})) == ([], ["gemini x"])


def test_thinking_is_not_what_a_user_says() -> None:
    assert written(Thinking("hm")) == ([], ["Thinking"])


def test_one_text_is_a_string() -> None:
    assert plain_or_parts([{"type": "text", "text": "a"}]) == "a"


def test_nothing_is_an_empty_string() -> None:
    assert plain_or_parts([]) == ""


def test_more_is_a_list() -> None:
    parts = media_parts(Media("image", PNG), Losses())
    assert plain_or_parts(parts) == parts
