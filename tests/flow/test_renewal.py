"""Accounts that were logged in to: a token that is refused is renewed once, and the client notices nothing."""

from __future__ import annotations

from cliproxy.config.schema import Config, Retrying, Share
from cliproxy.logins.login import Login
from tests.support.house import (
    WHOLE,
    Daemon,
    FakeRenewer,
    bearer_of,
    key,
    login,
    refuse,
    serve,
)

EXPIRED = b'{"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired."}}'


def logged_in(*logins: Login, keys: int = 0, patient: bool = False) -> tuple[Daemon, FakeRenewer]:
    """A daemon with these accounts, and behind them some keys."""
    backups = tuple(key(number, share=Share(priority=-1)) for number in range(keys))
    daemon = Daemon(0, Config(claude_keys=backups), patient=patient)
    daemon.house.take_logins({one.name: one for one in logins})
    return daemon, FakeRenewer(daemon.house)


def test_an_account_is_asked_with_its_token() -> None:
    daemon, renewer = logged_in(login(0))
    daemon.stream()
    assert bearer_of(daemon.upstream.last) == "access-token-0"
    assert renewer.asked == []


def test_a_refused_token_is_renewed_and_the_client_notices_nothing() -> None:
    daemon, renewer = logged_in(login(0))
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    assert renewer.asked == [("claude-0.json", "access-token-0")]
    assert not client.told
    renewer.give(login(0, "fresh"))
    assert bearer_of(daemon.upstream.last) == "fresh"
    serve(daemon.upstream.last)
    assert client.body == WHOLE
    assert daemon.standings() == [None]


def test_a_fresh_token_that_is_refused_is_not_renewed_again() -> None:
    daemon, renewer = logged_in(login(0))
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    renewer.give(login(0, "fresh"))
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    assert len(renewer.asked) == 1
    assert (client.status, client.body) == (401, EXPIRED)
    assert daemon.failures() == [1]


def test_where_there_is_no_other_token_the_next_credential_is_asked() -> None:
    daemon, renewer = logged_in(login(0), keys=1)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    renewer.refuse()
    assert daemon.upstream.last.headers.getRawHeaders(b"x-api-key") == [b"sk-ant-upstream-key-0"]
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_other_trouble_renews_nothing() -> None:
    daemon, renewer = logged_in(login(0))
    daemon.stream()
    refuse(daemon.upstream.last, 403)
    assert renewer.asked == []


def test_a_key_is_not_renewed() -> None:
    daemon = Daemon()
    renewer = FakeRenewer(daemon.house)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401)
    assert (client.status, renewer.asked) == (401, [])


def test_an_account_that_cannot_be_renewed_is_not_tried_to() -> None:
    alone = Login("claude-0.json", "claude", access_token=login(0).access_token)
    daemon, renewer = logged_in(alone)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    assert (client.status, renewer.asked) == (401, [])


# -- an account whose first token is yet to come


def test_an_account_without_a_token_gets_one_before_it_is_asked() -> None:
    daemon, renewer = logged_in(login(0, ""))
    client = daemon.stream()
    assert daemon.upstream.asked == []
    assert renewer.asked == [("claude-0.json", "")]
    renewer.give(login(0, "first"))
    assert bearer_of(daemon.upstream.last) == "first"
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_an_account_is_never_asked_without_a_token() -> None:
    """It was asked with an empty one, and was then held for logged out."""
    daemon, renewer = logged_in(login(0, ""), keys=1)
    client = daemon.stream()
    renewer.refuse()
    (asked,) = daemon.upstream.asked
    assert asked.headers.getRawHeaders(b"x-api-key") == [b"sk-ant-upstream-key-0"]
    serve(asked)
    assert client.body == WHOLE


def test_a_token_that_is_late_is_asked_for_again_in_the_next_round() -> None:
    daemon, renewer = logged_in(login(0, ""), patient=True)
    client = daemon.stream()
    renewer.refuse()
    assert not client.told
    daemon.pass_time(1.5)
    renewer.give(login(0, "first"))
    serve(daemon.upstream.last)
    assert client.body == WHOLE


# -- while others do something


def test_a_client_that_leaves_while_a_token_is_renewed_leaves_nothing_behind() -> None:
    daemon, renewer = logged_in(login(0))
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    client.leave()
    assert renewer.cancelled == 1
    daemon.assert_quiet()
    assert daemon.standings() == [None]


