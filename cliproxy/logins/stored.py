"""Files that hold secrets: read within bounds, and replaced whole.

All of it may wait for the disk, so a daemon calls it from a thread.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 256 * 1024
"""Real account files have 2 to 6 KiB."""
MAX_NAME_BYTES: Final = 200
"""A file system takes 255, and drafts and locks beside the file have longer names than it."""
SUFFIX: Final = ".json"

_NO_DRAFT_THERE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV, errno.EROFS})
"""A directory that is closed to us, an owner that we cannot give, a file that is mounted by itself into a container. A
full disk is not among them: there, writing in place would lose what is there.
"""


class FileUnusable(Exception):
    """A file that says nothing of use. The sentence is for a person, names no file and holds no secret."""


def is_account(name: str) -> bool:
    """Whether a file of that name in the directory is an account: neither a draft or lock of ours, nor anything else.

    Names that do not print are not: they could not be shown, and nobody gives them on purpose.
    """
    return (
        name.endswith(SUFFIX)
        and not name.startswith(".")
        and name.isprintable()
        and not {"/", "\\"} & set(name)
        and len(os.fsencode(name)) <= MAX_NAME_BYTES
    )


def checked(name: str) -> str:
    """The name, if an account file may have it. Raises `FileUnusable`."""
    if not is_account(name):
        raise FileUnusable(
            f"no account file is called {name[:MAX_NAME_BYTES]!r}: its name ends in {SUFFIX}, begins with no dot,"
            f" holds no slash, prints, and has {MAX_NAME_BYTES} bytes at the most"
        )
    return name


def read_bytes(path: Path) -> bytes:
    """All of a file. Raises `FileNotFoundError` if there is none, and `FileUnusable` if it cannot be read."""
    try:
        # Without waiting: a FIFO of that name would hold up whoever opens it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileUnusable("it is no regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileUnusable(f"it cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise FileUnusable(f"it is larger than {MAX_FILE_BYTES // 1024} KiB")
    return content


def editable(content: bytes) -> dict[str, object]:
    """The members of a JSON object, in their order; of nothing, none. Raises `FileUnusable`.

    Not orjson, which reads the accounts: what we do not know must survive, numbers of any length included.
    """
    if not content.strip():
        return {}
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise FileUnusable("it is not JSON") from None
    if not isinstance(found, dict):
        raise FileUnusable("it is no JSON object")
    return found


def written(members: dict[str, object]) -> bytes:
    """The same as JSON for people and programs. Raises `FileUnusable` if it nests deeper than any of them would."""
    try:
        return (json.dumps(members, ensure_ascii=False, indent=2) + "\n").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, in something that is not ours
        return (json.dumps(members, indent=2) + "\n").encode()
    except RecursionError:
        raise FileUnusable("it nests too deeply") from None


def replace(path: Path, content: bytes, like: os.stat_result | None = None) -> None:
    """Give a file other content, all at once and for good: after a crash it is the old one or the new one.

    Only its owner may read it; of another program's file, `like`, mode and owner stay. A link stays one. Raises
    `OSError`.
    """
    target = Path(os.path.realpath(path))
    descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".cliproxy-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if like is not None:
                _make_like(descriptor, like)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    _keep_name(target.parent)


def rewrite(path: Path, content: bytes) -> None:
    """The same for another program's file, which is written in place if it can be in no other way. Raises `OSError`."""
    like = path.stat()
    try:
        replace(path, content, like)
    except OSError as error:
        if error.errno not in _NO_DRAFT_THERE:
            raise
        with path.open("r+b") as file:
            file.write(content)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def _make_like(descriptor: int, like: os.stat_result) -> None:
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _keep_name(directory: Path) -> None:
    """A rename is on the disk when the directory is. Some file systems do not know how."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
