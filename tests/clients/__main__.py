"""`make clients`: programs that this project's authors did not write, against a daemon, with two keys behind it.

The harness is no part of this repository. It is looked for in the folder that CLIPROXY_CLIENTS names, else beside the
repository in ../shared/clients. Each case starts two scripted upstreams, of which the first misbehaves as the case
says, and a daemon with a key for each. A client must then do its work as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import attrs

from tests.support.processes import ANYWHERE, CLIPROXY, ROOT, Process

RECIPES: Final = ("claude", "claude:apikey", "claude:noisy", "claude:context", "py:anthropic")
FOLDERS: Final = ("claude-code", "sdk-python")
"""Of the installed clients: those of the recipes."""
CLIENT_KEY: Final = "sk-cliproxy-for-the-client-harness"
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


FAULTS: Final = ("429", "500", "529", "cut-first", "sse-error-first", "gzip", "empty")
CASES: Final = (
    Case("plain"),
    Case("parallel", harness=["--parallel"]),
    Case("delay 30 ms", both=["--delay", "30"]),
    *(Case(f"first: {fault}", first=["--fault", fault, "--fault-count", str(FAULT_COUNT)]) for fault in FAULTS),
)


WORDS: Final = {True: "yes", False: "no", None: "-"}


@attrs.frozen
class Outcome:
    """How one client fared in one case."""

    case: str
    client: str
    ok: bool
    seconds: float
    requests: int
    ids: bool | None
    """Whether the tool calls came back upstream under its own ids; None where there was no tool call."""
    signature: bool | None
    """Whether its thinking signature came back unharmed."""
    why: str

    @property
    def row(self) -> str:
        """One line of the table."""
        verdict = "PASS" if self.ok else "FAIL"
        kept = f"our ids {WORDS[self.ids]:3}  signature back {WORDS[self.signature]:3}"
        return f"{verdict}  {self.case:22} {self.client:14} {self.seconds:6.1f} s {self.requests:3}  {kept}  {self.why}"


def folder() -> Path:
    """Where the harness is, if it is there."""
    named = os.environ.get("CLIPROXY_CLIENTS")
    return Path(named) if named else ROOT.parent / "shared" / "clients"


def install(harness: Path) -> None:
    """Install the clients unless they are there."""
    place = Path(os.environ.get("CLIENTS_DIR") or Path.home() / ".cache" / "llm-clients")
    if not all((place / name).is_dir() for name in FOLDERS):
        subprocess.run(["bash", str(harness / "install.sh")], check=True)


@contextmanager
def gathered(logs: Sequence[Path], both: Path) -> Iterator[None]:
    """What is written to several logs, line by line, in one: the harness reads one."""
    with ExitStack() as stack:
        tails = [
            stack.enter_context(subprocess.Popen(["tail", "--lines=+1", "--follow", str(log)], stdout=subprocess.PIPE))
            for log in logs
        ]
        out = stack.enter_context(both.open("ab", buffering=0))

        def copy(tail: subprocess.Popen[bytes]) -> None:
            assert tail.stdout is not None
            for line in tail.stdout:
                out.write(line)

        threads = [Thread(target=copy, args=(tail,), daemon=True) for tail in tails]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for tail in tails:
                tail.kill()
            for thread in threads:
                thread.join()


def run(case: Case, harness: Path, recipes: Sequence[str]) -> Iterator[Outcome]:
    """One case with all clients, each as it ends."""
    with tempfile.TemporaryDirectory(prefix="clients-") as name, ExitStack() as stack:
        place = Path(name)
        logs = [place / "first.jsonl", place / "second.jsonl"]
        urls = []
        for log, more in zip(logs, (case.first, ()), strict=True):
            log.touch()
            argv = (sys.executable, "-u", str(harness / "mock_upstream.py"), "--log", str(log), *case.both, *more)
            upstream = stack.enter_context(Process(argv, place))
            urls.append(upstream.line(r"(http://127\.0\.0\.1:[0-9]+)")[1])
        config = place / "config.yaml"
        keys = [{"api-key": f"sk-ant-of-upstream-{number}", "base-url": url} for number, url in enumerate(urls)]
        config.write_text(json.dumps({"api-keys": [CLIENT_KEY], "claude-api-key": keys}))
        daemon = stack.enter_context(Process((*CLIPROXY, "run", "--config", str(config), "--listen", ANYWHERE), place))
        both = place / "both.jsonl"
        both.touch()
        stack.enter_context(gathered(logs, both))
        argv = (
            *(sys.executable, str(harness / "harness.py"), *recipes, "--exact", "--json"),
            *("--base", daemon.url, "--key", CLIENT_KEY, "--upstream-log", str(both), *case.harness),
        )
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as judge:
            assert judge.stdout is not None
            yield from (outcome(case, json.loads(line)) for line in judge.stdout if line.startswith("{"))


def outcome(case: Case, told: dict[str, Any]) -> Outcome:
    """What the harness told of one client."""
    ids, signature = told["call_ids_are_ours"], told["signature_came_back"]
    return Outcome(
        case=case.name,
        client=told["client"],
        ok=told["ok"] and ids is not False and signature is not False,
        ids=ids,
        signature=signature,
        seconds=told["secs"],
        requests=len(told["requests"]),
        why="; ".join(told["why"]),
    )


def main(arguments: Sequence[str]) -> int:
    """Run all cases, or those whose names begin with one of the arguments."""
    harness = folder()
    if not (harness / "harness.py").is_file():
        print(f"No client harness in {harness}; name its folder by CLIPROXY_CLIENTS. Nothing was tried.")
        return 0
    install(harness)
    cases = [case for case in CASES if not arguments or case.name.startswith(tuple(arguments))]
    outcomes: list[Outcome] = []
    for case in cases:
        for each in run(case, harness, RECIPES):
            print(each.row, flush=True)
            outcomes.append(each)
    failed = [each for each in outcomes if not each.ok]
    missing = len(cases) * len(RECIPES) - len(outcomes)
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed, {missing} did not run")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
