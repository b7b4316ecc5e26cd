from __future__ import annotations

import pytest

from cliproxy.formats.anthropic.marks import mark
from cliproxy.formats.wire import Mark


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("message_start", Mark.OPENING),
        ("ping", Mark.OPENING),
        ("content_block_start", Mark.CONTENT),
        ("content_block_delta", Mark.CONTENT),
        ("content_block_stop", Mark.CONTENT),
        ("message_delta", Mark.SUMMARY),
        ("message_stop", Mark.LAST),
        ("error", Mark.FAILED),
    ],
)
def test_each_kind_of_event_has_its_meaning(kind: str, meaning: Mark) -> None:
    assert mark({"type": kind}) is meaning


@pytest.mark.parametrize("event", [{"type": "news"}, {"type": None}, {"type": ["error"]}, {"type": {}}, {}])
def test_an_event_of_an_unknown_kind_is_content(event: dict[str, object]) -> None:
    assert mark(event) is Mark.CONTENT
