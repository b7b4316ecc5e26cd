from __future__ import annotations

import pytest

from cliproxy.conversation.events import Closed, Delta, Event, Opened, Signed
from cliproxy.conversation.parts import Blob, ToolCall
from cliproxy.formats.openai_chat.decode_calls import MAX_CALLS, CallStream, PartNumbers, TooManyCalls, made_ids


def entry(
    index: object = None, call_id: object = None, name: object = None, arguments: object = None
) -> dict[str, object]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


def told(*entries: dict[str, object]) -> list[Event]:
    calls = CallStream(PartNumbers(), 0, "made_")
    events: list[Event] = []
    for each in entries:
        calls.feed(each, events)
    return events


def whole(*entries: dict[str, object]) -> list[tuple[str, str, str]]:
    calls = CallStream(PartNumbers(), 0, "made_")
    events: list[Event] = []
    for each in entries:
        calls.feed(each, events)
    calls.finish(events)
    found: dict[int, tuple[str, str, str]] = {}
    for event in events:
        if isinstance(event, Opened) and isinstance(event.part, ToolCall):
            found[event.index] = (event.part.id, event.part.name, "")
        elif isinstance(event, Delta):
            call_id, name, arguments = found[event.index]
            found[event.index] = (call_id, name, arguments + event.text)
    return list(found.values())


def test_arguments_flow_as_they_come() -> None:
    assert told(entry(0, "1", "f", ""), entry(0, arguments='{"a'), entry(0, arguments='":1}')) == [
        Opened(0, ToolCall("1", "f")),
        Delta(0, '{"a'),
        Delta(0, '":1}'),
    ]


def test_a_name_that_is_repeated_opens_nothing() -> None:
    assert whole(entry(0, "1", "f", "{"), entry(0, "1", "f", "}")) == [("1", "f", "{}")]


@pytest.mark.parametrize("name", [None, "", 3])
def test_later_names_that_are_none_change_nothing(name: object) -> None:
    assert whole(entry(0, "1", "f", "{"), entry(0, None, name, "}")) == [("1", "f", "{}")]


def test_a_late_name_is_waited_for() -> None:
    assert told(entry(0, "1", None, "{"), entry(0, None, "f", "}")) == [
        Opened(0, ToolCall("1", "f")),
        Delta(0, "{"),
        Delta(0, "}"),
    ]


def test_a_late_id_is_waited_for() -> None:
    assert told(entry(0, None, "f", "{"), {"index": 0, "id": "1"}) == [Opened(0, ToolCall("1", "f")), Delta(0, "{")]


def test_an_id_that_never_comes_is_made() -> None:
    assert whole(entry(0, None, "f", "{}"), entry(1, None, "g", "{}")) == [
        ("made_0", "f", "{}"),
        ("made_1", "g", "{}"),
    ]


@pytest.mark.parametrize("nameless", [entry(2, "1"), entry(2, "1", None, "{}")])
def test_a_name_that_never_comes_is_made(nameless: dict[str, object]) -> None:
    assert [(call_id, name) for call_id, name, _ in whole(nameless)] == [("1", "tool_2")]


def test_arguments_alone_are_a_call() -> None:
    assert whole(entry(0, None, None, "{}")) == [("made_0", "tool_0", "{}")]


@pytest.mark.parametrize("bare", [{"index": 0}, {}, {"index": 0, "function": None}, entry(0), entry(0, 3, 4, 5)])
def test_a_bare_index_is_no_call(bare: dict[str, object]) -> None:
    assert whole(bare) == []


def test_calls_that_waited_are_opened_in_the_order_of_their_indices() -> None:
    assert [name for _, name, _ in whole(entry(1, None, "b"), entry(0, None, "a"))] == ["a", "b"]


def test_pieces_of_parallel_calls_find_their_own() -> None:
    assert whole(
        entry(0, "1", "f", ""), entry(1, "2", "g", ""), entry(1, arguments="{}"), entry(0, arguments="{ }")
    ) == [("1", "f", "{ }"), ("2", "g", "{}")]


