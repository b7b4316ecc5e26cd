"""What is kept of a choice, so that it can be explained: of each candidate what became of it, and a figure or two."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from cliproxy.routing.decisions import SHOWN, SHOWN_OF_MANY, pack
from cliproxy.routing.ledger import Ledger
from cliproxy.routing.roster import Judge, Roster
from cliproxy.routing.standing import Fate
from cliproxy.routing.strategies import Seen, pace


def packed_choice(
    roster: Roster,
    judge: Judge,
    ledger: Ledger,
    now: float,
    looked: Mapping[int, Seen],
    taken: int | None,
    tier: int | None,
) -> list[bytes]:
    """Those who were looked at, by position, and then the others, as far as there is room. `tier`: the priority of
    those who were looked at.
    """
    packed: list[bytes] = []
    for position, look in looked.items():
        fate = Fate.TAKEN if position == taken else Fate.READY
        ahead = pace(look, now)
        figures = (look.load, ahead) if ahead is not None else (look.load,)
        packed.append(pack(position, fate, look.in_flight, *figures))
    many = len(roster.candidates) > SHOWN
    most = SHOWN_OF_MANY if many else SHOWN
    for position in chain(roster.unready(), roster.rest(most - len(packed) if many else most)):
        if len(packed) >= most:
            break
        if position not in looked:
            packed += _packed_other(roster, position, judge, ledger, now, tier)
    return packed


def _packed_other(
    roster: Roster, position: int, judge: Judge, ledger: Ledger, now: float, tier: int | None
) -> tuple[bytes, ...]:
    """One that was not looked at, in a tuple. Who is well, and of the same priority, is only one of many."""
    fate, due_at, _ = judge(position)
    if fate is Fate.READY:
        if tier is None or roster.terms[position].priority >= tier:
            return ()
        fate = Fate.LOWER
    candidate = roster.candidates[position]
    record, own = ledger.credential(candidate.credential), ledger.standings.get(candidate)
    held = record.standing or own
    if held is None or fate is Fate.TRIED:
        return (pack(position, fate, record.in_flight),)
    until = held.until if own is None else max(held.until, own.until)
    return (pack(position, fate, record.in_flight, due_at - now, until - now, held.status),)
