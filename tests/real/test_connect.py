"""`cliproxy connect` as a process, beside a running daemon, with a home of its own."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ANYWHERE, CLIPROXY, Process, environment

pytestmark = pytest.mark.real

KEY = "sk-cliproxy-of-this-test"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("daemon")
    (place / "config.yaml").write_text(f"api-keys: [{KEY}]\nauth-dir: {place / 'accounts'}\n")
    with Process((*CLIPROXY, "run", "--demo", "--config", "config.yaml", "--listen", ANYWHERE), place) as daemon:
        yield daemon.url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def connect(home: Path, *arguments: str) -> tuple[int, str]:
    """Its exit status, and all that it says."""
    with Process((*CLIPROXY, "connect", *arguments), home, environment(HOME=str(home), CLIPROXY_KEY=KEY)) as verb:
        return verb.end(), verb.output


def test_claude_code_is_set_to_a_model_of_the_daemons(home: Path, url: str) -> None:
    status, _ = connect(home, "claude", "--url", url, "--write")
    settings = home / ".claude" / "settings.json"
    told = json.loads(settings.read_text())
    assert status == 0
    assert (told["env"]["ANTHROPIC_BASE_URL"], told["env"]["ANTHROPIC_AUTH_TOKEN"]) == (url, KEY)
    assert told["model"].startswith("claude-sonnet-")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600


def test_codex_keeps_its_comments(home: Path, url: str) -> None:
    settings = home / ".codex" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('# mine\nmodel = "old" # best\n\n[tui]\nnotifications = true\n')
    status, output = connect(home, "codex", "--url", url, "--write")
    assert status == 0
    assert f"export CLIPROXY_KEY={KEY}" in output
    assert settings.read_text().startswith('# mine\nmodel = "gpt-')
    assert tomllib.loads(settings.read_text())["model_providers"]["cliproxy"]["base_url"] == f"{url}/v1"
    assert len(list(settings.parent.glob("config.toml.*.bak"))) == 1


def test_aider_is_told_in_yaml(home: Path, url: str) -> None:
    assert connect(home, "aider", "--url", url, "--model", "gpt-5.5", "--write")[0] == 0
    assert "model: openai/gpt-5.5\n" in (home / ".aider.conf.yml").read_text()


def test_a_client_without_a_file_ends_with_a_failure(home: Path, url: str) -> None:
    status, output = connect(home, "copilot", "--url", url, "--write")
    assert status == 1
    assert f"export COPILOT_PROVIDER_API_KEY={KEY}" in output
