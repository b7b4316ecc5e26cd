"""Where log events go when the program runs itself: text or JSON lines on a stream. (Under twist, twist decides.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    jsonFileLogObserver,
    textFileLogObserver,
)


def _json_lines(stream: TextIO) -> ILogObserver:
    return jsonFileLogObserver(stream, recordSeparator="")


LOG_FORMATS: Final[Mapping[str, Callable[[TextIO], ILogObserver]]] = MappingProxyType(
    {"text": textFileLogObserver, "json": _json_lines}
)


def observer(stream: TextIO, log_format: str, debug: bool) -> ILogObserver:
    """Writes events of level info and above, or all of them, to `stream`."""
    level = LogLevel.debug if debug else LogLevel.info
    return FilteringLogObserver(LOG_FORMATS[log_format](stream), [LogLevelFilterPredicate(defaultLogLevel=level)])


def begin(stream: TextIO, log_format: str, debug: bool) -> None:
    """Begin to log, for the rest of the process. What was logged before is written now."""
    globalLogBeginner.beginLoggingTo([observer(stream, log_format, debug)], redirectStandardIO=False)
