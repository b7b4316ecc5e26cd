"""CLIENTS: for each client, where its settings go and what they must be; above each, where its maker tells of them.

A client is set to the wire format in which the model is at home, so that nothing need be translated where the daemon
asks that vendor; `_family` tells it by the model's name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Final, Literal

from cliproxy.connect.settings import KEY_VARIABLE, Client, Daemon, File, Home, Listed, Setup, Unless

ID: Final = "cliproxy"
"""What a provider is called in clients that know several."""
PROMPT: Final = "'Say hello.'"
LONG_AGO: Final = "1970-01-01T00:00:00.000Z"
"""Cline wants a time beside its settings, and puts its own there."""
MAX_OUTPUT_TOKENS: Final = 16_384
"""Droid's own example; every model of today bears it."""

Family = Literal["claude", "gpt", "gemini", ""]
_FAMILIES: Final[Mapping[Family, re.Pattern[str]]] = {
    "claude": re.compile(r"(.*/)?claude"),
    "gpt": re.compile(r"(.*/)?(gpt|codex|o\d)"),
    "gemini": re.compile(r"(.*/)?gemini"),
}


def _family(model: str) -> Family:
    return next((family for family, pattern in _FAMILIES.items() if pattern.match(model)), "")


def _given(**settings: str) -> dict[str, object]:
    """Those that are not empty."""
    return {name: value for name, value in settings.items() if value}


# -- clients with files ---------------------------------------------------------------------------------------------


# https://code.claude.com/docs/en/llm-gateway
def _claude(daemon: Daemon, home: Home) -> Setup:
    variables = _given(
        ANTHROPIC_BASE_URL=daemon.url,
        ANTHROPIC_AUTH_TOKEN=daemon.key.reveal(),
        ANTHROPIC_DEFAULT_OPUS_MODEL=daemon.model,
        ANTHROPIC_DEFAULT_SONNET_MODEL=daemon.model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL=daemon.small,
    )
    place = home.under("CLAUDE_CONFIG_DIR", ".claude") / "settings.json"
    wanted = {"env": variables, **_given(model=daemon.model)}
    return Setup(check=f"claude -p {PROMPT}", files=(File(place, "json", wanted),))


# https://developers.openai.com/codex/config-sample
def _codex(daemon: Daemon, home: Home) -> Setup:
    provider = {
        "name": ID,
        "base_url": f"{daemon.url}/v1",
        "env_key": KEY_VARIABLE,
        "wire_api": "responses",
        "supports_websockets": daemon.websocket,
    }
    wanted = {**_given(model=daemon.model), "model_provider": ID, "model_providers": {ID: provider}}
    place = home.under("CODEX_HOME", ".codex") / "config.toml"
    return Setup(
        check=f"codex exec --skip-git-repo-check {PROMPT}",
        files=(File(place, "toml", wanted, holds_key=False),),
        environment={KEY_VARIABLE: daemon.key.reveal()},
    )


# https://geminicli.com/docs/reference/configuration
def _gemini(daemon: Daemon, home: Home) -> Setup:
    directory = home.under("GEMINI_CLI_HOME") / ".gemini"
    variables = _given(
        GOOGLE_GEMINI_BASE_URL=daemon.url,
        GEMINI_API_KEY=daemon.key.reveal(),
        GEMINI_MODEL=daemon.model,
    )
    login = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    return Setup(
        check=f"gemini --skip-trust -p {PROMPT}",
        files=(
            File(directory / ".env", "dotenv", variables),
            File(directory / "settings.json", "json", login, holds_key=False),
        ),
        notes=("A project's own .env is read in place of this one, and neither in a folder that is not trusted.",),
    )


# https://ampcode.com/manual
def _amp(daemon: Daemon, home: Home) -> Setup:
    directory = home.under("XDG_CONFIG_HOME", ".config") / "amp"
    settings = home.named("AMP_SETTINGS_FILE") or home.first(directory / "settings.json", directory / "settings.jsonc")
    secrets = home.under("XDG_DATA_HOME", ".local", "share") / "amp" / "secrets.json"
    return Setup(
        check=f"amp -x {PROMPT}",
        files=(
            File(settings, "json", {"amp.url": daemon.url}, holds_key=False),
            # Under the very text of amp.url: a slash more, and the key is not found.
            File(secrets, "json", {f"apiKey@{daemon.url}": daemon.key.reveal()}),
        ),
        notes=(
            "Amp needs its own service as well: set `ampcode.upstream-url` in the daemon's configuration.",
            f"In an editor, set the extension's Amp URL to {daemon.url}.",
        ),
    )


