"""What a client asks, and what it takes to serve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred

from cliproxy.config.schema import Streaming, Timeouts
from cliproxy.formats.wire import Operation, WireFormat
from cliproxy.routing.catalogue import Catalogue, CredentialId
from cliproxy.streaming.flusher import Flusher
from cliproxy.translate.translation import Rules
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.transport import Answer, Outgoing


class Sender(Protocol):
    """The door out."""

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        """Fires with the answer once its head has come, or fails with `UpstreamTrouble`."""


@attrs.frozen
class Ask:
    """What a client asks, as read at its door."""

    request_id: str
    wire: WireFormat
    operation: Operation
    model: str
    stream: bool
    body: bytes = attrs.field(repr=False)
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(repr=False)
    """Names in lower case."""
    query: bytes = b""
    array: bool = False
    """A Gemini client that is told a stream as one JSON array. `stream` is False then: an array has no events."""
    shows_losses: bool = False
    """The client wants to be told in a header what could not be carried over."""


@attrs.frozen
class Provision:
    """What exchanges work with, made anew from each configuration. A running one keeps that which it began with."""

    catalogue: Catalogue
    accounts: Mapping[CredentialId, Account]
    rules: Rules
    sender: Sender
    flusher: Flusher
    streaming: Streaming
    timeouts: Timeouts
    request_retry: int
    user_agent: bytes
