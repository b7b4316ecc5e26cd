"""How each wire writes what a thinking suffix asks for, as changes of a client's own body in that wire's format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.efforts import effort_for
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Effort, Reasoning
from cliproxy.shaping.changes import Change, Path, Remove, Set

Document = Mapping[str, object]

_DISPLAY: Final[Mapping[bool, str]] = MappingProxyType({True: "summarized", False: "omitted"})
_LEVELS: Final[Mapping[Effort, str]] = MappingProxyType(
    {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH", "max": "XHIGH"}
)
"""Gemini knows none above XHIGH."""
_OPENROUTER_AMOUNT: Final = ("effort", "max_tokens", "enabled")
"""What OpenRouter's `reasoning` says beside OpenAI's `reasoning_effort`, and might say otherwise."""


def changes_for_reasoning(wire: str, reasoning: Reasoning, document: Document) -> tuple[Change, ...]:
    """What makes the document ask for this much thinking, whatever it asked for. What is shown of it is another
    question: where `reasoning.show` is None, the document's own answer stays. A wire without words for
    thinking gets no changes.
    """
    write = _WRITERS.get(wire)
    return () if write is None else tuple(write(reasoning, document))


# -- Anthropic


def _anthropic(reasoning: Reasoning, document: Document) -> Iterator[Change]:
    config = _object(document, "output_config")
    if reasoning.mode == "off":
        yield Set(("thinking",), {"type": "disabled"})
    else:
        yield Set(("thinking",), _anthropic_thinking(reasoning, _object(document, "thinking")))
    if reasoning.effort is not None and reasoning.mode != "off":
        yield Set(("output_config", "effort"), _anthropic_effort(reasoning.effort))
    elif "effort" in config:
        yield Remove(("output_config", "effort") if len(config) > 1 else ("output_config",))


def _anthropic_thinking(reasoning: Reasoning, stood: Document) -> Json:
    thinking: dict[str, Json] = {"type": "adaptive"}
    if reasoning.budget is not None:
        thinking = {"type": "enabled", "budget_tokens": reasoning.budget}
    display = stood.get("display")
    if reasoning.show is not None:
        thinking["display"] = _DISPLAY[reasoning.show]
    elif isinstance(display, str):
        thinking["display"] = display
    return thinking


def _anthropic_effort(effort: Effort) -> str:
    return "low" if effort == "minimal" else effort


# -- OpenAI


def _openai_effort(reasoning: Reasoning) -> str | None:
    """None: as the model does when nobody says."""
    if reasoning.mode == "off":
        return "none"
    if reasoning.effort is not None:
        return reasoning.effort
    return effort_for(reasoning.budget) if reasoning.budget is not None else None


def _openai_chat(reasoning: Reasoning, document: Document) -> Iterator[Change]:
    yield _set_or_remove(("reasoning_effort",), _openai_effort(reasoning))
    stood = _object(document, "reasoning")
    yield from (Remove(("reasoning", key)) for key in _OPENROUTER_AMOUNT if key in stood)


def _openai_responses(reasoning: Reasoning, document: Document) -> Iterator[Change]:
    stood = _object(document, "reasoning")
    effort = _openai_effort(reasoning)
    if effort is not None or "effort" in stood:
        yield _set_or_remove(("reasoning", "effort"), effort)
    if reasoning.show is True and not isinstance(stood.get("summary"), str):
        yield Set(("reasoning", "summary"), reasoning.detail or "auto")
    elif reasoning.show is False:
        yield from (Remove(("reasoning", key)) for key in ("summary", "generate_summary") if key in stood)


def _set_or_remove(path: Path, value: str | None) -> Change:
    return Remove(path) if value is None else Set(path, value)


# -- Gemini


def _gemini(reasoning: Reasoning, document: Document) -> Iterator[Change]:
    outer = _spelled(document, "generationConfig", "generation_config")
    generation = _object(document, outer)
    inner = _spelled(generation, "thinkingConfig", "thinking_config")
    stood = _object(generation, inner)
    config = _gemini_amount(reasoning)
    shown = stood.get(_spelled(stood, "includeThoughts", "include_thoughts"))
    if reasoning.show is not None:
        config["includeThoughts"] = reasoning.show
    elif isinstance(shown, bool):
        config["includeThoughts"] = shown
    yield Set((outer, inner), config)


def _gemini_amount(reasoning: Reasoning) -> dict[str, Json]:
    """Never both, which Gemini refuses."""
    if reasoning.mode == "off":
        return {"thinkingBudget": 0}
    if reasoning.budget is not None:
        return {"thinkingBudget": reasoning.budget}
    if reasoning.effort is not None:
        return {"thinkingLevel": _LEVELS[reasoning.effort]}
    return {"thinkingBudget": -1}


def _spelled(document: Document, camel: str, snake: str) -> str:
    """How the client spells it: Gemini takes both."""
    return snake if snake in document and camel not in document else camel


def _object(document: Document, key: str) -> Document:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


_WRITERS: Final[Mapping[str, Callable[[Reasoning, Document], Iterator[Change]]]] = MappingProxyType(
    {
        "anthropic": _anthropic,
        "openai-chat": _openai_chat,
        "openai-responses": _openai_responses,
        "gemini": _gemini,
    }
)
