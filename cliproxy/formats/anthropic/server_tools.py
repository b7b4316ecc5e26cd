"""What tools that Anthropic runs say in messages: calls, results, and citations. The same in requests and replies."""

from __future__ import annotations

from typing import Final

from cliproxy.conversation.parts import Citation, Hit, Json, JsonObject, ServerCall, ServerResult, VendorPart
from cliproxy.formats import jsontext
from cliproxy.formats.anthropic.fields import NAME

CALLS: Final = frozenset({"server_tool_use", "mcp_tool_use"})
RESULT_END: Final = "_tool_result"
"""How the kinds of blocks end that carry results of such tools: `web_search_tool_result` and its like."""
ID_STARTS: Final = ("srvtoolu_", "mcptoolu_")
"""How ids of such calls begin: other ones are refused when they come back."""
_SEARCH_ERRORS: Final = frozenset(
    {
        "invalid_tool_input",
        "unavailable",
        "max_uses_exceeded",
        "too_many_requests",
        "query_too_long",
        "request_too_large",
    }
)


# -- reading ------------------------------------------------------------------------------------------------------


def arguments_of(value: Json) -> str:
    """A call's `input` as JSON text. It should be an object; a string passes as the text that it is."""
    if value is None:
        return "{}"
    return value if isinstance(value, str) else jsontext.text_of(value)


def is_result(kind: str) -> bool:
    """Whether a block of this kind carries what a server's tool gave."""
    return kind.endswith(RESULT_END)


def read_call(block: JsonObject) -> ServerCall:
    """Without its arguments, which stream; the rest of the block is kept as it stood."""
    tool = "mcp" if block.get("type") == "mcp_tool_use" else text(block, "name")
    rest = {key: value for key, value in block.items() if key != "input"}
    return ServerCall(text(block, "id"), tool, raw=VendorPart(NAME, rest))


def read_result(block: JsonObject) -> ServerResult:
    """Whole."""
    content = block.get("content")
    hits = tuple(_read_hit(hit) for hit in content if isinstance(hit, dict)) if isinstance(content, list) else ()
    tool = text(block, "type").removesuffix(RESULT_END)
    return ServerResult(
        call_id=text(block, "tool_use_id"),
        tool=tool,
        hits=hits if tool == "web_search" else (),
        error=text(content, "error_code") if isinstance(content, dict) else "",
        raw=VendorPart(NAME, block),
    )


def _read_hit(hit: JsonObject) -> Hit:
    return Hit(text(hit, "url"), text(hit, "title"), text(hit, "page_age"), text(hit, "encrypted_content"))


def read_citation(value: Json) -> Citation | None:
    """Of a web page, a search result or a document of the client's: the latter two have no URL of the web."""
    if not isinstance(value, dict):
        return None
    return Citation(
        url=text(value, "url") or text(value, "source"),
        title=text(value, "title") or text(value, "document_title"),
        quote=text(value, "cited_text"),
    )


def text(block: JsonObject, key: str) -> str:
    """A string of a block's; empty if it is none."""
    value = block.get(key)
    return value if isinstance(value, str) else ""


# -- writing ------------------------------------------------------------------------------------------------------


def own_block(raw: VendorPart | None) -> dict[str, Json] | None:
    """A block as Anthropic once sent it."""
    return dict(raw.value) if raw is not None and raw.format == NAME else None


def write_call(call: ServerCall) -> dict[str, Json] | None:
    """Without its arguments; None where Anthropic has no block for it."""
    own = own_block(call.raw)
    if own is not None:
        return own
    if call.tool != "web_search":
        return None
    return {"type": "server_tool_use", "id": call.id, "name": call.tool}


def write_result(result: ServerResult) -> dict[str, Json] | None:
    """None where Anthropic has no block for it."""
    own = own_block(result.raw)
    if own is not None:
        return own
    if result.tool != "web_search":
        return None
    content: Json = [_write_hit(hit) for hit in result.hits]
    if result.error:
        code = result.error if result.error in _SEARCH_ERRORS else "unavailable"
        content = {"type": "web_search_tool_result_error", "error_code": code}
    return {"type": "web_search_tool_result", "tool_use_id": result.call_id, "content": content}


def _write_hit(hit: Hit) -> Json:
    return {
        "type": "web_search_result",
        "url": hit.url,
        "title": hit.title,
        "page_age": hit.age or None,
        "encrypted_content": hit.blob,
    }


def write_citation(citation: Citation) -> dict[str, Json]:
    """As one of a web page, whatever it was: where in a document it stood is not known."""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title or None,
        "cited_text": citation.quote,
        "encrypted_index": "",
    }
