"""What the file says of accounts that are logged in to."""

from __future__ import annotations

import pytest

from cliproxy.config.loader import ConfigInvalid, Problem, parse
from cliproxy.config.logins import FIELDS, OLDER_NAMES, TYPES
from cliproxy.config.schema import Logins, Model
from cliproxy.logins import files
from cliproxy.logins.providers import LOGIN_TYPES, OVERRIDABLE, with_overrides
from cliproxy.secret import Secret


def only_problem(text: str) -> Problem:
    with pytest.raises(ConfigInvalid) as caught:
        parse(text)
    (problem,) = caught.value.problems
    return problem


def overrides(text: str) -> object:
    """Of the type `claude`, with these fields."""
    return parse(f"logins: {{claude: {{{text}}}}}").config.logins.overrides


# -- the tables of both rooms --------------------------------------------------------------------------------------


def test_the_types_are_those_that_can_be_logged_in_to() -> None:
    assert tuple(LOGIN_TYPES) == TYPES


def test_the_fields_are_those_that_may_be_replaced() -> None:
    assert tuple(name.replace("-", "_") for name in FIELDS) == OVERRIDABLE


def test_the_older_names_are_those_of_account_files() -> None:
    assert OLDER_NAMES == files.ALIASES


# -- logins --------------------------------------------------------------------------------------------------------

FULL = """\
logins:
  gemini:
    client-id: own-id
    client-secret: own-secret
    authorize-url: https://idp.example/authorize
    token-url: https://idp.example/token
    device-url: https://idp.example/device
    redirect-uri: http://localhost:9000/callback
    callback-port: 9000
    scope: one two
    base-url: https://API.example/v1/
    lead-seconds: 60
"""


def test_every_field_is_read() -> None:
    assert parse(FULL).config.logins.overrides == {
        "gemini": {
            "client_id": "own-id",
            "client_secret": Secret("own-secret"),
            "authorize_url": "https://idp.example/authorize",
            "token_url": "https://idp.example/token",
            "device_url": "https://idp.example/device",
            "redirect_uri": "http://localhost:9000/callback",
            "callback_port": 9000,
            "scope": "one two",
            "base_url": "https://api.example/v1",
            "lead_seconds": 60.0,
        }
    }


@pytest.mark.parametrize("name", TYPES)
def test_what_is_read_is_of_the_kind_that_the_table_of_logins_takes(name: str) -> None:
    read = parse(FULL.replace("gemini", name)).config.logins.overrides
    assert with_overrides(read)[name].client_id == "own-id"


def test_a_sound_file_gives_no_warning() -> None:
    loaded = parse(FULL)
    assert (loaded.warnings, loaded.not_in_use) == ((), ())


@pytest.mark.parametrize(
    "text", ["logins:", "logins: {}", "logins: {claude: }", "logins: {claude: {}}", "logins: {claude: {scope: ''}}"]
)
def test_what_is_empty_replaces_nothing(text: str) -> None:
    assert parse(text).config.logins == Logins()


def test_a_lead_of_no_seconds_is_one() -> None:
    assert overrides("lead-seconds: 0") == {"claude": {"lead_seconds": 0.0}}


def test_the_last_slash_of_a_redirect_uri_is_not_ours_to_take_off() -> None:
    assert overrides("redirect-uri: http://localhost:1/") == {"claude": {"redirect_uri": "http://localhost:1/"}}


def test_an_address_of_the_provider_keeps_its_last_slash() -> None:
    assert overrides("token-url: https://idp.example/token/") == {"claude": {"token_url": "https://idp.example/token/"}}


def test_an_unknown_type_is_a_problem_with_its_line() -> None:
    assert only_problem("logins:\n  claude: {scope: a}\n  chatgpt: {client-id: a}\n") == Problem(
        3, "logins", "expected no other names than claude, codex, xai, kimi, vertex, gemini"
    )


def test_an_unknown_type_is_one_even_if_nothing_stands_under_it() -> None:
    assert only_problem("logins: {chatgpt: }").key == "logins"


