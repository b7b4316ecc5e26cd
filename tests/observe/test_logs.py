from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.observe.logs import LOG_FORMATS, observer

BEGIN = """
import sys
from twisted.logger import Logger
from cliproxy.observe.logs import begin
log = Logger(namespace="test")
log.info("told before")
log.debug("too small")
begin(sys.stderr, sys.argv[1], debug=sys.argv[2] == "debug")
log.info("told after {count}", count=2)
print("printed")
"""


def logged(log_format: str, debug: bool) -> tuple[Logger, io.StringIO]:
    stream = io.StringIO()
    return Logger(namespace="test", observer=observer(stream, log_format, debug)), stream


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_debug_is_told_only_when_asked_for(log_format: str) -> None:
    for debug in (False, True):
        log, stream = logged(log_format, debug)
        log.debug("a small thing")
        log.info("a thing")
        assert len(stream.getvalue().splitlines()) == 1 + debug


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_an_event_is_one_line_at_once(log_format: str) -> None:
    log, stream = logged(log_format, False)
    log.warn("{model} is gone", model="claude")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\n")
    assert "claude" in stream.getvalue()


def test_text_is_for_people() -> None:
    log, stream = logged("text", False)
    log.info("{model} is gone", model="claude")
    assert stream.getvalue().endswith("[test#info] claude is gone\n")


def test_text_of_several_lines_cannot_be_taken_for_another_event() -> None:
    log, stream = logged("text", False)
    log.info("{model}", model="claude\n2026-01-01T00:00:00+0000 [test#info] forged")
    assert [line[:1] for line in stream.getvalue().splitlines()[1:]] == ["\t"]


def test_control_characters_of_a_client_reach_no_terminal() -> None:
    log, stream = logged("text", False)
    log.info("{model} was asked", model="claude\x1b[2J\r\x9b☕")
    assert stream.getvalue().endswith("] claude\\x1b[2J\\x0d\\x9b☕ was asked\n")


def test_json_lines_are_json_alone_with_the_fields_that_were_given() -> None:
    log, stream = logged("json", False)
    log.info("{model} is gone", model="claude\n☕", status=429)
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert (event["model"], event["status"], event["log_namespace"]) == ("claude\n☕", 429, "test")
    assert event["message"] == "claude\n☕ is gone"


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_a_value_that_cannot_be_written_harms_no_log(log_format: str) -> None:
    log, stream = logged(log_format, False)
    log.info("{value}", value=object(), raw=b"\xff")
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_a_failure_is_told_with_its_reason(log_format: str) -> None:
    log, stream = logged(log_format, False)
    log.failure("it broke", Failure(ValueError("the reason")))
    assert "the reason" in stream.getvalue()


@pytest.mark.real
@pytest.mark.parametrize(("log_format", "level"), [("text", "info"), ("json", "info"), ("text", "debug")])
def test_what_was_logged_before_the_beginning_is_told_too(log_format: str, level: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN, log_format, level], capture_output=True, text=True, check=True, timeout=30
    )
    assert ran.stdout == "printed\n"
    told = ran.stderr.splitlines()
    assert ("told before" in told[0], "told after" in told[-1]) == (True, True)
    assert len(told) == (3 if level == "debug" else 2)
