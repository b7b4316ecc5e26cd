"""What is measured beside the bare relay: the table of scenarios, and one round of each, both turn about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import attrs

from bench import procs
from bench.accounting import resident_bytes
from bench.bodies import Question
from bench.figures import Contestant, Figure, Measured, Round
from bench.procs import BenchFailed, Running, Script

BRISK: Final = Script(deltas=100, pause_ms=0)
PACED: Final = Script(deltas=50, pause_ms=20)
MIB: Final = 1024 * 1024

Reading = Callable[[Measured, Measured | None], float]
"""A figure's value, from what was measured through a contestant and, if need be, straight at the upstream."""
Note = Callable[[str, Measured], None]
"""Told every measurement as it is made, with who was measured."""


@attrs.frozen
class Rig:
    """The upstream and the two that relay to it; fresh for each scenario, so that none inherits another's memory."""

    upstream: Running
    daemon: Running
    baseline: Running

    def contestants(self, number: int) -> tuple[tuple[Contestant, Running], ...]:
        """Both, in the order of round `number`: who comes first alternates, lest the place decide."""
        both: tuple[tuple[Contestant, Running], ...] = (("daemon", self.daemon), ("baseline", self.baseline))
        return both if number % 2 == 0 else both[::-1]


@attrs.frozen
class Scenario:
    """A load, and what is read off it. Times are in seconds."""

    name: str
    figures: Mapping[Figure, Reading]
    question: Question
    script: Script
    connections: int = 16
    ramp: float = 0.0
    warm: float = 0.5
    share: float = 1.0
    """Of the usual window."""
    direct: bool = False
    """Whether the upstream is measured alone too, for what the way through adds."""

    def round(self, rig: Rig, number: int, window: float, note: Note) -> Round:
        """Measure each once, over `window` seconds."""

        def measure(who: str, target: Running) -> Measured:
            phases = (self.ramp, self.warm, window * self.share)
            measured = procs.loaded(target, self.question, self.connections, phases)
            note(who, measured)
            if not measured.replies or (self.question.streamed and not measured.deltas):
                complaint = measured.complaint or "no reply ended in the window"
                raise BenchFailed(f"{self.name}: nothing could be measured through {who}: {complaint}")
            return measured

        direct = measure("direct", rig.upstream) if self.direct else None
        found: dict[Contestant, dict[str, float]] = {}
        for who, target in rig.contestants(number):
            measured = measure(who, target)
            found[who] = {figure.title: read(measured, direct) for figure, read in self.figures.items()}
        return found


def cpu_per_reply(measured: Measured, _direct: Measured | None) -> float:
    """CPU time of a reply, µs."""
    return measured.cpu_seconds * 1e6 / measured.replies


def cpu_per_delta(measured: Measured, _direct: Measured | None) -> float:
    """CPU time of a delta, with its share of the request around it, µs."""
    return measured.cpu_seconds * 1e6 / measured.deltas


def deltas_per_second(measured: Measured, _direct: Measured | None) -> float:
    """How many deltas came through: fewer than the upstream's pace means that something was saturated."""
    return measured.deltas / measured.seconds


def added_to_delta(rank: int) -> Reading:
    """How much later a delta comes than straight from the upstream, ms; `rank` 0 is p50, 1 is p99."""

    def read(measured: Measured, direct: Measured | None) -> float:
        assert measured.delta_ms is not None
        assert direct is not None
        assert direct.delta_ms is not None
        return measured.delta_ms[rank] - direct.delta_ms[rank]

    return read


def added_to_first_byte(rank: int) -> Reading:
    """How much later the first byte of a body comes than straight from the upstream, ms; ranks as above."""

    def read(measured: Measured, direct: Measured | None) -> float:
        assert measured.first_byte_ms is not None
        assert direct is not None
        assert direct.first_byte_ms is not None
        return measured.first_byte_ms[rank] - direct.first_byte_ms[rank]

    return read


def _cpu_of_reply(target: float) -> dict[Figure, Reading]:
    return {Figure("CPU per reply, µs", target=target): cpu_per_reply}


_PACED_FIGURES: Final[Mapping[Figure, Reading]] = {
    Figure("CPU per delta, µs", digits=1, target=1.2): cpu_per_delta,
    Figure("deltas per second"): deltas_per_second,
    Figure("added to a delta, p50 ms", digits=2): added_to_delta(0),
    Figure("added to a delta, p99 ms", digits=2): added_to_delta(1),
}
_FIRST_BYTE_FIGURES: Final[Mapping[Figure, Reading]] = {
    Figure("added to first byte, p50 ms", digits=2): added_to_first_byte(0),
    Figure("added to first byte, p99 ms", digits=2): added_to_first_byte(1),
}


_STREAM: Final = Question(streamed=True)


def _paced(connections: int) -> Scenario:
    # Started over a second, as long as a stream lasts: as many begin as end at any time.
    return Scenario(
        f"paced-{connections}",
        _PACED_FIGURES,
        _STREAM,
        PACED,
        connections=connections,
        ramp=1.0,
        direct=True,
    )


_LOADS: Final = (
    Scenario("request", _cpu_of_reply(1.9), Question(), BRISK),
    Scenario("burst", _cpu_of_reply(1.0), _STREAM, BRISK),
    Scenario("large", _cpu_of_reply(1.5), Question("large"), BRISK),
    _paced(50),
    _paced(200),
    Scenario("first-byte", _FIRST_BYTE_FIGURES, _STREAM, BRISK, connections=1, share=0.5, direct=True),
)
SCENARIOS: Final[Mapping[str, Scenario]] = {each.name: each for each in _LOADS}

MEMORY: Final = "memory"
START: Final = Figure("start, s", digits=2)
IDLE: Final = Figure("resident, idle, MiB", digits=1)
AFTER: Final = Figure("after 200 streams, MiB", digits=1)
MEMORY_FIGURES: Final = (START, IDLE, AFTER)


def memory_round(room: Path, *, control: bool, note: Note) -> Round:
    """Start fresh processes, see what they hold idle, then after 200 streams at once."""
    with rigged(PACED, room, control=control) as rig:
        found: dict[Contestant, dict[str, float]] = {}
        for who, target in rig.contestants(0):
            idle = resident_bytes(target.pid)
            note(who, procs.loaded(target, _STREAM, 200, (0.5, 0.5, 0.5)))
            after = resident_bytes(target.pid)
            values = (target.start_seconds, idle / MIB, after / MIB)
            found[who] = {figure.title: value for figure, value in zip(MEMORY_FIGURES, values, strict=True)}
        return found


@contextmanager
def rigged(script: Script, room: Path, *, control: bool) -> Iterator[Rig]:
    """A rig for the time of a `with` block; with `control` a second baseline stands where the daemon would."""
    with ExitStack() as ending:

        def start(command: list[str], port: int) -> Running:
            return ending.enter_context(procs.started(command, port, room))

        port, own_port, base_port = procs.free_port(), procs.free_port(), procs.free_port()
        upstream = start(procs.upstream_command(port, script), port)
        if control:
            daemon = start(procs.baseline_command(own_port, port), own_port)
        else:
            daemon = start(procs.daemon_command(procs.write_config(room, own_port, port)), own_port)
        yield Rig(upstream, daemon, start(procs.baseline_command(base_port, port), base_port))
