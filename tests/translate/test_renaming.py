"""A reply that names another model than the client asked for: that name is changed, and no other byte."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken
from cliproxy.formats import FORMATS
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.gemini import GEMINI
from cliproxy.formats.openai_chat import OPENAI_CHAT
from cliproxy.translate import renaming
from cliproxy.translate.readers import PassedBody, PassedStream, ReplyHead, passing
from cliproxy.translate.renaming import RenamedBody, Renaming
from tests.support.streams import cut

JSON = b"application/json"
STREAM = b"text/event-stream"


def renamed(payload: bytes, *path: str, name: str = "mine") -> bytes:
    return Renaming(path or ("model",), name).document(payload)


def body(payload: bytes, name: str = "mine") -> bytes:
    """A whole reply, in one piece."""
    reader = RenamedBody(GEMINI, name)
    return reader.feed(payload) + reader.finish()


# -- one document


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b'{"model":"theirs","x":1.0e2}', b'{"model":"mine","x":1.0e2}'),
        (b'{ "a" : [ 1 ],\t"model" : "theirs" }', b'{ "a" : [ 1 ],\t"model" : "mine" }'),
        (b'{"model":"th\\u0065irs"}', b'{"model":"mine"}'),
        (b'{"model":""}', b'{"model":"mine"}'),
        (b'{"model":"theirs","model":"again"}', b'{"model":"mine","model":"mine"}'),
    ],
)
def test_the_name_alone_is_changed(payload: bytes, told: bytes) -> None:
    assert renamed(payload) == told


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"[DONE]",
        b'{"x":1}',
        b'{"model":7}',
        b'{"model":null}',
        b'{"model":{"model":"theirs"}}',
        b'{"x":{"model":"theirs"}}',
        b'{"text":"\\"model\\": \\"theirs\\""}',
        b'{"model":"\xff"}',
        b'{"model":' + b"[" * 5000,
    ],
)
def test_whatever_names_no_model_passes_as_it_came(payload: bytes) -> None:
    assert renamed(payload) == payload


def test_a_name_below_another_field_is_found() -> None:
    assert renamed(b'{"message":{"model":"theirs"}}', "message", "model") == b'{"message":{"model":"mine"}}'


@pytest.mark.parametrize(
    "payload", [b'{"message":"model"}', b'{"message":[{"model":"theirs"}]}', b'{"model":"theirs"}']
)
def test_a_way_that_leads_nowhere_changes_nothing(payload: bytes) -> None:
    assert renamed(payload, "message", "model") == payload


@pytest.mark.parametrize("name", ['quote " and \\', "é☕", "team/gpt-5.5", "m(high)", "a\nb"])
def test_any_name_is_told_as_it_is(name: str) -> None:
    assert orjson.loads(renamed(b'{"model":"theirs"}', name=name)) == {"model": name}


# -- one stream


def test_later_events_are_told_like_the_first() -> None:
    renaming = Renaming(("model",), "mine")
    event = b'data: {"model":"theirs","choices":[%d]}\n\n'
    told = renaming.events(event % 1) + renaming.events(event % 2 + event % 3)
    assert told == b"".join((event % number).replace(b"theirs", b"mine") for number in (1, 2, 3))


def test_words_that_look_like_the_name_are_the_models_own() -> None:
    """Once the spelling was known, it was replaced wherever it stood."""
    renaming = Renaming(("message", "model"), "mine")
    assert renaming.document(b'{"message":{"model":"theirs"}}') == b'{"message":{"model":"mine"}}'
    said = b'{"content_block":{"type":"tool_use","input":{"model":"theirs"}}}'
    assert renaming.document(said) == said


def test_another_spelling_of_the_name_does_not_lead_astray() -> None:
    renaming = Renaming(("model",), "mine")
    assert renaming.document(b'{"x":{"model":"a"},"model" : "a"}') == b'{"x":{"model":"a"},"model" : "mine"}'
    assert renaming.document(b'{"x":{"model":"a"},"y":1}') == b'{"x":{"model":"a"},"y":1}'


@pytest.mark.parametrize("said", [b'{"choices":[{"model":"theirs"}],"x":1}', b'{"x":{"model":"theirs"}}'])
def test_a_name_elsewhere_is_not_the_models(said: bytes) -> None:
    renaming = Renaming(("model",), "mine")
    renaming.document(b'{"x":1,"model":"theirs"}')
    renaming.document(b'{"model":"theirs","x":1}')
    assert renaming.document(said) == said


def test_a_second_name_in_the_same_stream_is_changed_too() -> None:
    renaming = Renaming(("model",), "mine")
    renaming.document(b'{"model":"theirs"}')
    assert renaming.document(b'{"model":"theirs-2"}') == b'{"model":"mine"}'


@pytest.mark.parametrize(
    "event", [b": model\n\n", b"event: model\n\n", b"\n\n", b"data: [DONE]\n\n", b'data:{"model":"theirs"\n\n']
)
def test_events_that_name_no_model_pass(event: bytes) -> None:
    assert Renaming(("model",), "mine").events(event) == event


def test_an_event_keeps_its_other_lines() -> None:
    event = b'event: message_start\r\nid: 1\r\ndata: {"message":{"model":"theirs"}}\r\n\r\n'
    assert Renaming(("message", "model"), "mine").events(event) == event.replace(b"theirs", b"mine")


_TEXTS = st.text(st.sampled_from('ab"\\{}:model,theirs \u2028é'), max_size=12)
_VALUES = st.recursive(
    st.none() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS | st.just("model"), inner, max_size=3),
    max_leaves=8,
)
_DOCUMENTS = st.dictionaries(_TEXTS, _VALUES, max_size=3).flatmap(
    lambda rest: st.sampled_from(("theirs", "other", 'qu"ote')).map(lambda name: {**rest, "model": name})
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_DOCUMENTS | st.dictionaries(_TEXTS, _VALUES, max_size=3), max_size=5), st.booleans())
def test_nothing_but_the_name_is_ever_changed(documents: list[dict[str, object]], spaces: bool) -> None:
    renaming = Renaming(("model",), "mine")
    separators = (", ", ": ") if spaces else (",", ":")
    for document in documents:
        payload = json.dumps(document, separators=separators).encode()
        named = {"model": "mine"} if isinstance(document.get("model"), str) else {}
        assert json.loads(renaming.document(payload)) == {**document, **named}


# -- whole bodies


def test_a_body_is_told_when_it_is_there() -> None:
    reader = RenamedBody(OPENAI_CHAT, "mine")
    assert reader.feed(b'{"model":') + reader.feed(b'"theirs"}') == b""
    assert (reader.proven, reader.complete) == (False, False)
    assert reader.finish() == b'{"model":"mine"}'
    assert (reader.proven, reader.complete) == (True, True)


def test_a_list_of_documents_is_renamed_one_by_one() -> None:
    """Gemini streams them so; a list was no object, and passed with the upstream's name."""
    told = body(b'[{"modelVersion":"theirs","x":1.0e2}\n,\r\n{"modelVersion": "theirs"}]')
    assert told == b'[{"modelVersion":"mine","x":1.0e2},\n{"modelVersion": "mine"}]'


