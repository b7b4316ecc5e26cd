"""One look at a directory of account files: what differs from what is known. Runs in a thread, and changes nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import attrs

from cliproxy.logins.files import SourceUnusable, parse_with_remarks
from cliproxy.logins.login import Login
from cliproxy.logins.stored import FileUnusable, is_account, read_bytes

MAX_ACCOUNTS: Final = 20_000
"""About 6 KB each. The files beyond are left out, by name."""

Mark = tuple[int, int, int, int]
"""What tells one state of a file from the next: time of change of its content and of its inode in ns, size, inode."""
UNSEEN: Final[Mark] = (0, 0, 0, 0)
"""Of a file that is there, although it cannot be looked at."""


@attrs.frozen
class Found:
    """What became of one file."""

    mark: Mark | None
    """None: it is gone."""
    login: Login | None = None
    """None: as it was, gone or unusable."""
    problem: str = ""
    remarks: tuple[str, ...] = ()
    digest: bytes = b""
    """Of its content, to say of each only once what is wrong with it."""
    source: str = ""
    """The CLI's file that it is adopted from."""
    logged_out: bool = False
    """There, nobody is logged in any more."""


@attrs.frozen
class Look:
    """What a look found: each file that was asked for by name, and each whose mark is another."""

    found: Mapping[str, Found]
    left_out: int = 0
    """Files beyond `MAX_ACCOUNTS`."""


def mark_of(path: str) -> Mark | None:
    """The mark of a file, links followed; None if it cannot be looked at."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def look(
    directory: Path,
    names: Collection[str],
    marks: Mapping[str, Mark],
    logins: Mapping[str, Login],
    *,
    whole: bool,
) -> Look:
    """Read the named files, and, if `whole`, all those of the directory whose mark is not the known one.

    Raises `OSError` if the directory is there and cannot be looked at: nothing is known then.
    """
    asked = dict.fromkeys(name for name in names if is_account(name) and (name in marks or len(marks) < MAX_ACCOUNTS))
    left_out = 0
    if whole:
        listed = _listed(directory)
        left_out = max(0, len(listed) - MAX_ACCOUNTS)
        asked |= dict.fromkeys(
            name for name in listed[:MAX_ACCOUNTS] if name not in marks or mark_of(f"{directory}/{name}") != marks[name]
        )
        asked |= dict.fromkeys(set(marks).difference(listed[:MAX_ACCOUNTS]))
    found = {name: _found(directory / name, logins.get(name)) for name in asked}
    return Look(found, left_out)


def _listed(directory: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if is_account(name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _found(path: Path, known: Login | None) -> Found:
    mark = mark_of(str(path)) or UNSEEN  # before it is read: what changes meanwhile has another one
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return Found(None)
    except FileUnusable as unusable:
        return Found(mark, problem=str(unusable))
    digest = hashlib.sha256(content).digest()
    try:
        login, remarks = parse_with_remarks(path.name, content)
    except SourceUnusable as unusable:
        return Found(mark, problem=str(unusable), digest=digest, source=str(unusable.source), logged_out=unusable.gone)
    except FileUnusable as unusable:
        return Found(mark, problem=str(unusable), digest=digest)
    return Found(
        mark,
        login=None if login == known else login,
        remarks=remarks,
        digest=digest,
        source=login.adopted_from,
    )
