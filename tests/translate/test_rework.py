"""A reply that is made over before it is read: the reader's word counts, unless there is nothing for it to read."""

from __future__ import annotations

import pytest

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported, UpstreamTrouble
from cliproxy.formats import sse
from cliproxy.formats.openai_responses import OPENAI_RESPONSES
from cliproxy.translate.readers import PassedBody, PassedStream, ReplyReader
from cliproxy.translate.rework import ReworkedReply, whole_events, with_payload


class Louder:
    """Makes letters capital; breaks at a question, is over at a full stop, and says `!` at the end."""

    def __init__(self) -> None:
        self.over = False

    def feed(self, chunk: bytes) -> bytes:
        if b"?" in chunk:
            raise Reported("Why?", 429)
        self.over = self.over or b"." in chunk
        return chunk.upper()

    def finish(self) -> bytes:
        if not self.over:
            raise Broken("It has no end.")
        return b"!"


def reworked(reader: ReplyReader | None = None) -> ReworkedReply:
    return ReworkedReply(Louder(), reader or PassedBody(may_be_empty=False))


def test_what_is_read_is_what_was_made() -> None:
    assert reworked().feed(b"hello") == b"HELLO"


def test_at_the_end_the_last_of_it_is_read() -> None:
    rework = Louder()
    reply = ReworkedReply(rework, PassedBody(may_be_empty=False))
    rework.over = True
    assert reply.finish() == b"!"
    assert reply.complete


def test_a_reply_that_is_over_is_complete_before_its_body_ends() -> None:
    reply = reworked()
    assert reply.feed(b"all.") == b"ALL."
    assert (reply.proven, reply.complete) == (True, True)


def test_trouble_in_the_making_is_trouble_of_the_reply() -> None:
    reply = reworked()
    assert reply.feed(b"what?") == b""
    assert isinstance(reply.trouble, Reported)


def test_an_end_that_comes_too_early_is_trouble() -> None:
    reply = reworked()
    reply.feed(b"hello")
    assert reply.finish() == b""
    assert isinstance(reply.trouble, Broken)
    assert not reply.complete


def test_after_trouble_nothing_is_told() -> None:
    reply = reworked()
    reply.feed(b"what?")
    assert reply.feed(b"hello") + reply.finish() == b""


class _Standing(PassedBody):
    """A reader in an odd state."""

    def __init__(self) -> None:
        super().__init__(may_be_empty=True)
        self.proven, self.complete, self.cut_short = True, True, True
        self.trouble: UpstreamTrouble | None = Broken("It broke.")
        self.reported: UpstreamTrouble | None = Broken("It said so.")
        self.heartbeat, self.usage = b"beat", Usage(output=7)


@pytest.mark.parametrize("name", ["proven", "complete", "cut_short", "trouble", "reported", "heartbeat", "usage"])
def test_how_a_reply_stands_is_for_its_reader_to_say(name: str) -> None:
    reader = _Standing()
    assert getattr(ReworkedReply(Louder(), reader), name) is getattr(reader, name)


def test_a_failure_is_told_in_the_readers_words() -> None:
    told = reworked(PassedStream(OPENAI_RESPONSES)).failed(Broken("It broke."), "req_1")
    assert b"response.failed" in told


def test_an_event_without_an_end_breaks_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 10)
    with pytest.raises(Broken, match="10 bytes"):
        whole_events(sse.EventSplitter(), b"data: " + b"x" * 10)


@pytest.mark.parametrize(
    ("event", "made"),
    [
        (b"data: {}\n\n", b"data: [1]\n\n"),
        (b"data:{}\r\n\r\n", b"data:[1]\r\n\r\n"),
        (b"event: {}\ndata: {}\n\n", b"event: {}\ndata: [1]\n\n"),
        (b"id: 1\ndata: {}\nretry: 2\n\n", b"id: 1\ndata: [1]\nretry: 2\n\n"),
        (b"data: {\ndata: }\n\n", b"data: [1]\n\n"),
        (b"event: e\r\ndata: {\r\ndata: }\r\n\r\n", b"event: e\ndata: [1]\n\n"),
        (b"\xef\xbb\xbfdata: {\ndata: }\n\n", b"data: [1]\n\n"),
    ],
)
def test_of_an_event_the_data_alone_is_another(event: bytes, made: bytes) -> None:
    assert with_payload(event, sse.data_of(event) or b"", b"[1]") == made


def test_json_that_had_lines_stands_in_one() -> None:
    event = b'data: {"a":\ndata: 1}\n\n'
    assert with_payload(event, sse.data_of(event) or b"", b'{"a":\n2}') == b'data: {"a": 2}\n\n'
