"""The story of one request: who could serve it, an attempt, another if that fails, and the relay of the reply.

    plan -> choose -> prepare -> ask -> (trouble: the next credential; nobody left: wait, and another round) -> relay

Until the first content has gone out, trouble is met by asking another credential, and when all have been asked, by the
models that stand in for this one, and by further rounds. After that nothing is asked twice: the client is told in its
own format what happened. What the client did wrong is answered at once and costs no credential. When the client leaves,
the coroutine is cancelled wherever it waits, and with it the upstream request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from cliproxy.ask import Ask, Provision
from cliproxy.asking import Asking, Counted, Failed, Gathered, Outcome, Proven, Shared, Unsaid
from cliproxy.attempt import Attempt
from cliproxy.errors import BadRequest, ProxyError, Unreachable, UpstreamTrouble
from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.wire import SILENT_HEARTBEAT, Operation
from cliproxy.race import Race
from cliproxy.routing.decisions import Decision
from cliproxy.routing.pool import Grant, Wait
from cliproxy.shaping.estimate import estimate_tokens
from cliproxy.stages import Stage, stages_of
from cliproxy.streaming.heart import Heart
from cliproxy.streaming.outlet import Outlet
from cliproxy.streaming.pump import Pump
from cliproxy.telling import nobody_for, shutting_down, tell_error, tell_refusal
from cliproxy.translate.translation import Translation, Upstream
from cliproxy.tried import Tried
from cliproxy.upstream.providers import PROVIDERS

COUNT_HEADER: Final = b"x-cliproxy-token-count"
LEAST_PAUSE_SECONDS: Final = 1.0
"""Who has just failed is not asked again sooner, even where nothing is held against it."""
MAX_ROUNDS_SECONDS: Final = 600.0
"""After that no further round is begun: the official SDKs wait no longer for a reply."""
MAX_JITTER_SECONDS: Final = 2.0
"""By so much, or a quarter of the wait, requests that wait for the same moment are spread."""

Choice = Grant | Wait


class Exchange:
    """One request on its way. State: who was tried, what that came to, and the pump of the reply under way."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, ask: Ask, sink: Outlet, provision: Provision, shared: Shared, decision: Decision) -> None:
        self._ask = ask
        self._sink = sink
        self._provision = provision
        self._shared = shared
        self._decision = decision
        self._heart = Heart(sink, shared.clock, provision.streaming, self._beat)
        self._asking = Asking(ask, provision, shared, sink, self._heart)
        self._stages: Sequence[Stage] = ()
        self._began = shared.clock.seconds()
        self._rounds = 0
        """Begun after the first one."""
        self._tried = Tried(provision.place_of)
        """In this round."""
        self._passing = False
        """Something went wrong in this round that may not in the next."""
        self._unsaid: BadRequest | None = None
        self._failed: Failed | None = None
        self._queued_until: float | None = None
        self._pump: Pump | None = None
        self._cut_short = False

    async def run(self) -> None:
        """Serve the request. Raises `ProxyError` while the status can still be told; later the client is told here."""
        try:
            await self._serve()
        except ProxyError as error:
            self._decision.outcome = f"{error.status}: {error.message}"
            tell_error(error, self._ask, self._sink)
        except CancelledError:
            self._decision.outcome = "the client left" if not self._cut_short else "the proxy was stopped"
            if not self._cut_short:
                raise
            tell_error(shutting_down(), self._ask, self._sink)
        except Exception:
            # A mistake of ours. Before the head the door makes an answer of it; later there is none to be made.
            self._decision.outcome = "the proxy failed"
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

    # -- the story

    async def _serve(self) -> None:
        """Ask one credential after another, and in further rounds, until a reply is told, or tell why there is none."""
        self._stages = stages_of(self._ask, self._provision, int(self._shared.wall()))
        session = self._stages[0].session
        self._decision.session = session.source if session is not None else ""
        if self._ask.stream:
            self._heart.start()
        choice = self._choose()
        while True:
            if isinstance(choice, Grant):
                outcome = await self._attempt(choice)
                if not isinstance(outcome, Failed | Unsaid):
                    await self._relay(outcome)
                    return
                self._learn(outcome)
                if isinstance(outcome, Failed) and outcome.final:
                    break
                choice = self._choose()
            elif (seconds := self._seconds_to_next_round(choice)) is not None:
                await self._rest(seconds)
                choice = self._choose()
            elif isinstance(choice, Wait) and self._may_queue(choice):
                choice = await self._queue(choice)
            else:
                break
        self._refuse(choice)

    def _choose(self) -> Choice | None:
        """Who is asked next: for the first model that anybody serves just now. None: all were asked in this round."""
        waits: list[Wait] = []
        for stage in self._stages:
            choice = self._choose_for(stage)
            if isinstance(choice, Grant):
                return choice
            if choice is not None:
                waits.append(choice)
        return _nearest(waits)

    def _choose_for(self, stage: Stage) -> Choice | None:
        most = self._provision.retrying.max_retry_credentials
        if most and len(self._tried) >= most:
            return None
        return self._shared.pool.choose(stage.wanted, self._shared.wall(), self._tried, self._decision)

    async def _attempt(self, grant: Grant) -> Outcome:
        """Ask one credential, and if it is silent and that is wanted, a second one."""
        seconds = self._provision.retrying.hedge_seconds
        if not seconds or self._ask.operation is not Operation.GENERATE:
            return await self._asked(grant)
        first = Deferred.fromCoroutine(self._asked(grant))
        return await Race(first, lambda: self._hedge(grant), _is_won, self._shared.clock, seconds).result

    def _hedge(self, first: Grant) -> Deferred[Outcome] | None:
        """The second credential, if there is one for the same model just now."""
        choice = self._choose_for(self._stage_of(first))
        return Deferred.fromCoroutine(self._asked(choice)) if isinstance(choice, Grant) else None

    async def _asked(self, grant: Grant) -> Outcome:
        """Ask one credential. Whatever comes of it, the grant is released, or goes on to the reply that flows."""
        self._tried.add(grant.candidate)
        try:
            attempt = self._prepare(grant)
        except Exception as mistake:
            self._asking.release(grant)
            if isinstance(mistake, BadRequest):
                return Unsaid(mistake)
            raise
        if attempt is None:
            self._asking.release(grant)
            return Counted(self._stage_of(grant).translation)
        self._note_losses(attempt)
        outcome = await self._asking.run(attempt)
        if isinstance(outcome, Failed) and isinstance(outcome.told, Unreachable):
            self._tried.not_reached(grant.candidate)
        return outcome

    def _prepare(self, grant: Grant) -> Attempt | None:
        """What goes out; None if the upstream has no such operation. Raises `BadRequest` for what it cannot be told."""
        ask, candidate = self._ask, grant.candidate
        if not self._provision.can_be_asked(candidate, ask.operation, ask.wire):
            return None
        translation = self._stage_of(grant).translation
        account = self._provision.accounts[candidate.credential]
        wire = FORMATS[PROVIDERS[account.provider].format]
        upstream = Upstream(wire, account.origin, candidate.model, account.dialect)
        return Attempt(ask, grant, account, upstream, translation, translation.prepare(upstream))

    def _stage_of(self, grant: Grant) -> Stage:
        return next(stage for stage in self._stages if stage.wanted is grant.wanted)

    def _learn(self, outcome: Failed | Unsaid) -> None:
        """Keep what is told if nobody does better: an upstream's last word, else the first thing that is unsaid."""
        if isinstance(outcome, Unsaid):
            self._unsaid = self._unsaid or outcome.mistake
        else:
            self._failed = outcome
            self._passing = self._passing or outcome.passing

    # -- waiting

    def _seconds_to_next_round(self, choice: Wait | None) -> float | None:
        """How long to wait until everybody may be asked again; None: there is no point in it, or not yet."""
        retrying, shared = self._provision.retrying, self._shared
        if self._rounds >= retrying.request_retry or shared.waiting.is_full:
            return None
        if shared.clock.seconds() - self._began >= MAX_ROUNDS_SECONDS:
            return None
        seconds = None
        if self._passing:
            now = shared.wall()
            back = [shared.pool.seconds_until_ready(stage.wanted, now) for stage in self._stages]
            seconds = min((known for known in back if known is not None), default=None)
        elif choice is not None and not choice.full:
            seconds = choice.seconds  # some were not asked in this round
        if seconds is None:
            return None
        if self._tried:
            seconds = max(seconds, LEAST_PAUSE_SECONDS)
        return seconds if seconds <= retrying.max_retry_interval_seconds else None

    async def _rest(self, seconds: float) -> None:
        """Wait, and begin another round."""
        jitter = min(seconds / 4, MAX_JITTER_SECONDS) * self._shared.chance()
        await self._shared.waiting.sleep(self._ask.request_id, seconds + jitter)
        self._rounds += 1
        self._tried.clear()
        self._passing = False

    def _may_queue(self, choice: Wait) -> bool:
        """Whether it helps to wait until another request ends."""
        if not choice.full or self._shared.waiting.is_full:
            return False
        now = self._shared.clock.seconds()
        if self._queued_until is None:
            self._queued_until = now + self._provision.routing.queue_seconds
        return now < self._queued_until

    async def _queue(self, choice: Wait) -> Choice | None:
        """Who is asked next, after standing in the queue until somebody has room."""
        ask, waiting = self._ask, self._shared.waiting
        who = self._stages[0].wanted.session or ask.request_id
        same = ask.model, ask.operation, ask.wire.name, frozenset(self._tried)
        now: Choice | None = choice
        self._stir_when_due(choice)

        def look() -> bool:
            nonlocal now
            now = self._choose()
            if not isinstance(now, Wait) or not now.full:
                return True
            self._stir_when_due(now)
            return False

        assert self._queued_until is not None
        found = await waiting.wait(who, same, look, self._queued_until - self._shared.clock.seconds())
        return now if found else self._choose()

    def _stir_when_due(self, wait: Wait) -> None:
        """Of those in whose queue we stand some are full, and others may be back sooner: nobody tells when."""
        if wait.seconds is not None:
            self._shared.waiting.stir_in(wait.seconds)

    # -- the reply

    async def _relay(self, outcome: Proven | Counted | Gathered) -> None:
        if isinstance(outcome, Counted):
            self._count_here(outcome.translation)
        elif isinstance(outcome, Gathered):
            self._tell_together(outcome)
        else:
            await self._flow(outcome)

    async def _flow(self, proven: Proven) -> None:
        attempt, answer, head, pump = proven.attempt, proven.answer, proven.head, proven.pump
        self._pump = pump
        broken: UpstreamTrouble | None = None
        try:
            self._beat_or_not(attempt.becomes_stream(head))
            if not self._sink.head_sent:
                whole = not pump.inflated
                self._sink.head(answer.status, attempt.head_of_reply(answer, head, plain=pump.plain, whole=whole))
            pump.flow(self._sink)
            broken = await pump.done
        finally:
            if broken is not None and not self._cut_short:
                self._asking.broken(attempt, broken)
            self._asking.release(attempt.grant, pump.usage)
        self._report(proven, broken)

    def _beat_or_not(self, is_stream: bool) -> None:
        """As the reply needs it: of two that were asked, the other may have left it otherwise."""
        if self._ask.stream and is_stream:
            self._heart.start()
        else:
            self._heart.stop()

    def _tell_together(self, gathered: Gathered) -> None:
        """Several answers in one reply."""
        attempt = gathered.attempt
        if not self._sink.head_sent:
            self._sink.head(200, attempt.head_of_telling([]))
        self._sink.write(attempt.translation.merged(attempt.prepared, gathered.replies))
        self._sink.finish()
        self._decision.outcome = f"200 by {attempt.grant.candidate.credential}"

    def _count_here(self, translation: Translation) -> None:
        """Answer a count for an upstream that has no counter: by an estimate, marked as one."""
        encode_count = CODECS[self._ask.wire.name].encode_count
        assert encode_count is not None
        body = encode_count(estimate_tokens(translation.decoded))
        headers = [(b"content-type", b"application/json"), (COUNT_HEADER, b"estimate")]
        self._sink.head(200, [*headers, (b"content-length", b"%d" % len(body))])
        self._sink.write(body)
        self._sink.finish()
        self._decision.outcome = "200 by an estimate"

    def _refuse(self, choice: Choice | None) -> None:
        """Tell the client why there is no reply: as an upstream told it, or by raising `ProxyError`."""
        if self._failed is None:
            raise self._unsaid or nobody_for(self._ask.model, choice if isinstance(choice, Wait) else None)
        told = self._failed.told
        if isinstance(told, ProxyError):
            raise told
        self._decision.outcome = f"{told.status}: {told.message}"
        tell_refusal(told, self._ask, self._sink)

    def _beat(self) -> bytes:
        return SILENT_HEARTBEAT if self._pump is None else self._pump.heartbeat

    # -- what is noted

    def _report(self, proven: Proven, broken: UpstreamTrouble | None) -> None:
        status, credential = proven.answer.status, proven.attempt.grant.candidate.credential
        ending = f", then broken: {broken.message}" if broken else ""
        self._decision.outcome = f"{status} by {credential}{ending}"
        self._log.debug(
            "{request_id}: {model} by {credential}: {status}{ending}",
            request_id=self._ask.request_id,
            model=self._ask.model,
            credential=credential,
            status=status,
            ending=ending,
        )

    def _note_losses(self, attempt: Attempt) -> None:
        for loss in attempt.prepared.losses:
            self._log.debug(
                "{request_id}: {field} is {fate} for {credential}: {why}",
                request_id=self._ask.request_id,
                field=loss.field,
                fate="emulated" if loss.emulated else "left out",
                credential=attempt.grant.candidate.credential,
                why=loss.why,
            )


def _is_won(outcome: Outcome) -> bool:
    return outcome.final if isinstance(outcome, Failed) else not isinstance(outcome, Unsaid)


def _nearest(waits: Sequence[Wait]) -> Wait | None:
    """What to wait for: whatever comes first."""
    if not waits:
        return None
    known = [wait for wait in waits if wait.seconds is not None]
    first = min(known, key=lambda wait: wait.seconds or 0.0, default=waits[0])
    return attrs.evolve(first, full=any(wait.full for wait in waits))
