"""The text of settings files: read, and changed with little else moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.connect.merge import merge
from cliproxy.connect.settings import Listed, TextFormat, Unless
from cliproxy.connect.texts import Unreadable, read, written

FORMATS: Final[tuple[TextFormat, ...]] = ("json", "toml", "yaml", "dotenv")


def changed(text: str, wanted: Mapping[str, object], text_format: TextFormat) -> str:
    return written(text, merge(read(text, text_format), wanted), text_format)


def why(text: str, text_format: TextFormat) -> str:
    with pytest.raises(Unreadable) as refused:
        read(text, text_format)
    return str(refused.value)


@pytest.mark.parametrize("text_format", FORMATS)
def test_an_empty_text_is_empty_settings(text_format: TextFormat) -> None:
    assert read("", text_format) == {}


@pytest.mark.parametrize("text_format", FORMATS)
def test_without_a_change_the_text_stays(text_format: TextFormat) -> None:
    text = {"json": '{"a":"1"}', "toml": "a   = '1'", "yaml": "a:   '1'", "dotenv": "a  = '1'"}[text_format]
    assert changed(text, {"a": "1"}, text_format) == text


@given(st.sampled_from(FORMATS), st.text(st.characters(codec="ascii", exclude_categories=["C"])))
def test_what_is_written_reads_the_same(text_format: TextFormat, value: str) -> None:
    try:
        text = changed("", {"a": value}, text_format)
    except Unreadable:
        assert text_format == "dotenv"
    else:
        assert read(text, text_format) == {"a": value}


# -- JSON


def test_json_keeps_unknown_members_and_their_order() -> None:
    text = '{\n  "z": 1,\n  "a": [1e5, "ä"]\n}\n'
    assert changed(text, {"m": "x"}, "json") == (
        '{\n  "z": 1,\n  "a": [\n    100000.0,\n    "ä"\n  ],\n  "m": "x"\n}\n'
    )


def test_json_keeps_its_indentation() -> None:
    assert changed('{\n\t"a": {}\n}\n', {"b": "1"}, "json") == '{\n\t"a": {},\n\t"b": "1"\n}\n'


def test_json_keeps_a_missing_end_of_line() -> None:
    assert not changed('{\n  "a": 1\n}', {"b": "1"}, "json").endswith("\n")


def test_json_keeps_half_of_a_surrogate_pair() -> None:
    text = changed(r'{"a": "\ud83d"}', {"b": "1"}, "json")
    assert json.loads(text.encode())["a"] == "\ud83d"


def test_json_that_is_broken_is_refused_with_the_line() -> None:
    assert why('{\n  "a": 1\n  "b": 2\n}', "json").startswith("is no JSON, as line 3 shows")


@pytest.mark.parametrize(
    "text", ['{"a": 1 // mine\n}', '/* mine */ {"a": "//"}', '{"a": [1, 2,],}', '{"url": "http://x", /* "*/ "b": 1}']
)
def test_json_with_comments_is_refused_rather_than_lose_them(text: str) -> None:
    assert why(text, "json") == "has comments or trailing commas, as JSON has not; they would be lost"


def test_json_with_comments_and_a_fault_is_broken_where_the_fault_is_not_said_to_be_a_comment() -> None:
    assert "is no JSON" in why('{"a": 1 // mine', "json")


def test_json_with_a_name_twice_is_refused() -> None:
    assert "twice" in why('{"a": 1, "a": 2}', "json")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}',
        '{"a": %s}' % ("1" * 5000),
        '{"a": 1.00000000000000000001}',
        '{"a": 1e400}',
        '{"a": 1e-400}',
        '{"a": 1e99999999999999999999}',
    ],
)
def test_json_with_a_number_that_would_be_lost_is_refused(text: str) -> None:
    assert "number" in why(text, "json")


def test_json_with_a_number_in_another_spelling_is_none_that_is_lost() -> None:
    assert read('{"a": 1E5, "b": 0.1000}', "json") == {"a": 100000.0, "b": 0.1}


@pytest.mark.parametrize("text", ["[]", '"text"', "null", "1"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert why(text, "json") == "holds something else than named settings"


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    assert why('{"a":' + "[" * 200_000, "json") == "is nested too deeply"


# -- TOML

CODEX: dict[str, object] = {"model": "new", "model_providers": {"cliproxy": {"base_url": "http://x/v1", "ws": True}}}


def test_toml_keeps_comments_and_order() -> None:
    text = '# mine\nmodel = "old"  # best\n\n[tui]\na = 1 # one\n'
    assert changed(text, CODEX, "toml").startswith('# mine\nmodel = "new"  # best\n\n[tui]\na = 1 # one\n')


def test_toml_puts_a_plain_setting_before_the_tables() -> None:
    assert changed("[tui]\na = 1\n", {"model": "new"}, "toml") == 'model = "new"\n\n[tui]\na = 1\n'


def test_toml_writes_a_table_of_its_own() -> None:
    assert changed("", CODEX, "toml") == (
        'model = "new"\n\n[model_providers.cliproxy]\nbase_url = "http://x/v1"\nws = true\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "model_providers = { other = { x = 1 } }\n",
        'model_providers.cliproxy.base_url = "old"\n',
        '[model_providers]\ncliproxy.base_url = "old"\n[tui]\n',
        '[model_providers.cliproxy]\nbase_url = "old"\n[tui]\n[model_providers.other]\nx = 1\n',
        "[model_providers.other]\nx = 1\n[tui]\n",
    ],
)
def test_toml_is_changed_however_it_is_written(text: str) -> None:
    settings = read(changed(text, CODEX, "toml"), "toml")
    assert merge(settings, CODEX).changes == ()


def test_toml_that_is_broken_is_refused_with_the_line() -> None:
    assert "line 2" in why("a = 1\nb =\n", "toml")


# -- YAML

AIDER: dict[str, object] = {"model": "new", "set-env": Listed("A=2")}


def test_yaml_keeps_comments_and_quotes() -> None:
    text = "# mine\nmodel: old  # best\nname: 'x'\n"
    assert changed(text, AIDER, "yaml") == "# mine\nmodel: new  # best\nname: 'x'\nset-env:\n- A=2\n"


def test_yaml_keeps_its_indentation() -> None:
    text = "set-env:\n  - B=1\nmodel: new\n"
    assert changed(text, AIDER, "yaml") == "set-env:\n  - B=1\n  - A=2\nmodel: new\n"


def test_yaml_of_comments_alone_keeps_them() -> None:
    assert changed("# mine", {"model": "new"}, "yaml") == "# mine\nmodel: new\n"


def test_yaml_fills_an_empty_list() -> None:
    assert read(changed("set-env:\nmodel: new\n", AIDER, "yaml"), "yaml") == {"model": "new", "set-env": ["A=2"]}


def test_yaml_that_is_broken_is_refused_with_the_line() -> None:
    assert "line 2" in why("a: 1\nb: ]\n", "yaml")


@pytest.mark.parametrize("text", ["- a\n", "text\n", "1: a\n"])
def test_yaml_that_is_no_mapping_is_refused(text: str) -> None:
    assert why(text, "yaml") == "holds something else than named settings"


# -- dotenv


def test_dotenv_keeps_its_other_lines() -> None:
    text = "# mine\nexport A=old\n\nB='b c' # two\n"
    assert changed(text, {"A": "new", "C": "3"}, "dotenv") == "# mine\nA=new\n\nB='b c' # two\nC=3\n"


def test_dotenv_is_changed_wherever_a_name_stands() -> None:
    assert changed("A=1\nB=2\nA=3", {"A": "4"}, "dotenv") == "A=4\nB=2\nA=4\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=x y # z", "x y"),
        ("A=", ""),
        ("A='#1'", "#1"),
        ('A="x" # y', "x"),
        ("  A = b  ", "b"),
        ("export A=`c`", "c"),
    ],
)
def test_dotenv_is_read_as_its_clients_do(line: str, value: str) -> None:
    assert read(f"{line}\n", "dotenv") == {"A": value}


def test_dotenv_reads_no_comments() -> None:
    assert read("# A=1\nnothing\n", "dotenv") == {}


def test_dotenv_with_a_value_of_several_lines_is_refused() -> None:
    assert why('B=1\nA="x\ny"\n', "dotenv").endswith("in line 2")


def test_dotenv_quotes_what_needs_it() -> None:
    assert changed("", {"A": "gemini-2.5-pro(high)"}, "dotenv") == "A='gemini-2.5-pro(high)'\n"


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(Unreadable, match="without harm"):
        changed("", {"A": "'\"`"}, "dotenv")


def test_a_default_is_written_as_its_value() -> None:
    assert changed("", {"a": Unless(1)}, "toml") == "a = 1\n"
