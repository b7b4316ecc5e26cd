"""Recorded requests of real clients, written for every other format: `python -m tests.captures DIRECTORY`.

The directory holds `*.jsonl`, of each line `path` and `body` count. What is lost on the way is told by client and
target. The exit status is 1 if anything could not be translated.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from cliproxy.conversation.parts import JsonObject
from cliproxy.errors import BadRequest
from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.shaping.table import CapabilityTable, load_builtin
from cliproxy.translate.envelopes import Envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.translation import Asked, Rules, Translation, Upstream

MODELS: Final = {
    "anthropic": "claude-sonnet-4-5",
    "openai-chat": "gpt-5.1",
    "openai-responses": "gpt-5.1",
    "gemini": "gemini-2.5-pro",
}
"""Whom to ask, by format."""
ROUTES: Final = (
    ("/chat/completions", "openai-chat"),
    ("/responses", "openai-responses"),
    ("/messages/count_tokens", "anthropic"),
    ("/messages", "anthropic"),
    (":streamGenerateContent", "gemini"),
    (":generateContent", "gemini"),
    (":countTokens", "gemini"),
)
"""How a path ends, and the format of what is asked there."""


@attrs.frozen
class Recorded:
    """One request of a client's."""

    format: str
    path: str
    body: JsonObject

    @property
    def counts(self) -> bool:
        return "count" in self.path.rpartition("/")[2]

    def can_go_to(self, target: str) -> bool:
        """Whether it is translated at all: where there is no token counter, the proxy itself counts."""
        return not self.counts or CODECS[target].encode_count is not None

    @property
    def asked(self) -> Asked:
        _, _, named = self.path.rpartition("/models/")
        model = named.partition(":")[0] if self.format == "gemini" else str(self.body.get("model"))
        return Asked(
            request_id="req_1",
            wire=FORMATS[self.format],
            operation=Operation.COUNT_TOKENS if self.counts else Operation.GENERATE,
            model=model,
            stream=bool(self.body.get("stream")) or ":stream" in self.path,
            body=json.dumps(self.body).encode(),
            reasoning=None,
            created=1,
        )


def recorded(file: Path) -> Iterator[Recorded]:
    """The requests of one file that ask a model something."""
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        path, body = str(entry["path"]).partition("?")[0], entry.get("body")
        name = next((name for end, name in ROUTES if path.endswith(end)), None)
        if name is not None and isinstance(body, dict):
            yield Recorded(name, path, body)


def upstream(name: str) -> Upstream:
    """Who is asked in a format."""
    return Upstream(FORMATS[name], f"{name}:upstream.example", MODELS[name], Dialect())


def translate(request: Recorded, target: str, rules: Rules) -> Iterator[str]:
    """What is lost, or done in another way, or why nothing came of it."""
    try:
        prepared = Translation(request.asked, rules).prepare(upstream(target))
    except BadRequest as refusal:
        yield f"REFUSED: {refusal.message}"
        return
    except Exception as error:
        yield f"RAISED: {type(error).__name__}: {error}"
        return
    for loss in prepared.losses:
        yield f"{'emulated' if loss.emulated else 'lost'}: {_place(loss.field)}: {loss.why}"


def _place(field: str) -> str:
    """Without the numbers, so that the same loss in many places counts as one."""
    return ".".join("#" if step.isdecimal() else step for step in field.split("."))


def main(directory: Path) -> int:
    """Print what becomes of every request; 1 if one could not be translated."""
    rules = Rules(Envelopes(b"captures"), ReasoningMemory(), CapabilityTable(load_builtin()))
    failed = 0
    for file in sorted(directory.glob("*.jsonl")):
        requests = list(recorded(file))
        for name in sorted({request.format for request in requests}):
            for target in MODELS:
                if target == name:
                    continue
                mine = [request for request in requests if request.format == name and request.can_go_to(target)]
                told = Counter(line for request in mine for line in translate(request, target, rules))
                print(f"{file.stem} ({name}, {len(mine)} requests) -> {target}")
                for line, count in told.most_common():
                    print(f"    {count:4}  {line}")
                    failed += line.startswith(("RAISED", "REFUSED"))
    return int(bool(failed))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.captures DIRECTORY")
    sys.exit(main(Path(sys.argv[1])))
