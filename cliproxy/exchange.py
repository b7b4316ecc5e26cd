"""The story of one request: who could serve it, an attempt, another if that fails, and the relay of the reply.

    plan -> prepare -> attempt -> (trouble: the next credential) -> relay -> report

Until the first content has gone out, trouble is met by asking another credential. After that nothing is asked twice:
the client is told in its own format what happened. What the client did wrong is answered at once and costs no
credential. When the client leaves, the coroutine is cancelled wherever it waits, and with it the upstream request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cliproxy.ask import Ask, Provision
from cliproxy.attempt import Attempt, Refusal, first, reply_head
from cliproxy.conversation.reply import Fold, Reply
from cliproxy.conversation.request import Reasoning
from cliproxy.errors import (
    BadRequest,
    Broken,
    Overloaded,
    ProxyError,
    RateLimited,
    Reported,
    Unavailable,
    UnknownModel,
    UpstreamTrouble,
)
from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.overflow import is_context_overflow
from cliproxy.formats.wire import SILENT_HEARTBEAT, Complaint, Operation
from cliproxy.routing.catalogue import Candidate
from cliproxy.routing.pool import Pool, Wait
from cliproxy.routing.verdicts import NO_ANSWER, is_trouble
from cliproxy.shaping.estimate import estimate_tokens
from cliproxy.shaping.suffix import split_suffix
from cliproxy.streaming.collect import collect
from cliproxy.streaming.heart import Heart
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.pump import Pump
from cliproxy.translate.translation import Asked, Translation, Upstream
from cliproxy.upstream.hints import retry_after
from cliproxy.upstream.providers import (
    PROVIDERS,
)
from cliproxy.upstream.transport import Answer

MAX_ERROR_BODY_BYTES: Final = 256 * 1024
"""Of an answer that is held while another credential is asked. Real ones have a few hundred."""
ERROR_BODY_SECONDS: Final = 5.0
"""An error's body comes with its head; who waits longer for it only delays the next attempt."""


NO_COUNTER: Final = frozenset({404, 405, 501})
"""What servers answer that speak a wire but have no token counter."""
COUNT_HEADER: Final = b"x-cliproxy-token-count"
MAX_LOGGED_CHARACTERS: Final = 300
"""Of an upstream's message; it goes to the client whole."""


