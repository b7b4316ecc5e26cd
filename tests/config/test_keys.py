"""The table of keys, and the page that tells it to people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cliproxy.config.keys import KEYS, NEVER_IN_USE, SECTIONS, children
from cliproxy.config.loader import Loaded, parse
from cliproxy.config.schema import Config

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.in_use])
def test_the_page_has_the_row_of_every_key_in_use(name: str) -> None:
    key = KEYS[name]
    restart = " *Restart.*" if key.restart else ""
    assert f"| `{name}` | {key.default or 'needed'} | {key.meaning}{restart} |" in PAGE.splitlines()


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if not key.in_use])
def test_the_page_names_every_key_not_in_use(name: str) -> None:
    chapter = "never in use" if name in NEVER_IN_USE else "not in use yet"
    assert f"`{name}`" in PAGE.split(f"## Taken, {'and' if name in NEVER_IN_USE else 'but'} {chapter}")[1]


def test_the_page_lists_what_needs_a_restart() -> None:
    (sentence,) = re.findall(r"\*\*Restart needed:\*\* (.*?)\.\n", PAGE, re.DOTALL)
    assert re.findall(r"`([^`]+)`", sentence) == [name for name, key in KEYS.items() if key.restart]


@pytest.mark.parametrize("sample", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_a_sample_on_the_page_is_sound(sample: str) -> None:
    loaded = parse(sample)
    assert loaded == Loaded(loaded.config)
    assert loaded.config != Config()


def test_a_key_in_use_has_a_meaning_of_one_sentence() -> None:
    for name, key in KEYS.items():
        assert key.meaning.endswith(".") == key.in_use, name


def test_no_key_is_a_section_too() -> None:
    assert SECTIONS.isdisjoint(KEYS)


def test_the_children_of_a_section_are_its_own_alone() -> None:
    assert children("tls") == ("enable", "cert", "key")
    assert "claude-api-key" in children("")
    assert "base-url" not in children("")
