"""What the kernel tells of a directory, by the kernel itself, and the whole way from a file to a change."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import pytest_twisted
from twisted.internet.defer import execute
from twisted.internet.interfaces import IReactorFDSet, IReactorTime
from twisted.internet.testing import MemoryReactorClock

from cliproxy.logins.directory import AuthDirectory, Changes
from cliproxy.logins.files import save
from cliproxy.logins.notices import Refused, watch
from cliproxy.secret import Secret
from tests.support.account_files import CLAUDE, CLAUDE_CODE, write
from tests.support.reactor import until as holds_in_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

Test = Callable[..., Awaitable[None]]
on_the_reactor = cast("Callable[[Test], Test]", pytest_twisted.ensureDeferred)

A_SECOND = 1.0


def the_reactor() -> IReactorFDSet:
    from twisted.internet import reactor

    return cast(IReactorFDSet, reactor)


def the_clock() -> IReactorTime:
    return cast(IReactorTime, the_reactor())


async def until(true: Callable[[], object], seconds: float = A_SECOND) -> bool:
    """Whether the kernel tells of something in time."""
    return await holds_in_time(true, the_clock(), seconds)


class Ear:
    def __init__(self, directory: Path) -> None:
        self.names: set[str] = set()
        self.losses = 0
        self.stop = watch(directory, self.names.add, self._lost, the_reactor())

    def _lost(self) -> None:
        self.losses += 1


def test_a_directory_that_is_not_there_is_not_watched(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be watched"):
        watch(tmp_path / "none", lambda name: None, lambda: None, MemoryReactorClock())


@pytest.mark.real
@on_the_reactor
async def test_what_is_made_written_renamed_and_removed_is_told(tmp_path: Path) -> None:
    for name in ("edited", "renamed", "removed"):
        (tmp_path / name).touch()
    ear = Ear(tmp_path)
    (tmp_path / "made").touch()
    (tmp_path / "edited").write_text("x")
    (tmp_path / "renamed").rename(tmp_path / "to")
    (tmp_path / "removed").unlink()
    assert await until(lambda: ear.names >= {"made", "edited", "renamed", "to", "removed"})
    ear.stop()


@pytest.mark.real
@on_the_reactor
async def test_reading_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "read").write_text("x")
    ear = Ear(tmp_path)
    (tmp_path / "read").read_text()
    assert not await until(lambda: ear.names, 0.05)
    ear.stop()


@pytest.mark.real
@on_the_reactor
@pytest.mark.parametrize("lose", [shutil.rmtree, lambda path: os.rename(path, f"{path}-moved")])
async def test_the_end_of_the_directory_is_told(tmp_path: Path, lose: Callable[[Path], object]) -> None:
    (tmp_path / "accounts").mkdir()
    ear = Ear(tmp_path / "accounts")
    lose(tmp_path / "accounts")
    assert await until(lambda: ear.losses)
    ear.stop()


@pytest.mark.real
@on_the_reactor
async def test_a_file_is_in_use_within_a_second_and_out_of_it(tmp_path: Path) -> None:
    published: list[Changes] = []
    directory = AuthDirectory(tmp_path, published.append, the_clock(), the_reactor(), execute)
    source = write(tmp_path / "home", "x", CLAUDE_CODE)
    directory.load_now()
    directory.startService()
    write(tmp_path, "a.json", CLAUDE)
    write(tmp_path, "adopted.json", {"type": "claude", "adopted_from": str(source)})
    assert await until(lambda: len(directory.logins) == 2)
    save(tmp_path, "a.json", {"access_token": "rotated"})
    assert await until(lambda: directory.logins["a.json"].access_token == Secret("rotated"))
    (tmp_path / "a.json").unlink()
    assert await until(lambda: set(directory.logins) == {"adopted.json"})
    source.write_text(source.read_text().replace("claude-access", "rotated"))
    assert await until(lambda: directory.logins["adopted.json"].access_token == Secret("rotated"))
    directory.stopService()
    await until(lambda: False, 0.02)  # for the watch to close
