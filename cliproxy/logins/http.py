"""One small request to an identity provider, and its answer as JSON: short, soon, and never a redirect."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final
from typing import Protocol as Seam
from urllib.parse import urlencode

import attrs
import orjson
from hyperlink import EncodedURL, URLParseError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers

from cliproxy.errors import UpstreamTrouble
from cliproxy.logins.tokens import LoginFailed, Unanswered
from cliproxy.secret import Secret
from cliproxy.streaming.collect import collect
from cliproxy.upstream.accounts import Way
from cliproxy.upstream.transport import Answer, Outgoing

TIMEOUT_SECONDS: Final = 30.0
"""For head and body together. Some providers check a password behind it; none needs longer."""
MAX_BODY_BYTES: Final = 256 * 1024
"""Tokens take some kilobytes."""
LEAST_RETRY_AFTER_SECONDS: Final = 5.0
MOST_RETRY_AFTER_SECONDS: Final = 300.0

FORM: Final = b"application/x-www-form-urlencoded"
JSON: Final = b"application/json"


class Sender(Seam):
    """The door out, as in `cliproxy.ask`, which this room must not know: it leads to routing."""

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        """Fires with the answer once its head has come, or fails with `UpstreamTrouble`."""


@attrs.frozen
class Reply:
    """An answer."""

    host: str
    status: int
    document: Mapping[str, object] = attrs.field(repr=False)
    """Empty if the body is no JSON object, or was cut."""
    retry_after: float | None = None
    """In seconds, within bounds."""
    is_json: bool = True
    """The body was an object."""

    @property
    def ok(self) -> bool:
        """Whether it is an answer that can be used."""
        return 200 <= self.status < 300 and self.is_json

    def unanswered(self, what: str) -> Unanswered:
        """For an answer that is none: `what` was asked for."""
        said = f"answered {self.status}" if self.status >= 300 or self.is_json else "sent something that is not JSON"
        return Unanswered(f"{self.host} {said} when asked for {what}.", self.retry_after)


@attrs.frozen
class Asker:
    """Asks identity providers, each request by itself."""

    sender: Sender
    clock: IReactorTime
    user_agent: bytes
    way: Way = "direct"

    def post_form(
        self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Deferred[Reply]:
        """Post a form. Fails with `Unanswered` if nothing comes back."""
        return self._ask("POST", url, urlencode(fields).encode(), FORM, headers or {})

    def post_json(
        self,
        url: str,
        fields: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        bearer: Secret | None = None,
    ) -> Deferred[Reply]:
        """Post JSON. Fails with `Unanswered` if nothing comes back."""
        return self._ask("POST", url, json.dumps(fields).encode(), JSON, headers or {}, bearer)

    def get(self, url: str, bearer: Secret | None = None) -> Deferred[Reply]:
        """Get a document. Fails with `Unanswered` if nothing comes back."""
        return self._ask("GET", url, b"", b"", {}, bearer)

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes,
        content_type: bytes,
        headers: Mapping[str, str],
        bearer: Secret | None = None,
    ) -> Deferred[Reply]:
        lines = Headers({b"user-agent": [self.user_agent], b"accept": [JSON]})
        if content_type:
            lines.setRawHeaders(b"content-type", [content_type])
        for name, value in headers.items():
            lines.setRawHeaders(name.encode(), [value.encode()])
        if bearer:
            lines.setRawHeaders(b"authorization", [b"Bearer " + bearer.reveal().encode()])
        return Deferred.fromCoroutine(self._answered(Outgoing(method, address(url), lines, body, self.way)))

    async def _answered(self, outgoing: Outgoing) -> Reply:
        began = self.clock.seconds()
        asked = self.sender.send(outgoing)
        asked.addTimeout(TIMEOUT_SECONDS, self.clock, _silent)
        try:
            answer = await asked
        except UpstreamTrouble as trouble:
            raise Unanswered(trouble.message, trouble.retry_after) from None
        left = max(0.0, TIMEOUT_SECONDS - (self.clock.seconds() - began))
        content = await collect(answer, MAX_BODY_BYTES + 1, left, self.clock)
        document = _object(content)
        return Reply(
            outgoing.url.host,
            answer.status,
            document or {},
            _retry_after(answer.headers),
            document is not None,
        )


def address(url: str) -> EncodedURL:
    """A URL out of the table or the configuration. Raises `LoginFailed` if it is none."""
    try:
        parsed = EncodedURL.from_text(url)
    except (URLParseError, ValueError):
        parsed = None
    if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
        raise LoginFailed("An address of the identity provider is not a URL; see `logins` in the configuration.")
    return parsed


def _silent(_: object, seconds: float) -> Answer:
    raise Unanswered(f"The identity provider sent no answer within {seconds:g} s.")


def _object(content: bytes) -> Mapping[str, object] | None:
    if len(content) > MAX_BODY_BYTES:
        return None
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _retry_after(headers: Headers) -> float | None:
    """`Retry-After` in seconds. (Its other form, a date, no identity provider sends.)"""
    values = headers.getRawHeaders(b"retry-after") or []
    try:
        seconds = float(values[0])
    except (IndexError, ValueError):
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, LEAST_RETRY_AFTER_SECONDS), MOST_RETRY_AFTER_SECONDS)
