"""A renewal under way, and everybody who waits for it."""

from __future__ import annotations

from collections import deque

import attrs
from twisted.internet.defer import Deferred


@attrs.define(eq=False)
class Flight:
    """One renewal, from the moment somebody wants it to its end. Whoever asks meanwhile shares it."""

    running: Deferred[None] | None = None
    """None: it has not had its turn yet."""
    sent: bool = False
    """The single-use token is spent: cancelled now, the account might be lost."""
    _waiting: deque[Deferred[None]] = attrs.field(factory=deque, init=False)

    def ended(self) -> Deferred[None]:
        """Fires when it is over. Cancelling it ends the waiting, not the flight."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def send(self) -> None:
        """The token goes out."""
        self.sent = True

    def land(self) -> None:
        """It is over."""
        while self._waiting:
            self._waiting.popleft().callback(None)

    def call_off(self) -> None:
        """End it, unless the token is spent."""
        if self.running is not None and not self.sent:
            self.running.cancel()
