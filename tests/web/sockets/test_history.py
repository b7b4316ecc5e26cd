"""What a connection remembers of its conversations."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.web.sockets.history import MAX_RESPONSES, History, Output


def event(kind: str, **fields: object) -> bytes:
    return orjson.dumps({"type": kind, **fields})


def done(index: int, **item: object) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def output(*events: bytes, stores: bool = False) -> Output:
    told = Output(stores)
    for each in events:
        told.feed(each)
    return told


# -- conversations


def test_a_response_is_found_with_what_led_to_it() -> None:
    history = History(100)
    history.keep("resp_1", [b"asked", b"answered"])
    assert history.find("resp_1") == (b"asked", b"answered")


def test_an_unknown_response_is_not_found() -> None:
    assert History(100).find("resp_1") is None


def test_empty_pieces_are_not_kept() -> None:
    history = History(100)
    history.keep("resp_1", [b"asked", b""])
    assert history.find("resp_1") == (b"asked",)


def test_an_earlier_response_can_be_forked_from() -> None:
    history = History(100)
    history.keep("resp_1", [b"a"])
    history.keep("resp_2", [b"a", b"b"])
    assert history.find("resp_1") == (b"a",)


def test_only_so_many_are_kept() -> None:
    history = History(10_000)
    for number in range(MAX_RESPONSES + 1):
        history.keep(f"resp_{number}", [b"x"])
    assert (history.find("resp_0"), history.find("resp_1")) == (None, (b"x",))


def test_only_so_many_bytes_are_kept() -> None:
    history = History(10)
    history.keep("resp_1", [b"x" * 6])
    history.keep("resp_2", [b"y" * 6])
    assert (history.find("resp_1"), history.find("resp_2")) == (None, (b"y" * 6,))


def test_what_two_conversations_share_counts_once() -> None:
    history, first = History(10), b"x" * 6
    history.keep("resp_1", [first])
    history.keep("resp_2", [first, b"yyyy"])
    assert history.find("resp_1") is not None


def test_a_conversation_over_the_limit_is_not_kept() -> None:
    history = History(10)
    history.keep("resp_1", [b"x" * 11])
    assert history.find("resp_1") is None


def test_a_response_that_comes_again_is_the_latest() -> None:
    history = History(10)
    history.keep("resp_1", [b"xxxx"])
    history.keep("resp_2", [b"yyyy"])
    history.keep("resp_1", [b"zzzz"])
    history.keep("resp_3", [b"wwww"])
    assert (history.find("resp_1"), history.find("resp_2")) == ((b"zzzz",), None)


@given(st.lists(st.tuples(st.integers(0, 20), st.lists(st.binary(max_size=8), max_size=3))))
def test_it_never_holds_more_than_it_may(turns: list[tuple[int, list[bytes]]]) -> None:
    history = History(20)
    for number, pieces in turns:
        history.keep(str(number), pieces)
        kept = [found for each in range(21) if (found := history.find(str(each))) is not None]
        pieces_held = {id(piece): len(piece) for conversation in kept for piece in conversation}
        assert len(kept) <= MAX_RESPONSES
        assert sum(pieces_held.values()) <= 20


# -- the output


def test_items_are_gathered_byte_for_byte() -> None:
    told = output(b'{"type":"response.output_item.done","output_index":0,"item":{"a":  1.50}}')
    assert told.conversation() == b'{"a":  1.50}'


def test_items_stand_in_the_order_of_the_output() -> None:
    """Parallel calls may end in another one."""
    assert output(done(1, n=1), done(0, n=0)).conversation() == b'{"n":0},{"n":1}'


def test_an_item_told_twice_counts_once() -> None:
    assert output(done(0, n=0), done(0, n=1)).conversation() == b'{"n":1}'


def test_without_events_for_items_those_of_the_response_count() -> None:
    told = output(event("response.completed", response={"id": "resp_1", "output": [{"n": 0}]}))
    assert told.conversation() == b'{"n":0}'


def test_an_empty_output_at_the_end_takes_nothing_away() -> None:
    """ChatGPT's servers say so of responses that are not stored."""
    told = output(done(0, n=0), event("response.completed", response={"id": "resp_1", "output": []}))
    assert told.conversation() == b'{"n":0}'


def test_the_id_is_known_at_the_end() -> None:
    created = event("response.created", response={"id": "resp_1"})
    completed = event("response.completed", response={"id": "resp_1"})
    assert (output(created).response_id, output(created, completed).response_id) == ("", "resp_1")


def test_an_incomplete_response_can_be_continued() -> None:
    assert output(event("response.incomplete", response={"id": "resp_1"})).response_id == "resp_1"


def test_a_failed_response_cannot() -> None:
    assert output(event("response.failed", response={"id": "resp_1"})).response_id == ""


def test_reasoning_without_content_is_left_out_where_nobody_stores_it() -> None:
    """OpenAI answers an id that it did not store with an error."""
    bare = done(0, type="reasoning", id="rs_1", summary=[])
    assert output(bare).conversation() == b""


def test_reasoning_without_content_stays_where_it_is_stored() -> None:
    assert output(done(0, type="reasoning", id="rs_1"), stores=True).conversation() != b""


def test_encrypted_reasoning_stays() -> None:
    assert output(done(0, type="reasoning", encrypted_content="gAAA")).conversation() != b""


def test_readable_reasoning_stays() -> None:
    """Of open models, whose servers take it back."""
    assert output(done(0, type="reasoning", content=[{"text": "hm"}])).conversation() != b""


def test_a_reply_that_is_too_large_cannot_be_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.web.sockets.history.MAX_OUTPUT_BYTES", 15)
    told = output(done(0, n="x"), done(1, n="x"), event("response.completed", response={"id": "resp_1", "output": []}))
    assert (told.response_id, told.conversation()) == ("", b"")


def test_odd_events_tell_nothing() -> None:
    odd = (b"", b"[]", b"{}", b'{"type":7}', b'{"type":"response.completed","response":7}', b"[" * 10_000)
    told = output(*odd)
    assert (told.response_id, told.conversation()) == ("", b"")


def test_an_odd_item_is_kept() -> None:
    assert output(done(0, type=7)).conversation() == b'{"type":7}'


def test_the_kind_is_that_of_the_latest_event() -> None:
    assert output(event("a"), event("b")).kind == "b"
