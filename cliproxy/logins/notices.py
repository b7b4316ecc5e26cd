"""Told by the kernel what happens in a directory: one watch, whatever it holds (Linux)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorFDSet
from twisted.python.filepath import FilePath

Noticed = Callable[[str], None]
"""Told the name of what changed in the directory."""


class Refused(Exception):
    """The system gives no watch: it has none, the directory is not there, or a limit is reached."""


def watch(directory: Path, noticed: Noticed, lost: Callable[[], None], reactor: IReactorFDSet) -> Callable[[], None]:
    """Watch the files of a directory; the answer ends it. Raises `Refused`.

    It sees an inode, and tells nothing of a directory that was removed or renamed and made again: `lost` says so.
    """
    try:
        from twisted.internet import inotify
    except ImportError:
        raise Refused("this system has no inotify") from None
    try:
        notifier = inotify.INotify(reactor)
    except inotify.INotifyError:
        raise Refused("no more inotify instances are to be had") from None
    ends = inotify.IN_DELETE_SELF | inotify.IN_MOVE_SELF
    changes = inotify.IN_CHANGED | inotify.IN_CLOSE_WRITE | inotify.IN_CREATE | inotify.IN_DELETE | inotify.IN_MOVED

    def told(_watch: object, path: FilePath[bytes], mask: int) -> None:
        if mask & ends:
            lost()
        else:
            noticed(os.fsdecode(path.basename()))

    notifier.startReading()
    try:
        notifier.watch(FilePath(os.fsencode(directory)), changes | ends, callbacks=[told])
    except inotify.INotifyError:
        notifier.loseConnection()
        raise Refused(f"{directory} cannot be watched") from None
    # Twisted closes it by itself when the directory is removed, and a second time does nothing.
    return notifier.loseConnection
