"""The token endpoint: a code, a device code or a refresh token in, tokens out, or a refusal that is told apart from
trouble. What is refused for good must not be tried again, and what is only trouble must not cost anybody a login.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from cliproxy.logins.http import Asker, Reply, Sender
from cliproxy.logins.identity import identity
from cliproxy.logins.login import NO_SECRET
from cliproxy.logins.pasted import printable
from cliproxy.logins.providers import LoginType, why_not_ready
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Way

MAX_LIFE_SECONDS: Final = 10 * 365 * 86_400.0
"""A token that says to live longer is not believed, lest its end be no date."""
UNCONFIGURED_SECONDS: Final = 300.0
"""When to look again whether somebody has mended the configuration."""

TEMPORARY: Final = frozenset(
    {
        "authorization_pending",
        "slow_down",
        "temporarily_unavailable",
        "server_error",
        "internal_server_error",
        "api_error",
        "overloaded_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "rate_limited",
        "too_many_requests",
        "timeout_error",
    }
)
"""OAuth errors that say nothing of the token, whatever status they come with."""
FINAL: Final = frozenset(
    {
        "invalid_grant",
        "invalid_client",
        "invalid_request",
        "invalid_request_error",
        "invalid_scope",
        "invalid_token",
        "access_denied",
        "authentication_error",
        "expired_token",
        "refresh_token_expired",
        "refresh_token_invalidated",
        "refresh_token_reused",
        "token_expired",
        "token_revoked",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
"""Those that are believed inside an error object too, where gateways put words of their own."""
_TOKEN: Final = re.compile(r"[!-~]{1,16384}")
_WORD: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@attrs.frozen
class Addresses:
    """Where a provider is asked, after its description was read if it has one."""

    authorize_url: str
    token_url: str
    device_url: str


class TokenEndpoint:
    """All token endpoints. Has no state; `wall` tells the Unix time in seconds."""

    def __init__(
        self, sender: Sender, clock: IReactorTime, wall: Callable[[], float], user_agent: bytes, way: Way = "direct"
    ) -> None:
        self.asker = Asker(sender, clock, user_agent, way)
        self.clock = clock
        self.wall = wall

    def by_way_of(self, way: Way) -> TokenEndpoint:
        """The same, reached another way."""
        return TokenEndpoint(self.asker.sender, self.clock, self.wall, self.asker.user_agent, way)

    def exchange(
        self,
        login_type: LoginType,
        code: Secret,
        *,
        redirect_uri: str,
        verifier: Secret = NO_SECRET,
        state: Secret = NO_SECRET,
        url: str = "",
    ) -> Deferred[Tokens]:
        """A code for tokens. Fails with `Rejected`, `Unanswered`, or `LoginFailed` if something is not configured."""
        fields = {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "redirect_uri": redirect_uri,
            "client_id": login_type.client_id,
            "client_secret": login_type.client_secret.reveal(),
            "code_verifier": verifier.reveal(),
            "state": state.reveal() if login_type.sends_state else "",
        }
        return Deferred.fromCoroutine(self._tokens(login_type, url or login_type.token_url, fields))

    def refresh(
        self,
        login_type: LoginType,
        refresh_token: Secret,
        *,
        url: str = "",
        client_id: str = "",
        client_secret: Secret = NO_SECRET,
        way: Way | None = None,
    ) -> Deferred[Tokens]:
        """New tokens for a refresh token, of which many are good for this once only.

        `url`, `client_id`, `client_secret`: the account's own, where its file names them. Fails with `Rejected`, or
        with `Unanswered`, also while no client id is configured.
        """
        if way is not None:
            return self.by_way_of(way).refresh(
                login_type, refresh_token, url=url, client_id=client_id, client_secret=client_secret
            )
        return Deferred.fromCoroutine(self._refreshed(login_type, refresh_token, url, client_id, client_secret))

    async def _refreshed(
        self, login_type: LoginType, refresh_token: Secret, url: str, client_id: str, client_secret: Secret
    ) -> Tokens:
        if not client_id:
            client_id, client_secret = login_type.client_id, client_secret or login_type.client_secret
        elif not client_secret and client_id == login_type.client_id:
            client_secret = login_type.client_secret
        try:
            if not client_id:
                raise LoginFailed(why_not_ready(login_type))
            if login_type.trusted_domain:
                # The file's was the description's word at the login; the owner's own stands above that.
                url = login_type.token_url or (url and trusted(url, login_type.trusted_domain))
            if not url:
                url = (await self.addresses(login_type)).token_url
            fields = {
                "grant_type": "refresh_token",
                "refresh_token": refresh_token.reveal(),
                "client_id": client_id,
                "client_secret": client_secret.reveal(),
            }
            return await self._tokens(login_type, url, fields)
        except (Rejected, Unanswered):
            raise
        except LoginFailed as failed:  # a mistake of the configuration, which says nothing of the token
            raise Unanswered(str(failed), UNCONFIGURED_SECONDS) from None

    def addresses(self, login_type: LoginType) -> Deferred[Addresses]:
        """The provider's addresses; what the table and the configuration leave open, its own description says.

        Fails with `Unanswered`, or with `LoginFailed` if the description names a foreign address.
        """
        known = Addresses(login_type.authorize_url, login_type.token_url, login_type.device_url)
        wanted = [known.token_url]
        if "browser" in login_type.flows:
            wanted.append(known.authorize_url)
        if "device" in login_type.flows:
            wanted.append(known.device_url)
        if all(wanted) or not login_type.discovery_url:
            return succeed(known)
        return Deferred.fromCoroutine(self._discovered(login_type, known))

    async def _discovered(self, login_type: LoginType, known: Addresses) -> Addresses:
        reply = await self.asker.get(login_type.discovery_url)
        if not reply.ok:
            raise reply.unanswered("its OpenID description")

        def told(name: str) -> str:
            value = reply.document.get(name)
            return trusted(value, login_type.trusted_domain) if isinstance(value, str) else ""

        return Addresses(
            known.authorize_url or told("authorization_endpoint"),
            known.token_url or told("token_endpoint"),
            known.device_url or told("device_authorization_endpoint"),
        )

    async def _tokens(self, login_type: LoginType, url: str, fields: Mapping[str, str]) -> Tokens:
        reply = await self.post(login_type, url, {name: value for name, value in fields.items() if value})
        return self.tokens_in(login_type, reply, fields)

    def post(
        self, login_type: LoginType, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Deferred[Reply]:
        """Post to a token endpoint, in the form that it takes."""
        more = {**login_type.headers, **(headers or {})}
        if login_type.json_tokens:
            return self.asker.post_json(url, fields, more)
        return self.asker.post_form(url, fields, more)

    def tokens_in(self, login_type: LoginType, reply: Reply, sent: Mapping[str, str]) -> Tokens:
        """The tokens of an answer. Raises `Rejected` or `Unanswered`. `sent` must not stand in what is told."""
        refuse_errors(reply, tuple(sent.values()))
        access = _secret(reply.document.get("access_token"))
        if not reply.ok or not access:
            raise reply.unanswered("a token")
        return Tokens(
            access_token=access,
            refresh_token=_secret(reply.document.get("refresh_token")),
            id_token=_secret(reply.document.get("id_token")),
            expires_at=_end(reply.document.get("expires_in"), self.wall()),
            fields=identity(login_type.name, reply.document),
        )


def refuse_errors(reply: Reply, sent: tuple[str, ...] = ()) -> None:
    """Raise `Rejected` or `Unanswered` if the answer is an OAuth error, which some send with status 200."""
    error = error_in(reply)
    if reply.status == 429 or reply.status >= 500 or error in TEMPORARY:
        raise Unanswered(f"{reply.host} has trouble of its own ({error or reply.status}).", reply.retry_after)
    if error and (reply.status < 300 or reply.status in (400, 401, 403)):
        raise Rejected(f"{reply.host} refuses: {_told(reply, error, sent)}.")


def error_in(reply: Reply) -> str:
    """The OAuth error of an answer, a word; empty: there is none that says anything of the token."""
    error = reply.document.get("error")
    if isinstance(error, str) and error:
        return error if _WORD.fullmatch(error) else "an error without a name"
    if isinstance(error, dict):
        words = [error.get("code"), error.get("type"), error.get("status")]
        return next((word for word in words if isinstance(word, str) and word in FINAL | TEMPORARY), "")
    if reply.is_json and reply.status == 401:
        return "unauthorized"
    return ""


def trusted(url: str, domain: str) -> str:
    """`url`, if it is https on `domain` or below it. Raises `LoginFailed`: what is sent there holds a secret."""
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:
        parts, host, port, user = urlsplit(""), "", None, None
    whole = url.isprintable() and " " not in url and "\\" not in url and user is None and port in (None, 443)
    if whole and parts.scheme == "https" and f".{host}".endswith(f".{domain}"):
        return url
    raise LoginFailed(f"The provider names an address that is not its own: not https, or not on {domain}.")


def _told(reply: Reply, error: str, sent: tuple[str, ...]) -> str:
    """The error with its description, unless that repeats something that was sent."""
    described = reply.document.get("error_description")
    if not isinstance(described, str) and isinstance(reply.document.get("error"), dict):
        nested = reply.document["error"]
        described = nested.get("message") if isinstance(nested, dict) else None
    if not isinstance(described, str) or any(len(value) >= 8 and value in described for value in sent):
        return error
    described = printable(described).rstrip(".")
    return f"{error} ({described})" if described else error


def _secret(value: object) -> Secret:
    """A token; none if it is anything that could not be sent back in a header."""
    return Secret(value) if isinstance(value, str) and _TOKEN.fullmatch(value) else NO_SECRET


def _end(expires_in: object, now: float) -> float | None:
    """When a token ends. The number of seconds may be fractional, or a text."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return None
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return None
    return now + min(seconds, MAX_LIFE_SECONDS) if math.isfinite(seconds) and seconds > 0 else None
