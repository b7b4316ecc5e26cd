"""One credential, asked once: what goes out, and the head of what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from cliproxy.ask import Ask
from cliproxy.conversation.losses import Loss
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.routing.pool import Grant
from cliproxy.translate.readers import ReplyHead
from cliproxy.translate.translated import told_error
from cliproxy.translate.translation import Prepared, Translation, Upstream
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.providers import (
    outgoing_headers,
    returned_headers,
    translated_headers,
    translated_returned_headers,
)
from cliproxy.upstream.transport import Answer, Outgoing
from cliproxy.upstream.urls import url_for

LOSSES_HEADER: Final = b"x-cliproxy-losses"
MAX_HEADER_CHARACTERS: Final = 2000
"""Of the losses in a header; the log has them all."""
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
"""Fields are called what clients call them; in a header they must not be more than a text."""

Lines = list[tuple[bytes, bytes]]


@attrs.frozen
class Refusal:
    """An upstream's error answer, whole, to be told if nobody does better."""

    status: int
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    message: str
    """What the body says."""
    context_overflow: bool = False
    """That the prompt is too long, in whatever words."""


@attrs.frozen
class Attempt:
    """One credential, asked once."""

    ask: Ask
    grant: Grant
    account: Account
    upstream: Upstream
    translation: Translation = attrs.field(repr=False)
    prepared: Prepared

    @property
    def translated(self) -> bool:
        """The upstream speaks another format than the client."""
        return self.prepared.request is not None

    def becomes_stream(self, head: ReplyHead) -> bool:
        """Whether a client that wants a stream gets one of this answer; of a whole body, translated, one is made."""
        return head.is_stream or (self.translated and head.status < 300)

    def outgoing(self, user_agent: bytes) -> Outgoing:
        """What is sent. Another vendor is sent nothing but our own headers: the client's mean nothing to it."""
        ask, account = self.ask, self.account
        streams = ask.stream or ask.array
        if self.translated:
            headers = translated_headers(account, user_agent, stream=streams, operation=ask.operation)
        else:
            headers = outgoing_headers(ask.headers, account, user_agent, ask.operation)
        return Outgoing(
            method="POST",
            url=url_for(account, ask.operation, self._query(), model=self.upstream.model, stream=streams),
            headers=headers,
            body=self.prepared.body,
            way=account.way,
        )

    def _query(self) -> bytes:
        """The client's, for an upstream of its own format; there a Gemini client that wants an array must say so."""
        if self.translated:
            return b""
        if self.ask.array and not any(pair.startswith(b"alt=") for pair in self.ask.query.split(b"&")):
            return b"&".join(filter(None, (self.ask.query, b"alt=json")))
        return self.ask.query

    def head_of_reply(self, answer: Answer, head: ReplyHead, *, plain: bool, whole: bool) -> Lines:
        """What the client is shown of an answer that is passed on, or told in its own format.

        `head`: the answer's, see `reply_head`.
        `plain`: its body is handed on without a gzip coding. `whole`: and byte for byte, so that its length holds.
        """
        if self.translated:
            return self.head_of_telling(translated_returned_headers(answer.headers), answer.status)
        prepared, headers = self.prepared, returned_headers(answer.headers, plain=plain)
        if prepared.collected and head.is_stream:
            headers = [line for line in headers if line[0] != b"content-type"]
            headers.append((b"content-type", b"application/json"))
        elif head.is_stream:
            headers.append((b"x-accel-buffering", b"no"))
        elif answer.length is not None and whole and prepared.renames is None and not prepared.reworked:
            headers.append((b"content-length", b"%d" % answer.length))
        return headers + self._losses()

    def head_of_telling(self, headers: Lines, status: int = 200) -> Lines:
        """The head of a reply that we write: a stream if the client asked for one, and it is no error."""
        if self.ask.stream and status < 300:
            kind = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        else:
            kind = [(b"content-type", b"application/json")]
        return headers + kind + self._losses()

    def _losses(self) -> Lines:
        return [(LOSSES_HEADER, _shown(self.prepared.losses))] if self.ask.shows_losses else []

    def refusal(self, answer: Answer, body: bytes) -> Refusal:
        """An error answer in the client's words. `body`: all of it, without the account's key."""
        ask, upstream = self.ask, self.upstream.wire
        message = upstream.error_message(body)
        overflow = is_context_overflow(answer.status, body.decode("utf-8", "replace"))
        if not self.translated:
            return Refusal(answer.status, returned_headers(answer.headers, plain=True), body, message, overflow)
        headers = [*translated_returned_headers(answer.headers), (b"content-type", b"application/json")]
        status = ask.wire.statuses.get(answer.status, answer.status)
        told = told_error(upstream, ask.wire, status, body, ask.request_id)
        return Refusal(status, headers, told, message, overflow)


def reply_head(answer: Answer) -> ReplyHead:
    """What decides how an answer is read."""
    return ReplyHead(
        status=answer.status,
        content_type=first(answer, b"Content-Type") or b"",
        coding=first(answer, b"Content-Encoding") or b"",
    )


def first(answer: Answer, name: bytes) -> bytes | None:
    """The first header of a name."""
    values = answer.headers.getRawHeaders(name)
    return values[0] if values else None


def _shown(losses: Iterable[Loss]) -> bytes:
    """Losses for a header: `stop (emulated); metadata`."""
    told = "; ".join(loss.field + (" (emulated)" if loss.emulated else "") for loss in losses)
    return _UNPRINTABLE.sub("?", told[:MAX_HEADER_CHARACTERS]).encode("ascii")
