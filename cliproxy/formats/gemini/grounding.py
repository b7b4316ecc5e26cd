"""What Google's search found, and which words rest on it: `groundingMetadata`, in both directions.

Its positions count bytes of UTF-8 in the visible text, ours code points of the part that carries a citation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.conversation.parts import Citation, Hit, Json
from cliproxy.formats import jsontext
from cliproxy.formats.gemini.fields import field, whole_number
from cliproxy.formats.gemini.visible import Visible, bytes_at, points_at
from cliproxy.formats.wire import Document

MAX_ENTRIES: Final = 512
"""Sources, stretches of text and queries of one reply that are looked at."""


@attrs.frozen
class Stretch:
    """Words that rest on a source."""

    hit: Hit
    start: int | None
    """In bytes, as the upstream counts."""
    end: int | None
    text: str = ""


@attrs.frozen
class Found:
    """What one `groundingMetadata` or `citationMetadata` says."""

    queries: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    stretches: tuple[Stretch, ...] = ()


def read_grounding(value: object) -> Found:
    """`groundingMetadata`; empty for what is none."""
    if not isinstance(value, Mapping):
        return Found()
    sources = [_source(chunk) for chunk in _list(value, "groundingChunks")]
    return Found(
        tuple(query for query in _list(value, "webSearchQueries") if isinstance(query, str) and query),
        tuple(dict.fromkeys(hit for hit in sources if hit)),
        tuple(stretch for item in _list(value, "groundingSupports") for stretch in _support(item, sources)),
    )


def read_citations(value: object) -> Found:
    """`citationMetadata`: texts that the answer repeats."""
    if not isinstance(value, Mapping):
        return Found()
    items = _list(value, "citations") or _list(value, "citationSources")
    found: list[Stretch] = []
    for item in items:
        hit = _hit(item)
        if hit and isinstance(item, Mapping):
            found.append(Stretch(hit, _position(item, "startIndex", 0), _position(item, "endIndex", None)))
    return Found(stretches=tuple(found))


def citations(stretches: Sequence[Stretch], visible: Visible, part_start: int) -> Iterator[Citation]:
    """For the part that begins at a code point of the visible text. What began before it is cited without a place."""
    text = visible.text() if stretches else ""
    spans = [None] * len(stretches) if text is None else _spans(stretches, text)
    for stretch, span in zip(stretches, spans, strict=True):
        hit = stretch.hit
        if span is None or span[0] < part_start:
            yield Citation(hit.url, hit.title)
        else:
            yield Citation(hit.url, hit.title, start=span[0] - part_start, end=span[1] - part_start)


def _spans(stretches: Sequence[Stretch], text: str) -> list[tuple[int, int] | None]:
    """Where each stands, in code points. The words it gives are believed rather than the positions beside them."""
    data = text.encode()
    ranges: list[tuple[int, int] | None] = []
    for stretch in stretches:
        start, end, words = stretch.start, stretch.end, stretch.text.encode()
        if start is None or end is None or start >= end or (words and data[start:end] != words):
            start = data.find(words) if words else -1
            end = start + len(words)
        ranges.append((start, end) if start >= 0 else None)
    points = points_at(data, [offset for span in ranges if span for offset in span])
    return [
        (points[span[0]], points[span[1]]) if span and span[0] in points and span[1] in points else None
        for span in ranges
    ]


def _support(value: object, sources: Sequence[Hit | None]) -> Iterator[Stretch]:
    if not isinstance(value, Mapping):
        return
    segment = value.get("segment")
    segment = segment if isinstance(segment, Mapping) else {}
    text = segment.get("text")
    start, end = _position(segment, "startIndex", 0), _position(segment, "endIndex", None)
    for index in _list(value, "groundingChunkIndices"):
        number = whole_number(index)
        hit = sources[number] if number is not None and 0 <= number < len(sources) else None
        if hit:
            yield Stretch(hit, start, end, text if isinstance(text, str) else "")


def _source(chunk: object) -> Hit | None:
    if not isinstance(chunk, Mapping):
        return None
    return _hit(field(chunk, "web") or field(chunk, "retrievedContext") or field(chunk, "maps"))


def _hit(value: object) -> Hit | None:
    if not isinstance(value, Mapping):
        return None
    url, title = value.get("uri"), value.get("title")
    return Hit(url, title if isinstance(title, str) else "") if isinstance(url, str) and url else None


def _position(document: Document, name: str, absent: int | None) -> int | None:
    """Protobuf JSON leaves a zero out."""
    value = field(document, name)
    return absent if value is None else whole_number(value)


def _list(document: Document, name: str) -> Sequence[object]:
    value = field(document, name)
    return value[:MAX_ENTRIES] if isinstance(value, list) else ()


# -- the other direction ---------------------------------------------------------------------------------------------


class Grounds:
    """Gathers what grounds one candidate. State: its words, queries, sources and citations so far."""

    def __init__(self) -> None:
        self.visible = Visible()
        self._queries: dict[str, None] = {}
        self._sources: dict[str, Hit] = {}
        self._cited: list[tuple[str, int, int]] = []
        """URL, and where in the visible text, in code points."""

    def search(self, arguments: str) -> None:
        """A search was made."""
        value = jsontext.object_of(arguments) or {}
        queries = value.get("queries")
        for query in queries if isinstance(queries, list) else [value.get("query")]:
            if isinstance(query, str) and query:
                self._queries[query] = None

    def hit(self, hit: Hit) -> None:
        """It found something."""
        if len(self._sources) < MAX_ENTRIES:
            self._sources.setdefault(hit.url, hit)

    def cite(self, citation: Citation, start: int) -> None:
        """A part of which words rest on a source is whole: it began at this code point, and ends where the text does.
        A citation without a place speaks of all of it.
        """
        self.hit(Hit(citation.url, citation.title))
        if citation.url in self._sources and len(self._cited) < MAX_ENTRIES:
            first = start + (citation.start or 0)
            last = self.visible.length if citation.end is None else start + citation.end
            self._cited.append((citation.url, first, last))

    def written(self) -> dict[str, Json] | None:
        """`groundingMetadata`; None if nothing was searched or cited."""
        metadata: dict[str, Json] = {}
        if self._queries:
            metadata["webSearchQueries"] = list[Json](self._queries)
        if self._sources:
            metadata["groundingChunks"] = [
                {"web": {"uri": hit.url, "title": hit.title}} for hit in self._sources.values()
            ]
        supports = self._supports()
        if supports:
            metadata["groundingSupports"] = supports
        return metadata or None

    def _supports(self) -> list[Json]:
        text = self.visible.text()
        if text is None:
            return []
        numbers = {url: number for number, url in enumerate(self._sources)}
        places = bytes_at(text, [point for _, start, end in self._cited for point in (start, end)])
        by_place: dict[tuple[int, int], list[Json]] = {}
        for url, start, end in self._cited:
            if start < end and start in places and end in places:
                indices = by_place.setdefault((start, end), [])
                if numbers[url] not in indices:
                    indices.append(numbers[url])
        return [
            {
                "segment": {"startIndex": places[start], "endIndex": places[end], "text": text[start:end]},
                "groundingChunkIndices": indices,
            }
            for (start, end), indices in by_place.items()
        ]
