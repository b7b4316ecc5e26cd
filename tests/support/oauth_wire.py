"""What the fake identity provider reads and writes: requests as they came, JSON answers, and ways to misbehave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import parse_qs, parse_qsl

import attrs
from twisted.web.server import NOT_DONE_YET, Request

CONTENT_TYPES: Mapping[str, str] = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


@attrs.frozen
class Fault:
    """What one request to a path gets instead of its answer: a status with a body, or worse."""

    status: int = 500
    body: bytes = b'{"error": "server_error"}'
    content_type: str = "application/json"
    retry_after: str = ""
    kind: Literal["status", "cut", "silent"] = "status"
    """`cut`: the answer breaks off in its middle; `silent`: it never comes."""


GARBAGE = Fault(status=200, body=b"<html>nothing for you</html>", content_type="text/html")
CUT = Fault(kind="cut")
SILENT = Fault(kind="silent")


@attrs.frozen
class Asked:
    """One request, as it came."""

    method: str
    path: str
    content_type: str
    fields: Mapping[str, object]
    """Of the body, be it JSON or a form; of the query for a GET."""
    headers: Mapping[str, str]
    """Names in lower case."""


def read_asked(request: Request) -> Asked:
    headers = {name.decode().lower(): values[-1].decode() for name, values in request.requestHeaders.getAllRawHeaders()}
    content = request.content.read() if request.content is not None else b""
    path, _, query = request.uri.decode().partition("?")
    content_type = headers.get("content-type", "")
    fields: Mapping[str, object] = dict(parse_qsl(query))
    if request.method == b"POST":
        fields = _fields(content_type, content)
    return Asked(request.method.decode(), path, content_type, fields, headers)


def _fields(content_type: str, content: bytes) -> Mapping[str, object]:
    """A body that is not what its type says has none."""
    if content_type.startswith(CONTENT_TYPES["json"]):
        try:
            document = json.loads(content)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
    if content_type.startswith(CONTENT_TYPES["form"]):
        pairs: Mapping[str, Sequence[str]] = parse_qs(content.decode(), keep_blank_values=True)
        return {name: values[0] for name, values in pairs.items() if len(values) == 1}
    return {}


def texts(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def say(request: Request, status: int, document: Mapping[str, object]) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(document).encode()


def misbehave(request: Request, fault: Fault) -> int | bytes:
    if fault.kind == "silent":
        request.notifyFinish().addErrback(lambda _: None)
        return int(NOT_DONE_YET)
    if fault.kind == "cut":
        request.setHeader(b"content-length", b"4096")
        request.write(b'{"access_token": "acc')
        request.loseConnection()
        request.notifyFinish().addErrback(lambda _: None)
        return int(NOT_DONE_YET)
    request.setResponseCode(fault.status)
    request.setHeader(b"content-type", fault.content_type.encode())
    if fault.retry_after:
        request.setHeader(b"retry-after", fault.retry_after.encode())
    return fault.body
