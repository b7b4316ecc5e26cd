"""Which of the models that a daemon serves a client is set to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

_SMALL: Final = re.compile(r"(?<![a-z])(?:haiku|mini|nano|flash|lite|spark)(?![a-z])")
_NUMBER: Final = re.compile(r"\d++(?![a-z])")
"""With a letter behind it, it is a size: `120b`."""
_MOST_DIGITS: Final = 3
"""More of them are a date."""


def best(served: Sequence[str], patterns: Sequence[str]) -> str:
    """The newest large model of the first pattern that fits any; else the first that is served; empty if none is."""
    for pattern in patterns:
        fitting = [name for name in served if fnmatchcase(name, pattern)]
        if fitting:
            return max(fitting, key=lambda name: (not _SMALL.search(name), _version(name)))
    return served[0] if served else ""


def small(served: Sequence[str], model: str) -> str:
    """The newest small model of the same family as `model`; without one, `model` itself."""
    family = re.compile(re.escape(re.split(r"[-.\d]", model, maxsplit=1)[0]) + r"[-.\d]")
    fitting = [name for name in served if family.match(name) and _SMALL.search(name)]
    return max(fitting, key=_version, default=model)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in _NUMBER.findall(name) if len(digits) <= _MOST_DIGITS)
