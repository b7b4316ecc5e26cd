"""The table of accounts that can be logged in to. Every address, scope and id is data that configuration may replace:
vendors move them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from cliproxy import __version__
from cliproxy.logins.login import NO_SECRET
from cliproxy.ranges import CLAUDE, OPENAI
from cliproxy.secret import Secret

Flow = Literal["browser", "device", "import"]


@attrs.frozen
class LoginType:
    """One kind of account: how it is logged in to and kept, and what serves it."""

    name: str
    """As in `cliproxy login NAME` and in the file's `type`."""
    provider: str
    """A row of `upstream.providers.PROVIDERS`."""
    base_url: str
    flows: tuple[Flow, ...]
    """The first is the one taken unless another is asked for."""
    client_id: str = ""
    """Empty: must be configured."""
    client_secret: Secret = NO_SECRET
    """From the configuration alone."""
    needs_client_secret: bool = False
    authorize_url: str = ""
    token_url: str = ""
    device_url: str = ""
    """Where a device code is asked for."""
    scope: str = ""
    redirect_uri: str = ""
    callback_port: int = 0
    """On loopback; the path is the redirect URI's. 0: any that is free, which only `any_port` makes sense of."""
    any_port: bool = False
    """The provider takes a redirect to any port of loopback, so that the redirect URI names the one listened at."""
    authorize_parameters: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    """Further ones of the authorise URL."""
    json_tokens: bool = False
    """The token endpoint takes JSON instead of a form."""
    sends_state: bool = False
    """The token endpoint wants the state beside the code."""
    pkce: bool = True
    discovery_url: str = ""
    """OpenID Connect's description, which names the addresses that are empty here."""
    trusted_domain: str = ""
    """What the description names must be https and on this domain or below it."""
    codex_device: bool = False
    """The device flow is OpenAI's own, not that of RFC 8628."""
    device_token_url: str = ""
    """Where it is asked whether the person has agreed, if not at `token_url`."""
    device_page_url: str = ""
    """Where the person types the code, if the answer does not say."""
    device_redirect_uri: str = ""
    """What its code is exchanged with."""
    device_id_header: str = ""
    """Tells a random id, made for each login and kept in its file; empty: none is wanted."""
    userinfo_url: str = ""
    """Tells the account's e-mail address where no answer of the token endpoint does."""
    headers: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    """Further ones for the identity provider. They name this program."""
    lead_seconds: float = 300.0
    """How long before its end a token is refreshed."""
    patterns: tuple[str, ...] = ()
    """Models that are served."""
    listed: tuple[str, ...] = ()
    """Models that are shown."""


_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
_ANTHROPIC: Final = "https://platform.claude.com"
_OPENAI: Final = "https://auth.openai.com"
_MOONSHOT: Final = "https://auth.kimi.com"
_GOOGLE: Final = "https://oauth2.googleapis.com"
_GOOGLE_SCOPES: Final = (
    "https://www.googleapis.com/auth/cloud-platform"
    " https://www.googleapis.com/auth/userinfo.email"
    " https://www.googleapis.com/auth/userinfo.profile"
)

