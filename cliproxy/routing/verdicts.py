"""What an upstream's answer says of the credential that asked. Pure.

The client's mistakes say nothing of it. Trouble cools it, for the model that was asked or for all of them, by the table
below; how long a vendor's own hint is believed is for the pool to say.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

import attrs

from cliproxy.formats.error_bodies import MAX_LOOKED_AT_BYTES, errors_in


@attrs.frozen
class Verdict:
    """What an answer says of a credential."""

    name: str
    """Shown to people."""
    first: float
    """The cooldown after the first failure, in seconds; 0: others are asked, but nothing is held against it."""
    most: float
    """It doubles with each failure in a row, up to this."""
    whole: bool = False
    """It speaks of the whole credential, not of the model alone."""
    soft: bool = False
    """Others go first, but when nobody else is left it may be asked again soon."""
    passes: bool = False
    """The same credential may do better in a while, without anybody's doing: another round is worth it."""

    def seconds(self, failures: int) -> float:
        """The cooldown after that many failures in a row, 1 at least."""
        return float(min(self.most, self.first * 2.0 ** min(max(failures, 1) - 1, 30)))


UNAUTHORIZED: Final = Verdict("unauthorized", first=1800, most=1800, whole=True)
LOGGED_OUT: Final = Verdict("needs login", first=1800, most=1800, whole=True)
UNPAID: Final = Verdict("unpaid", first=1800, most=1800, whole=True)
BLOCKED: Final = Verdict("account blocked", first=1800, most=1800, whole=True)
NOT_FROM_HERE: Final = Verdict("not served from here", first=1800, most=1800, whole=True)
CHALLENGED: Final = Verdict("challenged", first=10, most=1800, whole=True, passes=True)
"""A page for browsers, on the way to the vendor: whatever the model, the way is the same."""
FORBIDDEN: Final = Verdict("forbidden", first=1800, most=1800)
NO_SUCH_MODEL: Final = Verdict("no such model", first=43200, most=43200)
TOO_LARGE: Final = Verdict("too large for its limits", first=0, most=0)
"""This one request is more than the credential may ever ask at once. One of a higher tier may serve it, so others are
asked; but no waiting helps, and were it held against them, a client that tries again and again would cool them all.
"""
RATE_LIMITED: Final = Verdict("rate limited", first=1, most=1800, passes=True)
TRANSIENT: Final = Verdict("transient", first=60, most=60, soft=True, passes=True)

NO_ANSWER: Final = 0
"""Stands for a status where there was none: no connection, silence, a reply that broke."""


@attrs.frozen
class _Row:
    """One row of the table: it fits if the status does, and one of the codes or the words, if it has any."""

    verdict: Verdict | None
    statuses: Container[int]
    codes: frozenset[str] = frozenset()
    """What errors call their kind, in lower case."""
    words: re.Pattern[str] | None = None
    """Of a message, or of a body that is no JSON."""

    def fits(self, status: int, told: _Told) -> bool:
        if status not in self.statuses:
            return False
        if not self.codes and self.words is None:
            return True
        return not told.codes.isdisjoint(self.codes) or (
            self.words is not None and self.words.search(told.text) is not None
        )


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _words(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE | re.MULTILINE)


_ANY_ERROR: Final = range(400, 600)

