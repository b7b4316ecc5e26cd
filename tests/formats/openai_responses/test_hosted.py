from __future__ import annotations

from cliproxy.conversation.parts import Hit, Inline, Json, Media, ServerCall, ServerResult, VendorPart
from cliproxy.formats.openai_responses.hosted import read_hosted


def test_a_search_is_a_call_and_its_result() -> None:
    item: dict[str, Json] = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "cats", "sources": [{"type": "url", "url": "https://a.example"}]},
    }
    assert read_hosted(item) == (
        ServerCall("ws_1", "web_search", '{"query":"cats"}', VendorPart("openai-responses", item)),
        ServerResult("ws_1", "web_search", (Hit("https://a.example"),)),
    )


def test_the_first_of_several_queries_is_the_query() -> None:
    call = read_hosted({"type": "web_search_call", "action": {"type": "search", "queries": ["a", "b"]}})[0]
    assert isinstance(call, ServerCall)
    assert call.arguments == '{"query":"a"}'


def test_a_search_that_failed_says_so() -> None:
    result = read_hosted({"type": "web_search_call", "status": "failed", "action": {"type": "search"}})[1]
    assert isinstance(result, ServerResult)
    assert result.error == "unavailable"


def test_opening_a_page_is_the_vendors_own_affair() -> None:
    item: dict[str, Json] = {"type": "web_search_call", "id": "ws_1", "action": {"type": "open_page", "url": None}}
    assert read_hosted(item) == (VendorPart("openai-responses", item),)


def test_an_image_that_was_made_is_media() -> None:
    item: dict[str, Json] = {"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "output_format": "webp"}
    assert read_hosted(item) == (Media("image", Inline("image/webp", "AAAA")),)


def test_an_image_without_result_is_the_vendors_own_affair() -> None:
    item: dict[str, Json] = {"type": "image_generation_call", "id": "ig_1", "result": None}
    assert read_hosted(item) == (VendorPart("openai-responses", item),)


def test_garbage_in_a_search_is_passed_over() -> None:
    item: dict[str, Json] = {
        "type": "web_search_call",
        "id": 3,
        "action": {"type": "search", "query": 1, "queries": [2], "sources": [None, {"url": 4}]},
    }
    call, result = read_hosted(item)
    assert (call, result) == (
        ServerCall("", "web_search", '{"query":""}', VendorPart("openai-responses", item)),
        ServerResult("", "web_search"),
    )
