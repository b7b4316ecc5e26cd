"""Probabilities of tokens: `logprobsResult`, to and from the entries that OpenAI Chat writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliproxy.conversation.parts import Json
from cliproxy.formats.gemini.fields import field


def read_logprobs(value: object) -> list[Json] | None:
    """`[{token, logprob, bytes, top_logprobs}]`; None if there are none."""
    if not isinstance(value, Mapping):
        return None
    chosen = field(value, "chosenCandidates")
    tops = field(value, "topCandidates")
    entries: list[Json] = []
    for index, item in enumerate(chosen if isinstance(chosen, list) else ()):
        entry = _entry(item)
        if entry is not None:
            top = tops[index] if isinstance(tops, list) and index < len(tops) else None
            others = top.get("candidates") if isinstance(top, Mapping) else None
            read = [_entry(other) for other in others] if isinstance(others, list) else []
            entry["top_logprobs"] = [other for other in read if other is not None]
            entries.append(entry)
    return entries or None


def _entry(value: object) -> dict[str, Json] | None:
    if not isinstance(value, Mapping):
        return None
    token, logprob = value.get("token"), field(value, "logProbability")
    if not isinstance(token, str) or isinstance(logprob, bool):
        return None
    if logprob is not None and not isinstance(logprob, int | float):
        return None
    return {"token": token, "logprob": logprob or 0.0, "bytes": list(token.encode(errors="replace"))}


def written_logprobs(entries: Sequence[Json]) -> dict[str, Json] | None:
    """`logprobsResult`; None for entries that are none."""
    chosen: list[Json] = []
    tops: list[Json] = []
    for entry in entries:
        if isinstance(entry, dict):
            chosen.append(_written(entry))
            others = entry.get("top_logprobs")
            listed = others if isinstance(others, list) else []
            tops.append({"candidates": [_written(other) for other in listed if isinstance(other, dict)]})
    return {"chosenCandidates": chosen, "topCandidates": tops} if chosen else None


def _written(entry: Mapping[str, Json]) -> dict[str, Json]:
    return {"token": entry.get("token"), "logProbability": entry.get("logprob")}
