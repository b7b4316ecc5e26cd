"""Readers of replies in another format: how a reply stands after each piece, and what the client is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson
import pytest

from cliproxy.conversation.events import Closed, Delta, Ended, Event, Failed, Finished, Opened, Started, Stop, Used
from cliproxy.conversation.parts import Text
from cliproxy.conversation.reply import Fold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported, TimedOut, UpstreamTrouble
from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.sse import MAX_EVENT_BYTES
from cliproxy.formats.wire import SILENT_HEARTBEAT, Complaint, WireFormat
from cliproxy.translate import translated
from cliproxy.translate.translated import (
    MAX_SHORT_BODY_BYTES,
    BodySource,
    KeepingWriter,
    RewordedBody,
    StreamSource,
    TranslatedReply,
    told_count,
    told_error,
)
from tests.support.crossing import HELLO, events_of
from tests.support.translating import GRAMMARS, PAIRS, TELLERS, WIRES, reader

OPENED: Final[Sequence[Event]] = (Started("r1", "m"), Opened(0, Text("")))
ENDED: Final[Sequence[Event]] = (Closed(0), Finished(Stop.END), Used(Usage(1, 0, 0, 0, 1)), Ended())


class Scripted:
    """A source that says what the test says, a list of events for each piece."""

    def __init__(self, *said: Sequence[Event]) -> None:
        self._said = list(said)

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """The next of them."""
        return self._said.pop(0) if self._said else ()

    def finish(self) -> Sequence[Event]:
        """What is left."""
        return [event for events in self._said for event in events]


class Words:
    """Writes the name of each event."""

    def feed(self, event: Event) -> bytes:
        """In angle brackets."""
        return b"<%b>" % type(event).__name__.encode()


class Doubling:
    """A stage that tells everything but the end twice."""

    def feed(self, event: Event) -> Sequence[Event]:
        """Twice."""
        return (event,) if isinstance(event, Ended) else (event, event)


def reply(*said: Sequence[Event], streamed: bool = True, stages: Sequence[Doubling] = ()) -> TranslatedReply:
    return TranslatedReply(Scripted(*said), stages, Words(), ANTHROPIC, streamed)


# -- how a reply stands


def test_an_opening_proves_nothing() -> None:
    found = reply((Started(), Used(Usage())))
    assert found.feed(b"x") == b"<Started><Used>"
    assert (found.proven, found.complete) == (False, False)


@pytest.mark.parametrize("event", [Opened(0, Text("")), Finished(Stop.END), Delta(0, "x")])
def test_content_proves_a_stream(event: Event) -> None:
    found = reply((Started(), event))
    found.feed(b"x")
    assert found.proven


def test_content_does_not_prove_a_whole_reply() -> None:
    found = reply(OPENED, streamed=False)
    found.feed(b"x")
    assert not found.proven


@pytest.mark.parametrize("streamed", [True, False])
def test_the_end_proves_and_completes_a_reply(streamed: bool) -> None:
    found = reply((*OPENED, *ENDED), streamed=streamed)
    found.feed(b"x")
    assert (found.proven, found.complete, found.trouble) == (True, True, None)


def test_nothing_behind_the_end_is_told() -> None:
    found = reply((*OPENED, *ENDED, Failed(500, "late")), OPENED)
    assert found.feed(b"x").endswith(b"<Ended>")
    assert (found.feed(b"y"), found.finish(), found.failed(Broken("z"), "req_1")) == (b"", b"", b"")
    assert (found.trouble, found.reported) == (None, None)


def test_what_is_left_is_told_at_the_end_of_the_body() -> None:
    found = reply(OPENED, ENDED)
    found.feed(b"x")
    assert found.finish().endswith(b"<Ended>")
    assert found.complete


def test_stages_come_before_the_writer() -> None:
    assert reply((Started(), Used(Usage())), stages=[Doubling()]).feed(b"x") == b"<Started><Started><Used><Used>"


def test_several_stages_come_one_after_another() -> None:
    assert reply((Started(),), stages=[Doubling(), Doubling()]).feed(b"x") == b"<Started>" * 4


# -- trouble


def test_an_error_before_content_is_trouble_and_not_told() -> None:
    found = reply((Started(), Failed(429, "Slow down")))
    assert found.feed(b"x") == b"<Started>"
    assert isinstance(found.trouble, Reported)
    assert (found.trouble.status, found.trouble.message) == (429, "Slow down")
    assert (found.complete, found.reported) == (False, None)


def test_an_error_after_content_ends_the_reply_and_is_reported() -> None:
    found = reply((*OPENED, Failed(429, "Slow down"), *ENDED))
    assert found.feed(b"x") == b"<Started><Opened><Failed>"
    assert isinstance(found.reported, Reported)
    assert (found.complete, found.trouble, found.reported.status) == (True, None, 429)


def test_an_error_in_a_whole_reply_is_trouble_whatever_came() -> None:
    found = reply((*OPENED, Failed(429, "Slow down")), streamed=False)
    found.feed(b"x")
    assert isinstance(found.trouble, Reported)


@pytest.mark.parametrize("before", [(), OPENED])
def test_a_reply_that_stops_short_is_broken_wherever_it_stops(before: Sequence[Event]) -> None:
    found = reply((*before, Failed(502, "It stopped.", early_end=True)))
    assert b"Failed" not in found.feed(b"x")
    assert isinstance(found.trouble, Broken)
    assert found.trouble.message == "It stopped."


@pytest.mark.parametrize("before", [(), OPENED])
def test_that_a_prompt_is_too_long_is_not_forgotten(before: Sequence[Event]) -> None:
    """What a code said, and not the words, was lost."""
    found = reply((*before, Failed(400, "Too much.", context_overflow=True)))
    found.feed(b"x")
    reported = found.trouble or found.reported
    assert isinstance(reported, Reported)
    assert reported.context_overflow


def test_after_trouble_nothing_more_is_told() -> None:
    found = reply((Failed(500, "x"),), (*OPENED, *ENDED))
    found.feed(b"x")
    assert (found.feed(b"y"), found.finish(), found.proven) == (b"", b"", False)


def test_trouble_after_the_first_byte_is_told_once() -> None:
    found = reply(OPENED)
    found.feed(b"x")
    assert found.failed(TimedOut("Silence."), "req_1")
    assert found.failed(TimedOut("Silence."), "req_1") == b""
    assert found.complete


def test_trouble_with_a_whole_reply_has_no_words() -> None:
    assert reply(OPENED, streamed=False).failed(Broken("x"), "req_1") == b""


# -- heartbeats


def test_until_content_a_heartbeat_is_an_empty_line() -> None:
    found = reply((Started(),))
    assert found.heartbeat == SILENT_HEARTBEAT
    found.feed(b"x")
    assert found.heartbeat == SILENT_HEARTBEAT


def test_from_then_on_it_is_the_clients_own() -> None:
    found = reply(OPENED)
    found.feed(b"x")
    assert found.heartbeat == ANTHROPIC.heartbeat


def test_a_whole_reply_has_none() -> None:
    found = reply(OPENED, streamed=False)
    found.feed(b"x")
    assert found.heartbeat == b""


# -- writers


@pytest.mark.parametrize("pair", PAIRS)
def test_a_whole_reply_is_written_with_its_last_event(pair: tuple[str, str]) -> None:
    upstream, client = pair
    found = reader(upstream, client, stream=False, streams=True)
    *most, last = events_of(upstream)
    assert b"".join(found.feed(event) for event in most if found.complete is False) in (b"", found.feed(b""))
    told = found.feed(last) + found.finish()
    assert told == b"" or GRAMMARS[client].read(told).answers[0].joined("text") == "Hello"


def test_a_reply_that_is_kept_is_not_told() -> None:
    kept = Fold()
    writer = KeepingWriter(kept)
    assert b"".join(writer.feed(event) for event in (*OPENED, Delta(0, "Hi"), *ENDED)) == b""
    assert kept.reply().choices[0].parts == (Text("Hi"),)


# -- what a reply took


def test_an_opening_says_what_was_read() -> None:
    found = reply((Started("r1", "m", Usage(9, 70)), Opened(0, Text(""))))
    found.feed(b"x")
    assert found.usage == Usage(9, 70)


def test_the_last_word_on_it_counts() -> None:
    found = reply((Started("r1", "m", Usage(9, 70)), Used(Usage(9, 70, output=1))), ENDED)
    found.feed(b"x")
    found.feed(b"y")
    assert found.usage == Usage(1, 0, 0, 0, 1)


def test_a_reply_of_which_nobody_tells_took_nothing() -> None:
    found = reply(OPENED, (Finished(Stop.END), Ended()))
    found.feed(b"x")
    found.feed(b"y")
    assert found.usage == Usage()


def test_a_reply_that_breaks_has_told_what_it_read() -> None:
    found = reply((Started("r1", "m", Usage(9)), Opened(0, Text("")), Failed(500, "Alas")))
    found.feed(b"x")
    assert found.usage == Usage(9)


@pytest.mark.parametrize("pair", PAIRS, ids=" to ".join)
@pytest.mark.parametrize("stream", [True, False])
def test_what_the_upstream_said_is_known_whatever_the_client_is_told(pair: tuple[str, str], stream: bool) -> None:
    upstream, client = pair
    found = reader(upstream, client, stream=stream)
    for piece in events_of(upstream):
        found.feed(piece)
    found.finish()
    assert found.usage == Usage(input=7, output=2)


def test_a_short_body_took_nothing() -> None:
    assert RewordedBody(bytes.upper).usage == Usage()


# -- what an upstream sends


def read(pieces: Sequence[bytes], wire: str = "openai-chat") -> list[Event]:
    """What some pieces of a stream say, and its end."""
    source = StreamSource(FORMATS[wire], CODECS[wire].reply_decoder())
    return [event for piece in pieces for event in source.feed(piece)] + list(source.finish())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "noise", [b": OPENROUTER PROCESSING\n\n", b"\n", b"\r\n", b"event: ping\n\n", b"id: 1\n\n", b"retry: 5\n\n"]
)
def test_what_says_nothing_between_events_is_no_trouble(wire: str, noise: bytes) -> None:
    told = read([piece for event in events_of(wire) for piece in (noise, event)], wire)
    assert told == read(events_of(wire), wire)


@pytest.mark.parametrize(
    "piece", [b"data: {\n\n", b"data: 7\n\n", b"data: []\n\n", b"<html>\n\n", b"data: \xff\n\n", b"data: [DONE\n\n"]
)
def test_what_is_no_event_breaks_the_reply(piece: bytes) -> None:
    source = StreamSource(FORMATS["openai-chat"], CODECS["openai-chat"].reply_decoder())
    (failed,) = source.feed(piece)
    assert isinstance(failed, Failed)
    assert failed.early_end


def test_an_endless_event_breaks_the_reply() -> None:
    assert isinstance(read([b"data: " + b"x" * MAX_EVENT_BYTES])[0], Failed)


@pytest.mark.parametrize("pieces", [[], [b""]])
def test_an_empty_stream_is_called_so(pieces: list[bytes]) -> None:
    (failed,) = read(pieces)
    assert isinstance(failed, Failed)
    assert failed.message == "The upstream answered with an empty stream."


def test_the_wires_own_end_mark_ends_a_reply_before_its_body_does() -> None:
    source = StreamSource(FORMATS["openai-chat"], CODECS["openai-chat"].reply_decoder())
    told = [event for piece in events_of("openai-chat") for event in source.feed(piece)]
    assert isinstance(told[-1], Ended)


@pytest.mark.parametrize("wire", WIRES)
def test_a_whole_body_is_read_at_its_end(wire: str) -> None:
    source = BodySource(CODECS[wire])
    body = TELLERS[wire].whole(HELLO)
    assert (source.feed(body[:9]), source.feed(body[9:])) == ((), ())
    assert isinstance(source.finish()[-1], Ended)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"{", b"\xff", b"{}", b"null", b"[" * 9000])
def test_what_is_no_body_is_broken(body: bytes) -> None:
    source = BodySource(CODECS["openai-chat"])
    source.feed(body)
    (failed,) = source.finish()
    assert isinstance(failed, Failed)
    assert failed.early_end
    assert failed.message


def test_an_error_in_the_place_of_a_reply_has_its_status() -> None:
    source = BodySource(CODECS["openai-chat"])
    source.feed(b'{"error":{"message":"Slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}')
    assert source.finish() == (Failed(429, "Slow down"),)


def test_a_body_without_bound_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translated, "MAX_BODY_BYTES", 10)
    (failed,) = BodySource(CODECS["openai-chat"]).feed(b"x" * 11)
    assert isinstance(failed, Failed)


# -- short bodies


def test_a_short_body_is_reworded_when_it_is_there() -> None:
    found = RewordedBody(bytes.upper)
    assert found.feed(b"ab") + found.feed(b"c") == b""
    assert not found.proven
    assert (found.finish(), found.complete) == (b"ABC", True)


def test_a_short_body_that_is_not_short_is_cut() -> None:
    found = RewordedBody(lambda body: b"%d" % len(body))
    for _ in range(3):
        found.feed(b"x" * (MAX_SHORT_BODY_BYTES - 1))
    assert int(found.finish()) == MAX_SHORT_BODY_BYTES


def test_a_short_body_that_cannot_be_reworded_is_trouble() -> None:
    def refuse(_: bytes) -> bytes:
        raise Broken("No count.")

    found = RewordedBody(refuse)
    assert found.finish() == b""
    assert isinstance(found.trouble, Broken)
    assert not found.complete


def test_a_short_body_has_no_words_for_its_own_trouble() -> None:
    assert RewordedBody(bytes.upper).failed(Broken("x"), "req_1") == b""


COUNTING: Final = ("anthropic", "openai-responses", "gemini")


@pytest.mark.parametrize("upstream", COUNTING)
@pytest.mark.parametrize("client", COUNTING)
def test_a_count_is_told_in_the_clients_words(upstream: str, client: str) -> None:
    encode = CODECS[upstream].encode_count
    assert encode is not None
    told = told_count(CODECS[upstream], CODECS[client], encode(7))
    assert CODECS[client].decode_count(orjson.loads(told)) == 7


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"7", b"<html>", b'{"input_tokens":null}', b'{"input_tokens":-1}'])
def test_what_is_no_count_is_broken(body: bytes) -> None:
    with pytest.raises(Broken):
        told_count(CODECS["anthropic"], CODECS["gemini"], body)


def test_a_client_that_cannot_be_told_a_count_is_told_of_trouble() -> None:
    with pytest.raises(Broken):
        told_count(CODECS["anthropic"], CODECS["openai-chat"], b'{"input_tokens":7}')


# -- errors


@pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)
def test_an_error_in_the_clients_own_format_is_the_same_bytes(wire: WireFormat) -> None:
    body = b'{ "error":{"kept":1.0e2}}'
    assert told_error(wire, wire, 400, body, "req_1") == body


@pytest.mark.parametrize("pair", PAIRS)
def test_an_errors_message_is_kept(pair: tuple[str, str]) -> None:
    upstream, client = (FORMATS[name] for name in pair)
    body = upstream.error_body(Complaint(404, "No such model: m", "req_up"))
    assert client.error_message(told_error(upstream, client, 404, body, "req_1")) == "No such model: m"


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\x00", b'{"error":null}', b'{"error":{"message":7}}'])
def test_an_error_without_words_is_told_as_one(pair: tuple[str, str], body: bytes) -> None:
    told = orjson.loads(told_error(FORMATS[pair[0]], FORMATS[pair[1]], 500, body, "req_1"))
    assert told["error"]["message"]


def test_the_clients_request_id_is_told_and_not_the_upstreams() -> None:
    body = FORMATS["openai-chat"].error_body(Complaint(400, "x", "req_up"))
    assert orjson.loads(told_error(FORMATS["openai-chat"], ANTHROPIC, 400, body, "req_1"))["request_id"] == "req_1"


def test_trouble_of_any_kind_is_told_by_a_stream() -> None:
    kinds: Sequence[Callable[[str], UpstreamTrouble]] = (Broken, TimedOut)
    for kind in kinds:
        found = reader("openai-chat", "anthropic")
        for event in events_of("openai-chat")[:2]:
            found.feed(event)
        assert b"Alas." in found.failed(kind("Alas."), "req_1")
