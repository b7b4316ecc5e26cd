"""What a request must be for the backend of ChatGPT's logins, rule by rule."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.errors import BadRequest
from cliproxy.formats.wire import Operation
from cliproxy.shaping.changes import apply_to_document
from cliproxy.shaping.spans import edit
from cliproxy.translate.codex_backend import MAX_NAME_CHARACTERS, changes_for_backend, must_be_translated
from cliproxy.upstream.providers import CODEX_BACKEND
from tests.support.codex_backend import objections

GENERATE: Final = Operation.GENERATE
MESSAGE: Final = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}
GOOD: Final[dict[str, Any]] = {
    "model": "m",
    "instructions": "",
    "input": [MESSAGE],
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
}
LONG: Final = "x" * (MAX_NAME_CHARACTERS + 1)


def asking(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def lacking(*names: str, **fields: Any) -> bytes:
    return json.dumps({name: value for name, value in {**GOOD, **fields}.items() if name not in names}).encode()


def edited(raw: bytes, losses: Losses | None = None, operation: Operation = GENERATE) -> bytes:
    noted = Losses() if losses is None else losses
    changes = changes_for_backend(json.loads(raw), raw, operation, CODEX_BACKEND, noted)
    return edit(raw, changes) if changes else raw


def sent(raw: bytes, losses: Losses | None = None, operation: Operation = GENERATE) -> dict[str, Any]:
    """The body, about which the backend must have nothing to say, and which is the same for a translated request."""
    body: dict[str, Any] = json.loads(edited(raw, losses, operation))
    changes = changes_for_backend(json.loads(raw), None, operation, CODEX_BACKEND, Losses())
    assert apply_to_document(json.loads(raw), changes) == body
    assert operation is not GENERATE or list(objections(body)) == []
    return body


def dropped(raw: bytes) -> list[str]:
    losses = Losses()
    edited(raw, losses)
    return [loss.field for loss in losses.dropped]


def emulated(raw: bytes) -> list[str]:
    losses = Losses()
    edited(raw, losses)
    return [loss.field for loss in losses if loss.emulated]


# -- what is right


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"service_tier": "priority", "prompt_cache_key": "k", "client_metadata": {"a": "b"}},
        {"input": [{"type": "reasoning", "summary": [], "content": None, "encrypted_content": "e"}]},
        {"input": [{"type": "reasoning", "summary": [], "content": [], "encrypted_content": "e"}]},
        {"input": [{"type": "compaction", "encrypted_content": "e"}, {"role": "developer", "content": "a"}]},
        {"input": [{"type": "odd", "role": "system", "status": "completed"}, 7]},
        {"reasoning": {"effort": "minimal"}, "tools": [{"type": "web_search"}], "tool_choice": "auto"},
        {"input": []},
    ],
)
def test_what_keeps_to_the_rules_is_not_touched(fields: dict[str, Any]) -> None:
    raw = asking(**fields)
    losses = Losses()
    assert edited(raw, losses) is raw
    assert len(losses) == 0


@pytest.mark.parametrize("raw", [b"{}", b'{"input":7}', b'{"tools":7,"tool_choice":7,"reasoning":7,"include":7}'])
def test_nonsense_is_for_the_backend_to_refuse(raw: bytes) -> None:
    assert json.loads(edited(raw))["stream"] is True


# -- how it is answered and kept


@pytest.mark.parametrize("raw", [lacking("stream"), asking(stream=False), asking(stream=None)])
def test_a_stream_is_asked_for(raw: bytes) -> None:
    assert sent(raw)["stream"] is True
    assert dropped(raw) == []


@pytest.mark.parametrize(
    ("raw", "lost"), [(lacking("store"), []), (asking(store=None), []), (asking(store=True), ["store"])]
)
def test_nothing_is_stored(raw: bytes, lost: list[str]) -> None:
    assert sent(raw)["store"] is False
    assert dropped(raw) == lost


@pytest.mark.parametrize(
    ("raw", "lost"),
    [
        (lacking("include"), []),
        (asking(include=None), []),
        (asking(include=[]), []),
        (asking(include=["message.output_text.logprobs", "reasoning.encrypted_content"]), ["include"]),
    ],
)
def test_encrypted_reasoning_is_all_that_is_included(raw: bytes, lost: list[str]) -> None:
    assert sent(raw)["include"] == ["reasoning.encrypted_content"]
    assert dropped(raw) == lost


@pytest.mark.parametrize("raw", [lacking("instructions"), asking(instructions=None)])
def test_instructions_that_are_not_there_are_empty(raw: bytes) -> None:
    assert sent(raw)["instructions"] == ""


def test_a_clients_instructions_stay() -> None:
    assert sent(asking(instructions="Be brief."))["instructions"] == "Be brief."


# -- what is refused


@pytest.mark.parametrize("name", sorted(CODEX_BACKEND.refuses - {"store"}))
def test_a_field_that_is_refused_is_left_out_and_named(name: str) -> None:
    raw = asking(**{name: "something"})
    assert name not in sent(raw)
    assert dropped(raw) == [name]


def test_a_field_that_says_nothing_is_no_loss() -> None:
    raw = asking(temperature=None, user=None)
    assert not sent(raw).keys() & {"temperature", "user"}
    assert dropped(raw) == []


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_what_stands_for_a_part_of_the_conversation_is_not_left_out(name: str) -> None:
    with pytest.raises(BadRequest, match=f"{name}: .*whole conversation"):
        edited(asking(**{name: "kept-elsewhere"}))


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_where_nothing_is_kept_elsewhere_nothing_is_said_of_it(name: str) -> None:
    assert name not in sent(asking(**{name: None}))


def test_an_item_that_only_points_to_one_is_kept_elsewhere() -> None:
    with pytest.raises(BadRequest, match=r"input\.1: "):
        edited(asking(input=[7, {"type": "item_reference", "id": "msg_1"}]))


@pytest.mark.parametrize(
    ("tier", "lost"),
    [("flex", ["service_tier"]), ("scale", ["service_tier"]), ("auto", []), ("default", []), (None, [])],
)
def test_no_service_tier_but_one_is_known(tier: str | None, lost: list[str]) -> None:
    raw = asking(service_tier=tier)
    assert "service_tier" not in sent(raw)
    assert dropped(raw) == lost


def test_the_least_effort_stands_for_none() -> None:
    raw = asking(reasoning={"effort": "none", "summary": "auto"})
    assert sent(raw)["reasoning"] == {"effort": "low", "summary": "auto"}
    assert emulated(raw) == ["reasoning.effort"]


# -- what is said


def test_a_string_is_a_message_of_the_users() -> None:
    assert sent(asking(input="Go on."))["input"] == [MESSAGE]


@pytest.mark.parametrize("kind", [{}, {"type": "message"}])
def test_the_systems_words_are_the_developers(kind: dict[str, str]) -> None:
    raw = asking(input=[{**kind, "role": "system", "content": "a"}, MESSAGE])
    assert sent(raw)["input"] == [{**kind, "role": "developer", "content": "a"}, MESSAGE]


def test_items_that_need_no_change_stay_byte_for_byte() -> None:
    odd = b'{ "role" : "user",\t"content":"\\u0061", "n":1.0e2 }'
    raw = asking(input=[{"role": "system", "content": "a"}, "HERE"]).replace(b'"HERE"', odd)
    assert odd in edited(raw)


def test_reasoning_has_no_status() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "e"}
    raw = asking(input=[{**item, "status": None}, {**item, "status": "completed"}])
    assert sent(raw)["input"] == [item, item]
    assert dropped(raw) == []


def test_reasoning_comes_back_encrypted_alone() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "e"}
    raw = asking(input=[{**item, "content": [{"type": "reasoning_text", "text": "Hm."}]}])
    assert sent(raw)["input"] == [item]
    assert dropped(raw) == ["input.0.content"]


def test_an_id_that_is_too_long_is_another_for_the_call_and_for_its_result() -> None:
    call = {"type": "function_call", "call_id": LONG, "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": LONG, "output": "a"}
    told = sent(asking(input=[call, result]))["input"]
    assert told[0]["call_id"] == told[1]["call_id"]
    assert len(told[0]["call_id"]) == MAX_NAME_CHARACTERS


def test_two_ids_that_begin_alike_stay_two() -> None:
    calls = [{"type": "function_call", "call_id": LONG + end, "name": "look", "arguments": "{}"} for end in "ab"]
    first, second = sent(asking(input=calls))["input"]
    assert first["call_id"] != second["call_id"]


def test_an_id_is_the_same_in_every_request() -> None:
    raw = asking(input=[{"type": "function_call_output", "call_id": LONG, "output": "a"}])
    assert edited(raw) == edited(raw)


@pytest.mark.parametrize("name", ["content", "output"])
def test_marks_of_caches_are_left_out(name: str) -> None:
    part = {"type": "input_text", "text": "a"}
    raw = asking(input=[{"type": "odd", name: [{**part, "prompt_cache_breakpoint": {"mode": "explicit"}}, part, 7]}])
    assert sent(raw)["input"] == [{"type": "odd", name: [part, part, 7]}]
    assert emulated(raw) == ["prompt_cache_breakpoint"]


# -- tools


@pytest.mark.parametrize("kind", ["web_search_preview", "web_search_preview_2025_03_11"])
def test_the_search_is_called_by_its_later_name(kind: str) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": kind}]}
    told = sent(
        asking(tools=[{"type": "function", "name": "a"}, {"type": kind, "user_location": {}}], tool_choice=choice)
    )
    assert told["tools"][1] == {"type": "web_search", "user_location": {}}
    assert told["tool_choice"]["tools"] == [{"type": "web_search"}]


def test_the_search_is_chosen_by_its_later_name() -> None:
    assert sent(asking(tool_choice={"type": "web_search_preview"}))["tool_choice"] == {"type": "web_search"}


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "name": LONG}]},
        {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom", "name": LONG}]}]},
        {"input": [{"type": "function_call", "name": LONG}]},
        {"input": [{"type": "custom_tool_call", "name": LONG}]},
    ],
)
def test_a_request_with_names_that_are_too_long_cannot_be_edited(fields: dict[str, Any]) -> None:
    assert must_be_translated(asking(**fields))


@pytest.mark.parametrize(
    "raw",
    [
        asking(tools=[{"type": "function", "name": LONG[1:]}]),
        asking(tools=[{"type": "function", "name": "é" * MAX_NAME_CHARACTERS}]),
        asking(metadata={"name": LONG}, tools=[{"type": "function", "name": "look"}]),
        asking(input=[{"type": "message", "name": LONG}], tools=[7]),
        asking(tools={"name": LONG}),
        b'[{"name":"%b"}]' % LONG.encode(),
        b'{"name":"%b",' % LONG.encode(),
    ],
)
def test_any_other_can(raw: bytes) -> None:
    assert not must_be_translated(raw)


# -- compacting


def test_a_conversation_that_is_to_be_compacted_is_neither_streamed_nor_stored() -> None:
    raw = b'{"model":"m","input":"Go on.","temperature":1}'
    told = sent(raw, operation=Operation.COMPACT)
    assert told == {"model": "m", "input": [MESSAGE], "instructions": ""}
