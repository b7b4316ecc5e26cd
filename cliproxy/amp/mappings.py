"""Which model is asked for in place of one that Amp names: the owner's table.

Names stand before patterns, each in the order of the file, and the first that fits decides: if nobody here serves its
target, there is none.

    asked for               from, to                   served as
    claude-opus-4-5         claude-opus-4-5, m         m
    claude-opus-4-5(high)   claude-opus-4-5, m         m(high)
    claude-opus-4-5(high)   claude-opus-4-5, m(low)    m(low)
    claude-opus-4-5()       claude-.*, m   as regex    m
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.config.schema import ModelMapping
from cliproxy.formats.requests import MAX_MODEL_CHARACTERS
from cliproxy.shaping.suffix import split_suffix

MAX_MATCHED_CHARACTERS: Final = 96
"""Of a name that patterns are tried on. Real ones have half as many."""
MAX_PATTERN_CHARACTERS: Final = 1024
MAX_REPETITIONS: Final = 4
"""Of a pattern. The tries that it may take are the name's length to the power of them: half a second, at the worst."""

_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|\(\?|\{\d*,?\d*\}|.", re.DOTALL)
"""Of a pattern: what is escaped, a set, the opening of a group, a count, or a character."""


@attrs.frozen
class LeftOut:
    """A mapping that is never found."""

    mapping: ModelMapping
    why: str
    """Goes on after `the mapping`."""


@attrs.frozen
class _Pattern:
    pattern: re.Pattern[str]
    target: str


@attrs.frozen
class Mappings:
    """The table, made of a list as it stands in the file."""

    entries: Sequence[ModelMapping]
    left_out: Sequence[LeftOut] = attrs.field(init=False, repr=False, eq=False)
    _names: Mapping[str, str] = attrs.field(init=False, repr=False, eq=False)
    """Targets, by what is asked for, without regard to case."""
    _patterns: Sequence[_Pattern] = attrs.field(init=False, repr=False, eq=False)

    @left_out.default
    def _explained(self) -> Sequence[LeftOut]:
        found = ((entry, _fault_of(entry)) for entry in self.entries)
        return tuple(LeftOut(entry, why) for entry, why in found if why is not None)

    @_names.default
    def _by_name(self) -> Mapping[str, str]:
        plain = [entry for entry in self._sound() if not entry.regex]
        return {entry.asked.strip().casefold(): entry.target.strip() for entry in reversed(plain)}

    @_patterns.default
    def _compiled(self) -> Sequence[_Pattern]:
        return tuple(
            _Pattern(re.compile(entry.asked.strip(), re.IGNORECASE), entry.target.strip())
            for entry in self._sound()
            if entry.regex
        )

    def _sound(self) -> Iterator[ModelMapping]:
        faulty = [left_out.mapping for left_out in self.left_out]
        return (entry for entry in self.entries if entry not in faulty)

    def find(self, asked: str, serves: Callable[[str], bool]) -> str | None:
        """The model to ask for instead, with a suffix if it has one or else that of `asked`; None if there is none.

        `serves`: whether anybody here serves a name without a suffix, or one that is served as it is written.
        """
        asked = asked.strip()
        if not asked or len(asked) > MAX_MODEL_CHARACTERS:
            return None
        name, suffix = _parted(asked)
        written = self._target_of(asked, name)
        if written is None:
            return None
        target, own_suffix = _parted(written)
        if serves(target):
            return target + (own_suffix or suffix)
        return written if own_suffix and serves(written) else None

    def _target_of(self, asked: str, name: str) -> str | None:
        for known_as in (asked, name):
            target = self._names.get(known_as.casefold())
            if target is not None:
                return target
        if len(name) > MAX_MATCHED_CHARACTERS:
            return None
        return next((entry.target for entry in self._patterns if entry.pattern.search(name)), None)


def _parted(model: str) -> tuple[str, str]:
    """The model's own name and its suffix as it is written, `(high)`, which may be one that nobody knows.

    What is a suffix is decided as everywhere here; but one that is empty is none, so that it is not carried on.
    """
    name, _ = split_suffix(model)
    suffix = model[len(name) :].strip()
    return name, suffix if suffix[1:-1].strip() else ""


def _fault_of(entry: ModelMapping) -> str | None:
    """Why a mapping is never found, if so."""
    asked, target = entry.asked.strip(), entry.target.strip()
    if not asked or not target:
        return "lacks a name"
    if len(target) > MAX_MODEL_CHARACTERS:
        return "has a longer target than any model's name"
    if not entry.regex:
        return None
    if len(asked) > MAX_PATTERN_CHARACTERS:
        return "has too long a pattern"
    try:
        re.compile(asked, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return f"has a pattern that is none: {error}"
    return "has a pattern that may take for ever" if _may_take_long(asked) else None


def _may_take_long(pattern: str) -> bool:
    """Whether a pattern repeats too often, or repeats a group that fits in several ways: `(a+)+` tries every way to
    part a name.

    This is not all that can be slow, but what is left takes an owner who means it.
    """
    repetitions = 0
    varies = [False]
    """Of each group that is open, whether it fits in several ways."""
    closed_varies = False
    """What was read last is a group, and one that does."""
    for piece in _PIECE.findall(pattern):
        if piece in ("(", "(?"):
            varies.append(False)
        elif piece == ")" and len(varies) > 1:
            closed_varies = varies.pop()
            varies[-1] = varies[-1] or closed_varies
            continue
        elif piece in ("*", "+") or (piece[0] == "{" and len(piece) > 2):
            if closed_varies:
                return True
            if piece[0] != "{" or "," in piece:
                repetitions += 1
                varies[-1] = True
        elif piece in ("?", "|"):
            varies[-1] = True
        closed_varies = False
    return repetitions > MAX_REPETITIONS
