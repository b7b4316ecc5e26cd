"""The package inside programs of others: nothing happens by importing it, and two of them share nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.real.conftest import CLIENT_KEY, Start, Write
from tests.support.processes import ROOT, TWISTD, Process, ask, environment, message

WITH_KLEIN = ("cliproxy.web.modules", "cliproxy.web.site", "cliproxy.house", "cliproxy.home", "cliproxy.daemon")
"""Klein imports the reactor for its own `run`. What imports Klein is imported by those who have a reactor already."""

IMPORT_ALL = """
import importlib, json, pkgutil, sys, threading
import cliproxy
early = "twisted" in sys.modules
for module in pkgutil.walk_packages(cliproxy.__path__, "cliproxy."):
    if module.name not in ("cliproxy.__main__", *sys.argv[1:]):
        importlib.import_module(module.name)
print(json.dumps({
    "early": early,
    "reactor": "twisted.internet.reactor" in sys.modules,
    "threads": threading.active_count(),
    "modules": sum(name.startswith("cliproxy") for name in sys.modules),
}))
"""

LOGGING = """
import sys
from twisted.logger import globalLogBeginner, textFileLogObserver
globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
"""

DAEMONS = f"""{LOGGING}
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
import cliproxy
for path in sys.argv[1:]:
    daemon = cliproxy.service(path, reactor, [serverFromString(reactor, "tcp:0:interface=127.0.0.1")])
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
reactor.run()
"""


def test_importing_installs_no_reactor_and_starts_no_thread(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, *WITH_KLEIN],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env=environment(),
        timeout=30,
    )
    assert done.stderr == b""
    found = json.loads(done.stdout)
    assert found.pop("modules") > 50
    assert found == {"early": False, "reactor": False, "threads": 1}


def test_two_daemons_in_one_reactor_share_nothing(start: Start, write: Write, tmp_path: Path) -> None:
    """Neither keys nor upstreams, nor what one has learnt of a credential: the same one serves both here."""
    paths = [write(tmp_path / name, api_keys=[name]) for name in ("one", "two")]
    program = start(sys.executable, "-c", DAEMONS, *map(str, paths))
    one, two = (program.line(r"listening at (http\S+)", times)[1] for times in (1, 2))
    assert [ask(url, message(), key).status for url in (one, two) for key in ("one", "two")] == [200, 401, 401, 200]
    assert ask(one, message("[[fault:401]]"), "one").status == 401
    assert ask(one, message(), "one").status == 503
    assert ask(two, message(), "two").status == 200
    assert program.stop() == 0


def test_the_embedding_example_runs(start: Start, tmp_path: Path) -> None:
    """Below /llm of a site that is somebody else's; on a free port, for the test."""
    text = (ROOT / "tap" / "embed.py").read_text()
    assert text.count('"tcp:8080:interface=127.0.0.1"') == 1
    script = tmp_path / "embed.py"
    script.write_text(text.replace("tcp:8080:", "tcp:0:"))
    program = start(
        sys.executable, "-c", LOGGING + f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    url = f"http://127.0.0.1:{program.line(r'Site starting on ([0-9]+)')[1]}"
    assert ask(url, path="/llm/healthz").status == 200
    answer = ask(url, message("[[say:mounted]]"), path="/llm/v1/messages")
    assert answer.json["content"] == [{"type": "text", "text": "mounted"}]
    assert ask(url, path="/healthz").status == 404


def tac(start: Start, **variables: str) -> Process:
    return start(*TWISTD, "--nodaemon", "--pidfile=", f"--python={ROOT / 'tap' / 'cliproxy.tac'}", **variables)


def test_the_tac_runs_with_a_configuration(start: Start, write: Write) -> None:
    daemon = tac(start, CLIPROXY_CONFIG=str(write()))
    assert ask(daemon.url, message(), CLIENT_KEY).status == 200
    assert daemon.stop() == 0
