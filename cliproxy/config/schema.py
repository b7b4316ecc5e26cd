"""The configuration as frozen values, a section for each room. The loader makes them; nobody changes them.

Names follow the file's keys. Every duration is in seconds and every size in bytes, whatever unit the file used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias

import attrs

from cliproxy.secret import Secret

ANTHROPIC_BASE_URL: Final = "https://api.anthropic.com"
GEMINI_BASE_URL: Final = "https://generativelanguage.googleapis.com"
VERTEX_BASE_URL: Final = "https://aiplatform.googleapis.com"
"""Where Google takes API keys for Vertex AI, without project and location."""
OPENAI_BASE_URL: Final = "https://api.openai.com/v1"

KIB: Final = 1024
MIB: Final = 1024 * KIB

AuthHeader = Literal["x-api-key", "bearer"]
ProxyScheme = Literal["http", "https", "socks5"]
WireApi = Literal["chat", "responses"]
Override: TypeAlias = str | int | float | Secret
StrategyName = Literal["quota-aware", "round-robin", "weighted-round-robin", "fill-first"]


@attrs.frozen
class Proxy:
    """A forward proxy, from a `proxy-url` such as `socks5://user:secret@127.0.0.1:1080`."""

    scheme: ProxyScheme
    host: str
    port: int
    username: Secret | None = None
    password: Secret | None = None


DIRECT: Final = "direct"
"""Instead of a `Proxy`: none, even if the global `proxy-url` names one (`direct` or `none` in the file)."""

OwnProxy: TypeAlias = Proxy | Literal["direct"] | None
"""`proxy-url` of a key. None: as the global one says."""


@attrs.frozen
class Tls:
    """`tls`: HTTPS on the daemon's own port."""

    enable: bool = False
    cert: str = ""
    key: str = ""


@attrs.frozen
class Listening:
    """Where and how clients are listened to; needs a restart."""

    host: str = "127.0.0.1"
    """`host`. The original's default is every interface; an empty string in the file still means that."""
    port: int = 8317
    tls: Tls = attrs.field(factory=Tls)
    body_limit_bytes: int = 32 * MIB
    """`body-limit`. Anthropic's own limit is 32 MB; a larger body could not be served anyway."""


@attrs.frozen
class Access:
    """Who is served."""

    api_keys: tuple[Secret, ...] = ()
    """`api-keys`. Without any, loopback peers alone are served."""
    allowed_hosts: tuple[str, ...] = ()
    """`allowed-hosts`: names, beside loopback's, that a Host header may hold."""
    allowed_origins: tuple[str, ...] = ()
    """`allowed-origins`: web origins (`https://app.example`) whose pages may call."""
    trusted_proxies: tuple[str, ...] = ()
    """`trusted-proxies`: addresses or networks whose X-Forwarded-For is believed."""


@attrs.frozen
class Model:
    """`models[]` of a key: the upstream's `name`, and the `alias` that clients use (the name itself by default)."""

    name: str
    alias: str


@attrs.frozen
class Share:
    """Which part of the requests a credential gets."""

    priority: int = 0
    """`priority`: as long as anyone of a higher one is well, nobody of a lower one is asked."""
    weight: int = 1
    """`weight`: by `weighted-round-robin` alone."""
    max_concurrency: int | None = None
    """`max-concurrency`: requests at once. None: as `routing` says; 0: any number."""
    disable_cooling: bool | None = None
    """`disable-cooling`: trouble is nothing to it. None: as the file says."""
    place: int = 0
    """Of its section among those of the file: credentials stand in the order in which they are written there."""


class Upstream(Protocol):
    """What every section that names an upstream has, whatever the upstream speaks."""

    @property
    def base_url(self) -> str:
        """Without a trailing slash; the paths of `PROVIDERS` are added."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent upstream, over the client's own of the same name."""

    @property
    def models(self) -> tuple[Model, ...]:
        """None given: all that the vendor's names match."""

    @property
    def prefix(self) -> str:
        """With one, `prefix/model` is served too."""

    @property
    def excluded_models(self) -> tuple[str, ...]:
        """Names or patterns with `*`."""

    @property
    def share(self) -> Share:
        """Which part of the requests its credentials get."""


