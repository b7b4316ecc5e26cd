"""Every key that a configuration file may hold, in one table; the reader, the docs and the tests all look here.

A key's name is dotted, and `[]` stands for each entry of a list: `claude-api-key[].base-url`. A section of the original
of which nothing is in use stands here as one key, and what it holds is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import attrs


@attrs.frozen
class Key:
    """One key: whether it has an effect and, if so, which."""

    in_use: bool
    default: str = ""
    """As it would be written in the file, or in a few words. Empty: it must be given, or the key is not in use."""
    meaning: str = ""
    """One sentence, unit included. Empty: not in use."""
    restart: bool = False
    """A change is heeded at the next start only."""


def _used(default: str, meaning: str, *, restart: bool = False) -> Key:
    return Key(in_use=True, default=default, meaning=meaning, restart=restart)


def _upstream(section: str, without: str) -> Mapping[str, Key]:
    """What every section that names an upstream may hold beside its address and its keys."""
    return {
        f"{section}.headers": _used("none", "Headers sent upstream, in place of a client's own of the same name."),
        f"{section}.prefix": _used("none", "Name before a slash by which clients ask for this key: `prefix/model`."),
        f"{section}.models[].name": _used("", f"Name of a model upstream; {without}."),
        f"{section}.models[].alias": _used("its name", "Name by which clients ask for that model."),
        f"{section}.excluded-models": _used("none", "Models that this key does not serve, `*` matching any text."),
        f"{section}.priority": _used("0", "Nobody of a lower priority is asked while anyone of a higher one is well."),
        f"{section}.weight": _used("1", "Share of the requests by `weighted-round-robin`; 0 for none."),
        f"{section}.max-concurrency": _used("as routing", "Requests that this key serves at once; 0 for any number."),
        f"{section}.disable-cooling": _used("as disable-cooling", "Whether trouble leaves this key as it is."),
    }


def _key(section: str, speaks: str, base_url: str, added: str, served: str) -> Mapping[str, Key]:
    """A section of which each entry is one key."""
    return {
        f"{section}.api-key": _used("", f"The key itself, for an upstream that speaks {speaks}."),
        f"{section}.base-url": _used(base_url, f"Where the upstream is, without query or login; `{added}` is added."),
        f"{section}.proxy-url": _used("as proxy-url", "Proxy for this key alone; `direct` or `none` for no proxy."),
        **_upstream(section, f"no list at all serves every {served}"),
    }


def _rules(name: str, params: str) -> Mapping[str, Key]:
    """A list of rules for bodies that go upstream."""
    section = f"payload.{name}[]"
    return {
        f"{section}.models[].name": _used(
            "", "Upstream's name of a model that the rule is for, `*` matching any text."
        ),
        f"{section}.models[].protocol": _used(
            "any", "Wire format of the upstream: `anthropic`, `openai-chat`, `openai-responses` or `gemini`."
        ),
        f"{section}.params": _used("none", params),
    }


_USED: Final[Mapping[str, Key]] = {
    # where clients connect
    "host": _used("127.0.0.1", 'Address to listen on; `""` means every interface.', restart=True),
    "port": _used("8317", "Port to listen on; 0 takes any free one.", restart=True),
    "tls.enable": _used("false", "Whether the port speaks HTTPS instead of HTTP.", restart=True),
    "tls.cert": _used("none", "File with the certificate chain, PEM; needed when `tls.enable` is true.", restart=True),
    "tls.key": _used("none", "File with the private key, PEM; needed when `tls.enable` is true.", restart=True),
    "body-limit": _used("32 MiB", "Size of the largest request body taken; Anthropic takes 32 MB.", restart=True),
    # who is served
    "api-keys": _used("none", "Keys that clients must show; without any, only this machine is served."),
    "auth.providers[].type": _used("config-api-key", "Only `config-api-key` is known; the older way to list keys."),
    "auth.providers[].api-keys": _used("none", "Client keys, added to `api-keys`."),
    "allowed-hosts": _used("none", "Host names, without port, that clients may address beside loopback's own."),
    "allowed-origins": _used("none", "Web origins, `scheme://host[:port]`, whose pages may call."),
    "trusted-proxies": _used("none", "Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed."),
    # who serves
    **_key("claude-api-key[]", "Anthropic Messages", "https://api.anthropic.com", "/v1/messages", "`claude-*`"),
    "claude-api-key[].auth-header": _used(
        "by base-url", "`x-api-key` or `bearer`; absent, the first for Anthropic's own host and the second elsewhere."
    ),
    **_key(
        "gemini-api-key[]",
        "Gemini's generateContent",
        "https://generativelanguage.googleapis.com",
        "/v1beta/models/MODEL:METHOD",
        "`gemini-*`",
    ),
    "generative-language-api-key": _used("none", "Gemini keys without more to say; the older way to list them."),
    **_key(
        "vertex-api-key[]",
        "generateContent by Vertex AI's paths",
        "https://aiplatform.googleapis.com",
        "/v1/publishers/google/models/MODEL:METHOD",
        "`gemini-*`",
    ),
    **_key(
        "codex-api-key[]",
        "OpenAI Responses",
        "https://api.openai.com/v1",
        "/responses",
        "`gpt-*`, `codex-*`, `o1*`, `o3*` and `o4*`",
    ),
    "openai-compatibility[].name": _used("", "Name of the server, for the log."),
    "openai-compatibility[].base-url": _used(
        "", "Where the server is, without query or login; `/chat/completions` or `/responses` is added."
    ),
    "openai-compatibility[].wire-api": _used(
        "chat", "What the server speaks: `chat` for Chat Completions, `responses` for Responses."
    ),
    "openai-compatibility[].api-key-entries[].api-key": _used("none", "A key; without any, requests carry none."),
    "openai-compatibility[].api-key-entries[].proxy-url": _used(
        "as proxy-url", "Proxy for this key alone; `direct` or `none` for no proxy."
    ),
    "openai-compatibility[].api-key-entries[].weight": _used("as the server's", "Share of this key alone."),
    "openai-compatibility[].api-keys": _used("none", "Keys without more to say; the older way to list them."),
    "openai-compatibility[].disabled": _used("false", "Whether the server is left out."),
    **_upstream("openai-compatibility[]", "nothing else is served"),
    # accounts that were logged in to
    "logins": _used(
        "built in",
        "By type of account, what to use in place of what is built in: `claude: {client-id: ID}`.",
        restart=True,
    ),
    "oauth-excluded-models": _used("none", "By type of account, models that it does not serve: `claude: [NAME]`."),
    "oauth-model-alias": _used("none", "By type of account, further names: `claude: [{name: NAME, alias: NAME}]`."),
    # who is asked
    "routing.strategy": _used("quota-aware", "`quota-aware`, `round-robin`, `weighted-round-robin` or `fill-first`."),
    "routing.session-affinity": _used("true", "Whether a conversation stays with its credential."),
    "routing.session-affinity-ttl": _used("1h", "Time since its last request after which it may go anywhere."),
    "routing.max-concurrency": _used("0", "Requests that each credential serves at once; 0 for any number."),
    "routing.queue-size": _used("128", "Requests that may wait while every credential is full."),
    "routing.queue-timeout-seconds": _used("300", "Seconds for which each of them waits."),
    "force-model-prefix": _used("false", "Whether a credential with a prefix is asked by that alone."),
    # trouble
    "max-cooldown-seconds": _used("600", "Seconds until a resting credential is tried again, whatever was asked for."),
    "transient-error-cooldown-seconds": _used(
        "60", "Seconds for which a credential rests after 408, 5xx or no answer; 0 for 60, -1 for none."
    ),
    "disable-cooling": _used("false", "Whether trouble leaves every credential as it is."),
    "request-retry": _used("3", "Further rounds over the credentials before the first byte of a reply."),
    "max-retry-credentials": _used("0", "Credentials that one round asks at the most; 0 for all."),
    "max-retry-interval": _used("30", "Seconds that a request waits at the most for a credential to be ready again."),
    "hedge-after-ms": _used("0", "Silence in milliseconds after which a second credential is asked too; 0 for never."),
    "fallbacks": _used("none", "Models to ask for in place of one that nobody can serve: `a: [b, c]`."),
    # the way out
    "proxy-url": _used("none", "Proxy for all upstream connections: `http`, `https` or `socks5`, login if need be."),
    "connect-timeout-seconds": _used("10", "Seconds for name look-up, connection, proxy and TLS handshake together."),
    "first-byte-timeout-seconds": _used("600", "Seconds from a request sent to its answer's head; SDKs wait as long."),
    "idle-timeout-seconds": _used("120", "Seconds of silence in an answer after which the upstream counts as gone."),
    # the way back
    "streaming.keepalive-seconds": _used("15", "Seconds of silence after which a stream gets a heartbeat; 0 for none."),
    "stream-commit-seconds": _used("15", "Seconds after which a silent stream is answered 200 and kept alive."),
    "stream-flush-milliseconds": _used("10", "Milliseconds for which bytes may gather after a write; 0 for none."),
    "stream-flush-size": _used("16 KiB", "Size at which gathered bytes are written at once."),
    "responses-websocket": _used("true", "Whether `GET /v1/responses` opens a WebSocket; if not, clients use HTTP."),
    # between wire formats
    "translation.strict": _used("false", "Whether what a translation would leave out is refused with 400 instead."),
    "translation.capabilities": _used(
        "none", "What models bear, by name, `*` matching any text: comes before what is built in."
    ),
    **_rules("default", "Values by path, set where the request says nothing."),
    **_rules("default-raw", "The same, each value being JSON written as text."),
    **_rules("override", "Values by path, set whatever the request says."),
    **_rules("override-raw", "The same, each value being JSON written as text."),
    **_rules("filter", "List of paths that are taken out."),
    # Amp's door, and other routes
    "ampcode.upstream-url": _used("none", "Amp's control plane, usually `https://ampcode.com`; without, only models."),
    "ampcode.upstream-api-key": _used("AMP_API_KEY, or Amp's own file", "Amp key that the control plane is shown."),
    "ampcode.upstream-api-keys[].upstream-api-key": _used("", "Another Amp key, for some of the clients."),
    "ampcode.upstream-api-keys[].api-keys": _used("none", "Those clients: keys out of `api-keys`."),
    "ampcode.restrict-management-to-localhost": _used(
        "true", "Whether only this machine reaches the control plane through the daemon."
    ),
    "ampcode.model-mappings[].from": _used("", "Model that Amp asks for and nobody here serves."),
    "ampcode.model-mappings[].to": _used("", "Model to ask for in its place; with a suffix of its own, if it has one."),
    "ampcode.model-mappings[].regex": _used("false", "Whether `from` is a regular expression."),
    "ampcode.force-model-mappings": _used("false", "Whether models that are served here are mapped too."),
    "amp-upstream-url": _used("none", "The older way to write `ampcode.upstream-url`."),
    "amp-upstream-api-key": _used("none", "The older way to write `ampcode.upstream-api-key`."),
    "amp-restrict-management-to-localhost": _used(
        "true", "The older way to write that of `ampcode`; counts before it."
    ),
    "amp-model-mappings[].from": _used("", "The older way to write `ampcode.model-mappings`."),
    "amp-model-mappings[].to": _used("", "See there."),
    "amp-model-mappings[].regex": _used("false", "See there."),
    "route-modules[].path": _used(
        "", "Dotted path of what makes a module with routes: `my_package.routes.Hello`.", restart=True
    ),
    "route-modules[].settings": _used("none", "What that module wants to know."),
    # where things are kept
    "auth-dir": _used("~/.cli-proxy-api", "Directory of account files, `~` being the home directory.", restart=True),
    "state-dir": _used(
        "state in auth-dir",
        "Directory of what is known of each credential, and of the operator's socket.",
        restart=True,
    ),
    # the daemon
    "debug": _used("false", "Whether the log tells each step."),
    "shutdown-grace-seconds": _used("30", "Seconds that running requests get to end when the daemon is stopped."),
}

RULES: Final = ("default", "default-raw", "override", "override-raw", "filter")
CONDITIONS: Final = ("from-protocol", "headers", "match", "not-match", "exist", "not-exist")
"""Of a payload rule's model, in the original. What has one is left out, lest a rule hold for more than it says."""

