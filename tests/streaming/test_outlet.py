"""Both of the client's ends are what an exchange needs."""

from __future__ import annotations

import pytest

from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.sink import Sink
from cliproxy.web.sockets.creates import Create
from cliproxy.web.sockets.sink import FrameSink
from tests.support.ends import ClientEnd
from tests.web.sockets.test_sink import FakeLine

NEEDED = sorted(name for name in vars(Outlet) if not name.startswith("_"))


def ends() -> tuple[Outlet, Outlet]:
    """A request's, and a WebSocket's; the annotation has the type checker compare them."""
    request: Sink = ClientEnd().sink
    socket = FrameSink(FakeLine(), Create({}, b""), "req_1", lambda _: None)
    return request, socket


@pytest.mark.parametrize("name", NEEDED)
def test_both_ends_have_it(name: str) -> None:
    assert all(hasattr(end, name) for end in ends())


def test_both_begin_alike() -> None:
    assert {(end.head_sent, end.closed, end.full_since) for end in ends()} == {(False, False, None)}