@pytest.mark.parametrize("payload", [b"[]", b"[1,2]", b"[", b"<html>", b'"x"', b"null"])
def test_a_body_of_another_kind_is_told_as_it_came(payload: bytes) -> None:
    assert body(payload).replace(b",\n", b",") == payload


def test_an_empty_body_is_broken() -> None:
    reader = RenamedBody(GEMINI, "mine")
    assert reader.finish() == b""
    assert isinstance(reader.trouble, Broken)


def test_a_body_without_bound_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming, "MAX_BODY_BYTES", 10)
    reader = RenamedBody(GEMINI, "mine")
    reader.feed(b"x" * 11)
    assert isinstance(reader.trouble, Broken)
    assert reader.feed(b"y") + reader.finish() == b""


def test_a_body_that_stops_short_has_no_words_for_it() -> None:
    assert RenamedBody(GEMINI, "mine").failed(Broken("It broke."), "req_1") == b""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 100), max_size=4))
def test_however_a_body_is_split_the_same_is_told(places: list[int]) -> None:
    payload = b'{"modelVersion":"theirs","text":"\xe2\x98\x95 modelVersion"}'
    reader = RenamedBody(GEMINI, "mine")
    told = b"".join(reader.feed(piece) for piece in cut(payload, places)) + reader.finish()
    assert told == payload.replace(b"theirs", b"mine")


def test_a_body_says_what_it_took() -> None:
    reader = RenamedBody(OPENAI_CHAT, "mine")
    reader.feed(b'{"model":"theirs","usage":{"prompt_tokens":7}}')
    assert reader.usage == Usage()
    reader.finish()
    assert reader.usage == Usage(7)


# -- which reader


@pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)
def test_every_wire_says_where_its_model_stands(wire: object) -> None:
    assert wire in FORMATS.values()
    assert all(found.model_in_event and found.model_in_reply for found in FORMATS.values())


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (ReplyHead(200, STREAM, b""), None, PassedStream),
        (ReplyHead(200, STREAM, b""), "mine", PassedStream),
        (ReplyHead(200, STREAM, b"gzip"), "mine", PassedStream),
        (ReplyHead(200, JSON, b""), None, PassedBody),
        (ReplyHead(200, JSON, b""), "mine", RenamedBody),
        (ReplyHead(400, JSON, b""), "mine", PassedBody),
        (ReplyHead(400, STREAM, b""), "mine", PassedBody),
    ],
)
def test_only_a_reply_names_a_model(head: ReplyHead, name: str | None, kind: type[object]) -> None:
    assert isinstance(passing(ANTHROPIC, head, name), kind)


def test_a_body_in_a_coding_that_cannot_be_read_passes_as_it_came() -> None:
    reader = passing(ANTHROPIC, ReplyHead(200, JSON, b"br"), "mine")
    assert reader.feed(b"\x0b\x02\x80hi\x03") + reader.finish() == b"\x0b\x02\x80hi\x03"
