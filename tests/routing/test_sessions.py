"""How a conversation is known: small requests, each in the shape of one client's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import BadRequest
from cliproxy.formats.requests import check_object, peek
from cliproxy.formats.wire import Peek
from cliproxy.routing.sessions import KEY_BYTES, MAX_READ_BYTES, MAX_TEXT_CHARACTERS, Session, session_of

UUID = "8f14e45f-ceea-467f-a0e6-5c1d2a3b4c5d"
OTHER = "00000000-ceea-467f-a0e6-5c1d2a3b4c5d"

Body = Mapping[str, Any]


def session(body: Body | None = None, **headers: str) -> Session | None:
    """Of a request; in headers' names an underscore stands for a hyphen."""
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return session_of(lines, looked_at({"model": "m", **(body or {})}))


def looked_at(body: Body) -> Peek:
    return Peek("m", True, check_object(json.dumps(body).encode()))


def found(body: Body | None = None, **headers: str) -> Session:
    told = session(body, **headers)
    assert told is not None
    return told


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "x-claude-code-session-id",
        "session-id",
        "session_id",
        "x-session-id",
        "x-session-affinity",
        "x-amp-thread-id",
        "thread-id",
    ],
)
def test_a_header_names_the_conversation(name: str) -> None:
    told = session_of([(b"accept", b"*/*"), (name.encode(), UUID.encode())], looked_at({}))
    assert told == Session(found({"session_id": UUID}).key, f"header {name}")


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ({"metadata": {"user_id": json.dumps({"device_id": "d", "session_id": UUID})}}, "metadata.user_id"),
        ({"metadata": {"user_id": f"user_{'a' * 64}_account__session_{UUID}"}}, "metadata.user_id"),
        ({"session_id": UUID}, "session_id"),
        ({"sessionId": UUID}, "sessionId"),
        ({"prompt_cache_key": UUID}, "prompt_cache_key"),
        ({"conversation": UUID}, "conversation"),
        ({"conversation": {"id": UUID}}, "conversation.id"),
        ({"client_metadata": {"turn_id": "t", "session_id": UUID}}, "client_metadata.session_id"),
        ({"request": {"session_id": UUID, "contents": []}}, "request.session_id"),
    ],
)
def test_a_field_names_the_conversation(body: Body, source: str) -> None:
    assert found(body) == Session(found(session_id=UUID).key, source)


def test_of_several_names_the_first_in_order_counts() -> None:
    claude = {"metadata": {"user_id": json.dumps({"session_id": OTHER})}, "session_id": "x", "prompt_cache_key": "y"}
    assert found(claude, session_id="z", x_claude_code_session_id=UUID).source == "header x-claude-code-session-id"
    assert found(claude, session_id="z").source == "metadata.user_id"
    assert found({**claude, "metadata": {}}, session_id="z", thread_id="t").source == "header session-id"
    assert found({**claude, "metadata": {}}).source == "session_id"


def test_of_a_header_given_twice_the_first_counts() -> None:
    lines = [(b"session-id", b"a"), (b"session-id", b"b")]
    assert session_of(lines, looked_at({})) == found(session_id="a")


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_name_does_not_count(blank: str) -> None:
    body = {"prompt_cache_key": blank, "conversation": {"id": UUID}}
    assert found(body, session_id=blank).source == "conversation.id"


@pytest.mark.parametrize("value", [None, 7, True, [], {}, ["x"], {"id": 7}, {"session_id": []}])
def test_what_is_no_text_names_nothing(value: object) -> None:
    fields = ("session_id", "sessionId", "prompt_cache_key", "conversation", "client_metadata", "request", "metadata")
    assert session(dict.fromkeys(fields, value)) is None


def test_a_long_name_is_a_name() -> None:
    assert found(session_id="x" * 10_000) != found(session_id="x" * 10_001)


