from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import FileId, Inline, Json, Link, Media, Plain
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses.media import media_type_of, read_audio, read_file, read_image, write_media

PNG = "iVBORw0KGgoAAAA="


def written(media: Media) -> tuple[dict[str, Json] | None, list[str]]:
    losses = Losses()
    return write_media(media, losses), [loss.field for loss in losses]


def test_an_image_as_data_url_is_inline() -> None:
    part: dict[str, Json] = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"}
    assert read_image(part, "p") == Media("image", Inline("image/png", PNG), detail="high")


def test_an_image_at_an_address_is_a_link() -> None:
    assert read_image({"image_url": "https://a.example/b.png"}, "p").source == Link("https://a.example/b.png")


def test_an_image_by_file_id_belongs_to_this_wire() -> None:
    assert read_image({"file_id": "file-1"}, "p").source == FileId("file-1", "openai-responses")


def test_a_detail_that_is_no_word_is_left_out() -> None:
    assert read_image({"image_url": "https://a.example/b.png", "detail": 123}, "p").detail is None


def test_an_image_that_is_nowhere_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^p\.image_url: A string was expected\.$"):
        read_image({}, "p")


def test_a_data_url_without_data_is_refused() -> None:
    with pytest.raises(BadRequest, match="A data URL with a comma"):
        read_image({"image_url": "data:image/png;base64"}, "p")


def test_a_data_url_in_percent_coding_becomes_base64() -> None:
    assert read_file({"file_data": "data:text/plain,a%20b"}, "p").source == Inline("text/plain", "YSBi")


def test_a_file_as_data_url_keeps_its_name() -> None:
    part: dict[str, Json] = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}
    assert read_file(part, "p") == Media("document", Inline("application/pdf", "JVBERi0x"), "a.pdf")


def test_a_file_as_bare_base64_is_known_by_its_beginning() -> None:
    assert read_file({"file_data": "JVBERi0xLjcK"}, "p").source == Inline("application/pdf", "JVBERi0xLjcK")


def test_a_file_that_is_an_image_is_an_image() -> None:
    assert read_file({"file_data": f"data:image/png;base64,{PNG}"}, "p").kind == "image"


def test_a_file_at_an_address_is_a_link() -> None:
    assert read_file({"file_url": "https://a.example/a.pdf"}, "p").source == Link("https://a.example/a.pdf")


def test_mp3_has_its_media_type() -> None:
    sound: dict[str, Json] = {"input_audio": {"data": "AAAA", "format": "mp3"}}
    assert read_audio(sound, "p") == Media("audio", Inline("audio/mpeg", "AAAA"))


def test_an_inline_image_is_written_as_data_url() -> None:
    part, losses = written(Media("image", Inline("image/jpeg", "/9j/AA=="), detail="low"))
    assert part == {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/AA==", "detail": "low"}
    assert losses == []


def test_an_image_without_media_type_is_known_by_its_beginning() -> None:
    part, _ = written(Media("image", Inline("", "R0lGODdh")))
    assert part == {"type": "input_image", "image_url": "data:image/gif;base64,R0lGODdh"}


def test_a_linked_image_is_written_by_its_address() -> None:
    part, _ = written(Media("image", Link("https://a.example/b.png")))
    assert part == {"type": "input_image", "image_url": "https://a.example/b.png"}


def test_a_pdf_without_name_gets_one() -> None:
    part, _ = written(Media("document", Inline("application/pdf", "JVBERi0x")))
    assert part == {
        "type": "input_file",
        "filename": "document.pdf",
        "file_data": "data:application/pdf;base64,JVBERi0x",
    }


def test_a_linked_document_is_written_by_its_address() -> None:
    part, _ = written(Media("document", Link("https://a.example/a.pdf"), "a.pdf"))
    assert part == {"type": "input_file", "filename": "a.pdf", "file_url": "https://a.example/a.pdf"}


def test_a_document_of_text_is_written_as_text_with_its_title() -> None:
    part, losses = written(Media("document", Plain("hello"), "Notes"))
    assert part == {"type": "input_text", "text": '<document title="Notes">\nhello\n</document>'}
    assert losses == ["documents"]


def test_a_file_of_openai_chat_is_of_the_same_store() -> None:
    part, _ = written(Media("document", FileId("file-1", "openai-chat")))
    assert part == {"type": "input_file", "file_id": "file-1"}


def test_a_file_of_another_vendor_is_lost() -> None:
    assert written(Media("image", FileId("file_x", "anthropic"))) == (None, ["image"])


def test_sound_is_written_with_its_format() -> None:
    part, _ = written(Media("audio", Inline("audio/wav", "AAAA")))
    assert part == {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def test_sound_of_another_kind_is_lost() -> None:
    assert written(Media("audio", Inline("audio/flac", "AAAA"))) == (None, ["audio"])


def test_film_is_lost() -> None:
    assert written(Media("video", Link("https://a.example/a.mp4"))) == (None, ["video"])


def test_the_wish_for_citations_of_a_document_is_noted() -> None:
    _, losses = written(Media("document", Link("https://a.example/a.pdf"), cited=True, context="c"))
    assert losses == ["citations", "context"]


def test_an_unknown_beginning_tells_nothing() -> None:
    assert media_type_of("AAAA") == ""