@attrs.frozen
class ClaudeKey:
    """`claude-api-key[]`: an API key for an upstream that speaks Anthropic Messages."""

    api_key: Secret
    base_url: str = ANTHROPIC_BASE_URL
    """Without a trailing slash; `/v1/messages` is added."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Sent upstream, over the client's own of the same name. Hidden in `repr`: some hold a token."""
    proxy_url: OwnProxy = None
    models: tuple[Model, ...] = ()
    """None given: every `claude-*` name is served as it is."""
    prefix: str = ""
    excluded_models: tuple[str, ...] = ()
    """Names or patterns with `*`."""
    share: Share = Share()
    auth_header: AuthHeader | None = None
    """`auth-header`. None: `x-api-key` for Anthropic's own host, `bearer` elsewhere, as the original does."""


@attrs.frozen
class GeminiKey:
    """`gemini-api-key[]`: an API key for an upstream that speaks Gemini's generateContent."""

    api_key: Secret
    base_url: str = GEMINI_BASE_URL
    """Without a trailing slash; `/v1beta/models/MODEL:METHOD` is added."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    proxy_url: OwnProxy = None
    models: tuple[Model, ...] = ()
    """None given: every `gemini-*` name is served as it is."""
    prefix: str = ""
    excluded_models: tuple[str, ...] = ()
    share: Share = Share()


@attrs.frozen
class VertexKey:
    """`vertex-api-key[]`: an API key for Vertex AI, or for an upstream with Vertex AI's paths."""

    api_key: Secret
    base_url: str = VERTEX_BASE_URL
    """Without a trailing slash; `/v1/publishers/google/models/MODEL:METHOD` is added."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    proxy_url: OwnProxy = None
    models: tuple[Model, ...] = ()
    """None given: every `gemini-*` name is served as it is."""
    prefix: str = ""
    excluded_models: tuple[str, ...] = ()
    share: Share = Share()


@attrs.frozen
class CodexKey:
    """`codex-api-key[]`: an API key for an upstream that speaks OpenAI Responses."""

    api_key: Secret
    base_url: str = OPENAI_BASE_URL
    """Without a trailing slash; `/responses` is added."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    proxy_url: OwnProxy = None
    models: tuple[Model, ...] = ()
    """None given: OpenAI's names, such as `gpt-*`, are served as they are."""
    prefix: str = ""
    excluded_models: tuple[str, ...] = ()
    share: Share = Share()


@attrs.frozen
class KeyEntry:
    """`openai-compatibility[].api-key-entries[]`: one of several keys for the same upstream."""

    api_key: Secret = attrs.field(factory=lambda: Secret(""))
    """Empty: the server needs none."""
    proxy_url: OwnProxy = None
    weight: int | None = None
    """None: the server's."""


@attrs.frozen
class OpenAICompatibility:
    """`openai-compatibility[]`: any server that speaks OpenAI Chat Completions or Responses."""

    name: str
    base_url: str
    """Without a trailing slash; `/chat/completions` or `/responses` is added."""
    wire_api: WireApi = "chat"
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    models: tuple[Model, ...] = ()
    """Nothing else is served. An alias that stands for several names is served by each of them in turn."""
    prefix: str = ""
    excluded_models: tuple[str, ...] = ()
    share: Share = Share()
    keys: tuple[KeyEntry, ...] = (KeyEntry(),)
    """`api-key-entries`, and the older `api-keys`. At least one."""
    disabled: bool = False
    """Nothing of it is served."""


@attrs.frozen
class Timeouts:
    """How long an upstream may keep silent, in seconds."""

    connect_seconds: float = 10.0
    """`connect-timeout-seconds`: name look-up, TCP, proxy and TLS handshake together."""
    first_byte_seconds: float = 600.0
    """`first-byte-timeout-seconds`: request sent to answer's head. The official SDKs wait 600 s for a plain reply."""
    idle_seconds: float = 120.0
    """`idle-timeout-seconds`: between two bytes of an answer. Anthropic pings several times a minute."""


