"""The story of one request: who could serve it, an attempt, another if that fails, and the relay of the reply.

    plan -> attempt -> (trouble: the next credential) -> relay -> report

Until the first content has gone out, trouble is met by asking another credential. After that nothing is asked twice:
the client is told in its own format what happened. What the client did wrong is answered at once and costs no
credential. When the client leaves, the coroutine is cancelled wherever it waits, and with it the upstream request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from cliproxy.config.schema import Streaming, Timeouts
from cliproxy.errors import (
    Broken,
    Overloaded,
    ProxyError,
    RateLimited,
    Reported,
    Unavailable,
    UnknownModel,
    UpstreamTrouble,
)
from cliproxy.formats import FORMATS
from cliproxy.formats.wire import SILENT_HEARTBEAT, Complaint, Operation, WireFormat
from cliproxy.routing.catalogue import Candidate, Catalogue, CredentialId
from cliproxy.routing.pool import Pool, Wait
from cliproxy.routing.verdicts import NO_ANSWER, is_trouble
from cliproxy.shaping import rename_model
from cliproxy.streaming.collect import collect
from cliproxy.streaming.flusher import Flusher
from cliproxy.streaming.heart import Heart
from cliproxy.streaming.pump import Pump
from cliproxy.streaming.sink import Sink
from cliproxy.translate import ReplyHead, reader
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.hints import retry_after
from cliproxy.upstream.providers import PROVIDERS, outgoing_headers, returned_headers, url_for
from cliproxy.upstream.transport import Answer, Outgoing

MAX_ERROR_BODY_BYTES: Final = 256 * 1024
"""Of an answer that is held while another credential is asked. Real ones have a few hundred."""
ERROR_BODY_SECONDS: Final = 5.0
"""An error's body comes with its head; who waits longer for it only delays the next attempt."""


MAX_LOGGED_CHARACTERS: Final = 300
"""Of an upstream's message; it goes to the client whole."""


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


@attrs.frozen
class Provision:
    """What exchanges work with, made anew from each configuration. A running one keeps that which it began with."""

    catalogue: Catalogue
    accounts: Mapping[CredentialId, Account]
    sender: Sender
    flusher: Flusher
    streaming: Streaming
    timeouts: Timeouts
    request_retry: int
    user_agent: bytes


@attrs.frozen
class Refusal:
    """An upstream's error answer, whole, to be told if nobody does better."""

    status: int
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


