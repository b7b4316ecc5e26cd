"""The sections that name upstreams: what is taken, what is refused, and what is doubted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cliproxy.config.loader import ConfigInvalid, Problem, parse
from cliproxy.config.schema import (
    DIRECT,
    ClaudeKey,
    CodexKey,
    Config,
    GeminiKey,
    KeyEntry,
    Model,
    OpenAICompatibility,
    Proxy,
    Share,
    VertexKey,
)
from cliproxy.secret import Secret

KEY_SECTIONS = ("claude-api-key", "gemini-api-key", "vertex-api-key", "codex-api-key")
SECTIONS = (*KEY_SECTIONS, "openai-compatibility")

Keys = Callable[[Config], tuple[object, ...]]
OF_SECTION: dict[str, Keys] = {
    "claude-api-key": lambda config: config.claude_keys,
    "gemini-api-key": lambda config: config.gemini_keys,
    "vertex-api-key": lambda config: config.vertex_keys,
    "codex-api-key": lambda config: config.codex_keys,
    "openai-compatibility": lambda config: config.openai_compatibility,
}


def only_problem(text: str) -> Problem:
    with pytest.raises(ConfigInvalid) as caught:
        parse(text)
    (problem,) = caught.value.problems
    return problem


def entry(section: str, fields: str = "") -> str:
    """An entry with what is needed, its fields in line 2."""
    needed = "name: n, base-url: 'http://h/v1', models: [{name: m}]," if section == SECTIONS[-1] else "api-key: k,"
    return f"{section}: [{{{needed}\n{fields}}}]"


def shares(config: Config) -> list[Share]:
    """Of each entry."""
    kinds = (config.claude_keys, config.gemini_keys, config.vertex_keys, config.codex_keys, config.openai_compatibility)
    return [one.share for kind in kinds for one in kind]


def server(fields: str) -> OpenAICompatibility:
    """A server with these fields."""
    text = f"openai-compatibility: [{{name: n, base-url: 'http://h/v1', {fields}}}]"
    return parse(text).config.openai_compatibility[0]


# -- sections of keys ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("claude-api-key", ClaudeKey(Secret("k"), base_url="https://api.anthropic.com")),
        ("gemini-api-key", GeminiKey(Secret("k"), base_url="https://generativelanguage.googleapis.com")),
        ("vertex-api-key", VertexKey(Secret("k"), base_url="https://aiplatform.googleapis.com")),
        ("codex-api-key", CodexKey(Secret("k"), base_url="https://api.openai.com/v1")),
    ],
)
def test_a_key_alone_is_for_its_vendor(section: str, key: object) -> None:
    assert OF_SECTION[section](parse(f"{section}: [{{api-key: k}}]").config) == (key,)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("claude-api-key", ClaudeKey),
        ("gemini-api-key", GeminiKey),
        ("vertex-api-key", VertexKey),
        ("codex-api-key", CodexKey),
    ],
)
def test_every_field_of_a_key_is_read(section: str, kind: Callable[..., object]) -> None:
    text = f"""\
{section}:
  - api-key: k
    base-url: https://LLM.example:8443/path/
    headers: {{X-Team: tools}}
    proxy-url: socks5://proxy.example
    prefix: other
    models: [{{name: big}}, {{name: small, alias: tiny}}]
    excluded-models: ["*-preview", "*-preview", b]
    priority: 5
    weight: 2
    max-concurrency: 3
    disable-cooling: false
