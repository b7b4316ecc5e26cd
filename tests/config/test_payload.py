"""Payload rules: what is taken, what is left out, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.config.keys import CONDITIONS, RULES
from cliproxy.config.loader import ConfigInvalid, Problem, parse
from cliproxy.config.schema import Payload, PayloadMatch, PayloadRule
from cliproxy.formats.jsontext import text_of

ANY = (PayloadMatch("*"),)


def only_problem(text: str) -> Problem:
    with pytest.raises(ConfigInvalid) as caught:
        parse(text)
    (problem,) = caught.value.problems
    return problem


def params_of(written: str, block: str = "default") -> object:
    """The params of one rule."""
    payload = parse(f"payload: {{{block}: [{{models: [{{name: '*'}}], params: {written}}}]}}").config.payload
    (rule,) = payload.defaults or payload.overrides
    return rule.params


# -- what is taken -------------------------------------------------------------------------------------------------


def test_every_kind_of_rule_is_read() -> None:
    text = """\
payload:
  default:
    - models: [{name: gemini-2.5-*, protocol: gemini}, {name: other}]
      params:
        generationConfig.thinkingConfig.thinkingBudget: 32768
  default-raw:
    - models: [{name: "*"}]
      params:
        a.b: '{"type": "json_schema", "n": 12345678901234567890}'
  override:
    - models: [{name: "*"}]
      params: {reasoning.effort: high}
  override-raw:
    - models: [{name: "*"}]
      params: {stop: "[]"}
  filter:
    - models: [{name: "*"}]
      params: [temperature, top_p]
