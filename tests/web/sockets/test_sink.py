"""The client's end of one response: what the exchange tells as frames."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from cliproxy.errors import BadRequest
from cliproxy.web.sockets.creates import Create
from cliproxy.web.sockets.sink import MAX_BODY_BYTES, FrameSink, in_lane
from tests.support.sockets import completed, created, delta, event, whole

STREAM = [(b"content-type", b"text/event-stream; charset=utf-8")]
JSON = [(b"content-type", b"application/json")]


class FakeLine:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.code: int | None = None
        self.last_write = 7.0
        self.full_since: float | None = None

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        self.code = code

    @property
    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(message) for message in self.sent]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


@implementer(IPushProducer)
class Source:
    """Counts how often it is paused and resumed."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class End:
    """A sink, what it sends, and how often it ended."""

    def __init__(self, stream_id: str | None = None) -> None:
        self.line = FakeLine()
        self.ended: list[FrameSink] = []
        self.sink = FrameSink(self.line, Create({}, b"", stream_id=stream_id), "req_1", self.ended.append)


def streamed(*chunks: bytes, stream_id: str | None = None) -> End:
    end = End(stream_id)
    end.sink.head(200, STREAM)
    for chunk in chunks:
        end.sink.write(chunk)
    return end


def answered(status: int, body: bytes, headers: list[tuple[bytes, bytes]] = JSON) -> End:
    end = End()
    end.sink.head(status, headers)
    end.sink.write(body)
    end.sink.finish()
    return end


# -- events


def test_each_event_is_a_frame_of_its_own() -> None:
    assert streamed(created("resp_1") + delta("a") + delta("b")).line.kinds == [
        "response.created",
        "response.output_text.delta",
        "response.output_text.delta",
    ]


def test_data_passes_byte_for_byte() -> None:
    assert streamed(b'event: x\ndata: {"type":"x",  "n":1.50}\n\n').line.sent == [b'{"type":"x",  "n":1.50}']


@pytest.mark.parametrize("chunk", [b"\n", b": hello\n\n", b"event: ping\n\n", b"data: [DONE]\n\n", b"data:\n\n"])
def test_what_is_no_event_of_a_socket_is_left_out(chunk: bytes) -> None:
    assert streamed(chunk, delta("a")).line.kinds == ["response.output_text.delta"]


def test_a_comment_between_events_takes_none_away() -> None:
    assert len(streamed(delta("a") + b": hello\n\n" + delta("b")).line.sent) == 2


def test_line_ends_of_another_kind_are_understood() -> None:
    assert streamed(b'event: x\r\ndata: {"type":"x"}\r\n\r\n').line.kinds == ["x"]


def test_nothing_follows_the_last_event() -> None:
    end = streamed(completed("resp_1") + delta("late"), delta("later"))
    end.sink.finish()
    assert end.line.kinds == ["response.completed"]


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete", "response.failed"])
def test_a_response_ends_with_its_last_event_and_not_with_the_body(kind: str) -> None:
    end = streamed(event(kind, response={"id": "resp_1"}))
    assert (end.sink.closed, end.ended) == (True, [end.sink])


def test_it_ends_once() -> None:
    end = streamed(whole("resp_1"))
    end.sink.finish()
    end.sink.refuse(BadRequest("No."))
    assert len(end.ended) == 1


def test_an_error_event_gets_the_shape_that_a_socket_has() -> None:
    """Without a status Codex takes no notice of it, and waits."""
    end = streamed(event("error", code="server_error", message="Oops.", param=None, sequence_number=3))
    (told,) = end.line.events
    assert (told["status"], told["error"]["message"], len(end.ended)) == (500, "Oops.", 1)


def test_a_stream_that_just_ends_is_told_as_an_error() -> None:
    end = streamed(created("resp_1"))
    end.sink.finish()
    assert (end.line.kinds[-1], len(end.ended)) == ("error", 1)


# -- answers that are no stream


