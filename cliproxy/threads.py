"""Work that would hold up the reactor, done where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorThreads
from twisted.internet.threads import deferToThreadPool

T = TypeVar("T")


class OffReactor(Protocol):
    """Runs some work elsewhere; fires on the reactor with what it gives."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """Fires with what `work` gives, or fails with what it raised."""


def in_threads(reactor: object) -> OffReactor:
    """Runs work in the reactor's own threads."""

    def run(work: Callable[[], T]) -> Deferred[T]:
        pool = cast(IReactorThreads, reactor).getThreadPool()
        return deferToThreadPool(cast(IReactorFromThreads, reactor), pool, work)

    return run
