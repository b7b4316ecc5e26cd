"""How much the model thinks, what is shown of it, and the shape of its answer: `thinking` and `output_config`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.conversation.request import Effort, Output, Reasoning, Request
from cliproxy.errors import BadRequest
from cliproxy.formats.anthropic.fields import NAME, as_object, as_text, maybe_count, maybe_object, maybe_text
from cliproxy.formats.anthropic.schemas import output_schema

MIN_BUDGET: Final = 1024
"""In tokens; it must also stay below `max_tokens`."""

_MODES: Final[Mapping[str, Literal["off", "on", "auto"]]] = MappingProxyType(
    {"enabled": "on", "adaptive": "auto", "disabled": "off", "between_tools": "off"}
)
_SHOWN: Final = MappingProxyType({"summarized": True, "omitted": False})
_EFFORTS: Final[Mapping[str, Effort]] = MappingProxyType(
    {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)
_READ_OF_THINKING: Final = frozenset({"type", "budget_tokens", "display"})


@attrs.frozen
class Wanted:
    """What `thinking` and `output_config` ask for."""

    reasoning: Reasoning
    output: Output
    extras: JsonObject = attrs.field(hash=False)
    """What of the two has no neutral place, by their names."""


# -- reading ------------------------------------------------------------------------------------------------------


def read_wanted(body: JsonObject) -> Wanted:
    """From a whole body; the older top-level `output_format` is read too."""
    config = dict(maybe_object(body.get("output_config"), "output_config"))
    output, path = config.pop("format", None), "output_config.format"
    if output is None:
        output, path = body.get("output_format"), "output_format"
    reasoning, rest = _read_thinking(body.get("thinking"))
    effort = maybe_text(config.get("effort"), "output_config.effort")
    if reasoning.mode != "off" and effort in _EFFORTS:
        reasoning = attrs.evolve(reasoning, effort=_EFFORTS[effort])
        del config["effort"]
    extras = {name: value for name, value in (("thinking", rest), ("output_config", _said(config))) if value}
    return Wanted(reasoning, _read_output(output, path), extras)


def _said(fields: JsonObject) -> dict[str, Json]:
    return {key: value for key, value in fields.items() if value is not None}


def _read_thinking(value: Json) -> tuple[Reasoning, dict[str, Json]]:
    """And the fields without a neutral place; a `type` among them is one that others have no word for."""
    if value is None:
        return Reasoning(), {}
    thinking = as_object(value, "thinking")
    kind = as_text(thinking.get("type"), "thinking.type")
    mode = _MODES.get(kind)
    rest = _said({key: value for key, value in thinking.items() if key not in _READ_OF_THINKING})
    if mode is None or kind == "between_tools":
        return Reasoning(mode), _said(thinking)
    if mode == "off":
        return Reasoning("off"), rest
    display = maybe_text(thinking.get("display"), "thinking.display")
    if display and display not in _SHOWN:
        rest["display"] = display
    budget = maybe_count(thinking.get("budget_tokens"), "thinking.budget_tokens", least=1) if mode == "on" else None
    return Reasoning(mode, budget=budget, show=_SHOWN.get(display)), rest


def _read_output(value: Json, path: str) -> Output:
    if value is None:
        return Output()
    form = as_object(value, path)
    if form.get("type") != "json_schema":
        raise BadRequest(f"{path}.type: json_schema was expected.")
    return Output("schema", as_object(form.get("schema"), f"{path}.schema"))


# -- writing ------------------------------------------------------------------------------------------------------


def write_wanted(request: Request, max_tokens: int, mid_call: bool, losses: Losses) -> dict[str, Json]:
    """`thinking` and `output_config`, as far as they are needed.

    `mid_call`: the assistant's last turn awaits results of tools and does not begin with thinking. With a budget,
    thinking is then refused.
    """
    made: dict[str, Json] = {}
    thinking = _write_thinking(request, max_tokens, mid_call, losses)
    config = _write_effort(request.reasoning, losses)
    form = _write_output(request, losses)
    if form is not None:
        config["format"] = form
    own = request.extras if request.format == NAME else {}
    thinking = _with_rest(thinking, own.get("thinking"), request.reasoning)
    rest = own.get("output_config")
    if isinstance(rest, dict):
        config = {**rest, **config}
    if thinking:
        made["thinking"] = thinking
    if config:
        made["output_config"] = config
    return made


def _with_rest(thinking: dict[str, Json], rest: Json, reasoning: Reasoning) -> dict[str, Json]:
    """With the fields that only Anthropic knows, unless the thinking that they belong to was turned to another kind."""
    if not isinstance(rest, dict):
        return thinking
    if "type" in rest:
        return rest if reasoning.mode in (None, "off") and reasoning.budget is None else thinking
    return {**thinking, **rest} if thinking else thinking


def _write_thinking(request: Request, max_tokens: int, mid_call: bool, losses: Losses) -> dict[str, Json]:
    wish = request.reasoning
    if wish.mode == "off":
        return {"type": "disabled"}
    thinking: dict[str, Json] = {}
    if wish.budget is not None:
        budget = None if mid_call else _budget(wish.budget, max_tokens, losses)
        if mid_call:
            losses.drop("thinking", "With a budget, the call under way would have to begin with thinking.")
        elif budget is not None:
            thinking = {"type": "enabled", "budget_tokens": budget}
    elif wish.mode is not None or (wish.effort is not None and request.format != NAME):
        thinking = {"type": "adaptive"}
    _write_display(thinking, wish, losses)
    return thinking


def _budget(asked: int, max_tokens: int, losses: Losses) -> int | None:
    budget = max(MIN_BUDGET, min(asked, max_tokens - 1))
    if budget >= max_tokens:
        losses.drop(
            "thinking", f"{max_tokens} tokens of output leave no room for the {MIN_BUDGET} of the least budget."
        )
        return None
    if budget != asked:
        losses.emulate("thinking.budget", f"It must be at least {MIN_BUDGET} and below max_tokens: {budget}.")
    return budget


def _write_display(thinking: dict[str, Json], wish: Reasoning, losses: Losses) -> None:
    if wish.show is not None and thinking:
        thinking["display"] = "summarized" if wish.show else "omitted"
    elif wish.show:
        losses.drop("thinking.display", "Thinking is not turned on, so there is nothing to show.")
    if wish.detail in ("concise", "detailed"):
        losses.drop("reasoning.summary", "The length of a summary cannot be chosen.")


def _write_effort(wish: Reasoning, losses: Losses) -> dict[str, Json]:
    if wish.effort is None or wish.mode == "off":
        return {}
    if wish.effort == "minimal":
        losses.emulate("reasoning_effort", "The least effort is low.")
        return {"effort": "low"}
    return {"effort": wish.effort}


def _write_output(request: Request, losses: Losses) -> Json:
    output = request.output
    if output.kind == "text":
        return None
    if output.kind == "json" or output.schema is None:
        losses.drop("response_format", "Anthropic knows JSON output by a schema only.")
        return None
    if output.description:
        losses.drop("response_format.description", "The schema of an answer has no description of its own.")
    if request.format == NAME:
        return {"type": "json_schema", "schema": dict(output.schema)}
    schema, changed = output_schema(output.schema)
    if changed:
        losses.emulate("response_format.schema", "Objects are closed, and bounds said in the descriptions.")
    return {"type": "json_schema", "schema": schema}