class Exchange:
    """One request on its way. State: who was tried, and the pump of the reply under way."""

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self, ask: Ask, sink: Sink, provision: Provision, pool: Pool, clock: IReactorTime, wall: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._sink = sink
        self._provision = provision
        self._pool = pool
        self._clock = clock
        self._wall = wall
        self._pump: Pump | None = None
        self._cut_short = False
        self._heart = Heart(sink, clock, provision.streaming, self._beat)

    async def run(self) -> None:
        """Serve the request. Raises `ProxyError` while the status can still be told; later the client is told here."""
        try:
            await self._serve()
        except ProxyError as error:
            self._tell(error)
        except CancelledError:
            if not self._cut_short:
                raise
            self._tell(_shutting_down())
        except Exception:
            # A mistake of ours. Before the head the door makes an answer of it; later there is none to be made.
            if self._sink.head_sent:
                self._sink.cut()
            raise
        finally:
            self._heart.stop()
            if self._pump is not None:
                self._pump.abandon()

    def cut_short(self) -> bool:
        """The proxy shuts down, and this exchange has had its time: whether its reply, under way, ends with that.

        If not, it is to be cancelled, and the client is told.
        """
        self._cut_short = True
        return self._pump is not None and self._pump.break_off(_shutting_down())

    async def _serve(self) -> None:
        """Ask one credential after another until a reply is relayed, or tell why there is none."""
        candidates = self._provision.catalogue.candidates(self._ask.model)
        if not candidates:
            raise UnknownModel(self._ask.model, self._provision.catalogue.nearest(self._ask.model))
        turn = self._pool.turn(f"{self._ask.operation.value} {self._ask.model}")
        tried: list[Candidate] = []
        outcome: Refusal | UpstreamTrouble | None = None
        while len(tried) <= self._provision.request_retry:
            choice = self._pool.choose(candidates, turn, self._clock.seconds(), tried)
            if isinstance(choice, Wait):
                outcome = outcome or _all_cooling(self._ask.model, choice)
            if not isinstance(choice, Candidate):
                break
            tried.append(choice)
            outcome = await self._attempt(choice)
            if outcome is None:
                return
        assert outcome is not None
        if isinstance(outcome, UpstreamTrouble):
            raise outcome
        self._refuse(outcome)

    async def _attempt(self, candidate: Candidate) -> Refusal | UpstreamTrouble | None:
        """Ask one credential. None: the client has its reply; else what went wrong, with nothing told to the client."""
        account = self._provision.accounts[candidate.credential]
        asked_at = self._clock.seconds()
        self._pump = None
        if self._ask.stream:
            self._heart.start()
        try:
            answer = await self._provision.sender.send(self._outgoing(candidate, account))
            if is_trouble(answer.status):
                return await self._refusal(candidate, account, answer)
            if self._sink.head_sent and not _reply_head(answer).is_stream:
                await self._squeeze_in(answer)
                return None
            pump = self._begin(answer, account)
            await pump.proven
        except UpstreamTrouble as trouble:
            trouble.message = account.redacted(trouble.message.encode()).decode()
            if not is_trouble(_status_of(trouble)):
                raise  # the client's mistake, told inside a stream
            self._cool(candidate, _status_of(trouble), trouble.retry_after, trouble.message)
            return trouble
        if not self._sink.head_sent:
            self._sink.head(answer.status, self._head_to_tell(answer, pump))
        pump.flow(self._sink)
        broken = await pump.done
        self._report(candidate, asked_at, answer.status, broken)
        return None

    def _outgoing(self, candidate: Candidate, account: Account) -> Outgoing:
        ask = self._ask
        as_asked = candidate.model == ask.model
        return Outgoing(
            method="POST",
            url=url_for(account, ask.operation, ask.query),
            headers=outgoing_headers(ask.headers, account, self._provision.user_agent),
            body=ask.body if as_asked else rename_model(ask.body, candidate.model),
            way=account.way,
        )

    def _begin(self, answer: Answer, account: Account) -> Pump:
        """Have the body pumped, to the point where it proves good."""
        head = _reply_head(answer)
        reply = reader(self._ask.wire, FORMATS[PROVIDERS[account.provider].format], head)
        self._pump = pump = Pump(reply, self._clock, self._provision.timeouts.idle_seconds, self._ask.request_id)
        answer.deliver(pump)
        if self._ask.stream and head.is_stream:
            pump.watch(None)
        else:
            self._heart.stop()
            pump.watch(self._provision.streaming.commit_seconds)
        return pump

    async def _squeeze_in(self, answer: Answer) -> None:
        """Tell an answer that is no stream where a stream was promised: the client's mistake, or an odd upstream."""
        body = await collect(answer, MAX_ERROR_BODY_BYTES, ERROR_BODY_SECONDS, self._clock)
        if answer.status < 400:
            raise Broken("The upstream answered with something other than the stream that was asked for.")
        self._tell_late(answer.status, self._ask.wire.error_message(body))

    def _head_to_tell(self, answer: Answer, pump: Pump) -> list[tuple[bytes, bytes]]:
        headers = returned_headers(answer.headers, plain=pump.plain)
        if _reply_head(answer).is_stream:
            headers.append((b"x-accel-buffering", b"no"))
        elif answer.length is not None and not pump.inflated:
            headers.append((b"content-length", b"%d" % answer.length))
        return headers

    async def _refusal(self, candidate: Candidate, account: Account, answer: Answer) -> Refusal | UpstreamTrouble:
        """Take an error answer whole, and cool the credential."""
        hint = retry_after(_first(answer, b"Retry-After"), self._wall())
        body = account.redacted(await collect(answer, MAX_ERROR_BODY_BYTES, ERROR_BODY_SECONDS, self._clock))
        self._cool(candidate, answer.status, hint, self._ask.wire.error_message(body))
        if answer.status < 400:
            return Unavailable(f"The upstream redirects (status {answer.status}); is its base-url right?")
        return Refusal(answer.status, returned_headers(answer.headers, plain=True), body)

    def _report(self, candidate: Candidate, asked_at: float, status: int, broken: UpstreamTrouble | None) -> None:
        if broken is not None and not self._cut_short and is_trouble(_status_of(broken)):
            self._cool(candidate, _status_of(broken), None, broken.message)
        elif status < 300:
            self._pool.served(candidate, asked_at)
        self._log.debug(
            "{request_id}: {model} by {credential}: {status}{ending}",
            request_id=self._ask.request_id,
            model=self._ask.model,
            credential=candidate.credential,
            status=status,
            ending=f", then broken: {broken.message}" if broken else "",
        )

    def _cool(self, candidate: Candidate, status: int, hint: float | None, reason: str) -> None:
        seconds = self._pool.failed(candidate, status, self._clock.seconds(), hint)
        self._log.warn(
            "{request_id}: {credential} cools for {seconds:.0f} s for {model} ({status}): {reason}",
            request_id=self._ask.request_id,
            credential=candidate.credential,
            seconds=seconds,
            model=candidate.model,
            status=status or "no status",
            reason=reason[:MAX_LOGGED_CHARACTERS],
        )

    def _refuse(self, refusal: Refusal) -> None:
        """Tell the client an upstream's error answer."""
        if self._sink.head_sent:
            self._tell_late(refusal.status, self._ask.wire.error_message(refusal.body))
            return
        length = (b"content-length", b"%d" % len(refusal.body))
        self._sink.head(refusal.status, (*refusal.headers, length))
        self._sink.write(refusal.body)
        self._sink.finish()

    def _tell(self, error: ProxyError) -> None:
        """Tell an error: in the stream if its head is out, else by raising it for the door to make an answer of."""
        if not self._sink.head_sent:
            raise error
        self._tell_late(error.status, error.message)

    def _tell_late(self, status: int, message: str) -> None:
        """Tell an error in a stream whose head is out."""
        self._sink.write(self._ask.wire.error_event(Complaint(status, message, self._ask.request_id)))
        self._sink.finish()

    def _beat(self) -> bytes:
        return SILENT_HEARTBEAT if self._pump is None else self._pump.heartbeat


