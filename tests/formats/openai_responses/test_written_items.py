from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.parts import (
    Hit,
    Inline,
    Json,
    Link,
    Media,
    ServerCall,
    ServerResult,
    ToolCall,
    VendorPart,
)
from cliproxy.formats import sse
from cliproxy.formats.openai_responses.written_items import (
    Lines,
    Place,
    WrittenCall,
    WrittenContent,
    WrittenMessage,
    WrittenReasoning,
    WrittenSearch,
    whole_item,
)


def place(prefix: str) -> Place:
    return Place(Lines(), f"{prefix}_s_0", 0)


def events(lines: bytes) -> list[dict[str, Json]]:
    return [json.loads(payload) for payload in sse.payloads(lines)]


def test_events_are_counted_from_zero() -> None:
    lines = Lines()
    assert lines.write("a", {}) + lines.write("b", {"x": 1}) == (
        b'event: a\ndata: {"type":"a","sequence_number":0}\n\n'
        b'event: b\ndata: {"type":"b","sequence_number":1,"x":1}\n\n'
    )


def test_lines_that_nobody_reads_are_not_written() -> None:
    assert Lines(told=False).write("a", {"x": 1}) == b""


DELTAS: list[tuple[str, dict[str, Json], dict[str, Json]]] = [
    ("response.output_text.delta", {"content_index": 3}, {"logprobs": []}),
    ("response.refusal.delta", {"content_index": 0}, {}),
    ("response.custom_tool_call_input.delta", {}, {}),
]


@given(st.sampled_from(DELTAS), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_delta_is_the_event_that_would_be_written_of_its_fields(
    written: tuple[str, dict[str, Json], dict[str, Json]], text: str
) -> None:
    kind, before, after = written
    fast, plain = Place(Lines(7), 'i"d', 4), Place(Lines(7), 'i"d', 4)
    deltas = fast.deltas(kind, logprobs=bool(after), **before)
    assert deltas.write(text) == plain.event(kind, **before, delta=text, **after)
    assert fast.lines.count == plain.lines.count == 8


def test_the_deltas_of_a_text_have_a_list_of_log_probabilities_those_of_a_refusal_none() -> None:
    message = WrittenMessage(place("msg"))
    text, refusal = WrittenContent(message, 0, refusal=False), WrittenContent(message, 1, refusal=True)
    told = events(text.delta("a", None) + refusal.delta("b", [{"token": "b"}]))
    assert [(event["type"], event["delta"], event.get("logprobs")) for event in told] == [
        ("response.output_text.delta", "a", []),
        ("response.refusal.delta", "b", None),
    ]


def test_reasoning_without_text_has_no_summary() -> None:
    output: list[Json] = [None]
    reasoning = WrittenReasoning(place("rs"), output)
    reasoning.signed("gAAAA")
    assert events(reasoning.close())[0]["item"] == {
        "id": "rs_s_0",
        "type": "reasoning",
        "summary": [],
        "encrypted_content": "gAAAA",
    }


def test_a_call_without_arguments_has_an_empty_object() -> None:
    call = WrittenCall(place("fc"), [None], ToolCall("c", "f"))
    assert [event["arguments"] for event in events(call.close())[:1]] == ["{}"]


def test_a_free_form_call_without_input_has_an_empty_one() -> None:
    call = WrittenCall(place("ctc"), [None], ToolCall("c", "p", custom=True, namespace="ns"))
    done, item = events(call.close())
    assert (done["input"], item["item"]) == (
        "",
        {
            "id": "ctc_s_0",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "c",
            "name": "p",
            "input": "",
            "namespace": "ns",
        },
    )


def test_a_search_ends_with_what_was_found() -> None:
    search = WrittenSearch(place("ws"), [None], ServerCall("s", "web_search"))
    search.delta('{"query":"q"}', None)
    search.result = ServerResult("s", "web_search", (Hit("https://a.example", "A"),))
    assert events(search.end())[1]["item"] == {
        "id": "ws_s_0",
        "type": "web_search_call",
        "status": "completed",
        "action": {
            "type": "search",
            "query": "q",
            "queries": ["q"],
            "sources": [{"type": "url", "url": "https://a.example"}],
        },
    }


def test_a_search_that_failed_says_so() -> None:
    output: list[Json] = [None]
    search = WrittenSearch(place("ws"), output, ServerCall("s", "web_search"))
    search.result = ServerResult("s", "web_search", error="unavailable")
    search.end()
    assert isinstance(output[0], dict)
    assert output[0]["status"] == "failed"


def test_a_page_that_was_fetched_was_opened() -> None:
    output: list[Json] = [None]
    search = WrittenSearch(place("ws"), output, ServerCall("s", "web_fetch"))
    search.delta('{"url":"https://a.example"}', None)
    search.end()
    assert isinstance(output[0], dict)
    assert output[0]["action"] == {"type": "open_page", "url": "https://a.example"}


def test_a_search_of_this_wire_keeps_its_action() -> None:
    action: Json = {"type": "search", "queries": ["a", "b"]}
    raw = VendorPart("openai-responses", {"type": "web_search_call", "action": action})
    output: list[Json] = [None]
    WrittenSearch(place("ws"), output, ServerCall("s", "web_search", raw=raw)).end()
    assert isinstance(output[0], dict)
    assert output[0]["action"] == action


def test_an_image_is_an_item_with_its_bytes() -> None:
    assert whole_item(Media("image", Inline("image/png", "AAAA")), "ig_1") == {
        "id": "ig_1",
        "type": "image_generation_call",
        "status": "completed",
        "output_format": "png",
        "result": "AAAA",
    }


def test_an_item_of_this_wire_is_written_as_it_stood() -> None:
    assert whole_item(VendorPart("openai-responses", {"type": "compaction", "id": "cmp_1"}), "x") == {
        "type": "compaction",
        "id": "cmp_1",
    }


def test_what_has_no_words_here_is_no_item() -> None:
    assert whole_item(Media("image", Link("https://a.example")), "x") is None
