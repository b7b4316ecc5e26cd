"""Reasoning beside a message: no field of OpenAI's own, but two that nearly every other server and client knows.

`reasoning_content` (DeepSeek; `reasoning` with OpenRouter) is one text. `reasoning_details` (OpenRouter) is a list that
may hold texts too, and what the vendor wants back unchanged. Of the latter we write

    {"type": "reasoning.encrypted", "data": …, "index": 0, "start": 0, "end": 17}

where start and end, in code points, say to which stretch of `reasoning_content` it belongs: of several stretches each
must come back with its own. `"redacted": true` in their place says that there is no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from cliproxy.conversation.parts import Blob, Json, Thinking

BETWEEN: Final = "\n\n"
"""Between stretches of reasoning, which are one text here."""

KEYS: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details"})


@attrs.frozen
class Detail:
    """One entry of `reasoning_details`."""

    text: str = ""
    blob: str = ""
    redacted: bool = False
    index: int | None = None
    span: tuple[int, int] | None = None


def detail_for(blob: Blob, index: int, span: tuple[int, int] | None) -> dict[str, Json]:
    """The entry that carries a blob; no span: there is no text."""
    entry: dict[str, Json] = {"type": "reasoning.encrypted", "data": blob.value, "index": index}
    return entry | ({"redacted": True} if span is None else {"start": span[0], "end": span[1]})


def text_of(message: Mapping[str, object]) -> str:
    """The one text, by either name; some gateways write it under both."""
    for key in ("reasoning_content", "reasoning"):
        value = message.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def details_of(message: Mapping[str, object]) -> Iterator[Detail]:
    """The entries that say something."""
    entries = message.get("reasoning_details")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        text, blob = _word(entry, "text", "summary"), _word(entry, "signature", "data")
        if text or blob:
            index, start, end = entry.get("index"), entry.get("start"), entry.get("end")
            yield Detail(
                text,
                blob,
                entry.get("redacted") is True,
                index if isinstance(index, int) else None,
                (start, end) if isinstance(start, int) and isinstance(end, int) else None,
            )


def thinking_of(message: Mapping[str, object]) -> list[Thinking]:
    """The stretches of reasoning of a whole message."""
    text, details = text_of(message), list(details_of(message))
    if any(detail.text for detail in details):
        return _joined(details)
    return _placed(text, details)


def _word(entry: Mapping[str, object], *keys: str) -> str:
    return next((value for key in keys if isinstance(value := entry.get(key), str) and value), "")


def _joined(details: list[Detail]) -> list[Thinking]:
    """From entries with texts of their own, which may be the unjoined pieces of a stream."""
    found: list[Thinking] = []
    last: int | None = None
    for detail in details:
        blob = Blob(detail.blob) if detail.blob else None
        previous = found[-1] if found else None
        if (
            previous is not None
            and previous.blob is None
            and (not detail.text or (last is not None and last == detail.index))
        ):
            found[-1] = attrs.evolve(previous, text=previous.text + detail.text, blob=blob)
        else:
            found.append(Thinking(detail.text, blob, redacted=detail.redacted))
        last = detail.index
    return found


def _placed(text: str, details: list[Detail]) -> list[Thinking]:
    """From one text and what belongs to its stretches."""
    found: list[Thinking] = []
    at = 0
    alone = sum(not detail.redacted for detail in details) == 1
    for detail in details:
        span = detail.span or ((at, len(text)) if alone and not detail.redacted else (at, at))
        if not at <= span[0] <= span[1] <= len(text):
            span = (at, at)
        found += _unsigned(text[at : span[0]].removesuffix(BETWEEN), at)
        found.append(Thinking(text[span[0] : span[1]], Blob(detail.blob), redacted=detail.redacted))
        at = max(at, span[1])
    return found + _unsigned(text[at:], at)


def _unsigned(text: str, at: int) -> list[Thinking]:
    """What stands between signed stretches, or behind them."""
    if at:
        text = text.removeprefix(BETWEEN)
    return [Thinking(text)] if text else []