@attrs.frozen
class Streaming:
    """How a reply reaches the client."""

    flush_seconds: float = 0.010
    """`stream-flush-milliseconds`: after a write, how long following bytes may gather."""
    flush_bytes: int = 16 * KIB
    """`stream-flush-size`: as much is written at once, whatever the clock says."""
    keepalive_seconds: float = 15.0
    """`streaming.keepalive-seconds`: silence after which a heartbeat is sent; 0 turns them off."""
    commit_seconds: float = 15.0
    """`stream-commit-seconds`: silence after which status 200 goes out with a heartbeat, so that nobody hangs up."""


@attrs.frozen
class Retrying:
    """How trouble is met before the first byte."""

    request_retry: int = 3
    """`request-retry`: further rounds over all credentials, after a first one in which each was asked once."""
    max_retry_credentials: int = 0
    """`max-retry-credentials`: credentials asked in one round; 0: all."""
    max_retry_interval_seconds: float = 30.0
    """`max-retry-interval`: how long a request waits for a credential that cools; 0: not at all."""
    max_cooldown_seconds: float = 600.0
    """`max-cooldown-seconds`: no hint of an upstream keeps a credential out for longer than until a probe."""
    transient_cooldown_seconds: float = 60.0
    """`transient-error-cooldown-seconds`: after 408, 5xx or no answer; -1 in the file: none, 0 here."""
    disable_cooling: bool = False
    """`disable-cooling`: no credential cools, but for a model it has not."""
    hedge_seconds: float = 0.0
    """`hedge-after-ms`: silence after which a second credential is asked as well; 0: never."""
    fallbacks: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, hash=False)
    """`fallbacks`: by a model's name, those that are asked for in its place, in order."""


@attrs.frozen
class Routing:
    """Who is asked."""

    strategy: StrategyName = "quota-aware"
    """`routing.strategy`."""
    session_affinity: bool = True
    """`routing.session-affinity`: a conversation stays on its account."""
    session_affinity_seconds: float = 3600.0
    """`routing.session-affinity-ttl`: for so long after its last request."""
    max_concurrency: int = 0
    """`routing.max-concurrency`: requests at once for each credential; 0: any number."""
    queue_size: int = 128
    """`routing.queue-size`: requests that wait while every credential is full."""
    queue_seconds: float = 300.0
    """`routing.queue-timeout-seconds`: for how long each."""
    force_model_prefix: bool = False
    """`force-model-prefix`: a credential with a prefix is asked by that alone."""


@attrs.frozen
class Logins:
    """Accounts that were logged in to."""

    overrides: Mapping[str, Mapping[str, Override]] = attrs.field(factory=dict, repr=False, hash=False)
    """`logins`: by type of account and field of `LoginType`, what is in place of the table's."""
    excluded_models: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, hash=False)
    """`oauth-excluded-models`: by type of account."""
    aliases: Mapping[str, tuple[Model, ...]] = attrs.field(factory=dict, hash=False)
    """`oauth-model-alias`: by type of account."""


@attrs.frozen
class PayloadMatch:
    """`payload.*[].models[]`: which requests a rule is for."""

    name: str
    """The upstream's model, `*` matching any text."""
    protocol: str = ""
    """The upstream's wire format; empty: any."""


@attrs.frozen
class PayloadRule:
    """`payload.default[]`, `payload.override[]`, `payload.filter[]`: fields of the body that goes upstream."""

    models: tuple[PayloadMatch, ...]
    params: Mapping[str, object] = attrs.field(factory=dict, hash=False)
    """By path, dots between keys and list positions: `generationConfig.thinkingConfig.thinkingBudget`."""
    removed: tuple[str, ...] = ()
    """Paths that a filter takes out."""


@attrs.frozen
class Payload:
    """`payload`: rules for the bodies that go upstream, in the order of the file."""

    defaults: tuple[PayloadRule, ...] = ()
    """Set where the client said nothing."""
    overrides: tuple[PayloadRule, ...] = ()
    filters: tuple[PayloadRule, ...] = ()


