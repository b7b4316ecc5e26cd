"""Citations and token probabilities of visible text, as this wire and the neutral conversation write them."""

from __future__ import annotations

from cliproxy.conversation.parts import Citation, Json


def read_citation(annotation: object) -> Citation | None:
    """A `url_citation`; None for other kinds of annotation, which name files of the vendor's."""
    if not isinstance(annotation, dict) or annotation.get("type") != "url_citation":
        return None
    url, title = annotation.get("url"), annotation.get("title")
    if not isinstance(url, str):
        return None
    return Citation(
        url,
        title if isinstance(title, str) else "",
        start=_position(annotation.get("start_index")),
        end=_position(annotation.get("end_index")),
    )


def write_citation(citation: Citation, length: int) -> dict[str, Json]:
    """A `url_citation` in a text of `length` code points, of which it cites all if nobody said where."""
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": 0 if citation.start is None else citation.start,
        "end_index": length if citation.end is None else citation.end,
    }


def read_logprobs(value: object) -> list[Json] | None:
    """Probabilities as OpenAI Chat writes them; None if there are none."""
    if not isinstance(value, list) or not value:
        return None
    return [{**_token(entry), "top_logprobs": _tops(entry)} for entry in value if isinstance(entry, dict)] or None


def write_logprobs(value: Json) -> list[Json]:
    """The same for this wire, which always has the bytes."""
    if not isinstance(value, list):
        return []
    return [
        {**_with_bytes(entry), "top_logprobs": [_with_bytes(top) for top in _tops(entry)]}
        for entry in value
        if isinstance(entry, dict)
    ]


def _token(entry: dict[str, Json]) -> dict[str, Json]:
    return {"token": entry.get("token", ""), "logprob": entry.get("logprob", 0.0), "bytes": entry.get("bytes")}


def _tops(entry: dict[str, Json]) -> list[Json]:
    tops = entry.get("top_logprobs")
    return [_token(top) for top in tops if isinstance(top, dict)] if isinstance(tops, list) else []


def _with_bytes(entry: Json) -> dict[str, Json]:
    told = _token(entry) if isinstance(entry, dict) else {}
    if not isinstance(told.get("bytes"), list):
        told["bytes"] = list(str(told.get("token", "")).encode(errors="replace"))
    return told


def _position(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
