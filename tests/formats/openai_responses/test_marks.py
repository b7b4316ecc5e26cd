from __future__ import annotations

import pytest

from cliproxy.formats.openai_responses.marks import mark
from cliproxy.formats.wire import Mark


@pytest.mark.parametrize("kind", ["response.created", "response.in_progress", "response.queued", "keepalive"])
def test_the_beginning_is_no_content(kind: str) -> None:
    assert mark({"type": kind}) is Mark.OPENING


@pytest.mark.parametrize("kind", ["reasoning", "message"])
def test_an_item_is_content(kind: str) -> None:
    assert mark({"type": "response.output_item.added", "item": {"type": kind}}) is Mark.CONTENT


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_the_whole_response_is_the_last(kind: str) -> None:
    assert mark({"type": kind}) is Mark.LAST


@pytest.mark.parametrize("kind", ["response.failed", "error"])
def test_an_error_is_a_failure(kind: str) -> None:
    assert mark({"type": kind}) is Mark.FAILED


@pytest.mark.parametrize("kind", ["response.new_thing", None, 3, []])
def test_what_is_unknown_is_content(kind: object) -> None:
    assert mark({"type": kind}) is Mark.CONTENT