def test_a_key_is_a_digest() -> None:
    key = found(session_id=UUID).key
    assert len(key) == KEY_BYTES
    assert key != found(session_id=OTHER).key


@pytest.mark.parametrize(
    "user_id",
    ["alice", "user_1", f"user_1_session_{UUID}x", "user_1_session_", "{", "{}", '{"session_id": 7}', "[]", "{" * 9000],
)
def test_another_users_id_names_a_person_and_no_conversation(user_id: str) -> None:
    assert session({"metadata": {"user_id": user_id}}) is None


def test_the_id_of_a_request_is_none_of_a_conversation() -> None:
    assert session(x_client_request_id=UUID) is None


def test_a_request_that_says_nothing_belongs_to_no_conversation() -> None:
    assert session() is None


# -- beginnings: what each client says in its first turn, and in a later one

Turn = dict[str, Any]
EPHEMERAL = {"type": "ephemeral"}


def claude(*texts: str, marked: bool = False, billing: str = "1", later: tuple[Turn, ...] = ()) -> Body:
    blocks: list[Turn] = [{"type": "text", "text": text} for text in texts]
    if marked:
        blocks[-1]["cache_control"] = EPHEMERAL
    line = {"type": "text", "text": f"x-anthropic-billing-header: version={billing};"}
    system = [line, {"type": "text", "text": "You are an agent.", "cache_control": EPHEMERAL}]
    told = {"role": "system", "content": "There are agents."}
    return {"system": system, "messages": [{"role": "user", "content": blocks}, told, *later]}


def chat(text: object, *later: Turn, system: str = "Be brief.") -> Body:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": text}, *later]}


def codex(text: str, *later: Turn, run: int = 1) -> Body:
    def message(role: str, words: str) -> Turn:
        content = [{"type": "input_text", "text": words}]
        return {"type": "message", "id": f"msg_{run}_{len(words)}", "role": role, "content": content}

    surroundings = message("user", "<environment_context><cwd>/work</cwd></environment_context>")
    return {"input": [message("developer", "You are an agent."), surroundings, message("user", text), *later]}


def gemini(text: str, *later: Turn, key: str = "systemInstruction") -> Body:
    parts = [{"text": "<session_context>Monday</session_context>"}, {"text": text}]
    return {key: {"parts": [{"text": "Be brief."}]}, "contents": [{"parts": parts, "role": "user"}, *later]}


def gemini_envelope(text: str, *later: Turn) -> Body:
    return {"project": "p", "request": gemini(text, *later)}


ANSWERS: Mapping[str, tuple[Turn, ...]] = {
    "messages": ({"role": "assistant", "content": "Hm."}, {"role": "user", "content": "Go on."}),
    "input": (
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"role": "user", "content": "Go on."},
    ),
    "contents": (
        {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    ),
}


@pytest.mark.parametrize(
    ("first", "later", "another"),
    [
        (
            claude("<system-reminder>", "Hi", marked=True),
            claude("<system-reminder>", "Hi", billing="2", later=ANSWERS["messages"]),
            claude("<system-reminder>", "Ho", marked=True),
        ),
        (chat("Hi"), chat([{"type": "text", "text": "Hi"}], *ANSWERS["messages"]), chat("Hi", system="Be long.")),
        (codex("Hi"), codex("Hi", *ANSWERS["input"], run=2), codex("Ho")),
        (
            {"instructions": "I", "input": "Hi"},
            {"instructions": "I", "input": "Hi"},
            {"instructions": "J", "input": "Hi"},
        ),
        (gemini("Hi"), gemini("Hi", *ANSWERS["contents"], key="system_instruction"), gemini("Ho")),
        (gemini_envelope("Hi"), gemini("Hi", *ANSWERS["contents"]), gemini_envelope("Ho")),
        ({"contents": {"parts": {"text": "Hi"}}}, {"contents": [{"parts": [{"text": "Hi"}]}]}, {"contents": "Ho"}),
    ],
    ids=["anthropic", "chat", "codex", "responses", "gemini", "code assist", "short for a list"],
)
def test_a_conversation_is_known_by_its_beginning(first: Body, later: Body, another: Body) -> None:
    assert found(first) == found(later)
    assert found(first).source == "its beginning"
    assert found(first) != found(another)


