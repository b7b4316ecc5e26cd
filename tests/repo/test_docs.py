"""The docs name whatever a user can set, ask for or type."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import attrs
import click
import pytest
from twisted.internet.task import Clock
from twisted.python import usage

from cliproxy import cli
from cliproxy.config.keys import KEYS
from cliproxy.config.schema import Access, Config
from cliproxy.conversation.capabilities import Capabilities
from cliproxy.daemon import House
from cliproxy.exchange import COUNT_HEADER
from cliproxy.formats.codec import Field, Support
from cliproxy.observe.logs import LOG_FORMATS
from cliproxy.tap import Options
from cliproxy.web.asks import SHOW_LOSSES
from cliproxy.web.gate import Gate
from cliproxy.web.routes import Route
from cliproxy.web.site import Doors
from tests.support import field_table

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@cache
def page(name: str) -> str:
    return (ROOT / name).read_text()


def routes() -> list[Route]:
    return list(Doors(House(Config(demo=True), Clock()), Gate(Access())).routes)


def verbs() -> list[click.Command]:
    return list(cli.main.commands.values())


def parameters() -> list[tuple[str, str]]:
    return [
        (verb.name or "", option)
        for verb in verbs()
        for parameter in verb.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    ]


def twist_options() -> list[str]:
    own = vars(Options)
    flags = [row[0] for row in (*own["optFlags"], *own["optParameters"])]
    return [*flags, *(name.removeprefix("opt_") for name in own if name.startswith("opt_"))]


def row_of(text: str, *cells: str) -> bool:
    """Whether some table row of a page holds all of these."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return any(all(cell in row for cell in cells) for row in rows)


@pytest.mark.parametrize("key", KEYS)
def test_a_configuration_key_is_named(key: str) -> None:
    assert f"`{key}`" in page("docs/configuration.md")


@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if key.in_use])
def test_a_key_in_use_is_told_with_its_default_and_meaning(key: str) -> None:
    assert row_of(page("docs/configuration.md"), f"`{key}`", KEYS[key].default, KEYS[key].meaning)


def test_no_key_is_told_that_there_is_not() -> None:
    """Of those that stand in a row of the table of keys."""
    told = re.findall(r"^\| `([^`]+)` \|", page("docs/configuration.md"), re.MULTILINE)
    assert set(told) <= set(KEYS)


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.path)
def test_a_route_is_told_with_its_methods(route: Route) -> None:
    for method in route.methods:
        assert row_of(page("docs/api.md"), f"`{route.path}`", method)


@pytest.mark.parametrize("verb", [verb.name for verb in verbs()])
def test_a_verb_is_told(verb: str) -> None:
    assert row_of(page("docs/commands.md"), f"`cliproxy {verb}")


@pytest.mark.parametrize(("verb", "option"), parameters())
def test_an_option_of_a_verb_is_told(verb: str, option: str) -> None:
    assert f"`{option}" in page("docs/commands.md")


@pytest.mark.parametrize("option", twist_options())
def test_a_twist_option_is_told(option: str) -> None:
    assert issubclass(Options, usage.Options)
    assert f"`--{option}`" in page("docs/commands.md").partition("## twist")[2]


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_a_log_format_is_told(log_format: str) -> None:
    assert log_format in page("docs/commands.md")


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Those to files; the network is nobody's to test."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_links_into_a_page_find_their_heading(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", document.read_text()):
        page_meant = document.parent / target if target else document
        assert anchor in anchors(page_meant.read_text()), (target, anchor)


def anchors(text: str) -> set[str]:
    """By GitHub's rule: lower case, words joined by hyphens, everything else left out."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("header", [SHOW_LOSSES, COUNT_HEADER])
def test_a_header_of_our_own_is_told(header: bytes) -> None:
    assert header.decode().title() in page("docs/api.md")


# -- docs/translation.md


def test_the_tables_of_translation_are_those_of_the_code() -> None:
    """If not: python -m tests.support.field_table"""
    assert field_table.written(page("docs/translation.md")) == page("docs/translation.md")


def is_exact(field: Field) -> bool:
    return all(codec.support[field] is Support.EXACT for codec in field_table.upstreams())


@pytest.mark.parametrize("field", [field for field in field_table.fields() if not is_exact(field)])
def test_what_is_not_exact_is_explained(field: Field) -> None:
    assert (field in field_table.NOTES) is not (field in field_table.SAID_BY_TABLE)


def test_what_needs_no_note_is_lost_somewhere() -> None:
    assert not any(map(is_exact, field_table.SAID_BY_TABLE))


@pytest.mark.parametrize("capability", sorted(attrs.fields_dict(Capabilities).keys() - {"known"}))
def test_a_capability_is_told(capability: str) -> None:
    assert f"`{capability.replace('_', '-')}`" in page("docs/translation.md").partition("## Settings")[2]


@pytest.mark.parametrize("client", ["Claude Code", "Codex", "Gemini CLI", "aider", "official SDKs"])
def test_a_client_is_told_step_by_step(client: str) -> None:
    assert re.search(rf"^## .*{client}", page("docs/clients.md"), re.MULTILINE)
