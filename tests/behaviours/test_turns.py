"""The turns of a conversation, put in the order that Anthropic wants, whoever's client they come from."""

from __future__ import annotations

from tests.support.pairs import Body, asking, translated
from tests.support.spoken import calling, responding, thought

USER: Body = {"role": "user", "content": "Hi."}


def turns(client: str, **fields: object) -> list[tuple[str, list[str]]]:
    """Who speaks, and the kinds of blocks."""
    told = translated(client, "anthropic", asking(client, **fields))["messages"]
    return [(turn["role"], [block["type"] for block in turn["content"]]) for turn in told]


def test_results_stand_before_what_the_user_says_beside_them() -> None:
    contents = [
        {"role": "user", "parts": [{"text": "Hi."}]},
        {"role": "model", "parts": [calling("f")]},
        {"role": "user", "parts": [{"text": "Well?"}, responding("f", "r")]},
    ]
    assert turns("gemini", contents=contents)[2] == ("user", ["tool_result", "text"])


def test_a_turn_that_is_emptied_of_foreign_thoughts_splits_nothing() -> None:
    messages = [USER, {"role": "assistant", "reasoning_content": "hm", "content": ""}, USER]
    assert turns("openai-chat", messages=messages) == [("user", ["text", "text"])]


def test_a_turn_of_foreign_thoughts_before_a_call_is_the_call() -> None:
    contents = [
        {"role": "user", "parts": [{"text": "Hi."}]},
        {"role": "model", "parts": [thought("hm")]},
        {"role": "model", "parts": [calling("f")]},
        {"role": "user", "parts": [responding("f", "r")]},
    ]
    assert turns("gemini", contents=contents)[1] == ("assistant", ["tool_use"])


def test_white_space_at_the_end_of_words_put_into_the_models_mouth_is_stripped() -> None:
    messages = [USER, {"role": "assistant", "content": "So  \n"}]
    told = translated("openai-chat", "anthropic", asking("openai-chat", messages=messages))["messages"]
    assert told[-1]["content"][0]["text"] == "So"


def test_a_conversation_that_the_model_begins_gets_a_word_of_the_users() -> None:
    contents = [{"role": "model", "parts": [{"text": "Hello."}]}, {"role": "user", "parts": [{"text": "Hi."}]}]
    assert [role for role, _ in turns("gemini", contents=contents)] == ["user", "assistant", "user"]


def test_an_end_user_is_told_as_the_client_names_them() -> None:
    told = translated("openai-chat", "anthropic", asking("openai-chat", user="ann"))
    assert told["metadata"] == {"user_id": "ann"}


def test_no_end_user_is_made_up() -> None:
    assert "metadata" not in translated("openai-chat", "anthropic", asking("openai-chat"))


def test_a_conversation_that_goes_on_keeps_every_word_before() -> None:
    """Whatever were told otherwise would be read afresh, at ten times the price."""
    items: list[Body] = [
        USER,
        {"type": "function_call", "call_id": "not legal!", "name": "a.b", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "not legal!", "output": "r"},
    ]
    more: list[Body] = [{"role": "assistant", "content": "A"}, USER]
    before, after = (
        translated("openai-responses", "anthropic", asking("openai-responses", input=told))["messages"]
        for told in (items, items + more)
    )
    assert [turn["role"] for turn in after] == ["user", "assistant", "user", "assistant", "user"]
    assert _unmarked(after[:3]) == _unmarked(before)


def _unmarked(turns: list[Body]) -> list[list[Body]]:
    """Without cache marks, which move with the end of a conversation and are no part of the prompt."""
    return [
        [{key: value for key, value in block.items() if key != "cache_control"} for block in turn["content"]]
        for turn in turns
    ]