"""
    expected = kind(
        api_key=Secret("k"),
        base_url="https://llm.example:8443/path",
        headers={"X-Team": "tools"},
        proxy_url=Proxy("socks5", "proxy.example", 1080),
        prefix="other",
        models=(Model("big", "big"), Model("small", "tiny")),
        excluded_models=("*-preview", "b"),
        share=Share(priority=5, weight=2, max_concurrency=3, disable_cooling=False),
    )
    loaded = parse(text)
    assert OF_SECTION[section](loaded.config) == (expected,)
    assert (loaded.warnings, loaded.not_in_use) == ((), ())


@pytest.mark.parametrize("section", KEY_SECTIONS)
def test_an_entry_without_a_key_is_a_problem_with_its_line(section: str) -> None:
    assert only_problem(f"# first\n{section}:\n- prefix: p") == Problem(
        3, f"{section}[].api-key", "needed here, but missing or empty"
    )


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("headers: {'a b': c}", "headers"),
        ("headers: [a]", "headers"),
        ("prefix: a/b", "prefix"),
        ("excluded-models: {a: b}", "excluded-models"),
        ("excluded-models: [[a]]", "excluded-models"),
        ("priority: 1000001", "priority"),
        ("priority: high", "priority"),
        ("weight: 1000001", "weight"),
        ("weight: 0.5", "weight"),
        ("max-concurrency: -1", "max-concurrency"),
        ("max-concurrency: 100001", "max-concurrency"),
        ("disable-cooling: perhaps", "disable-cooling"),
    ],
)
def test_an_unfit_field_is_one_problem_with_its_line(section: str, field: str, key: str) -> None:
    problem = only_problem(entry(section, field))
    assert (problem.line, problem.key) == (2, f"{section}[].{key}")


@pytest.mark.parametrize("section", KEY_SECTIONS)
@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("base-url: ftp://h", "base-url"),
        ("base-url: 'https://u:p@h'", "base-url"),
        ("proxy-url: h", "proxy-url"),
        ("models: [{alias: a}]", "models[].name"),
        ("models: a", "models"),
    ],
)
def test_an_unfit_field_of_a_key_is_one_problem_with_its_line(section: str, field: str, key: str) -> None:
    problem = only_problem(entry(section, field))
    assert (problem.line, problem.key) == (2, f"{section}[].{key}")


@pytest.mark.parametrize(
    ("section", "base_url"),
    [
        ("claude-api-key", "http://h/v1"),
        ("claude-api-key", "http://h/v1/messages"),
        ("gemini-api-key", "http://h/v1beta"),
        ("vertex-api-key", "http://h/v1/"),
        ("codex-api-key", "http://h/v1/responses"),
    ],
)
def test_a_base_url_that_holds_what_is_added_is_doubted(section: str, base_url: str) -> None:
    (warning,) = parse(entry(section, f"base-url: {base_url}")).warnings
    assert (warning.line, warning.key) == (2, f"{section}[].base-url")
    assert "twice is seldom meant" in warning.message


@pytest.mark.parametrize("section", KEY_SECTIONS)
def test_a_base_url_of_another_path_is_not_doubted(section: str) -> None:
    ending = "/v1" if section == "codex-api-key" else "/api"
    assert parse(entry(section, f"base-url: http://h{ending}")).warnings == ()


@pytest.mark.parametrize("section", SECTIONS)
def test_a_header_copied_from_the_client_is_left_out_with_a_warning(section: str) -> None:
    loaded = parse(entry(section, "headers: {X-A: $X-B, X-C: d}"))
    (warning,) = loaded.warnings
    assert (warning.line, warning.key) == (2, f"{section}[].headers")
    assert "X-A" not in repr(loaded)


@pytest.mark.parametrize("section", SECTIONS)
def test_no_section_prints_its_headers(section: str) -> None:
    assert "token-of-the-team" not in repr(parse(entry(section, "headers: {X-A: token-of-the-team}")).config)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_misspelt_field_is_told_with_its_nearest(section: str) -> None:
    assert parse(entry(section, "exclude-model: [a]")).warnings == (
        Problem(2, f"{section}[].exclude-model", "unknown key; nearest known is excluded-models"),
    )


# -- whose share is which ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_a_share_that_is_not_spoken_of_is_the_plain_one(section: str) -> None:
    assert shares(parse(entry(section)).config) == [Share()]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_weight_below_zero_is_none_as_in_the_original(section: str) -> None:
    assert shares(parse(entry(section, "weight: -3")).config) == [Share(weight=0)]


def test_a_key_of_a_server_has_the_server_s_weight_unless_it_has_its_own() -> None:
    assert [key.weight for key in server("api-key-entries: [{api-key: a}, {weight: -1}]").keys] == [None, 0]


def test_sections_stand_in_the_order_of_the_file() -> None:
    config = parse(
        "openai-compatibility: [{name: n, base-url: 'http://h/v1', models: [{name: m}]}]\n"
        "generative-language-api-key: [g]\n"
        "codex-api-key: [{api-key: x}]\n"
        "gemini-api-key: [{api-key: y}]\n"
        "claude-api-key: [{api-key: z}]\n"
    ).config
    assert config.openai_compatibility[0].share.place == 0
    assert [key.share.place for key in config.gemini_keys] == [3, 1]
    assert (config.codex_keys[0].share.place, config.claude_keys[0].share.place) == (2, 4)


def test_the_place_of_an_entry_is_not_where_its_anchor_stands() -> None:
    text = "x: [&a {api-key: one}]\ncodex-api-key: [{api-key: two}]\nclaude-api-key: [{api-key: three}, *a]\n"
    assert [(key.api_key.reveal(), key.share.place) for key in parse(text).config.claude_keys] == [
        ("three", 2),
        ("one", 2),
    ]


def test_a_file_of_one_line_has_an_order_too() -> None:
    config = parse("{codex-api-key: [{api-key: a}], claude-api-key: [{api-key: b}]}").config
    assert config.codex_keys[0].share.place < config.claude_keys[0].share.place


# -- Gemini's older list -------------------------------------------------------------------------------------------


def test_the_older_list_of_gemini_keys_adds_those_that_are_not_there_yet() -> None:
    text = "gemini-api-key: [{api-key: a, prefix: p}]\ngenerative-language-api-key: [b, a, b]"
    assert parse(text).config.gemini_keys == (
        GeminiKey(Secret("a"), prefix="p"),
        GeminiKey(Secret("b"), share=Share(place=1)),
    )


def test_an_unfit_key_in_the_older_list_is_a_problem_with_its_line() -> None:
    problem = only_problem("generative-language-api-key:\n- a\n- b c")
    assert (problem.line, problem.key) == (3, "generative-language-api-key")


# -- servers with OpenAI's formats ---------------------------------------------------------------------------------


def test_every_field_of_a_server_is_read() -> None:
    text = """\
