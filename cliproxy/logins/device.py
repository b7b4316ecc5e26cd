"""Logging in on another device: a short code, typed there, while this one asks every few seconds whether it was.

RFC 8628, and the one that OpenAI had before it: JSON, 403 or 404 for "not yet", and an ordinary code in the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs
from twisted.internet.task import deferLater

from cliproxy.logins.endpoint import TokenEndpoint, error_in
from cliproxy.logins.http import Reply
from cliproxy.logins.pasted import printable
from cliproxy.logins.providers import LoginType
from cliproxy.logins.tokens import LoginFailed, Tokens, Unanswered
from cliproxy.secret import Secret

GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL_SECONDS: Final = 5.0
SLOWER_SECONDS: Final = 5.0
"""What `slow_down` adds, as the RFC says."""
MAX_INTERVAL_SECONDS: Final = 60.0
MAX_LIFE_SECONDS: Final = 900.0
"""However long a code lives, nobody sits before it for longer."""
MAX_TROUBLES: Final = 10
"""So many questions in a row may come to nothing."""


@attrs.frozen
class DeviceCode:
    """What the person needs, and what this side asks with."""

    code: Secret
    user_code: str
    page: str
    """Where the person types it."""
    whole_page: str = ""
    """The same page with the code in it already."""
    interval: float = DEFAULT_INTERVAL_SECONDS
    life_seconds: float = MAX_LIFE_SECONDS


@attrs.frozen
class DeviceFlow:
    """One type of account, at the addresses of its provider."""

    endpoint: TokenEndpoint
    login_type: LoginType
    device_url: str
    token_url: str
    headers: Mapping[str, str] = attrs.field(factory=dict)

    async def begin(self) -> DeviceCode:
        """Ask for a code. Raises `LoginFailed`."""
        row = self.login_type
        asker = self.endpoint.asker
        fields = {"client_id": row.client_id}
        headers = {**row.headers, **self.headers}
        if row.codex_device:
            reply = await asker.post_json(self.device_url, fields, headers)
            if reply.status == 404:
                raise LoginFailed(f"{reply.host} does not offer this login; leave out --device.")
        else:
            reply = await asker.post_form(
                self.device_url, fields | ({"scope": row.scope} if row.scope else {}), headers
            )
        if not reply.ok:
            error = error_in(reply)
            raise LoginFailed(f"{reply.host} refuses: {error}.") if error else reply.unanswered("a device code")
        return _device_code(reply, row)

    async def wait(self, device: DeviceCode) -> Tokens:
        """Ask until the person has agreed. Raises `LoginFailed` when they have not, or not in time."""
        clock = self.endpoint.clock
        end = clock.seconds() + device.life_seconds
        interval, troubles = device.interval, 0
        pause = interval
        while clock.seconds() + pause < end:
            await deferLater(clock, pause)
            try:
                tokens = await self._ask(device)
            except _SlowDown:
                interval = min(interval + SLOWER_SECONDS, MAX_INTERVAL_SECONDS)
            except Unanswered:
                troubles += 1
                if troubles >= MAX_TROUBLES:
                    raise
                pause = min(interval * (1 << troubles), MAX_INTERVAL_SECONDS)
                continue
            else:
                if tokens is not None:
                    return tokens
            pause, troubles = interval, 0
        raise DeviceExpired("Nobody typed the code in time. Begin again.")

    async def _ask(self, device: DeviceCode) -> Tokens | None:
        return await (self._ask_openai(device) if self.login_type.codex_device else self._ask_rfc(device))

    async def _ask_rfc(self, device: DeviceCode) -> Tokens | None:
        fields = {"grant_type": GRANT, "client_id": self.login_type.client_id, "device_code": device.code.reveal()}
        if self.login_type.client_secret:
            fields["client_secret"] = self.login_type.client_secret.reveal()
        reply = await self.endpoint.asker.post_form(self.token_url, fields, {**self.login_type.headers, **self.headers})
        match error_in(reply):
            case "authorization_pending":
                return None
            case "slow_down":
                raise _SlowDown
            case "expired_token":
                raise DeviceExpired("The code has expired. Begin again.")
            case "access_denied":
                raise LoginFailed("The login was refused on the other device.")
        return self.endpoint.tokens_in(self.login_type, reply, fields)

    async def _ask_openai(self, device: DeviceCode) -> Tokens | None:
        row = self.login_type
        fields = {"device_auth_id": device.code.reveal(), "user_code": device.user_code}
        reply = await self.endpoint.asker.post_json(row.device_token_url, fields, row.headers)
        if reply.status in (403, 404):
            return None
        if reply.status == 429 or reply.status >= 500:
            raise reply.unanswered("a code")
        code, verifier = reply.document.get("authorization_code"), reply.document.get("code_verifier")
        if not reply.ok or not isinstance(code, str) or not isinstance(verifier, str) or not code:
            raise LoginFailed(f"{reply.host} answered {reply.status} when asked for a code. Begin again.")
        return await self._exchange(Secret(code), Secret(verifier))

    async def _exchange(self, code: Secret, verifier: Secret) -> Tokens:
        """Once only: the code is spent. Trouble here ends the login, and is no reason to ask for the code again."""
        row = self.login_type
        try:
            return await self.endpoint.exchange(
                row, code, redirect_uri=row.device_redirect_uri, verifier=verifier, url=self.token_url
            )
        except Unanswered as trouble:
            raise LoginFailed(str(trouble)) from None


class DeviceExpired(LoginFailed):
    """Nobody agreed in time."""


class _SlowDown(Exception):
    """The provider wants to be asked less often."""


def _device_code(reply: Reply, row: LoginType) -> DeviceCode:
    told = reply.document
    code = told.get("device_auth_id" if row.codex_device else "device_code")
    user_code = _text(told, "user_code") or _text(told, "usercode")
    page = _page(told, "verification_uri") or _page(told, "verification_url") or row.device_page_url
    if not isinstance(code, str) or not code or not user_code or not page:
        raise reply.unanswered("a device code")
    interval = _seconds(told.get("interval"), DEFAULT_INTERVAL_SECONDS)
    return DeviceCode(
        code=Secret(code),
        user_code=user_code,
        page=page,
        whole_page=_page(told, "verification_uri_complete"),
        interval=min(max(interval, 1.0), MAX_INTERVAL_SECONDS),
        life_seconds=min(_seconds(told.get("expires_in"), MAX_LIFE_SECONDS), MAX_LIFE_SECONDS),
    )


def _text(told: Mapping[str, object], name: str) -> str:
    value = told.get(name)
    return printable(value, 64) if isinstance(value, str) else ""


def _page(told: Mapping[str, object], name: str) -> str:
    """An address that a person may be sent to; it is shown in a terminal."""
    value = told.get(name)
    if not isinstance(value, str) or len(value) > 2000 or not value.isprintable() or " " in value:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in ("http", "https") and parts.netloc else ""


def _seconds(value: object, default: float) -> float:
    """A number, or a text that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return default
    return seconds if math.isfinite(seconds) and seconds > 0 else default
