from __future__ import annotations

import pytest

from cliproxy.conversation.parts import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    VendorPart,
)
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_parts import content, mark_of, result_content, with_mark
from cliproxy.formats.openai_chat.fields import Place


def part(value: object) -> Part:
    (found,) = content(Place({"content": [value]}))
    return found


def complaint(value: object) -> str:
    with pytest.raises(BadRequest) as caught:
        content(Place({"content": value}, "messages.0"))
    return caught.value.message


def given(value: object) -> tuple[Part, ...]:
    return result_content(Place({"content": value}))


def test_a_string_is_text() -> None:
    assert content(Place({"content": "a"})) == (Text("a"),)


@pytest.mark.parametrize("value", [None, "", [], [{"type": "text", "text": ""}]])
def test_empty_content_has_no_parts(value: object) -> None:
    assert content(Place({"content": value})) == ()


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_text_has_three_names(kind: str) -> None:
    assert part({"type": kind, "text": "a"}) == Text("a")


def test_a_refusal_is_one() -> None:
    assert part({"type": "refusal", "refusal": "no"}) == Refusal("no")


def test_thinking_of_mistrals_is_thinking() -> None:
    assert part({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}) == Thinking("hm")


def test_an_image_by_data_url_is_bytes() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}
    assert part(image) == Media("image", Inline("image/png", "AA"), detail="low")


def test_an_image_by_url_is_a_link() -> None:
    assert part({"type": "image_url", "image_url": "https://a"}) == Media("image", Link("https://a"))


def test_an_image_of_responses_is_read_too() -> None:
    image = {"type": "input_image", "image_url": "https://a", "detail": "high"}
    assert part(image) == Media("image", Link("https://a"), detail="high")
    assert part({"type": "input_image", "file_id": "f"}) == Media("image", FileId("f", "openai-chat"))


@pytest.mark.parametrize(("word", "media_type"), [("mp3", "audio/mpeg"), ("wav", "audio/wav")])
def test_sound_is_bytes(word: str, media_type: str) -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AA", "format": word}}
    assert part(sound) == Media("audio", Inline(media_type, "AA"))


def test_a_file_by_data_url_is_a_document() -> None:
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}}
    assert part(file) == Media("document", Inline("application/pdf", "AA"), name="a.pdf")


def test_a_file_by_bare_base64_is_known_by_its_beginning() -> None:
    file = {"type": "file", "file": {"file_data": "JVBERi0x"}}
    assert part(file) == Media("document", Inline("application/pdf", "JVBERi0x"))


def test_a_file_by_id_lies_with_its_vendor() -> None:
    assert part({"type": "file", "file": {"file_id": "f"}}) == Media("document", FileId("f", "openai-chat"))


def test_a_file_that_is_an_image_is_an_image() -> None:
    file = {"type": "file", "file": {"file_data": "data:image/png;base64,AA"}}
    assert part(file) == Media("image", Inline("image/png", "AA"))


def test_film_is_film() -> None:
    assert part({"type": "video_url", "video_url": {"url": "https://a"}}) == Media("video", Link("https://a"))


def test_an_unknown_part_is_carried_as_it_stands() -> None:
    assert part({"type": "news", "x": 1}) == VendorPart("openai-chat", {"type": "news", "x": 1})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "messages.0.content: A string or a list of parts was expected."),
        ([3], "messages.0.content.0: An object was expected."),
        ([{}], "messages.0.content.0.type: Field required."),
        ([{"type": "text", "text": 3}], "messages.0.content.0.text: A string was expected."),
        ([{"type": "image_url"}], "messages.0.content.0.image_url: Field required."),
        ([{"type": "image_url", "image_url": {}}], "messages.0.content.0.image_url.url: Field required."),
        ([{"type": "file", "file": {}}], "messages.0.content.0.file.file_data: Field required."),
    ],
)
def test_a_mistake_is_told_with_its_path(value: object, told: str) -> None:
    assert complaint(value) == told


@pytest.mark.parametrize(
    ("control", "mark"),
    [
        ({"type": "ephemeral"}, CacheMark()),
        ({"type": "ephemeral", "ttl": "1h"}, CacheMark("1h")),
        ({"ttl": "9h"}, CacheMark()),
        ("x", None),
    ],
)
def test_cache_control_is_a_cache_mark(control: object, mark: CacheMark | None) -> None:
    assert part({"type": "text", "text": "a", "cache_control": control}) == Text("a", mark)


def test_openais_own_breakpoint_is_one_too() -> None:
    assert mark_of(Place({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}})) == CacheMark()


def test_a_messages_mark_is_its_last_parts() -> None:
    assert with_mark((Text("a"), Text("b")), CacheMark("1h")) == (Text("a"), Text("b", CacheMark("1h")))


def test_a_parts_own_mark_wins() -> None:
    assert with_mark((Text("a", CacheMark("5m")),), CacheMark("1h")) == (Text("a", CacheMark("5m")),)


def test_a_mark_on_what_bears_none_is_let_go() -> None:
    assert with_mark((Refusal("a"),), CacheMark()) == (Refusal("a"),)
    assert with_mark((ToolResult("1", ()),), CacheMark()) == (ToolResult("1", (), cache=CacheMark()),)


def test_a_tool_gives_text_and_images() -> None:
    value = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a"}}]
    assert given(value) == (Text("a"), Media("image", Link("https://a")))


def test_images_that_were_sent_as_text_are_unwrapped() -> None:
    value = '[{"type":"text","text":"a"},{"type":"input_image","image_url":"https://a","detail":"high"}]'
    assert given(value) == (Text("a"), Media("image", Link("https://a"), detail="high"))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        "[1, 2]",
        '[{"type":"text","text":"an image_url"}]',
        '["image_url"]',
        '[{"type":"image_url"}]',
        '[{"type":"text","text":"\\"image_url\\""}]',
        '[{"type": "image_url", "image_url"',
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert given(text) == (Text(text),)


@pytest.mark.parametrize(
    ("value", "text"),
    [({"a": 1}, '{"a":1}'), (3, "3"), ([{"a": 1}], '{"a":1}'), ([{"type": "image_url"}], '{"type":"image_url"}')],
)
def test_what_is_no_content_becomes_its_json(value: object, text: str) -> None:
    assert given(value) == (Text(text),)


def test_a_tool_may_give_nothing() -> None:
    assert given(None) == given("") == given([]) == ()
