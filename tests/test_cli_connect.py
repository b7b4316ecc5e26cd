"""`cliproxy connect`: what it takes from the configuration, what it shows, what it writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cliproxy.cli_connect import NAMES, NO_KEY, connect
from cliproxy.connect import listing
from cliproxy.connect.table import CLIENTS
from cliproxy.secret import Secret

KEY = "sk-cliproxy-first"
asked: list[tuple[str, Secret]] = []
"""Whom the verb asked for models."""


@pytest.fixture(autouse=True)
def home(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without clients, a directory without a configuration, and a daemon that serves two models."""

    def served(url: str, key: Secret) -> tuple[str, ...]:
        asked.append((url, key))
        return ("gpt-5.5", "claude-sonnet-5")

    asked.clear()
    monkeypatch.setattr(listing, "served", served)
    monkeypatch.chdir(tmp_path)
    for name in ("CLIPROXY_KEY", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "ANTHROPIC_API_KEY", "ANTHROPIC_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return empty_home


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "served", lambda _, __: ())


def configured(text: str = f"api-keys: [{KEY}, sk-cliproxy-second]\n") -> None:
    Path("config.yaml").write_text(text)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(connect, arguments)


def told_url(text: str) -> str:
    configured(text)
    return run("claude").stdout.split('ANTHROPIC_BASE_URL": "')[1].split('"')[0]


def test_every_client_of_the_table_can_be_named() -> None:
    assert tuple(CLIENTS) == NAMES


def test_without_a_client_all_are_listed() -> None:
    assert all(f"  {name} " in run().output for name in NAMES)


def test_without_a_client_nobody_is_asked() -> None:
    run()
    assert asked == []


@pytest.mark.parametrize("name", NAMES)
def test_every_client_is_shown_its_settings(name: str) -> None:
    configured()
    result = run(name)
    assert result.exit_code == 0
    assert "http://127.0.0.1:8317" in result.output
    assert KEY in result.output


@pytest.mark.parametrize("name", NAMES)
def test_a_hidden_key_is_shown_nowhere(name: str) -> None:
    configured()
    output = run(name, "--hide-key").output
    assert "$CLIPROXY_KEY" in output
    assert KEY not in output


def test_showing_writes_nothing(home: Path) -> None:
    run("claude")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:8317"),
        ("port: 9000\nhost: 192.0.2.1\n", "http://192.0.2.1:9000"),
        ("host: ''\n", "http://127.0.0.1:8317"),
        ("host: 0.0.0.0\n", "http://127.0.0.1:8317"),
        ("host: '::'\n", "http://[::1]:8317"),
        ("host: proxy.example\n", "http://proxy.example:8317"),
        ("tls: {enable: true, cert: c, key: k}\n", "https://127.0.0.1:8317"),
    ],
)
def test_the_address_is_the_configured_one(text: str, url: str) -> None:
    assert told_url(text) == url