def test_a_whole_call_is_closed_when_the_next_begins() -> None:
    assert told(entry(0, "1", "f", '{"a":1}'), entry(1, "2", "g", "")) == [
        Opened(0, ToolCall("1", "f")),
        Delta(0, '{"a":1}'),
        Closed(0),
        Opened(1, ToolCall("2", "g")),
    ]


@pytest.mark.parametrize("arguments", ["", '{"a":{}', '"}"'])
def test_one_that_may_go_on_is_not(arguments: str) -> None:
    assert Closed(0) not in told(entry(0, "1", "f", arguments), entry(1, "2", "g", ""))


def test_what_comes_for_a_closed_call_is_let_go() -> None:
    assert whole(entry(0, "1", "f", "{}"), entry(1, "2", "g", "{}"), entry(0, arguments="{}")) == [
        ("1", "f", "{}"),
        ("2", "g", "{}"),
    ]


def test_a_server_without_indices_is_understood_by_ids() -> None:
    assert whole(entry(None, "1", "f", "{"), entry(None, None, None, "}"), entry(None, "2", "g", "{}")) == [
        ("1", "f", "{}"),
        ("2", "g", "{}"),
    ]


def test_a_server_without_indices_may_return_to_an_earlier_id() -> None:
    assert whole(entry(None, "1", "f", "{"), entry(None, "2", "g", "{"), entry(None, "1", None, "}")) == [
        ("1", "f", "{}"),
        ("2", "g", "{"),
    ]


def test_a_server_without_indices_and_ids_is_understood_by_names() -> None:
    assert whole(entry(None, None, "f", "{}"), entry(None, None, "g", "{}")) == [
        ("made_0", "f", "{}"),
        ("made_1", "g", "{}"),
    ]


def test_a_server_that_gives_every_call_the_same_index_is_understood() -> None:
    assert whole(entry(0, "1", "f", "{}"), entry(0, "2", "g", "{}")) == [("1", "f", "{}"), ("2", "g", "{}")]


def test_another_id_in_the_middle_of_arguments_is_no_other_call() -> None:
    assert whole(entry(0, "1", "f", "{"), entry(0, "2", "f", "}")) == [("1", "f", "{}")]


def test_arguments_may_be_an_object() -> None:
    assert whole(entry(0, "1", "f", {"a": 1})) == [("1", "f", '{"a":1}')]


def test_a_custom_call_keeps_its_text() -> None:
    events = told({"index": 0, "id": "1", "type": "custom", "custom": {"name": "c", "input": "*** }"}})
    assert events == [Opened(0, ToolCall("1", "c", custom=True)), Delta(0, "*** }")]


def test_free_text_never_looks_whole() -> None:
    custom = {"index": 0, "id": "1", "type": "custom", "custom": {"name": "c", "input": "{}"}}
    assert Closed(0) not in told(custom, entry(1, "2", "g", ""))


def test_a_signature_is_told_once() -> None:
    signed = {**entry(0, "1", "f", "{}"), "extra_content": {"google": {"thought_signature": "s"}}}
    assert told(signed, signed)[:3] == [Opened(0, ToolCall("1", "f")), Delta(0, "{}"), Signed(0, Blob("s"))]


def test_a_signature_waits_for_the_call() -> None:
    signed = {"index": 0, "extra_content": {"google": {"thought_signature": "s"}}}
    assert told(signed, entry(0, "1", "f", "")) == [Opened(0, ToolCall("1", "f")), Signed(0, Blob("s"))]


def test_calls_have_an_end() -> None:
    with pytest.raises(TooManyCalls):
        told(*(entry(number, str(number), "f") for number in range(MAX_CALLS + 1)))


def test_arguments_of_a_nameless_call_are_not_kept_for_ever() -> None:
    piece = "x" * 600_000
    events = told(entry(0, None, None, piece), entry(0, None, None, piece))
    assert events == [Opened(0, ToolCall("made_0", "tool_0")), Delta(0, piece), Delta(0, piece)]


def test_made_ids_are_of_the_reply() -> None:
    assert made_ids("chatcmpl-0123456789abcdefghij", 1) == "call_none_456789abcdefghij_1_"


def test_made_ids_are_short_enough() -> None:
    assert len(made_ids("x" * 99, 127) + str(MAX_CALLS)) <= 40
