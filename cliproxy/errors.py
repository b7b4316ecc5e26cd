"""What can go wrong, as a small tree with two faces: the client's mistake, and trouble upstream.

Foreign exceptions become one of these at the edge where they arise; `web.problems` alone turns them into bodies.
Every message is written for the person at the client and holds no secret.
"""

from __future__ import annotations

from collections.abc import Sequence


class ProxyError(Exception):
    """Base of the tree. `status` is the HTTP status that tells it, `message` the sentence that explains it."""

    status: int = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


# -- the client's mistakes: answered at once, no credential is the worse for them ---------------------------------


class ClientMistake(ProxyError):
    """Something only the caller can mend."""

    status = 400


class BadRequest(ClientMistake):
    """A body or header that cannot be understood."""


class Unauthenticated(ClientMistake):
    """No client key, or a wrong one."""

    status = 401


class Refused(ClientMistake):
    """A request that a browser page could have sent, or a peer that is not served."""

    status = 403


class NotFound(ClientMistake):
    """No such path."""

    status = 404


class UnknownModel(NotFound):
    """No credential serves a model of that name."""

    def __init__(self, model: str, nearest: Sequence[str]) -> None:
        hint = f" Nearest known: {', '.join(nearest)}." if nearest else " GET /v1/models lists those that are served."
        super().__init__(f"No credential here serves the model {model!r}.{hint}")
        self.model = model


class MethodNotAllowed(ClientMistake):
    """A path that exists, asked with the wrong method."""

    status = 405

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"This path takes {' and '.join(allowed)} only.")
        self.allowed = tuple(allowed)


class UploadTooSlow(ClientMistake):
    """The body stopped arriving before its end."""

    status = 408


class TooLarge(ClientMistake):
    """A body over the limit."""

    status = 413


class UnsupportedCoding(ClientMistake):
    """A Content-Encoding that cannot be decoded here."""

    status = 415


class UpgradeRequired(ClientMistake):
    """A path that is a WebSocket, asked without one, or while none are served."""

    status = 426


# -- trouble upstream: another credential may still serve ---------------------------------------------------------


class UpstreamTrouble(ProxyError):
    """An upstream that did not give what it should. `retry_after` is in seconds, where somebody named it."""

    status = 502

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(UpstreamTrouble):
    """No connection: name, route, refusal, proxy or TLS."""


class Broken(UpstreamTrouble):
    """An answer that was cut, empty or garbage."""


class TimedOut(UpstreamTrouble):
    """Silence longer than the limit for its phase."""

    status = 504


class Reported(UpstreamTrouble):
    """An error that the upstream told inside a stream, with the status that goes with its kind.

    `context_overflow`: it says, in whatever words, that the prompt is too long.
    """

    def __init__(
        self, message: str, status: int, context_overflow: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after)
        self.status = status
        self.context_overflow = context_overflow


class RateLimited(UpstreamTrouble):
    """Every credential for the model is cooling after a rate limit."""

    status = 429


class Overloaded(UpstreamTrouble):
    """Every credential for the model is cooling after the upstream said that it is overloaded."""

    status = 529


class Unavailable(UpstreamTrouble):
    """No credential can serve right now."""

    status = 503
