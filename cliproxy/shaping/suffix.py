"""A thinking suffix: `model(high)`, `model(8192)`. It says more than the request's body and is not told upstream."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.efforts import EFFORTS
from cliproxy.conversation.request import Reasoning

_WORDS: Final[Mapping[str, Reasoning]] = MappingProxyType(
    {
        "none": Reasoning("off"),
        "auto": Reasoning("auto"),
        "-1": Reasoning("auto"),
        **{effort: Reasoning("on", effort) for effort in EFFORTS},
    }
)
"""In lower case."""


def split_suffix(model: str) -> tuple[str, Reasoning | None]:
    """The model's own name, and what its suffix asks for.

    A suffix that says nothing known is taken off all the same; a name that is served as it is written must therefore be
    looked up first.
    """
    name, opening, rest = model.rpartition("(")
    if not opening or not name.strip() or not rest.endswith(")"):
        return model, None
    return name.rstrip(), _asked(rest[:-1].strip().lower())


def _asked(value: str) -> Reasoning | None:
    if value.isascii() and value.isdecimal():
        budget = int(value)
        return Reasoning("on", budget=budget) if budget else Reasoning("off")
    return _WORDS.get(value)
