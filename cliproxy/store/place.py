"""Where the daemon keeps what it remembers over a restart, and where its operator finds it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

FOLDER: Final = "state"
STATE_FILE: Final = "state.db"
SOCKET: Final = "control.sock"


class Placed(Protocol):
    """What of a configuration says where."""

    @property
    def auth_dir(self) -> str:
        """Of the account files."""

    @property
    def state_dir(self) -> str:
        """Empty: a folder in `auth_dir`."""


def state_folder(config: Placed) -> Path:
    """The directory, whether it is there or not."""
    if config.state_dir:
        return Path(config.state_dir).expanduser()
    return Path(config.auth_dir).expanduser() / FOLDER


def state_path(config: Placed) -> Path:
    """The pool's memory."""
    return state_folder(config) / STATE_FILE


def socket_path(config: Placed) -> Path:
    """The operator's door."""
    return state_folder(config) / SOCKET
