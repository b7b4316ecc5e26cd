"""Events: the checker of their grammar, which the tests of all formats use."""

from __future__ import annotations

import pytest

from cliproxy.conversation.events import (
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
from cliproxy.conversation.parts import Blob, Text, Thinking
from cliproxy.conversation.usage import Usage
from tests.support.events import UngrammaticalError, check_events

WHOLE: list[Event] = [
    Started("id", "model"),
    Opened(0, Thinking("")),
    Delta(0, "hm"),
    Signed(0, Blob("s")),
    Closed(0),
    Opened(1, Text("")),
    Delta(1, "hi"),
    Closed(1),
    Finished(Stop.END),
    Used(Usage(output=1)),
    Ended(),
]


def test_a_whole_reply_is_grammatical() -> None:
    check_events(WHOLE)


def test_a_reply_may_fail_at_any_point() -> None:
    for length in range(len(WHOLE) - 1):
        check_events([*WHOLE[:length], Failed(500, "broken")])


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing at all"),
        pytest.param([Started(), Opened(0, Text("")), Finished(Stop.END), Ended()], id="a part left open"),
        pytest.param([Started(), Delta(0, "x"), Finished(Stop.END), Ended()], id="a delta of no part"),
        pytest.param(
            [Started(), Opened(1, Text("")), Closed(1), Finished(Stop.END), Ended()], id="a gap in the numbers"
        ),
        pytest.param([Started(), Ended()], id="no choice finished"),
        pytest.param([Started(), Finished(Stop.END)], id="no end"),
        pytest.param([*WHOLE, Ended()], id="two ends"),
        pytest.param([Started(), Started(), Finished(Stop.END), Ended()], id="two beginnings"),
        pytest.param(
            [Started(), Opened(0, Text("")), Delta(0, ""), Closed(0), Finished(Stop.END), Ended()], id="empty"
        ),
        pytest.param([Failed(500, "x"), Ended()], id="an end after a failure"),
    ],
)
def test_everything_else_is_not(events: list[Event]) -> None:
    with pytest.raises(UngrammaticalError):
        check_events(events)
