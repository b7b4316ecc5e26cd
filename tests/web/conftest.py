"""Connections of this room: after each of them no delayed call may be left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.http import Client

Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes connections; afterwards they are closed, and no delayed call may be left."""
    clients: list[Client] = []

    def connected(*arguments: Any, **more: Any) -> Client:
        clients.append(Client(*arguments, **more))
        return clients[-1]

    yield connected
    for client in clients:
        client.leave()
        assert client.clock.getDelayedCalls() == []


@pytest.fixture
def client(connect: Connect) -> Client:
    """A local client of a proxy without keys."""
    return connect()
