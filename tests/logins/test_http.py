"""One small request: what goes out, and what is made of whatever comes back."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.errors import Unreachable
from cliproxy.logins.http import MAX_BODY_BYTES, TIMEOUT_SECONDS, Asker, Reply
from cliproxy.logins.tokens import LoginFailed, Unanswered
from cliproxy.secret import Secret
from tests.support.answers import FakeSender, Said, said

URL = "https://id.example/token"


def asker(sender: FakeSender, clock: Clock | None = None) -> Asker:
    return Asker(sender, clock or Clock(), b"cliproxy/1.2.3")


def taken(asked: Deferred[Reply]) -> Reply:
    outcomes: list[object] = []
    asked.addBoth(outcomes.append)
    (reply,) = outcomes
    assert isinstance(reply, Reply)
    return reply


def failed(asked: Deferred[Reply]) -> Exception:
    outcomes: list[object] = []
    asked.addBoth(outcomes.append)
    (failure,) = outcomes
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, Exception)
    return failure.value


def test_a_form_is_a_form() -> None:
    sender = FakeSender(said())
    asker(sender).post_form(URL, {"code": "a b&c", "state": "ü"})
    (sent,) = sender.sent
    assert (sent.method, sent.url, sent.header("content-type")) == ("POST", URL, "application/x-www-form-urlencoded")
    assert sent.fields == {"code": "a b&c", "state": "ü"}


def test_json_is_json() -> None:
    sender = FakeSender(said())
    asker(sender).post_json(URL, {"code": "a"})
    assert sender.sent[0].fields == {"code": "a"}


def test_a_get_has_no_body() -> None:
    sender = FakeSender(said())
    asker(sender).get(URL)
    assert (sender.sent[0].method, sender.sent[0].body, sender.sent[0].header("content-type")) == ("GET", b"", "")


def test_requests_say_who_asks() -> None:
    sender = FakeSender(said())
    asker(sender).get(URL)
    assert sender.sent[0].header("user-agent") == "cliproxy/1.2.3"


def test_a_bearer_goes_in_its_header() -> None:
    sender = FakeSender(said())
    asker(sender).get(URL, bearer=Secret("a-token"))
    assert sender.sent[0].header("authorization") == "Bearer a-token"


def test_an_answer_is_its_status_and_its_object() -> None:
    reply = taken(asker(FakeSender(said(418, error="teapot"))).get(URL))
    assert (reply.status, reply.document, reply.ok) == (418, {"error": "teapot"}, False)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b'{"a": 1', b"\xff", b'{"a": "%s"}' % (b"x" * MAX_BODY_BYTES)]
)
def test_a_body_that_is_no_object_is_no_answer(body: bytes) -> None:
    reply = taken(asker(FakeSender(Said(200, body))).get(URL))
    assert (reply.ok, reply.document) == (False, {})


def test_a_body_that_stops_is_no_answer() -> None:
    clock = Clock()
    asked = asker(FakeSender(Said(200, b'{"a": ', whole=False)), clock).get(URL)
    clock.advance(TIMEOUT_SECONDS)
    assert not taken(asked).ok


def test_silence_ends_after_half_a_minute() -> None:
    clock = Clock()
    sender = FakeSender(None)
    asked = asker(sender, clock).get(URL)
    clock.advance(TIMEOUT_SECONDS)
    assert isinstance(failed(asked), Unanswered)
    assert sender.cancelled == 1


def test_no_timer_is_left() -> None:
    clock = Clock()
    taken(asker(FakeSender(said()), clock).get(URL))
    assert clock.getDelayedCalls() == []


def test_cancelling_cancels_the_request() -> None:
    sender = FakeSender(None)
    asked = asker(sender).get(URL)
    asked.cancel()
    assert isinstance(failed(asked), CancelledError)
    assert sender.cancelled == 1


def test_trouble_on_the_way_is_no_answer() -> None:
    error = failed(asker(FakeSender(Unreachable("No route to id.example.", 7.0))).get(URL))
    assert isinstance(error, Unanswered)
    assert (str(error), error.retry_after) == ("No route to id.example.", 7.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 5.0), ("-3", 5.0), ("86400", 300.0), ("inf", None), ("nan", None), ("soon", None), ("", None)],
)
def test_retry_after_is_kept_within_bounds(header: str, seconds: float | None) -> None:
    sender = FakeSender(Said(429, b"{}", {"retry-after": header}))
    assert taken(asker(sender).get(URL)).retry_after == seconds


@pytest.mark.parametrize("url", ["", "id.example", "ftp://id.example", "https://", "http://[::1"])
def test_what_is_no_address_is_not_asked(url: str) -> None:
    sender = FakeSender(said())
    with pytest.raises(LoginFailed, match="not a URL"):
        asker(sender).get(url)
    assert sender.sent == []
