from __future__ import annotations

from cliproxy.conversation.parts import Citation
from cliproxy.formats.openai_responses.citations import read_citation, read_logprobs, write_citation, write_logprobs


def test_a_citation_of_an_address_is_read_with_its_place() -> None:
    annotation = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 3, "end_index": 9}
    assert read_citation(annotation) == Citation("https://a.example", "A", start=3, end=9)


def test_a_citation_of_a_file_is_not_read() -> None:
    assert read_citation({"type": "file_citation", "file_id": "f", "filename": "a", "index": 0}) is None


def test_a_citation_without_address_is_not_read() -> None:
    assert read_citation({"type": "url_citation", "url": None}) is None


def test_places_that_are_no_numbers_are_unknown() -> None:
    citation = read_citation({"type": "url_citation", "url": "u", "start_index": "3", "end_index": -1})
    assert citation == Citation("u")


def test_a_citation_without_place_is_of_the_whole_text() -> None:
    assert write_citation(Citation("u", "T"), 12) == {
        "type": "url_citation",
        "url": "u",
        "title": "T",
        "start_index": 0,
        "end_index": 12,
    }


def test_probabilities_of_deltas_have_no_bytes() -> None:
    told = [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1.0}]}]
    assert read_logprobs(told) == [
        {
            "token": "a",
            "logprob": -0.5,
            "bytes": None,
            "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": None}],
        }
    ]


def test_an_empty_list_of_probabilities_is_none() -> None:
    assert read_logprobs([]) is None


def test_probabilities_are_written_with_bytes() -> None:
    assert write_logprobs([{"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": []}]) == [
        {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}
    ]
