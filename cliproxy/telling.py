"""Telling a client that there is no reply: as an answer, or within the stream that it was promised."""

from __future__ import annotations

from typing import Final

from cliproxy.ask import Ask
from cliproxy.attempt import Refusal
from cliproxy.errors import Overloaded, ProxyError, RateLimited, Reported, Unavailable, UpstreamTrouble
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint
from cliproxy.routing.pool import Wait
from cliproxy.streaming.outlet import Outlet

QUEUE_FULL_SECONDS: Final = 5.0
"""When to come back, for who finds the queue full."""


def tell_refusal(refusal: Refusal, ask: Ask, sink: Outlet) -> None:
    """An upstream's own words, with its status as long as that can be told."""
    if sink.head_sent:
        _tell_late(refusal.status, refusal.message, refusal.context_overflow, ask, sink)
        return
    sink.head(refusal.status, (*refusal.headers, (b"content-length", b"%d" % len(refusal.body))))
    sink.write(refusal.body)
    sink.finish()


def tell_error(error: ProxyError, ask: Ask, sink: Outlet) -> None:
    """Words of our own. Raises the error while the status can be told, for the door to make an answer of it."""
    if not sink.head_sent:
        raise error
    overflow = isinstance(error, Reported) and error.context_overflow
    _tell_late(error.status, error.message, overflow, ask, sink)


def _tell_late(status: int, message: str, overflow: bool, ask: Ask, sink: Outlet) -> None:
    overflow = overflow or is_context_overflow(status, message)
    sink.write(ask.wire.error_event(Complaint(status, message, ask.request_id, overflow)))
    sink.finish()


def nobody_for(model: str, wait: Wait | None) -> UpstreamTrouble:
    """Nobody may be asked just now: told with the status that the last real answer had."""
    if wait is None:
        return Unavailable(
            f"No account for {model} can be used: each needs a new login (`cliproxy logins` lists them)."
        )
    if wait.full:
        return Overloaded(f"Every credential for {model} is serving as many requests as it may.", QUEUE_FULL_SECONDS)
    kind = {429: RateLimited, 529: Overloaded}.get(wait.status, Unavailable)
    why = f"status {wait.status}" if wait.status else "a broken answer"
    return kind(
        f"Every credential for {model} is cooling down; the first, after {why}, is back in {wait.seconds or 0:.0f} s.",
        wait.seconds,
    )


def shutting_down() -> Unavailable:
    """What is told of a daemon that is being stopped."""
    return Unavailable("The proxy is shutting down.", retry_after=1.0)
