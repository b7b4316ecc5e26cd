"""The table of logins: what it may hold, and what configuration makes of it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest

from cliproxy.config.logins import FIELDS
from cliproxy.logins import providers
from cliproxy.logins.providers import LOGIN_TYPES, OVERRIDABLE, LoginType, why_not_ready, with_overrides
from cliproxy.secret import Secret

ROWS = pytest.mark.parametrize("row", LOGIN_TYPES.values(), ids=lambda row: row.name)


@ROWS
def test_no_secret_ships(row: LoginType) -> None:
    assert not row.client_secret


@ROWS
def test_every_address_is_https(row: LoginType) -> None:
    addresses = {name: value for name, value in attrs.asdict(row).items() if name.endswith("_url") and value}
    assert all(urlsplit(str(address)).scheme == "https" for address in addresses.values())


@ROWS
def test_a_browser_comes_back_to_loopback_alone(row: LoginType) -> None:
    if "browser" in row.flows:
        assert urlsplit(row.redirect_uri).hostname in ("localhost", "127.0.0.1")
        assert urlsplit(row.redirect_uri).port == row.callback_port


@ROWS
def test_each_has_patterns(row: LoginType) -> None:
    assert row.patterns


@ROWS
def test_what_is_listed_fits_a_pattern(row: LoginType) -> None:
    heads = tuple(pattern.removesuffix("*") for pattern in row.patterns)
    assert all(name.startswith(heads) for name in row.listed)


@pytest.mark.parametrize("name", ["codex", "kimi"])
def test_a_client_id_that_ships_names_the_source_that_publishes_it(name: str) -> None:
    assert LOGIN_TYPES[name].client_id
    text = Path(providers.__file__).read_text()
    comment = text.partition(f'"{LOGIN_TYPES[name].client_id}"')[0].rpartition("#")[2]
    assert re.search(r"github\.com/\S+, \S+", comment)


@pytest.mark.parametrize("name", ["claude", "xai", "gemini"])
def test_a_client_id_that_nobody_publishes_does_not_ship(name: str) -> None:
    assert not LOGIN_TYPES[name].client_id


def test_what_must_be_configured_is_named() -> None:
    assert "Set logins.claude.client-id in" in why_not_ready(LOGIN_TYPES["claude"])


def test_a_secret_that_must_be_configured_is_named_too() -> None:
    assert "logins.gemini.client-id and logins.gemini.client-secret" in why_not_ready(LOGIN_TYPES["gemini"])


@pytest.mark.parametrize("name", ["codex", "kimi", "vertex"])
def test_some_need_no_configuration(name: str) -> None:
    assert why_not_ready(LOGIN_TYPES[name]) == ""


def test_configuration_makes_a_type_ready() -> None:
    types = with_overrides({"gemini": {"client_id": "mine", "client_secret": Secret("also mine")}})
    assert why_not_ready(types["gemini"]) == ""


def test_vendors_may_move_any_address() -> None:
    addresses = {field.name for field in attrs.fields(LoginType) if field.name.endswith(("_url", "_uri"))}
    assert addresses <= set(OVERRIDABLE)


def test_what_may_be_replaced_can_be_configured() -> None:
    assert {name.replace("-", "_") for name in FIELDS} == set(OVERRIDABLE)


def test_an_override_replaces_its_field_alone() -> None:
    row = with_overrides({"claude": {"client_id": "mine"}})["claude"]
    assert row == attrs.evolve(LOGIN_TYPES["claude"], client_id="mine")


def test_the_others_stay() -> None:
    assert with_overrides({"claude": {"client_id": "mine"}})["codex"] == LOGIN_TYPES["codex"]


def test_the_table_itself_is_not_changed() -> None:
    with_overrides({"claude": {"client_id": "mine"}})
    assert LOGIN_TYPES["claude"].client_id == ""


def test_whole_seconds_are_seconds() -> None:
    assert with_overrides({"claude": {"lead_seconds": 60}})["claude"].lead_seconds == 60.0


@pytest.mark.parametrize(
    "overrides",
    [
        {"nobody": {"client_id": "x"}},
        {"claude": {"flows": ("device",)}},
        {"claude": {"headers": {"user-agent": "another"}}},
        {"claude": {"client_id": 5}},
        {"claude": {"callback_port": True}},
        {"gemini": {"client_secret": "plain"}},
    ],
)
def test_what_does_not_fit_is_refused(overrides: dict[str, dict[str, object]]) -> None:
    with pytest.raises(ValueError, match="login"):
        with_overrides(overrides)


def test_a_refused_secret_is_not_told() -> None:
    with pytest.raises(ValueError, match="wrong kind") as caught:
        with_overrides({"gemini": {"client_secret": "a-plain-secret"}})
    assert "a-plain-secret" not in str(caught.value)
