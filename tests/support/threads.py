"""Threads that a test holds in its hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Slow:
    """Does the work when told to, as a busy thread would."""

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        done: Deferred[T] = Deferred()
        self.started.append(lambda: done.callback(work()))
        return done


class SlowToTell:
    """Does the work at once, and tells of it when told to."""

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        done: Deferred[T] = Deferred()
        found = work()
        self.started.append(lambda: done.callback(found))
        return done
