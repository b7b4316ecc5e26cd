"""What each client is told, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cliproxy.connect.merge import merge
from cliproxy.connect.settings import Client, Daemon, Home, Setup
from cliproxy.connect.table import CLIENTS
from cliproxy.connect.texts import read, written
from cliproxy.secret import Secret

HOME = Path("/home/me")
KEY = "sk-cliproxy-x"
URL = "http://127.0.0.1:8317"


def setup(name: str, model: str = "claude-sonnet-5", *, small: str = "claude-haiku-4-5", **variables: str) -> Setup:
    daemon = Daemon(URL, Secret(KEY), model, small)
    return CLIENTS[name].setup(daemon, Home(HOME, variables, exists=lambda _: False))


def settings(name: str, model: str = "claude-sonnet-5", number: int = 0) -> Mapping[str, object]:
    return merge({}, setup(name, model).files[number].wanted).settings


def places(name: str, **variables: str) -> list[str]:
    return [str(file.place) for file in setup(name, **variables).files]


with_files = pytest.mark.parametrize("client", [client for client in CLIENTS.values() if setup(client.name).files])


@with_files
def test_what_is_wanted_can_be_written_and_read(client: Client) -> None:
    for file in setup(client.name).files:
        merged = merge({}, file.wanted)
        assert read(written("", merged, file.format), file.format) == merged.settings


@with_files
def test_a_second_time_nothing_is_changed(client: Client) -> None:
    for file in setup(client.name).files:
        assert merge(merge({}, file.wanted).settings, file.wanted).changes == ()


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_every_client_is_told_the_address_and_the_key(client: Client) -> None:
    told = setup(client.name)
    everything = str([*(merge({}, file.wanted).settings for file in told.files), told.environment, told.steps])
    assert URL in everything
    assert KEY in everything


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_a_file_that_holds_the_key_says_so(client: Client) -> None:
    for file in setup(client.name).files:
        assert file.holds_key == (KEY in str(merge({}, file.wanted).settings))


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_no_command_holds_the_key(client: Client) -> None:
    assert KEY not in setup(client.name).check


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "amp", "sdk"])
def test_a_client_with_a_model_of_its_own_may_be_left_to_it(name: str) -> None:
    assert CLIENTS[name].usual == ""
    told = setup(name, "", small="")
    everything = [*(merge({}, file.wanted).settings for file in told.files), told.environment]
    assert "''" not in str(everything)


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("claude", {}, ["/home/me/.claude/settings.json"]),
        ("claude", {"CLAUDE_CONFIG_DIR": "/c"}, ["/c/settings.json"]),
        ("codex", {}, ["/home/me/.codex/config.toml"]),
        ("codex", {"CODEX_HOME": "/c"}, ["/c/config.toml"]),
        ("gemini", {}, ["/home/me/.gemini/.env", "/home/me/.gemini/settings.json"]),
        ("gemini", {"GEMINI_CLI_HOME": "/g"}, ["/g/.gemini/.env", "/g/.gemini/settings.json"]),
        ("amp", {}, ["/home/me/.config/amp/settings.json", "/home/me/.local/share/amp/secrets.json"]),
        ("amp", {"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}, ["/c/amp/settings.json", "/d/amp/secrets.json"]),
        ("amp", {"AMP_SETTINGS_FILE": "/a.json", "XDG_DATA_HOME": "/d"}, ["/a.json", "/d/amp/secrets.json"]),
        ("droid", {}, ["/home/me/.factory/settings.json"]),
        ("droid", {"FACTORY_HOME_OVERRIDE": "/f"}, ["/f/.factory/settings.json"]),
        ("opencode", {}, ["/home/me/.config/opencode/opencode.json"]),
        ("opencode", {"OPENCODE_CONFIG": "/o.json"}, ["/o.json"]),
        ("qwen", {}, ["/home/me/.qwen/settings.json"]),
        ("qwen", {"QWEN_HOME": "/q"}, ["/q/settings.json"]),
        ("cline", {}, ["/home/me/.cline/data/settings/providers.json"]),
        ("cline", {"CLINE_DIR": "/c"}, ["/c/data/settings/providers.json"]),
        ("cline", {"CLINE_DATA_DIR": "/d"}, ["/d/settings/providers.json"]),
        ("cline", {"CLINE_PROVIDER_SETTINGS_PATH": "/p.json"}, ["/p.json"]),
        ("aider", {}, ["/home/me/.aider.conf.yml"]),
    ],
)
def test_files_are_where_the_client_looks(name: str, variables: dict[str, str], expected: list[str]) -> None:
    assert places(name, **variables) == expected


@pytest.mark.parametrize("there", ["opencode.jsonc", "config.json"])
def test_opencodes_own_file_is_taken_whatever_its_name(there: str) -> None:
    home = Home(HOME, exists=lambda place: place.name == there)
    (file,) = CLIENTS["opencode"].setup(Daemon(URL, Secret(KEY), "m", "m"), home).files
    assert file.place.name == there


def test_amps_other_settings_file_is_taken_where_it_is_the_one() -> None:
    home = Home(HOME, exists=lambda place: place.name == "settings.jsonc")
    assert CLIENTS["amp"].setup(Daemon(URL, Secret(KEY)), home).files[0].place.name == "settings.jsonc"


def test_claude_gets_its_three_names_of_models() -> None:
    assert settings("claude") == {
        "env": {
            "ANTHROPIC_BASE_URL": URL,
            "ANTHROPIC_AUTH_TOKEN": KEY,
            "ANTHROPIC_DEFAULT_OPUS_MODEL": "claude-sonnet-5",
            "ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-5",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4-5",
        },
        "model": "claude-sonnet-5",
    }


def test_codex_reads_the_key_from_the_environment() -> None:
    assert setup("codex").environment == {"CLIPROXY_KEY": KEY}
    assert "'env_key': 'CLIPROXY_KEY'" in str(settings("codex"))


def test_codex_is_not_offered_a_websocket_that_is_not_there() -> None:
    daemon = Daemon(URL, Secret(KEY), websocket=False)
    (file,) = CLIENTS["codex"].setup(daemon, Home(HOME)).files
    assert "'supports_websockets': False" in str(file.wanted)


def test_amps_key_stands_under_the_very_address() -> None:
    address = settings("amp")["amp.url"]
    assert settings("amp", number=1) == {f"apiKey@{address}": KEY}


@pytest.mark.parametrize(
    ("model", "provider", "url"),
    [
        ("claude-sonnet-5", "anthropic", URL),
        ("gpt-5.5", "openai", f"{URL}/v1"),
        ("gemini-2.5-pro", "generic-chat-completion-api", f"{URL}/v1"),
        ("qwen3-coder", "generic-chat-completion-api", f"{URL}/v1"),
    ],
)
def test_droid_asks_in_the_models_own_format(model: str, provider: str, url: str) -> None:
    (entry,) = _list(settings("droid", model)["customModels"])
    assert isinstance(entry, dict)
    assert (entry["provider"], entry["baseUrl"]) == (provider, url)


@pytest.mark.parametrize(
    ("model", "chosen"),
    [
        ("claude-sonnet-5", {"provider": {"npm": "@ai-sdk/anthropic"}}),
        ("team/gpt-5.5", {"provider": {"npm": "@ai-sdk/openai"}}),
        ("demo", {}),
    ],
)
def test_opencode_asks_in_the_models_own_format(model: str, chosen: dict[str, object]) -> None:
    assert f"'models': {{'{model}': {chosen}}}" in str(settings("opencode", model))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-sonnet-5", {"anthropic-api-key": KEY, "set-env": [f"ANTHROPIC_API_BASE={URL}"]}),
        ("gemini-2.5-pro", {"api-key": [f"gemini={KEY}"], "set-env": [f"GEMINI_API_BASE={URL}/v1beta"]}),
        ("gpt-5.5", {"openai-api-base": f"{URL}/v1", "openai-api-key": KEY}),
    ],
)
def test_aider_asks_in_the_models_own_format(model: str, expected: dict[str, object]) -> None:
    told = dict(settings("aider", model))
    assert str(told.pop("model")).endswith(f"/{model}")
    del told["weak-model"]
    assert told == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-sonnet-5", {"COPILOT_PROVIDER_TYPE": "anthropic", "COPILOT_PROVIDER_BASE_URL": URL}),
        ("gpt-5.5", {"COPILOT_PROVIDER_WIRE_API": "responses", "COPILOT_PROVIDER_BASE_URL": f"{URL}/v1"}),
        ("demo", {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_BASE_URL": f"{URL}/v1"}),
    ],
)
def test_copilot_asks_in_the_models_own_format(model: str, expected: dict[str, str]) -> None:
    assert expected.items() <= setup("copilot", model).environment.items()


def test_clines_time_is_left_to_cline() -> None:
    (file,) = setup("cline").files
    present = dict(merge({}, file.wanted).settings)
    assert "1970" in str(present)
    present["providers"] = {"openai-compatible": {"updatedAt": "2026-11-23T18:00:00.000Z"}}
    assert "1970" not in str(merge(present, file.wanted).settings)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
