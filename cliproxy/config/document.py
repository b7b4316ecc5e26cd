"""A YAML text as sections whose values are read by name, every fault being noted with its line.

The text becomes ruamel.yaml's nodes, not Python values: nodes know their lines, keep `0123` and `1e5` as they were
written, show a key that stands twice, and share what an alias names instead of copying it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import attrs
from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cliproxy.config.keys import KEYS, NEVER_IN_USE, SECTIONS, children
from cliproxy.config.problems import ConfigInvalid, Findings, Problem
from cliproxy.config.readers import Reads, Unfit, is_blank, is_null, json_scalar, kind
from cliproxy.conversation.parts import Json
from cliproxy.secret import SHOWN_LETTERS

MAX_DEPTH: Final = 64
"""Nesting of the text. The keys need six; the parser recurses, so that a limit must come before Python's."""
MAX_VALUES: Final = 200_000
"""Looked at in all, an aliased one each time. A large file has some hundreds; aliases of aliases have billions."""
MAX_SHOWN_LETTERS: Final = 24
"""Of an unknown key. A longer one that resembles no key may be a secret that slipped to the wrong side of a colon."""

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_NAME: Final = re.compile(r"[\w.-]+")
_QUOTE_OF_THE_TEXT: Final = re.compile(r",? but (found|got) .*|'[^']{3,}'.*", re.DOTALL)

T = TypeVar("T")

Pairs = Mapping[str, tuple[int, Node]]
"""What a mapping holds: each name with the line it stands on and its value."""


