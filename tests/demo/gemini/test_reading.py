from __future__ import annotations

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.gemini.reading import CONFIG, LEVELS
from cliproxy.demo.replies import Json
from tests.demo.asking import decoded
from tests.demo.gemini.generating import NEW, OLD, PATH, ask, candidate, model, parts, refused, said, text, user


def config(**fields: Json) -> dict[str, Json]:
    return {"generationConfig": dict(fields)}


def test_every_level_of_thinking_is_known() -> None:
    assert {level.value for level in types.ThinkingLevel} == set(LEVELS)


@pytest.mark.parametrize("name", ["temperature", "maxOutputTokens", "responseJsonSchema", "thinkingConfig"])
def test_the_usual_settings_are_known(name: str) -> None:
    assert name in CONFIG


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": []}, 'Unknown name "messages": Cannot find field.'),
        (config(max_tokens=5), "Unknown name \"max_tokens\" at 'generation_config'"),
        (config(maxOutputTokens=0), "supported range is from 1"),
        (config(maxOutputTokens="many"), "generation_config.max_output_tokens"),
        (config(candidateCount=9), "supported range is from 1 (inclusive) to 9 (exclusive)"),
        (config(stopSequences=["a"] * 6), "at most 5"),
        (config(responseMimeType="text/html"), "response_mime_type"),
        (config(responseSchema=PATH), "may only be set with a response_mime_type"),
        (
            config(responseMimeType="application/json", responseSchema=PATH, responseJsonSchema={}),
            "Only one of response_schema",
        ),
        (
            config(responseMimeType="application/json", responseSchema={"additionalProperties": False}),
            'Unknown name "additionalProperties"',
        ),
        (config(thinkingConfig={"thinkingBudget": 9, "thinkingLevel": "LOW"}), "only one of thinking budget"),
        (config(thinkingConfig={"thinkingLevel": "ENORMOUS"}), "thinking_level"),
        (config(thinkingConfig={"effort": "low"}), 'Unknown name "effort"'),
        (
            config(thinkingConfig={"thinkingBudget": 0, "includeThoughts": True}),
            "only enabled when thinking is enabled",
        ),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "only supports text parts"),
    ],
)
def test_a_field_that_is_wrong_is_told(fields: dict[str, Json], told: str) -> None:
    assert told in refused("hello", **fields)


def test_contents_must_be_there() -> None:
    assert refused([]) == "* GenerateContentRequest.contents: contents is not specified\n"


# -- thinking ------------------------------------------------------------------------------------------------------


def thought(model_: str = OLD, **thinking: Json) -> tuple[bool, bool]:
    """Whether there was thinking, and whether it is shown."""
    reply = decoded(ask("hello", model_, **(config(thinkingConfig=thinking) if thinking else {})))
    shown = any(part.get("thought") for part in reply["candidates"][0]["content"]["parts"])
    return "thoughtsTokenCount" in reply["usageMetadata"], shown


@pytest.mark.parametrize(
    ("thinking", "thinks"),
    [
        ({}, (False, False)),
        ({"thinkingBudget": 0}, (False, False)),
        ({"thinkingBudget": -1}, (True, False)),
        ({"thinkingLevel": "low"}, (True, False)),
        ({"includeThoughts": True}, (True, True)),
        ({"include_thoughts": True, "thinking_budget": 512}, (True, True)),
    ],
)
def test_thinking_is_counted_when_on_and_shown_when_asked_for(
    thinking: dict[str, Json], thinks: tuple[bool, bool]
) -> None:
    assert thought(OLD, **thinking) == thinks


def test_newer_models_think_always() -> None:
    assert thought(NEW) == (True, False)
    assert thought(NEW, thinkingBudget=0) == (True, False)


# -- structure, limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema", "response_schema"])
def test_a_structured_answer_fits_its_schema(name: str) -> None:
    assert said(**config(responseMimeType="application/json", **{name: PATH})) == '{"path":"demo"}'


def test_json_is_an_object() -> None:
    assert said(**config(responseMimeType="application/json")) == "{}"


def test_a_stop_sequence_ends_the_answer() -> None:
    told = candidate("[[say:one two]]", **config(stopSequences=["tw"]))
    assert (told["content"]["parts"], told["finishReason"]) == ([{"text": "one "}], "STOP")


@pytest.mark.parametrize("limit", [5, "5"])
def test_a_limit_ends_the_answer(limit: Json) -> None:
    told = candidate("[[say:" + "word " * 50 + "]]", **config(maxOutputTokens=limit))
    assert told["finishReason"] == "MAX_TOKENS"


def test_what_was_asked_before_is_cached() -> None:
    usage = decoded(ask([user(text("a" * 400)), model(text("b")), user(text("c"))]))["usageMetadata"]
    assert 100 < usage["cachedContentTokenCount"] < usage["promptTokenCount"]


def test_the_operators_words_are_not_repeated() -> None:
    assert "brief" not in said(systemInstruction={"parts": [text("brief")]})


def test_a_thought_may_come_back() -> None:
    told = parts("a", **config(thinkingConfig={"includeThoughts": True}))
    assert "“c”" in said([user(text("a")), model(*told), user(text("c"))])


NAMES = ("role", "parts", "text", "functionCall", "functionResponse", "name", "args", "response", "thought", "type")
LEAVES: st.SearchStrategy[Json] = st.sampled_from([None, True, 1, "user", "model", "x", "OBJECT"])
JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.lists(JSON, max_size=4), st.fixed_dictionaries({}, optional=dict.fromkeys(("tools", "generationConfig"), JSON))
)
def test_no_body_is_answered_with_anything_but_a_reply(contents: list[Json], fields: dict[str, Json]) -> None:
    assert ask(contents, **fields).status in (200, 400)
