"""Replies: whole from events, and events from whole."""

from __future__ import annotations

import pytest

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.parts import (
    Blob,
    Citation,
    Hit,
    Inline,
    Media,
    Refusal,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
)
from cliproxy.conversation.reply import Choice, Fold, Reply, fold, merge, unfold
from cliproxy.conversation.usage import Usage
from tests.support.events import check_events

REPLIES = [
    Reply("id", "model", (Choice((Text("hello"),)),), Usage(input=3, output=2)),
    Reply("id", "model", (Choice((Thinking("hm", Blob("sig")), ToolCall("c", "read", '{"a":1}')), Stop.TOOLS),)),
    Reply(choices=(Choice((Thinking("", Blob("data"), redacted=True), Text("x", blob=Blob("s")))),)),
    Reply(choices=(Choice((Text("cited", citations=(Citation("http://a", "A", start=0, end=5),)),)),)),
    Reply(choices=(Choice((Refusal("no"),), Stop.REFUSAL, detail="policy"),)),
    Reply(choices=(Choice((Text("stopped"),), Stop.SEQUENCE, "END"),)),
    Reply(choices=(Choice((Text("a"),)), Choice((Text("b"),), Stop.LENGTH))),
    Reply(
        choices=(
            Choice((ServerCall("s", "web_search", '{"query":"x"}'), ServerResult("s", "web_search", (Hit("u"),)))),
        )
    ),
    Reply(choices=(Choice((Media("image", Inline("image/png", "AAAA")),)),)),
    Reply(choices=(Choice((Text("odds"),), logprobs=({"token": "odds", "logprob": -0.5},)),)),
    Reply(choices=(Choice(()),)),
]


@pytest.mark.parametrize("reply", REPLIES, ids=range(len(REPLIES)))
def test_a_reply_survives_its_events(reply: Reply) -> None:
    assert fold(unfold(reply)) == reply


@pytest.mark.parametrize("reply", REPLIES, ids=range(len(REPLIES)))
def test_the_events_of_a_reply_are_grammatical(reply: Reply) -> None:
    check_events(unfold(reply))


def test_deltas_are_joined() -> None:
    pieces: list[Event] = [Delta(0, "hel"), Delta(0, "lo")]
    events = [Started(), Opened(0, Text("")), *pieces, Closed(0), Finished(Stop.END), Ended()]
    assert fold(events).choices[0].parts == (Text("hello"),)


def test_interleaved_parts_stand_in_the_order_of_their_opening() -> None:
    first, second = ToolCall("a", "x"), ToolCall("b", "y")
    events: list[Event] = [Opened(0, first), Opened(1, second), Delta(1, "{}"), Delta(0, "[]"), Closed(1), Closed(0)]
    assert [part.id for part in fold(events).choices[0].parts if isinstance(part, ToolCall)] == ["a", "b"]


def test_a_citation_that_comes_late_stands_at_its_text() -> None:
    citation = Citation("http://a")
    events: list[Event] = [Opened(0, Text("")), Delta(0, "x"), Cited(0, citation), Closed(0)]
    assert fold(events).choices[0].parts == (Text("x", citations=(citation,)),)


def test_the_last_usage_counts() -> None:
    later: list[Event] = [Used(Usage(input=5, output=1)), Used(Usage(input=5, output=9))]
    events = [Started(usage=Usage(input=5)), *later]
    assert fold(events).usage == Usage(input=5, output=9)


def test_the_usage_of_the_beginning_counts_where_no_other_comes() -> None:
    assert fold([Started(usage=Usage(input=5))]).usage == Usage(input=5)


def test_a_blob_of_a_part_that_can_have_none_is_no_error() -> None:
    assert fold([Opened(0, Refusal("")), Signed(0, Blob("x")), Closed(0)]).choices[0].parts == (Refusal(""),)


def test_a_failure_is_remembered() -> None:
    folding = Fold()
    folding.feed(Failed(529, "overloaded"))
    assert folding.failed == Failed(529, "overloaded")


def test_a_reply_is_known_to_have_ended() -> None:
    folding = Fold()
    folding.feed(Used(Usage()))
    assert not folding.ended
    folding.feed(Ended())
    assert folding.ended


def test_several_replies_become_the_choices_of_one() -> None:
    one = Reply("a", "m", (Choice((Text("x"),)),), Usage(input=5, output=1))
    other = Reply("b", "m", (Choice((Text("y"),), Stop.LENGTH),), Usage(input=5, cache_read=2, output=3))
    assert merge([one, other]) == Reply("a", "m", (*one.choices, *other.choices), Usage(10, 2, 0, 0, 4))


def test_merged_replies_without_usage_have_none() -> None:
    assert merge([Reply(), Reply()]).usage is None