class Exchange:
    """One request on its way. State: the translation, and the pump of the reply under way."""

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self, ask: Ask, sink: Outlet, provision: Provision, pool: Pool, clock: IReactorTime, wall: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._sink = sink
        self._provision = provision
        self._pool = pool
        self._clock = clock
        self._wall = wall
        self._translation = self._translate(None)
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
            self._tell(shutting_down())
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
        return self._pump is not None and self._pump.break_off(shutting_down())

    async def _serve(self) -> None:
        """Ask one credential after another until a reply is relayed, or tell why there is none."""
        candidates = self._candidates()
        turn = self._pool.turn(f"{self._ask.operation.value} {self._ask.model}")
        tried: list[Candidate] = []
        outcome: Refusal | ProxyError | None = None
        while len(tried) <= self._provision.request_retry:
            choice = self._pool.choose(candidates, turn, self._clock.seconds(), tried)
            if isinstance(choice, Wait):
                outcome = outcome or _all_cooling(self._ask.model, choice)
            if not isinstance(choice, Candidate):
                break
            tried.append(choice)
            if not self._can_be_asked(choice):
                self._count_here()
                return
            try:
                attempt = self._plan(choice)
            except BadRequest as mistake:
                outcome = outcome or mistake  # to this upstream it cannot be said; to another it may
                continue
            outcome = await self._attempt(attempt)
            if outcome is None:
                return
        assert outcome is not None
        if isinstance(outcome, ProxyError):
            raise outcome
        self._refuse(outcome)

    def _translate(self, reasoning: Reasoning | None) -> Translation:
        ask = self._ask
        asked = Asked(
            request_id=ask.request_id,
            wire=ask.wire,
            operation=ask.operation,
            model=ask.model,
            stream=ask.stream,
            body=ask.body,
            reasoning=reasoning,
            created=int(self._wall()),
            array=ask.array,
        )
        return Translation(asked, self._provision.rules)

    def _candidates(self) -> Sequence[Candidate]:
        """Who could serve: by the model's whole name if it is a listed one, else by what stands before a suffix."""
        catalogue, ask = self._provision.catalogue, self._ask
        name, reasoning = split_suffix(ask.model)
        if name != ask.model and ask.model not in catalogue.names:
            self._translation = self._translate(reasoning)
        else:
            name = ask.model
        candidates = catalogue.candidates(name)
        if not candidates:
            raise UnknownModel(ask.model, catalogue.nearest(name))
        able = [candidate for candidate in candidates if self._can_be_asked(candidate)]
        if not able and ask.operation is Operation.COMPACT:
            raise BadRequest(f"No upstream of {ask.model} can compact a conversation.")
        return able or candidates

    def _can_be_asked(self, candidate: Candidate) -> bool:
        """Whether an upstream has the operation. Token counters are not everywhere; what compacts keeps its format."""
        provider = PROVIDERS[self._provision.accounts[candidate.credential].provider]
        same = FORMATS[provider.format] is self._ask.wire
        return self._ask.operation in provider.paths and (same or self._ask.operation is not Operation.COMPACT)

    def _plan(self, candidate: Candidate) -> Attempt:
        account = self._provision.accounts[candidate.credential]
        wire = FORMATS[PROVIDERS[account.provider].format]
        upstream = Upstream(wire, account.origin, candidate.model, account.dialect)
        prepared = self._translation.prepare(upstream)
        return Attempt(self._ask, candidate, account, upstream, prepared, self._clock.seconds())

    async def _attempt(self, attempt: Attempt) -> Refusal | UpstreamTrouble | None:
        """Ask one credential. None: the client has its reply; else what went wrong, with nothing told to the client."""
        self._pump = None
        self._note_losses(attempt)
        if self._ask.stream:
            self._heart.start()
        try:
            if attempt.prepared.times > 1:
                return await self._ask_for_each(attempt)
            answer = await self._provision.sender.send(attempt.outgoing(self._provision.user_agent))
            if self._ask.operation is Operation.COUNT_TOKENS and answer.status in NO_COUNTER:
                await self._body_of_error(attempt, answer)
                self._count_here()
                return None
            if is_trouble(answer.status):
                return await self._refusal(attempt, answer)
            if attempt.must_be_told(answer, in_stream=self._sink.head_sent):
                self._refuse(attempt.refusal(answer, await self._body_of_error(attempt, answer)))
                return None
            pump = self._begin(attempt, answer)
            await pump.proven
        except UpstreamTrouble as trouble:
            trouble.message = attempt.account.redacted(trouble.message.encode()).decode()
            if not is_trouble(_status_of(trouble)):
                raise  # the client's mistake, told inside a stream
            self._cool(attempt, _status_of(trouble), trouble.retry_after, trouble.message)
            return trouble
        if not self._sink.head_sent:
            whole = not pump.inflated
            self._sink.head(answer.status, attempt.head_of_reply(answer, plain=pump.plain, whole=whole))
        pump.flow(self._sink)
        broken = await pump.done
        self._report(attempt, answer.status, broken)
        return None

    async def _ask_for_each(self, attempt: Attempt) -> Refusal | UpstreamTrouble | None:
        """Ask once for each answer that the client wants, and tell them together."""
        replies: list[Reply] = []
        for _ in range(attempt.prepared.times):
            answer = await self._provision.sender.send(attempt.outgoing(self._provision.user_agent))
            if is_trouble(answer.status):
                return await self._refusal(attempt, answer)
            if answer.status >= 300:
                self._refuse(attempt.refusal(answer, await self._body_of_error(attempt, answer)))
                return None
            kept = Fold()
            prepared = self._translation.prepare(attempt.upstream)  # its stages hold state of one reply
            reader = self._translation.keeper(attempt.upstream, prepared, reply_head(answer), kept)
            self._pump = pump = Pump(reader, self._clock, self._provision.timeouts.idle_seconds, self._ask.request_id)
            answer.deliver(pump)
            pump.watch(None)
            await pump.proven
            pump.abandon()  # a body may go on behind its reply
            replies.append(kept.reply())
        if not self._sink.head_sent:
            self._sink.head(200, attempt.head_of_telling([]))
        self._sink.write(self._translation.merged(attempt.prepared, replies))
        self._sink.finish()
        self._pool.served(attempt.candidate, attempt.asked_at)
        return None

    def _begin(self, attempt: Attempt, answer: Answer) -> Pump:
        """Have the body pumped, to the point where it proves good."""
        reply = self._translation.reader(attempt.upstream, attempt.prepared, reply_head(answer))
        self._pump = pump = Pump(reply, self._clock, self._provision.timeouts.idle_seconds, self._ask.request_id)
        answer.deliver(pump)
        if self._ask.stream and attempt.becomes_stream(answer):
            pump.watch(None)
        else:
            self._heart.stop()
            pump.watch(self._provision.streaming.commit_seconds)
        return pump

    async def _body_of_error(self, attempt: Attempt, answer: Answer) -> bytes:
        """All of it, without the account's key. An answer below 400 that is none of those asked for is no error."""
        body = await collect(answer, MAX_ERROR_BODY_BYTES, ERROR_BODY_SECONDS, self._clock)
        if answer.status < 300:
            raise Broken("The upstream answered with something other than the stream that was asked for.")
        return attempt.account.redacted(body)

    async def _refusal(self, attempt: Attempt, answer: Answer) -> Refusal | UpstreamTrouble:
        """Take an error answer whole, and cool the credential."""
        hint = retry_after(first(answer, b"Retry-After"), self._wall())
        refusal = attempt.refusal(answer, await self._body_of_error(attempt, answer))
        self._cool(attempt, answer.status, hint, refusal.message)
        if answer.status < 400:
            return Unavailable(f"The upstream redirects (status {answer.status}); is its base-url right?")
        return refusal

    def _count_here(self) -> None:
        """Answer a count for an upstream that has no counter: by an estimate, marked as one."""
        encode_count = CODECS[self._ask.wire.name].encode_count
        assert encode_count is not None
        body = encode_count(estimate_tokens(self._translation.decoded))
        headers = [(b"content-type", b"application/json"), (COUNT_HEADER, b"estimate")]
        self._sink.head(200, [*headers, (b"content-length", b"%d" % len(body))])
        self._sink.write(body)
        self._sink.finish()

    def _note_losses(self, attempt: Attempt) -> None:
        for loss in attempt.prepared.losses:
            self._log.debug(
                "{request_id}: {field} is {fate} for {credential}: {why}",
                request_id=self._ask.request_id,
                field=loss.field,
                fate="emulated" if loss.emulated else "left out",
                credential=attempt.candidate.credential,
                why=loss.why,
            )

    def _report(self, attempt: Attempt, status: int, broken: UpstreamTrouble | None) -> None:
        if broken is not None and not self._cut_short and is_trouble(_status_of(broken)):
            self._cool(attempt, _status_of(broken), None, broken.message)
        elif status < 300:
            self._pool.served(attempt.candidate, attempt.asked_at)
        self._log.debug(
            "{request_id}: {model} by {credential}: {status}{ending}",
            request_id=self._ask.request_id,
            model=self._ask.model,
            credential=attempt.candidate.credential,
            status=status,
            ending=f", then broken: {broken.message}" if broken else "",
        )

    def _cool(self, attempt: Attempt, status: int, hint: float | None, reason: str) -> None:
        seconds = self._pool.failed(attempt.candidate, status, self._clock.seconds(), hint)
        self._log.warn(
            "{request_id}: {credential} cools for {seconds:.0f} s for {model} ({status}): {reason}",
            request_id=self._ask.request_id,
            credential=attempt.candidate.credential,
            seconds=seconds,
            model=attempt.candidate.model,
            status=status or "no status",
            reason=reason[:MAX_LOGGED_CHARACTERS],
        )

    def _refuse(self, refusal: Refusal) -> None:
        """Tell the client an upstream's error answer."""
        if self._sink.head_sent:
            self._tell_late(refusal.status, refusal.message, refusal.context_overflow)
            return
        length = (b"content-length", b"%d" % len(refusal.body))
        self._sink.head(refusal.status, (*refusal.headers, length))
        self._sink.write(refusal.body)
        self._sink.finish()

    def _tell(self, error: ProxyError) -> None:
        """Tell an error: in the stream if its head is out, else by raising it for the door to make an answer of."""
        if not self._sink.head_sent:
            raise error
        self._tell_late(error.status, error.message, isinstance(error, Reported) and error.context_overflow)

    def _tell_late(self, status: int, message: str, overflow: bool) -> None:
        """Tell an error in a stream whose head is out."""
        overflow = overflow or is_context_overflow(status, message)
        self._sink.write(self._ask.wire.error_event(Complaint(status, message, self._ask.request_id, overflow)))
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


def shutting_down() -> Unavailable:
    """What is told of a daemon that is being stopped."""
    return Unavailable("The proxy is shutting down.", retry_after=1.0)
