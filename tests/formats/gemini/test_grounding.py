"""What a search found, and what rests on it."""

from __future__ import annotations

from cliproxy.conversation.parts import Citation, Hit, Json
from cliproxy.formats.gemini.grounding import Found, Grounds, Stretch, citations, read_citations, read_grounding
from cliproxy.formats.gemini.visible import Visible

METADATA: dict[str, Json] = {
    "webSearchQueries": ["coffee"],
    "groundingChunks": [{"web": {"uri": "https://a.org", "title": "A"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 3, "endIndex": 6, "text": "☕"}, "groundingChunkIndices": [0]},
    ],
}
A = Hit("https://a.org", "A")


def visible(*pieces: str) -> Visible:
    seen = Visible()
    for piece in pieces:
        seen.add(piece)
    return seen


def placed(stretch: Stretch, seen: Visible, part_start: int = 0) -> Citation:
    (citation,) = citations([stretch], seen, part_start)
    return citation


def test_queries_sources_and_stretches_are_read() -> None:
    assert read_grounding(METADATA) == Found(("coffee",), (A,), (Stretch(A, 3, 6, "☕"),))


def test_a_zero_that_is_left_out_is_a_zero() -> None:
    support: Json = {"segment": {"endIndex": 2}, "groundingChunkIndices": [0]}
    found = read_grounding({**METADATA, "groundingSupports": [support]})
    assert found.stretches == (Stretch(A, 0, 2),)


def test_a_source_that_does_not_exist_is_left_out() -> None:
    support: Json = {"segment": {"endIndex": 2}, "groundingChunkIndices": [7, -1, "x"]}
    assert read_grounding({**METADATA, "groundingSupports": [support]}).stretches == ()


def test_nonsense_grounds_nothing() -> None:
    assert read_grounding([]) == Found()
    assert read_grounding({"groundingChunks": [3, {"web": 4}], "groundingSupports": [5, {}]}) == Found()


def test_texts_that_the_answer_repeats_are_read() -> None:
    found = read_citations({"citationSources": [{"startIndex": 1, "endIndex": 4, "uri": "https://a.org"}, {}]})
    assert found.stretches == (Stretch(Hit("https://a.org"), 1, 4),)


def test_bytes_become_code_points() -> None:
    assert placed(Stretch(A, 3, 6, "☕"), visible("né", "☕")) == Citation("https://a.org", "A", start=2, end=3)


def test_positions_count_within_the_part() -> None:
    assert placed(Stretch(A, 3, 5), visible("abc", "de"), part_start=3) == Citation(
        "https://a.org", "A", start=0, end=2
    )


def test_the_words_are_believed_rather_than_the_positions() -> None:
    assert placed(Stretch(A, 0, 2, "cd"), visible("abcd")) == Citation("https://a.org", "A", start=2, end=4)


def test_what_stands_before_the_part_has_no_place_in_it() -> None:
    assert placed(Stretch(A, 0, 2), visible("abcd"), part_start=3) == Citation("https://a.org", "A")


def test_words_that_were_never_said_have_no_place() -> None:
    assert placed(Stretch(A, 0, 2, "xyz"), visible("abcd")) == Citation("https://a.org", "A")


def test_what_lies_behind_the_end_has_no_place() -> None:
    assert placed(Stretch(A, 2, 99), visible("abcd")) == Citation("https://a.org", "A")


def test_the_way_back_gives_the_same_metadata() -> None:
    grounds = Grounds()
    grounds.search('{"query":"coffee"}')
    grounds.hit(A)
    grounds.visible.add("né☕")
    grounds.cite(Citation("https://a.org", "A", start=2, end=3), 0)
    assert grounds.written() == METADATA


def test_a_citation_without_a_place_speaks_of_its_whole_part() -> None:
    grounds = Grounds()
    grounds.visible.add("ab")
    grounds.visible.add("cd")
    grounds.cite(Citation("https://a.org"), 2)
    written = grounds.written()
    assert written is not None
    assert written["groundingSupports"] == [
        {"segment": {"startIndex": 2, "endIndex": 4, "text": "cd"}, "groundingChunkIndices": [0]}
    ]


def test_stretches_with_several_sources_are_told_once() -> None:
    grounds = Grounds()
    grounds.visible.add("ab")
    for url in ("https://a.org", "https://b.org", "https://a.org"):
        grounds.cite(Citation(url, start=0, end=2), 0)
    written = grounds.written()
    assert written is not None
    assert written["groundingSupports"] == [
        {"segment": {"startIndex": 0, "endIndex": 2, "text": "ab"}, "groundingChunkIndices": [0, 1]}
    ]


def test_nothing_grounds_nothing() -> None:
    assert Grounds().written() is None
