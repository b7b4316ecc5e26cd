"""What a daemon keeps on disk: its accounts and their tokens, what the pool knows, and the operator's door."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import orjson
import pytest
from twisted.internet.task import Clock

from cliproxy.config.schema import Config
from cliproxy.home import Home
from cliproxy.store.place import socket_path, state_folder, state_path
from cliproxy.web.channel import LimitedSite
from tests.support.house import (
    JSON,
    MODEL,
    MONTH,
    START,
    TODAY,
    WHOLE,
    Asked,
    Caller,
    MemoryHouse,
    Upstream,
    at_once,
    bearer_of,
    refuse,
    request,
    serve,
)

KIMI_MODEL: Final = "kimi-k2.5"
EXPIRED: Final = b'{"error":{"message":"token expired"}}'


class Reactor(Clock):
    """Knows time, and takes sockets without ever reading them."""

    def addReader(self, reader: object) -> None:
        """Nothing comes."""

    def removeReader(self, reader: object) -> None:
        """As nothing came."""

    def addWriter(self, writer: object) -> None:
        """Nothing goes."""

    def removeWriter(self, writer: object) -> None:
        """As nothing went."""


class Place:
    """A directory, and one daemon after the other in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = Config(auth_dir=str(path / "accounts"))
        self.reactor = Reactor()
        (path / "accounts").mkdir(mode=0o700)

    def write(self, name: str, **members: object) -> None:
        """An account of Anthropic's, or what is said."""
        end = TODAY + 30 * 86_400
        told = {"type": "claude", "access_token": "access-1", "refresh_token": "refresh-1", "expired": end, **members}
        (self.path / "accounts" / name).write_bytes(orjson.dumps(told))

    def read(self, name: str) -> dict[str, object]:
        """What an account's file says."""
        told: dict[str, object] = orjson.loads((self.path / "accounts" / name).read_bytes())
        return told

    def wall(self) -> float:
        return TODAY + self.reactor.seconds()

    def process(self) -> Process:
        """A daemon that starts now."""
        return Process(self)


