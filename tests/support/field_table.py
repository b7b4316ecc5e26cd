"""The tables of docs/translation.md, written from what the formats declare: `python -m tests.support.field_table`.

The table says what becomes of each field, the notes how. A test holds the page to both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, get_args

from cliproxy.conversation.efforts import BUDGETS
from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.codec import Codec, Field, Support
from cliproxy.formats.jsontext import loads
from cliproxy.formats.wire import Complaint

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "translation.md"
UPSTREAMS: Final[Mapping[str, str]] = {
    "anthropic": "Anthropic",
    "openai-chat": "Chat",
    "openai-responses": "Responses",
    "gemini": "Gemini",
}
"""The formats that upstreams speak, and their columns."""
LETTERS: Final[Mapping[str, str]] = {
    "anthropic": "A",
    "openai-chat": "C",
    "openai-responses": "R",
    "gemini": "G",
    "openai-completions": "o",
}
"""What stands for the clients of each format."""

NOTES: Final[Mapping[Field, str]] = {
    "system in mid-conversation": "A text of the user's, between `<system-reminder>` tags, in the same place.",
    "documents": "Chat takes none by URL. Gemini is told a file's name in a text before it.",
    "audio": "A note says that something was left out. Responses takes MP3 and WAV.",
    "thinking of earlier turns": "To who made it; see below. Chat: but to servers that sign it, to DeepSeek and Kimi.",
    "tools": "Anthropic: unions at the root of a schema are laid together, and named.",
    "free-form tools": "A function with one string, `input`. Chat: so at all servers but OpenAI's own.",
    "tool namespaces": "Called `namespace__name`.",
    "web search": "Each vendor's own tool. Gemini: only where there are no functions beside it.",
    "tool choice: some tools": "All of them may be called.",
    "parallel tool calls off": "Gemini has no such switch.",
    "images in tool results": "They follow behind it; so for Gemini before 3.",
    "errors of tools": "The text begins with `Error: `.",
    "max tokens": "Anthropic: the model's limit or 32000 if the client gave none. Responses: 16 at least.",
    "stop sequences": "The reply is cut where one comes up; so for Chat above 4, for Gemini above 5.",
    "several choices": "The upstream is asked as often, 8 times at most.",
    "temperature, top_p": "Above 1 it becomes 1.",
    "thinking: budget": "The nearest effort.",
    "thinking: visibility": "Hidden thinking is shown.",
    "JSON output": "The answer is asked for as the arguments of a tool, and told as text.",
    "JSON Schema output": "As above for models that take none.",
    "cache marks": "Their caches work by themselves.",
    "cache key": "Their caches go by the prompt. Anthropic: if nothing is marked, the usual places are.",
    "end user": "Google is not told.",
    "metadata": "Gemini's `labels`, which are text.",
    "service tier": "Anthropic has but `auto` and `default`.",
    "citations": "URLs that a reply cites reach the client. In requests: documents are cited by Anthropic alone, and "
    "citations of earlier answers are lost, but that Responses takes their place in the text.",
}
"""How it is done where the word alone does not say it."""
SAID_BY_TABLE: Final[frozenset[Field]] = frozenset(
    {"top_k", "seed", "penalties", "logit bias", "logprobs", "verbosity", "store"},
)
"""Lost where there is no such thing; no note is needed."""

STATUSES: Final = (400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504, 529)
TOO_LONG: Final = Complaint(400, "prompt is too long", "", context_overflow=True)


def fields() -> Sequence[Field]:
    """Every row, in its order."""
    return get_args(Field)


def upstreams() -> Sequence[Codec]:
    """Of the formats that upstreams speak."""
    return [CODECS[name] for name in UPSTREAMS]


def fields_table() -> str:
    """What becomes of each field."""
    head = ["field", "said by", *UPSTREAMS.values(), "how"]
    return _table(head, ([field, said_by(field), *_cells(field), NOTES.get(field, "")] for field in fields()))


def said_by(field: Field) -> str:
    """The clients that can say it."""
    return " ".join(letter for name, letter in LETTERS.items() if field in CODECS[name].says)


def _cells(field: Field) -> Iterator[str]:
    for codec in upstreams():
        found = codec.support[field]
        yield f"**{found.value}**" if found is Support.LOST else found.value


def efforts_table() -> str:
    """Effort and budget, each by the other."""
    return _table(["effort", "budget"], [[f"`{effort}`", str(budget)] for effort, budget in BUDGETS.items()])


def errors_table() -> str:
    """In which words each format tells a status."""
    head = ["status", *UPSTREAMS.values()]
    complaints = [(str(status), Complaint(status, "", "")) for status in STATUSES]
    rows = [[name, *map(_word, _told(each))] for name, each in [*complaints, ("400, prompt too long", TOO_LONG)]]
    return _table(head, rows)


def _told(complaint: Complaint) -> Iterator[Mapping[str, object]]:
    for name in UPSTREAMS:
        document = loads(FORMATS[name].error_body(complaint))
        assert isinstance(document, dict)
        error = document["error"]
        assert isinstance(error, dict)
        yield error


def _word(error: Mapping[str, object]) -> str:
    """The words by which a client knows the error."""
    status = error.get("status")
    if isinstance(status, str):
        return f"`{status}`"
    code = error.get("code")
    return f"`{error['type']}`" + (f", `{code}`" if isinstance(code, str) and code != error["type"] else "")


def _table(head: Sequence[str], rows: Iterator[list[str]] | Sequence[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


TABLES: Final = {"fields": fields_table, "efforts": efforts_table, "errors": errors_table}
"""By the name that stands in the page."""


def written(page: str) -> str:
    """The page with its tables as they should be. Each stands between `<!-- table: NAME -->` and `<!-- end -->`."""
    for name, make in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        before, begun, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended):
            raise ValueError(f"the page has no place for the table {name}")
        page = f"{before}{begin}\n{make()}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
