"""For every test: a failure that nobody took, in a Deferred or in the log, fails the test that lost it."""

from __future__ import annotations

import gc
import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

# pytest asks for Twisted's version before each test, and reads its metadata for that: a millisecond of each.
importlib.metadata.version = cache(importlib.metadata.version)

settings.register_profile("here", max_examples=int(os.environ.get("CLIPROXY_EXAMPLES", "30")), deadline=None)
settings.load_profile("here")


def pytest_collection_finish() -> None:
    """What the imports made lives to the end: the collector need not walk over it after each module."""
    gc.collect()
    gc.freeze()


@contextmanager
def watched() -> Iterator[list[LogEvent]]:
    """What is logged with a failure meanwhile, and is still in the list at the end, fails the test."""
    events: list[LogEvent] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event.get("log_failure") is not None:
            events.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(observe)
    assert not events, "\n".join(event["log_failure"].getTraceback() for event in events)


@pytest.fixture(autouse=True)
def failures() -> Iterator[list[LogEvent]]:
    """What has been logged as a failure. A test that expects something takes it out.

    A Deferred's error that nobody handled is logged when the Deferred is collected, which pytest alone lets pass.
    Young objects are collected after each test, the others after each module: a whole collection costs 5 ms.
    """
    with watched() as events:
        yield events
        gc.collect(1)


@pytest.fixture(scope="module", autouse=True)
def lost_failures() -> Iterator[None]:
    """Failures of Deferreds that grew old in some test of the module."""
    yield
    with watched():
        gc.collect()


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without accounts, whatever the developer's own holds."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until the test moves it."""
    return Clock()