@pytest.mark.parametrize("given", ["https://proxy.example", "https://proxy.example/", "https://proxy.example/v1/"])
def test_another_address_is_asked_and_told(given: str) -> None:
    configured()
    assert '"https://proxy.example"' in run("claude", "--url", given).output
    assert asked == [("https://proxy.example", Secret(KEY))]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", "ftp://x"),
        ("--url", "https://me:secret@x"),
        ("--key", "a b"),
        ("--key", ""),
        ("--key", "ä"),
        ("--model", "a b"),
        ("--model", "-x"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_word(arguments: tuple[str, str]) -> None:
    result = run("claude", *arguments)
    assert result.exit_code == 2
    assert "secret" not in result.output


def test_a_port_that_nobody_knows_has_to_be_told() -> None:
    configured("port: 0\n")
    result = run("claude")
    assert result.exit_code == 2
    assert "--url" in result.stderr


def test_a_key_that_is_given_is_used() -> None:
    configured()
    assert '"sk-mine"' in run("claude", "--key", "sk-mine").output


def test_the_variable_is_a_key_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPROXY_KEY", "sk-mine")
    assert '"sk-mine"' in run("claude").output


def test_a_variable_that_the_daemon_does_not_know_any_more_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    configured()
    monkeypatch.setenv("CLIPROXY_KEY", "sk-replaced")
    assert f'"{KEY}"' in run("claude").output


def test_the_variable_chooses_among_the_configured_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    configured()
    monkeypatch.setenv("CLIPROXY_KEY", "sk-cliproxy-second")
    assert '"sk-cliproxy-second"' in run("claude").output


def test_for_a_daemon_elsewhere_the_variable_counts_more_than_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured()
    monkeypatch.setenv("CLIPROXY_KEY", "sk-elsewhere")
    assert '"sk-elsewhere"' in run("claude", "--url", "https://proxy.example").output


def test_without_keys_a_word_stands_in_the_keys_place_and_that_is_said() -> None:
    configured("")
    result = run("claude")
    assert f'"{NO_KEY}"' in result.stdout
    assert "programs on this machine need none" in result.stderr


def test_without_a_configuration_here_nobody_is_told_that_there_are_no_keys() -> None:
    """A daemon with keys had its configuration elsewhere, and no key was said to be needed."""
    result = run("claude")
    assert f'"{NO_KEY}"' in result.stdout
    assert "no config.yaml is here" in result.stderr
    assert "need none" not in result.stderr


def test_without_keys_another_machine_needs_one() -> None:
    assert "give one with --key" in run("claude", "--url", "https://proxy.example").stderr


def test_an_open_address_is_warned_of() -> None:
    assert "is no https" in run("claude", "--url", "http://192.0.2.1:8317", "--key", "k").stderr


def test_an_address_of_this_machine_is_not_warned_of() -> None:
    configured()
    assert run("claude").stderr == ""


def test_the_model_is_one_that_the_daemon_serves() -> None:
    assert '"model": "claude-sonnet-5"' in run("claude").output


def test_the_model_that_is_given_counts_more() -> None:
    assert '"model": "mine"' in run("claude", "--model", "mine").output


@pytest.mark.usefixtures("deaf")
def test_a_guess_is_said_to_be_one() -> None:
    assert "claude-sonnet-5 is a guess" in run("droid").stderr


@pytest.mark.usefixtures("deaf")
def test_a_client_with_a_model_of_its_own_keeps_it() -> None:
    configured()
    result = run("codex")
    assert "\n  model = " not in result.stdout
    assert result.stderr == ""


def test_what_counts_for_more_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    result = run("claude")
    assert "ANTHROPIC_API_KEY in the environment" in result.stderr
    assert "sk-ant-secret" not in result.output


def test_a_broken_configuration_is_told() -> None:
    configured("port: many\n")
    result = run("claude")
    assert result.exit_code == 1
    assert "config.yaml:1" in result.stderr


def test_writing_puts_the_settings_into_the_file(home: Path) -> None:
    configured()
    result = run("claude", "--write")
    assert result.exit_code == 0
    assert "~/.claude/settings.json is written." in result.output
    assert KEY in (home / ".claude" / "settings.json").read_text()


def test_writing_shows_no_key_of_a_file() -> None:
    configured()
    assert KEY not in run("claude", "--write").output


def test_writing_tells_the_variable_that_is_left_to_do() -> None:
    configured()
    assert f"export CLIPROXY_KEY={KEY}" in run("codex", "--write").output


def test_a_hidden_key_is_written_all_the_same(home: Path) -> None:
    configured()
    run("claude", "--write", "--hide-key")
    assert KEY in (home / ".claude" / "settings.json").read_text()


def test_writing_twice_changes_nothing_and_keeps_no_backup(home: Path) -> None:
    configured()
    run("gemini", "--write")
    before = {file: file.stat().st_mtime_ns for file in (home / ".gemini").iterdir()}
    assert "was not touched" in run("gemini", "--write").output
    assert {file: file.stat().st_mtime_ns for file in (home / ".gemini").iterdir()} == before


def test_what_is_replaced_is_named_without_its_value(home: Path) -> None:
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"env": {"ANTHROPIC_AUTH_TOKEN": "sk-old-secret"}, "hooks": {}}))
    output = run("claude", "--write").output
    assert "Had another value: env.ANTHROPIC_AUTH_TOKEN\n" in output
    assert "sk-old-secret" not in output
    assert json.loads(settings.read_text())["hooks"] == {}


def test_of_two_files_none_is_written_if_one_cannot_be_read(home: Path) -> None:
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"ui": }')
    result = run("gemini", "--write")
    assert result.exit_code == 1
    assert "settings.json is no JSON, as line 1 shows" in result.stderr
    assert list(settings.parent.iterdir()) == [settings]


@pytest.mark.parametrize("name", ["copilot", "cursor", "sdk"])
def test_where_nothing_can_be_written_that_is_a_failure_with_the_steps(name: str, home: Path) -> None:
    configured()
    result = run(name, "--write")
    assert result.exit_code == 1
    assert KEY in result.stdout
    assert "nothing was written" in result.stderr
    assert list(home.iterdir()) == []
