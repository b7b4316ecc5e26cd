from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark, Citation, Inline, Json, Media, Refusal, Text, VendorPart
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses.decode_parts import read_content, read_output

IMAGE = "data:image/png;base64,iVBORw0KGgo="


def test_a_string_is_one_text() -> None:
    assert read_content("hi", "c", Losses()) == (Text("hi"),)


@pytest.mark.parametrize("nothing", ["", None, []])
def test_nothing_is_no_part(nothing: Json) -> None:
    assert read_content(nothing, "c", Losses()) == ()


@pytest.mark.parametrize("kind", ["input_text", "output_text", "text"])
def test_text_has_several_names(kind: str) -> None:
    assert read_content([{"type": kind, "text": "a"}], "c", Losses()) == (Text("a"),)


def test_annotations_of_the_assistants_text_are_citations() -> None:
    part: Json = {
        "type": "output_text",
        "text": "a",
        "annotations": [{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}],
    }
    assert read_content([part], "c", Losses()) == (Text("a", citations=(Citation("u", "t", start=0, end=1),)),)


def test_a_refusal_is_read() -> None:
    assert read_content([{"type": "refusal", "refusal": "no"}], "c", Losses()) == (Refusal("no"),)


def test_a_breakpoint_of_the_cache_is_a_mark() -> None:
    part: Json = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert read_content([part], "c", Losses()) == (Text("a", CacheMark()),)


def test_the_lifetime_of_a_breakpoint_is_noted() -> None:
    losses = Losses()
    part: Json = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    read_content([part], "c", losses)
    assert [loss.field for loss in losses] == ["prompt_cache_breakpoint"]


def test_an_unknown_part_is_kept_as_it_stands() -> None:
    part: Json = {"type": "input_hologram", "x": 1}
    assert read_content([part], "c", Losses()) == (VendorPart("openai-responses", {"type": "input_hologram", "x": 1}),)


def test_a_part_without_kind_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^c\.1\.type: A string was expected\.$"):
        read_content([{"type": "text", "text": "a"}, {"text": "b"}], "c", Losses())


def test_a_text_without_text_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^c\.0\.text: A string was expected\.$"):
        read_content([{"type": "input_text", "text": 3}], "c", Losses())


def test_an_output_may_hold_images() -> None:
    parts: Json = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": IMAGE}]
    assert read_output(parts, "o", Losses()) == (Text("a"), Media("image", Inline("image/png", "iVBORw0KGgo=")))


def test_a_list_with_images_in_quotes_is_unwrapped() -> None:
    output = f'[{{"type": "input_text", "text": "a"}}, {{"type": "input_image", "image_url": "{IMAGE}"}}]'
    assert read_output(output, "o", Losses()) == (Text("a"), Media("image", Inline("image/png", "iVBORw0KGgo=")))


@pytest.mark.parametrize(
    "output",
    [
        '[{"type": "input_text", "text": "only text"}]',
        '[{"type": "input_image", "image_url": 3}]',
        '[{"type": "input_image", "other": "x"}, 1]',
        '["input_image"',
        "plain",
    ],
)
def test_other_strings_are_left_alone(output: str) -> None:
    assert read_output(output, "o", Losses()) == (Text(output),)


def test_an_output_that_is_an_object_is_kept_as_json() -> None:
    assert read_output({"a": 1}, "o", Losses()) == (Text('{"a":1}'),)


def test_an_output_of_null_is_empty() -> None:
    assert read_output(None, "o", Losses()) == ()