def test_an_unknown_field_is_a_problem_with_its_line() -> None:
    problem = only_problem("logins:\n  claude:\n    client_id: a\n")
    assert (problem.line, problem.key) == (3, "logins.claude")
    assert problem.message.startswith("expected no other names than client-id, client-secret, ")


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("client-id: [a]", "logins.claude.client-id"),
        ("client-id: true", "logins.claude.client-id"),
        ("client-secret: {a: b}", "logins.claude.client-secret"),
        ("authorize-url: idp.example", "logins.claude.authorize-url"),
        ("token-url: ftp://idp.example", "logins.claude.token-url"),
        ("device-url: 'https://u:p@idp.example'", "logins.claude.device-url"),
        ("redirect-uri: 'http://localhost:99999/'", "logins.claude.redirect-uri"),
        ("callback-port: 65536", "logins.claude.callback-port"),
        ("callback-port: -1", "logins.claude.callback-port"),
        ('scope: "a\\nb"', "logins.claude.scope"),
        ("base-url: 'https://h/?a=b'", "logins.claude.base-url"),
        ("lead-seconds: -1", "logins.claude.lead-seconds"),
        ("lead-seconds: 2592001", "logins.claude.lead-seconds"),
    ],
)
def test_a_wrong_value_is_a_problem_with_its_line(field: str, key: str) -> None:
    problem = only_problem(f"logins:\n  claude:\n    {field}\n")
    assert (problem.line, problem.key) == (3, key)


@pytest.mark.parametrize("text", ["logins: [claude]", "logins: claude", "logins: {claude: [a]}", "logins: {claude: a}"])
def test_what_is_no_mapping_is_one_problem(text: str) -> None:
    assert only_problem(text).message.startswith("expected keys with values, found ")


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse("logins:\n  claude:\n    x: 1\n    callback-port: a\n  codex: 5\n  zzz: {}\n")
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (3, "logins.claude"),
        (4, "logins.claude.callback-port"),
        (5, "logins.codex"),
        (6, "logins"),
    ]


def test_a_client_s_secret_does_not_print() -> None:
    assert "own-secret" not in repr(parse(FULL))


# -- models --------------------------------------------------------------------------------------------------------


def test_exclusions_are_read_by_type() -> None:
    loaded = parse("oauth-excluded-models: {claude: [a, 'b-*', a, ''], codex: }")
    assert loaded.config.logins.excluded_models == {"claude": ("a", "b-*"), "codex": ()}
    assert loaded.warnings == ()


def test_aliases_are_read_by_type_whatever_else_the_original_has_beside_them() -> None:
    loaded = parse("oauth-model-alias: {codex: [{name: gpt-5.5, alias: big, fork: true}, {name: a, alias: a}]}")
    assert loaded.config.logins.aliases == {"codex": (Model("gpt-5.5", "big"), Model("a", "a"))}
    assert (loaded.warnings, loaded.not_in_use) == ((), ())


def test_a_type_may_have_its_older_name() -> None:
    logins = parse(
        "oauth-excluded-models: {Gemini-CLI: [a]}\noauth-model-alias: {GEMINI: [{name: a, alias: b}]}"
    ).config
    assert logins.logins == Logins(excluded_models={"gemini": ("a",)}, aliases={"gemini": (Model("a", "b"),)})


def test_of_two_names_for_a_type_neither_is_lost() -> None:
    config = parse("oauth-excluded-models: {gemini: [a, b], gemini-cli: [b, c]}").config
    assert config.logins.excluded_models == {"gemini": ("a", "b", "c")}


@pytest.mark.parametrize("key", ["oauth-excluded-models", "oauth-model-alias"])
def test_types_of_the_original_alone_are_left_out_with_a_warning(key: str) -> None:
    loaded = parse(f"\n{key}: {{antigravity: [{{name: a, alias: b}}], aistudio: }}")
    assert loaded.config.logins == Logins()
    assert loaded.warnings == (
        Problem(2, key, "what is not for claude, codex, xai, kimi, vertex, gemini has no effect"),
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("oauth-excluded-models:\n  claude: a", "oauth-excluded-models.claude"),
        ("oauth-excluded-models:\n  claude: [[a]]", "oauth-excluded-models.claude"),
        ("oauth-model-alias:\n  claude: {a: b}", "oauth-model-alias.claude"),
        ("oauth-model-alias:\n  claude: [a]", "oauth-model-alias.claude[]"),
        ("oauth-model-alias:\n  claude: [{alias: a}]", "oauth-model-alias.claude[].name"),
        ("oauth-model-alias:\n  claude: [{name: a, alias: [b]}]", "oauth-model-alias.claude[].alias"),
    ],
)
def test_a_wrong_list_is_a_problem_with_its_line(text: str, key: str) -> None:
    problem = only_problem(text)
    assert (problem.line, problem.key) == (2, key)
