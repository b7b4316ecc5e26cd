from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Inline, Link, Media, Refusal, Text, Thinking
from cliproxy.formats.openai_chat.content import images_of, pieces_of


def test_a_string_is_text() -> None:
    assert list(pieces_of("a")) == [Text("a")]


def test_a_list_holds_parts_in_order() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
        {"type": "text", "text": "a"},
        {"type": "refusal", "refusal": "no"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]
    assert list(pieces_of(content)) == [
        Thinking("hm"),
        Text("a"),
        Refusal("no"),
        Media("image", Inline("image/png", "AA")),
    ]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        3,
        {},
        [None],
        [{}],
        [{"type": []}],
        [{"type": "news"}],
        [{"type": "text", "text": 3}],
        [{"type": "thinking"}],
    ],
)
def test_what_cannot_be_understood_is_left_out(content: object) -> None:
    assert list(pieces_of(content)) == []


def test_images_may_be_urls() -> None:
    assert list(images_of([{"image_url": {"url": "https://a"}}, {"image_url": "https://b"}, {}, 3])) == [
        Media("image", Link("https://a")),
        Media("image", Link("https://b")),
    ]
