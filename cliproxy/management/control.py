"""The operator's door: how the pool is, and why it chose as it did, on a Unix socket that only its owner may open."""

from __future__ import annotations

import os
import socket
import stat
import struct
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import ClassVar, Final, Protocol

import msgspec
from twisted.application.service import Service
from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

MAX_PATH_BYTES: Final = 100
"""A socket's address has room for 104 bytes on some systems, and the last is a zero."""
IDLE_SECONDS: Final = 10.0
"""For a connection without a request."""


class Operated(Protocol):
    """The pool, as its operator sees it. Neither answer holds a secret."""

    def status(self) -> dict[str, object]:
        """How it is; as `shapes.Status`."""

    def explanation(self, request_id: str) -> dict[str, object] | None:
        """Why a request went where it did; as `shapes.Explanation`. None: no such request is remembered."""


class ControlDoor(Resource):
    """All paths there are, for GET alone. Answers are JSON, also those that refuse."""

    isLeaf = True
    _log: ClassVar[Logger] = Logger()

    def __init__(self, operated: Operated) -> None:
        Resource.__init__(self)
        self._operated = operated

    def render(self, request: Request) -> bytes:
        """Answer at once: nothing here waits."""
        try:
            status, told = self._answer(request)
            content = _json(told)
        except Exception:
            self._log.failure("the operator's door failed at {path}", path=request.path)
            status, content = 500, _json(_error("The daemon failed; its log has the reason."))
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"content-length", b"%d" % len(content))
        return content

    def _answer(self, request: Request) -> tuple[int, object]:
        if not _may_ask(peer_uid(request.transport)):
            return 403, _error("This daemon is another user's.")
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"allow", b"GET")
            return 405, _error("Only GET is served here.")
        match request.postpath:
            case [b"status"]:
                return 200, self._operated.status()
            case [b"explain", name]:
                told = self._operated.explanation(name.decode("utf-8", "replace"))
                return (404, _error("No such request is remembered.")) if told is None else (200, told)
        return 404, _error("There is nothing here but /status and /explain/REQUEST_ID.")


class _Bodiless(Request):
    """No request here has a body that matters, so none is kept, however large."""

    def handleContentChunk(self, data: bytes) -> None:
        """Drop it."""


class ControlSite(Site):
    """The door as a protocol factory; without an access log."""

    requestFactory = _Bodiless
    noisy = False

    def __init__(self, operated: Operated, reactor: IReactorTime) -> None:
        Site.__init__(self, ControlDoor(operated), parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor)

    def log(self, request: object) -> None:
        """Nothing."""


class ControlSocket(Service):
    """Listens while it runs. Where it cannot, the daemon does without, and the log has one line on it.

    State: the port that is open.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, reactor: IReactorTime, path: Path, operated: Operated) -> None:
        self.path = path
        self._reactor = reactor
        self._operated = operated
        self._port: _OwnPort | None = None

    def startService(self) -> None:
        """Take the place of a socket that nobody listens at any more."""
        Service.startService(self)
        why_not = self._open()
        if why_not:
            self._log.warn("`cliproxy status` cannot be answered: {reason}", reason=why_not)

    def stopService(self) -> Deferred[None]:
        """Close it, and take it away."""
        Service.stopService(self)
        port, self._port = self._port, None
        if port is None:
            return maybeDeferred(lambda: None)
        return maybeDeferred(port.stopListening).addCallback(lambda _: None)

    def _open(self) -> str:
        """Empty if it is open, else why not."""
        if len(os.fsencode(self.path)) > MAX_PATH_BYTES:
            return f"{self.path} is too long for a socket; state-dir may name a shorter place."
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = occupant(self.path)
            if found is Occupant.DAEMON:
                return f"another daemon listens at {self.path}."
            if found is Occupant.OTHER:
                return f"{self.path} is there and no socket."
            if found is Occupant.STALE:
                self.path.unlink(missing_ok=True)
            port = _OwnPort(os.fsencode(self.path), ControlSite(self._operated, self._reactor), self._reactor)
            port.startListening()
        except CannotListenError as error:
            return f"{self.path}: {error.socketError}."
        except OSError as error:
            return f"{self.path}: {error.strerror}."
        self._port = port
        return ""


class _OwnPort(unix.Port):
    """Takes its name away when it closes, if it is still its own.

    Twisted's removes whatever has the name by then, and never ends if nothing has it.
    """

    def __init__(self, path: bytes, site: Site, reactor: IReactorTime) -> None:
        unix.Port.__init__(self, path, site, mode=0o600, reactor=reactor)
        self._path = path
        self._made: tuple[int, int] | None = None

    def startListening(self) -> None:
        """And remember which file is ours."""
        unix.Port.startListening(self)
        self._made = _identity(self._path)

    def connectionLost(self, reason: Failure) -> None:
        """Called once, when it is closed."""
        with suppress(OSError):
            if _identity(self._path) == self._made:
                os.unlink(self._path)
        tcp.Port.connectionLost(self, reason)


def _identity(path: bytes) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


class Occupant(Enum):
    """What has the socket's name when it is wanted."""

    NOBODY = "nobody"
    STALE = "a socket at which nobody listens"
    DAEMON = "a socket at which somebody listens"
    OTHER = "no socket"


def occupant(path: Path) -> Occupant:
    """Look, and knock: a process number in a file would say less, since numbers are used again."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return Occupant.NOBODY
    if not stat.S_ISSOCK(mode):
        return Occupant.OTHER
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)
        try:
            knocking.connect(os.fspath(path))
        except ConnectionRefusedError:
            return Occupant.STALE
        except FileNotFoundError:
            return Occupant.NOBODY
        except OSError:
            return Occupant.DAEMON  # its queue is full, or we may not knock
    return Occupant.DAEMON


def peer_uid(transport: object) -> int | None:
    """The user at the other end, where the system tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    peer = getattr(transport, "socket", None)
    if option is None or not isinstance(peer, socket.socket):
        return None
    credentials = peer.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("iII"))
    return int(struct.unpack("iII", credentials)[1])


def _may_ask(uid: int | None) -> bool:
    """The daemon's own user, and root. The file's mode lets nobody else come this far, where it is heeded."""
    return uid is None or uid in (0, os.geteuid())


def _error(message: str) -> dict[str, object]:
    return {"error": {"message": message}}


def _json(told: object) -> bytes:
    """Half a surrogate pair, which an upstream can put into a reason, has no place in UTF-8."""
    try:
        return msgspec.json.encode(told)
    except UnicodeEncodeError:
        return msgspec.json.encode(_mended(told))


def _mended(told: object) -> object:
    if isinstance(told, str):
        return told.encode("utf-8", "replace").decode()
    if isinstance(told, dict):
        return {_mended(key): _mended(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [_mended(value) for value in told]
    return told
