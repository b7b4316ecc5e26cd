from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import CacheMark
from cliproxy.conversation.request import Output, Request, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_request import decode_request


def decoded(**fields: object) -> Request:
    return decode_request({"model": "m", "messages": [{"role": "user", "content": "u"}], **fields}, Losses())


def test_the_format_and_the_model_are_known() -> None:
    request = decoded()
    assert (request.format, request.model) == ("openai-chat", "m")


def test_the_newer_limit_wins() -> None:
    assert decoded(max_tokens=10, max_completion_tokens=20).max_tokens == 20


def test_the_older_limit_counts_alone() -> None:
    assert decoded(max_tokens=10).max_tokens == 10


@pytest.mark.parametrize(("stop", "stops"), [("a", ("a",)), (["a", "b"], ("a", "b")), (None, ()), ("", ())])
def test_stops_are_one_or_several(stop: object, stops: tuple[str, ...]) -> None:
    assert decoded(stop=stop).stop == stops


def test_sampling_is_read() -> None:
    fields: dict[str, object] = {
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 40,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "logprobs": True,
        "top_logprobs": 3,
    }
    assert decoded(**fields).sampling == Sampling(0.5, 1, 40, 7, 0.1, -0.1, None, True, 3)


def test_biases_are_carried_as_they_stand() -> None:
    assert decoded(logit_bias={"50256": -100}).sampling.logit_bias == {"50256": -100}


def test_several_answers_are_asked_for() -> None:
    assert decoded(n=3).choices == 3


def test_output_may_be_json() -> None:
    assert decoded(response_format={"type": "json_object"}).output == Output("json")


def test_output_may_have_a_schema() -> None:
    schema = {"name": "a", "description": "d", "schema": {"type": "object"}, "strict": True}
    assert decoded(response_format={"type": "json_schema", "json_schema": schema}).output == Output(
        "schema", {"type": "object"}, "a", "d", True
    )


@pytest.mark.parametrize("value", [None, {"type": "text"}])
def test_output_is_text_else(value: object) -> None:
    assert decoded(response_format=value).output == Output()


@pytest.mark.parametrize(
    ("value", "stream"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_only_true_asks_for_a_stream(value: object, stream: bool) -> None:
    assert decoded(stream=value).stream is stream


@pytest.mark.parametrize(
    ("options", "wanted"),
    [(None, False), ({}, False), ({"include_usage": False}, False), ({"include_usage": True}, True)],
)
def test_usage_in_a_stream_must_be_asked_for(options: object, wanted: bool) -> None:
    assert decoded(stream=True, stream_options=options).usage_in_stream is wanted


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({"user": "a"}, "a"),
        ({"safety_identifier": "b"}, "b"),
        ({"metadata": {"user_id": "c"}}, "c"),
        ({"user": "a", "metadata": {"user_id": "c"}}, "a"),
        ({}, ""),
    ],
)
def test_the_end_user_has_one_name(fields: dict[str, object], user: str) -> None:
    assert decoded(**fields).user == user


def test_of_two_names_one_is_lost() -> None:
    losses = Losses()
    names = {"user": "a", "safety_identifier": "b"}
    assert decode_request({"model": "m", "messages": [{"role": "user"}], **names}, losses).user == "b"
    assert [loss.field for loss in losses] == ["user"]


def test_the_rest_is_read() -> None:
    request = decoded(
        verbosity="low",
        service_tier="flex",
        prompt_cache_key="k",
        store=True,
        parallel_tool_calls=False,
        metadata={"a": "b"},
        cache_control={"type": "ephemeral"},
    )
    assert (
        request.verbosity,
        request.service_tier,
        request.cache_key,
        request.store,
        request.parallel_tool_calls,
        request.metadata,
        request.cache,
    ) == ("low", "flex", "k", True, False, {"a": "b"}, CacheMark())


def test_fields_without_a_place_are_carried_as_they_stand() -> None:
    request = decoded(modalities=["text"], prediction={"type": "content"}, news=None)
    assert request.extras == {"modalities": ["text"], "prediction": {"type": "content"}}


def test_fields_with_a_place_are_not() -> None:
    request = decoded(temperature=1, stream=True, stream_options={"include_usage": True}, reasoning={"effort": "low"})
    assert request.extras == {}


def test_other_options_of_a_stream_are_carried() -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    assert decoded(stream_options=options).extras == {"stream_options": {"include_obfuscation": False}}


def test_what_else_google_is_told_is_carried() -> None:
    body = {"google": {"thinking_config": {"thinking_budget": 1}, "cached_content": "c"}, "x": 1}
    assert decoded(extra_body=body).extras == {"extra_body": {"x": 1, "google": {"cached_content": "c"}}}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": None}, "model: Field required."),
        ({"messages": "x"}, "messages: A list was expected."),
        ({"n": 0}, "n: An integer of at least 1 was expected."),
        ({"n": 1000}, "n: An integer of at most 128 was expected."),
        ({"max_tokens": "9"}, "max_tokens: A number was expected."),
        ({"max_tokens": 0}, "max_tokens: An integer of at least 1 was expected."),
        ({"temperature": "x"}, "temperature: A number was expected."),
        (
            {"response_format": {"type": "x"}},
            "response_format.type: One of text, json_object, json_schema was expected.",
        ),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema: Field required."),
        ({"metadata": []}, "metadata: An object was expected."),
        ({"stop": [3]}, "stop: A string or a list of strings was expected."),
    ],
)
def test_a_mistake_is_told_with_its_path(fields: dict[str, object], told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decoded(**fields)
    assert caught.value.message == told


def test_messages_are_required() -> None:
    with pytest.raises(BadRequest, match=r"^messages: Field required\.$"):
        decode_request({"model": "m", "input": "x"}, Losses())
