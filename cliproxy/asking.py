"""One credential, asked: until its reply has proved good, or has not. What the pool learns of it is told here."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cliproxy.ask import Ask, Provision
from cliproxy.attempt import Attempt, Refusal, reply_head
from cliproxy.conversation.reply import Fold, Reply, merge
from cliproxy.conversation.usage import Usage
from cliproxy.errors import BadRequest, Broken, Reported, Unavailable, UpstreamTrouble
from cliproxy.formats.wire import Operation
from cliproxy.routing.pool import Grant, Pool
from cliproxy.routing.verdicts import NO_ANSWER, UNAUTHORIZED, Verdict, judge, judge_reported
from cliproxy.streaming.collect import collect
from cliproxy.streaming.heart import Heart
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.pump import Pump
from cliproxy.translate.readers import ReplyHead
from cliproxy.translate.translation import Translation
from cliproxy.upstream.limits import read_limits
from cliproxy.upstream.providers import PROVIDERS
from cliproxy.upstream.transport import Answer
from cliproxy.waiting import Waiting

MAX_ERROR_BODY_BYTES: Final = 256 * 1024
"""Of an answer that is held while another credential is asked. Real ones have a few hundred."""
ERROR_BODY_SECONDS: Final = 5.0
"""An error's body comes with its head; who waits longer for it only delays the next attempt."""
NO_COUNTER: Final = frozenset({404, 405, 501})
"""What servers answer that speak a wire but have no token counter."""
MAX_LOGGED_CHARACTERS: Final = 300
"""Of an upstream's message; it goes to the client whole."""


@attrs.frozen
class Shared:
    """What all exchanges of a daemon share, beside the provision."""

    pool: Pool
    waiting: Waiting
    clock: IReactorTime
    wall: Callable[[], float]
    """Unix time in seconds."""
    chance: Callable[[], float]
    """From 0 to 1."""


@attrs.frozen
class Proven:
    """A reply that is worth telling."""

    attempt: Attempt
    answer: Answer
    head: ReplyHead
    """The answer's."""
    pump: Pump


@attrs.frozen
class Counted:
    """An upstream without a token counter: tokens are to be estimated."""

    translation: Translation


@attrs.frozen
class Gathered:
    """Several answers of an upstream that gives one at a time, each whole."""

    attempt: Attempt
    replies: tuple[Reply, ...]


@attrs.frozen
class Unsaid:
    """What the client asks cannot be said to this upstream, which was not asked; to another it may."""

    mistake: BadRequest


@attrs.frozen
class Failed:
    """No reply. What is told if nobody does better."""

    told: Refusal | UpstreamTrouble
    final: bool = False
    """It is the client's own mistake: nobody would do better."""
    passing: bool = False
    """The same credential may do better in a while."""


Outcome = Proven | Counted | Gathered | Unsaid | Failed