def test_a_stream_is_kept_alive_while_a_token_is_renewed() -> None:
    daemon, renewer = logged_in(login(0))
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    daemon.pass_time(15)
    assert client.body == b"\n"
    renewer.give(login(0, "fresh"))
    serve(daemon.upstream.last)
    assert client.body == b"\n" + WHOLE


def test_a_new_token_serves_the_exchange_that_began_with_the_old_one() -> None:
    daemon, _ = logged_in(login(0), login(1))
    daemon.stream()
    number = int(bearer_of(daemon.upstream.last)[-1])
    daemon.house.take_logins({login(1 - number).name: login(1 - number, "newer")})
    refuse(daemon.upstream.last, 500)
    assert bearer_of(daemon.upstream.last) == "newer"


def test_a_new_token_rebuilds_nothing() -> None:
    daemon, _ = logged_in(login(0), login(1))
    before = daemon.house._exchanges.provision
    daemon.house.take_logins({login(1).name: login(1, "newer", expired=1e10)})
    assert daemon.house._exchanges.provision is before


def test_an_account_that_is_removed_serves_nobody_any_more() -> None:
    daemon, _ = logged_in(login(0), keys=1)
    daemon.house.take_logins({}, frozenset({"claude-0.json"}))
    daemon.stream()
    assert daemon.keys_asked == [0]


def test_who_is_under_way_with_an_account_that_is_removed_goes_on() -> None:
    daemon, _ = logged_in(login(0))
    client = daemon.stream()
    daemon.house.take_logins({}, frozenset({"claude-0.json"}))
    serve(daemon.upstream.last)
    assert client.body == WHOLE
    client.leave()
    daemon.assert_quiet()


def test_an_account_that_is_removed_while_its_token_is_renewed_is_asked_no_more() -> None:
    daemon, renewer = logged_in(login(0), keys=1)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    daemon.house.take_logins({}, frozenset({"claude-0.json"}))
    renewer.refuse()
    serve(daemon.upstream.last)
    assert client.body == WHOLE
    assert daemon.house.credential_names == tuple(daemon.house.credential_names[:1])


def test_a_parked_account_serves_nobody_and_says_why() -> None:
    daemon, _ = logged_in(login(0, needs_login=True))
    client = daemon.stream()
    assert client.status == 503
    assert "needs a new login" in client.error["message"]
    assert daemon.upstream.asked == []


def test_an_account_that_is_parked_while_it_is_renewed_makes_room_for_the_next() -> None:
    daemon, renewer = logged_in(login(0), keys=1)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    daemon.house.take_logins({"claude-0.json": login(0, needs_login=True)})
    renewer.refuse()
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_a_parked_account_that_was_logged_in_to_again_serves_at_once() -> None:
    """What had been held against its old token kept it out for half an hour."""
    daemon, renewer = logged_in(login(0))
    daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    renewer.refuse()
    daemon.house.take_logins({"claude-0.json": login(0, needs_login=True)})
    daemon.house.take_logins({"claude-0.json": login(0, "new")})
    client = daemon.stream()
    assert bearer_of(daemon.upstream.last) == "new"
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_an_account_whose_token_came_late_serves_at_once() -> None:
    """The old token had been refused while its renewal failed, and the new one was not asked with for nine minutes."""
    daemon, renewer = logged_in(login(0))
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    renewer.refuse()
    assert client.status == 401
    daemon.house.take_logins({"claude-0.json": login(0, "late")})
    daemon.stream()
    assert bearer_of(daemon.upstream.last) == "late"


def test_a_new_token_is_no_pardon_for_other_trouble() -> None:
    daemon, _ = logged_in(login(0))
    daemon.stream()
    refuse(daemon.upstream.last, 402)
    daemon.house.take_logins({"claude-0.json": login(0, "new")})
    assert daemon.stream().status == 503


def test_with_rounds_a_refused_login_is_no_reason_to_wait() -> None:
    daemon, renewer = logged_in(login(0), patient=True)
    client = daemon.stream()
    refuse(daemon.upstream.last, 401, body=EXPIRED)
    renewer.refuse()
    assert client.status == 401
    assert daemon.house.config.retrying == Retrying()
