"""A client's files on disk: read, changed as a whole or not at all, and the earlier one kept beside the new."""

from __future__ import annotations

import os
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from cliproxy.config.loader import ConfigUnreadable, read_bytes
from cliproxy.connect.merge import Unmergeable, merge, path_text
from cliproxy.connect.settings import File
from cliproxy.connect.texts import Unreadable, read, written

MAX_BACKUPS: Final = 100
"""In one second."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Refused(Exception):
    """A file is left as it is; the message is one sentence that says why."""


@attrs.frozen
class Plan:
    """What is to become of a file."""

    place: Path
    """As the client names it."""
    target: Path
    """Where links lead."""
    before: bytes | None = attrs.field(repr=False)
    """None: there is no file."""
    after: bytes = attrs.field(repr=False)
    holds_key: bool
    replaced: tuple[str, ...] = ()
    """Names of settings that had another value."""

    @property
    def changes(self) -> bool:
        """The file must be written."""
        return self.after != self.before


@attrs.frozen
class Done:
    """What has become of it."""

    backup: Path | None = None
    """The earlier file, if there was one."""
    tightened: bool = False
    """Others could read the file, and cannot any more, because it holds a key."""


def plan(file: File) -> Plan:
    """Read the file, and say how it must be. Nothing is written. Raises `Refused`."""
    target = Path(os.path.realpath(file.place))
    try:
        before = read_bytes(str(target)) if os.path.lexists(target) else None
        text = (before or b"").decode("utf-8-sig")
        merged = merge(read(text, file.format), file.wanted)
        after = written(text, merged, file.format).encode()
    except ConfigUnreadable as error:
        raise Refused(str(error)) from None
    except UnicodeDecodeError:
        raise Refused(f"{file.place} is not UTF-8 text.") from None
    except (Unreadable, Unmergeable) as error:
        link = ": " if isinstance(error, Unmergeable) else " "
        raise Refused(f"{file.place}{link}{error}.") from None
    replaced = tuple(path_text(change.path) for change in merged.changes if change.replaces)
    return Plan(
        file.place, target, before, after if merged.changes or before is None else before, file.holds_key, replaced
    )


def carry_out(planned: Plan, now: float) -> Done:
    """Write it: first the backup, then all of the new file in the old one's place. `now`: seconds since 1970.

    Raises `Refused`, also if the file has changed since it was read; then it is as it was.
    """
    target = planned.target
    try:
        _make_private(target.parent)
        status = os.stat(target) if planned.before is not None else None
        mode = 0o600 if status is None else stat.S_IMODE(status.st_mode)
        kept = mode & ~_OTHERS if planned.holds_key else mode
        new = _written_beside(target, planned.after, kept, status)
        backup = None
        try:
            if planned.before is not None:
                backup = _back_up(target, planned.before, now, status)
            _refuse_changed(planned)
            os.rename(new, target)
        except BaseException:
            for left in filter(None, (new, backup)):
                left.unlink(missing_ok=True)
            raise
        _sync(target.parent)
    except OSError as error:
        raise Refused(f"{planned.place} cannot be written: {error.strerror or 'it failed'}.") from None
    return Done(backup, tightened=kept != mode)


def _make_private(directory: Path) -> None:
    # Path.mkdir(parents=True) would give its mode to the last directory alone.
    for missing in reversed([parent for parent in (directory, *directory.parents) if not parent.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _refuse_changed(planned: Plan) -> None:
    try:
        now_there = read_bytes(str(planned.target)) if os.path.lexists(planned.target) else None
    except ConfigUnreadable:
        now_there = b""
    if now_there != planned.before:
        raise Refused(f"{planned.place} has just been changed by somebody else; try again.")


def _back_up(target: Path, content: bytes, now: float, status: os.stat_result | None) -> Path:
    """Readable by its owner alone: nobody knows which secrets are in it."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(MAX_BACKUPS):
        backup = target.with_name(f"{target.name}.{stamp}{f'-{number}' if number else ''}.bak")
        try:
            descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            continue
        with open(descriptor, "wb") as stream:
            _fill(stream, content, status)
        return backup
    raise Refused(f"{target} has too many backups of this second.")


def _written_beside(target: Path, content: bytes, mode: int, status: os.stat_result | None) -> Path:
    """A new file with this content, of the old one's owner, on disk before it takes the name."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "wb") as stream:
            _fill(stream, content, status)
            os.fchmod(descriptor, mode)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)


def _fill(stream: BinaryIO, content: bytes, status: os.stat_result | None) -> None:
    """Write it all, to the disk, as a file of the same owner as the one that `status` tells of."""
    if status is not None and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(stream.fileno(), status.st_uid, status.st_gid)
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
