"""The reverse proxy as a whole: a client on one side, the control plane on the other."""

from __future__ import annotations

import gzip
from pathlib import Path

import attrs
import pytest
from twisted.internet.interfaces import IProtocol
from twisted.logger import LogEvent

from cliproxy.amp.control_plane import ControlPlane
from cliproxy.config.schema import Amp, UpstreamKeyOf
from cliproxy.errors import Broken, TimedOut, Unreachable
from cliproxy.passing.headers import MAX_ROUNDS, VIA
from cliproxy.passing.relay import PARTING_SECONDS
from cliproxy.secret import Secret
from tests.support.amp import AMP_KEY, CLIENT_KEY, UPSTREAM, WITH_KEY, Passage
from tests.support.arriving import Arriving
from tests.support.passing import Told

JSON = ("Content-Type", "application/json")
PLAIN = b'{"threads":[1,2,3]}'
ZIPPED = gzip.compress(PLAIN, mtime=0)
SOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
NOT_REACHED = b'{"error":"amp_upstream_proxy_error","message":"Failed to reach Amp upstream"}'


def of(length: int) -> tuple[str, str]:
    return "Content-Length", str(length)


# -- what goes upstream


def test_method_target_and_body_go_upstream_as_they_are() -> None:
    passage = Passage().ask("PROPFIND", "/api/threads/%7e?q=a+b&&x=%2F", body=b"\x00{}")
    errand = passage.errand
    assert (errand.method, errand.target, errand.body) == (b"PROPFIND", b"/api/threads/%7e?q=a+b&&x=%2F", b"\x00{}")
    assert errand.base_url == UPSTREAM


def test_the_owners_key_is_shown_both_ways() -> None:
    passage = Passage().ask("GET", "/api/user", f"Authorization: Bearer {CLIENT_KEY}")
    assert passage.sent("x-api-key") == [AMP_KEY.encode()]
    assert passage.sent("authorization") == [b"Bearer " + AMP_KEY.encode()]


@pytest.mark.parametrize("settings", [WITH_KEY, Amp(upstream_url=UPSTREAM)])
@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer {}",
        "Authorization: {}",
        "X-Api-Key: {}",
        "X-Goog-Api-Key: {}",
        "Cookie: a={}",
        "X-Any: {}",
    ],
)
def test_the_clients_key_goes_upstream_in_no_header(settings: Amp, line: str) -> None:
    passage = Passage(settings).ask("GET", "/api/user", line.format(CLIENT_KEY))
    assert CLIENT_KEY.encode() not in b"".join(value for _, value in passage.errand.headers)


def test_without_a_key_for_amp_none_is_shown() -> None:
    passage = Passage(Amp(upstream_url=UPSTREAM)).ask("GET", "/api/user", "Authorization: Bearer of-somebody")
    assert passage.sent("authorization") == passage.sent("x-api-key") == []


def test_the_environments_key_is_shown_if_the_configuration_has_none() -> None:
    passage = Passage(Amp(upstream_url=UPSTREAM), {"AMP_API_KEY": "sgamp_of_the_environment"}).ask()
    assert passage.sent("x-api-key") == [b"sgamp_of_the_environment"]


def test_a_client_with_a_key_of_its_own_for_amp_has_that_shown() -> None:
    row = UpstreamKeyOf(Secret("sgamp_of_ada"), frozenset({Secret(CLIENT_KEY)}))
    passage = Passage(attrs.evolve(WITH_KEY, upstream_api_keys=(row,))).ask()
    assert passage.sent("x-api-key") == [b"sgamp_of_ada"]


def test_for_whom_is_not_trusted_no_key_is_shown() -> None:
    passage = Passage(shows_key=False).ask("GET", "/threads", "Authorization: Bearer of-somebody")
    assert passage.sent("authorization") == passage.sent("x-api-key") == []


def test_the_peer_is_told_of() -> None:
    assert Passage().ask("GET", "/", "X-Forwarded-For: 8.8.8.8").sent("x-forwarded-for") == [b"127.0.0.1"]


def test_the_coding_that_the_client_accepts_is_asked_for() -> None:
    assert Passage().ask("GET", "/", "Accept-Encoding: gzip, br").sent("accept-encoding") == [b"gzip, br"]


def test_a_body_that_is_still_arriving_is_handed_on_as_it_is() -> None:
    passage = Passage()
    arriving = passage.context.body = Arriving()
    assert passage.ask("POST").errand.body is arriving


def test_another_configuration_counts_from_the_next_request_on() -> None:
    passage = Passage().ask().answer(Told(200, of(0), whole=True))
    passage.control_plane.reconfigure(Amp(upstream_url="https://amp.example", upstream_api_key=Secret("sgamp_new")))
    errand = passage.ask().context.errands[1]
    assert errand.base_url == "https://amp.example"
    assert (b"x-api-key", b"sgamp_new") in errand.headers


def test_trace_would_show_the_key_and_is_refused() -> None:
    passage = Passage().ask("TRACE")
    assert passage.status == 405
    assert passage.context.errands == []


def test_connect_is_no_method_like_any_other() -> None:
    """Behind one that the upstream takes, its end of a connection of ours would be no HTTP any more."""
    passage = Passage().ask("CONNECT")
    assert passage.status == 405
    assert passage.context.errands == []


@pytest.mark.parametrize("method", ["trace", "Connect"])
def test_they_are_not_passed_on_in_other_letters(method: str) -> None:
    """Methods are told apart by their letters' case, but not by every server."""
    assert Passage().ask(method).context.errands == []


