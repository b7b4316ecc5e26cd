"""What translation costs: one client's requests, served by upstreams of its own format and of the three others.

All go through one daemon, and what stands beside each pair is the same request on the way without translation. The
upstream's side differs too: Google's chunks hold more bytes than Anthropic's events, and are as many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from bench import procs
from bench.bodies import Question
from bench.figures import Figure, Measured, Round
from bench.procs import BenchFailed, Script
from bench.scenarios import Note, Rig, cpu_per_reply
from bench.wires import FORMATS, WIRES, Format

AT_ONCE: Final = Script(deltas=100, pause_ms=0, stamp=False)
"""Without stamps: OpenAI Responses tells its text five times over, and each would count as sent then."""
CONNECTIONS: Final = 16
WARM_SECONDS: Final = 0.4
SHARE: Final = 0.5
"""Of the usual window: there are many to measure, and each fills it."""
TARGET: Final = 2.0
"""Times the CPU of the same request without translation."""


@attrs.frozen
class Load:
    """What is asked, of whichever upstream. Without a target, its cost is shown only."""

    title: str
    question: Question
    target: float | None = TARGET

    def figure(self, upstream: Format) -> Figure:
        """Its line in the table, for an upstream of this format."""
        return Figure(f"{self.title} by {upstream}, µs", target=self.target)


def _loads(client: Format) -> Sequence[Load]:
    whole = Question(client=client)
    loads = [Load("request", whole), Load("stream", attrs.evolve(whole, streamed=True))]
    if client == "anthropic":
        loads.append(Load("118 kB", attrs.evolve(whole, body="large"), target=None))
    return loads


@attrs.frozen
class Crossing:
    """One client's format, with an upstream of every format."""

    name: str
    client: Format
    loads: Sequence[Load]
    script: Script = AT_ONCE

    @property
    def others(self) -> Sequence[Format]:
        """The formats that it has to be translated to."""
        return [each for each in FORMATS if each != self.client]

    @property
    def figures(self) -> Sequence[Figure]:
        """The lines of the table."""
        return [load.figure(upstream) for load in self.loads for upstream in self.others]

    def round(self, rig: Rig, number: int, window: float, note: Note) -> Round:
        """Measure each pair once."""
        return self.beside([self._costs(load, rig, number, window, note) for load in self.loads])

    def beside(self, costs: Sequence[Mapping[Format, float]]) -> Round:
        """What each load takes by upstream, as a round: the "baseline" is the client's own format."""
        crossed: dict[str, float] = {}
        plain: dict[str, float] = {}
        for load, cost in zip(self.loads, costs, strict=True):
            for upstream in self.others:
                title = load.figure(upstream).title
                crossed[title], plain[title] = cost[upstream], cost[self.client]
        return {"daemon": crossed, "baseline": plain}

    def _costs(self, load: Load, rig: Rig, number: int, window: float, note: Note) -> Mapping[Format, float]:
        """CPU of a reply by upstream, µs. Who comes first changes from round to round, lest the place decide."""
        first = number % len(FORMATS)
        phases = (0.0, WARM_SECONDS, window * SHARE)
        found: dict[Format, float] = {}
        for upstream in FORMATS[first:] + FORMATS[:first]:
            question = attrs.evolve(load.question, model=WIRES[upstream].model)
            measured = procs.loaded(rig.daemon, question, CONNECTIONS, phases)
            note(f"{load.title} by {upstream}", measured)
            _check(f"{self.name}, {load.title} by {upstream}", measured)
            found[upstream] = cpu_per_reply(measured, None)
        return found


def _check(who: str, measured: Measured) -> None:
    if not measured.replies:
        raise BenchFailed(f"{who}: {measured.complaint or 'no reply ended in the window'}")


CROSSINGS: Final[Mapping[str, Crossing]] = {
    crossing.name: crossing for crossing in (Crossing(f"from-{client}", client, _loads(client)) for client in FORMATS)
}
