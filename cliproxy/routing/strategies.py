"""How one of several ready credentials is picked. Pure functions over what is seen of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from cliproxy.quota import Window
from cliproxy.routing.catalogue import Candidate

LONG_WINDOW_SECONDS: Final = 1800.0
"""A window of a subscription, whose rest is lost when it ends. Shorter ones are rate limits, and fill by themselves."""
FULL: Final = 0.97
"""Of a window: what is left is less than one long request may take."""
UNKNOWN_WINDOW_SECONDS: Final = 5 * 3600.0
"""Where the vendor does not say how long a window is."""
PACE_OF_ONE_REQUEST: Final = 0.01
"""By how much each request under way is assumed to fill a window: what is seen of it comes with the answer."""
PACE_STEP: Final = 0.125
"""Smaller differences are left to the load: what a window tells comes late, and a herd would follow it."""

_Span = tuple[float, float]


class Seen(NamedTuple):
    """One ready credential, as it is at one moment."""

    candidate: Candidate
    order: int
    """Its place in the configuration."""
    weight: int
    turn: int
    """The number of the last request for this model that it got; 0: none."""
    share: float
    """Requests for this model that it got, each over its weight."""
    load: float
    """What it has served lately, in tokens of fresh input."""
    in_flight: int
    windows: tuple[Window, ...]
    """Those that hold for the model; one that is over is as good as unused."""


Strategy = Callable[[Sequence[Seen], float], Seen]
"""Picks one of at least one, at a time (Unix time in seconds)."""


def round_robin(ready: Sequence[Seen], now: float) -> Seen:
    """Whoever has waited longest."""
    return min(ready, key=lambda seen: (seen.turn, seen.order))


def weighted(ready: Sequence[Seen], now: float) -> Seen:
    """Whoever has got least for its weight; those of weight 0 only among themselves."""
    heavy = [seen for seen in ready if seen.weight > 0]
    return min(heavy or ready, key=lambda seen: (seen.share, seen.turn, seen.order))


def fill_first(ready: Sequence[Seen], now: float) -> Seen:
    """The first of the configuration."""
    return min(ready, key=lambda seen: seen.order)


def quota_aware(ready: Sequence[Seen], now: float) -> Seen:
    """Whose quota would be lost soonest, while it has room; at the same need, whoever has served least.

    Accounts are held to what they use on average, not to what they could: where little is asked all are behind their
    time, and one whose window has just begun would wait until the others had caught up with theirs. Whose last
    window is over stands in the middle: the next begins with a request, and time not begun is lost. Who is known to
    have none comes last.
    """
    spans = [_span(seen, now) for seen in ready]
    used, over = (sum(span[part] for span in spans if span) for part in (0, 1))
    usual = min(1.0, used / over) if over else 1.0
    return min(zip(ready, spans, strict=True), key=lambda pair: _need(pair[0], pair[1], usual, now))[0]


def _need(seen: Seen, span: _Span | None, usual: float, now: float) -> tuple[int, int, float, int, int]:
    room = has_room(seen, now)
    ahead = span[0] - usual * span[1] if span and room else 0.0
    rank = 2 if not room else 1 if span is None and seen.turn else 0
    return rank, round(ahead / PACE_STEP), seen.load, seen.turn, seen.order


def pace(seen: Seen, now: float) -> float | None:
    """How far the use of an account is ahead of its time: the part used of a window, less the part of it that is over.

    Whose window ends soon with much room has the lowest, and is asked first; at the same pace everybody's windows are
    used up alike. Of several windows the one that is furthest ahead counts. None: it has none that are long.
    """
    span = _span(seen, now)
    return span[0] - span[1] if span else None


def _span(seen: Seen, now: float) -> _Span | None:
    """Of the long window that is furthest ahead: the part used, with the requests under way, and the part over."""
    furthest: _Span | None = None
    for window in seen.windows:
        seconds = window.seconds or UNKNOWN_WINDOW_SECONDS
        if seconds >= LONG_WINDOW_SECONDS:
            over = 1.0 - min(1.0, (window.resets_at - now) / seconds)
            span = (0.0, 0.0) if window.over(now) else (window.used, over)
            if furthest is None or span[0] - span[1] > furthest[0] - furthest[1]:
                furthest = span
    return None if furthest is None else (furthest[0] + PACE_OF_ONE_REQUEST * seen.in_flight, furthest[1])


def has_room(seen: Seen, now: float) -> bool:
    """Whether no window is all but used up."""
    return all(window.used < FULL or window.over(now) for window in seen.windows)


STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {
        "quota-aware": quota_aware,
        "round-robin": round_robin,
        "weighted-round-robin": weighted,
        "fill-first": fill_first,
    }
)