_ROWS: Final = (
    LoginType(
        name="claude",
        provider="claude",
        base_url="https://api.anthropic.com",
        flows=("browser",),
        # No client id: the vendor's CLI is not open source, so that nobody has published one for others to use.
        authorize_url="https://claude.ai/oauth/authorize",
        token_url=f"{_ANTHROPIC}/v1/oauth/token",
        scope="user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload",
        redirect_uri="http://localhost:54545/callback",
        callback_port=54545,
        authorize_parameters={"code": "true"},  # the page shows the code too, to be pasted
        json_tokens=True,
        sends_state=True,
        lead_seconds=4 * _HOUR,
        patterns=CLAUDE.patterns,
        listed=CLAUDE.listed,
    ),
    LoginType(
        name="codex",
        provider="codex-backend",
        base_url="https://chatgpt.com/backend-api/codex",
        flows=("browser", "device"),
        # Published in the Codex CLI's source (Apache-2.0): github.com/openai/codex, codex-rs/login/src/auth/manager.rs.
        client_id="app_EMoamEEZ73f0CkXaXp7hrann",
        authorize_url=f"{_OPENAI}/oauth/authorize",
        token_url=f"{_OPENAI}/oauth/token",
        device_url=f"{_OPENAI}/api/accounts/deviceauth/usercode",
        device_token_url=f"{_OPENAI}/api/accounts/deviceauth/token",
        device_page_url=f"{_OPENAI}/codex/device",
        device_redirect_uri=f"{_OPENAI}/deviceauth/callback",
        codex_device=True,
        scope="openid profile email offline_access",
        redirect_uri="http://localhost:1455/auth/callback",
        callback_port=1455,
        # The names are the authorise page's own; they choose what it shows and what the id token tells.
        authorize_parameters={
            "prompt": "login",
            "id_token_add_organizations": "true",
            "codex_cli_simplified_flow": "true",
        },
        lead_seconds=5 * _DAY,
        patterns=("gpt-*", "codex-*"),
        listed=OPENAI.listed,
    ),
    LoginType(
        name="xai",
        provider="openai-responses",
        base_url="https://api.x.ai/v1",
        flows=("device", "browser"),
        # No client id: none is published in open source by the vendor itself.
        discovery_url="https://auth.x.ai/.well-known/openid-configuration",
        trusted_domain="x.ai",
        scope="openid profile email offline_access grok-cli:access api:access",
        redirect_uri="http://127.0.0.1:56121/callback",
        callback_port=56121,
        patterns=("grok-*",),
    ),
    LoginType(
        name="kimi",
        provider="openai-compatibility",
        base_url="https://api.kimi.com/coding/v1",
        flows=("device",),
        # Published in the Kimi CLI's source (Apache-2.0): github.com/MoonshotAI/kimi-cli, src/kimi_cli/auth/oauth.py.
        client_id="17e5f671-d194-4dfb-9706-5516cb48c098",
        token_url=f"{_MOONSHOT}/api/oauth/token",
        device_url=f"{_MOONSHOT}/api/oauth/device_authorization",
        # The service asks every client who it is. This is who we are.
        headers={"X-Msh-Platform": "cliproxy", "X-Msh-Version": __version__},
        device_id_header="X-Msh-Device-Id",
        patterns=("kimi-*",),
        listed=("kimi-for-coding",),
    ),
    LoginType(
        name="vertex",
        provider="vertex-project",
        base_url="",  # made of the account's project and location
        flows=("import",),
        pkce=False,
        patterns=("gemini-*",),
    ),
    LoginType(
        name="gemini",
        provider="code-assist",
        base_url="https://cloudcode-pa.googleapis.com",
        flows=("browser",),
        # No client id: Google's are installed with a secret, and a secret is the user's own business.
        needs_client_secret=True,
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url=f"{_GOOGLE}/token",
        userinfo_url="https://www.googleapis.com/oauth2/v1/userinfo?alt=json",
        scope=_GOOGLE_SCOPES,
        redirect_uri="http://localhost:8085/oauth2callback",
        callback_port=8085,
        any_port=True,
        authorize_parameters={"access_type": "offline", "prompt": "consent"},  # or no refresh token is given
        patterns=("gemini-*",),
        listed=("gemini-3-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ),
)

LOGIN_TYPES: Final[Mapping[str, LoginType]] = {row.name: row for row in _ROWS}

OVERRIDABLE: Final = (
    "client_id",
    "client_secret",
    "authorize_url",
    "token_url",
    "device_url",
    "device_token_url",
    "device_page_url",
    "device_redirect_uri",
    "discovery_url",
    "userinfo_url",
    "redirect_uri",
    "callback_port",
    "scope",
    "base_url",
    "lead_seconds",
)
"""What the configuration's `logins.<type>` may replace, by the names of the fields."""


def with_overrides(overrides: Mapping[str, Mapping[str, object]]) -> Mapping[str, LoginType]:
    """The table as configured: for each type, fields of `OVERRIDABLE` with values of their own kind.

    Raises `ValueError` for a type or field that there is not; the configuration was checked before it came here.
    """
    types = dict(LOGIN_TYPES)
    for name, fields in overrides.items():
        if name not in types:
            raise ValueError(f"there is no login {name!r}")
        unknown = sorted(fields.keys() - set(OVERRIDABLE))
        if unknown:
            raise ValueError(f"logins.{name} has no {unknown[0]!r}")
        types[name] = _evolved(types[name], fields)
    return types


def _evolved(row: LoginType, fields: Mapping[str, object]) -> LoginType:
    """The row with some fields of its own kind replaced."""
    known = {field.name: getattr(row, field.name) for field in attrs.fields(LoginType)}
    for name, value in fields.items():
        if isinstance(known[name], float) and isinstance(value, int):
            value = float(value)
        if type(value) is not type(known[name]):
            raise ValueError(f"logins.{row.name}.{name.replace('_', '-')} is of the wrong kind")
        known[name] = value
    return LoginType(**known)


def why_not_ready(row: LoginType) -> str:
    """A sentence on what must be configured before this account can be logged in to; empty: nothing."""
    if "import" in row.flows:
        return ""
    missing = [
        f"logins.{row.name}.{key}"
        for key, needed in (
            ("client-id", not row.client_id),
            ("client-secret", row.needs_client_secret and not row.client_secret),
        )
        if needed
    ]
    if not missing:
        return ""
    told = " and ".join(missing)
    return f"Set {told} in the configuration first: no OAuth client for {row.name} comes with this program."