_OF_A_KEY: Final = ("request-retry", "request-scoped-errors")
_OF_A_MODEL: Final = (
    "display-name",
    "max-context-length",
    "force-mapping",
    "is-compat",
    "thinking",
    "image",
    "input-modalities",
    "output-modalities",
)
_KEY_SECTIONS: Final = ("claude-api-key[]", "gemini-api-key[]", "vertex-api-key[]", "codex-api-key[]")

_NOT_IN_USE: Final[Iterable[str]] = (
    # the port and the operator's door
    "ws-auth",
    "remote-management.allow-remote",
    "remote-management.secret-key",
    "remote-management.disable-control-panel",
    "remote-management.disable-auto-update-panel",
    "remote-management.panel-github-repository",
    "auth.providers[].name",
    "auth.providers[].sdk",
    "auth.providers[].config",
    # logs and figures
    "logging-to-file",
    "logs-max-total-size-mb",
    "error-logs-max-files",
    "request-log",
    "commercial-mode",
    "usage-statistics-enabled",
    "redis-usage-queue-retention-seconds",
    "pprof.enable",
    "pprof.addr",
    # credentials of other providers
    "interactions-api-key",
    "xai-api-key",
    "oauth-request-scoped-errors",
    "auth-auto-refresh-workers",
    # further keys of a credential and of its models
    *(f"{section}.{name}" for section in (*_KEY_SECTIONS, "openai-compatibility[]") for name in _OF_A_KEY),
    *(f"{section}.models[].{name}" for section in (*_KEY_SECTIONS, "openai-compatibility[]") for name in _OF_A_MODEL),
    *(f"{section}.{name}" for section in _KEY_SECTIONS for name in ("websockets", "alpha-search")),
    "openai-compatibility[].support-prompt-cache-key",
    # routing and cooldown
    "save-cooldown-status",
    "quota-exceeded.switch-project",
    "quota-exceeded.switch-preview-model",
    "quota-exceeded.antigravity-credits",
    "credential-concurrency",
    "credential-in-flight",
    # requests and replies
    *(f"payload.{name}[].models[].{condition}" for name in RULES for condition in CONDITIONS),
    "passthrough-headers",
    "nonstream-keepalive-interval",
    "streaming.bootstrap-retries",
    "disable-image-generation",
    "gpt-image-2-base-model",
    "video-result-auth-cache-ttl",
    # one provider's or one client's own
    "antigravity-signature-cache-enabled",
    "antigravity-signature-bypass-strict",
    "codex.stream-bootstrap-buffering",
    "codex.optimize-multi-agent-v2",
    "codex.live-media-relay",
    "xai.inject-x-search",
    "plugins.enabled",
    "plugins.dir",
    "plugins.store-sources",
    "plugins.store-auth",
    "plugins.configs",
)

