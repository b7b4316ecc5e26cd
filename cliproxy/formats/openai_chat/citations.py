"""Where text comes from: `annotations` of the kind `url_citation`."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.conversation.parts import Citation, Json


def citations_of(annotations: object, offset: int = 0) -> tuple[Citation, ...]:
    """Those of a message or a delta. `offset`: where, in code points of the content, the cited text begins."""
    found: list[Citation] = []
    for annotation in annotations if isinstance(annotations, list) else ():
        cited = annotation.get("url_citation") if isinstance(annotation, Mapping) else None
        if not isinstance(cited, Mapping):
            continue
        url, title, quote = cited.get("url"), cited.get("title"), cited.get("content")
        if isinstance(url, str) and url:
            found.append(
                Citation(
                    url,
                    title if isinstance(title, str) else "",
                    quote if isinstance(quote, str) else "",
                    _position(cited.get("start_index"), offset),
                    _position(cited.get("end_index"), offset),
                )
            )
    return tuple(found)


def annotation_for(citation: Citation, start: int, length: int) -> dict[str, Json]:
    """One citation of a text that begins at `start` in the content and is `length` long so far, in code points."""
    cited: dict[str, Json] = {
        "url": citation.url,
        "title": citation.title,
        "start_index": start + (citation.start or 0),
        "end_index": start + (length if citation.end is None else citation.end),
    }
    if citation.quote:
        cited["content"] = citation.quote  # OpenRouter's
    return {"type": "url_citation", "url_citation": cited}


def _position(value: object, offset: int) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return max(0, value - offset)
