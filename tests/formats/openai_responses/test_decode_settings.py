from __future__ import annotations

import pytest

from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Output, Reasoning, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses.decode_settings import (
    read_extras,
    read_output_shape,
    read_reasoning,
    read_sampling,
)


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
def test_an_effort_is_an_effort(effort: str) -> None:
    assert read_reasoning({"reasoning": {"effort": effort}}).effort == effort


def test_an_effort_says_nothing_of_what_is_shown() -> None:
    assert read_reasoning({"reasoning": {"effort": "low"}}) == Reasoning(effort="low")


def test_no_effort_turns_thinking_off() -> None:
    assert read_reasoning({"reasoning": {"effort": "none"}}) == Reasoning(mode="off")


def test_a_summary_shows_thinking_in_detail() -> None:
    assert read_reasoning({"reasoning": {"summary": "detailed"}}) == Reasoning(show=True, detail="detailed")


def test_a_summary_of_null_hides_thinking() -> None:
    assert read_reasoning({"reasoning": {"summary": None}}) == Reasoning(show=False)


def test_the_older_name_of_the_summary_is_known() -> None:
    assert read_reasoning({"reasoning": {"generate_summary": "auto"}}) == Reasoning(show=True, detail="auto")


def test_reasoning_of_null_says_nothing() -> None:
    assert read_reasoning({"reasoning": None}) == Reasoning()


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^reasoning\.effort: One of none, minimal, low"):
        read_reasoning({"reasoning": {"effort": "ultra"}})


def test_sampling_is_read() -> None:
    assert read_sampling({"temperature": 0, "top_p": 0.5}) == Sampling(temperature=0, top_p=0.5)


def test_probabilities_are_asked_for_by_what_is_included() -> None:
    body: dict[str, Json] = {"include": ["message.output_text.logprobs"], "top_logprobs": 3}
    assert read_sampling(body) == Sampling(logprobs=True, top_logprobs=3)


def test_text_is_the_usual_shape() -> None:
    assert read_output_shape({"text": {"format": {"type": "text"}}}) == Output()


def test_json_may_be_asked_for() -> None:
    assert read_output_shape({"text": {"format": {"type": "json_object"}}}) == Output("json")


def test_a_schema_keeps_all_that_is_said_of_it() -> None:
    form: Json = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    assert read_output_shape({"text": {"format": form}}) == Output("schema", {"type": "object"}, "n", "d", True)


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^text\.format\.type: One of text, json_object, json_schema was expected"):
        read_output_shape({"text": {"format": {"type": "xml"}}})


def test_fields_that_only_this_wire_knows_are_kept() -> None:
    body: dict[str, Json] = {"model": "m", "previous_response_id": "resp_1", "truncation": "auto"}
    assert read_extras(body) == {"previous_response_id": "resp_1", "truncation": "auto"}


def test_a_field_inside_of_another_is_kept_by_its_path() -> None:
    body: dict[str, Json] = {"reasoning": {"effort": "low", "context": "all_turns"}, "text": {"x": 1}}
    assert read_extras(body) == {"reasoning.context": "all_turns", "text.x": 1}


def test_what_else_is_included_is_kept() -> None:
    body: dict[str, Json] = {"include": ["reasoning.encrypted_content", "file_search_call.results"]}
    assert read_extras(body) == {"include": ["file_search_call.results"]}


def test_a_second_name_for_the_user_is_kept() -> None:
    assert read_extras({"safety_identifier": "a", "user": "b"}) == {"user": "b"}