def test_an_upgrade_is_asked_for_upstream() -> None:
    passage = Passage().ask("GET", "/api/threads/socket", *SOCKET)
    assert passage.sent("upgrade") == [b"websocket"]
    assert passage.sent("sec-websocket-key") == [b"dGhlIHNhbXBsZSBub25jZQ=="]
    assert passage.sent("connection") == []


def test_with_http_1_0_it_is_none() -> None:
    assert Passage().ask("GET", "/api/threads/socket", *SOCKET, version="1.0").sent("upgrade") == []


# -- no answer


@pytest.mark.parametrize("trouble", [Unreachable("no route"), TimedOut("silent"), Broken("garbage")])
def test_an_upstream_that_is_not_reached_is_told(trouble: Exception) -> None:
    passage = Passage().ask().answer(trouble)
    assert (passage.status, passage.body) == (502, NOT_REACHED)
    assert passage.all("content-type") == ["application/json"]


def test_one_that_is_taken_out_of_the_configuration_is_gone() -> None:
    control_plane = ControlPlane({}, Path)
    assert not control_plane.available
    control_plane.reconfigure(WITH_KEY)
    assert control_plane.available
    control_plane.reconfigure(Amp())
    assert not control_plane.available


def test_a_daemon_that_is_its_own_upstream_says_so() -> None:
    passage = Passage().ask("GET", "/", *[f"Via: {VIA.decode()}"] * MAX_ROUNDS)
    assert passage.status == 508
    assert b"its own Amp upstream" in passage.body
    assert passage.context.errands == []


def test_trouble_is_logged_without_the_query(logged: list[str]) -> None:
    Passage().ask("GET", "/api/user?code=private").answer(Unreachable("no route"))
    assert logged == ["Amp's control plane, GET /api/user: no route"]


def refused(passage: Passage) -> Passage:
    """The control plane answers a request that the key is not good."""
    return passage.ask().answer(Told(401, JSON, of(2), body=b"{}", whole=True))


def test_a_key_that_is_refused_is_told_the_owner_once(logged: list[str]) -> None:
    refused(refused(Passage()))
    (line,) = logged
    assert line.startswith("Amp's control plane refuses the key that it is shown")
    assert AMP_KEY not in line


def test_after_a_reload_it_is_told_again(logged: list[str]) -> None:
    passage = refused(Passage())
    passage.control_plane.reconfigure(WITH_KEY)
    refused(passage)
    assert len(logged) == 2


def test_who_shows_no_key_has_none_refused(logged: list[str]) -> None:
    refused(Passage(shows_key=False))
    assert logged == []


# -- an answer that breaks off


def test_an_answer_that_breaks_off_is_logged(logged: list[str]) -> None:
    told = Told(200, JSON, body=b"half")
    passage = Passage().ask().answer(told)
    told.cut()
    passage.turn(PARTING_SECONDS).turn()
    assert logged == ["Amp's control plane, GET /api/threads: the answer did not come to its end"]


# -- the client leaves


def test_before_the_answer_it_is_not_waited_for_any_more(logged: list[str]) -> None:
    passage = Passage().ask()
    passage.leave()
    assert passage.context.cancelled == 1
    assert passage.raw == b""
    assert logged == []
    assert passage.unexpected == []


@pytest.mark.parametrize("body", [b"", b"half", ZIPPED[:10]])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_within_the_answer_the_upstream_is_cut(logged: list[str], kind: str, body: bytes) -> None:
    told = Told(200, ("Content-Type", kind), body=body)
    passage = Passage().ask().answer(told)
    passage.leave()
    assert told.over
    told.cut()
    passage.turn(1)
    assert logged == []
    assert passage.unexpected == []
    assert passage.timers == 0


def test_after_the_break_nothing_is_left_to_do(logged: list[str]) -> None:
    told = Told(200, JSON, body=b"half")
    passage = Passage().ask().answer(told)
    told.cut()
    passage.leave()
    assert passage.turn(1).timers == 0
    assert logged == []


# -- the daemon stops


def test_who_waits_for_an_answer_is_told() -> None:
    passage = Passage().ask()
    passage.served[0].cancel()
    assert passage.status == 503
    assert passage.ended
    assert passage.context.cancelled == 1


def test_who_is_in_the_midst_of_one_is_cut() -> None:
    told = Told(200, JSON, body=b"half")
    passage = Passage().ask().answer(told)
    passage.served[0].cancel()
    assert told.over
    passage.turn()
    assert passage.wire.aborted
    assert not passage.ended
    assert passage.unexpected == []


# -- mistakes of ours


def test_a_mistake_before_the_head_is_the_doors_to_tell() -> None:
    passage = Passage().ask().answer(ZeroDivisionError())
    assert passage.status == 500
    assert len(passage.unexpected) == 1


def test_a_mistake_within_the_body_is_logged_and_cuts_the_client(failures: list[LogEvent]) -> None:
    class Mistaken(Told):
        def deliver(self, receiver: IProtocol) -> None:
            super().deliver(receiver)
            raise ZeroDivisionError

    passage = Passage().ask().answer(Mistaken(200, ("Content-Type", "text/event-stream"), body=b"half"))
    passage.turn()
    assert passage.wire.aborted
    assert not passage.ended
    assert passage.unexpected == []
    (event,) = failures
    assert event["log_failure"].check(ZeroDivisionError)
    failures.clear()


def test_a_control_plane_shows_no_key() -> None:
    control_plane = ControlPlane({}, Path)
    control_plane.reconfigure(WITH_KEY)
    assert AMP_KEY not in repr(control_plane) + repr(vars(control_plane))