def test_an_error_answer_is_an_error_event_with_its_status() -> None:
    (told,) = answered(404, b'{"error":{"message":"No such model.","code":"model_not_found"}}').line.events
    assert (told["type"], told["status"], told["error"]["code"]) == ("error", 404, "model_not_found")


def test_an_errors_body_may_come_in_pieces() -> None:
    end = End()
    end.sink.head(400, JSON)
    for piece in (b'{"error":{"mess', b'age":"No."}}'):
        end.sink.write(piece)
    end.sink.finish()
    assert end.line.events[0]["error"]["message"] == "No."


def test_of_an_errors_body_only_so_much_is_kept() -> None:
    end = End()
    end.sink.head(400, JSON)
    for _ in range(3):
        end.sink.write(b"x" * MAX_BODY_BYTES)
    assert len(end.sink._body) == MAX_BODY_BYTES


def test_an_error_that_is_called_a_stream_is_an_error() -> None:
    assert answered(400, b'{"error":{"message":"No."}}', STREAM).line.kinds == ["error"]


def test_a_whole_response_where_a_stream_was_asked_for_is_an_error() -> None:
    (told,) = answered(200, b'{"id":"resp_1","object":"response"}').line.events
    assert (told["type"], told["status"]) == ("error", 502)


# -- the end


def test_a_refusal_ends_it() -> None:
    end = End()
    end.sink.refuse(BadRequest("No."))
    assert (end.line.kinds, len(end.ended)) == (["error"], 1)


def test_after_the_client_has_left_nothing_is_sent() -> None:
    end = streamed(delta("a"))
    end.sink.abandon()
    end.sink.write(delta("b"))
    end.sink.finish()
    assert (len(end.line.sent), end.ended) == (1, [])


def test_what_has_no_words_closes_the_socket() -> None:
    end = streamed(delta("a"))
    end.sink.cut()
    assert (end.line.code, end.ended) == (1011, [])


def test_who_waits_for_the_cut_is_called_back() -> None:
    called: list[bool] = []
    streamed(delta("a")).sink.cut(lambda: called.append(True))
    assert called == [True]


def test_a_response_that_has_ended_cuts_nothing() -> None:
    end = streamed(whole("resp_1"))
    end.sink.cut()
    assert end.line.code is None


# -- backpressure


def test_a_full_socket_pauses_a_source_at_once() -> None:
    end, source = streamed(), Source()
    end.line.full_since = 1.0
    end.sink.draw_from(source)
    assert source.calls == ["pause"]


def test_a_socket_that_is_full_pauses_the_source_with_each_write() -> None:
    end, source = streamed(), Source()
    end.sink.draw_from(source)
    end.line.full_since = 1.0
    end.sink.write(delta("a"))
    assert source.calls == ["pause"]


def test_pause_and_resume_are_handed_on() -> None:
    end, source = streamed(), Source()
    end.sink.draw_from(source)
    end.sink.pause()
    end.sink.resume()
    assert source.calls == ["pause", "resume"]


def test_after_the_end_nothing_is_paused() -> None:
    end, source = streamed(), Source()
    end.sink.draw_from(source)
    end.sink.write(completed("resp_1"))
    end.sink.pause()
    end.sink.resume()
    assert source.calls == []


# -- lanes


def test_every_event_names_the_lane() -> None:
    assert {told["stream_id"] for told in streamed(whole("resp_1"), stream_id="main").line.events} == {"main"}


def test_an_error_names_the_lane() -> None:
    end = End("main")
    end.sink.refuse(BadRequest("No."))
    assert end.line.events[0]["stream_id"] == "main"


def test_without_a_lane_an_event_stays_as_it_is() -> None:
    assert in_lane(b'{"type":"x"}', None) == b'{"type":"x"}'


def test_an_odd_name_of_a_lane_is_written_as_json() -> None:
    assert orjson.loads(in_lane(b'{"type":"x"}', 'a"☕')) == {"type": "x", "stream_id": 'a"☕'}
