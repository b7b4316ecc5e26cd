from __future__ import annotations

import pytest

from cliproxy.conversation.usage import Usage
from cliproxy.formats import FORMATS, sse
from cliproxy.formats.wire import SILENT_HEARTBEAT, Complaint, WireFormat


@pytest.fixture(params=tuple(FORMATS.values()), ids=tuple(FORMATS))
def wire(request: pytest.FixtureRequest) -> WireFormat:
    assert isinstance(request.param, WireFormat)
    return request.param


def test_a_format_stands_in_the_table_under_its_own_name(wire: WireFormat) -> None:
    assert FORMATS[wire.name] is wire


def test_a_heartbeat_is_an_empty_line_or_one_whole_event(wire: WireFormat) -> None:
    assert wire.heartbeat == SILENT_HEARTBEAT or list(sse.each(wire.heartbeat)) == [wire.heartbeat]
    assert wire.heartbeat == SILENT_HEARTBEAT or sse.EventSplitter().feed(wire.heartbeat) == wire.heartbeat


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"usage": [1]},
        {"usage": "x", "choices": [{"usage": {}}]},
        {"message": [], "response": "", "usageMetadata": -1.5},
    ],
)
def test_what_tells_no_usage_leaves_it_as_it_was(wire: WireFormat, document: dict[str, object]) -> None:
    known = Usage(1, 2, 3, 4, 5, 6, 7)
    assert wire.usage_in(document, known) == known


def test_an_error_event_is_one_whole_event(wire: WireFormat) -> None:
    event = wire.error_event(Complaint(500, "a\n\nb", "req_1"))
    assert sse.EventSplitter().feed(event) == event
    assert len(list(sse.each(event))) == 1


def test_the_silent_heartbeat_adds_no_event_to_the_one_that_follows() -> None:
    event = SILENT_HEARTBEAT * 3 + b"data: a\n\n"
    assert [payload for part in sse.each(event) if (payload := sse.data_of(part)) is not None] == [b"a"]
