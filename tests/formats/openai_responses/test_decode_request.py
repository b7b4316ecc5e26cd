from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Text
from cliproxy.conversation.request import Function, Message, Request, Role
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses.decode_request import decode_request


def decoded(**body: object) -> Request:
    return decode_request({"model": "gpt-5", **body}, Losses())


def test_the_shortest_request_has_a_model_and_a_string() -> None:
    assert decoded(input="hi") == Request(
        format="openai-responses", model="gpt-5", messages=(Message(Role.USER, (Text("hi"),)),)
    )


def test_instructions_stand_before_other_words_of_the_operators() -> None:
    request = decoded(instructions="a", input=[{"role": "developer", "content": "b"}])
    assert request.system == (Text("a"), Text("b"))


def test_tools_declared_on_the_way_follow_the_others() -> None:
    declared = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "g"}]}
    request = decoded(input=[declared, declared], tools=[{"type": "function", "name": "f"}])
    assert request.tools == (Function("f"), Function("g"))


def test_a_tool_keeps_its_first_declaration() -> None:
    later = {"type": "additional_tools", "tools": [{"type": "function", "name": "f", "description": "later"}]}
    assert decoded(input=[later], tools=[{"type": "function", "name": "f"}]).tools == (Function("f"),)


def test_the_limit_of_output_is_read() -> None:
    assert decoded(input="", max_output_tokens=100).max_tokens == 100


def test_the_users_name_is_the_safety_identifier() -> None:
    assert decoded(input="", safety_identifier="a", user="b").user == "a"


def test_the_users_older_name_is_known() -> None:
    assert decoded(input="", user="b").user == "b"


def test_the_cache_key_is_read() -> None:
    assert decoded(input="", prompt_cache_key="k").cache_key == "k"


def test_verbosity_is_read() -> None:
    assert decoded(input="", text={"verbosity": "low"}).verbosity == "low"


def test_labels_are_read() -> None:
    assert decoded(input="", metadata={"a": "b"}).metadata == {"a": "b"}


def test_the_rest_is_read() -> None:
    request = decoded(input="", stream=True, store=False, service_tier="flex", parallel_tool_calls=False)
    assert (request.stream, request.store, request.service_tier, request.parallel_tool_calls) == (
        True,
        False,
        "flex",
        False,
    )


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt", "background"])
def test_what_only_the_vendor_can_resolve_is_kept(name: str) -> None:
    assert decoded(input="", **{name: "x"}).extras == {name: "x"}


def test_null_is_as_good_as_absent() -> None:
    names = ["instructions", "tools", "tool_choice", "temperature", "reasoning", "text", "metadata", "include", "store"]
    assert decoded(input="hi", **dict.fromkeys(names)) == decoded(input="hi")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"model": None}, "model: A string was expected."),
        ({"input": 3}, "input: An array was expected."),
        ({"instructions": ["a"]}, "instructions: A string was expected."),
        ({"stream": "yes"}, "stream: A boolean was expected."),
        ({"max_output_tokens": "9"}, "max_output_tokens: An integer was expected."),
        ({"metadata": []}, "metadata: An object was expected."),
        ({"text": "x"}, "text: An object was expected."),
        ({"include": "x"}, "include: An array was expected."),
    ],
)
def test_garbage_is_refused_with_its_path(body: dict[str, object], told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decoded(**body)
    assert caught.value.message == told
