"""The way from a request to a socket: who is let in, and what is taken along for the requests to come."""

from __future__ import annotations

import attrs
from twisted.web.http import HTTPChannel
from twisted.web.server import Site

from cliproxy.web.sockets.connect import headers_for_requests
from tests.support.http import HERE, KEY, LOCAL, Client, FakeHouse, Wire, with_keys
from tests.support.sockets import HANDSHAKE, create, daemon, whole
from tests.support.sockets import connect as open_socket
from tests.web.conftest import Connect


def test_without_a_key_nobody_enters(connect: Connect) -> None:
    assert connect(access=with_keys()).ask("GET", "/v1/responses", *HANDSHAKE).status == 401


def test_pages_of_others_do_not_enter(client: Client) -> None:
    answer = client.ask("GET", "/v1/responses", *HANDSHAKE, "Origin: https://evil.example")
    assert answer.status == 403


def test_a_rebound_host_does_not_enter(client: Client) -> None:
    assert client.ask("GET", "/v1/responses", *HANDSHAKE, host="evil.example").status == 403


def test_switched_off_it_is_told_to_use_http(connect: Connect) -> None:
    house = FakeHouse()
    house.serves_sockets = False
    assert connect(house).ask("GET", "/v1/responses", *HANDSHAKE).status == 426


def test_the_configuration_switches_it_off() -> None:
    to = daemon(responses_websocket=False)
    caller = to.caller()
    assert caller.transport.channel is not None
    head = ("GET /v1/responses HTTP/1.1", "Host: 127.0.0.1:8317", *HANDSHAKE, "", "")
    caller.transport.channel.dataReceived("\r\n".join(head).encode())
    assert caller.status == 426
    caller.leave()


def test_a_server_that_is_not_ours_gives_http_only(client: Client) -> None:
    """Mounted in a plain `Site`: its channels cannot hand a connection over."""
    site = Site(client.doors, timeout=None, reactor=client.clock)
    channel: HTTPChannel = site.buildProtocol(LOCAL)
    wire = Wire(hostAddress=HERE, peerAddress=LOCAL)
    channel.makeConnection(wire)
    head = ("GET /v1/responses HTTP/1.1", "Host: 127.0.0.1:8317", *HANDSHAKE, "", "")
    channel.dataReceived("\r\n".join(head).encode())
    assert wire.value().startswith(b"HTTP/1.1 426 ")


def test_a_key_that_is_taken_away_opens_nothing_more() -> None:
    """The socket was opened with it, and asked once only; the response under way may end."""
    to = daemon(access=with_keys())
    client = open_socket(to, f"Authorization: Bearer {KEY}").ask()
    to.house.configure(attrs.evolve(to.config, access=with_keys("sk-another")))
    to.upstream.last.answer(body=whole("resp_1"))
    client.ask()
    assert (client.kinds[-2:], client.events[-1]["status"]) == (["response.completed", "error"], 401)


def test_the_handshakes_headers_go_upstream() -> None:
    to = daemon()
    open_socket(to, "session-id: abc", "User-Agent: codex_exec/1").ask()
    headers = to.upstream.last.headers
    assert (headers.getRawHeaders("session-id"), headers.getRawHeaders("user-agent")) == (["abc"], ["codex_exec/1"])


def test_the_handshakes_own_headers_stay_here() -> None:
    to = daemon()
    open_socket(to, "OpenAI-Beta: responses_websockets=2026-02-06").ask()
    sent = {name.lower() for name, _ in to.upstream.last.headers.getAllRawHeaders()}
    assert not {name for name in sent if name.startswith(b"sec-") or name in (b"upgrade", b"connection")}
    assert b"openai-beta" not in sent


def test_the_clients_key_stays_here() -> None:
    to = daemon()
    open_socket(to, "Authorization: Bearer sk-of-the-client").ask()
    assert to.upstream.last.headers.getRawHeaders("authorization") == ["Bearer sk-openai-0"]


def test_other_betas_stay_in_their_line() -> None:
    line = (b"openai-beta", b"assistants=v2, responses_websockets=2026-02-06")
    assert headers_for_requests([line])[0] == (b"openai-beta", b"assistants=v2")


def test_a_request_is_json_and_wants_a_stream() -> None:
    assert dict(headers_for_requests([])) == {b"content-type": b"application/json", b"accept": b"text/event-stream"}


def test_a_frame_in_the_same_read_is_heard() -> None:
    """A client should wait for the answer; what it sends before must not be taken for HTTP."""
    to = daemon()
    frame = open_socket(to).framed(create())
    open_socket(to, first=frame)
    assert len(to.upstream.asked) == 1


def test_the_handler_is_over_when_the_connection_is() -> None:
    """Klein cancels it, which is no failure: nothing is logged."""
    to = daemon()
    open_socket(to).leave()
    to.assert_quiet()
    assert to.site._channels == set()


def test_the_query_goes_upstream_without_the_key() -> None:
    to = daemon()
    open_socket(to, path="/v1/responses?key=secret&a=1").ask()
    assert to.upstream.last.uri.partition("?")[2] == "a=1"
