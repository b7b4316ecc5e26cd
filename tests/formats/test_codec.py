"""Every codec of the table: complete, with limits that can be kept, and the same in both directions."""

from __future__ import annotations

import re
from typing import Final, get_args

import orjson
import pytest

from cliproxy.conversation.events import Ended, Failed, Finished, Started, Stop
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Text
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.conversation.usage import Usage
from cliproxy.errors import BadRequest, Broken, Reported
from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.codec import NO_CALL_ID, Codec, Dialect, Field, Framing, Support, Target
from cliproxy.formats.wire import Complaint
from cliproxy.upstream.providers import PROVIDERS
from tests.support.events import check_events
from tests.support.translating import WIRES

CLIENTS_ALONE: Final = frozenset(CODECS) - {provider.format for provider in PROVIDERS.values()}
HELLO: Final = Request("test", "m", (Message(Role.USER, (Text("Hi"),)),))
FRAMING: Final = Framing(HELLO, "the-model", "seed1", 1)
ANSWER: Final = Reply("r1", "m", (Choice((Text("Hello"),)),), Usage(input=3, output=2))

every = pytest.mark.parametrize("name", CODECS)
written = pytest.mark.parametrize("name", WIRES)
"""Those that upstreams speak."""


def codec(name: str) -> Codec:
    return CODECS[name]


# -- the table


def test_every_format_has_a_codec() -> None:
    assert CODECS.keys() == FORMATS.keys()


def test_only_the_older_completions_are_spoken_by_no_upstream() -> None:
    assert {"openai-completions"} == CLIENTS_ALONE


@every
def test_what_becomes_of_every_field_is_said(name: str) -> None:
    assert codec(name).support.keys() == set(get_args(Field))


@every
def test_what_a_client_says_are_fields_of_the_table(name: str) -> None:
    assert codec(name).says.keys() <= set(get_args(Field))


@pytest.mark.parametrize("name", CLIENTS_ALONE)
def test_in_a_format_that_no_upstream_speaks_nothing_arrives(name: str) -> None:
    assert set(codec(name).support.values()) == {Support.LOST}


@pytest.mark.parametrize("name", CLIENTS_ALONE)
def test_a_format_that_no_upstream_speaks_is_not_written_to_one(name: str) -> None:
    with pytest.raises(LookupError):
        codec(name).encode_request(HELLO, Target("m"), Losses())


# -- limits


@every
@pytest.mark.parametrize("word", ["look", "write_file", "a-b", "_x", "X9"])
def test_a_plain_name_is_borne_as_it_is(name: str, word: str) -> None:
    limits = codec(name).limits
    assert re.fullmatch(limits.name_pattern, word)
    assert len(word) <= limits.name_length


@every
@pytest.mark.parametrize("word", ["", "a b", "é", "a\n", "a/b", "\x00"])
def test_an_odd_name_is_not(name: str, word: str) -> None:
    assert not re.fullmatch(codec(name).limits.name_pattern, word)


@every
@pytest.mark.parametrize("word", ["call_1", "toolu_01AbC", "fc-9", f"{NO_CALL_ID}0"])
def test_every_vendors_ids_are_borne_as_they_are(name: str, word: str) -> None:
    limits = codec(name).limits
    assert re.fullmatch(limits.id_pattern, word)
    assert len(word) <= limits.id_length


@every
@pytest.mark.parametrize("word", ["", "a b", "é", "a\n"])
def test_an_odd_id_is_not(name: str, word: str) -> None:
    assert not re.fullmatch(codec(name).limits.id_pattern, word)


@every
def test_names_and_ids_have_room_for_a_digest(name: str) -> None:
    limits = codec(name).limits
    assert min(limits.name_length, limits.id_length) >= 40
    assert limits.stops >= 0


@written
def test_several_choices_are_exact_where_the_format_has_them(name: str) -> None:
    exact = codec(name).support["several choices"] is Support.EXACT
    assert codec(name).limits.choices is exact


@written
def test_stop_sequences_are_exact_where_the_format_has_them(name: str) -> None:
    exact = codec(name).support["stop sequences"] is Support.EXACT
    assert (codec(name).limits.stops > 0) is exact


# -- requests


@written
def test_a_request_is_written_and_read_again(name: str) -> None:
    losses = Losses()
    body = codec(name).encode_request(HELLO, Target("up"), losses)
    read = codec(name).decode_request({"model": "up", **body}, losses)
    ((said,),) = [message.parts for message in read.messages]
    assert (read.model, said.text if isinstance(said, Text) else None) == ("up", "Hi")
    assert not losses.dropped


