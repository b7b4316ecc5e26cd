"""What can be said of the directory of account files before they are read: whether it is one, and who may read it."""

from __future__ import annotations

import stat
from pathlib import Path


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
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return (f"auth-dir: {directory} is open to other users of this machine; `chmod 700` closes it.",)
    return ()
