"""The pool as processes: what it knows over restarts, two daemons in one place, and what its operator is shown."""

from __future__ import annotations

import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from cliproxy.management.inquiry import ask as inquire
from cliproxy.management.shapes import CooldownTold, CredentialTold, Status, read_explanation, read_status
from tests.real.conftest import CLIENT_KEY, Start, Write
from tests.support.door import Door, door
from tests.support.processes import ANYWHERE, CLIPROXY, Process, Reply, accepts, ask, message, until

FIRST = "sk-ant-api03-of-the-first-0123456789"
SECOND = "sk-ant-api03-of-the-second-0123456789"
SECRETS = (FIRST, SECOND, CLIENT_KEY)
DAY_SECONDS = 86_400


@attrs.frozen
class Pool:
    """Two keys, the door of their vendor, and the directories of a daemon."""

    start: Start
    write: Write
    place: Path
    vendor: Door

    def configure(self, strategy: str = "fill-first", **more: Any) -> Path:
        upstream = {"base-url": self.vendor.url, "models": [{"name": "demo"}]}
        entries = [{"api-key": key, **upstream} for key in (FIRST, SECOND)]
        place = {"auth_dir": str(self.place), "state_dir": str(self.place)}
        return self.write(claude_api_key=entries, routing={"strategy": strategy}, **place, **more)

    def daemon(self) -> Process:
        daemon: Process = self.start(*CLIPROXY, "run", "--config", "config.yaml", "--listen", ANYWHERE)
        until(lambda: accepts(daemon.url))
        return daemon

    def verb(self, *words: str) -> Process:
        process: Process = self.start(*CLIPROXY, *words)
        process.end()
        return process

    @property
    def status(self) -> Status:
        return read_status(inquire(self.place / "control.sock", "/status").content)

    @property
    def of_first(self) -> CredentialTold:
        return self.status.credentials[0]

    @property
    def cooldown(self) -> CooldownTold:
        (cooldown,) = self.of_first.cooldowns
        return cooldown

    def server_of(self, reply: Reply) -> str | None:
        """Which credential served it."""
        told = inquire(self.place / "control.sock", f"/explain/{reply.headers['x-request-id']}")
        return read_explanation(told.content).steps[-1].taken


@pytest.fixture
def pool(start: Start, write: Write, upstream: str) -> Iterator[Pool]:
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="p-"))  # a socket's path must be short
        pool = Pool(start, write, Path(place), stack.enter_context(door(upstream)))
        pool.configure()
        yield pool


def talk(daemon: Process, text: str = "Hello!") -> Reply:
    reply = ask(daemon.url, message(text), CLIENT_KEY)
    assert reply.status == 200, reply.body
    return reply


def exhaust(pool: Pool, daemon: Process) -> None:
    """The first key has used up its month, as the daemon learns."""
    pool.vendor.faults[FIRST] = "429"
    talk(daemon)
    assert pool.cooldown.status == 429


# -- over a restart ------------------------------------------------------------------------------------------------


def test_a_cooldown_outlives_the_daemon(pool: Pool) -> None:
    daemon = pool.daemon()
    exhaust(pool, daemon)
    before = pool.cooldown
    assert daemon.stop() == 0
    again = pool.daemon()
    assert pool.cooldown == before
    talk(again, "Something else")
    assert len(pool.vendor.came_with(FIRST)) == 1


def test_a_months_hint_is_told_and_not_waited_for(pool: Pool) -> None:
    exhaust(pool, pool.daemon())
    told = pool.cooldown
    assert told.until - told.since > 29 * DAY_SECONDS
    assert told.probe_at is not None
    assert told.probe_at - told.since <= 600


def test_what_the_daemon_knew_outlives_a_kill(pool: Pool) -> None:
    daemon = pool.daemon()
    exhaust(pool, daemon)
    until(lambda: saved(pool, "standings") == 1)
    daemon.send(signal.SIGKILL)
    assert daemon.end() == -signal.SIGKILL
    talk(pool.daemon(), "Something else")
    assert len(pool.vendor.came_with(FIRST)) == 1


def test_a_quota_that_comes_back_early_is_found_after_a_restart(pool: Pool) -> None:
    pool.configure(max_cooldown_seconds=1)
    daemon = pool.daemon()
    exhaust(pool, daemon)
    daemon.stop()
    pool.vendor.faults.clear()
    again = pool.daemon()
    begun = time.monotonic()
    until(lambda: talk(again, "Anything").status == 200 and not pool.of_first.cooldowns)
    assert time.monotonic() - begun < 3


