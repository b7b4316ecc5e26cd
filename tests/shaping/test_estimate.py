from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.parts import (
    FileId,
    Inline,
    Link,
    Media,
    MediaKind,
    Plain,
    Text,
    ToolCall,
    ToolResult,
    VendorPart,
)
from cliproxy.conversation.request import Function, Message, Output, Request, Role, ServerTool
from cliproxy.shaping.estimate import estimate_bytes, estimate_tokens, image_tokens, text_tokens

PROSE = (
    "The proxy reads what the client sends and decides which upstream is to be asked. If that one is too busy, it "
    "tries another, and the client never learns that anything was wrong. Every change is tested before it is merged."
)
CODE = '''def choose(candidates: Sequence[Candidate], now: float) -> Candidate | None:
    """The next credential, if one is ready."""
    for candidate in candidates:
        if candidate.standing.cools_until <= now and not candidate.disabled:
            return candidate
    return None
'''
JSON = (
    '{"name":"read_file","description":"Reads a file from the local filesystem.","input_schema":{"type":"object",'
    '"properties":{"file_path":{"type":"string","description":"The absolute path to the file to read"},"limit":'
    '{"type":"integer"}},"required":["file_path"]}}'
)
CHINESE = "今天我们来讨论如何在大型分布式系统中实现可靠的消息传递。"


@pytest.mark.parametrize(
    ("text", "told"),
    # As the two public tokenizers that the weights were fitted to count it: o200k_base and Anthropic's first.
    [(PROSE, (46, 46)), (CODE, (58, 60)), (JSON, (57, 62))],
    ids=["prose", "code", "json"],
)
def test_the_estimate_is_near_what_tokenizers_count(text: str, told: tuple[int, int]) -> None:
    assert 0.9 * min(told) <= text_tokens(text) <= 1.15 * max(told)


def test_other_scripts_lie_between_the_tokenizers() -> None:
    assert 19 <= text_tokens(CHINESE) <= 26


def test_an_empty_text_has_no_tokens() -> None:
    assert text_tokens("") == 0


def test_half_a_surrogate_is_borne() -> None:
    assert text_tokens("a\ud800b") > 0


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_longer_text_has_not_fewer_tokens(text: str, more: str) -> None:
    assert text_tokens(f"{text}\n{more}") >= text_tokens(text)


def test_a_text_of_megabytes_is_estimated_from_its_beginning() -> None:
    before = time.process_time()
    assert text_tokens(PROSE * 50_000) == pytest.approx(text_tokens(PROSE) * 50_000, rel=0.03)
    assert time.process_time() - before < 0.5


def test_a_body_of_agents_takes_two_milliseconds_at_most() -> None:
    text = (PROSE + CODE + JSON) * (118_000 // len(PROSE + CODE + JSON))
    fastest = 1.0
    for _ in range(10):
        before = time.perf_counter()
        text_tokens(text)
        fastest = min(fastest, time.perf_counter() - before)
    assert fastest < 0.004  # half of a slow machine's speed


# -- requests


def asked(*parts: Text | Media | ToolCall | ToolResult | VendorPart) -> Request:
    return Request("anthropic", "m", (Message(Role.USER, parts),))


def media(source: Inline | Link | FileId | Plain, kind: MediaKind = "image") -> Media:
    return Media(kind, source)


def png(width: int, height: int) -> Inline:
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x06\0\0\0"
    return Inline("image/png", base64.b64encode(head).decode())


def test_an_empty_request_has_one_token() -> None:
    assert estimate_tokens(Request("gemini", "m", ())) == 1


def test_what_is_said_counts() -> None:
    assert estimate_tokens(asked(Text(PROSE))) == 4 + text_tokens(PROSE)


def test_system_counts() -> None:
    request = Request("anthropic", "m", (), system=(Text(PROSE),))
    assert estimate_tokens(request) == text_tokens(PROSE)


def test_tools_count_by_their_json() -> None:
    tool = Function("read_file", PROSE, {"type": "object", "properties": {"file_path": {"type": "string"}}})
    request = Request("anthropic", "m", (), tools=(tool,))
    assert text_tokens(PROSE) + 20 < estimate_tokens(request) < text_tokens(PROSE) + 60


def test_a_vendors_tool_counts_as_its_hidden_description() -> None:
    assert estimate_tokens(Request("anthropic", "m", (), tools=(ServerTool("web_search", "anthropic"),))) == 400


def test_a_schema_of_the_answer_counts() -> None:
    request = Request("anthropic", "m", (), output=Output("schema", {"type": "object", "description": PROSE}))
    assert estimate_tokens(request) > text_tokens(PROSE)


def test_calls_and_results_count() -> None:
    call = ToolCall("1", "read_file", '{"file_path":"/etc/hosts"}')
    result = ToolResult("1", (Text(PROSE), media(png(1000, 750))))
    assert estimate_tokens(asked(call, result)) > text_tokens(PROSE) + 1000


@pytest.mark.parametrize(
    ("width", "height", "tokens"), [(200, 200, 85), (1000, 750, 1000), (1092, 1092, 1589), (8000, 8000, 1600)]
)
def test_an_image_counts_by_its_pixels(width: int, height: int, tokens: int) -> None:
    assert image_tokens(png(width, height).data) == tokens


@pytest.mark.parametrize("data", ["", "not base64!", "é", "AAAA", "iVBORw0KGgo="])
def test_an_image_that_cannot_be_read_counts_as_a_large_one(data: str) -> None:
    assert image_tokens(data) == 1600


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (media(Link("https://example.org/a.png")), 1600),
        (media(FileId("file-1", "anthropic")), 1600),
        (media(Inline("application/pdf", "A" * 120_000), "document"), 4000),
        (media(Inline("text/plain", "A" * 4000), "document"), 1000),
        (media(Link("https://example.org/a.pdf"), "document"), 2000),
        (media(Inline("audio/mpeg", "A" * 40_000), "audio"), 61),
        (media(Inline("video/mp4", "A" * 400_000), "video"), 301),
    ],
)
def test_other_media_count_by_their_size(part: Media, tokens: int) -> None:
    assert estimate_tokens(asked(part)) == pytest.approx(tokens + 4, abs=4)


def test_a_document_of_text_counts_as_text() -> None:
    assert estimate_tokens(asked(media(Plain(PROSE), "document"))) == pytest.approx(text_tokens(PROSE) + 4, abs=4)


# -- bodies


def test_a_body_counts_by_its_length() -> None:
    assert estimate_bytes(b"x" * 420) == 100


def test_an_empty_body_has_one_token() -> None:
    assert estimate_bytes(b"") == 1


def test_an_image_in_a_body_counts_as_one_image() -> None:
    body = b'{"data":"%b","text":"%b"}' % (base64.b64encode(bytes(range(256)) * 4000), b"hello " * 100)
    assert 1600 < estimate_bytes(body) < 1850


def test_a_body_of_many_images_takes_time_in_proportion() -> None:
    body = b",".join([b'"data:image/png;base64,%b"' % (b"A" * 100_000)] * 100)
    before = time.process_time()
    assert estimate_bytes(body) == pytest.approx(160_000, rel=0.01)
    assert time.process_time() - before < 0.5
