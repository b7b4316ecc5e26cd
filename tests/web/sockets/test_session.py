"""One client's responses over a socket, through the whole daemon: turns, conversations, errors, and the end."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.responses import ResponseCompletedEvent, ResponseCreatedEvent, ResponseInProgressEvent
from pydantic import BaseModel
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from cliproxy.config.schema import ClaudeKey, Config, Listening
from cliproxy.house import House
from cliproxy.secret import Secret
from tests.support.house import JSON, OVERLOADED, START, WHOLE, Daemon
from tests.support.sockets import (
    MODEL,
    SocketClient,
    asked,
    completed,
    connect,
    created,
    daemon,
    delta,
    event,
    item,
    said,
    whole,
)


@pytest.fixture
def to() -> Daemon:
    return daemon()


@pytest.fixture
def client(to: Daemon) -> SocketClient:
    return connect(to)


def answer(to: Daemon, name: str, text: str = "Hello") -> None:
    """A whole response of the upstream, and the end of its body."""
    to.upstream.last.answer(body=whole(name, text), end=True)


def not_found(client: SocketClient) -> bool:
    told = client.look().events[-1]
    return bool(told["type"] == "error" and told["error"]["code"] == "previous_response_not_found")


# -- one response


def test_the_upstream_is_asked_over_http_for_a_stream(to: Daemon, client: SocketClient) -> None:
    client.ask(instructions="Be brief.")
    assert asked(to.upstream.last) == {
        "model": MODEL,
        "store": False,
        "input": [said("Hi")],
        "instructions": "Be brief.",
        "stream": True,
    }


def test_events_come_one_in_a_frame(to: Daemon, client: SocketClient) -> None:
    client.ask()
    answer(to, "resp_1")
    assert client.kinds == [
        "response.created",
        "response.output_text.delta",
        "response.output_item.done",
        "response.completed",
    ]


def test_events_come_as_they_are_told(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("a"))
    assert len(client.kinds) == 2
    to.upstream.last.say(delta("b"))
    assert len(client.kinds) == 3


def test_what_is_left_of_it_ends_by_itself(to: Daemon, client: SocketClient) -> None:
    client.ask()
    answer(to, "resp_1")
    client.leave()
    to.assert_quiet()


def test_an_upstream_of_another_format_serves_too() -> None:
    to = Daemon(1, Config(claude_keys=(ClaudeKey(Secret("sk-ant-1")),)))
    client = connect(to).ask(model="claude-opus-4-5")
    to.upstream.last.answer(body=WHOLE, end=True)
    assert client.kinds[-1] == "response.completed"
    assert client.events[-1]["response"]["output"][0]["content"][0]["text"] == "Hello"


def test_a_second_request_meanwhile_is_refused(to: Daemon, client: SocketClient) -> None:
    client.ask().ask()
    assert (client.error["status"], len(to.upstream.asked)) == (400, 1)


def test_a_refused_request_takes_nothing_from_the_one_before(to: Daemon, client: SocketClient) -> None:
    client.ask().ask()
    answer(to, "resp_1")
    assert client.kinds[-1] == "response.completed"


def test_the_next_request_need_not_wait_for_the_end_of_the_body(to: Daemon, client: SocketClient) -> None:
    """Codex sends it within a millisecond of the last event; the upstream's connection may take a second to end."""
    client.ask()
    to.upstream.last.answer(body=whole("resp_1"))
    client.ask(previous_response_id="resp_1")
    assert (len(to.upstream.asked), "error" in client.kinds) == (2, False)


def test_the_end_of_an_earlier_body_does_not_end_the_next_response(to: Daemon, client: SocketClient) -> None:
    client.ask()
    first = to.upstream.last.answer(body=whole("resp_1"))
    client.ask(previous_response_id="resp_1")
    first.end()
    answer(to, "resp_2")
    assert client.kinds.count("response.completed") == 2


def test_two_sockets_know_nothing_of_each_other(to: Daemon) -> None:
    one, other = connect(to), connect(to)
    one.ask()
    answer(to, "resp_1")
    other.ask(previous_response_id="resp_1")
    assert not_found(other)