openai-compatibility:
  - name: Open Router
    base-url: https://openrouter.ai/api/v1/
    wire-api: Responses
    disabled: true
    prefix: or
    headers: {X-Title: cli}
    models: [{name: a/big, alias: big}]
    excluded-models: ["*:free"]
    priority: -5
    weight: 2
    max-concurrency: 0
    disable-cooling: true
    api-key-entries:
      - {api-key: one, proxy-url: direct, weight: 7}
      - api-key: two
    api-keys: [three, one]
"""
    loaded = parse(text)
    assert loaded.config.openai_compatibility == (
        OpenAICompatibility(
            name="Open Router",
            base_url="https://openrouter.ai/api/v1",
            wire_api="responses",
            disabled=True,
            prefix="or",
            headers={"X-Title": "cli"},
            models=(Model("a/big", "big"),),
            excluded_models=("*:free",),
            share=Share(priority=-5, weight=2, max_concurrency=0, disable_cooling=True),
            keys=(KeyEntry(Secret("one"), DIRECT, weight=7), KeyEntry(Secret("two")), KeyEntry(Secret("three"))),
        ),
    )
    assert (loaded.warnings, loaded.not_in_use) == ((), ())


def test_a_server_speaks_chat_unless_told_otherwise() -> None:
    assert server("models: [{name: m}]").wire_api == "chat"


@pytest.mark.parametrize("fields", ["prefix: p", "api-key-entries: []", "api-key-entries:", "api-keys: ['']"])
def test_a_server_without_keys_needs_none(fields: str) -> None:
    assert server(fields).keys == (KeyEntry(Secret("")),)


def test_a_server_without_a_key_may_be_behind_a_proxy() -> None:
    assert server("api-key-entries: [{proxy-url: 'http://p:1'}]").keys == (KeyEntry(Secret(""), Proxy("http", "p", 1)),)


def test_a_server_without_models_is_doubted() -> None:
    (warning,) = parse("openai-compatibility:\n- name: n\n  base-url: http://h/v1").warnings
    assert warning == Problem(
        2, "openai-compatibility[].models", "none given, so that nothing is asked of this upstream"
    )


def test_a_server_that_is_left_out_needs_no_models() -> None:
    assert parse("openai-compatibility: [{name: n, base-url: 'http://h/v1', disabled: true}]").warnings == ()


@pytest.mark.parametrize(
    ("wire_api", "base_url", "ending"),
    [
        ("chat", "http://h/v1/chat/completions", "/chat/completions"),
        ("chat", "http://h/v1/chat", "/chat"),
        ("responses", "http://h/v1/responses", "/responses"),
    ],
)
def test_a_server_s_base_url_that_holds_the_path_is_doubted(wire_api: str, base_url: str, ending: str) -> None:
    text = f"openai-compatibility: [{{name: n, base-url: '{base_url}', wire-api: {wire_api}, models: [{{name: m}}]}}]"
    (warning,) = parse(text).warnings
    assert warning.key == "openai-compatibility[].base-url"
    assert warning.message.startswith(f"ends in {ending}, and")


@pytest.mark.parametrize("missing", ["name", "base-url"])
def test_a_server_needs_name_and_address(missing: str) -> None:
    fields = {"name": "n", "base-url": "http://h", "prefix": "p"}
    del fields[missing]
    written = ", ".join(f"{name}: '{value}'" for name, value in fields.items())
    assert only_problem(f"openai-compatibility: [{{{written}}}]").key == f"openai-compatibility[].{missing}"


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("wire-api: completions", "wire-api"),
        ("wire-api: [chat]", "wire-api"),
        ("disabled: maybe", "disabled"),
        ("api-keys: one", "api-keys"),
        ("api-keys: ['a b']", "api-keys"),
        ("api-key-entries: [k]", "api-key-entries[]"),
        ("api-key-entries: [{api-key: é}]", "api-key-entries[].api-key"),
        ("api-key-entries: [{proxy-url: x}]", "api-key-entries[].proxy-url"),
        ("api-key-entries: [{weight: x}]", "api-key-entries[].weight"),
    ],
)
def test_an_unfit_field_of_a_server_is_one_problem_with_its_line(field: str, key: str) -> None:
    problem = only_problem(entry("openai-compatibility", field))
    assert (problem.line, problem.key) == (2, f"openai-compatibility[].{key}")


def test_a_server_prints_no_key() -> None:
    shown = repr(server("api-keys: [sk-0123456789abcdef0123]"))
    assert "0123456789" not in shown


def test_all_problems_of_an_entry_are_told_even_without_its_key() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse("codex-api-key:\n- base-url: x\n  prefix: a/b\n  headers: [c]")
    assert [problem.key for problem in caught.value.problems] == [
        "codex-api-key[].api-key",
        "codex-api-key[].base-url",
        "codex-api-key[].prefix",
        "codex-api-key[].headers",
    ]
