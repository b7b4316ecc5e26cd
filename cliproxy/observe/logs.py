"""Where log events go when the program runs itself: text or JSON lines on a stream. (Under twist, twist decides.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsJSON,
    formatEvent,
    formatEventAsClassicLogText,
    globalLogBeginner,
)
from twisted.python.failure import Failure

_ESCAPES: Final = MappingProxyType(
    {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
)
"""Control characters, bar those with which Twisted lays out an event: names of clients stand in lines on terminals."""


def _text_lines(stream: TextIO) -> ILogObserver:
    return FileLogObserver(stream, _as_text)


def _json_lines(stream: TextIO) -> ILogObserver:
    return FileLogObserver(stream, _as_json)


def _as_text(event: LogEvent) -> str | None:
    text = formatEventAsClassicLogText(event)
    return None if text is None else text.translate(_ESCAPES)


def _as_json(event: LogEvent) -> str:
    """All fields, and in words what Twisted leaves to a later reader: the message, and the traceback of a failure."""
    told = {**event, "message": formatEvent(event)}
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        told["traceback"] = failure.getTraceback()
    return eventAsJSON(told) + "\n"


LOG_FORMATS: Final[Mapping[str, Callable[[TextIO], ILogObserver]]] = MappingProxyType(
    {"text": _text_lines, "json": _json_lines}
)


def observer(stream: TextIO, log_format: str, debug: bool) -> ILogObserver:
    """Writes events of level info and above, or all of them, to `stream`."""
    level = LogLevel.debug if debug else LogLevel.info
    return FilteringLogObserver(LOG_FORMATS[log_format](stream), [LogLevelFilterPredicate(defaultLogLevel=level)])


def begin(stream: TextIO, log_format: str, debug: bool) -> None:
    """Begin to log, for the rest of the process. What was logged before is written now."""
    globalLogBeginner.beginLoggingTo([observer(stream, log_format, debug)], redirectStandardIO=False)
