"""The pieces of the benchmark work: a figure that nobody checks is worth nothing."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Final, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import Response
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Site

from bench import baseline, procs
from bench.__main__ import NAMES, Session, options
from bench.accounting import cpu_seconds, parse_cpu_ticks, resident_bytes
from bench.bodies import SIZES, Question
from bench.crossings import AT_ONCE, CROSSINGS
from bench.figures import Contestant, Figure, Measured, median_and_p99, percentile, row, table
from bench.load import loopback_url, request_bytes
from bench.pipeline import DELTAS, Pair
from bench.procs import Running
from bench.reply import Malformed, Reply, Stamps
from bench.scenarios import MEMORY, SCENARIOS, cpu_per_delta, cpu_per_reply, rigged
from bench.wires import FORMATS, WIRES, Format
from cliproxy.conversation.losses import Losses
from cliproxy.formats import CODECS

STREAM = [b'data: {"text":"@123456789@ a"}\n\n', b'data: {"text":"@987654321@ b"}\n\n', b"event: message_stop\n\n"]
LAST: Final = WIRES["anthropic"].last
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD: Final = Measured(
    replies=200,
    bad=0,
    complaint="",
    deltas=400,
    reads=1,
    seconds=1.0,
    cpu_seconds=0.1,
    load_cpu_seconds=0.0,
    first_byte_ms=None,
    delta_ms=None,
)


def chunked(*chunks: bytes) -> bytes:
    """A whole chunked reply."""
    return CHUNKED_HEAD + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks) + b"0\r\n\r\n"


def pieces_of(whole: bytes, cuts: list[int]) -> list[bytes]:
    """`whole`, cut at these places."""
    places = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    return [whole[start:end] for start, end in pairwise(places)]


# -- reading replies ----------------------------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(min_value=0)))
def test_a_chunked_reply_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    reply = Reply()
    assert b"".join(reply.feed(piece) for piece in pieces_of(chunked(*STREAM), cuts)) == b"".join(STREAM)
    assert reply.done


@given(cuts=st.lists(st.integers(min_value=0)))
def test_a_reply_with_a_length_ends_at_its_last_byte(cuts: list[int]) -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nseven b"
    *before, last = pieces_of(whole, cuts)
    reply = Reply()
    for piece in before:
        reply.feed(piece)
    assert not reply.done
    reply.feed(last)
    assert reply.done


def test_an_empty_body_with_a_length_is_done_at_once() -> None:
    reply = Reply()
    reply.feed(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
    assert (reply.status, reply.done) == (204, True)


def test_a_body_without_length_ends_when_the_peer_closes() -> None:
    reply = Reply()
    reply.feed(b"HTTP/1.1 200 OK\r\n\r\nall")
    assert not reply.done
    reply.close()
    assert reply.done


def test_a_close_inside_a_chunked_reply_is_malformed() -> None:
    reply = Reply()
    reply.feed(chunked(*STREAM)[:-5])
    with pytest.raises(Malformed):
        reply.close()


def test_connection_close_is_heeded() -> None:
    reply = Reply()
    reply.feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n")
    assert not reply.keep_alive


@pytest.mark.parametrize(
    "wrong",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nthree",
        CHUNKED_HEAD + b"zz\r\n",
        CHUNKED_HEAD + b"2\r\nthree\r\n",
        chunked(b"a") + b"more",
    ],
    ids=["not-http", "endless-head", "past-the-length", "no-size", "past-the-size", "past-the-end"],
)
def test_a_wrong_reply_is_malformed(wrong: bytes) -> None:
    with pytest.raises(Malformed):
        Reply().feed(wrong)


@given(cuts=st.lists(st.integers(min_value=0)))
def test_each_stamp_is_found_once_however_the_stream_is_cut(cuts: list[int]) -> None:
    stamps = Stamps(LAST)
    found = [time for piece in pieces_of(b"".join(STREAM), cuts) for time in stamps.feed(piece)]
    assert found == [123456789, 987654321]
    assert stamps.ended_well()


def test_a_stream_without_its_last_event_did_not_end_well() -> None:
    stamps = Stamps(LAST)
    stamps.feed(b"".join(STREAM[:2]))
    assert not stamps.ended_well()


def test_a_stream_whose_last_event_is_cut_did_not_end_well() -> None:
    stamps = Stamps(LAST)
    stamps.feed(b"".join(STREAM)[:-1])
    assert not stamps.ended_well()


def test_the_last_event_may_be_longer_than_what_is_kept() -> None:
    stamps = Stamps(WIRES["openai-responses"].last)
    stamps.feed(b"event: response.completed\ndata: {" + b" " * 10_000)
    stamps.feed(b"}\n\n")
    assert stamps.ended_well()


# -- what is sent -------------------------------------------------------------------------------------------------


QUESTIONS: Final = [
    Question(streamed=streamed, client=client, model=WIRES[client].model)
    for client in FORMATS
    for streamed in (False, True)
] + [Question("large"), Question("large", streamed=True)]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_a_body_is_of_exactly_its_size(question: Question) -> None:
    assert len(question.content()) == SIZES[question.body]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_a_body_is_a_request_of_its_format_without_losses(question: Question) -> None:
    losses = Losses()
    document = {"model": question.model, "stream": question.streamed, **json.loads(question.content())}
    request = CODECS[question.client].decode_request(document, losses)
    assert (request.model, request.stream, tuple(losses)) == (question.model, question.streamed, ())


def test_the_large_body_has_the_shape_of_a_coding_session() -> None:
    request = json.loads(Question("large").content())
    assert len(request["tools"]) == 24
    assert request["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert {message["role"] for message in request["messages"]} == {"user", "assistant"}


def test_a_question_of_geminis_has_its_model_in_the_path() -> None:
    question = Question(streamed=True, client="gemini", model="m")
    assert question.path == "/v1beta/models/m:streamGenerateContent?alt=sse"


@pytest.mark.parametrize("client", FORMATS)
def test_a_request_has_the_key_where_its_format_wants_it(client: Format) -> None:
    head = request_bytes(loopback_url("http://127.0.0.1:1"), "the-key", Question(client=client)).partition(b"\r\n\r\n")[
        0
    ]
    assert WIRES[client].headers.format(key="the-key").encode() in head


@pytest.mark.parametrize("url", ["http://192.0.2.1/v1/messages", "http://example.com/", "https://127.0.0.1/"])
def test_only_loopback_is_loaded(url: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        loopback_url(url)


# -- arithmetic and report ----------------------------------------------------------------------------------------


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.0


def test_p99_of_a_hundred_leaves_one_above() -> None:
    assert median_and_p99([float(value) for value in range(100, 0, -1)]) == (50.0, 99.0)


def test_no_values_have_no_percentiles() -> None:
    assert median_and_p99([]) is None


def test_cpu_is_shared_out_over_replies_and_deltas() -> None:
    assert cpu_per_reply(GOOD, None) == pytest.approx(500)
    assert cpu_per_delta(GOOD, None) == pytest.approx(250)


def rounds_of(*pairs: tuple[float, float]) -> list[dict[Contestant, Mapping[str, float]]]:
    return [{"daemon": {"cpu": ours}, "baseline": {"cpu": theirs}} for ours, theirs in pairs]


def test_the_ratio_is_the_median_of_the_rounds_not_the_ratio_of_the_medians() -> None:
    found = row("request", Figure("cpu"), rounds_of((10.0, 10.0), (40.0, 20.0), (30.0, 10.0)))
    assert (found.daemon, found.baseline, found.ratio) == (30.0, 10.0, 2.0)


def test_a_baseline_of_nothing_has_no_ratio() -> None:
    assert row("first-byte", Figure("cpu"), rounds_of((1.0, 0.0))).ratio is None


@pytest.mark.parametrize(("ours", "met"), [(19.0, True), (19.1, False)])
def test_a_target_is_met_up_to_its_value(ours: float, met: bool) -> None:
    assert row("request", Figure("cpu", target=1.9), rounds_of((ours, 10.0))).met is met


def test_the_table_says_what_was_missed() -> None:
    text = table([row("request", Figure("cpu", target=1.9), rounds_of((20.0, 10.0)))])
    assert text.splitlines()[1].split() == ["request", "cpu", "20", "10", "2.00", "<=", "1.9", "MISSED"]


def test_one_bad_reply_makes_a_run_invalid(tmp_path: Path) -> None:
    session = Session(tmp_path, 1, 1.0, control=False)
    session.note("request", "daemon", attrs.evolve(GOOD, bad=1, complaint="status 502: no"))
    assert "request, daemon: 1 bad of 201: status 502: no" in session.report()
    assert session.numbers()["valid"] is False


def test_a_busy_load_generator_is_told(tmp_path: Path) -> None:
    session = Session(tmp_path, 1, 1.0, control=False)
    session.note("request", "daemon", attrs.evolve(GOOD, load_cpu_seconds=0.95))
    assert "whole core" in session.report()


def test_every_scenario_can_be_picked() -> None:
    assert options([word for name in NAMES for word in ("--scenario", name)]).scenario == [
        *SCENARIOS,
        *CROSSINGS,
        MEMORY,
    ]


def test_every_ordered_pair_of_formats_is_measured() -> None:
    pairs = {(crossing.client, upstream) for crossing in CROSSINGS.values() for upstream in crossing.others}
    assert pairs == {(client, upstream) for client in FORMATS for upstream in FORMATS if client != upstream}


def test_a_pair_stands_beside_the_same_load_in_the_clients_own_format() -> None:
    crossing = CROSSINGS["from-gemini"]
    request: dict[Format, float] = {"anthropic": 3.0, "openai-chat": 5.0, "openai-responses": 7.0, "gemini": 2.0}
    stream: dict[Format, float] = {"anthropic": 30.0, "openai-chat": 50.0, "openai-responses": 70.0, "gemini": 20.0}
    found = crossing.beside([request, stream])
    ratios = [row(crossing.name, figure, [found]).ratio for figure in crossing.figures]
    assert ratios == [1.5, 2.5, 3.5, 1.5, 2.5, 3.5]


def test_pairs_have_a_table_of_their_own(tmp_path: Path) -> None:
    session = Session(tmp_path, 1, 1.0, control=False)
    figure = Figure("cpu", target=2.0)
    session.rows = [row(name, figure, rounds_of((1.0, 1.0))) for name in ("request", "from-gemini")]
    heads = [line for line in session.report().splitlines() if line.startswith("scenario")]
    assert [head.split()[2:4] for head in heads] == [["daemon", "baseline"], ["translated", "same"]]


@pytest.mark.parametrize("upstream", FORMATS)
@pytest.mark.parametrize("client", FORMATS)
def test_every_pair_of_the_pure_pipeline_tells_every_delta_to_the_end(client: Format, upstream: Format) -> None:
    pair = Pair.of(client, upstream)
    told = pair.stream([b"".join(pair.events)])
    assert told.count(b'lorem ipsum dolor sit amet "') >= DELTAS - 8
    assert WIRES[client].last in told


def test_the_daemon_is_configured_on_loopback_with_a_private_file(tmp_path: Path) -> None:
    config = procs.write_config(tmp_path, 8317, 9000)
    written = json.loads(config.read_text())
    assert config.stat().st_mode & 0o777 == 0o600
    assert (written["host"], written["port"]) == ("127.0.0.1", 8317)
    assert written["claude-api-key"][0]["base-url"] == "http://127.0.0.1:9000"


def test_the_daemon_has_an_upstream_of_every_format(tmp_path: Path) -> None:
    written = json.loads(procs.write_config(tmp_path, 8317, 9000).read_text())
    sections = ("claude-api-key", "openai-compatibility", "codex-api-key", "gemini-api-key")
    assert [len(written[section]) for section in sections] == [1, 1, 1, 1]


# -- the kernel's account -----------------------------------------------------------------------------------------


def test_cpu_ticks_are_found_behind_a_name_with_brackets() -> None:
    assert parse_cpu_ticks("7 (a) b) c) S 1 7 7 0 -1 4194560 1 0 0 0 100 20 3 4 20 0 1 0 5 6 7") == 127


def test_this_process_has_used_time_and_memory() -> None:
    assert cpu_seconds(os.getpid()) > 0
    assert resident_bytes(os.getpid()) > 1024 * 1024


# -- the baseline -------------------------------------------------------------------------------------------------


class SilentAgent:
    """An upstream that has been asked and does not answer."""

    def __init__(self) -> None:
        self.cancelled = False
        self.headers: Headers | None = None

    def request(
        self,
        _method: bytes,
        _uri: bytes,
        headers: Headers | None,
        _body: baseline.BytesProducer | None,
        /,
    ) -> Deferred[Response]:
        self.headers = headers

        def cancel(_asked: Deferred[Response]) -> None:
            self.cancelled = True

        return Deferred(cancel)


def relayed(agent: SilentAgent) -> HTTPChannel:
    """A client's connection to the baseline, over which one request has come."""
    site: Site = baseline.QuietSite(baseline.Relay(agent, b"http://127.0.0.1:1"), Clock())
    channel = cast(HTTPChannel, site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 2)))
    channel.makeConnection(StringTransport())
    channel.dataReceived(b"POST /v1/messages HTTP/1.1\r\nhost: here\r\nx-api-key: k\r\ncontent-length: 2\r\n\r\n{}")
    return channel


