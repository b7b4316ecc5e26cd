"""For the tests of renewals: account files in a directory, a provider that answers when told to, a disk that fails."""

from __future__ import annotations

import errno
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock

from cliproxy.logins.files import load
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LOGIN_TYPES, LoginType
from cliproxy.logins.tokens import LoginFailed, Tokens
from cliproxy.logins.vault import Vault
from cliproxy.secret import Secret

T = TypeVar("T")

NAME = "kimi-1.json"
KIMI = LOGIN_TYPES["kimi"]
EPOCH = 1_800_000_000.0
"""The Unix time when the clock of a test stands at zero."""
FULL = OSError(errno.ENOSPC, "No space left on device")


class Provider:
    """Answers as it was told before, or waits to be told. Keeps what it was asked, and who gave up."""

    def __init__(self) -> None:
        self.asked: list[Login] = []
        self.waiting: deque[Deferred[Tokens]] = deque()
        self.cancelled = 0
        self._answers: deque[Tokens | Exception] = deque()

    def will_say(self, *answers: Tokens | Exception) -> None:
        """What the next who ask are told at once."""
        self._answers.extend(answers)

    def say(self, answer: Tokens | Exception) -> None:
        """Tell it to who has waited longest."""
        waiting = self.waiting.popleft()
        if isinstance(answer, Exception):
            waiting.errback(answer)
        else:
            waiting.callback(answer)

    def refresh(self, login_type: LoginType, login: Login) -> Deferred[Tokens]:
        assert login_type.name == login.type
        self.asked.append(login)
        if not self._answers:
            self.waiting.append(Deferred(self._cancelled))
            return self.waiting[-1]
        answer = self._answers.popleft()
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)

    def _cancelled(self, waiting: Deferred[Tokens]) -> None:
        self.waiting.remove(waiting)
        self.cancelled += 1


class Disk:
    """Does work at once, unless it was told that some of the next works fail."""

    def __init__(self) -> None:
        self._fate: deque[OSError | None] = deque()
        self.works = 0

    def next_works(self, *fate: OSError | None) -> None:
        """What becomes of the next works, in order; None: they are done. A renewal reads first, and then writes."""
        self._fate.extend(fate)

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        self.works += 1
        error = self._fate.popleft() if self._fate else None
        return execute(work) if error is None else fail(error)


class Accounts:
    """A directory of account files, with its clocks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.leap = 0.0
        """By how much the wall clock was moved."""
        self.disk = Disk()
        self.vault = Vault(directory, self.clock, self.disk)
        self.provider = Provider()

    def wall(self) -> float:
        return EPOCH + self.clock.seconds() + self.leap

    def tokens(self, number: int, life: float | None = 3600) -> Tokens:
        """Such as a provider gives, with `number` in their texts."""
        end = None if life is None else self.wall() + life
        return Tokens(Secret(f"access-{number}"), Secret(f"refresh-{number}"), expires_at=end)

    def write(self, number: int = 1, life: float = 3600, *, name: str = NAME, **more: object) -> Login:
        """An account file with such tokens, which were given for an hour or more; what it says."""
        members: dict[str, object] = {
            "type": "kimi",
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expired": self.wall() + life,
            "last_refresh": self.wall() - max(3600 - life, 0),
        }
        (self.directory / name).write_text(json.dumps({**members, **more}))
        return self.load(name)

    def load(self, name: str = NAME) -> Login:
        return load(self.directory / name)

    def members(self, name: str = NAME) -> dict[str, object]:
        """What stands in a file."""
        found: dict[str, object] = json.loads((self.directory / name).read_text())
        return found


def outcome_of(deferred: Deferred[T]) -> list[T]:
    """What it has come to so far: nothing yet, or a value. A failure is not expected."""
    got: list[T] = []
    deferred.addCallback(got.append)
    return got


def failure_of(deferred: Deferred[T]) -> list[LoginFailed]:
    """What it has failed with so far."""
    got: list[LoginFailed] = []

    def take(error: BaseException | None) -> None:
        assert isinstance(error, LoginFailed)
        got.append(error)

    deferred.addCallbacks(lambda value: None, lambda failure: take(failure.value))
    return got
