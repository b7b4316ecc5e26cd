"""When a login is to be renewed, and who is next. Pure: both clocks and chance are arguments."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from cliproxy.logins.login import Login

JITTER: Final = 0.1
"""Part of the lead by which a renewal may come earlier: accounts made on one day are not renewed in one second."""
FIRST_BACK_OFF_SECONDS: Final = 30.0
LAST_BACK_OFF_SECONDS: Final = 300.0
LEAST_RETRY_AFTER_SECONDS: Final = 5.0
"""A provider that asks for less would be asked in a loop."""
BACK_OFF_JITTER: Final = 0.2
SLACK: Final = 64
"""Entries out of date that the heap may hold beside as many as there are names."""


def can_be_renewed(login: Login) -> bool:
    """Whether there is something to renew it with. (A person's wishes, and a refusal, stand elsewhere.)"""
    return bool(login.refresh_token or login.service_account)


def due_at(login: Login, lead_seconds: float, now: float, chance: float) -> float | None:
    """When it is to be renewed, in Unix time; None: when it is asked for. `chance` is of 0 to 1.

    A token whose end is known is renewed `lead_seconds` and some jitter before it, but not in the first half of its
    life: some live shorter than the lead. One whose end is unknown is renewed as long after the last time. An end that
    was over before the last time is of an older token, and says nothing of this one.
    """
    if not login.access_token:
        return None if login.service_account else now
    given = None if login.last_refresh is None else min(login.last_refresh, now)
    if login.expired is None or (given is not None and login.expired <= given):
        return now if given is None else given + lead_seconds
    due = login.expired - lead_seconds * (1 + JITTER * chance)
    return due if given is None else max(due, (given + login.expired) / 2)


def back_off_seconds(failures: int, retry_after: float | None, chance: float) -> float:
    """How long to wait after so many failures, at least one, or as long as the provider asked for within the bounds."""
    if retry_after is None:
        wait = min(FIRST_BACK_OFF_SECONDS * (1 << min(failures - 1, 8)), LAST_BACK_OFF_SECONDS)
    else:
        wait = min(max(retry_after, LEAST_RETRY_AFTER_SECONDS), LAST_BACK_OFF_SECONDS)
    return wait * (1 + BACK_OFF_JITTER * chance)


class Schedule:
    """Names by the time at which they are due; the cost of each step grows with the logarithm of their number.

    What is put off stays in the heap as an entry out of date, until it comes up or such entries are the greater part.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    @property
    def entries(self) -> int:
        """How many the heap holds, those out of date among them."""
        return len(self._heap)

    def put(self, name: str, when: float) -> None:
        """`name` is due at `when`, and at no other time."""
        if self._due.get(name) == when:
            return
        self._due[name] = when
        if len(self._heap) >= 2 * len(self._due) + SLACK:
            self._heap = [(moment, known) for known, moment in self._due.items()]
            heapify(self._heap)
        else:
            heappush(self._heap, (when, name))

    def drop(self, name: str) -> None:
        """`name` is not due at any time."""
        self._due.pop(name, None)

    def next_due(self) -> float | None:
        """When somebody is due; None: nobody ever."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float) -> str | None:
        """Who is due longest, and now no more; None: nobody."""
        when = self.next_due()
        if when is None or when > now:
            return None
        _, name = heappop(self._heap)
        del self._due[name]
        return name