def test_conversations_stay_where_they_were(pool: Pool) -> None:
    """Of round-robin's, so that there are some on either side."""
    pool.configure("round-robin")
    talks = [f"Conversation {number}" for number in range(8)]
    daemon = pool.daemon()
    before = [pool.server_of(talk(daemon, text)) for text in talks]
    assert len(set(before)) == 2
    daemon.stop()
    again = pool.daemon()
    assert [pool.server_of(talk(again, text)) for text in reversed(talks)] == before[::-1]


def test_a_memory_that_is_broken_is_put_aside(pool: Pool) -> None:
    (pool.place / "state.db").write_bytes(b"SQLite format 3\0" + bytes(4096))
    daemon = pool.daemon()
    daemon.line("the pool starts without what it knew")
    talk(daemon)
    assert (pool.place / "state.db.broken-1").exists()


def test_what_is_kept_holds_no_key_and_is_its_owners_alone(pool: Pool) -> None:
    daemon = pool.daemon()
    exhaust(pool, daemon)
    daemon.stop()
    file = pool.place / "state.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [key for key in SECRETS if key.encode() in file.read_bytes()]


def saved(pool: Pool, table: str) -> int:
    """Rows on the disk; none as long as there is no such table."""
    try:
        with closing(sqlite3.connect(f"file:{pool.place}/state.db?mode=ro", uri=True)) as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            return int(count)
    except sqlite3.OperationalError:
        return 0


# -- two daemons in one place ----------------------------------------------------------------------------------------


def test_a_second_daemon_serves_and_says_that_it_is_the_second(pool: Pool) -> None:
    pool.daemon()
    second = pool.daemon()
    second.line("another daemon listens at")
    talk(second)


def test_the_operator_is_answered_by_the_first(pool: Pool) -> None:
    first, second = pool.daemon(), pool.daemon()
    talk(second)
    assert pool.of_first.served == 0
    assert second.stop() == 0
    talk(first)
    assert pool.of_first.served == 1


def test_both_keep_what_they_know(pool: Pool) -> None:
    daemons = [pool.daemon(), pool.daemon()]
    pool.vendor.faults[FIRST] = "429"
    for number, daemon in enumerate(daemons):
        talk(daemon, f"Conversation {number}")
    assert [daemon.stop() for daemon in daemons] == [0, 0]
    assert "Traceback" not in "".join(daemon.output for daemon in daemons)
    pool.daemon()
    assert pool.cooldown.status == 429
    assert pool.status.affinity.conversations == 2


# -- what the operator is shown --------------------------------------------------------------------------------------


def test_the_status_tells_who_rests_and_who_is_next(pool: Pool) -> None:
    daemon = pool.daemon()
    exhaust(pool, daemon)
    first, second = (credential.id for credential in pool.status.credentials)
    shown = pool.verb("status", "--config", "config.yaml").stdout
    _, of_first, of_second = shown.split("claude:", 2)
    assert of_first.startswith(first.removeprefix("claude:"))
    assert "demo: rate limited (429)" in of_first
    assert "429" not in of_second
    assert f"{second}: demo" in shown


def test_an_explanation_tells_of_each_candidate(pool: Pool) -> None:
    daemon = pool.daemon()
    exhaust(pool, daemon)
    reply = talk(daemon, "Something else")
    shown = pool.verb("explain", reply.headers["x-request-id"], "--config", "config.yaml").stdout
    for credential, fate in zip(pool.status.credentials, ("cooling", "taken"), strict=True):
        (row,) = [line for line in shown.splitlines() if line.strip().startswith(credential.id)]
        assert fate in row


def test_neither_shows_a_key(pool: Pool) -> None:
    daemon = pool.daemon()
    exhaust(pool, daemon)
    reply = talk(daemon)
    verbs = [("status", "--all"), ("status", "--json"), ("explain", reply.headers["x-request-id"])]
    shown = "".join(pool.verb(*words, "--config", "config.yaml").output for words in verbs)
    assert reply.headers["x-request-id"] in shown
    assert not [key for key in SECRETS if key in shown]


@pytest.mark.parametrize("words", [("status",), ("explain", "req_0")], ids=lambda words: words[0])
def test_without_a_daemon_a_verb_says_so(words: tuple[str, ...], pool: Pool) -> None:
    verb = pool.verb(*words, "--config", "config.yaml")
    assert verb.end() == 1
    assert verb.stderr.startswith("Error: No daemon is running")


def test_a_daemon_that_has_ended_leaves_no_socket(pool: Pool) -> None:
    assert pool.daemon().stop() == 0
    assert not (pool.place / "control.sock").exists()


def test_after_a_kill_the_next_daemon_takes_the_socket(pool: Pool) -> None:
    killed = pool.daemon()
    killed.send(signal.SIGKILL)
    killed.end()
    pool.daemon()
    assert pool.status.credentials