# https://docs.factory.ai/model-independence/byok
def _droid(daemon: Daemon, home: Home) -> Setup:
    provider, suffix = {
        "claude": ("anthropic", ""),
        "gpt": ("openai", "/v1"),
    }.get(_family(daemon.model), ("generic-chat-completion-api", "/v1"))
    entry = {
        "model": daemon.model,
        "displayName": f"{daemon.model} ({ID})",
        "baseUrl": f"{daemon.url}{suffix}",
        "apiKey": daemon.key.reveal(),
        "provider": provider,
        "maxOutputTokens": Unless(MAX_OUTPUT_TOKENS),
    }
    place = home.under("FACTORY_HOME_OVERRIDE") / ".factory" / "settings.json"
    return Setup(
        check=f"droid exec --model {shlex.quote(f'custom:{daemon.model}')} {PROMPT}",
        files=(File(place, "json", {"customModels": Listed(entry, "displayName")}),),
        notes=("In a session, choose the model with /model.",),
    )


# https://opencode.ai/v1/docs/config
def _opencode(daemon: Daemon, home: Home) -> Setup:
    package = {"claude": "@ai-sdk/anthropic", "gpt": "@ai-sdk/openai"}.get(_family(daemon.model))
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": ID,
        "options": {"baseURL": f"{daemon.url}/v1", "apiKey": daemon.key.reveal()},
        "models": {daemon.model: {"provider": {"npm": package}} if package else {}},
    }
    wanted = {
        "$schema": Unless("https://opencode.ai/config.json"),
        "provider": {ID: provider},
        "model": f"{ID}/{daemon.model}",
    }
    directory = home.under("XDG_CONFIG_HOME", ".config") / "opencode"
    # Of several that are there, the one that opencode heeds most.
    kept = home.first(directory / "opencode.jsonc", directory / "opencode.json", directory / "config.json")
    place = home.named("OPENCODE_CONFIG") or (kept if home.exists(kept) else directory / "opencode.json")
    return Setup(check=f"opencode run {PROMPT}", files=(File(place, "json", wanted),))


# https://qwenlm.github.io/qwen-code-docs/en/users/configuration/model-providers/
def _qwen(daemon: Daemon, home: Home) -> Setup:
    entry = {
        "id": daemon.model,
        "name": f"{daemon.model} ({ID})",
        "baseUrl": f"{daemon.url}/v1",
        "envKey": KEY_VARIABLE,
    }
    wanted = {
        "modelProviders": {"openai": Listed(entry, "id")},
        "env": {KEY_VARIABLE: daemon.key.reveal()},
        "security": {"auth": {"selectedType": "openai"}},
        "model": {"name": daemon.model},
    }
    place = home.under("QWEN_HOME", ".qwen") / "settings.json"
    return Setup(check=f"qwen -p {PROMPT}", files=(File(place, "json", wanted),))


# No page tells of this file: it is the one that `cline auth` writes.
def _cline(daemon: Daemon, home: Home) -> Setup:
    provider = "openai-compatible"
    settings = {
        "provider": provider,
        "apiKey": daemon.key.reveal(),
        "model": daemon.model,
        "baseUrl": f"{daemon.url}/v1",
    }
    # One member that Cline does not expect or misses, and it begins the file anew.
    entry = {"settings": settings, "updatedAt": Unless(LONG_AGO), "tokenSource": Unless("manual")}
    wanted = {"version": Unless(1), "lastUsedProvider": provider, "providers": {provider: entry}}
    data = home.named("CLINE_DATA_DIR") or home.under("CLINE_DIR", ".cline") / "data"
    place = home.named("CLINE_PROVIDER_SETTINGS_PATH") or data / "settings" / "providers.json"
    return Setup(
        check=f"cline {PROMPT}",
        files=(File(place, "json", wanted),),
        notes=(
            "In an editor, choose OpenAI Compatible in the extension's settings; address, key and model are the same.",
        ),
    )


# https://aider.chat/docs/config/aider_conf.html
def _aider(daemon: Daemon, home: Home) -> Setup:
    key = daemon.key.reveal()
    wanted: dict[str, object]
    match _family(daemon.model):
        case "claude":
            word = "anthropic"
            wanted = {"anthropic-api-key": key, "set-env": Listed(f"ANTHROPIC_API_BASE={daemon.url}")}
        case "gemini":
            word = "gemini"
            wanted = {"api-key": Listed(f"gemini={key}"), "set-env": Listed(f"GEMINI_API_BASE={daemon.url}/v1beta")}
        case _:
            word = "openai"
            wanted = {"openai-api-base": f"{daemon.url}/v1", "openai-api-key": key}
    models = {"model": f"{word}/{daemon.model}", "weak-model": f"{word}/{daemon.small}"}
    return Setup(
        check=f"aider --no-git --message {PROMPT}",
        files=(File(home.directory / ".aider.conf.yml", "yaml", {**models, **wanted}),),
        notes=("A .aider.conf.yml of the project, or in the current directory, is heeded more than this one.",),
    )