def test_the_order_of_keys_does_not_count() -> None:
    body = chat("Hi")
    turned = {"messages": [dict(reversed(turn.items())) for turn in body["messages"]]}
    assert found(turned) == found(body)


def test_who_says_it_counts() -> None:
    assert found(chat("a", system="b")) != found(chat("b", system="a"))


def test_a_word_is_not_told_from_the_end_of_another() -> None:
    def texts(*told: str) -> Body:
        return chat([{"type": "text", "text": text} for text in told])

    assert found(texts("ab", "c")) != found(texts("a", "bc"))


def test_the_operators_later_words_do_not_count() -> None:
    note = {"role": "system", "content": "It is late."}
    assert found(chat("Hi", note)) == found(chat("Hi"))


def test_what_is_said_before_the_user_speaks_does_not_end_the_beginning() -> None:
    greeting = {"role": "assistant", "content": "What can I do?"}
    asked = {"role": "user", "content": "Hi"}
    assert found({"messages": [greeting, asked]}) == found({"messages": [asked]})


def test_of_a_text_its_end_does_not_count() -> None:
    text = "x" * MAX_TEXT_CHARACTERS
    assert found(chat(text + "a")) == found(chat(text + "b"))
    assert found(chat(text[1:] + "a")) != found(chat(text[1:] + "b"))


@pytest.mark.parametrize("size", [100_000, MAX_READ_BYTES // 2])
def test_words_behind_a_picture_are_found(size: int) -> None:
    picture = {"type": "image", "source": {"data": "☕" * (size // 6)}}
    turns = [chat([picture, {"type": "text", "text": text}], *ANSWERS["messages"]) for text in ("Hi", "Hi", "Ho")]
    assert found(turns[0]) == found(turns[1])
    assert found(turns[0]) != found(turns[2])


@pytest.mark.parametrize(
    "body",
    [
        chat(""),
        chat(" \n"),
        chat(None),
        chat([{"type": "image", "source": {}}]),
        chat({"text": [7]}),
        {"messages": []},
        {"messages": [{"role": "system", "content": "Be brief."}]},
        {"messages": [[], 7, None, {"role": ["user"]}, {"role": "user", "content": {"content": 7}}]},
        {"messages": 7},
        {"system": "Be brief."},
        chat([{"type": "image", "source": {"data": "x" * MAX_READ_BYTES}}, {"type": "text", "text": "Hi"}]),
        {"request": [], "contents": None},
    ],
)
def test_without_words_of_the_users_no_conversation_is_known(body: Body) -> None:
    assert session(body) is None


def test_where_a_request_goes_on_from_a_stored_response_its_beginning_is_elsewhere() -> None:
    assert session({**chat("Hi"), "previous_response_id": "resp_1"}) is None
    assert session({**chat("Hi"), "previous_response_id": None}) is not None


# -- anything


@given(
    st.dictionaries(
        st.sampled_from(
            ["messages", "input", "contents", "system", "metadata", "request", "conversation", "session_id"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=4),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["role", "content", "parts", "text", "user_id", "session_id", "id"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=10,
        ),
    )
)
def test_any_request_has_a_session_or_none(body: dict[str, object]) -> None:
    try:
        told = peek(json.dumps({**body, "model": "m"}).encode())
    except BadRequest:
        return
    assert session_of([], told) == session_of([(b"session-id", b" ")], told)


def test_deep_nesting_is_borne() -> None:
    deep = b'{"messages":[{"role":"user","content":' + b"[" * 1000 + b"]" * 1000 + b'}],"request":[],"model":"m"}'
    assert session_of([], peek(deep)) is None
