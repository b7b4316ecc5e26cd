"""The guides have one shape, and what they tell to copy can be read by whom it is for."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

import attrs
import pytest
from ruamel.yaml import YAML

from cliproxy.config.keys import KEYS
from cliproxy.config.loader import parse

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
INDEX: Final = ROOT / "docs/clients/README.md"
GUIDES: Final = [guide for guide in sorted(INDEX.parent.glob("*.md")) if guide != INDEX]
SECTIONS: Final = ["Settings", "Check", "Another vendor's model", "What does not work"]

SECTIONS_OF_THE_FILE: Final = {key.partition(".")[0].removesuffix("[]") for key in KEYS}
"""What may stand at the top of the daemon's configuration."""


@attrs.frozen
class Block:
    """Some code in a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, text: str | None = None) -> list[Block]:
    """Those with a language, be they in a list or not."""
    whole = page.read_text() if text is None else text
    found = re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", whole, re.MULTILINE | re.DOTALL)
    return [Block(page, whole.count("\n", 0, match.start()) + 1, match[2], dedent(match[3])) for match in found]


def section(guide: Path, title: str) -> str:
    return re.split(r"^## ", guide.read_text().partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def check(guide: Path) -> str:
    """The command that tells whether all is well."""
    (block,) = blocks(guide, section(guide, "Check"))
    assert block.language == "sh"
    return block.text.replace("\\\n", " ").strip()


each_guide: Final = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)


@each_guide
def test_a_guide_has_the_sections_of_all(guide: Path) -> None:
    headings = re.findall(r"^## (.*)$", guide.read_text(), re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS


@each_guide
def test_a_guide_has_one_command_that_checks(guide: Path) -> None:
    assert "\n" not in check(guide)
    assert shlex.split(check(guide))


@each_guide
def test_a_guide_says_with_what_it_was_tried(guide: Path) -> None:
    tried = re.search(r"^Tried.*\d|^\*\*Not tried", guide.read_text(), re.MULTILINE)
    assert tried or guide.stem == "other"


@each_guide
def test_a_guide_names_the_verb_that_does_it(guide: Path) -> None:
    assert f"`cliproxy connect {guide.stem}`" in guide.read_text() or guide.stem == "other"


@each_guide
def test_the_index_leads_to_a_guide(guide: Path) -> None:
    assert f"| [{guide.stem}]({guide.name}) |" in INDEX.read_text()


@each_guide
def test_the_first_page_leads_to_a_guide(guide: Path) -> None:
    assert f"(docs/clients/{guide.name})" in (ROOT / "README.md").read_text() or guide.stem == "other"


# -- what is copied


def read_yaml(text: str) -> None:
    """The daemon's own is loaded as the daemon does it; `…` is where a reader's own key goes on."""
    if set(YAML(typ="safe").load(text)) <= SECTIONS_OF_THE_FILE:
        loaded = parse(text.replace("…", "rest"))
        assert not loaded.warnings
        assert not loaded.not_in_use


def read_python(text: str) -> None:
    compile(text, "a page", "exec")


def read_mermaid(text: str) -> None:
    """Every line of a chart: its kind, a node, or an arrow. A forge shows an error in place of anything else."""
    kind, *lines = text.splitlines()
    assert re.fullmatch(r"flowchart (TD|LR)", kind)
    node = r"""\w+(?:\["[^"]*"\]|\(\["[^"]*"\]\)|\{"[^"]*"\})?"""
    arrow = r"""(?:-->|-\.->|-- "[^"]*" -->|-\. "[^"]*" \.->)"""
    for line in lines:
        assert re.fullmatch(rf"\s*{node}(?: {arrow} {node})*", line), line


READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": read_yaml,
    "python": read_python,
    "mermaid": read_mermaid,
}
COPIED: Final = [block for page in PAGES for block in blocks(page) if block.language in READERS]


@pytest.mark.parametrize("block", COPIED, ids=str)
def test_what_is_copied_can_be_read(block: Block) -> None:
    READERS[block.language](block.text)


def test_what_is_the_daemons_is_loaded_as_such() -> None:
    with pytest.raises(AssertionError):
        read_yaml("tls: {enable: false, sert: a.pem}")


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/clients/amp.md"])
def test_a_page_has_its_picture(page: str) -> None:
    assert [block for block in blocks(ROOT / page) if block.language == "mermaid"]
