"""One run of the simulation: the real pool between the traces and the vendor, over simulated time.

A request is served as the exchange serves it: whom the pool chooses is asked, another one if that fails, and when
nobody is left, some further rounds follow if somebody is back within seconds. Who is refused comes again later.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Final

import attrs

from bench.pool_traces import DAY, Conversation, Thread, Turn
from bench.pool_vendor import CACHE_SECONDS, OUTPUT, READ, WRITE, Account, Refusal
from cliproxy.config.schema import Retrying
from cliproxy.conversation.usage import Usage
from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.routing.pool import Grant, Policy, Pool, Wanted
from cliproxy.routing.verdicts import judge

MODEL: Final = ModelName("model")
RETRYING: Final = Retrying()
"""The defaults of the configuration."""
REFUSAL_SECONDS: Final = 0.5
"""From a request to its refusal."""
FIRST_CONTENT_SECONDS: Final = 1.5
COMES_AGAIN_SECONDS: Final = 60.0


@attrs.define
class Tally:
    """What a run has seen; it grows."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    moves: int = 0
    """Requests of a thread whose prompt was in the cache of another account than the one that served them."""
    lost_tokens: int = 0
    """Of the prompts, what was read afresh for that."""
    failed: int = 0
    """Attempts, unseen by the client."""
    refused: int = 0
    refused_with_room: int = 0


@attrs.define(eq=False)
class Work:
    """A thread under way."""

    session: bytes
    thread: Thread
    behind: Work | None = None
    """Who waits for it."""
    turn: int = 0
    waits_for: int = 0
    """Side threads that it has begun."""
    served_by: CredentialId | None = None
    served_at: float = 0.0


@attrs.define(eq=False)
class Request:
    """One turn, until it is served."""

    work: Work
    turn: Turn
    wanted: Wanted
    tried: set[Candidate] = attrs.field(factory=set)
    rounds: int = 0
    retryable: bool = True


class Run:
    """The pool, the accounts, and what happens next. Time is in seconds from the beginning of the first day."""

    def __init__(self, policy: Policy, accounts: Sequence[Account], chance: Random) -> None:
        self.pool = Pool(policy)
        self.tally = Tally()
        self.accounts = {CredentialId(f"account-{number:02}"): account for number, account in enumerate(accounts)}
        self.spent: list[tuple[float, float]] = []
        """When how much was used, in tokens of fresh input."""
        self._candidates = tuple(Candidate(name, MODEL) for name in self.accounts)
        self._chance = chance
        self._numbers = count()
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []

    def play(self, conversations: Sequence[Conversation], days: float) -> None:
        """All that begins within the days, to the end of the last of them."""
        for conversation in conversations:
            work = Work(conversation.session, conversation.main)
            self._at(conversation.at, partial(self._ask, work))
        for account in self.accounts.values():
            for at in account.elsewhere:
                self._at(at, account.use_elsewhere)
        while self._agenda and self._agenda[0][0] < days * DAY:
            at, _, happens = heapq.heappop(self._agenda)
            happens(at)

    def _at(self, at: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), happens))

    # -- a request

    def _ask(self, work: Work, at: float) -> None:
        turn = work.thread.turns[work.turn]
        wanted = Wanted(MODEL, self._candidates, session=work.session, tokens=turn.prompt)
        self._try(Request(work, turn, wanted), at)

    def _try(self, request: Request, at: float) -> None:
        choice = self.pool.choose(request.wanted, at, request.tried)
        if not isinstance(choice, Grant):
            self._no_one(request, at)
            return
        request.tried.add(choice.candidate)
        account = self.accounts[choice.candidate.credential]
        lost = self._lost(request, choice.candidate.credential, at)
        answer = account.ask(request.work.thread, request.turn, at)
        if isinstance(answer, Refusal):
            self._at(at + REFUSAL_SECONDS, partial(self._refused, request, choice, answer))
            return
        self._count(request, answer, lost)
        request.work.served_by, request.work.served_at = choice.candidate.credential, at
        self.spent.append((at, READ * answer.cache_read + WRITE * answer.cache_write + OUTPUT * answer.output))
        self._at(at + FIRST_CONTENT_SECONDS, partial(self._served, choice, account))
        self._at(at + request.turn.seconds, partial(self._replied, request, choice, account, answer))

    def _refused(self, request: Request, grant: Grant, refusal: Refusal, at: float) -> None:
        self.tally.failed += 1
        verdict = judge(refusal.status)
        assert verdict is not None
        whole = refusal.status == 429
        self.pool.failed(grant, verdict, at, status=refusal.status, hint=refusal.hint, whole=whole)
        self.pool.release(grant, at)
        self._try(request, at)

    def _no_one(self, request: Request, at: float) -> None:
        """Another round, if somebody is back soon; else the client is told, and comes again later."""
        if request.rounds < RETRYING.request_retry:
            request.rounds += 1
            request.tried.clear()
            seconds = self.pool.seconds_until_ready(request.wanted, at)
            if seconds is not None and seconds <= RETRYING.max_retry_interval_seconds:
                jitter = min(seconds / 4, 2.0) * self._chance.random()
                self._at(at + seconds + jitter, partial(self._try, request))
                return
        self.tally.refused += 1
        self.tally.refused_with_room += any(account.has_room(at) for account in self.accounts.values())
        self._at(at + COMES_AGAIN_SECONDS, partial(self._ask, request.work))

    def _served(self, grant: Grant, account: Account, at: float) -> None:
        self.pool.told(grant.candidate, (account.window(),), at)
        self.pool.served(grant, at)

    def _replied(self, request: Request, grant: Grant, account: Account, usage: Usage, at: float) -> None:
        account.replied(usage.output, at)
        self.pool.release(grant, at, usage)
        work = request.work
        work.turn += 1
        work.waits_for = len(request.turn.agents)
        for thread in request.turn.agents:
            self._ask(Work(work.session, thread, behind=work), at)
        if not work.waits_for:
            self._go_on(work, at)

    def _go_on(self, work: Work, at: float) -> None:
        if work.turn < len(work.thread.turns):
            self._at(at + work.thread.turns[work.turn].gap, partial(self._ask, work))
        elif work.behind is not None:
            work.behind.waits_for -= 1
            if not work.behind.waits_for:
                self._go_on(work.behind, at)

    # -- counting

    def _lost(self, request: Request, chosen: CredentialId, at: float) -> int:
        """What another account than the chosen one has in its cache, and the chosen one has not; -1: it is the same."""
        work = request.work
        if work.served_by in (None, chosen) or at - work.served_at > CACHE_SECONDS:
            return -1
        before = self.accounts[work.served_by].reads(work.thread, request.turn, at)
        return max(0, before - self.accounts[chosen].reads(work.thread, request.turn, at))

    def _count(self, request: Request, usage: Usage, lost: int) -> None:
        tally = self.tally
        tally.requests += 1
        tally.prompt_tokens += usage.prompt
        tally.cached_tokens += usage.cache_read
        if lost >= 0:
            tally.moves += 1
            tally.lost_tokens += lost