def compose(text: str) -> Node | None:
    """The root node, or None for a text without any. Raises `ConfigInvalid` where the text is not YAML."""
    yaml = YAML(typ="rt", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # lawful YAML, and a warning would print the text
    try:
        root = yaml.compose(text)
    except ComposerError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        message = "an alias without its anchor, or a second document; quote a text that begins with *"
        raise ConfigInvalid((Problem(line, "", message),)) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigInvalid((Problem(line, "", f"not YAML: {_without_quotes(error.problem)}"),)) from None
    except RecursionError:
        raise ConfigInvalid((Problem(None, "", "nested too deeply"),)) from None
    except (YAMLError, ValueError):
        raise ConfigInvalid((Problem(None, "", "not YAML: a character that no text may hold"),)) from None
    return root if isinstance(root, Node) else None


def _without_quotes(complaint: str | None) -> str:
    """The parser's complaint, without what it quotes of the text: that may be part of a secret."""
    return _QUOTE_OF_THE_TEXT.sub("", complaint or "").strip() or "the text breaks off"


class Document:
    """The nodes of one text and what was found about them. Changes: the findings and the count of values seen."""

    def __init__(self, root: Node | None, findings: Findings) -> None:
        self.findings = findings
        self._node = root  # kept, for as long as its parts are known by their ids
        self._seen = 0
        self._pairs: dict[int, Pairs] = {}
        if root is None or is_null(root):
            self.root = Section(self, "", None, {})
        elif isinstance(root, MappingNode):
            self.root = Section(self, "", None, self.pairs(root, ""))
            self._survey(self.root)
        else:
            findings.give_up(Problem(line_of(root), "", f"expected keys with values, found {kind(root)}"))

    def pairs(self, node: MappingNode, path: str) -> Pairs:
        """The names and values of a mapping, merged ones (`<<: *base`) behind its own; notes names given twice."""
        if id(node) not in self._pairs:
            self._pairs[id(node)] = self._gather(node, path)
        return self._pairs[id(node)]

    def _gather(self, node: MappingNode, path: str) -> Pairs:
        gathered: dict[str, tuple[int, Node]] = {}
        merged: set[int] = set()
        waiting = [node]
        while waiting:
            mapping = waiting.pop(0)
            if id(mapping) in merged:
                continue
            merged.add(id(mapping))
            self.count(len(mapping.value))
            for name, value in mapping.value:
                if name.tag == _MERGE_TAG:
                    bases = value.value if isinstance(value, SequenceNode) else [value]
                    self.count(len(bases))
                    waiting.extend(base for base in bases if isinstance(base, MappingNode))
                elif not isinstance(name, ScalarNode):
                    self.findings.warning(line_of(name), path, "a key that is not a name")
                elif name.value not in gathered:
                    gathered[name.value] = (line_of(name), value)
                elif mapping is node:
                    first = gathered[name.value][0]
                    where = _joined(path, _shown(name.value))
                    self.findings.problem(line_of(name), where, f"stands here again, first in line {first}")
        return gathered

    def json(self, node: Node, path: str, depth: int = 0) -> Json:
        """What a node would be as JSON. Raises `Unfit` for what JSON has no words for."""
        if depth > MAX_DEPTH:
            raise Unfit("nested too deeply")  # an alias may stand for what it is a part of
        if isinstance(node, MappingNode):
            pairs = self.pairs(node, path)
            self.count(len(pairs))
            return {name: self.json(value, path, depth + 1) for name, (_, value) in pairs.items()}
        if isinstance(node, SequenceNode):
            self.count(len(node.value))
            return [self.json(value, path, depth + 1) for value in node.value]
        return json_scalar(node)

    def count(self, values: int) -> None:
        """Take note of values to be looked at. Raises `ConfigInvalid` when they become too many."""
        self._seen += values
        if self._seen > MAX_VALUES:
            self.findings.give_up(Problem(None, "", f"more than {MAX_VALUES} values, those of aliases included"))

    def _survey(self, section: Section) -> None:
        """Hold every name of a section, and of the sections in it, against the table."""
        for name, (line, node) in section.pairs.items():
            path = _joined(section.path, name)
            if path in NEVER_IN_USE:
                self.findings.warning(line, path, "has no effect: requests are not made to look like another client's")
            elif path in KEYS:
                if not KEYS[path].in_use and not is_null(node):
                    self.findings.not_in_use(path)
            elif path in SECTIONS:
                self._survey(section.section(name))
            elif f"{path}[]" in SECTIONS:
                for entry in section.entries(name):
                    self._survey(entry)
            else:
                self._warn_of_unknown(section.path, name, line)

    def _warn_of_unknown(self, path: str, name: str, line: int) -> None:
        nearest = difflib.get_close_matches(name.lower().replace("_", "-"), children(path), n=1)
        shown = _joined(path, name if nearest and _NAME.fullmatch(name) else _shown(name))
        self.findings.warning(line, shown, f"unknown key; nearest known is {nearest[0]}" if nearest else "unknown key")


@attrs.frozen(eq=False)
class Section:
    """A mapping of the file: its path, its line and its values. A value that is unfit becomes a problem."""

    _document: Document
    path: str
    line: int | None
    pairs: Pairs = attrs.field(repr=False)

    def holds(self, name: str) -> bool:
        """Whether anything stands under a name."""
        return name in self.pairs and not is_null(self.pairs[name][1])

    def value(self, name: str, reads: Reads[T], default: T, empty: T | None = None) -> T:
        """What stands under a name, or the default; `empty` for a text without letters, where that differs."""
        line, node = self.pairs.get(name, (0, None))
        if node is None or is_null(node):
            return default
        if is_blank(node):
            return default if empty is None else empty
        return self._read(line, name, node, reads, default)

    def required(self, name: str, reads: Reads[T]) -> T | None:
        """What stands under a name; None, and a problem, where nothing fit does."""
        if name not in self.pairs or is_blank(self.pairs[name][1]):
            self.problem(name, "needed here, but missing or empty")
            return None
        line, node = self.pairs[name]
        return self._read(line, name, node, reads, None)

    def values(self, name: str, reads: Reads[T]) -> tuple[T, ...]:
        """The entries of a list, without the empty and the unfit ones."""
        read = (self._read(line_of(node), name, node, reads, None) for node in self._items(name) if not is_blank(node))
        return tuple(value for value in read if value is not None)

    def mapping(self, name: str, names: Callable[[str], str], reads: Reads[T]) -> dict[str, T]:
        """A mapping with names of the user's own, without the unfit pairs."""
        line, node = self.pairs.get(name, (0, None))
        path = _joined(self.path, name)
        if node is None or is_null(node):
            return {}
        if not isinstance(node, MappingNode):
            self._document.findings.problem(line, path, f"expected names with values, found {kind(node)}")
            return {}
        found: dict[str, T] = {}
        for own, (own_line, value) in self._document.pairs(node, path).items():
            try:
                found[names(own)] = reads(value)
            except Unfit as unfit:
                self._document.findings.problem(own_line, path, str(unfit))
        return found

    def json(self, node: Node) -> Json:
        """A reader of whatever JSON can say."""
        return self._document.json(node, self.path)

    def json_object(self, node: Node) -> Mapping[str, Json]:
        """A reader of names with such values."""
        if not isinstance(node, MappingNode):
            raise Unfit(f"expected names with values, found {kind(node)}")
        value = self.json(node)
        assert isinstance(value, dict)
        return value

    def section(self, name: str) -> Section:
        """The section under a name; without values where there is none."""
        line, node = self.pairs.get(name, (0, None))
        path = _joined(self.path, name)
        if isinstance(node, MappingNode):
            return Section(self._document, path, line, self._document.pairs(node, path))
        if node is not None and not is_null(node):
            self._document.findings.problem(line, path, f"expected keys with values, found {kind(node)}")
        return Section(self._document, path, None, {})

    def entries(self, name: str) -> tuple[Section, ...]:
        """The sections of a list."""
        path = f"{_joined(self.path, name)}[]"
        found = []
        for node in self._items(name):
            if isinstance(node, MappingNode):
                found.append(Section(self._document, path, line_of(node), self._document.pairs(node, path)))
            elif not is_null(node):
                message = f"expected keys with values, found {kind(node)}"
                self._document.findings.problem(line_of(node), path, message)
        return tuple(found)

    def problem(self, name: str, message: str) -> None:
        """Note a fault of a name in this section, whether it is there or missing."""
        self._document.findings.problem(self._line(name), _joined(self.path, name), message)

    def warning(self, name: str, message: str) -> None:
        """Note a doubt about a name in this section."""
        self._document.findings.warning(self._line(name), _joined(self.path, name), message)

    def _line(self, name: str) -> int | None:
        return self.pairs[name][0] if name in self.pairs else self.line

    def _items(self, name: str) -> list[Node]:
        line, node = self.pairs.get(name, (0, None))
        if node is None or is_null(node):
            return []
        if not isinstance(node, SequenceNode):
            self._document.findings.problem(line, _joined(self.path, name), f"expected a list, found {kind(node)}")
            return []
        self._document.count(len(node.value))
        return list(node.value)

    def _read(self, line: int, name: str, node: Node, reads: Reads[T], default: T) -> T:
        try:
            return reads(node)
        except Unfit as unfit:
            self._document.findings.problem(line, _joined(self.path, name), str(unfit))
            return default


def line_of(node: Node) -> int:
    """Where a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "…"
    return name if len(name) <= MAX_SHOWN_LETTERS else f"{name[:SHOWN_LETTERS]}…"