NEVER_IN_USE: Final[tuple[str, ...]] = (
    "claude-header-defaults",
    "codex-header-defaults",
    "cloak",
    "fingerprint-profile",
    "disable-claude-cloak-mode",
    "claude-code.disable-cloaking-model-list",
    "codex.identity-confuse",
    "codex.disable-codex-cloaking",
    "antigravity.sensitive-words",
    "claude-api-key[].cloak",
    "claude-api-key[].fingerprint-profile",
)
"""These make a request look like another client's, which this program does not do."""

KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {**_USED, **{name: Key(in_use=False) for name in (*_NOT_IN_USE, *NEVER_IN_USE)}}
)
"""All keys by dotted name; those in use first, in the order in which the docs tell them."""

SECTIONS: Final[frozenset[str]] = frozenset(
    name[:end] for name in KEYS for end, letter in enumerate(name) if letter == "."
)
"""What only holds keys: `tls`, or `claude-api-key[]` for each entry of a list."""


def children(section: str) -> tuple[str, ...]:
    """The names that may stand directly in a section (`""`: in the file), for the nearest to a wrong one."""
    start = f"{section}." if section else ""
    inside = (name[len(start) :] for name in KEYS if name.startswith(start))
    return tuple(dict.fromkeys(name.split(".")[0].removesuffix("[]") for name in inside))
