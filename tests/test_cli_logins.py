"""The verbs `login` and `logins`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.threads import deferToThread

from cliproxy.cli_logins import PROVIDERS, login, logins, state_of
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.secret import Secret
from tests.support.identity_provider import browse, identity_provider
from tests.support.processes import Process, environment
from tests.support.upstream import on_the_reactor

pytestmark = pytest.mark.usefixtures("empty_home", "in_an_empty_place")

LOGIN = (sys.executable, "-c", "from cliproxy.cli_logins import login; login()")


@pytest.fixture
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no config.yaml lies."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)


@pytest.fixture
def accounts(empty_home: Path) -> Path:
    """Where they are kept unless the configuration says otherwise."""
    directory = empty_home / ".cli-proxy-api"
    directory.mkdir()
    return directory


def log_in(*arguments: str) -> Result:
    return CliRunner().invoke(login, arguments)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(logins, arguments)


def put(accounts: Path, name: str, **members: object) -> Path:
    path = accounts / name
    path.write_text(json.dumps(members))
    return path


def key_file(directory: Path) -> Path:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = directory / "key.json"
    told = {"type": "service_account", "project_id": "a-project", "private_key": pem, "client_email": "robot@example"}
    path.write_text(json.dumps(told))
    return path


# -- login


def test_every_type_can_be_named() -> None:
    assert sorted(PROVIDERS) == sorted(LOGIN_TYPES)


def test_an_unknown_provider_is_told() -> None:
    assert log_in("nobody").exit_code == 2


def test_a_key_file_is_imported(tmp_path: Path, accounts: Path) -> None:
    result = log_in("vertex", str(key_file(tmp_path)), "--location", "europe-west4", "--prefix", "team")
    assert result.exit_code == 0, result.output
    kept = json.loads((accounts / "vertex-team-a-project.json").read_text())
    assert (kept["location"], kept["prefix"], kept["type"]) == ("europe-west4", "team", "vertex")


def test_an_imported_key_is_not_shown(tmp_path: Path, accounts: Path) -> None:
    assert "PRIVATE" not in log_in("vertex", str(key_file(tmp_path))).output


def test_vertex_needs_its_file() -> None:
    result = log_in("vertex")
    assert result.exit_code == 2
    assert "cliproxy login vertex FILE" in result.stderr


def test_a_file_that_is_no_key_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    result = log_in("vertex", str(tmp_path / "key.json"))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = log_in("vertex", str(tmp_path / "key.json"))
    assert result.exit_code == 1
    assert "No such file" in result.stderr


@pytest.mark.parametrize("arguments", [("FILE",), ("--location", "x"), ("--prefix", "x")])
def test_what_is_for_vertex_is_for_nobody_else(arguments: tuple[str, ...]) -> None:
    assert log_in("codex", *arguments).exit_code == 2


def test_a_clis_account_is_adopted(empty_home: Path, accounts: Path) -> None:
    source = empty_home / ".claude" / ".credentials.json"
    source.parent.mkdir()
    source.write_text(json.dumps({"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "expiresAt": 1}}))
    result = log_in("claude", "--adopt")
    assert result.exit_code == 0, result.output
    (name,) = os.listdir(accounts)
    assert json.loads((accounts / name).read_text())["adopted_from"] == str(source)


def test_nothing_to_adopt_is_told() -> None:
    result = log_in("claude", "--adopt")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "is not there" in result.stderr


def test_an_account_of_no_cli_cannot_be_adopted() -> None:
    assert log_in("kimi", "--adopt").exit_code == 1


def test_a_configuration_that_does_not_hold_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("port: nowhere\n")
    result = log_in("codex", "--config", str(tmp_path / "config.yaml"))
    assert result.exit_code == 1
    assert "port" in result.stderr


def test_a_configuration_that_is_not_there_is_told() -> None:
    assert "There is no file" in log_in("codex", "--config", "nowhere.yaml").stderr


# -- logins


def test_without_a_verb_they_are_listed(accounts: Path) -> None:
    put(accounts, "claude-me.json", type="claude", email="me@example.org", access_token="a")
    assert run().output == run("list").output == "claude-me.json  claude  me@example.org  ready\n"


def test_no_accounts_are_told() -> None:
    assert "cliproxy login PROVIDER" in run().output


def test_a_broken_file_is_named(accounts: Path) -> None:
    (accounts / "broken.json").write_text("{")
    assert "broken.json: not used, for it is not JSON" in run().stderr


def test_no_token_is_shown(accounts: Path) -> None:
    put(accounts, "a.json", type="claude", access_token="sk-ant-oat01-secret", refresh_token="sk-ant-ort01-secret")
    assert "sk-ant" not in run().output


def test_another_directory_is_the_configurations(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    put(tmp_path / "elsewhere", "a.json", type="kimi", access_token="a")
    (tmp_path / "config.yaml").write_text(json.dumps({"auth-dir": str(tmp_path / "elsewhere")}))
    assert run("--config", str(tmp_path / "config.yaml"), "list").output.startswith("a.json")


def test_a_config_that_lies_here_is_taken(tmp_path: Path) -> None:
    (tmp_path / "place" / "config.yaml").write_text(json.dumps({"auth-dir": str(tmp_path / "elsewhere")}))
    assert "elsewhere" in run().output


@pytest.mark.parametrize("name", ["claude-me.json", "claude-me"])
def test_an_account_is_removed(accounts: Path, name: str) -> None:
    path = put(accounts, "claude-me.json", type="claude")
    assert run("remove", name).exit_code == 0
    assert not path.exists()


def test_one_that_there_is_not_is_told() -> None:
    result = run("remove", "nobody")
    assert result.exit_code == 1
    assert "There is no account nobody.json" in result.stderr


def test_nothing_outside_the_directory_is_removed(tmp_path: Path, accounts: Path) -> None:
    outside = tmp_path / "mine.json"
    outside.write_text("{}")
    assert run("remove", f"../../{outside.name}").exit_code == 1
    assert run("remove", str(outside)).exit_code == 1
    assert outside.exists()


NOW = 1_700_000_000.0
TOKEN = Secret("t")


@pytest.mark.parametrize(
    ("account", "state"),
    [
        (Login("a", "claude"), "has no token"),
        (Login("a", "claude", access_token=TOKEN), "ready"),
        (Login("a", "claude", access_token=TOKEN, expired=NOW + 7300), "ready, its token ends in 2 h"),
        (Login("a", "claude", access_token=TOKEN, expired=NOW + 5 * 86_400), "ready, its token ends in 5 d"),
        (Login("a", "claude", access_token=TOKEN, expired=NOW - 1), "has ended"),
        (Login("a", "claude", access_token=TOKEN, refresh_token=TOKEN, expired=NOW - 1), "is renewed when it is used"),
        (Login("a", "claude", access_token=TOKEN, disabled=True), "disabled"),
        (Login("a", "claude", access_token=TOKEN, needs_login=True), "needs login"),
        (Login("a", "vertex", service_account={"private_key": "x"}), "key file"),
    ],
)
def test_a_state_is_told_in_words(account: Login, state: str) -> None:
    assert state_of(account, NOW) == state


# -- as a process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def configuration(tmp_path: Path, provider_url: str, port: int) -> Path:
    path = tmp_path / "config.yaml"
    claude = {
        "client-id": "client-of-a-test",
        "authorize-url": f"{provider_url}/authorize",
        "token-url": f"{provider_url}/token",
        "redirect-uri": f"http://localhost:{port}/callback",
        "callback-port": port,
    }
    path.write_text(json.dumps({"auth-dir": str(tmp_path / "accounts"), "logins": {"claude": claude}}))
    return path


@pytest.mark.real
@on_the_reactor
async def test_a_login_from_the_shell(tmp_path: Path) -> None:
    async with identity_provider() as provider:
        config = configuration(tmp_path, provider.url, free_port())
        with Process((*LOGIN, "claude", "--config", str(config)), tmp_path, environment(HOME=str(tmp_path))) as process:
            shown = await deferToThread(process.line, r"(http://\S+/authorize\?\S+)")
            await browse(shown[1])
            assert await deferToThread(process.end) == 0
        (name,) = os.listdir(tmp_path / "accounts")
    assert name == "claude-me@example.org.json"
    assert process.stderr == ""


@pytest.mark.real
@on_the_reactor
async def test_an_interrupted_login_leaves_nothing(tmp_path: Path) -> None:
    async with identity_provider() as provider:
        config = configuration(tmp_path, provider.url, free_port())
        with Process((*LOGIN, "claude", "--config", str(config)), tmp_path, environment(HOME=str(tmp_path))) as process:
            await deferToThread(process.line, r"Ctrl-C gives up")
            process.send(signal.SIGINT)
            assert await deferToThread(process.end) == 130
    assert os.listdir(tmp_path / "accounts") == []
    assert process.stderr == ""


@pytest.mark.real
def test_what_must_be_configured_is_one_line(tmp_path: Path) -> None:
    with Process((*LOGIN, "xai"), tmp_path, environment(HOME=str(tmp_path))) as process:
        assert process.end() == 1
    assert process.stderr.startswith("Error: Set logins.xai.client-id in the configuration first")
    assert "\n" not in process.stderr