def test_a_notice_is_not_answered(client: SocketClient) -> None:
    client.send(b'{"type":"response.processed","response_id":"resp_1"}')
    assert client.kinds == []


def test_the_lane_is_echoed(to: Daemon, client: SocketClient) -> None:
    client.ask(stream_id="main")
    answer(to, "resp_1")
    assert {told["stream_id"] for told in client.look().events} == {"main"}
    assert "stream_id" not in asked(to.upstream.last)


# -- conversations


def test_a_response_is_continued_with_all_that_led_to_it(to: Daemon, client: SocketClient) -> None:
    client.ask("One")
    answer(to, "resp_1", "Uno")
    client.ask("Two", previous_response_id="resp_1")
    assert asked(to.upstream.last)["input"] == [said("One"), item("Uno"), said("Two")]


def test_the_vendor_is_not_told_what_this_connection_keeps(to: Daemon, client: SocketClient) -> None:
    client.ask()
    answer(to, "resp_1")
    client.ask(previous_response_id="resp_1")
    assert "previous_response_id" not in asked(to.upstream.last)


def test_a_conversation_goes_on_for_several_turns(to: Daemon, client: SocketClient) -> None:
    client.ask("1")
    answer(to, "resp_1", "A")
    client.ask("2", previous_response_id="resp_1")
    answer(to, "resp_2", "B")
    client.ask("3", previous_response_id="resp_2")
    assert asked(to.upstream.last)["input"] == [said("1"), item("A"), said("2"), item("B"), said("3")]


def test_a_conversation_may_fork(to: Daemon, client: SocketClient) -> None:
    client.ask("1")
    answer(to, "resp_1", "A")
    client.ask("2", previous_response_id="resp_1")
    answer(to, "resp_2", "B")
    client.ask("3", previous_response_id="resp_1")
    assert asked(to.upstream.last)["input"] == [said("1"), item("A"), said("3")]


def test_instructions_and_tools_are_those_of_the_new_request(to: Daemon, client: SocketClient) -> None:
    """As the API has it: they are not carried over."""
    client.ask(instructions="Old.", tools=[{"type": "function", "name": "old"}])
    answer(to, "resp_1")
    client.ask(previous_response_id="resp_1")
    assert not {"instructions", "tools"} & asked(to.upstream.last).keys()


def test_an_unknown_response_is_told_so_that_clients_send_everything_again(to: Daemon, client: SocketClient) -> None:
    client.ask(previous_response_id="resp_0")
    assert client.error["status"] == 400
    assert client.error["error"] == {
        "type": "invalid_request_error",
        "code": "previous_response_not_found",
        "message": "Previous response with id 'resp_0' not found.",
        "param": "previous_response_id",
    }
    assert to.upstream.asked == []


def test_after_that_the_whole_conversation_is_taken(to: Daemon, client: SocketClient) -> None:
    client.ask(previous_response_id="resp_0").ask()
    answer(to, "resp_1")
    assert client.kinds[-1] == "response.completed"


