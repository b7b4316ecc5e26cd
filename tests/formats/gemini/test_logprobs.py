"""Probabilities of tokens."""

from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.formats.gemini.logprobs import read_logprobs, written_logprobs

GOOGLES: dict[str, Json] = {
    "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
    "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -1.5}]}],
}
OURS: list[Json] = [
    {
        "token": "é",
        "logprob": -0.5,
        "bytes": [195, 169],
        "top_logprobs": [
            {"token": "é", "logprob": -0.5, "bytes": [195, 169]},
            {"token": "e", "logprob": -1.5, "bytes": [101]},
        ],
    }
]


def test_they_are_read_as_openai_chat_writes_them() -> None:
    assert read_logprobs(GOOGLES) == OURS


def test_they_are_written_as_google_does() -> None:
    assert written_logprobs(OURS) == GOOGLES


def test_a_token_without_alternatives_has_none() -> None:
    read = read_logprobs({"chosen_candidates": [{"token": "a", "log_probability": -1}]})
    assert read == [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}]


@pytest.mark.parametrize("value", [None, [], {"chosenCandidates": [3, {"token": 1}]}])
def test_nonsense_is_none(value: object) -> None:
    assert read_logprobs(value) is None


def test_entries_that_are_none_are_not_written() -> None:
    assert written_logprobs([3, None]) is None
