"""A changed configuration is taken by itself, however the file came to be, and nothing under way notices."""

from __future__ import annotations

from pathlib import Path

from tests.real.conftest import CLIENT_KEY, Start, Write
from tests.support.processes import CLIPROXY, TWIST, Process, ask, asking, message

ANOTHER_KEY = "sk-another-key-of-a-client"


def statuses(daemon: Process, *keys: str) -> list[int]:
    return [ask(daemon.url, message(), key).status for key in keys]


def test_a_file_that_is_written_over_is_taken(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [200, 401]
    write(api_keys=[ANOTHER_KEY])
    daemon.line("configuration reloaded")
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [401, 200]


def test_a_file_that_is_renamed_into_place_is_taken(start: Start, write: Write, tmp_path: Path) -> None:
    path = write()
    daemon = start(*TWIST, "cliproxy", "--config", str(path))
    assert statuses(daemon, CLIENT_KEY) == [200]
    write(tmp_path / "new.yaml", api_keys=[ANOTHER_KEY]).rename(path)
    daemon.line("configuration reloaded")
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [401, 200]


def test_a_link_that_is_turned_is_taken(start: Start, write: Write, tmp_path: Path) -> None:
    """As Kubernetes does with a ConfigMap."""
    link = tmp_path / "link.yaml"
    link.symlink_to(write())
    daemon = start(*CLIPROXY, "run", "--config", str(link))
    assert statuses(daemon, CLIENT_KEY) == [200]
    turned = tmp_path / "turned.yaml"
    turned.symlink_to(write(tmp_path / "new.yaml", api_keys=[ANOTHER_KEY]))
    turned.rename(link)
    daemon.line("configuration reloaded")
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [401, 200]


def test_a_bad_file_changes_nothing_and_says_why(start: Start, write: Write) -> None:
    path = write()
    daemon = start(*CLIPROXY, "run", "--config", str(path))
    assert statuses(daemon, CLIENT_KEY) == [200]
    path.write_text(f"api-keys: [{ANOTHER_KEY}]\nrequest-retry: often\n")
    daemon.line("config.yaml:2: request-retry: ")
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [200, 401]
    write(api_keys=[ANOTHER_KEY])
    daemon.line("configuration reloaded")
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [401, 200]


def test_a_file_that_vanishes_changes_nothing(start: Start, write: Write) -> None:
    path = write()
    daemon = start(*CLIPROXY, "run", "--config", str(path))
    assert statuses(daemon, CLIENT_KEY) == [200]
    path.unlink()
    daemon.line("config.yaml is gone")
    assert statuses(daemon, CLIENT_KEY) == [200]
    write(api_keys=[ANOTHER_KEY])
    daemon.line("configuration reloaded")
    assert statuses(daemon, ANOTHER_KEY) == [200]


def test_a_running_stream_keeps_going(start: Start, write: Write) -> None:
    """Also when its client's key, its credential and its connections' timeouts are not what they were."""
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    body = message("[[deltas:15]][[delay:100]]", stream=True)
    with asking(daemon.url, body, CLIENT_KEY) as stream:
        assert stream.readline() == b"event: message_start\n"
        write(api_keys=[ANOTHER_KEY], claude_api_key=[], connect_timeout_seconds=3)
        daemon.line("configuration reloaded")
        assert stream.read().endswith(b'data: {"type":"message_stop"}\n\n')
    assert statuses(daemon, CLIENT_KEY, ANOTHER_KEY) == [401, 404]


def test_what_needs_a_restart_is_told(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    assert statuses(daemon, CLIENT_KEY) == [200]
    write(body_limit="1 KiB", host="::1")
    daemon.line("take effect after a restart")
    assert ask(daemon.url, message("x" * 2000), CLIENT_KEY).status == 200