class Process:
    """One daemon's house and home."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.upstream = Upstream(place.reactor)
        self.house = MemoryHouse(place.config, place.reactor, self.upstream)
        self.house._wall = place.wall
        self.home = Home(place.config, self.house, place.reactor, at_once, place.wall)
        self.home.startService()
        self._site = LimitedSite(self.house.doors, place.reactor, self.house.body_limit)

    def ask(self, session: str = "a", *, model: str = MODEL, stream: bool = True) -> Caller:
        """A client asks."""
        body = request(stream=stream, model=model)
        return Caller(self._site, self._place.reactor).ask(body, f"X-Session-Id: {session}")

    def asked_chat(self) -> Asked:
        """A client of Kimi's format asks; what the upstream gets."""
        body = {"model": KIMI_MODEL, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        Caller(self._site, self._place.reactor).ask(orjson.dumps(body), path="/v1/chat/completions")
        return self.upstream.last

    def pass_time(self, seconds: float) -> None:
        self._place.reactor.pump([0.05] * round(seconds / 0.05))

    def stop(self) -> None:
        """As the daemon does; it ends at once, since nothing is under way."""
        ended: list[object] = []
        self.house.drain()
        self.home.stopService().addBoth(ended.append)
        self.pass_time(0.1)
        assert len(ended) == 1

    def row(self, name: str) -> dict[str, object]:
        """What the operator is told of an account."""
        told = orjson.loads(orjson.dumps(self.house.status()))
        (row,) = [row for row in told["credentials"] if row["id"] == name]
        assert isinstance(row, dict)
        return row


@pytest.fixture
def place() -> Iterator[Place]:
    """With a short name: a socket's must be."""
    path = Path(tempfile.mkdtemp(prefix="home"))
    yield Place(path)
    shutil.rmtree(path)


# -- accounts


def test_the_first_request_finds_the_accounts_that_are_there(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    client = process.ask()
    assert bearer_of(process.upstream.last) == "access-1"
    serve(process.upstream.last)
    assert client.body == WHOLE
    process.stop()


def test_an_account_that_comes_serves_within_a_second(place: Place) -> None:
    process = place.process()
    assert process.ask().status == 404
    place.write("claude-a.json")
    process.pass_time(1)
    process.ask()
    assert bearer_of(process.upstream.last) == "access-1"
    serve(process.upstream.last)
    process.stop()


def test_an_account_that_goes_serves_no_more_within_a_second(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    (place.path / "accounts" / "claude-a.json").unlink()
    process.pass_time(1)
    assert process.ask().status == 404
    process.stop()


def test_a_directory_that_is_not_there_is_no_reason_not_to_start(place: Place) -> None:
    place.config = attrs.evolve(place.config, auth_dir=str(place.path / "nowhere"))
    process = place.process()
    assert process.ask().status == 404
    process.stop()


# -- tokens


def test_a_token_is_renewed_before_it_ends(place: Place) -> None:
    place.write("kimi-a.json", type="kimi", expired=TODAY + 60)
    process = place.process()
    process.pass_time(1)
    asked = process.upstream.last
    assert b"refresh-1" in asked.body
    fresh = {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 3600}
    asked.answer(200, JSON, body=orjson.dumps(fresh), end=True)
    process.pass_time(0.1)
    asked = process.asked_chat()
    assert bearer_of(asked) == "access-2"
    refuse(asked, 400)
    assert place.read("kimi-a.json")["refresh_token"] == "refresh-2"
    process.stop()


def test_a_token_that_is_refused_is_renewed_while_the_client_waits(place: Place) -> None:
    place.write("kimi-a.json", type="kimi", expired=TODAY + 3600, last_refresh=TODAY - 60)
    process = place.process()
    refused = process.asked_chat()
    assert bearer_of(refused) == "access-1"
    refuse(refused, 401, body=EXPIRED)
    process.pass_time(0.1)
    renewal = process.upstream.last
    assert b"refresh-1" in renewal.body
    fresh = {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 3600}
    renewal.answer(200, JSON, body=orjson.dumps(fresh), end=True)
    process.pass_time(0.1)
    assert bearer_of(process.upstream.last) == "access-2"
    refuse(process.upstream.last, 400)
    process.stop()


def test_an_account_whose_refresh_token_is_refused_is_told_to_need_a_login(place: Place) -> None:
    place.write("kimi-a.json", type="kimi", expired=TODAY + 60)
    process = place.process()
    process.pass_time(1)
    process.upstream.last.answer(400, JSON, body=b'{"error":"invalid_grant"}', end=True)
    process.pass_time(10)  # in which another program might have written its successor
    assert process.row("kimi-a.json")["state"] == "needs login"
    assert place.read("kimi-a.json")["needs_login"] is True
    process.stop()


# -- a restart


def test_what_cools_still_cools_after_a_restart(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.ask()
    refuse(process.upstream.last, 429, ("Retry-After", MONTH))
    process.stop()
    again = place.process()
    assert again.ask().status == 429
    assert again.upstream.asked == []
    again.stop()


def test_after_ten_minutes_it_is_tried_in_the_next_process_too(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.ask()
    refuse(process.upstream.last, 429, ("Retry-After", MONTH))
    process.stop()
    place.reactor.advance(600)
    again = place.process()
    again.ask()
    serve(again.upstream.last)
    assert again.row("claude-a.json")["cooldowns"] == []
    again.stop()


def test_what_passes_still_passes_after_a_restart(place: Place) -> None:
    """After an overload the only account was out for a minute, since it was forgotten that this may pass sooner."""
    place.write("claude-a.json")
    process = place.process()
    process.ask()
    refuse(process.upstream.last, 529)
    process.stop()
    place.reactor.advance(1)
    again = place.process()
    again.ask()
    assert len(again.upstream.asked) == 1
    serve(again.upstream.last)
    again.stop()


def test_windows_are_known_after_a_restart(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.ask()
    used = ("Anthropic-Ratelimit-Unified-5h-Utilization", "0.25")
    reset = ("Anthropic-Ratelimit-Unified-5h-Reset", str(int(TODAY) + 3600))
    process.upstream.last.answer(200, ("Content-Type", "text/event-stream"), used, reset, body=WHOLE, end=True)
    told = process.row("claude-a.json")["windows"]
    process.stop()
    again = place.process()
    assert again.row("claude-a.json")["windows"] == told != []
    again.stop()


def test_conversations_are_where_they_were_after_a_restart(place: Place) -> None:
    for name in "abc":
        place.write(f"claude-{name}.json", access_token=f"access-{name}")
    process = place.process()
    homes = {}
    for session in ("one", "two", "three"):
        process.ask(session)
        homes[session] = bearer_of(process.upstream.last)
        serve(process.upstream.last)
    process.stop()
    again = place.process()
    for session in ("three", "one", "two"):
        again.ask(session)
        assert bearer_of(again.upstream.last) == homes[session]
        serve(again.upstream.last)
    again.stop()


def test_what_is_known_is_written_while_it_runs(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.ask()
    refuse(process.upstream.last, 429, ("Retry-After", MONTH))
    process.pass_time(3)
    crashed = place.process()
    assert crashed.ask().status == 429
    crashed.stop()
    process.stop()


# -- places


def test_what_is_kept_is_for_its_owner_alone(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.ask()
    refuse(process.upstream.last, 429)
    process.stop()
    folder, file = state_folder(place.config), state_path(place.config)
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_no_token_is_in_what_the_pool_keeps(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.ask("my-project")
    refuse(process.upstream.last, 429, body=b'{"error":{"message":"Bad token access-1!"}}')
    process.stop()
    kept = b"".join(file.read_bytes() for file in state_folder(place.config).iterdir() if file.is_file())
    assert kept
    assert b"access-1" not in kept
    assert b"my-project" not in kept


def test_the_operators_door_is_open_while_it_runs(place: Place) -> None:
    process = place.process()
    door = socket_path(place.config)
    assert door.is_socket()
    process.stop()
    assert not door.exists()


def test_state_may_be_kept_elsewhere(place: Place) -> None:
    place.config = attrs.evolve(place.config, state_dir=str(place.path / "s"))
    process = place.process()
    assert (place.path / "s" / "control.sock").is_socket()
    process.stop()
    assert not (place.path / "accounts" / "state").exists()


def test_a_home_can_be_started_again(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    process.stop()
    process.house.open()
    process.home.startService()
    place.write("claude-b.json")
    process.pass_time(1)
    assert process.house.credential_names == ("claude-a.json", "claude-b.json")
    process.stop()


def test_once_stopped_nothing_goes_on(place: Place) -> None:
    place.write("kimi-a.json", type="kimi", expired=TODAY + 3600, last_refresh=TODAY - 60)
    process = place.process()
    process.pass_time(1)
    process.stop()
    assert place.reactor.getDelayedCalls() == []


def test_an_unfinished_reply_is_no_reason_to_stay(place: Place) -> None:
    place.write("claude-a.json")
    process = place.process()
    client = process.ask()
    process.upstream.last.answer().say(START)
    client.leave()
    process.stop()
    assert place.reactor.getDelayedCalls() == []
