"""Items that the vendor made as a whole: they have no deltas, and read the same in requests and in replies."""

from __future__ import annotations

from cliproxy.conversation.parts import Hit, Inline, Json, Media, Part, ServerCall, ServerResult, VendorPart
from cliproxy.formats import jsontext
from cliproxy.formats.openai_responses.words import NAME

SEARCH_CALL = "web_search_call"
IMAGE_CALL = "image_generation_call"


def read_hosted(item: dict[str, Json]) -> tuple[Part, ...]:
    """A web search and what it gave, an image, or what only this wire knows. Never raises."""
    kind = item.get("type")
    action = item.get("action")
    if kind == SEARCH_CALL and isinstance(action, dict) and action.get("type") == "search":
        return _search(item, action)
    result, form = item.get("result"), item.get("output_format")
    if kind == IMAGE_CALL and isinstance(result, str) and result:
        return (Media("image", Inline(f"image/{form if isinstance(form, str) and form else 'png'}", result)),)
    return (VendorPart(NAME, item),)


def _search(item: dict[str, Json], action: dict[str, Json]) -> tuple[Part, ...]:
    sources = action.get("sources")
    told = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    hits = tuple(Hit(url, _text(source.get("title"))) for source in told if (url := _text(source.get("url"))))
    call_id = _text(item.get("id"))
    error = "unavailable" if item.get("status") == "failed" else ""
    return (
        ServerCall(call_id, "web_search", jsontext.text_of({"query": _query(action)}), VendorPart(NAME, item)),
        ServerResult(call_id, "web_search", hits, error),
    )


def _query(action: dict[str, Json]) -> str:
    """The search's words: `query`, which is the older field, or the first of `queries`."""
    queries = action.get("queries")
    several = [_text(query) for query in queries] if isinstance(queries, list) else []
    return next((query for query in (_text(action.get("query")), *several) if query), "")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
