"""What is behind the doors: which credentials there are, and what becomes of them as accounts come and go."""

from __future__ import annotations

import attrs
import orjson
from twisted.logger import formatEvent

from cliproxy.config.schema import Config, Logins, Model, Retrying, Routing
from tests.support.house import BLOCK, MODEL, START, WHOLE, Daemon, bearer_of, key, logged, login, refuse, serve

NAME = "claude-0.json"


def with_logins(*numbers: int, config: Config | None = None) -> Daemon:
    """A daemon with accounts alone."""
    daemon = Daemon(0, config or Config())
    daemon.house.take_logins({login(number).name: login(number) for number in numbers})
    return daemon


# -- accounts


def test_accounts_come_behind_the_keys_of_the_configuration() -> None:
    daemon = Daemon(keys=1)
    daemon.house.take_logins({NAME: login(0)})
    assert daemon.house.credential_names[1:] == (NAME,)


def test_without_keys_and_accounts_it_is_not_ready() -> None:
    daemon = Daemon(0, Config())
    assert daemon.house.why_not_ready() is not None
    daemon.house.take_logins({NAME: login(0)})
    assert daemon.house.why_not_ready() is None


def test_accounts_are_in_the_order_of_their_names() -> None:
    assert with_logins(2, 0, 1).house.credential_names == ("claude-0.json", "claude-1.json", "claude-2.json")


def test_an_account_that_was_edited_is_used_as_it_is_now() -> None:
    daemon = with_logins(0)
    daemon.house.take_logins({NAME: login(0, excluded_models=("claude-opus-*",))})
    assert daemon.stream().status == 404


def test_an_account_that_is_disabled_serves_nobody_and_comes_back() -> None:
    daemon = with_logins(0)
    daemon.house.take_logins({NAME: login(0, disabled=True)})
    assert daemon.stream().status == 404
    daemon.house.take_logins({NAME: login(0)})
    daemon.stream()
    assert len(daemon.upstream.asked) == 1


def test_an_account_that_cannot_be_used_is_named_and_left_out() -> None:
    daemon = with_logins(1)
    with logged() as events:
        daemon.house.take_logins({NAME: login(0, proxy_url="no://proxy")})
    (line,) = [str(formatEvent(event)) for event in events]
    assert line.startswith(f"{NAME} is left out: ")
    assert daemon.house.credential_names == ("claude-1.json",)


def test_an_account_of_a_type_that_nobody_knows_is_left_out() -> None:
    daemon = with_logins(1)
    daemon.house.take_logins({NAME: attrs.evolve(login(0), type="unheard-of")})
    assert daemon.house.credential_names == ("claude-1.json",)


def test_who_was_removed_and_never_there_is_no_trouble() -> None:
    daemon = with_logins(0)
    daemon.house.take_logins({}, frozenset({"nobody.json"}))
    assert daemon.house.credential_names == (NAME,)


def test_what_was_held_against_an_account_that_is_gone_is_forgotten() -> None:
    daemon = with_logins(0)
    daemon.stream()
    refuse(daemon.upstream.last, 402)
    daemon.house.take_logins({}, frozenset({NAME}))
    daemon.house.take_logins({NAME: login(0)})
    assert daemon.standings() == [None]


def test_a_new_token_changes_the_token_alone() -> None:
    daemon = with_logins(0, 1)
    provision, catalogue = daemon.house._exchanges.provision, daemon.house._exchanges.provision.catalogue
    daemon.house.take_logins({NAME: login(0, "newer", expired=5.0, last_refresh=1.0)})
    assert daemon.house._exchanges.provision is provision
    assert daemon.house._exchanges.provision.catalogue is catalogue
    assert provision.accounts[catalogue.credentials[0]].key.reveal() == "newer"


def test_a_new_token_is_not_lost_by_a_reload() -> None:
    daemon = with_logins(0)
    daemon.house.take_logins({NAME: login(0, "newer")})
    daemon.house.configure(attrs.evolve(daemon.config, debug=True))
    daemon.stream()
    assert bearer_of(daemon.upstream.last) == "newer"


def test_an_exchange_from_before_a_reload_has_the_token_from_after_it() -> None:
    daemon = with_logins(0, 1)
    daemon.stream()
    other = 1 - int(bearer_of(daemon.upstream.last)[-1])
    daemon.house.configure(attrs.evolve(daemon.config, debug=True))
    daemon.house.take_logins({login(other).name: login(other, "newer")})
    refuse(daemon.upstream.last, 500)
    assert bearer_of(daemon.upstream.last) == "newer"


def test_accounts_have_the_models_that_the_configuration_names() -> None:
    logins = Logins(aliases={"claude": (Model(MODEL, "opus"),)})
    daemon = with_logins(0, config=Config(logins=logins))
    daemon.stream("opus")
    assert orjson.loads(daemon.upstream.last.body)["model"] == MODEL


# -- a reload


def test_what_the_pool_goes_by_changes_with_the_configuration() -> None:
    daemon = Daemon(keys=2)
    routing = Routing(strategy="fill-first", session_affinity=False)
    retrying = Retrying(max_cooldown_seconds=9, transient_cooldown_seconds=8, max_retry_interval_seconds=0)
    daemon.house.configure(attrs.evolve(daemon.config, routing=routing, retrying=retrying))
    policy = daemon.house.pool.policy
    assert (policy.strategy, policy.affinity_seconds) == ("fill-first", 0.0)
    assert (policy.max_cooldown_seconds, policy.transient_seconds) == (9, 8)


def test_who_waits_is_let_in_when_a_reload_makes_room() -> None:
    """It waited for the end of another request, of which there was no need any more."""
    daemon = Daemon(1, Config(routing=Routing(max_concurrency=1)))
    daemon.talk("a")
    daemon.talk("b")
    daemon.house.configure(attrs.evolve(daemon.config, routing=Routing(max_concurrency=2)))
    assert len(daemon.upstream.asked) == 2


def test_a_key_that_is_taken_away_while_it_serves_ends_its_reply() -> None:
    daemon = Daemon(keys=1)
    client = daemon.stream()
    daemon.upstream.last.answer().say(START + BLOCK)
    daemon.house.configure(attrs.evolve(daemon.config, claude_keys=(key(5),)))
    daemon.upstream.last.say(WHOLE[len(START + BLOCK) :]).end()
    assert client.body == WHOLE
    client.leave()
    daemon.assert_quiet()


# -- from stop to start


def test_what_the_pool_knows_survives_a_stop() -> None:
    daemon = Daemon(keys=1)
    daemon.stream()
    refuse(daemon.upstream.last, 402)
    daemon.house.drain()
    daemon.house.open()
    assert daemon.stream().status == 503


def test_after_a_start_requests_are_let_in_again() -> None:
    daemon = Daemon(1, Config(routing=Routing(max_concurrency=1)))
    daemon.house.drain()
    daemon.house.open()
    daemon.talk("a")
    client = daemon.talk("b")
    serve(daemon.upstream.last)
    serve(daemon.upstream.last)
    assert client.body == WHOLE
