"""Errors become answers here, and nowhere else: status, headers, and a body in the caller's own format."""

from __future__ import annotations

import math

from twisted.web.server import Request

from cliproxy.errors import MethodNotAllowed, ProxyError, UpstreamTrouble
from cliproxy.formats.wire import Complaint
from cliproxy.web.callers import error_body_for, request_id
from cliproxy.web.routes import whole_json


def tell(request: Request, error: ProxyError) -> bytes:
    """Set status and headers for an error that goes out before anything else; gives the body."""
    request.setResponseCode(error.status)
    if isinstance(error, MethodNotAllowed):
        request.setHeader(b"allow", ", ".join(error.allowed).encode("ascii"))
    if isinstance(error, UpstreamTrouble) and error.retry_after is not None:
        request.setHeader(b"retry-after", b"%d" % max(1, math.ceil(error.retry_after)))
    words = error_body_for(request.path or b"", request.requestHeaders)
    return whole_json(request, words(Complaint(error.status, error.message, request_id(request))))
