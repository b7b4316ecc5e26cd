"""Asks a running daemon through its operator's door; for the verbs, without a reactor."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path
from typing import Final

import attrs

from cliproxy import __version__

WAIT_SECONDS: Final = 5.0
"""For each step. The daemon answers within milliseconds, or something is wrong."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Ten times what ten thousand credentials need."""


class NoAnswer(Exception):
    """The daemon could not be asked; the sentence says why."""


@attrs.frozen
class Told:
    """What the daemon answered."""

    status: int
    content: bytes = attrs.field(repr=False)


def ask(place: Path, path: str) -> Told:
    """GET a path at a socket. Raises `NoAnswer`."""
    connection = _Connection(place)
    try:
        _refuse_others(place)
        connection.request("GET", path, headers={"User-Agent": f"cliproxy/{__version__}", "Connection": "close"})
        answer = connection.getresponse()
        content = answer.read(MAX_ANSWER_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise NoAnswer(f"No daemon is running: nobody listens at {place}.") from None
    except PermissionError:
        raise NoAnswer(f"The daemon at {place} is another user's; ask as that user, or as root.") from None
    except TimeoutError:
        raise NoAnswer(f"The daemon at {place} did not answer within {WAIT_SECONDS:.0f} seconds.") from None
    except (OSError, http.client.HTTPException) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise NoAnswer(f"The daemon at {place} cannot be asked: {reason}.") from None
    finally:
        connection.close()
    if len(content) > MAX_ANSWER_BYTES:
        raise NoAnswer(f"The daemon at {place} did not come to an end.")
    if answer.length:
        raise NoAnswer(f"The daemon at {place} broke off its answer.")
    return Told(answer.status, content)


def _refuse_others(place: Path) -> None:
    """Raise `PermissionError` for a socket that another user made: it could tell anything. Root may ask anybody."""
    if os.geteuid() not in (0, os.stat(place).st_uid):
        raise PermissionError


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, place: Path) -> None:
        super().__init__("localhost", timeout=WAIT_SECONDS)
        self._place = place

    def connect(self) -> None:
        """Instead of a TCP connection."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT_SECONDS)
        self.sock.connect(os.fspath(self._place))