class Asking:
    """What asks, for one exchange. `heart` beats while a client waits for a stream, whoever is asked for it."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, ask: Ask, provision: Provision, shared: Shared, sink: Outlet, heart: Heart) -> None:
        self._ask = ask
        self._provision = provision
        self._pool = shared.pool
        self._waiting = shared.waiting
        self._clock = shared.clock
        self._wall = shared.wall
        self._sink = sink
        self._heart = heart

    async def run(self, attempt: Attempt) -> Outcome:
        """Ask once, or as often as the client wants answers. The grant is released, unless there is a reply to flow."""
        outcome: Outcome | None = None
        try:
            outcome = await (self._each(attempt) if attempt.prepared.times > 1 else self._once(attempt))
        except UpstreamTrouble as trouble:
            outcome = self._troubled(attempt, trouble)
        finally:
            if not isinstance(outcome, Proven):
                usage = merge(outcome.replies).usage if isinstance(outcome, Gathered) else None
                self.release(attempt.grant, usage)
                if self._ask.stream:
                    self._heart.start()  # its answer may have been one that bears no beats
        return outcome

    def release(self, grant: Grant, usage: Usage | None = None) -> None:
        """The attempt is over."""
        self._pool.release(grant, self._wall(), usage)
        self._waiting.stir()

    def broken(self, attempt: Attempt, trouble: UpstreamTrouble) -> None:
        """A reply broke after the client had heard of it."""
        verdict = _verdict_on(trouble)
        if verdict is not None:
            self._cool(attempt, verdict, _status_of(trouble), trouble.retry_after, trouble.message)

    # -- inside

    async def _once(self, attempt: Attempt) -> Outcome:
        attempt, answer, error = await self._answered(attempt)
        if error is not None:
            return self._refused(attempt, answer, error)
        head = reply_head(answer)
        if self._sink.head_sent and not attempt.becomes_stream(head):
            await self._body(attempt, answer)
            raise Broken("The upstream answered with something other than the stream that was asked for.")
        pump = self._pump(attempt, answer, head)
        proven = False
        try:
            await pump.proven
            proven = True
        finally:
            if not proven:
                pump.abandon()
        self._served(attempt)
        return Proven(attempt, answer, head, pump)

    async def _answered(self, attempt: Attempt) -> tuple[Attempt, Answer, bytes | None]:
        """The answer's head, and of an error all of it; where a login's token was refused, that to a fresh one."""
        if attempt.account.renewable and not attempt.account.key:
            first = await self._renewed(attempt)
            if first is None:
                raise Unavailable("The account has no token, and none is to be had just now.")
            attempt = first
        answer, error = await self._send(attempt)
        if error is None or judge(answer.status, error) is not UNAUTHORIZED:
            return attempt, answer, error
        fresh = await self._renewed(attempt)
        return (attempt, answer, error) if fresh is None else (fresh, *await self._send(fresh))

    async def _renewed(self, attempt: Attempt) -> Attempt | None:
        """The same attempt with another token, if one is to be had."""
        renewer, account = self._provision.renewer, attempt.account
        if renewer is None or not account.renewable or not await renewer.renew(account.id, account.key):
            return None
        return attrs.evolve(attempt, account=self._provision.accounts[attempt.grant.candidate.credential])

    async def _send(self, attempt: Attempt) -> tuple[Answer, bytes | None]:
        answer = await self._provision.sender.send(attempt.outgoing(self._provision.user_agent))
        if answer.status >= 300:
            return answer, await self._body(attempt, answer)
        self._note_limits(attempt, answer, b"")
        return answer, None

    def _refused(self, attempt: Attempt, answer: Answer, body: bytes) -> Outcome:
        if self._ask.operation is Operation.COUNT_TOKENS and answer.status in NO_COUNTER:
            return Counted(attempt.translation)
        hint, whole = self._note_limits(attempt, answer, body)
        refusal = attempt.refusal(answer, body)
        verdict = judge(answer.status, body)
        if verdict is None:
            return Failed(refusal, final=True)
        self._cool(attempt, verdict, answer.status, hint, refusal.message, whole=whole)
        if answer.status < 400:
            return Failed(Unavailable(f"The upstream redirects (status {answer.status}); is its base-url right?"))
        return Failed(refusal, passing=verdict.passes)

    def _troubled(self, attempt: Attempt, trouble: UpstreamTrouble) -> Failed:
        for account in (attempt.account, self._provision.accounts[attempt.grant.candidate.credential]):
            trouble.message = account.redacted(trouble.message.encode()).decode()
        verdict = _verdict_on(trouble)
        status = _status_of(trouble)
        if verdict is None:
            return Failed(trouble, final=True)
        self._cool(attempt, verdict, status, trouble.retry_after, trouble.message)
        return Failed(trouble, passing=verdict.passes)

    async def _each(self, attempt: Attempt) -> Outcome:
        """Ask once for each answer that the client wants."""
        translation, upstream = attempt.translation, attempt.upstream
        replies: list[Reply] = []
        for _ in range(attempt.prepared.times):
            attempt, answer, error = await self._answered(attempt)
            if error is not None:
                return self._refused(attempt, answer, error)
            kept = Fold()
            prepared = translation.prepare(upstream)  # its stages hold state of one reply
            reader = translation.keeper(upstream, prepared, reply_head(answer), kept)
            idle_seconds = self._provision.timeouts.idle_seconds
            pump = Pump(reader, self._clock, idle_seconds, self._ask.request_id)
            answer.deliver(pump)
            pump.watch(None)
            try:
                await pump.proven
            finally:
                pump.abandon()  # a body may go on behind its reply
            replies.append(kept.reply())
        self._served(attempt)
        return Gathered(attempt, tuple(replies))

    def _pump(self, attempt: Attempt, answer: Answer, head: ReplyHead) -> Pump:
        """Have the body pumped, to the point where it proves good."""
        reply = attempt.translation.reader(attempt.upstream, attempt.prepared, head)
        pump = Pump(reply, self._clock, self._provision.timeouts.idle_seconds, self._ask.request_id)
        answer.deliver(pump)
        if self._ask.stream and attempt.becomes_stream(head):
            pump.watch(None)
        else:
            self._heart.stop()
            pump.watch(self._provision.streaming.commit_seconds)
        return pump

    async def _body(self, attempt: Attempt, answer: Answer) -> bytes:
        """All of it, without the account's key."""
        body = await collect(answer, MAX_ERROR_BODY_BYTES, ERROR_BODY_SECONDS, self._clock)
        return attempt.account.redacted(body)

    def _note_limits(self, attempt: Attempt, answer: Answer, body: bytes) -> tuple[float | None, bool]:
        """What the answer says of the account's limits: when to ask again, and whether that is for all of it."""
        now = self._wall()
        wire, model = PROVIDERS[attempt.account.provider].format, attempt.upstream.model
        limits = read_limits(wire, answer.status, answer.headers, body, model, now)
        if limits.windows:
            self._pool.told(attempt.grant.candidate, limits.windows, now)
        return limits.retry_after, limits.whole_account

    def _served(self, attempt: Attempt) -> None:
        self._pool.served(attempt.grant, self._wall())
        if attempt.grant.probe:
            self._log.info(
                "{request_id}: {credential} serves again",
                request_id=self._ask.request_id,
                credential=attempt.grant.candidate.credential,
            )
            self._waiting.stir()

    def _cool(
        self,
        attempt: Attempt,
        verdict: Verdict,
        status: int,
        hint: float | None,
        reason: str,
        *,
        whole: bool = False,
    ) -> None:
        reason = reason[:MAX_LOGGED_CHARACTERS]
        seconds = self._pool.failed(
            attempt.grant, verdict, self._wall(), status=status, hint=hint, whole=whole, reason=reason
        )
        self._log.warn(
            "{request_id}: {credential} cools for {seconds:.0f} s for {model} ({verdict}, {status}): {reason}",
            request_id=self._ask.request_id,
            credential=attempt.grant.candidate.credential,
            seconds=seconds,
            model="all models" if whole or verdict.whole else attempt.grant.candidate.model,
            verdict=verdict.name,
            status=status or "no status",
            reason=reason,
        )


def _verdict_on(trouble: UpstreamTrouble) -> Verdict | None:
    return judge_reported(trouble.status, trouble.message) if isinstance(trouble, Reported) else judge(NO_ANSWER)


def _status_of(trouble: UpstreamTrouble) -> int:
    """The status by which trouble counts: that of an error which the upstream told in a stream, else none."""
    return trouble.status if isinstance(trouble, Reported) else NO_ANSWER