@every
@pytest.mark.parametrize("body", [{}, {"model": "m", "messages": 7, "input": 7, "contents": 7, "prompt": 7}])
def test_what_is_no_request_is_refused(name: str, body: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        codec(name).decode_request(body, Losses())


@every
def test_a_request_names_the_format_it_was_read_from(name: str) -> None:
    body = {
        "model": "m",
        "prompt": "Hi",
        "max_tokens": 5,
        "input": "Hi",
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "messages": [{"role": "user", "content": "Hi"}],
    }
    assert codec(name).decode_request(body, Losses()).format == name


@written
def test_any_dialect_can_be_written(name: str) -> None:
    for dialect in (Dialect(), Dialect(max_tokens_key="max_completion_tokens", developer_role=True, call_ids=False)):
        assert codec(name).encode_request(HELLO, Target("m", dialect, 100), Losses())


@written
def test_writing_a_request_changes_nothing_of_it(name: str) -> None:
    before = repr(HELLO)
    first = codec(name).encode_request(HELLO, Target("m"), Losses())
    assert codec(name).encode_request(HELLO, Target("m"), Losses()) == first
    assert repr(HELLO) == before


# -- replies


@every
def test_a_whole_reply_names_the_model_as_the_client_did(name: str) -> None:
    body = orjson.loads(codec(name).encode_reply(ANSWER, FRAMING))
    (key,) = FORMATS[name].model_in_reply
    assert body[key] == "the-model"


@written
def test_a_whole_reply_is_read_as_it_was_written(name: str) -> None:
    read = codec(name).decode_reply(orjson.loads(codec(name).encode_reply(ANSWER, FRAMING)))
    assert ([choice.parts for choice in read.choices], read.usage) == ([(Text("Hello"),)], ANSWER.usage)


@every
def test_an_encoder_tells_nothing_after_the_end(name: str) -> None:
    encoder = codec(name).reply_encoder(FRAMING)
    for event in (Started(), Finished(Stop.END), Ended()):
        encoder.feed(event)
    assert encoder.feed(Failed(500, "late")) == b""
    assert encoder.feed(Ended()) == b""


@every
def test_an_encoder_can_fail_before_anything_was_told(name: str) -> None:
    encoder = codec(name).reply_encoder(FRAMING)
    assert b"It broke." in encoder.feed(Failed(502, "It broke."))
    assert encoder.feed(Ended()) == b""


@written
def test_a_decoder_that_was_told_nothing_fails_once(name: str) -> None:
    decoder = codec(name).reply_decoder()
    events = [*decoder.finish(), *decoder.finish()]
    check_events(events)
    assert isinstance(events[-1], Failed)
    assert events[-1].early_end


@written
@pytest.mark.parametrize("document", [{}, {"type": "x"}, {"choices": 7}, {"candidates": 7}, {"error": None}])
def test_a_decoder_never_raises(name: str, document: dict[str, object]) -> None:
    decoder = codec(name).reply_decoder()
    decoder.feed(document)
    decoder.finish()
    assert decoder.finish() == () or list(decoder.finish()) == []


@written
@pytest.mark.parametrize("document", [{}, {"a": 1}, {"content": 7}])
def test_what_is_no_reply_is_broken(name: str, document: dict[str, object]) -> None:
    with pytest.raises(Broken):
        codec(name).decode_reply(document)


@written
def test_an_error_in_the_place_of_a_reply_is_reported(name: str) -> None:
    error = orjson.loads(FORMATS[name].error_body(Complaint(503, "It broke.", "req_1")))
    with pytest.raises(Reported, match="It broke"):
        codec(name).decode_reply(error)


# -- token counters


@pytest.mark.parametrize("name", [name for name, found in CODECS.items() if found.encode_count is not None])
@pytest.mark.parametrize("count", [0, 1, 2**40])
def test_a_count_is_read_as_it_was_written(name: str, count: int) -> None:
    encode = codec(name).encode_count
    assert encode is not None
    assert codec(name).decode_count(orjson.loads(encode(count))) == count


@every
@pytest.mark.parametrize("document", [{}, {"input_tokens": -1, "totalTokens": -1}, {"input_tokens": "7"}, {"a": {}}])
def test_what_is_no_count_is_none(name: str, document: dict[str, object]) -> None:
    assert codec(name).decode_count(document) is None


def test_the_wires_with_a_token_counter_are_those_whose_doors_have_one() -> None:
    counting = {name for name, found in CODECS.items() if found.encode_count is not None}
    assert counting == {"anthropic", "openai-responses", "gemini"}
