"""What an answer says of how much an account may still ask, in the words of each vendor. Pure: time is an argument.

Subscriptions have *quotas*: windows of hours or days, of which a refusal names the one that is spent, and nothing is
served before that begins anew. Keys have *rates*: buckets that fill all the time, whose `reset` is the moment when they
are full again. A request may be served long before that, so a rate's reset is believed only where nothing better is
said of when to ask again.

Read once for every answer, most of which say the same: one pass over the header lines, and little is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import attrs
from twisted.web.http_headers import Headers

from cliproxy.conversation.parts import JsonObject
from cliproxy.formats.error_bodies import errors_in
from cliproxy.quota import Limits, Window
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.hints import MAX_AHEAD_SECONDS, amount, moment, retry_after

Said = Mapping[bytes, bytes]
"""The headers that speak of limits; names in lower case."""

REFUSED: Final = frozenset({429, 503, 529})
"""What is answered to one who asks too much, or while too many ask."""
MAX_WINDOWS: Final = 16
"""Of one answer; real ones have six at the most."""
MAX_NAME: Final = 64

_NOTHING: Final = Limits()
_UNIFIED: Final = b"anthropic-ratelimit-unified-"
_CODEX: Final = b"x-codex-"
_ANTHROPIC_RATE: Final = b"anthropic-ratelimit-"
_RATE: Final = b"x-ratelimit-"
_RETRY: Final = b"retry-after"

_BEGINNINGS: Final[Mapping[str, tuple[bytes, ...]]] = MappingProxyType(
    {
        "anthropic": (_RETRY, _ANTHROPIC_RATE, _RATE),
        "openai-responses": (_RETRY, _RATE, _CODEX),
    }
)
"""How the headers begin that speak of limits, by wire format. A gateway passes on what its own upstream said, which is
no limit of the account there, so each format's vendors are heard in their own words alone."""
_ANY_FORMAT: Final = (_RETRY, _RATE)


def read_limits(wire_format: str, status: int, headers: Headers, body: bytes, model: str, now: float) -> Limits:
    """What an answer says of the account's limits; garbage says nothing.

    `body`: of an error, else empty. `model`: the upstream's name of the one that was asked. `now`: Unix time.
    """
    said = _said(headers, _BEGINNINGS.get(wire_format, _ANY_FORMAT))
    if not said and not body:
        return _NOTHING
    errors = errors_in(body) if body else []
    if errors:
        said |= _passed_on(errors)
    refused = status in REFUSED
    quotas = [*_unified(said, model, now), *_codex(said, now), *(_violations(errors, model, now) if refused else ())]
    rates = list(_rates(said, model, now))
    windows = tuple(window for window in quotas + rates if not window.over(now))[:MAX_WINDOWS]
    if status < 400:
        return Limits(windows)
    spent = [window for window in quotas if window.used >= 1 and _holds_for(window, model)] if refused else []
    spent = [window for window in spent if not window.model] or spent  # all models first: the others have theirs beside
    moments = [*_told_moments(said, errors, now), *(window.resets_at for window in spent)]
    if not moments:
        moments = _read_between(errors, now) or [rate.resets_at for rate in rates if refused and rate.used >= 1]
    wait = max(moments, default=now) - now
    whole = any(not window.model for window in spent) or (not spent and _speaks_of_account(errors))
    return Limits(windows, wait if wait > 0 else None, whole)


def _said(headers: Headers, beginnings: tuple[bytes, ...]) -> dict[bytes, bytes]:
    if isinstance(headers, HeaderLines):
        return {name: value for name, value in headers.lines if name.startswith(beginnings)}
    lines = ((name.lower(), values[0]) for name, values in headers.getAllRawHeaders() if values)
    return {name: value for name, value in lines if name.startswith(beginnings)}


def _passed_on(errors: Sequence[JsonObject]) -> dict[bytes, bytes]:
    """Headers that stand in an error: OpenRouter tells its own limits so."""
    said: dict[bytes, bytes] = {}
    for error in errors:
        metadata = error.get("metadata")
        headers = metadata.get("headers") if isinstance(metadata, dict) else None
        for name, value in headers.items() if isinstance(headers, dict) else ():
            line = name.lower().encode()
            if line.startswith(_ANY_FORMAT) and isinstance(value, str):
                said[line] = value.encode()
    return said