"""
    loaded = parse(text)
    assert loaded.config.payload == Payload(
        defaults=(
            PayloadRule(
                (PayloadMatch("gemini-2.5-*", "gemini"), PayloadMatch("other")),
                {"generationConfig.thinkingConfig.thinkingBudget": 32768},
            ),
            PayloadRule(ANY, {"a.b": {"type": "json_schema", "n": 12345678901234567890}}),
        ),
        overrides=(PayloadRule(ANY, {"reasoning.effort": "high"}), PayloadRule(ANY, {"stop": []})),
        filters=(PayloadRule(ANY, removed=("temperature", "top_p")),),
    )
    assert (loaded.warnings, loaded.not_in_use) == ((), ())


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("high", "high"),
        ('"8192"', "8192"),
        ("8192", 8192),
        ("-1", -1),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", 1000),
        ("12345678901234567890123", 12345678901234567890123),
        ("0.7", 0.7),
        ("1e3", 1000.0),
        ("true", True),
        ("No", "No"),
        ("null", None),
        ("~", None),
        ("2026-11-23", "2026-11-23"),
        ('"two\\nlines  "', "two\nlines  "),
        ("[1, [a, {b: null}]]", [1, ["a", {"b": None}]]),
        ("{}", {}),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
    ],
)
def test_a_value_is_what_it_would_be_in_json(written: str, value: object) -> None:
    found = params_of(f"{{a: {written}}}")
    assert found == {"a": value}
    assert repr(found) == repr({"a": value})  # 1 is not 1.0, nor True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_json_is_yaml_and_means_the_same_either_way(value: object) -> None:
    written = text_of(value)
    assert params_of(f"{{a: {written}}}") == {"a": value}
    assert params_of(f"{{a: '{written}'}}", "override-raw") == {"a": value}


@pytest.mark.parametrize(
    ("written", "format_name"),
    [
        ("claude", "anthropic"),
        ("anthropic", "anthropic"),
        ("openai", "openai-chat"),
        ("openai-chat", "openai-chat"),
        ("codex", "openai-responses"),
        ("openai-response", "openai-responses"),
        ("openai-responses", "openai-responses"),
        ("Gemini", "gemini"),
        ("vertex", "gemini"),
        ('""', ""),
    ],
)
def test_a_protocol_is_a_wire_format_in_either_program_s_words(written: str, format_name: str) -> None:
    payload = parse(
        f"payload: {{filter: [{{models: [{{name: m, protocol: {written}}}], params: [a]}}]}}"
    ).config.payload
    assert payload.filters == (PayloadRule((PayloadMatch("m", format_name),), removed=("a",)),)


def test_an_alias_stands_for_its_value() -> None:
    assert params_of("{a: &v [1], b: *v}") == {"a": [1], "b": [1]}


# -- what is left out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", RULES)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_rule_with_a_condition_that_is_not_known_is_for_nobody(block: str, condition: str) -> None:
    params = "[a]" if block == "filter" else "{a: '1'}"
    loaded = parse(f"payload:\n  {block}:\n  - params: {params}\n    models: [{{name: m, {condition}: [x]}}]")
    assert loaded.config.payload == Payload()
    (warning,) = loaded.warnings
    assert (warning.line, warning.key) == (4, f"payload.{block}[].models[].{condition}")
    assert loaded.not_in_use == (f"payload.{block}[].models[].{condition}",)


def test_a_condition_that_says_nothing_is_none() -> None:
    loaded = parse("payload: {filter: [{models: [{name: m, match: }], params: [a]}]}")
    assert len(loaded.config.payload.filters) == 1


def test_the_other_models_of_such_a_rule_stay() -> None:
    loaded = parse("payload: {filter: [{models: [{name: m, exist: [x]}, {name: n}], params: [a]}]}")
    assert loaded.config.payload.filters == (PayloadRule((PayloadMatch("n"),), removed=("a",)),)


def test_a_protocol_that_no_upstream_speaks_is_for_nobody() -> None:
    loaded = parse("payload:\n  override:\n  - models:\n    - {name: m, protocol: antigravity}\n    params: {a: 1}")
    assert loaded.config.payload == Payload()
    (warning,) = loaded.warnings
    assert (warning.line, warning.key) == (4, "payload.override[].models[].protocol")


@pytest.mark.parametrize("models", ["", "models: [],", "models: ,"])
def test_a_rule_without_models_is_for_nobody(models: str) -> None:
    loaded = parse(f"payload: {{default: [{{{models} params: {{a: 1}}}}]}}")
    assert loaded.config.payload == Payload()
    (warning,) = loaded.warnings
    assert warning.key == "payload.default[].models"


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [".nan", ".inf", "1e999", "!odd x", "!!binary aGk=", '"\\uD800"', "[.nan]", "{b: -.inf}", "9" * 5000],
)
def test_what_json_cannot_hold_is_a_problem_with_its_line(written: str) -> None:
    problem = only_problem(f"payload:\n  default:\n  - models: [{{name: m}}]\n    params:\n      a: {written}")
    assert (problem.line, problem.key) == (5, "payload.default[].params")


@pytest.mark.parametrize("block", ["default-raw", "override-raw"])
@pytest.mark.parametrize("written", ["'{'", "high", "'{\"a\": NaN}'", "{a: 1}", "[1]", '""'])
def test_what_is_no_json_text_is_a_problem_with_its_line(block: str, written: str) -> None:
    problem = only_problem(f"payload:\n  {block}:\n  - models: [{{name: m}}]\n    params:\n      a: {written}")
    assert (problem.line, problem.key) == (5, f"payload.{block}[].params")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("payload: [a]", "payload"),
        ("payload: {default: {a: b}}", "payload.default"),
        ("payload: {default: [a]}", "payload.default[]"),
        ("payload: {default: [{models: [{name: m}], params: [a]}]}", "payload.default[].params"),
        ("payload: {default: [{models: [{name: m}], params: {' ': 1}}]}", "payload.default[].params"),
        ("payload: {default: [{models: [m]}]}", "payload.default[].models[]"),
        ("payload: {default: [{models: [{protocol: gemini}]}]}", "payload.default[].models[].name"),
        ("payload: {filter: [{models: [{name: m}], params: {a: 1}}]}", "payload.filter[].params"),
        ("payload: {filter: [{models: [{name: m}], params: [[a]]}]}", "payload.filter[].params"),
    ],
)
def test_an_unfit_rule_is_one_problem(text: str, key: str) -> None:
    assert only_problem(text).key == key


@pytest.mark.parametrize("value", ["&a [*a]", "&a {b: *a}"])
def test_a_value_that_is_a_part_of_itself_is_a_problem(value: str) -> None:
    problem = only_problem(f"payload: {{override: [{{models: [{{name: m}}], params: {{x: {value}}}}}]}}")
    assert problem.message == "nested too deeply"


def test_values_of_aliases_of_aliases_are_counted() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 8))
    text = f"l0: &l0 [1]\n{levels}payload: {{override: [{{models: [{{name: m}}], params: {{x: *l7}}}}]}}"
    with pytest.raises(ConfigInvalid, match="more than 200000 values"):
        parse(text)


def test_no_problem_repeats_a_value() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse("payload: {override-raw: [{models: [{name: m}], params: {x: hunter2-hunter2}}]}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("path", ["a..b", ".a", "a.", "messages.#.content", 'tools.#(name=="x").strict'])
@pytest.mark.parametrize("block", ["default", "override"])
def test_a_path_that_is_none_is_a_problem_before_any_request_comes(block: str, path: str) -> None:
    rule = f"payload:\n  {block}:\n    - models: [{{name: 'm'}}]\n      params:\n        {path!r}: 1\n"
    assert only_problem(rule).line == 5


def test_a_filter_of_no_path_is_a_problem_too() -> None:
    assert only_problem("payload: {filter: [{models: [{name: m}], params: ['a..b']}]}").line == 1
