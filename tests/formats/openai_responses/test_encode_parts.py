from __future__ import annotations

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import (
    CacheMark,
    Citation,
    Inline,
    Json,
    Media,
    Part,
    Refusal,
    Text,
    ToolResult,
    VendorPart,
)
from cliproxy.formats.openai_responses.encode_parts import PartWriter

IMAGE = Media("image", Inline("image/png", "AAAA"))


def given(*parts: Part, breakpoints: bool = False) -> tuple[list[Json], list[tuple[str, bool]]]:
    losses = Losses()
    return PartWriter(losses, breakpoints).given(parts), [(loss.field, loss.emulated) for loss in losses]


def result(result: ToolResult) -> tuple[Json, list[tuple[str, bool]]]:
    losses = Losses()
    return PartWriter(losses, False).result(result), [(loss.field, loss.emulated) for loss in losses]


def test_text_and_images_keep_their_order() -> None:
    written, losses = given(Text("a"), IMAGE, Text("b"))
    assert written == [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_text", "text": "b"},
    ]
    assert losses == []


def test_empty_text_is_left_out() -> None:
    assert given(Text("")) == ([], [])


def test_a_cache_mark_is_done_by_the_vendor() -> None:
    assert given(Text("a", CacheMark())) == ([{"type": "input_text", "text": "a"}], [("cache_control", True)])


def test_a_cache_mark_of_this_wires_client_is_written() -> None:
    written, losses = given(Text("a", CacheMark()), breakpoints=True)
    assert written == [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert losses == []


def test_a_part_of_this_wire_is_written_as_it_stood() -> None:
    assert given(VendorPart("openai-responses", {"type": "input_x"}))[0] == [{"type": "input_x"}]


def test_a_part_of_another_vendors_is_lost() -> None:
    assert given(VendorPart("gemini", {"x": 1})) == ([], [("content", False)])


def test_the_assistant_refuses_in_its_own_part() -> None:
    assert PartWriter(Losses(), False).said(Refusal("no")) == {"type": "refusal", "refusal": "no"}


def test_citations_are_annotations() -> None:
    text = Text("a b", citations=(Citation("u", "t", start=0, end=1),))
    assert PartWriter(Losses(), False).said(text) == {
        "type": "output_text",
        "text": "a b",
        "annotations": [{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}],
    }


def test_what_a_source_says_is_lost() -> None:
    losses = Losses()
    PartWriter(losses, False).said(Text("a", citations=(Citation("u", quote="q"),)))
    assert [loss.field for loss in losses] == ["citations"]


def test_a_result_of_one_text_is_a_string() -> None:
    assert result(ToolResult("c", (Text("done"),))) == ("done", [])


def test_a_result_of_nothing_is_an_empty_string() -> None:
    assert result(ToolResult("c", ())) == ("", [])


def test_a_result_with_an_image_is_a_list() -> None:
    assert result(ToolResult("c", (Text("a"), IMAGE)))[0] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    ]


def test_an_error_says_so_first() -> None:
    assert result(ToolResult("c", (Text("no such file"),), is_error=True)) == (
        "Error: no such file",
        [("is_error", True)],
    )


def test_an_error_without_text_says_so_too() -> None:
    assert result(ToolResult("c", (), is_error=True))[0] == "Error:"
