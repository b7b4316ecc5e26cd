"""The client harness, which is no part of this repository: where it is, what it runs, and what it tells of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import attrs

from tests.support.processes import ROOT, Process

FOLDERS: Final = ("claude-code", "codex", "gemini-cli", "aider", "sdk-python", "amp-legacy")
"""Of the installed clients: those of the recipes."""
CLIENT_KEY: Final = "sk-cliproxy-for-the-client-harness"
MODELS: Final = (
    *("claude-sonnet-4-5", "claude-opus-4-8", "claude-haiku-4-5-20251001", "gpt-5", "gpt-5.5", "gemini-2.5-pro"),
    *("gemini-2.5-flash", "gemini-2.5-flash-lite"),
)
"""What the clients ask for."""
UPSTREAM_MODELS: Final = {
    "anthropic": "claude-opus-4-6",
    "chat": "some-model",
    "responses": "gpt-5.5",
    "gemini": "gemini-2.5-pro",
}
"""By the upstreams' format: the one model that all clients' models are aliased to."""
WORDS: Final = {True: "yes", False: "no", None: "-"}


def found() -> Path | None:
    """Where the harness is, if it is there."""
    named = os.environ.get("CLIPROXY_CLIENTS")
    folder = Path(named) if named else ROOT.parent / "shared" / "clients"
    return folder if (folder / "harness.py").is_file() else None


def install(harness: Path) -> None:
    """Install the clients unless they are there."""
    place = Path(os.environ.get("CLIENTS_DIR") or Path.home() / ".cache" / "llm-clients")
    if not all((place / name).is_dir() for name in FOLDERS):
        subprocess.run(["bash", str(harness / "install.sh")], check=True)


def upstream_key(number: int) -> str:
    """Of the upstream at that place in the list."""
    return f"sk-ant-of-upstream-{number}"


def configured(upstream: str, urls: Sequence[str], names: Sequence[str] = MODELS) -> dict[str, object]:
    """The part of the configuration that names upstreams of a format of `UPSTREAM_MODELS`, or `claude`: no aliases.

    `names`: what their one model is called here.
    """
    keys: list[dict[str, object]] = [{"api-key": upstream_key(number)} for number, _ in enumerate(urls)]
    if upstream == "claude":
        return {"claude-api-key": [key | {"base-url": url} for key, url in zip(keys, urls, strict=True)]}
    model = UPSTREAM_MODELS[upstream]
    aliases = {"models": [{"name": model, "alias": name} for name in names]}
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


@contextmanager
def upstreams(harness: Path, place: Path, *options: Sequence[str]) -> Iterator[tuple[Sequence[str], Path]]:
    """Scripted upstreams, one for each of these options: their URLs, and the log of them all."""
    with ExitStack() as stack:
        urls, logs = [], []
        for number, more in enumerate(options):
            log = place / f"upstream-{number}.jsonl"
            log.touch()
            argv = (sys.executable, "-u", str(harness / "mock_upstream.py"), "--log", str(log), *more)
            urls.append(stack.enter_context(Process(argv, place)).line(r"(http://127\.0\.0\.1:[0-9]+)")[1])
            logs.append(log)
        both = place / "upstreams.jsonl"
        both.touch()
        stack.enter_context(_gathered(logs, both))
        yield urls, both


@contextmanager
def _gathered(logs: Sequence[Path], both: Path) -> Iterator[None]:
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


def judged(
    harness: Path, recipes: Sequence[str], url: str, log: Path, options: Sequence[str], case: str
) -> Iterator[Outcome]:
    """These clients by way of a daemon, each as it ends. `log`: of what reaches the upstreams behind it."""
    argv = (
        *(sys.executable, str(harness / "harness.py"), *recipes, "--exact", "--json"),
        *("--base", url, "--key", CLIENT_KEY, "--upstream-log", str(log), *options),
    )
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        yield from (_outcome(case, json.loads(line)) for line in judge.stdout if line.startswith("{"))


def _outcome(case: str, told: dict[str, Any]) -> Outcome:
    """What the harness told of one client."""
    ids, signature = told["call_ids_are_ours"], told["signature_came_back"]
    return Outcome(
        case=case,
        client=told["client"],
        ok=told["ok"] and ids is not False and signature is not False,
        ids=ids,
        signature=signature,
        seconds=told["secs"],
        requests=len(told["requests"]),
        why="; ".join(told["why"]),
    )
