from __future__ import annotations

import orjson

from cliproxy.formats import sse
from cliproxy.formats.anthropic import ANTHROPIC, CODEC
from cliproxy.formats.wire import Mark


def test_the_door_reads_model_and_stream() -> None:
    peek = ANTHROPIC.peek(b'{"model":"m","stream":true}')
    assert (peek.model, peek.stream) == ("m", True)


def test_the_heartbeat_opens_nothing_and_ends_nothing() -> None:
    (payload,) = sse.payloads(ANTHROPIC.heartbeat)
    assert ANTHROPIC.mark(orjson.loads(payload)) is Mark.OPENING


def test_a_stream_has_no_mark_of_its_end_but_its_last_event() -> None:
    assert ANTHROPIC.end_mark is None


def test_the_codec_has_a_counter_of_tokens() -> None:
    assert CODEC.encode_count is not None
    assert CODEC.decode_count(orjson.loads(CODEC.encode_count(7))) == 7
