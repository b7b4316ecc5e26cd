"""Work elsewhere: it is begun in the reactor's pool, and what comes of it comes back in a turn of the reactor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.python.context import call
from twisted.python.failure import Failure

from cliproxy.threads import in_threads

OnResult = Callable[[bool, object], None]


class Pool:
    """Keeps the work until the test has it done."""

    def __init__(self) -> None:
        self.work: list[tuple[OnResult, Callable[[], object]]] = []

    def callInThreadWithCallback(self, on_result: OnResult, work: Callable[[], object]) -> None:
        self.work.append((on_result, work))

    def do(self) -> None:
        on_result, work = self.work.pop()
        try:
            result = call({}, work)
        except ZeroDivisionError:
            on_result(False, Failure())
        else:
            on_result(True, result)


class Reactor:
    """With a pool, and turns that the test takes."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.turns: list[Callable[[], object]] = []

    def getThreadPool(self) -> Pool:
        return self.pool

    def callFromThread(self, what: Callable[..., object], *args: object) -> None:
        self.turns.append(lambda: what(*args))


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


def test_work_waits_for_a_thread(reactor: Reactor) -> None:
    done: list[int] = []
    in_threads(reactor)(lambda: done.append(1))
    assert done == []
    reactor.pool.do()
    assert done == [1]


def test_its_result_comes_in_a_turn_of_the_reactor(reactor: Reactor) -> None:
    came: list[int] = []
    in_threads(reactor)(lambda: 7).addCallback(came.append)
    reactor.pool.do()
    assert came == []
    reactor.turns.pop()()
    assert came == [7]


def test_an_error_comes_back_like_a_result(reactor: Reactor) -> None:
    errors: list[Failure] = []
    done: Deferred[float] = in_threads(reactor)(lambda: 1 / 0)
    done.addErrback(errors.append)
    reactor.pool.do()
    reactor.turns.pop()()
    assert errors[0].check(ZeroDivisionError)
