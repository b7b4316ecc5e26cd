"""Amp's section of the file, and the flat keys that came before it; and whose other routes are named."""

from __future__ import annotations

import pytest

from cliproxy.config.loader import parse
from cliproxy.config.problems import ConfigInvalid
from cliproxy.config.schema import Amp, ModelMapping, NamedModule, UpstreamKeyOf
from cliproxy.secret import Secret


def amp(text: str) -> Amp:
    return parse(text).config.amp


def warnings(text: str) -> list[str]:
    return [str(warning) for warning in parse(text).warnings]


def test_a_file_that_says_nothing_has_no_control_plane_and_lets_nobody_in() -> None:
    assert amp("port: 1") == Amp(upstream_url="", restrict_management_to_localhost=True)


def test_the_block_is_read_whole() -> None:
    text = """
ampcode:
  upstream-url: https://ampcode.com/
  upstream-api-key: sgamp-1
  upstream-api-keys:
    - { upstream-api-key: sgamp-2, api-keys: [sk-a, sk-b] }
  restrict-management-to-localhost: false
  force-model-mappings: true
  model-mappings:
    - { from: claude-opus-4-5, to: "gpt-5.5(high)" }
    - { from: "^gemini-", to: claude-sonnet-5, regex: true }
"""
    assert parse(text).warnings == ()
    assert amp(text) == Amp(
        upstream_url="https://ampcode.com",
        upstream_api_key=Secret("sgamp-1"),
        upstream_api_keys=(UpstreamKeyOf(Secret("sgamp-2"), frozenset({Secret("sk-a"), Secret("sk-b")})),),
        restrict_management_to_localhost=False,
        model_mappings=(
            ModelMapping("claude-opus-4-5", "gpt-5.5(high)"),
            ModelMapping("^gemini-", "claude-sonnet-5", regex=True),
        ),
        force_model_mappings=True,
    )


def test_the_flat_keys_say_the_same() -> None:
    text = """
amp-upstream-url: https://ampcode.com
amp-upstream-api-key: sgamp-1
amp-model-mappings: [{ from: a, to: b }]
"""
    assert amp(text) == Amp(
        upstream_url="https://ampcode.com",
        upstream_api_key=Secret("sgamp-1"),
        model_mappings=(ModelMapping("a", "b"),),
    )


def test_the_block_counts_before_the_flat_keys() -> None:
    text = """
amp-upstream-url: https://old.example
amp-upstream-api-key: old
amp-model-mappings: [{ from: a, to: old }]
ampcode:
  upstream-url: https://new.example
  upstream-api-key: new
  model-mappings: [{ from: a, to: new }]
"""
    assert amp(text) == Amp(
        upstream_url="https://new.example",
        upstream_api_key=Secret("new"),
        model_mappings=(ModelMapping("a", "new"),),
    )


def test_flat_keys_fill_what_the_block_leaves_open() -> None:
    text = "amp-upstream-url: https://old.example\nampcode: { upstream-api-key: new, upstream-url: '' }"
    assert amp(text) == Amp(upstream_url="https://old.example", upstream_api_key=Secret("new"))


@pytest.mark.parametrize("flat", [True, False])
def test_the_flat_restriction_counts_wherever_it_stands(flat: bool) -> None:
    text = f"""
amp-restrict-management-to-localhost: {str(flat).lower()}
ampcode: {{ restrict-management-to-localhost: {str(not flat).lower()} }}
"""
    assert amp(text).restrict_management_to_localhost is flat


@pytest.mark.parametrize(
    "url", ["ampcode.com", "ftp://ampcode.com", "https://user@ampcode.com", "https://a.example/?q"]
)
def test_an_address_that_is_none_is_a_problem(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="upstream-url"):
        parse(f"ampcode: {{ upstream-url: '{url}' }}")


def test_a_client_in_two_entries_is_the_first_ones() -> None:
    text = """
ampcode:
  upstream-api-keys:
    - { upstream-api-key: one, api-keys: [sk-shared-0123456789] }
    - { upstream-api-key: two, api-keys: [sk-shared-0123456789, sk-own] }
"""
    assert amp(text).upstream_api_keys == (
        UpstreamKeyOf(Secret("one"), frozenset({Secret("sk-shared-0123456789")})),
        UpstreamKeyOf(Secret("two"), frozenset({Secret("sk-own")})),
    )
    (warning,) = warnings(text)
    assert "sk-shared" not in warning


def test_entries_without_a_key_or_without_clients_are_left_out() -> None:
    text = """
ampcode:
  upstream-api-keys:
    - { upstream-api-key: " ", api-keys: [a] }
    - { upstream-api-key: k, api-keys: [] }
"""
    assert amp(text).upstream_api_keys == ()


@pytest.mark.parametrize(
    "entry", ["{ from: '', to: b }", "{ from: a }", "{ from: ' ', to: ' ' }", "{ from: '[', to: b, regex: true }"]
)
def test_a_mapping_that_can_never_hold_is_left_out_with_a_warning(entry: str) -> None:
    text = f"ampcode: {{ model-mappings: [{entry}] }}"
    assert amp(text).model_mappings == ()
    assert len(warnings(text)) == 1


def test_what_is_a_bad_pattern_may_be_a_name() -> None:
    assert amp("ampcode: { model-mappings: [{ from: '[', to: b }] }").model_mappings == (ModelMapping("[", "b"),)


def test_amps_keys_print_in_no_repr() -> None:
    assert "sgamp-of-mine" not in repr(parse("ampcode: { upstream-api-key: sgamp-of-mine }").config)


def test_modules_are_named_with_settings_of_their_own() -> None:
    text = "route-modules: [{ path: my.routes.Hello, settings: { greeting: Hi, deep: { a: [1, null] } } }]"
    assert parse(text).config.route_modules == (
        NamedModule("my.routes.Hello", {"greeting": "Hi", "deep": {"a": [1, None]}}),
    )


@pytest.mark.parametrize("path", ["hello", "a..b", "a/b.c", "a.b-c", ".a.b", "''"])
def test_a_module_is_named_by_a_dotted_path(path: str) -> None:
    with pytest.raises(ConfigInvalid, match="path"):
        parse(f"route-modules: [{{ path: {path} }}]")


def test_a_module_is_named_once() -> None:
    with pytest.raises(ConfigInvalid, match="again"):
        parse("route-modules: [{ path: a.B }, { path: a.B }]")


def test_what_a_module_is_told_prints_in_no_repr() -> None:
    text = "route-modules: [{ path: a.B, settings: { password: hunter2-hunter2 } }]"
    assert "hunter2" not in repr(parse(text).config)
