"""The docs name whatever a user can set, ask for or type."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from cliproxy.config.schema import Config
from cliproxy.conversation.capabilities import Capabilities
from cliproxy.exchange import COUNT_HEADER
from cliproxy.formats.codec import Field, Support
from cliproxy.house import House
from cliproxy.logins.providers import LOGIN_TYPES
from cliproxy.observe.logs import LOG_FORMATS
from cliproxy.routing import verdicts
from cliproxy.routing.decisions import MAX_DECISIONS
from cliproxy.routing.standing import Fate
from cliproxy.routing.strategies import STRATEGIES
from cliproxy.routing.verdicts import Verdict
from cliproxy.tap import Options
from cliproxy.web.asks import SHOW_LOSSES
from cliproxy.web.routes import Route
from tests.support import field_table

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def page(name: str) -> str:
    return (ROOT / name).read_text()


def routes() -> list[Route]:
    return list(House(Config(demo=True), Clock()).doors.routes)


def verbs(group: click.Group = cli.main, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each verb as it is typed: `logins`, `logins refresh`."""
    for name, verb in group.commands.items():
        yield f"{before}{name}", verb
        if isinstance(verb, click.Group):
            yield from verbs(verb, f"{before}{name} ")


def parameters() -> list[tuple[str, str]]:
    return [
        (name, option)
        for name, verb in verbs()
        for parameter in verb.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    ]


def twist_options() -> list[str]:
    own = vars(Options)
    flags = [row[0] for row in (*own["optFlags"], *own["optParameters"])]
    return [*flags, *(name.removeprefix("opt_") for name in own if name.startswith("opt_"))]


def known_verdicts() -> list[Verdict]:
    return [verdict for verdict in vars(verdicts).values() if isinstance(verdict, Verdict)]


def row_of(text: str, *cells: str) -> bool:
    """Whether some table row of a page holds all of these."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return any(all(cell in row for cell in cells) for row in rows)


def test_no_key_is_told_that_there_is_not() -> None:
    """Of those that stand in a row of the table of keys."""
    told = re.findall(r"^\| `([^`]+)` \|", page("docs/configuration.md"), re.MULTILINE)
    assert set(told) <= set(KEYS)


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.path)
def test_a_route_is_told_with_its_methods(route: Route) -> None:
    told = route.path.removesuffix("/<anything:rest>")
    for method in route.methods or ("any",):
        assert row_of(page("docs/api.md"), f"`{told}`", method)


@pytest.mark.parametrize("verb", [name for name, _ in verbs()])
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


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Those to files; the network is nobody's to test."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
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


# -- accounts and the pool


@pytest.mark.parametrize("provider", LOGIN_TYPES)
def test_a_login_is_told(provider: str) -> None:
    assert row_of(page("docs/logins.md"), f"`cliproxy login {provider}")
    assert row_of(page("docs/commands.md"), "`cliproxy login", f"`{provider}`")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_is_told(strategy: str) -> None:
    assert row_of(page("docs/pool.md"), f"`{strategy}`")


@pytest.mark.parametrize("verdict", known_verdicts(), ids=lambda verdict: verdict.name)
def test_a_verdict_is_told_with_what_it_is_of_and_its_rest(verdict: Verdict) -> None:
    rest = f"{verdict.first:.0f} s" if verdict.first else "not at all"
    most = f"up to {verdict.most:.0f} s" if verdict.most > verdict.first else ""
    scope = "all models" if verdict.whole else "the model"
    assert row_of(page("docs/pool.md"), f"| {verdict.name} | {scope} |", rest, most)


def test_no_verdict_is_told_that_there_is_not() -> None:
    told = re.findall(r"^\| ([a-z ]+) \| (?:all models|the model) \|", page("docs/pool.md"), re.MULTILINE)
    assert set(told) == {verdict.name for verdict in known_verdicts()}


@pytest.mark.parametrize("verdict", known_verdicts(), ids=lambda verdict: verdict.name)
def test_it_is_told_which_failures_are_worth_another_round(verdict: Verdict) -> None:
    told = re.findall(r"a failure was one that passes \(([^)]*)\)", page("docs/pool.md"))
    assert (verdict.name in ", ".join(told).split(", ")) is verdict.passes


@pytest.mark.parametrize("fate", Fate)
def test_a_word_of_explain_is_told(fate: Fate) -> None:
    assert row_of(page("docs/pool.md").partition("## cliproxy explain")[2], f"| {fate.value} |")


def test_it_is_told_how_many_requests_are_explained() -> None:
    assert f"{MAX_DECISIONS:,} requests" in page("docs/pool.md")


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