_TABLE: Final = (
    # the client's own faults, whatever the status
    _Row(
        None,
        _ANY_ERROR,
        _codes(
            """context_length_exceeded exceed_context_size_error string_above_max_length message_too_big invalid_prompt
            invalid_value unsupported_value unsupported_parameter previous_response_not_found cyber_policy
            content_policy_violation content_filter data_inspection_failed"""
        ),
        _words(
            r"items are not persisted when",
            r"requires moderation",
            r"input was flagged",
            r"content violates usage guidelines",
            r"prompt is too long",
            r"maximum context length",
        ),
    ),
    _Row(None, (500,), _codes("invalid_request_error invalid_request bad_request_error")),
    # logins and keys
    _Row(LOGGED_OUT, (400, 401), _codes("invalid_grant")),
    _Row(
        BLOCKED,
        (400, 401, 403),
        _codes(
            """account_deactivated account_suspended account_disabled account_blocked user_deactivated
            organization_deactivated organization_disabled consumer_suspended consumer_invalid service_disabled
            validation_required oauth_org_not_allowed"""
        ),
        _words(
            r"\b(?:account|organi[sz]ation|project|workspace|consumer|api key|team)(?: '[^'\n]{0,100}')?"
            r" (?:has been|is|was)(?: \w+)? (?:disabled|deactivated|suspended|banned|terminated|blocked|denied access)",
            r"api key was reported as leaked",
            r"oauth authentication is currently not allowed",
            r"verify your account",
        ),
    ),
    _Row(
        UNPAID,
        (400, 402, 403, 429),
        _codes(
            """insufficient_quota billing_hard_limit_reached billing_not_active billing_disabled billing_error
            insufficient_balance insufficient_credits insufficient_user_quota exceeded_current_quota_error
            credit_balance_too_low budget_exceeded usage_not_included payment_required"""
        ),
        _words(
            r"credit balance is too low",
            r"insufficient (?:account )?(?:balance|credits?|funds)",
            r"billing hard limit",
            r"credits are depleted",
            r"used all available credits",
            r"out of extra usage",
        ),
    ),
    _Row(
        UNAUTHORIZED,
        (400, 403),
        _codes("api_key_invalid invalid_api_key unauthenticated token_expired token_invalidated token_revoked"),
        _words(
            r"\bapi key (?:not valid|not found|expired)",
            r"\b(?:incorrect|invalid) api key",
            r"oauth token (?:has been revoked|has expired|does not meet)",
        ),
    ),
    _Row(
        NOT_FROM_HERE,
        (400, 403),
        _codes("unsupported_country_region_territory"),
        _words(r"user location is not supported", r"country, region, or territory not supported"),
    ),
    # models
    _Row(
        NO_SUCH_MODEL,
        (400, 403, 404, 422),
        _codes(
            """model_not_found model_not_supported model_not_available model_not_exist model_decommissioned
            unsupported_model invalid_model unknown_model deploymentnotfound"""
        ),
        # Only sentences whose subject is the model: more often it is something that the model does not support.
        _words(
            r"\bmodel is not supported when using",
            r"^(?:the )?requested model is not (?:supported|available)",
            r"^(?:the )?model [`'\"]?[\w./:@-]{1,128}[`'\"]?"
            r" (?:(?:is )?not (?:found|supported|available)|does not exist)"
            r"(?:$|[.,!]| or | (?:for|on|in|with) (?:your|this) (?:account|plan|key|organization|project)\b)",
            r"^(?:model not (?:exist|found)|unknown model|no such model|unsupported model|invalid model\b)",
            r"\binvalid model name passed in",
            r"\bis not a valid model id",
            r"\bmodel identifier is invalid",
            r"\b(?:not|n't) have (?:access|permission) to (?:the |this )?model\b",
        ),
    ),
    _Row(
        NO_SUCH_MODEL,
        (404,),
        # A wider net, since a path that is wrong speaks of no model.
        words=_words(
            r"\bmodel: [\w./:@-]+$",
            r"\bmodels/[^\s/]+ is not found",
            r"(?<![/\w-])model\b(?!/)[^\n]{0,160}?"
            r"\b(?:not found|not exist|not supported|not available|no longer|only supported in|deprecated|retired)",
            r"\bnot found the model\b",
            r"\bno endpoints found (?:for|matching your data policy)",
            r"\bunable to access model\b",
        ),
    ),
    # limits
    _Row(
        TOO_LARGE,
        (400, 429),
        words=_words(
            r"\brequest too large for\b",
            r"required for long context requests",
            r"long context beta is not yet available",
        ),
    ),
    _Row(CHALLENGED, (403, 429, 503), _codes("challenge_page")),
    # and where nobody says more
    _Row(UNAUTHORIZED, (401,)),
    _Row(UNPAID, (402,)),
    _Row(FORBIDDEN, (403,)),
    _Row(RATE_LIMITED, (429,)),
    _Row(TRANSIENT, (NO_ANSWER, 408, *range(300, 400), *range(500, 600))),
)
"""The first row that fits decides; where none does, the answer is the client's."""


def judge(status: int, body: bytes = b"") -> Verdict | None:
    """What an answer says of the credential; None: nothing, it is the client's, be it good or bad."""
    return _decided(status, _read(body))


def judge_reported(status: int, message: str) -> Verdict | None:
    """The same of an error that was told inside a stream, of which the status and the message are known."""
    return _decided(status, _of_text(message))


def _decided(status: int, told: _Told) -> Verdict | None:
    return next((row.verdict for row in _TABLE if row.fits(status, told)), None)


# -- what a body tells --------------------------------------------------------------------------------------------

MAX_TEXT: Final = 2048
"""Characters of what is told. The sentence that matters stands at the beginning."""
MAX_PAGE: Final = 16 * 1024
"""Characters of a page for browsers."""

_KINDS: Final = ("type", "code", "status", "reason", "error")
_MESSAGES: Final = ("message", "error", "detail", "msg", "error_description")
_CODE_WORD: Final = re.compile(r"[a-z]{2,32}(?:_[a-z]{1,32}){1,8}", re.IGNORECASE)
"""A code inside a text: gateways quote the errors that they were told."""
_PAGE: Final = re.compile(r"\s*<")
_CHALLENGE: Final = _words(
    r"<title>just a moment", r"<title>attention required! \| cloudflare", r"\bcf[-_]chl", r"\bchallenge-platform\b"
)


@attrs.frozen
class _Told:
    """What an error calls itself, and what it says, a line for each message."""

    codes: frozenset[str]
    text: str


def _read(body: bytes) -> _Told:
    if not body:
        return _Told(frozenset(), "")
    errors = errors_in(body)
    if not errors:
        return _of_text(body[:MAX_LOOKED_AT_BYTES].decode("utf-8", "replace"))
    kinds = (error.get(key) for error in errors for key in _KINDS)
    messages = (error.get(key) for error in errors for key in _MESSAGES)
    said = _of_text("\n".join(message for message in messages if isinstance(message, str)))
    return _Told(said.codes | {kind.lower() for kind in kinds if isinstance(kind, str)}, said.text)


def _of_text(text: str) -> _Told:
    """Of a message, or of a body that is no JSON. A page is written by whoever stands before the vendor: of its words
    none are believed, but one kind is known by its marks.
    """
    if _PAGE.match(text):
        return _Told(_codes("challenge_page") if _CHALLENGE.search(text[:MAX_PAGE]) else frozenset(), "")
    text = text[:MAX_TEXT]
    return _Told(frozenset(code.lower() for code in _CODE_WORD.findall(text)), text)