# -- quotas -------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Span:
    """What the name of a unified window tells, as `7d_opus` does."""

    name: str
    seconds: float
    family: str


_SPAN: Final = re.compile(rb"(\d{1,3})([mhd])(?:_(\w{1,32}))?")
_UNITS: Final = {b"m": 60.0, b"h": 3600.0, b"d": 86400.0}
_CLAIMS: Final = {b"five_hour": b"5h", b"seven_day": b"7d", b"seven_day_overage_included": b"7d_oi"}
_OF_THE_MODEL_ASKED: Final = "oi"
"""`7d_oi` stands on answers of the models that it is for, and not on those of others."""


def _unified(said: Said, model: str, now: float) -> Iterator[Window]:
    """Anthropic's windows of a subscription.

    Beside them stands a summary, whose reset is that of whichever window is closest to its end: it is heard only where
    no window is told. `overage` is what may be bought on top, and no window.
    """
    names = {
        name[len(_UNIFIED) :].rpartition(b"-")[0]: None
        for name in said
        if name.startswith(_UNIFIED) and name.endswith((b"-utilization", b"-status"))
    }
    spans = [(_UNIFIED + name, span) for name in names if (span := _span(name)) is not None]
    if not spans:
        claim = said.get(_UNIFIED + b"representative-claim", b"")
        span = _span(_CLAIMS.get(claim, claim.replace(b"seven_day_", b"7d_")))
        spans = [(_UNIFIED[:-1], span)] if span is not None else []
    for name, span in spans:
        rejected = said.get(name + b"-status") == b"rejected"
        used = 1.0 if rejected else amount(said.get(name + b"-utilization"))
        if used is not None:
            resets_at = moment(said.get(name + b"-reset"), now) or now
            pattern = model if span.family == _OF_THE_MODEL_ASKED else f"*{span.family}*" if span.family else ""
            yield Window(span.name, min(used, 1.0), resets_at, span.seconds, pattern)


@lru_cache(maxsize=64)
def _span(name: bytes) -> _Span | None:
    match = _SPAN.fullmatch(name)
    if match is None:
        return None
    number, unit, family = match.groups(b"")
    return _Span(name.decode("ascii"), int(number) * _UNITS[unit], family.decode("ascii"))


def _codex(said: Said, now: float) -> Iterator[Window]:
    """The windows of a ChatGPT account: two for all models, and two for each model that has its own."""
    for name, percent in said.items():
        if not (name.startswith(_CODEX) and name.endswith(b"-used-percent")):
            continue
        slot = name.removesuffix(b"-used-percent")
        limit, _, which = slot.removeprefix(_CODEX).rpartition(b"-")
        model = said.get(_CODEX + limit + b"-limit-name", b"").strip().lower() if limit else b""
        used, minutes = amount(percent), amount(said.get(slot + b"-window-minutes"))
        if which not in (b"primary", b"secondary") or bool(limit) != bool(model) or used is None or minutes == 0:
            continue  # a window of 0 minutes is one that the plan does not have
        resets_at = moment(said.get(slot + b"-reset-at"), now) or moment(said.get(slot + b"-reset-after-seconds"), now)
        text = slot.removeprefix(_CODEX)[:MAX_NAME].decode("latin-1")
        seconds = min((minutes or 0.0) * 60, MAX_AHEAD_SECONDS)
        yield Window(text, min(used / 100, 1.0), resets_at or now, seconds, model[:MAX_NAME].decode("latin-1"))


_DAY_SECONDS: Final = 86400.0
_RESET_OF_DAY_SECONDS: Final = 8 * 3600.0
"""Google's days begin at midnight in California: at 7 or 8 o'clock UTC, of which the later is never too early."""
_PLAIN_NAME: Final = re.compile(rf"[\w.-]{{1,{MAX_NAME}}}")


