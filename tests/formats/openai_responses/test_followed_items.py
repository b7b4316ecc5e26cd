from __future__ import annotations

from itertools import count

from cliproxy.conversation.events import Closed, Delta, Opened
from cliproxy.conversation.parts import Text, ToolCall
from cliproxy.formats.openai_responses import followed_items
from cliproxy.formats.openai_responses.followed_items import FollowedCall, FollowedMessage, FollowedReasoning, follow

ARGUMENTS = "response.function_call_arguments.delta"


def test_a_call_that_is_known_is_opened_at_once() -> None:
    _, events = follow("function_call", {"call_id": "c", "name": "f"}, count())
    assert events == [Opened(0, ToolCall("c", "f"))]


def test_a_call_that_is_not_known_yet_waits() -> None:
    _, events = follow("function_call", {"call_id": "c"}, count())
    assert events == []


def test_arguments_that_wait_are_bounded() -> None:
    call = FollowedCall(count(), "function_call")
    piece = "x" * (1024 * 1024)
    for _ in range(6):
        call.feed(ARGUMENTS, {"delta": piece})
    assert sum(map(len, call._held)) <= followed_items.MAX_HELD_CHARACTERS


def test_arguments_that_were_too_many_to_hold_are_told_from_the_whole_item() -> None:
    call = FollowedCall(count(), "function_call")
    call.feed(ARGUMENTS, {"delta": "x" * (followed_items.MAX_HELD_CHARACTERS + 1)})
    call.learn({"call_id": "c", "name": "f"})
    assert call.feed(ARGUMENTS, {"delta": "y"}) == ()
    assert call.finish({"arguments": "{}"}) == [Delta(0, "{}"), Closed(0)]


def test_an_item_ends_once() -> None:
    message = FollowedMessage(count())
    message.feed("response.output_text.delta", {"delta": "a"})
    message.end()
    assert message.finish({"content": [{"type": "output_text", "text": "a"}]}) == []


def test_text_after_the_end_of_its_part_is_passed_over() -> None:
    message = FollowedMessage(count())
    message.feed("response.output_text.delta", {"delta": "a", "content_index": 0})
    message.feed("response.content_part.done", {"content_index": 0})
    assert list(message.feed("response.output_text.delta", {"delta": "b", "content_index": 0})) == []


def test_a_citation_may_come_before_the_text() -> None:
    message = FollowedMessage(count())
    events = message.feed("response.output_text.annotation.added", {"annotation": None})
    assert events == [Opened(0, Text(""))]


def test_reasoning_after_its_end_is_passed_over() -> None:
    reasoning = FollowedReasoning(count())
    reasoning.end()
    assert reasoning.feed("response.reasoning_summary_text.delta", {"delta": "a"}) == ()


def test_what_the_vendor_makes_says_nothing_on_the_way() -> None:
    item, _ = follow("web_search_call", {}, count())
    assert item.feed("response.web_search_call.searching", {}) == ()
