"""Where a reply goes: what the exchange, its pump and its heartbeats need of the client's end, whatever that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from twisted.internet.interfaces import IPushProducer

MAX_STALL_SECONDS: Final = 600.0
"""How long a client may leave its socket full: a suspended laptop is forgiven, a forgotten one frees its place."""


class Outlet(Protocol):
    """The client's end of one reply."""

    @property
    def head_sent(self) -> bool:
        """Whether status and headers are fixed."""

    @property
    def closed(self) -> bool:
        """Ended by us, or the client is gone."""

    @property
    def last_write(self) -> float:
        """When the client last got something."""

    @property
    def full_since(self) -> float | None:
        """Since when the client has not taken what is there; None while it has room."""

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Fix status and headers."""

    def draw_from(self, source: IPushProducer) -> None:
        """Pause and resume `source` as the client's end fills and empties."""

    def write(self, chunk: bytes) -> None:
        """Tell the client something, now or soon."""

    def flush(self) -> None:
        """Tell now what has gathered, be it the head alone."""

    def finish(self) -> None:
        """End the reply."""

    def cut(self, when_closed: Callable[[], None] | None = None) -> None:
        """End a reply that has no words for its trouble, and call back when the client can hear no more of it."""