def _violations(errors: Sequence[JsonObject], model: str, now: float) -> Iterator[Window]:
    """Google's quotas that are spent for the day. The retry delay beside them is of seconds, and a trap.

    Those of a minute are not told of as windows: RetryInfo says all there is to say.
    """
    for error in errors:
        violations = error.get("violations")
        for violation in violations[:MAX_WINDOWS] if isinstance(violations, list) else ():
            quota = violation.get("quotaId") if isinstance(violation, dict) else None
            if isinstance(quota, str) and "PerDay" in quota and _PLAIN_NAME.fullmatch(quota):
                midnight = now + _DAY_SECONDS - (now - _RESET_OF_DAY_SECONDS) % _DAY_SECONDS
                yield Window(quota, 1.0, midnight, _DAY_SECONDS, model if "PerModel" in quota else "")


def _holds_for(window: Window, model: str) -> bool:
    """Whether a window of `_unified`, `_codex` or `_violations` is one of the model's."""
    return window.model in ("", model) or (window.model.startswith("*") and window.model.strip("*") in model)


# -- rates --------------------------------------------------------------------------------------------------------


def _rates(said: Said, model: str, now: float) -> Iterator[Window]:
    """The buckets of a key. Every vendor has one for each model, or for each class of models that we cannot know."""
    kinds: dict[bytes, dict[bytes, bytes]] = {}
    for name, value in said.items():
        if name.startswith(_RATE):
            field, _, kind = name[len(_RATE) :].partition(b"-")
        elif name.startswith(_ANTHROPIC_RATE) and not name.startswith(_UNIFIED):
            kind, _, field = name[len(_ANTHROPIC_RATE) :].rpartition(b"-")
        else:
            continue
        kinds.setdefault(kind or b"requests", {})[field] = value
    for kind, fields in kinds.items():
        limit, remaining = amount(fields.get(b"limit")), amount(fields.get(b"remaining"))
        resets_at = moment(fields.get(b"reset"), now)
        if limit and remaining is not None and resets_at is not None:
            used = 1 - min(remaining / limit, 1.0)
            yield Window(kind[:MAX_NAME].decode("latin-1"), used, resets_at, model=model)


# -- what is said of when to ask again ----------------------------------------------------------------------------

_MOMENTS: Final = ("resets_at", "resets_in_seconds", "retryDelay", "quotaResetDelay", "quotaResetTimeStamp")
"""Fields of an error: Codex's two, that of google.rpc.RetryInfo, and those of Code Assist's metadata."""
_IN_WORDS: Final = re.compile(
    r"\b(?:again|retry|resets?) (?:in|after) (?:(\d[\d.dhms]{0,30}[dhms])\b|(\d{1,8}(?:\.\d{1,9})?)(?= ?seconds?\b))",
    re.IGNORECASE,
)
"""As in `Please try again in 6m0s.`, which is all that some say."""
MAX_WORDS: Final = 2000


def _told_moments(said: Said, errors: Sequence[JsonObject], now: float) -> list[float]:
    """Every moment that an answer names; a client is asked to wait for the last of them."""
    after = retry_after(said.get(_RETRY), now)
    after_ms = amount(said.get(_RETRY + b"-ms"))
    spans = [span for span in (after, after_ms / 1000 if after_ms is not None else None) if span is not None]
    moments = [now + span for span in spans if 0 < span <= MAX_AHEAD_SECONDS]
    for error in errors:
        metadata = error.get("metadata")
        for told in (error, metadata) if isinstance(metadata, dict) else (error,):
            found = (moment(told[key], now) for key in _MOMENTS if key in told)
            moments += [at for at in found if at is not None]
    return moments


def _read_between(errors: Sequence[JsonObject], now: float) -> list[float]:
    """The moment that an error names in its message alone."""
    for error in errors:
        message = error.get("message")
        match = _IN_WORDS.search(message[:MAX_WORDS]) if isinstance(message, str) else None
        at = moment(match[1] or match[2], now) if match else None
        if at is not None:
            return [at]
    return []


_OF_THE_ACCOUNT: Final = frozenset({"usage_limit_reached", "insufficient_quota"})


def _speaks_of_account(errors: Sequence[JsonObject]) -> bool:
    """Whether an error is told of the account, and not of a model."""
    kinds = (error.get(key) for error in errors for key in ("type", "code"))
    return any(isinstance(kind, str) and kind in _OF_THE_ACCOUNT for kind in kinds)
