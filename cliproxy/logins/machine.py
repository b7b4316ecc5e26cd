"""The life of one login, whichever way it goes: a state machine, and what it does to those who wait.

    Idle -> AwaitingCode | AwaitingDevice -> Exchanging -> Identifying -> Done
    and from anywhere before the end: Failed | Expired | Cancelled

A code is taken once, within its time, and only with the state that went out; who guesses that wrong changes nothing.
"""

from __future__ import annotations

import hmac
from enum import Enum
from typing import Final, Protocol

from automat import TypeMachine, TypeMachineBuilder
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cliproxy.logins.pasted import Callback
from cliproxy.logins.tokens import LoginFailed
from cliproxy.secret import Secret

LIFE_SECONDS: Final = 600.0
"""How long a state is good for: time to find the password, too short to be found lying about."""


class Phase(Enum):
    """Where a login is."""

    IDLE = "idle"
    AWAITING_CODE = "awaiting code"
    AWAITING_DEVICE = "awaiting device"
    EXCHANGING = "exchanging"
    IDENTIFYING = "identifying"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Reception(Enum):
    """What became of something that came back from a browser."""

    TAKEN = "taken"
    DENIED = "denied"
    """The provider says that there will be no code: the login has failed."""
    WRONG_STATE = "wrong state"
    """Somebody else's, or an older login's. This one goes on waiting."""
    NOT_WANTED = "not wanted"
    """There is a code already, or the login is over."""


class Steps(Protocol):
    """What can happen to a login. Each says whether it did."""

    def await_code(self) -> bool:
        """The authorise URL goes out."""

    def await_device(self) -> bool:
        """There is a device code, and a person is asked to agree on another device."""

    def take(self) -> Reception:
        """A code came, with the right state."""

    def deny(self) -> Reception:
        """The provider refuses, with the right state."""

    def agree(self) -> bool:
        """The person has agreed on the other device."""

    def identify(self) -> bool:
        """There are tokens; whose are they?"""

    def finish(self) -> bool:
        """It is known, and they may be kept."""

    def fail(self) -> bool:
        """It came to nothing."""

    def expire(self) -> bool:
        """Nobody came in time. What is being exchanged has its own limits, and goes on."""

    def cancel(self) -> bool:
        """Whoever began it has left."""

    def phase(self) -> Phase:
        """Where it is."""


class Nothing:
    """What the machine works on: it only says what comes next, and `Attempt` does it."""


UNDER_WAY: Final = (
    Phase.IDLE,
    Phase.AWAITING_CODE,
    Phase.AWAITING_DEVICE,
    Phase.EXCHANGING,
    Phase.IDENTIFYING,
)
"""Not over yet."""


def _build() -> TypeMachine[Steps, Nothing]:
    builder = TypeMachineBuilder(Steps, Nothing)
    states = {phase: builder.state(phase.value) for phase in Phase}
    ways = (
        (Phase.IDLE, Steps.await_code, Phase.AWAITING_CODE),
        (Phase.IDLE, Steps.await_device, Phase.AWAITING_DEVICE),
        (Phase.AWAITING_DEVICE, Steps.agree, Phase.EXCHANGING),
        (Phase.EXCHANGING, Steps.identify, Phase.IDENTIFYING),
        (Phase.IDENTIFYING, Steps.finish, Phase.DONE),
        (Phase.AWAITING_CODE, Steps.expire, Phase.EXPIRED),
        (Phase.AWAITING_DEVICE, Steps.expire, Phase.EXPIRED),
        *((phase, Steps.fail, Phase.FAILED) for phase in UNDER_WAY),
        *((phase, Steps.cancel, Phase.CANCELLED) for phase in UNDER_WAY),
    )
    for before, step, after in ways:
        states[before].upon(step).to(states[after]).returns(True)
    told = {(before, step) for before, step, _ in ways}
    for phase, state in states.items():
        state.upon(Steps.phase).loop().returns(phase)
        for step in dict.fromkeys(step for _, step, _ in ways):
            if (phase, step) not in told:
                state.upon(step).loop().returns(False)
        if phase is not Phase.AWAITING_CODE:
            state.upon(Steps.take).loop().returns(Reception.NOT_WANTED)
            state.upon(Steps.deny).loop().returns(Reception.NOT_WANTED)
    awaiting = states[Phase.AWAITING_CODE]
    awaiting.upon(Steps.take).to(states[Phase.EXCHANGING]).returns(Reception.TAKEN)
    awaiting.upon(Steps.deny).to(states[Phase.FAILED]).returns(Reception.DENIED)
    return builder.build()


_MACHINE: Final = _build()


class Attempt:
    """One login. State: the machine's, a timer while somebody is waited for, and the code once it has come."""

    def __init__(self, clock: IReactorTime, state: Secret) -> None:
        self._clock = clock
        self._state = state
        self._steps = _MACHINE(Nothing())
        self._end: IDelayedCall | None = None
        self._code: Deferred[Secret] = Deferred()

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self._steps.phase()

    def code(self) -> Deferred[Secret]:
        """Wait for the code, once. Fails with `LoginFailed` if the provider refuses, or nobody comes in time."""
        if self._steps.await_code():
            self._end = self._clock.callLater(LIFE_SECONDS, self._expire)
        return self._code

    def receive(self, callback: Callback) -> Reception:
        """Judge what came back, from the loopback server or from a person."""
        if self.phase is not Phase.AWAITING_CODE:
            return Reception.NOT_WANTED
        if not _same(callback.state, self._state):
            return Reception.WRONG_STATE
        if not callback.error and callback.code:
            received = self._steps.take()
            self._stop_waiting()
            self._code.callback(callback.code)
            return received
        received = self._steps.deny()
        self._stop_waiting()
        why = f"{callback.error}: {callback.description}" if callback.description else callback.error
        self._code.errback(LoginFailed(f"The provider refused the login ({why or 'it sent no code'})."))
        return received

    def give_up(self, reason: LoginFailed) -> None:
        """No code can come any more, if there is none yet."""
        if self.phase is Phase.AWAITING_CODE:
            self.fail()
            self._code.errback(reason)

    def await_device(self) -> None:
        """A person is asked to agree elsewhere; `device` knows for how long."""
        self._steps.await_device()

    def agreed(self) -> None:
        """They have."""
        self._steps.agree()

    def identify(self) -> None:
        """There are tokens."""
        self._steps.identify()

    def finish(self) -> None:
        """The account is known."""
        self._steps.finish()

    def fail(self) -> None:
        """It came to nothing, unless it is over already."""
        self._stop_waiting()
        self._steps.fail()

    def expire(self) -> None:
        """Nobody came in time."""
        self._stop_waiting()
        self._steps.expire()

    def cancel(self) -> None:
        """Whoever began it has left, unless it is over already."""
        self._stop_waiting()
        self._steps.cancel()

    def _expire(self) -> None:
        self._end = None
        if self._steps.expire():
            self._code.errback(LoginFailed("Nobody came back from the browser in time. Begin again."))

    def _stop_waiting(self) -> None:
        end, self._end = self._end, None
        if end is not None and end.active():
            end.cancel()


def _same(one: Secret, other: Secret) -> bool:
    """In a time that tells nothing of where they differ. An empty one equals nothing."""
    return bool(one) and hmac.compare_digest(one.reveal().encode(), other.reveal().encode())
