from __future__ import annotations

from cliproxy.formats.openai_responses import CODEC, OPENAI_RESPONSES


def test_the_format_has_its_name() -> None:
    assert OPENAI_RESPONSES.name == "openai-responses"


def test_an_empty_line_keeps_a_stream_alive() -> None:
    assert OPENAI_RESPONSES.heartbeat == b"\n"


def test_a_stream_has_no_mark_behind_its_last_event() -> None:
    assert OPENAI_RESPONSES.end_mark is None


def test_stop_sequences_are_left_to_the_fitting() -> None:
    assert CODEC.limits.stops == 0


def test_tokens_are_counted() -> None:
    assert CODEC.decode_count({"input_tokens": 3}) == 3
