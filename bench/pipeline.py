"""The pure part of translation, in this process: no sockets, no daemon, and so no neighbours but the machine's.

Prints, for every pair of formats, the CPU of making a request ready and of reading a stream of 100 deltas, all in one
read of the upstream's socket and each delta in its own. For a glance while the code changes; `python -m bench` is what
counts. With a client's format and an upstream's it shows where the time goes instead.

    python -m bench.pipeline [CLIENT UPSTREAM]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Final

import attrs

from bench.bodies import Question
from bench.wires import FORMATS, WIRES, Format
from cliproxy.demo.answer import Demo
from cliproxy.demo.replies import Chunk, DemoRequest
from cliproxy.demo.settings import DemoSettings
from cliproxy.formats import FORMATS as WIRE_FORMATS
from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.shaping.table import CapabilityTable, load_builtin
from cliproxy.translate.envelopes import Envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.readers import ReplyHead
from cliproxy.translate.translation import Asked, Rules, Translation, Upstream

DELTAS: Final = 100
TIMES: Final = 10
REPEATS: Final = 15
"""The best of so many counts: everything else is somebody else's work."""
PROFILED: Final = 500
HEAD: Final = ReplyHead(200, b"text/event-stream", b"")
RULES: Final = Rules(Envelopes(bytes(32)), ReasoningMemory(), CapabilityTable(load_builtin()))


@attrs.frozen
class Pair:
    """A client's format and an upstream's, with what each of them sends."""

    client: Format
    upstream: Format
    events: Sequence[bytes]
    """Of the upstream's stream."""

    @classmethod
    def of(cls, client: Format, upstream: Format) -> Pair:
        """With the stream of the demo upstream."""
        question = Question(streamed=True, client=upstream, model=WIRES[upstream].model)
        path, _, query = question.path.partition("?")
        keys = dict.fromkeys(("x-api-key", "x-goog-api-key"), "key") | {"authorization": "Bearer key"}
        headers = keys | {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        request = DemoRequest("POST", path, query, headers, question.content())
        steps = Demo(DemoSettings(deltas=DELTAS)).answer(request).steps
        return cls(client, upstream, [step.body for step in steps if isinstance(step, Chunk)])

    def ready(self) -> tuple[Translation, Upstream]:
        """The translation of a small request, and whom it is for."""
        model = WIRES[self.upstream].model
        asked = Asked(
            request_id="bench",
            wire=WIRE_FORMATS[self.client],
            operation=Operation.GENERATE,
            model=model,
            stream=True,
            body=Question(streamed=True, client=self.client, model=model).content(),
            reasoning=None,
            created=0,
        )
        return Translation(asked, RULES), Upstream(WIRE_FORMATS[self.upstream], "127.0.0.1", model, Dialect())

    def request(self) -> None:
        """Make the request ready."""
        translation, upstream = self.ready()
        translation.prepare(upstream)

    def stream(self, reads: Sequence[bytes]) -> bytes:
        """Make the request ready, and read a stream that comes in these pieces."""
        translation, upstream = self.ready()
        reader = translation.reader(upstream, translation.prepare(upstream), HEAD)
        told = [reader.feed(read) for read in reads]
        return b"".join((*told, reader.finish()))


def best(task: Callable[[], object]) -> float:
    """CPU of one run, µs."""
    found = []
    for _ in range(REPEATS):
        before = time.process_time()
        for _ in range(TIMES):
            task()
        found.append((time.process_time() - before) / TIMES)
    return min(found) * 1e6


def line(client: Format, upstream: Format) -> str:
    """What one pair takes."""
    pair = Pair.of(client, upstream)
    request = best(pair.request)
    at_once = best(partial(pair.stream, [b"".join(pair.events)])) - request
    one_by_one = best(partial(pair.stream, pair.events)) - request
    return f"{client:18}{upstream:18}{request:12.0f}{at_once:12.0f}{one_by_one:12.0f}"


def profile(client: Format, upstream: Format) -> None:
    """Print where the time of a stream goes."""
    pair = Pair.of(client, upstream)
    with cProfile.Profile() as profiler:
        for _ in range(PROFILED):
            pair.stream([b"".join(pair.events)])
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description="CPU of the pure pipeline, in µs.")
    parser.add_argument("client", nargs="?", choices=FORMATS)
    parser.add_argument("upstream", nargs="?", choices=FORMATS)
    options = parser.parse_args()
    if options.client and options.upstream:
        profile(options.client, options.upstream)
        return
    print(f"{'client':18}{'upstream':18}{'request':>12}{'at once':>12}{'one by one':>12}")
    for client, upstream in product(FORMATS, FORMATS):
        print(line(client, upstream), flush=True)


if __name__ == "__main__":
    main()
