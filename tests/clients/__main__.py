"""`make clients`: programs that this project's authors did not write, against a daemon, with two upstreams behind it.

    python -m tests.clients [CASE ...]           all cases, or those whose names begin so
    python -m tests.clients pool [WORD ...]      two keys, of which one misbehaves; see pool.py
    python -m tests.clients amp [FORMAT ...]     Amp's classic client, and a stand-in for Amp's service; see amp.py

The harness is no part of this repository. It is looked for in the folder that CLIPROXY_CLIENTS names, else beside the
repository in ../shared/clients. Each case starts two scripted upstreams, of which the first misbehaves as the case
says, and a daemon with a key for each. A client must then do its work as if nothing had happened.

In the cases of the matrix every client is served by one upstream of one format, whichever it speaks itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import attrs

from tests.clients import amp, pool
from tests.clients.harness import CLIENT_KEY, UPSTREAM_MODELS, Outcome, configured, found, install, judged, upstreams
from tests.support.processes import ANYWHERE, CLIPROXY, Process

RECIPES: Final = ("claude", "claude:apikey", "claude:noisy", "claude:context", "py:anthropic")
"""Clients that speak the upstream's own format."""
ALL_RECIPES: Final = (
    *RECIPES,
    *("codex", "codex:ws", "codex:patch", "gemini", "aider:openai", "aider:anthropic", "aider:gemini"),
    *("py:chat", "py:responses", "py:gemini"),
)
TOOL_RECIPES: Final = tuple(recipe for recipe in ALL_RECIPES if recipe != "claude:context" and "aider" not in recipe)
"""Those that call tools."""
FAULT_COUNT: Final = 3
"""More than a client asks at once; what comes after finds the key cooling."""


@attrs.frozen
class Case:
    """What differs from a plain run."""

    name: str
    harness: Sequence[str] = ()
    both: Sequence[str] = ()
    """Options of both upstreams."""
    first: Sequence[str] = ()
    """And of the first alone."""
    upstream: str = "claude"
    """What they are: a format of `UPSTREAM_MODELS`; or `claude`, whose models have no aliases."""
    recipes: Sequence[str] = RECIPES


UPSTREAMS: Final = tuple(UPSTREAM_MODELS)
FAULTS: Final = ("429", "500", "529", "cut-first", "sse-error-first", "gzip", "empty")
CASES: Final = (
    Case("plain"),
    Case("parallel", harness=["--parallel"]),
    Case("delay 30 ms", both=["--delay", "30"]),
    *(Case(f"first: {fault}", first=["--fault", fault, "--fault-count", str(FAULT_COUNT)]) for fault in FAULTS),
    *(Case(f"to {upstream}", upstream=upstream, recipes=ALL_RECIPES) for upstream in UPSTREAMS),
    *(
        Case(f"to {upstream}, parallel", harness=["--parallel"], upstream=upstream, recipes=TOOL_RECIPES)
        for upstream in UPSTREAMS
    ),
)


def run(case: Case, harness: Path) -> Iterator[Outcome]:
    """One case with all clients, each as it ends."""
    with tempfile.TemporaryDirectory(prefix="clients-") as name, ExitStack() as stack:
        place = Path(name)
        urls, log = stack.enter_context(upstreams(harness, place, (*case.both, *case.first), case.both))
        config = place / "config.yaml"
        asked = urls if case.upstream == "claude" else urls[:1]
        auth_dir = {"auth-dir": str(place / "accounts")}
        config.write_text(json.dumps({"api-keys": [CLIENT_KEY], **auth_dir, **configured(case.upstream, asked)}))
        daemon = stack.enter_context(Process((*CLIPROXY, "run", "--config", str(config), "--listen", ANYWHERE), place))
        yield from judged(harness, case.recipes, daemon.url, log, case.harness, case.name)


def main(arguments: Sequence[str]) -> int:
    """Run all cases, or those whose names begin with one of the arguments."""
    harness = found()
    if harness is None:
        print("No client harness is here; name its folder by CLIPROXY_CLIENTS. Nothing was tried.")
        return 0
    install(harness)
    if arguments[:1] == ["pool"]:
        return pool.main(harness, arguments[1:])
    if arguments[:1] == ["amp"]:
        return amp.main(harness, arguments[1:])
    cases = [case for case in CASES if not arguments or case.name.startswith(tuple(arguments))]
    outcomes: list[Outcome] = []
    for case in cases:
        for each in run(case, harness):
            print(each.row, flush=True)
            outcomes.append(each)
    failed = [each for each in outcomes if not each.ok]
    missing = sum(len(case.recipes) for case in cases) - len(outcomes)
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed, {missing} did not run")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
