"""How a client asks for thinking: OpenAI's one field, and those of compatible servers.

`reasoning_effort` says how much, and that it is shown. Where a client writes more than one way, the first of these
counts: `reasoning_effort`, OpenRouter's `reasoning`, `thinking` (DeepSeek, Kimi, GLM), Google's `thinking_config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

import attrs

from cliproxy.conversation.efforts import EFFORTS
from cliproxy.conversation.request import Effort, Reasoning
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.fields import Place, wrong

_SWITCHES: Final[Mapping[str, Literal["on", "off", "auto"]]] = {
    "enabled": "on",
    "disabled": "off",
    "adaptive": "auto",
    "auto": "auto",
}
_DETAILS: Final[Mapping[str, Literal["auto", "concise", "detailed"]]] = {
    "auto": "auto",
    "concise": "concise",
    "detailed": "detailed",
}
READ: Final = frozenset({"reasoning_effort", "reasoning", "include_reasoning", "thinking"})
"""Top-level fields that are read here whole."""


def decode_reasoning(request: Place) -> Reasoning:
    """Raises `BadRequest`."""
    openrouter, google = request.inner("reasoning"), google_config(request)
    found = (
        _effort(request, "reasoning_effort")
        or (openrouter and _openrouter(openrouter))
        or _switch(request)
        or (google and _google(google))
        or Reasoning()
    )
    shown = _shown(request, openrouter, google)
    detail = openrouter.text("summary") if openrouter else None
    if shown is None and (found.effort is not None or detail in _DETAILS):
        shown = True
    return attrs.evolve(found, show=shown, detail=_DETAILS.get(detail) if detail else None)


def google_config(request: Place) -> Place | None:
    """`extra_body.google.thinking_config`, which Google's own OpenAI endpoint reads."""
    extra = request.inner("extra_body")
    google = extra.inner("google") if extra else None
    return google.inner("thinking_config") if google else None


def _effort(place: Place, key: str) -> Reasoning | None:
    word = place.text(key)
    if word is None:
        return None
    if word == "none":
        return Reasoning("off")
    if word == "auto":
        return Reasoning("auto")
    if word not in EFFORTS:
        raise wrong(place.at(key), f"One of none, {', '.join(EFFORTS)}")
    return Reasoning("on", cast(Effort, word))


def _openrouter(place: Place) -> Reasoning | None:
    enabled = place.flag("enabled")
    if enabled is False:
        return Reasoning("off")
    by_budget = _budget(place, "max_tokens")
    return _effort(place, "effort") or by_budget or (Reasoning("on") if enabled else None)


def _switch(request: Place) -> Reasoning | None:
    place = request.inner("thinking")
    kind = place.text("type") if place else None
    if place is None or kind is None:
        return None
    mode = _SWITCHES.get(kind)
    if mode is None:
        raise BadRequest(f"{place.at('type')}: One of {', '.join(_SWITCHES)} was expected.")
    return (_budget(place, "budget_tokens") if mode == "on" else None) or Reasoning(mode)


def _google(place: Place) -> Reasoning | None:
    level = place.text("thinking_level")
    if level:
        word = level.lower()
        if word not in EFFORTS:
            raise wrong(place.at("thinking_level"), f"One of {', '.join(EFFORTS)}")
        return Reasoning("on", cast(Effort, word))
    return _budget(place, "thinking_budget")


def _budget(place: Place, key: str) -> Reasoning | None:
    budget = place.integer(key, least=-1)
    if budget is None:
        return None
    if budget == 0:
        return Reasoning("off")
    return Reasoning("auto") if budget < 0 else Reasoning("on", budget=budget)


def _shown(request: Place, openrouter: Place | None, google: Place | None) -> bool | None:
    """Said outright, in the order in which one overrules the other."""
    excluded = openrouter.flag("exclude") if openrouter else None
    if excluded is not None:
        return not excluded
    included = request.flag("include_reasoning")
    if included is None and google is not None:
        included = google.flag("include_thoughts")
    return included