def test_the_baseline_relays_the_clients_headers_but_not_its_host() -> None:
    agent = SilentAgent()
    relayed(agent)
    assert agent.headers == Headers({"x-api-key": ["k"]})


def test_the_baseline_cancels_upstream_when_the_client_leaves() -> None:
    agent = SilentAgent()
    relayed(agent).connectionLost(Failure(ConnectionDone()))
    assert agent.cancelled


# -- all of it, over loopback -------------------------------------------------------------------------------------


class Upstream(BaseHTTPRequestHandler):
    """Streams two stamped deltas to those who ask for a stream, and is overloaded for all others."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"]))
        streamed = json.loads(asked).get("stream", False)
        self.wfile.write(chunked(*STREAM) if streamed else b"HTTP/1.1 529 \r\ncontent-length: 4\r\n\r\nbusy")

    def log_message(self, _format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def upstream() -> Iterator[int]:
    """The port of an upstream for the time of a `with` block."""
    with ThreadingHTTPServer((procs.LOOPBACK, 0), Upstream) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def relay(room: Path) -> Iterator[Running]:
    """The baseline, in a process of its own, before an upstream."""
    port = procs.free_port()
    with upstream() as upstream_port, procs.started(procs.baseline_command(port, upstream_port), port, room) as target:
        yield target


@pytest.mark.real
def test_the_baseline_relays_a_stream_to_its_end(tmp_path: Path) -> None:
    with relay(tmp_path) as target, closing(http.client.HTTPConnection(procs.LOOPBACK, target.port)) as client:
        client.request("POST", "/v1/messages", Question(streamed=True).content())
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"".join(STREAM))


@pytest.mark.real
def test_the_load_generator_measures_whole_streams_and_the_cpu_behind_them(tmp_path: Path) -> None:
    with relay(tmp_path) as target:
        seen = procs.loaded(target, Question(streamed=True), connections=2, phases=(0.0, 0.1, 0.4))
    assert (seen.bad, seen.complaint) == (0, "")
    assert seen.replies > 0
    assert seen.cpu_seconds > 0
    assert seen.first_byte_ms is not None


@pytest.mark.real
def test_the_load_generator_counts_a_refusal_as_bad_and_says_what_it_was(tmp_path: Path) -> None:
    with relay(tmp_path) as target:
        seen = procs.loaded(target, Question(), connections=1, phases=(0.0, 0.0, 0.1))
    assert seen.bad > 0
    assert seen.complaint == "status 529: busy"


@pytest.mark.real
def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such port')"]
    with pytest.raises(procs.BenchFailed, match="no such port"), procs.started(command, procs.free_port(), tmp_path):
        pass


@pytest.mark.real
def test_a_started_process_is_gone_after_its_block(tmp_path: Path) -> None:
    with relay(tmp_path) as target:
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(target.pid, 0)


@pytest.mark.real
def test_the_daemon_serves_every_client_by_an_upstream_of_another_format(tmp_path: Path) -> None:
    with rigged(AT_ONCE, tmp_path, control=False) as rig:
        for client, upstream in zip(FORMATS, FORMATS[1:] + FORMATS[:1], strict=True):
            question = Question(streamed=True, client=client, model=WIRES[upstream].model)
            seen = procs.loaded(rig.daemon, question, connections=1, phases=(0.0, 0.0, 0.1))
            assert (seen.bad, seen.complaint) == (0, "")
            assert seen.replies > 0