@attrs.frozen
class Translation:
    """`translation`: between wire formats."""

    strict: bool = False
    """`translation.strict`: what would be left out is refused with 400 instead."""
    capabilities: Mapping[str, Mapping[str, object]] = attrs.field(factory=dict, hash=False)
    """`translation.capabilities`: by model pattern, over the built-in table."""


@attrs.frozen
class ModelMapping:
    """`ampcode.model-mappings[]`: another model for one that Amp asks for and nobody here serves."""

    asked: str
    """`from`: a name, whatever its letters' case, or, with `regex`, a pattern that is found anywhere in one."""
    target: str
    """`to`: with a suffix of its own, or the asked name's."""
    regex: bool = False


@attrs.frozen
class UpstreamKeyOf:
    """`ampcode.upstream-api-keys[]`: the key that the control plane is shown for these clients."""

    key: Secret
    clients: frozenset[Secret]
    """Of `api-keys`."""


@attrs.frozen
class Amp:
    """`ampcode`, and the older flat keys `amp-…`: Amp's door."""

    upstream_url: str = ""
    """`upstream-url`: Amp's control plane, without a slash at the end. Empty: there is none."""
    upstream_api_key: Secret | None = None
    """`upstream-api-key`. None: `AMP_API_KEY` of the environment, else Amp's own file."""
    upstream_api_keys: tuple[UpstreamKeyOf, ...] = ()
    """A client stands in one of them at the most."""
    restrict_management_to_localhost: bool = True
    """Who may reach the control plane through the daemon."""
    model_mappings: tuple[ModelMapping, ...] = ()
    """Names before patterns, each in the order of the file."""
    force_model_mappings: bool = False
    """Also for models that are served here."""


@attrs.frozen
class NamedModule:
    """`route-modules[]`: routes that are somebody else's code."""

    path: str
    """Dotted, of a class or of what makes a module: `my_package.routes.Hello`."""
    settings: Mapping[str, object] = attrs.field(factory=dict, repr=False, hash=False)
    """`settings`: whatever the module wants to know."""


@attrs.frozen
class Config:
    """The whole file. Only the composition root sees it; each room is handed its section."""

    listening: Listening = attrs.field(factory=Listening)
    access: Access = attrs.field(factory=Access)
    claude_keys: tuple[ClaudeKey, ...] = ()
    gemini_keys: tuple[GeminiKey, ...] = ()
    """`gemini-api-key`, and the older `generative-language-api-key`."""
    vertex_keys: tuple[VertexKey, ...] = ()
    codex_keys: tuple[CodexKey, ...] = ()
    openai_compatibility: tuple[OpenAICompatibility, ...] = ()
    proxy_url: Proxy | None = None
    """`proxy-url`: http, https or socks5, with credentials if need be, for every upstream connection."""
    timeouts: Timeouts = attrs.field(factory=Timeouts)
    streaming: Streaming = attrs.field(factory=Streaming)
    retrying: Retrying = attrs.field(factory=Retrying)
    routing: Routing = attrs.field(factory=Routing)
    logins: Logins = attrs.field(factory=Logins)
    payload: Payload = attrs.field(factory=Payload)
    translation: Translation = attrs.field(factory=Translation)
    amp: Amp = attrs.field(factory=Amp)
    route_modules: tuple[NamedModule, ...] = ()
    """`route-modules`; needs a restart, all but their settings."""
    responses_websocket: bool = True
    """`responses-websocket`: whether `GET /v1/responses` opens a WebSocket."""
    auth_dir: str = "~/.cli-proxy-api"
    state_dir: str = ""
    """`state-dir`: what the pool knows over a restart, and the operator's socket. Empty: `state` in `auth_dir`."""
    debug: bool = False
    shutdown_grace_seconds: float = 30.0
    """`shutdown-grace-seconds`: how long running exchanges may go on after SIGTERM."""
    demo: bool = False
    """Not a key of the file: the built-in demo upstream serves too (`--demo`, or no configuration at all)."""
