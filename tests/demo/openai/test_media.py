from __future__ import annotations

import pytest

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.history import Attachment
from cliproxy.demo.openai.media import file_in, image_at, recording_in
from cliproxy.demo.openai.words import WORDS
from cliproxy.demo.replies import Json
from cliproxy.errors import BadRequest
from tests.demo.asking import PIXEL


def node(value: Json) -> Node:
    return Node(value, ("part",), WORDS)


def test_an_image_has_the_size_of_its_bytes() -> None:
    assert image_at(node(f"data:image/png;base64,{PIXEL}")) == Attachment("image", 70)


def test_an_image_by_link_has_none() -> None:
    assert image_at(node("https://example.com/a.png")) == Attachment("image", None)


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "data:image/png,raw", "data:image/png;base64,", "data:text/plain;base64,QUJD"]
)
def test_an_image_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Mistake, match="Invalid 'part'"):
        image_at(node(url))


def test_a_file_comes_by_bytes_or_by_id() -> None:
    assert file_in(node({"file_data": "data:application/pdf;base64,QUJD", "filename": "a"})).size == 3
    assert file_in(node({"file_id": "file-1"})) == Attachment("document", None)


@pytest.mark.parametrize("file", [{}, {"file_data": "QUJD"}, {"file_data": "data:application/pdf;base64,QUJD"}])
def test_a_file_that_is_none_is_refused(file: Json) -> None:
    with pytest.raises(BadRequest):
        file_in(node(file))


def test_a_recording_has_a_format() -> None:
    assert recording_in(node({"data": "QUJD", "format": "wav"})) == Attachment("recording", 3)
    with pytest.raises(BadRequest):
        recording_in(node({"data": "QUJD"}))
