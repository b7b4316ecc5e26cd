from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Citation
from cliproxy.formats.openai_chat.citations import annotation_for, citations_of


def annotation(**cited: object) -> dict[str, object]:
    return {"type": "url_citation", "url_citation": cited}


def test_a_url_citation_is_read() -> None:
    found = citations_of([annotation(url="https://a", title="A", start_index=2, end_index=5)])
    assert found == (Citation("https://a", "A", "", 2, 5),)


def test_positions_count_from_the_beginning_of_the_part() -> None:
    assert citations_of([annotation(url="u", start_index=12, end_index=15)], 10) == (Citation("u", start=2, end=5),)


def test_the_words_of_the_source_are_kept() -> None:
    assert citations_of([annotation(url="u", content="q")]) == (Citation("u", quote="q"),)


@pytest.mark.parametrize(
    "value", [None, "x", [None], [{}], [annotation()], [annotation(url=3)], [{"url_citation": []}]]
)
def test_what_is_no_citation_is_left_out(value: object) -> None:
    assert citations_of(value) == ()


def test_positions_are_written_through_the_whole_message() -> None:
    assert annotation_for(Citation("u", "t", "", 2, 5), 10, 20) == {
        "type": "url_citation",
        "url_citation": {"url": "u", "title": "t", "start_index": 12, "end_index": 15},
    }


def test_a_citation_without_positions_is_of_the_text_so_far() -> None:
    assert annotation_for(Citation("u", quote="q"), 10, 20) == {
        "type": "url_citation",
        "url_citation": {"url": "u", "title": "", "start_index": 10, "end_index": 30, "content": "q"},
    }
