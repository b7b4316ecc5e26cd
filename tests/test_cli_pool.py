"""`cliproxy status` and `cliproxy explain`: where they ask, what they show, and how they end."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThread

from cliproxy.cli_pool import explain, status
from cliproxy.management.control import ControlSocket
from tests.support.upstream import on_the_reactor

NOW = 1_800_000_000.0


class FakeHouse:
    """A pool with one credential, and one request that it remembers."""

    def __init__(self, told: dict[str, object] | None = None) -> None:
        self.told = told or {
            "version": "1.2",
            "now": NOW,
            "strategy": "quota-aware",
            "credentials": [{"id": "claude-me.json", "provider": "claude", "state": "ready"}],
            "next": {"opus\x1b[2J": "claude-me.json"},
        }

    def status(self) -> dict[str, object]:
        return self.told

    def explanation(self, request_id: str) -> dict[str, object] | None:
        if request_id != "req_1/2":
            return None
        return {"request_id": request_id, "at": NOW, "model": "opus", "outcome": "served"}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration in the current directory, whose state is in a folder with a short name."""
    folder = Path(tempfile.mkdtemp(prefix="cliproxy-"))
    path = folder / "config.yaml"
    path.write_text(f"auth-dir: {folder}\n")
    monkeypatch.chdir(folder)
    yield path
    shutil.rmtree(folder)


async def answered(config: Path, *arguments: str, house: FakeHouse | None = None) -> Result:
    """What a verb says while a daemon runs."""
    assert IReactorTime.providedBy(reactor)
    service = ControlSocket(reactor, config.parent / "state" / "control.sock", house or FakeHouse())
    service.startService()
    try:
        return await in_a_thread(*arguments)
    finally:
        await service.stopService()


def in_a_thread(*arguments: str) -> Deferred[Result]:
    return deferToThread(run, *arguments)


def run(verb: str, *arguments: str) -> Result:
    return CliRunner().invoke({"status": status, "explain": explain}[verb], arguments)


@pytest.mark.real
@on_the_reactor
async def test_status_shows_the_pool(config: Path) -> None:
    result = await answered(config, "status", "--config", str(config))
    assert result.exit_code == 0
    assert result.output.startswith("cliproxy 1.2, quota-aware. 1 credential: 1 ready.\n")


@pytest.mark.real
@on_the_reactor
async def test_the_configuration_here_is_taken_unless_another_is_named(config: Path) -> None:
    assert (await answered(config, "status")).exit_code == 0


@pytest.mark.real
@on_the_reactor
async def test_status_for_programs_is_json_that_no_terminal_obeys(config: Path) -> None:
    result = await answered(config, "status", "--json")
    assert json.loads(result.output) == FakeHouse().told
    assert "\x1b" not in result.output


@pytest.mark.real
@on_the_reactor
async def test_a_request_is_explained_whatever_its_name(config: Path) -> None:
    result = await answered(config, "explain", "req_1/2")
    assert result.exit_code == 0
    assert result.output.startswith("req_1/2  ")


@pytest.mark.real
@on_the_reactor
async def test_an_explanation_for_programs_is_json(config: Path) -> None:
    result = await answered(config, "explain", "req_1/2", "--json")
    assert json.loads(result.output)["outcome"] == "served"


@pytest.mark.real
@on_the_reactor
async def test_a_request_that_is_not_remembered_is_told(config: Path) -> None:
    result = await answered(config, "explain", "req_\x1b9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == ("Error: The daemon remembers no request req_\\x1b9; of many, only the latest are kept.\n")


@pytest.mark.real
@on_the_reactor
async def test_an_answer_that_cannot_be_understood_is_told(config: Path) -> None:
    result = await answered(config, "status", house=FakeHouse({"version": 2}))
    assert result.exit_code == 1
    assert "is it of another version?" in result.stderr


@pytest.mark.parametrize("arguments", [("status",), ("explain", "req_1")])
def test_a_daemon_that_does_not_run_is_told(arguments: tuple[str, ...], config: Path) -> None:
    result = run(*arguments)
    place = config.parent / "state" / "control.sock"
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: No daemon is running: nobody listens at {place}.\n"


def test_without_a_configuration_the_usual_place_is_asked(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"nobody listens at {empty_home}/.cli-proxy-api/state/control.sock" in run("status").stderr


def test_a_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run("status", "--config", str(tmp_path / "none.yaml"))
    assert (result.exit_code, result.stderr) == (1, f"Error: There is no file {tmp_path}/none.yaml.\n")


def test_a_configuration_with_problems_is_told_in_a_line(config: Path) -> None:
    config.write_text("port: many\nhost: 5\n")
    result = run("status")
    assert result.exit_code == 1
    assert "`cliproxy check config.yaml` shows all that is wrong" in result.stderr
    assert len(result.stderr.splitlines()) == 1