# -- clients without --------------------------------------------------------------------------------------------------


# https://docs.github.com/en/copilot/how-tos/copilot-cli/customize-copilot/use-byok-models
def _copilot(daemon: Daemon, _: Home) -> Setup:
    kind = {
        "claude": {"COPILOT_PROVIDER_TYPE": "anthropic", "COPILOT_PROVIDER_BASE_URL": daemon.url},
        "gpt": {
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_WIRE_API": "responses",
            "COPILOT_PROVIDER_BASE_URL": f"{daemon.url}/v1",
        },
    }.get(
        _family(daemon.model),
        {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_BASE_URL": f"{daemon.url}/v1"},
    )
    return Setup(
        check=f"copilot -p {PROMPT}",
        environment={**kind, "COPILOT_PROVIDER_API_KEY": daemon.key.reveal(), "COPILOT_MODEL": daemon.model},
    )


def _cursor(daemon: Daemon, _: Home) -> Setup:
    return Setup(
        check=f"ask {daemon.model} something in Cursor's chat",
        steps=(
            "Open Cursor's settings, Models, API Keys.",
            f"Type {daemon.key.reveal()} as the OpenAI API key.",
            f"Turn on Override OpenAI Base URL, and type {daemon.url}/v1 there.",
            f"Add {daemon.model} as a custom model, and choose it in the chat.",
        ),
        notes=(
            "It is Cursor's servers that ask, so the address must be one that they reach: a public name with TLS.",
            "Tab completion and Cursor's own models stay with Cursor.",
        ),
    )


def _sdk(daemon: Daemon, _: Home) -> Setup:
    key = daemon.key.reveal()
    return Setup(
        check="python -c 'import openai; print(openai.OpenAI().models.list().data[0].id)'",
        environment={
            "ANTHROPIC_BASE_URL": daemon.url,
            "ANTHROPIC_API_KEY": key,
            "OPENAI_BASE_URL": f"{daemon.url}/v1",
            "OPENAI_API_KEY": key,
            "GOOGLE_GEMINI_BASE_URL": daemon.url,
            "GEMINI_API_KEY": key,
        },
    )


_ALL: Final = (
    Client(
        "claude",
        "Claude Code",
        "~/.claude/settings.json",
        _claude,
        prefers=("claude-sonnet-*", "claude-*", "gpt-*"),
        usual="",
        overruled_by=("ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
    ),
    Client(
        "codex",
        "Codex",
        "~/.codex/config.toml, and the key in the environment",
        _codex,
        prefers=("gpt-*", "*codex*", "claude-*"),
        usual="",
    ),
    Client(
        "gemini",
        "Gemini CLI",
        "~/.gemini/.env and ~/.gemini/settings.json",
        _gemini,
        prefers=("gemini-*", "claude-*"),
        usual="",
        overruled_by=("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", "GEMINI_MODEL"),
    ),
    Client(
        "amp",
        "Amp, CLI and editors",
        "~/.config/amp/settings.json, and the key in ~/.local/share/amp/secrets.json",
        _amp,
        usual="",
        overruled_by=("AMP_URL", "AMP_API_KEY"),
    ),
    Client("droid", "Factory droid", "~/.factory/settings.json", _droid),
    Client(
        "opencode",
        "opencode",
        "~/.config/opencode/opencode.json",
        _opencode,
        overruled_by=("OPENCODE_CONFIG_CONTENT", "OPENCODE_CONFIG_DIR"),
    ),
    Client(
        "qwen",
        "Qwen Code",
        "~/.qwen/settings.json",
        _qwen,
        prefers=("qwen*", "claude-*", "gpt-*"),
        overruled_by=("OPENAI_BASE_URL", "OPENAI_MODEL", KEY_VARIABLE),
    ),
    Client("copilot", "GitHub Copilot CLI", "the environment alone", _copilot),
    Client("cline", "Cline, CLI and editors", "~/.cline/data/settings/providers.json", _cline),
    Client("aider", "aider", "~/.aider.conf.yml", _aider),
    Client("cursor", "Cursor", "its settings window alone", _cursor, prefers=("gpt-*", "claude-*")),
    Client("sdk", "the official SDKs", "the environment alone", _sdk, usual=""),
)
CLIENTS: Final[Mapping[str, Client]] = {client.name: client for client in _ALL}
