"""The installation's secret: what seals reasoning that clients carry back and forth, made once and kept."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

FILE_NAME: Final = "installation.key"
SECRET_BYTES: Final = 32


class SecretUnusable(Exception):
    """The file is there and cannot be used, or cannot be made; the sentence says why."""


def secret_in(auth_dir: str) -> bytes:
    """The secret kept in a directory, made there (0600, the directory 0700) if it is not there yet.

    Raises `SecretUnusable`.
    """
    path = Path(auth_dir).expanduser() / FILE_NAME
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _read(path) if path.exists() else _make(path)
    except OSError as error:
        raise SecretUnusable(f"{path} cannot be used: {error.strerror}.") from None


def _make(path: Path) -> bytes:
    """Write a new one whole before it gets its name: of two programs that start at once, one's is used by both."""
    draft = path.with_name(f"{FILE_NAME}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
    finally:
        draft.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise SecretUnusable(
            f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}; remove it, and it is made anew."
        )
    return secret