def _all_cooling(model: str, wait: Wait) -> UpstreamTrouble:
    """Nobody may be asked just now: told with the status that the last real answer had."""
    kind = {429: RateLimited, 529: Overloaded}.get(wait.status, Unavailable)
    why = f"status {wait.status}" if wait.status else "a broken answer"
    return kind(
        f"Every credential for {model} is cooling down; the first, after {why}, is back in {wait.seconds:.0f} s.",
        wait.seconds,
    )


def _status_of(trouble: UpstreamTrouble) -> int:
    """The status by which trouble counts: that of an error which the upstream told in a stream, else none."""
    return trouble.status if isinstance(trouble, Reported) else NO_ANSWER


def _shutting_down() -> Unavailable:
    return Unavailable("The proxy is shutting down.", retry_after=1.0)


def _reply_head(answer: Answer) -> ReplyHead:
    return ReplyHead(
        status=answer.status,
        content_type=_first(answer, b"Content-Type") or b"",
        coding=_first(answer, b"Content-Encoding") or b"",
    )


def _first(answer: Answer, name: bytes) -> bytes | None:
    values = answer.headers.getRawHeaders(name)
    return values[0] if values else None


class Exchanges:
    """All exchanges of one daemon. State: those under way, and whether it is still open for more."""

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self, provision: Provision, pool: Pool, clock: IReactorTime, wall: Callable[[], float] = time.time
    ) -> None:
        self.provision = provision
        """For exchanges to come; a reload puts another here."""
        self._pool = pool
        self._clock = clock
        self._wall = wall
        self._running: dict[Exchange, Deferred[None]] = {}
        self._drained: Deferred[None] | None = None

    @property
    def running(self) -> int:
        """How many are under way."""
        return len(self._running)

    def serve(self, ask: Ask, request: Request) -> Deferred[None]:
        """Serve one request; fires when its reply has ended, fails with `ProxyError` if there is none to be told.

        Cancelling it cancels whatever is under way upstream.
        """
        if self._drained is not None:
            raise _shutting_down()
        provision = self.provision
        sink = Sink(request, provision.flusher, self._clock, provision.streaming.flush_bytes)
        exchange = Exchange(ask, sink, provision, self._pool, self._clock, self._wall)
        served = Deferred.fromCoroutine(exchange.run())
        if not served.called:
            self._running[exchange] = served
            served.addBoth(self._ended, exchange)
        return served

    def drain(self, grace_seconds: float) -> Deferred[None]:
        """Take no more; fires when those under way have ended, which the grace is for; then they are cancelled."""
        if self._drained is not None:
            return self._drained
        drained = self._drained = Deferred()
        if not self._running:
            drained.callback(None)
            return drained
        self._log.info(
            "stopping: {count} exchanges have {seconds:g} s to end", count=self.running, seconds=grace_seconds
        )
        late = self._clock.callLater(grace_seconds, self._cut_short)
        return drained.addBoth(_without, late)

    def _cut_short(self) -> None:
        for exchange, served in tuple(self._running.items()):
            if not exchange.cut_short():
                served.cancel()

    def _ended(self, outcome: Failure | None, exchange: Exchange) -> Failure | None:
        del self._running[exchange]
        if self._drained is not None and not self._running and not self._drained.called:
            self._drained.callback(None)
        return outcome


def _without(outcome: Failure | None, call: IDelayedCall) -> Failure | None:
    """Pass the outcome on, with the call cancelled if it is still to come."""
    if call.active():
        call.cancel()
    return outcome
