"""What an operator is shown: JSON, complete, and without a secret."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from cliproxy.config.schema import Config, Routing, Share
from cliproxy.management.shapes import Explanation, Status
from tests.support.house import BLOCK, MODEL, MONTH, START, TODAY, Daemon, key, login, number_of, refuse, serve


def shown(daemon: Daemon) -> dict[str, Any]:
    """As the operator's door writes it."""
    told: dict[str, Any] = orjson.loads(orjson.dumps(daemon.house.status()))
    return told


def rows(daemon: Daemon) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in shown(daemon)["credentials"]}


def row(daemon: Daemon) -> dict[str, Any]:
    """Of the only credential."""
    (only,) = rows(daemon).values()
    return only


def test_a_credential_that_nobody_has_used_is_ready() -> None:
    told = row(Daemon())
    assert told["state"] == "ready"
    assert (told["provider"], told["in_flight"], told["served"], told["failed"]) == ("claude", 0, 0, 0)
    assert (told["windows"], told["cooldowns"]) == ([], [])


def test_its_terms_are_shown() -> None:
    daemon = Daemon(config=Config(claude_keys=(key(0, share=Share(priority=3, weight=2, max_concurrency=4)),)))
    told = row(daemon)
    assert (told["priority"], told["weight"], told["limit"]) == (3, 2, 4)


def test_what_it_did_is_counted() -> None:
    daemon = Daemon(config=Config(claude_keys=(key(0),), routing=Routing(max_concurrency=9)))
    for status in (200, 500, 200):
        daemon.talk("a")
        if status == 200:
            serve(daemon.upstream.last)
        else:
            refuse(daemon.upstream.last, status)
        daemon.pass_time(2)
    told = row(daemon)
    assert (told["served"], told["failed"], told["conversations"]) == (2, 1, 1)


def test_a_cooldown_is_shown_with_its_reason_and_its_times() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", MONTH))
    (cooldown,) = row(daemon)["cooldowns"]
    assert (cooldown["model"], cooldown["verdict"], cooldown["status"]) == (MODEL, "rate limited", 429)
    assert cooldown["reason"] == "Slow down"
    assert (cooldown["since"], cooldown["until"], cooldown["probe_at"]) == (TODAY, TODAY + int(MONTH), TODAY + 600)


def test_the_state_is_that_of_the_whole_credential() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 429, ("Retry-After", "60"))
    assert row(daemon)["state"] == "ready"


def test_one_that_cools_for_all_models_is_cooling_then_half_open_then_probing() -> None:
    daemon = Daemon()
    states = []
    daemon.stream()
    refuse(daemon.upstream.last, 401)
    states.append(row(daemon)["state"])
    daemon.pass_time(601)
    states.append(row(daemon)["state"])
    daemon.stream()
    states.append(row(daemon)["state"])
    serve(daemon.upstream.last)
    states.append(row(daemon)["state"])
    assert states == ["cooling", "half-open", "probing", "ready"]


def test_one_that_has_enough_to_do_is_full() -> None:
    daemon = Daemon(1, Config(routing=Routing(max_concurrency=1)))
    daemon.talk("a")
    daemon.talk("b")
    assert (row(daemon)["state"], row(daemon)["in_flight"], shown(daemon)["queue"]) == ("full", 1, {"waiting": 1})


def test_a_login_is_shown_by_its_label_and_its_end() -> None:
    daemon = Daemon(0, Config())
    daemon.house.take_logins({"claude-0.json": login(0, email="me@example.org", expired=TODAY + 60)})
    told = row(daemon)
    assert (told["id"], told["label"], told["expires_at"]) == ("claude-0.json", "me@example.org", TODAY + 60)


def test_a_login_that_was_parked_needs_one() -> None:
    daemon = Daemon(0, Config())
    daemon.house.take_logins({"claude-0.json": login(0, needs_login=True)})
    assert row(daemon)["state"] == "needs login"


def test_a_disabled_login_is_no_credential() -> None:
    daemon = Daemon(0, Config())
    daemon.house.take_logins({"claude-0.json": login(0, disabled=True)})
    assert rows(daemon) == {}


def test_who_would_be_next_is_who_is_next() -> None:
    daemon = Daemon(keys=3)
    for number in range(6):
        told = shown(daemon)["next"][MODEL]
        daemon.talk(str(number))
        asked = daemon.house.credential_names[number_of(daemon.upstream.last)]
        assert asked == told
        serve(daemon.upstream.last)


def test_to_look_changes_nothing() -> None:
    daemon = Daemon(keys=3)
    daemon.talk("a")
    refuse(daemon.upstream.last, 429, ("Retry-After", "60"))
    assert shown(daemon) == shown(daemon)


def test_of_a_model_that_nobody_serves_just_now_nobody_is_next() -> None:
    daemon = Daemon()
    daemon.stream()
    refuse(daemon.upstream.last, 401)
    assert shown(daemon)["next"] == {}


def test_a_window_that_is_over_is_shown_no_more() -> None:
    daemon = Daemon()
    daemon.stream()
    used = ("Anthropic-Ratelimit-Unified-5h-Utilization", "0.25")
    reset = ("Anthropic-Ratelimit-Unified-5h-Reset", str(int(TODAY) + 60))
    daemon.upstream.last.answer(200, ("Content-Type", "text/event-stream"), used, reset, body=START + BLOCK)
    assert len(row(daemon)["windows"]) == 1
    daemon.pass_time(61)
    assert row(daemon)["windows"] == []


def test_the_operators_tools_understand_it() -> None:
    daemon = Daemon(keys=2)
    daemon.house.take_logins({"claude-0.json": login(0)})
    daemon.talk("a")
    refuse(daemon.upstream.last, 429, ("Retry-After", MONTH))
    told = msgspec.json.decode(msgspec.json.encode(daemon.house.status()), type=Status)
    assert len(told.credentials) == 3


def test_the_operators_tools_understand_an_explanation() -> None:
    daemon = Daemon(keys=2)
    client = daemon.talk("a")
    refuse(daemon.upstream.last, 429, ("Retry-After", MONTH))
    serve(daemon.upstream.last)
    told = msgspec.json.decode(msgspec.json.encode(daemon.explained(client)), type=Explanation)
    assert [step.taken is not None for step in told.steps] == [True, True]


def test_a_request_that_nobody_knows_has_no_explanation() -> None:
    assert Daemon().house.explanation("req_unknown") is None


@pytest.mark.parametrize("part", ["sk-ant-upstream-key", "access-token", "refresh-token", "my-project"])
def test_no_secret_is_shown(part: str) -> None:
    """Not even where an upstream repeats the key that it was asked with."""
    daemon = Daemon(keys=1)
    daemon.house.take_logins({"claude-0.json": login(0)})
    client = daemon.talk("my-project")
    for _ in range(2):
        key_told = daemon.upstream.last.headers.getRawHeaders("x-api-key") or ["access-token-0"]
        refuse(daemon.upstream.last, 403, body=b'{"error":{"message":"No: %b"}}' % key_told[0].encode())
    told = orjson.dumps([daemon.house.status(), daemon.explained(client)])
    assert b"No: [redacted]" in told
    assert part.encode() not in told
