"""`make clients`: programs that this project's authors did not write, against a daemon, with two upstreams behind it.

The harness is no part of this repository. It is looked for in the folder that CLIPROXY_CLIENTS names, else beside the
repository in ../shared/clients. Each case starts two scripted upstreams, of which the first misbehaves as the case
says, and a daemon with a key for each. A client must then do its work as if nothing had happened.

In the cases of the matrix every client is served by one upstream of one format, whichever it speaks itself.
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
"""Clients that speak the upstream's own format."""
ALL_RECIPES: Final = (
    *RECIPES,
    *("codex", "codex:ws", "codex:patch", "gemini", "aider:openai", "aider:anthropic", "aider:gemini"),
    *("py:chat", "py:responses", "py:gemini"),
)
TOOL_RECIPES: Final = tuple(recipe for recipe in ALL_RECIPES if recipe != "claude:context" and "aider" not in recipe)
"""Those that call tools."""
FOLDERS: Final = ("claude-code", "codex", "gemini-cli", "aider", "sdk-python")
"""Of the installed clients: those of the recipes."""
MODELS: Final = (
    *("claude-sonnet-4-5", "claude-opus-4-8", "claude-haiku-4-5-20251001", "gpt-5", "gpt-5.5", "gemini-2.5-pro"),
    *("gemini-2.5-flash", "gemini-2.5-flash-lite"),
)
"""What the clients ask for."""
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
    upstream: str = "claude"
    """What they are: a format of `UPSTREAM_MODELS`; or `claude`, whose models have no aliases."""
    recipes: Sequence[str] = RECIPES


UPSTREAM_MODELS: Final = {
    "anthropic": "claude-opus-4-6",
    "chat": "some-model",
    "responses": "gpt-5.5",
    "gemini": "gemini-2.5-pro",
}
"""By the upstreams' format: the one model that all clients' models are aliased to."""
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


def configured(upstream: str, urls: Sequence[str]) -> dict[str, object]:
    """The part of the configuration that names the upstreams."""
    keys: list[dict[str, object]] = [{"api-key": f"sk-ant-of-upstream-{number}"} for number, _ in enumerate(urls)]
    if upstream == "claude":
        return {"claude-api-key": [key | {"base-url": url} for key, url in zip(keys, urls, strict=True)]}
    model = UPSTREAM_MODELS[upstream]
    aliases = {"models": [{"name": model, "alias": name} for name in MODELS]}
    if upstream == "chat":
        return {
            "openai-compatibility": [
                {"name": f"server-{number}", "base-url": f"{url}/v1", "api-key-entries": [key], **aliases}
                for number, (key, url) in enumerate(zip(keys, urls, strict=True))
            ]
        }
    section, below = {"responses": ("codex-api-key", "/v1"), "gemini": ("gemini-api-key", "")}.get(
        upstream, ("claude-api-key", "")
    )
    return {section: [key | {"base-url": url + below, **aliases} for key, url in zip(keys, urls, strict=True)]}


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


def run(case: Case, harness: Path) -> Iterator[Outcome]:
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
        auth_dir = {"auth-dir": str(place / "accounts")}
        asked = urls if case.upstream == "claude" else urls[:1]
        config.write_text(json.dumps({"api-keys": [CLIENT_KEY], **auth_dir, **configured(case.upstream, asked)}))
        daemon = stack.enter_context(Process((*CLIPROXY, "run", "--config", str(config), "--listen", ANYWHERE), place))
        both = place / "both.jsonl"
        both.touch()
        stack.enter_context(gathered(logs, both))
        argv = (
            *(sys.executable, str(harness / "harness.py"), *case.recipes, "--exact", "--json"),
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
        for each in run(case, harness):
            print(each.row, flush=True)
            outcomes.append(each)
    failed = [each for each in outcomes if not each.ok]
    missing = sum(len(case.recipes) for case in cases) - len(outcomes)
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed, {missing} did not run")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
