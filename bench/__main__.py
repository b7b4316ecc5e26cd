"""Run the benchmark: `python -m bench`, or `make bench`. Exit 0 when everything was measured, 1 when something failed.

A benchmark is no test: a missed target is shown, and is no failure.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import attrs

from bench.crossings import CROSSINGS, Crossing
from bench.figures import Figure, Measured, Round, Row, row, table
from bench.procs import BenchFailed
from bench.scenarios import MEMORY, MEMORY_FIGURES, SCENARIOS, Scenario, memory_round, rigged

LOADS: Final[Mapping[str, Scenario | Crossing]] = {**SCENARIOS, **CROSSINGS}
NAMES: Final = (*LOADS, MEMORY)

ROUNDS: Final = 3
WINDOW_SECONDS: Final = 3.0
QUICK_WINDOW_SECONDS: Final = 1.0
BUSY_SHARE: Final = 0.9
"""A load generator that takes more of a core than this may itself have been what limited the rate."""
INTERRUPTED: Final = 130


class Session:
    """One run of the benchmark: its options, and all that was measured so far."""

    def __init__(self, room: Path, rounds: int, window: float, *, control: bool) -> None:
        self.rows: list[Row] = []
        self.measurements: list[dict[str, object]] = []
        self.complaints: list[str] = []
        self.warnings: list[str] = []
        self._room = room
        self._rounds = rounds
        self._window = window
        self._control = control

    def play(self, name: str) -> None:
        """All rounds of one scenario. Raises `BenchFailed`."""
        if name == MEMORY:
            self._fold(name, MEMORY_FIGURES, [self._memory(number) for number in range(self._rounds)])
            return
        scenario = LOADS[name]
        with rigged(scenario.script, self._room, control=self._control) as rig:
            rounds = []
            for number in range(self._rounds):
                self._progress(name, number)
                rounds.append(scenario.round(rig, number, self._window, lambda who, seen: self.note(name, who, seen)))
        self._fold(name, tuple(scenario.figures), rounds)

    def _memory(self, number: int) -> Round:
        self._progress(MEMORY, number)
        return memory_round(self._room, control=self._control, note=lambda who, seen: self.note(MEMORY, who, seen))

    def _progress(self, name: str, number: int) -> None:
        print(f"{name}: round {number + 1} of {self._rounds}", file=sys.stderr, flush=True)

    def note(self, name: str, who: str, seen: Measured) -> None:
        """Keep a measurement, and what is wrong with it."""
        self.measurements.append({"scenario": name, "through": who, **attrs.asdict(seen)})
        if seen.bad:
            self.complaints.append(f"{name}, {who}: {seen.bad} bad of {seen.replies + seen.bad}: {seen.complaint}")
        if seen.load_cpu_seconds > BUSY_SHARE * seen.seconds:
            self.warnings.append(f"{name}, {who}: the load generator took a whole core")

    def _fold(self, name: str, figures: Sequence[Figure], rounds: Sequence[Round]) -> None:
        self.rows += [row(name, figure, rounds) for figure in figures]

    def report(self) -> str:
        """What a person reads at the end."""
        beside_relay = [each for each in self.rows if each.scenario not in CROSSINGS]
        beside_itself = [each for each in self.rows if each.scenario in CROSSINGS]
        parts = [table(beside_relay)] if beside_relay else []
        if beside_itself:
            parts += [table(beside_itself, "translated", "same format")]
        parts += self.warnings
        if self.complaints:
            parts += [*self.complaints, "Something failed: this run is not valid."]
        elif missed := [each for each in self.rows if each.met is False]:
            parts.append("Missed: " + "; ".join(f"{each.scenario}, {each.figure.title}" for each in missed) + ".")
        else:
            parts.append("Every target was met.")
        return "\n".join(parts)

    def numbers(self) -> Mapping[str, object]:
        """The same, and every single measurement, for a machine."""
        return {
            "python": platform.python_version(),
            "system": platform.platform(),
            "control": self._control,
            "rounds": self._rounds,
            "window_seconds": self._window,
            "valid": not self.complaints,
            "rows": [{**attrs.asdict(each), "met": each.met} for each in self.rows],
            "measurements": self.measurements,
            "complaints": self.complaints,
            "warnings": self.warnings,
        }


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="CPU, latency and memory beside a bare relay.")
    parser.add_argument("--scenario", action="append", choices=NAMES, help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, help=f"of every scenario; default {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="one round of one second: for a glance, not for a claim")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers, every measurement too")
    parser.add_argument(
        "--control", action="store_true", help="a second baseline in the daemon's place: ratios show the noise, about 1"
    )
    chosen = parser.parse_args(arguments)
    if chosen.rounds is not None and chosen.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say how it went."""
    chosen = options(arguments)
    rounds = chosen.rounds or (1 if chosen.quick else ROUNDS)
    window = QUICK_WINDOW_SECONDS if chosen.quick else WINDOW_SECONDS
    with tempfile.TemporaryDirectory(prefix="cliproxy-bench-") as room:
        session = Session(Path(room), rounds, window, control=chosen.control)
        try:
            for name in chosen.scenario or NAMES:
                session.play(name)
        except BenchFailed as failure:
            session.complaints.append(str(failure))
        except KeyboardInterrupt:
            return INTERRUPTED
    print(session.report())
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(session.numbers(), indent=2) + "\n", encoding="utf-8")
    return 1 if session.complaints else 0


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # Both leave through every `finally`, which ends the processes. A shell's background job would ignore Ctrl-C's.
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:]))