def test_a_failed_response_cannot_be_continued(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x")).cut()
    client.ask(previous_response_id="resp_1")
    assert not_found(client)


def test_the_one_before_a_failed_response_can(to: Daemon, client: SocketClient) -> None:
    client.ask("1")
    answer(to, "resp_1", "A")
    client.ask("2", previous_response_id="resp_1")
    to.upstream.last.answer(body=created("resp_2") + delta("x")).cut()
    to.pass_time(5)
    client.ask("2", previous_response_id="resp_1")
    assert asked(to.upstream.last)["input"] == [said("1"), item("A"), said("2")]


def test_an_incomplete_response_can_be_continued(to: Daemon, client: SocketClient) -> None:
    client.ask()
    incomplete = event("response.incomplete", response={"id": "resp_1", "output": [item("Hel")]})
    to.upstream.last.answer(body=created("resp_1") + incomplete)
    client.ask("Go on", previous_response_id="resp_1")
    assert asked(to.upstream.last)["input"] == [said("Hi"), item("Hel"), said("Go on")]


def test_a_translated_response_is_continued_by_the_id_that_the_client_was_told() -> None:
    to = Daemon(1, Config(claude_keys=(ClaudeKey(Secret("sk-ant-1")),)))
    client = connect(to).ask("One", model="claude-opus-4-5")
    to.upstream.last.answer(body=WHOLE, end=True)
    name = client.look().events[-1]["response"]["id"]
    client.ask("Two", model="claude-opus-4-5", previous_response_id=name)
    roles = [message["role"] for message in asked(to.upstream.last)["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_a_conversation_that_grows_over_the_limit_is_refused() -> None:
    to = daemon(listening=Listening(body_limit_bytes=600))
    client = connect(to).ask("x" * 200)
    answer(to, "resp_1", "y" * 100)
    client.ask("z" * 200, previous_response_id="resp_1")
    assert client.look().events[-1]["status"] == 413


def test_a_conversation_over_the_limit_is_forgotten() -> None:
    to = daemon(listening=Listening(body_limit_bytes=600))
    client = connect(to).ask()
    answer(to, "resp_1", "y" * 1000)
    client.ask(previous_response_id="resp_1")
    assert not_found(client)


# -- warming up


def warmed(client: SocketClient, **fields: object) -> dict[str, Any]:
    """The response to a client that warms up."""
    client.ask("Ready?", generate=False, **fields)
    response: dict[str, Any] = client.look().events[-1]["response"]
    return response


def test_who_warms_up_gets_an_empty_response(client: SocketClient) -> None:
    warmed(client)
    assert client.kinds == ["response.created", "response.in_progress", "response.completed"]
    assert client.events[-1]["response"]["output"] == []


def test_the_sdk_reads_the_empty_response(client: SocketClient) -> None:
    warmed(client, instructions="Be brief.")
    kinds: tuple[type[BaseModel], ...] = (ResponseCreatedEvent, ResponseInProgressEvent, ResponseCompletedEvent)
    for kind, told in zip(kinds, client.events, strict=True):
        kind.model_validate_json(orjson.dumps(told), strict=True)


def test_no_upstream_is_asked_for_it(to: Daemon, client: SocketClient) -> None:
    warmed(client)
    assert to.upstream.asked == []


def test_it_says_that_nothing_was_used(client: SocketClient) -> None:
    assert warmed(client)["usage"]["total_tokens"] == 0


def test_what_it_said_is_continued(to: Daemon, client: SocketClient) -> None:
    name = warmed(client)["id"]
    client.ask("Go", previous_response_id=name)
    assert asked(to.upstream.last)["input"] == [said("Ready?"), said("Go")]


def test_it_may_come_in_mid_conversation(to: Daemon, client: SocketClient) -> None:
    client.ask("1")
    answer(to, "resp_1", "A")
    name = warmed(client, previous_response_id="resp_1")["id"]
    client.ask("3", previous_response_id=name)
    assert asked(to.upstream.last)["input"] == [said("1"), item("A"), said("Ready?"), said("3")]


def test_each_has_an_id_of_its_own(client: SocketClient) -> None:
    assert warmed(client)["id"] != warmed(client)["id"]


def test_one_that_cannot_be_understood_is_refused(client: SocketClient) -> None:
    client.ask("Ready?", generate=False, tools=7)
    assert client.error["status"] == 400


# -- errors


@pytest.mark.parametrize("message", [b"no JSON", b"[]", b'{"type":"other"}', b'{"type":"response.create"}'])
def test_what_cannot_be_understood_is_told(client: SocketClient, message: bytes) -> None:
    assert client.send(message).error["error"]["type"] == "invalid_request_error"


def test_after_a_mistake_the_connection_is_of_use(to: Daemon, client: SocketClient) -> None:
    client.send(b"no JSON").ask()
    answer(to, "resp_1")
    assert client.kinds[-1] == "response.completed"


def test_an_unknown_model_is_told(client: SocketClient) -> None:
    assert client.ask(model="nobody's").error["status"] == 404


def test_an_upstreams_refusal_is_told_with_its_status(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(400, JSON, body=b'{"error":{"message":"No.","code":"c"}}', end=True)
    assert (client.error["status"], client.error["error"]["code"]) == (400, "c")


def test_trouble_of_every_key_is_told_with_its_status(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(429, JSON, ("Retry-After", "7"), body=b'{"error":{"message":"Slow."}}', end=True)
    assert (client.error["status"], client.error["headers"]["retry-after"]) == (429, "7")


def test_after_trouble_the_connection_is_of_use(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(500, JSON, body=b"{}", end=True)
    to.pass_time(5)
    client.ask()
    answer(to, "resp_1")
    assert client.kinds[-1] == "response.completed"


def test_another_key_serves_before_the_first_content() -> None:
    to = daemon(keys=2)
    client = connect(to).ask()
    to.upstream.last.answer(body=created("resp_1")).cut()
    answer(to, "resp_2")
    assert [told["response"]["id"] for told in client.look().events if "response" in told] == ["resp_2", "resp_2"]


def test_a_stream_that_breaks_is_told(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x")).cut()
    assert client.kinds[-1] == "response.failed"


def test_an_error_in_the_stream_is_told_with_a_status(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x") + event("error", code="server_error", message="Oops."))
    assert client.look().events[-1]["status"] == 500


def test_trouble_in_a_translated_stream_is_told() -> None:
    to = Daemon(1, Config(claude_keys=(ClaudeKey(Secret("sk-ant-1")),)))
    client = connect(to).ask(model="claude-opus-4-5")
    to.upstream.last.answer(body=START + OVERLOADED)
    assert client.kinds[-1] in ("error", "response.failed")


def test_a_whole_response_of_an_odd_upstream_is_told_as_an_error(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(200, JSON, body=b'{"id":"resp_1","object":"response"}', end=True)
    assert client.error["status"] == 502


def test_a_mistake_of_ours_closes_with_1011(
    to: Daemon, client: SocketClient, monkeypatch: pytest.MonkeyPatch, failures: list[LogEvent]
) -> None:
    broken: Deferred[None] = Deferred()
    monkeypatch.setattr(House, "serve_into", lambda *_: broken)
    client.ask()
    broken.errback(ZeroDivisionError())
    assert client.code == 1011
    assert failures.pop()["log_failure"].check(ZeroDivisionError)


def test_a_mistake_of_ours_in_mid_stream_closes_with_1011(
    to: Daemon, client: SocketClient, monkeypatch: pytest.MonkeyPatch, failures: list[LogEvent]
) -> None:
    """The exchange itself closes the socket then, while it runs."""
    monkeypatch.setattr("cliproxy.exchange.Pump.flow", lambda *_: 1 / 0)
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    assert client.code == 1011
    assert failures.pop()["log_failure"].check(ZeroDivisionError)
    client.leave()
    to.assert_quiet()


def test_a_mistake_of_ours_behind_the_last_event_closes_nothing(
    to: Daemon, client: SocketClient, monkeypatch: pytest.MonkeyPatch, failures: list[LogEvent]
) -> None:
    monkeypatch.setattr("cliproxy.exchange.Exchange._report", lambda *_: 1 / 0)
    client.ask()
    answer(to, "resp_1")
    assert (client.kinds[-1], client.code) == ("response.completed", None)
    assert failures.pop()["log_failure"].check(ZeroDivisionError)


# -- the daemon stops


def test_an_idle_socket_closes_with_1012(to: Daemon, client: SocketClient) -> None:
    to.site.drain()
    assert client.code == 1012


def test_a_response_under_way_ends_first(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    to.site.drain()
    before = client.code
    to.upstream.last.say(completed("resp_1"))
    assert (before, client.kinds[-1], client.code) == (None, "response.completed", 1012)


def test_a_response_that_takes_too_long_is_told_and_closed(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.upstream.last.answer(body=created("resp_1") + delta("x"))
    to.site.drain()
    to.house.drain()
    to.pass_time(to.config.shutdown_grace_seconds)
    assert (client.kinds[-1], client.code) == ("response.failed", 1012)


def test_a_response_that_has_not_begun_is_told_and_closed(to: Daemon, client: SocketClient) -> None:
    client.ask()
    to.site.drain()
    to.house.drain()
    to.pass_time(to.config.shutdown_grace_seconds)
    assert (client.look().events[-1]["status"], client.code) == (503, 1012)


def test_a_socket_that_opens_while_the_daemon_stops_is_told(to: Daemon) -> None:
    to.house.drain()
    assert connect(to).ask().error["status"] == 503
