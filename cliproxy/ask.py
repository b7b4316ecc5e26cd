"""What a client asks, and what it takes to serve it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred

from cliproxy.config.schema import Retrying, Routing, Streaming, Timeouts
from cliproxy.formats import FORMATS
from cliproxy.formats.wire import Operation, WireFormat
from cliproxy.routing.catalogue import Candidate, Catalogue, CredentialId
from cliproxy.routing.sessions import Session
from cliproxy.secret import Secret
from cliproxy.streaming.flusher import Flusher
from cliproxy.translate.translation import Rules
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.providers import PROVIDERS
from cliproxy.upstream.transport import Answer, Outgoing

MAX_FILTERED: Final = 1024
"""Lists of candidates for token counting and the like that are remembered."""


class Sender(Protocol):
    """The door out."""

    def send(self, outgoing: Outgoing) -> Deferred[Answer]:
        """Fires with the answer once its head has come, or fails with `UpstreamTrouble`."""


class Renewer(Protocol):
    """Keeps the tokens of accounts that were logged in to."""

    def renew(self, name: str, spent: Secret) -> Deferred[bool]:
        """A token was refused: fires with whether there is another one now."""


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
    served_as: str = ""
    """The model to ask for in place of the one that the client named and goes on hearing of; with a suffix, if any."""
    renames: bool = False
    """The reply says the client's name for the model, even where the upstream, asked by it, says a longer one."""
    find_session: Callable[[], Session | None] = attrs.field(default=lambda: None, repr=False, eq=False)
    """Tells the conversation that it is a part of, if that can be known."""


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
    retrying: Retrying
    routing: Routing
    user_agent: bytes
    renewer: Renewer | None = None
    _able: dict[tuple[str, Operation, str], tuple[Candidate, ...]] = attrs.field(factory=dict, init=False, repr=False)

    def candidates(self, name: str, operation: Operation, wire: WireFormat) -> Sequence[Candidate]:
        """Who could serve a model: the same object each time, for the pool to know it again.

        Not every upstream has every operation; if none of the model's has, all of them are given.
        """
        everyone = self.catalogue.candidates(name)
        if operation is Operation.GENERATE:
            return everyone
        key = name, operation, wire.name
        able = self._able.pop(key, None)
        if able is None:
            able = tuple(one for one in everyone if self.can_be_asked(one, operation, wire)) or everyone
            if len(self._able) >= MAX_FILTERED:
                del self._able[next(iter(self._able))]
        self._able[key] = able
        return able

    def place_of(self, candidate: Candidate) -> tuple[object, ...]:
        """Where it is reached, and by what way: what can be said of one there holds for all."""
        account = self.accounts[candidate.credential]
        return account.base_url.host, account.base_url.port, account.way

    def can_be_asked(self, candidate: Candidate, operation: Operation, wire: WireFormat) -> bool:
        """Whether an upstream has the operation. Token counters are not everywhere; what compacts keeps its format."""
        provider = PROVIDERS[self.accounts[candidate.credential].provider]
        same = FORMATS[provider.format] is wire
        return operation in provider.paths and (same or operation is not Operation.COMPACT)
