"""Errors become answers here, and nowhere else: status, headers, and a body in the caller's own format."""

from __future__ import annotations

import math

from twisted.web.server import Request

from cliproxy.errors import MethodNotAllowed, ProxyError, Reported, UpgradeRequired, UpstreamTrouble
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import Complaint
from cliproxy.web.callers import request_id, wire_for
from cliproxy.web.routes import whole_json


def tell(request: Request, error: ProxyError) -> bytes:
    """Set status and headers for an error that goes out before anything else; gives the body."""
    wire = wire_for(request.path or b"", request.requestHeaders)
    status = wire.statuses.get(error.status, error.status)
    request.setResponseCode(status)
    if isinstance(error, MethodNotAllowed):
        request.setHeader(b"allow", ", ".join(error.allowed).encode("ascii"))
    if isinstance(error, UpgradeRequired):
        request.setHeader(b"upgrade", b"websocket")
        request.setHeader(b"connection", b"Upgrade")
    if isinstance(error, UpstreamTrouble) and error.retry_after is not None:
        request.setHeader(b"retry-after", b"%d" % max(1, math.ceil(error.retry_after)))
    complaint = Complaint(status, error.message, request_id(request), _says_overflow(error))
    return whole_json(request, wire.error_body(complaint))


def _says_overflow(error: ProxyError) -> bool:
    """Whether an upstream said, before anything else, that the prompt is too long."""
    if not isinstance(error, Reported):
        return False
    return error.context_overflow or is_context_overflow(error.status, error.message)
