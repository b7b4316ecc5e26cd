"""Real clients over two keys, of which one misbehaves: they must do their work, and notice nothing.

    python -m tests.clients pool                    the usual choice of clients, with all faults
    python -m tests.clients pool all                all clients
    python -m tests.clients pool 429 codex py:      these faults, clients whose names begin so
    python -m tests.clients pool via:chat codex     through upstreams of that format, whatever the client speaks

The first key is preferred (`fill-first`), serves so many requests, and misbehaves from then on. A client passes if it
did all its work; if the conversation moved from one key to the other and never back; and if the fault was met, but not
over and over. In the case `none` nothing misbehaves, keys are chosen by the default strategy, and the conversation must
stay with one. A row shows seconds, then: served by the first key / faults it was met with / served by the second.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Final

import attrs

from tests.clients.harness import CLIENT_KEY, Outcome, configured, judged, upstream_key, upstreams
from tests.support.door import FAULTS, Came, door
from tests.support.processes import ANYWHERE, CLIPROXY, Process

FORMATS: Final = {
    **dict.fromkeys(("claude", "aider:anthropic", "py:anthropic"), "anthropic"),
    **dict.fromkeys(("aider:openai", "py:chat"), "chat"),
    **dict.fromkeys(("codex", "codex:ws", "py:responses"), "responses"),
    **dict.fromkeys(("gemini", "aider:gemini", "py:gemini"), "gemini"),
}
"""By client: what it speaks, and so do its upstreams unless others are asked for."""
USUAL: Final = ("claude", "codex", "gemini", "aider:openai", "py:anthropic", "py:chat", "py:gemini")
"""One of each kind and at least one of each format: what takes five minutes."""
FIRST: Final = upstream_key(0)
SECOND: Final = upstream_key(1)
HEDGE: Final = "hedge"
"""Silence, met by asking the second key as well."""
CASES: Final = ("none", *FAULTS, HEDGE)
PATIENCE_SECONDS: Final = 2
"""After such a silence a key counts as failed."""
HEDGE_MILLISECONDS: Final = 500
MOST_FAULTS: Final = 3
"""What a client may have under way at once when its key begins to misbehave, and one to spare."""
JOBS: Final = 2
VIA: Final = "via:"


@attrs.frozen
class Run:
    """One client, and what the first key does."""

    client: str
    case: str
    upstream: str

    @property
    def after(self) -> int:
        """How many requests the first key serves: who asks but once must meet the fault at once."""
        return 0 if self.client.startswith("aider") else 1


@attrs.frozen
class Seen:
    """How a run went."""

    run: Run
    outcome: Outcome | None
    came: Sequence[Came]
    log: str
    """The daemon's."""

    def complaints(self) -> Iterator[str]:
        """What is wrong with it."""
        if self.outcome is None:
            yield "it did not run"
            return
        if not self.outcome.ok:
            yield self.outcome.why or "ids or signatures came back changed"
        keys = [key for key, _ in groupby(came.key for came in self._served if came.is_conversation)]
        wanted = ([FIRST], [SECOND]) if self.run.case == "none" else ([FIRST, SECOND], [SECOND])
        if keys not in wanted:
            yield f"the conversation went {' -> '.join(keys) or 'nowhere'}"
        if self.run.case != "none" and not 1 <= self._faults <= MOST_FAULTS:
            yield f"the fault was met {self._faults} times"
        if "Traceback" in self.log:
            yield "the daemon's log has a traceback"

    @property
    def cell(self) -> str:
        """For the table."""
        verdict = "FAIL" if any(self.complaints()) else "ok"
        seconds = self.outcome.seconds if self.outcome is not None else 0.0
        first, second = (sum(came.key == key for came in self._served) for key in (FIRST, SECOND))
        return f"{verdict} {seconds:.0f}s {first}/{self._faults}/{second}"

    @property
    def _served(self) -> list[Came]:
        return [came for came in self.came if came.fate == "served"]

    @property
    def _faults(self) -> int:
        return len(self.came) - len(self._served)


def run_one(run: Run, harness: Path) -> Seen:
    """A client by way of a daemon of its own."""
    with tempfile.TemporaryDirectory(prefix="pool-") as name, ExitStack() as stack:
        place = Path(name)
        (url,), log = stack.enter_context(upstreams(harness, place, ()))
        fault = {"none": "", HEDGE: "stall"}.get(run.case, run.case)
        vendor = stack.enter_context(door(url, {FIRST: fault}, run.after))
        config = place / "config.yaml"
        config.write_text(json.dumps(configuration(run, place, vendor.url)))
        argv = (*CLIPROXY, "run", "--config", str(config), "--listen", ANYWHERE)
        daemon = stack.enter_context(Process(argv, place))
        outcomes = list(judged(harness, [run.client], daemon.url, log, (), run.case))
        return Seen(run, outcomes[0] if outcomes else None, vendor.came, daemon.output)


def configuration(run: Run, place: Path, url: str) -> dict[str, object]:
    """The daemon's."""
    settings: dict[str, object] = {
        "api-keys": [CLIENT_KEY],
        "auth-dir": str(place / "accounts"),
        **configured(run.upstream, [url, url]),
    }
    if run.case != "none":
        settings["routing"] = {"strategy": "fill-first"}
    if run.case == HEDGE:
        settings["hedge-after-ms"] = HEDGE_MILLISECONDS
    elif run.case.startswith("stall"):
        settings |= {"first-byte-timeout-seconds": PATIENCE_SECONDS, "idle-timeout-seconds": PATIENCE_SECONDS}
    return settings


def table(seen: Sequence[Seen]) -> str:
    """Clients by faults."""
    cases = [case for case in CASES if any(each.run.case == case for each in seen)]
    rows = [["client", *cases]]
    for client in FORMATS:
        cells = {each.run.case: each.cell for each in seen if each.run.client == client}
        if cells:
            rows.append([client, *(cells.get(case, "") for case in cases)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def chosen(words: Sequence[str]) -> list[Run]:
    """What the words of the command line ask for."""
    cases = [case for case in CASES if case in words] or list(CASES)
    formats = [word.removeprefix(VIA) for word in words if word.startswith(VIA)]
    names = [word for word in words if word not in CASES and not word.startswith(VIA)]
    clients = [client for client in FORMATS if names == ["all"] or client.startswith(tuple(names))] if names else USUAL
    return [
        Run(client, case, upstream) for case in cases for client in clients for upstream in formats or [FORMATS[client]]
    ]


def main(harness: Path, words: Sequence[str]) -> int:
    """Run what is asked for, and print the table."""
    runs = chosen(words)
    with ThreadPoolExecutor(JOBS) as threads:
        seen: list[Seen] = []
        for each in threads.map(lambda run: run_one(run, harness), runs):
            seen.append(each)
            why = "; ".join(each.complaints())
            print(f"{each.run.case:12} {each.run.client:16} {each.run.upstream:10} {each.cell}  {why}", flush=True)
    print(f"\n{table(seen)}\n")
    failed = [each for each in seen if any(each.complaints())]
    for each in failed:
        print(f"--- {each.run.client}, {each.run.case}: the daemon's log\n{each.log}")
    print(f"{len(seen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not seen else 0
