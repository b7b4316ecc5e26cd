"""`cliproxy run`, `twist cliproxy`, `twistd cliproxy`: they start, say where they are, and answer."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.real.conftest import CLIENT_KEY, Start, Write
from tests.support.processes import ANYWHERE, CLIPROXY, TWIST, TWISTD, ask, environment, message


def test_the_line_that_a_newcomer_is_shown_works_in_a_shell(start: Start) -> None:
    daemon = start(*CLIPROXY, "run", "--demo", "--listen", ANYWHERE)
    line = daemon.line("  try +(.*)")[1]
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True, env=environment(), timeout=20)
    answer = json.loads(done.stdout)
    assert answer["type"] == "message"
    assert answer["model"] == "demo"


def test_a_newcomer_is_shown_address_and_key(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--demo", "--config", str(write()))
    daemon.line("  try ")
    shown = dict(re.findall(r"^  (\w+) +(.*)$", daemon.stdout, re.MULTILINE))
    assert shown["address"] == daemon.url
    assert shown["key"] == CLIENT_KEY
    assert ask(shown["address"], message(), shown["key"]).status == 200


def test_without_the_demo_a_pipe_is_shown_no_key(start: Start, write: Write) -> None:
    """Under a service manager stdout is a log."""
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    assert daemon.stop() == 0
    assert daemon.stdout == ""


@pytest.mark.parametrize(
    "program",
    [(*CLIPROXY, "run"), (*TWIST, "cliproxy"), (*TWISTD, "--nodaemon", "--pidfile=", "cliproxy")],
    ids=["run", "twist", "twistd"],
)
def test_a_configured_daemon_serves_from_its_upstream(program: tuple[str, ...], start: Start, write: Write) -> None:
    daemon = start(*program, "--config", str(write()))
    assert ask(daemon.url, message("[[say:from upstream]]"), CLIENT_KEY).json["content"] == [
        {"type": "text", "text": "from upstream"}
    ]
    assert daemon.stop() == 0


def test_without_a_configuration_the_demo_serves(start: Start) -> None:
    daemon = start(*TWIST, "cliproxy", "--listen", ANYWHERE)
    assert ask(daemon.url, message()).status == 200


def test_it_listens_wherever_it_is_told(start: Start, tmp_path: Path) -> None:
    daemon = start(*CLIPROXY, "run", "--listen", ANYWHERE, "--listen", ANYWHERE, "--listen", "unix:sock:mode=600")
    daemon.line("listening at unix:sock")
    urls = re.findall(r"listening at (http\S+)", daemon.output)
    assert len(set(urls)) == 2
    assert [ask(url, path="/healthz").status for url in urls] == [200, 200]
    assert stat.S_IMODE((tmp_path / "sock").stat().st_mode) == 0o600


def test_the_demo_alone_takes_its_options(start: Start) -> None:
    upstream = start(*CLIPROXY, "demo", "--listen", ANYWHERE, "--fault", "529", "--fault-count", "1")
    assert [ask(upstream.url, message(), "any").status for _ in range(2)] == [529, 200]
    assert upstream.stop() == 0


def test_json_log_lines_are_json(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write(debug=True)), "--log-format", "json")
    answer = ask(daemon.url, message("[[fault:429]]"), CLIENT_KEY)
    assert answer.status == 429
    daemon.stop()
    events = [json.loads(line) for line in daemon.stderr.splitlines()]
    name = answer.headers["x-request-id"]
    assert [event for event in events if event.get("request_id") == name]
    assert all("log_format" in event or "log_text" in event for event in events)


def test_a_text_log_has_the_request_id(start: Start, write: Write) -> None:
    daemon = start(*CLIPROXY, "run", "--config", str(write()))
    answer = ask(daemon.url, message("[[fault:429]]"), CLIENT_KEY)
    assert daemon.line(answer.headers["x-request-id"])


def test_init_writes_for_its_owner_alone(start: Start, tmp_path: Path) -> None:
    assert start(*CLIPROXY, "init", "new/below/config.yaml").end() == 0
    path = tmp_path / "new" / "below" / "config.yaml"
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_what_init_writes_runs_with_its_fresh_key(start: Start) -> None:
    assert start(*CLIPROXY, "init", "config.yaml").end() == 0
    daemon = start(*CLIPROXY, "run", "--demo", "--config", "config.yaml", "--listen", ANYWHERE)
    daemon.line("  try ")
    key = re.search(r"key +(sk-cliproxy-\S+)", daemon.stdout)
    assert key is not None
    assert ask(daemon.url, message(), key[1]).status == 200
    assert ask(daemon.url, message(), "another").status == 401
