"""From a request that is understood to its reply, with pauses and faults: the same for every wire. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.demo.faults import Spoiling, spoil
from cliproxy.demo.plan import Talk, Turn, plan
from cliproxy.demo.replies import Chunk, DemoRequest, End, Pace, Pause, Reply, Step
from cliproxy.demo.script import read_script
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from cliproxy.errors import ClientMistake, NotFound, TooLarge

Headers = Sequence[tuple[str, str]]
Check = Callable[[DemoRequest], None]
"""Raises `ClientMistake` if the request has no key."""
Route = Callable[[DemoRequest, DemoSettings, str], Reply]
"""Takes the request's seed too. Raises `ClientMistake`."""
Refusal = Callable[[ClientMistake, str], Reply]
"""A mistake and the request's seed in, the reply that tells it out."""


@attrs.frozen
class Voice:
    """How one answer is said on one wire."""

    whole: Callable[[Turn], bytes]
    stream: Callable[[Turn, Pace], Sequence[Step]]
    """Each chunk is one event; the last step is `End`."""
    error: Callable[[int, str], Reply]
    """A status and a sentence in, the reply that tells them out."""
    error_event: Callable[[str, int], bytes]
    """The sentence of a server that is overloaded, as an event behind so many others."""
    headers: Headers = ()
    """Of every reply, beside its type and length."""
    stream_type: str = "text/event-stream; charset=utf-8"
    overloaded: int = 503
    """The status of a server that is overloaded."""


def serve(request: DemoRequest, settings: DemoSettings, route: Route | None, check: Check, refuse: Refusal) -> Reply:
    """What a route answers; its complaints, and those about the request as such, become replies too."""
    seed = seed_of(request)
    try:
        if route is None:
            raise NotFound(f"The demo upstream has no {request.method} {request.path}.")
        check(request)
        if len(request.body) > MAX_BODY_BYTES:
            raise TooLarge(f"The request is over {MAX_BODY_BYTES} bytes.")
        return route(request, settings, seed)
    except ClientMistake as mistake:
        return refuse(mistake, seed)


def speak(talk: Talk, settings: DemoSettings, voice: Voice, streamed: bool) -> Reply:
    """The answer to a talk. Raises `BadRequest` for directives that are wrong."""
    script, _ = read_script(talk.instruction.prompt)
    turn = plan(talk, script, settings)
    pause = settings.delta_pause_seconds if script.delta_pause_seconds is None else script.delta_pause_seconds
    pace = Pace(pause, settings.stamp)
    if streamed:
        headers = [("content-type", voice.stream_type), ("cache-control", "no-cache"), *voice.headers]
        reply = Reply(200, headers, voice.stream(turn, pace))
    else:
        reply = json_reply(200, voice.whole(turn), voice.headers)
        if pause:  # it takes as long as its stream would
            steps = voice.stream(turn, pace)
            reply = attrs.evolve(reply, wait_seconds=sum(step.seconds for step in steps if isinstance(step, Pause)))
    fault = script.fault or settings.fault
    if not fault:
        return reply
    stall_seconds = settings.stall_seconds if script.stall_seconds is None else script.stall_seconds
    return _with_fault(reply, fault, voice, stall_seconds, streamed)


def _with_fault(reply: Reply, fault: str, voice: Voice, stall_seconds: float, streamed: bool) -> Reply:
    told = f"The demo upstream was asked for the fault {fault}."
    if fault.isdecimal():
        return voice.error(int(fault), told)
    if fault in ("error", "error-first") and not streamed:
        return voice.error(voice.overloaded, told)
    return spoil(reply, fault, Spoiling(stall_seconds, lambda before: voice.error_event(told, before)))


def json_reply(status: int, body: bytes, headers: Headers = ()) -> Reply:
    """A body of a known length."""
    described = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
    return Reply(status, described, [Chunk(body), End()])


def seed_of(request: DemoRequest) -> str:
    """What every id of the reply is made from: hexadecimal, the same for the same request."""
    return hashlib.sha256(f"{request.method} {request.path}?{request.query}\n".encode() + request.body).hexdigest()


RETRY_AFTER: Final[Mapping[int, Headers]] = {429: [("retry-after", "1")]}
"""What a status says of when to come back, where its wire says so in a header."""
