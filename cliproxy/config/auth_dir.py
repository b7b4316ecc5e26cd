"""What can be said of the directory of account files before its logins are in use: who may read it, what is there."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Final

MAX_COUNTED: Final = 10_000
"""Pools of tens of thousands of files exist; to start, nobody needs their exact number."""


def remarks(auth_dir: str) -> tuple[str, ...]:
    """Sentences for the person who keeps the directory; none if it is not there, as for most people."""
    directory = Path(auth_dir).expanduser()
    try:
        mode = directory.stat().st_mode
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"auth-dir: {directory} cannot be looked at: {error.strerror}.",)
    if not stat.S_ISDIR(mode):
        return (f"auth-dir: {directory} is not a directory.",)
    told: list[str] = []
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        told.append(f"auth-dir: {directory} is open to other users of this machine; `chmod 700` closes it.")
    count = _account_files(directory)
    if count:
        least = "at least " if count == MAX_COUNTED else ""
        told.append(f"auth-dir: {least}{count} account files are in {directory}; logins are not in use yet.")
    return tuple(told)


def _account_files(directory: Path) -> int:
    try:
        with os.scandir(directory) as entries:
            return sum(1 for _ in islice((entry for entry in entries if entry.name.endswith(".json")), MAX_COUNTED))
    except OSError:
        return 0
