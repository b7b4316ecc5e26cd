from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Output, Reasoning, Request
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.reasoning import read_wanted, write_wanted

SCHEMA: Json = {"type": "object", "properties": {}, "additionalProperties": False}


UNSAID = Reasoning()
ANY = Output()


def asked(
    reasoning: Reasoning = UNSAID,
    output: Output = ANY,
    client: str = "openai-chat",
    extras: JsonObject | None = None,
) -> Request:
    return Request(client, "m", (), reasoning=reasoning, output=output, extras=extras or {})


def written(request: Request, max_tokens: int = 32000, mid_call: bool = False) -> tuple[object, list[str], list[str]]:
    """The fields, what is lost, what is done in another way."""
    losses = Losses()
    made = write_wanted(request, max_tokens, mid_call, losses)
    return made, [loss.field for loss in losses.dropped], [loss.field for loss in losses if loss.emulated]


# -- reading


@pytest.mark.parametrize(
    ("body", "reasoning"),
    [
        ({}, Reasoning()),
        ({"thinking": None, "output_config": None}, Reasoning()),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999}}, Reasoning("on", budget=31999)),
        ({"thinking": {"type": "adaptive"}}, Reasoning("auto")),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Reasoning("auto", show=True)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Reasoning("auto", show=False)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, Reasoning("auto", "xhigh")),
        ({"output_config": {"effort": "max"}}, Reasoning(effort="max")),
    ],
)
def test_thinking_and_effort_are_read(body: JsonObject, reasoning: Reasoning) -> None:
    wanted = read_wanted(body)
    assert (wanted.reasoning, wanted.extras) == (reasoning, {})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"thinking": "on"}, "thinking"),
        ({"thinking": {}}, "thinking.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": "8192"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "adaptive", "display": 7}}, "thinking.display"),
        ({"output_config": []}, "output_config"),
        ({"output_config": {"effort": 7}}, "output_config.effort"),
        ({"output_config": {"format": "json"}}, "output_config.format"),
        ({"output_config": {"format": {"type": "json"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_path(body: JsonObject, path: str) -> None:
    with pytest.raises(BadRequest, match=f"^{path}: "):
        read_wanted(body)


def test_effort_beside_disabled_thinking_is_kept_for_anthropic_alone() -> None:
    wanted = read_wanted({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}})
    assert (wanted.reasoning, wanted.extras) == (Reasoning("off"), {"output_config": {"effort": "high"}})


def test_thinking_between_tools_alone_is_off_for_others() -> None:
    wanted = read_wanted({"thinking": {"type": "between_tools"}})
    assert (wanted.reasoning, wanted.extras) == (Reasoning("off"), {"thinking": {"type": "between_tools"}})


def test_a_kind_of_thinking_from_the_future_is_kept() -> None:
    wanted = read_wanted({"thinking": {"type": "dreaming", "depth": 2}})
    assert (wanted.reasoning, wanted.extras) == (Reasoning(), {"thinking": {"type": "dreaming", "depth": 2}})


def test_what_binds_thinking_to_a_prompt_is_kept() -> None:
    binding: Json = {"prefix_mismatch_behavior": "drop_block"}
    wanted = read_wanted({"thinking": {"type": "adaptive", "block_binding": binding, "display": "updates"}})
    assert wanted.reasoning == Reasoning("auto")
    assert wanted.extras == {"thinking": {"block_binding": binding, "display": "updates"}}


def test_an_effort_from_the_future_is_kept() -> None:
    wanted = read_wanted({"output_config": {"effort": "ultra"}})
    assert (wanted.reasoning, wanted.extras) == (Reasoning(), {"output_config": {"effort": "ultra"}})


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_the_schema_of_an_answer_is_read(place: str) -> None:
    form: Json = {"type": "json_schema", "schema": SCHEMA}
    body: JsonObject = {"output_config": {"format": form}} if place == "output_config" else {"output_format": form}
    wanted = read_wanted(body)
    assert wanted.output.kind == "schema"
    assert wanted.output.schema == SCHEMA
    assert wanted.extras == {}


# -- writing


@pytest.mark.parametrize(
    ("reasoning", "fields"),
    [
        (Reasoning(), {}),
        (Reasoning("off"), {"thinking": {"type": "disabled"}}),
        (Reasoning("on", budget=8192), {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (Reasoning(budget=8192), {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (Reasoning("on"), {"thinking": {"type": "adaptive"}}),
        (Reasoning("auto"), {"thinking": {"type": "adaptive"}}),
        (Reasoning("auto", show=True), {"thinking": {"type": "adaptive", "display": "summarized"}}),
        (Reasoning("auto", show=False), {"thinking": {"type": "adaptive", "display": "omitted"}}),
        (Reasoning(effort="high"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (
            Reasoning("on", "low", 2048),
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": {"effort": "low"}},
        ),
    ],
)
def test_thinking_and_effort_are_written_without_a_loss(reasoning: Reasoning, fields: object) -> None:
    assert written(asked(reasoning)) == (fields, [], [])


def test_effort_alone_stays_alone_for_a_client_of_this_format() -> None:
    assert written(asked(Reasoning(effort="high"), client="anthropic"))[0] == {"output_config": {"effort": "high"}}


def test_the_least_effort_is_low() -> None:
    fields = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    assert written(asked(Reasoning(effort="minimal"))) == (fields, [], ["reasoning_effort"])


@pytest.mark.parametrize(("asked_for", "max_tokens", "budget"), [(512, 32000, 1024), (32768, 8192, 8191)])
def test_a_budget_is_at_least_1024_and_below_max_tokens(asked_for: int, max_tokens: int, budget: int) -> None:
    fields, lost, emulated = written(asked(Reasoning(budget=asked_for)), max_tokens)
    assert fields == {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert (lost, emulated) == ([], ["thinking.budget"])


@pytest.mark.parametrize("max_tokens", [0, 64, 1024])
def test_without_room_for_the_least_budget_there_is_no_thinking(max_tokens: int) -> None:
    assert written(asked(Reasoning(budget=8192)), max_tokens) == ({}, ["thinking"], [])


def test_a_call_that_came_without_thinking_goes_on_without_a_budget() -> None:
    assert written(asked(Reasoning(budget=8192)), mid_call=True) == ({}, ["thinking"], [])


def test_a_call_that_came_without_thinking_goes_on_with_adaptive_thinking() -> None:
    assert written(asked(Reasoning("auto")), mid_call=True) == ({"thinking": {"type": "adaptive"}}, [], [])


def test_thinking_that_is_off_cannot_be_shown() -> None:
    assert written(asked(Reasoning(show=True))) == ({}, ["thinking.display"], [])


def test_thinking_that_is_off_is_hidden_anyway() -> None:
    assert written(asked(Reasoning(show=False))) == ({}, [], [])


def test_the_length_of_a_summary_is_lost() -> None:
    assert written(asked(Reasoning("auto", detail="concise")))[1] == ["reasoning.summary"]


def test_any_length_of_a_summary_is_no_loss() -> None:
    assert written(asked(Reasoning("auto", detail="auto")))[1] == []


@pytest.mark.parametrize(
    "body",
    [
        {"thinking": {"type": "between_tools"}},
        {"thinking": {"type": "dreaming", "depth": 2}},
        {"thinking": {"type": "dreaming"}, "output_config": {"effort": "high"}},
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
        {"thinking": {"type": "adaptive", "block_binding": {"a": 1}, "display": "updates"}},
        {"output_config": {"effort": "ultra", "format": {"type": "json_schema", "schema": {"minimum": 1}}}},
    ],
)
def test_what_only_anthropic_knows_comes_back_to_it(body: JsonObject) -> None:
    wanted = read_wanted(body)
    request = asked(wanted.reasoning, wanted.output, "anthropic", wanted.extras)
    assert written(request) == (body, [], [])


def test_a_kind_of_thinking_gives_way_to_another_wish() -> None:
    extras: JsonObject = {"thinking": {"type": "between_tools"}}
    request = asked(Reasoning("on", budget=2048), client="anthropic", extras=extras)
    assert written(request)[0] == {"thinking": {"type": "enabled", "budget_tokens": 2048}}


def test_the_schema_of_an_answer_is_written() -> None:
    output = Output("schema", SCHEMA if isinstance(SCHEMA, dict) else None, "answer", strict=True)
    fields = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    assert written(asked(output=output)) == (fields, [], [])


def test_a_schema_that_had_to_be_changed_is_named() -> None:
    fields, lost, emulated = written(asked(output=Output("schema", {"type": "object"})))
    schema = {"type": "object", "additionalProperties": False}
    assert fields == {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    assert (lost, emulated) == ([], ["response_format.schema"])


@pytest.mark.parametrize("output", [Output("json"), Output("schema")])
def test_json_without_a_schema_is_lost(output: Output) -> None:
    assert written(asked(output=output)) == ({}, ["response_format"], [])


def test_the_description_of_an_answer_is_lost() -> None:
    output = Output("schema", {"type": "string"}, description="What to say")
    assert written(asked(output=output))[1] == ["response_format.description"]
