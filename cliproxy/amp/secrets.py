"""Which key the control plane is shown: the client's own row, else the configuration, the environment, or Amp's file.

A key of Amp's file is shown to the host that it was given for, and to no other. The file has a few hundred bytes and is
read at most once in five minutes, so that it is read where it is wanted, without a thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import SplitResult, urlsplit

import attrs
import orjson
from twisted.logger import Logger

from cliproxy.config.schema import Amp
from cliproxy.secret import Secret

KEY_VARIABLE: Final = "AMP_API_KEY"
"""Amp's own: the key for whatever control plane its settings name."""
SECRETS_FILE: Final = Path(".local/share/amp/secrets.json")
"""Below the home directory. Amp's CLI writes it when somebody logs in."""
MEMBER_PREFIX: Final = "apiKey@"
"""Of a member's name; the control plane's URL follows, with a slash at the end."""
FILE_NAME: Final = "Amp's secrets.json"
"""For the log."""
FILE_SECONDS: Final = 300.0
"""For so long the file's answer holds, be it that there is none."""
MAX_FILE_BYTES: Final = 64 * 1024

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class _Unusable(Exception):
    """The file says nothing of use. The sentence holds nothing of its content."""


@attrs.frozen
class _Found:
    """What the file said, and when."""

    key: Secret | None
    at: float


class UpstreamKeys:
    """State: the settings, what the file said last, and which unusable keys were told of since the last reload."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, environ: Mapping[str, str], home: Callable[[], Path]) -> None:
        self._environ = environ
        self._home = home
        self.reconfigure(Amp())

    def reconfigure(self, settings: Amp) -> None:
        """These settings hold from now on, and the file is read again when it is next asked."""
        self._found: _Found | None = None
        self._told: set[tuple[str, str]] = set()
        self._members = _members_for(settings.upstream_url)
        configured = settings.upstream_api_key
        self._configured = self._usable("upstream-api-key", configured.reveal()) if configured else None
        self._by_client: dict[Secret, Secret] = {}
        for row in settings.upstream_api_keys:
            key = self._usable("a key of upstream-api-keys", row.key.reveal())
            if key is not None:
                self._by_client = dict.fromkeys(row.clients, key) | self._by_client

    def key_for(
        self, client: Secret | None, now: float, is_ours: Callable[[bytes], bool] = lambda _: False
    ) -> Secret | None:
        """The key to show for a client with this key of ours, or with none. `now`: in seconds, by any clock.

        `is_ours`: whether a key is for clients of the daemon. Amp's command line takes its key for the daemon of the
        very variable in which the daemon looks for Amp's, and of the same file; such a key is passed over.
        """
        sources: tuple[tuple[str, Callable[[], Secret | None]], ...] = (
            ("upstream-api-keys", lambda: None if client is None else self._by_client.get(client)),
            ("upstream-api-key", lambda: self._configured),
            (KEY_VARIABLE, self._of_environment),
            (FILE_NAME, lambda: self._of_file(now)),
        )
        for source, find in sources:
            key = find()
            if key is not None and is_ours(key.reveal().encode()):
                self._tell_once(source, "it holds a key of this daemon's own clients")
            elif key is not None:
                return key
        return None

    def _of_environment(self) -> Secret | None:
        return self._usable(KEY_VARIABLE, self._environ.get(KEY_VARIABLE, ""))

    def _of_file(self, now: float) -> Secret | None:
        # A wall clock may have been set back, for any time at all.
        if self._found is None or not 0 <= now - self._found.at < FILE_SECONDS:
            self._found = _Found(self._read(), now)
        return self._found.key

    def _read(self) -> Secret | None:
        if not self._members:
            return None
        try:
            content = _content(self._home() / SECRETS_FILE)
            return self._usable(FILE_NAME, _text_of(content, self._members))
        except (FileNotFoundError, NotADirectoryError, RuntimeError):  # the last: nobody knows whose home it is
            return None
        except _Unusable as unusable:
            self._log.warn("{source} is left out: {why}", source=FILE_NAME, why=str(unusable))
            return None

    def _usable(self, source: str, text: str) -> Secret | None:
        """The key without space around it; None if there is none, or it cannot stand in a header."""
        key = text.strip()
        if not key:
            return None
        if key.isascii() and key.isprintable() and " " not in key:
            return Secret(key)
        self._tell_once(source, "it holds what cannot stand in a header")
        return None

    def _tell_once(self, source: str, why: str) -> None:
        if (source, why) not in self._told:
            self._told.add((source, why))
            self._log.warn("{source} is left out: {why}", source=source, why=why)


def _members_for(upstream_url: str) -> tuple[str, ...]:
    """Members of the file whose keys may be shown there, the best first: the URL's own, then its host's.

    Amp's clients write the address as their settings have it, with a slash at the end or without.
    """
    parts = _split(upstream_url)
    if parts is None:
        return ()
    origin = _origin(parts)
    whole = origin + parts.path.rstrip("/")
    return tuple(dict.fromkeys((f"{whole}/", whole, f"{origin}/", origin)))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port, as browsers write them."""
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{shown}{port}"


def _content(path: Path) -> bytes:
    """All of the file. Raises `FileNotFoundError` and `NotADirectoryError` if there is none, and `_Unusable`."""
    try:
        # Without waiting: a FIFO of that name would hold up the whole daemon.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _Unusable("it is no regular file")
            content = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise _Unusable(f"it cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise _Unusable(f"it is larger than {MAX_FILE_BYTES // 1024} KiB")
    return content


def _text_of(content: bytes, members: tuple[str, ...]) -> str:
    """What the first of these members with anything in it says; empty if there is none. Raises `_Unusable`."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise _Unusable("it is not JSON") from None
    if not isinstance(found, dict):
        raise _Unusable("it is no JSON object")
    for member in members:
        text = found.get(MEMBER_PREFIX + member, "")
        if not isinstance(text, str):
            raise _Unusable("the key in it is no text")
        if text.strip():
            return text
    return ""
