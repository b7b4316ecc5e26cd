"""How the answer is wanted: sampling, thinking, shape; and what only this wire knows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, cast

from cliproxy.conversation.efforts import EFFORTS
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Effort, Output, Reasoning, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_responses import fields
from cliproxy.formats.openai_responses.words import ENCRYPTED_REASONING, LOGPROBS

_NEUTRAL: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "include",
        "reasoning",
        "text",
        "stream",
        "safety_identifier",
        "user",
        "metadata",
        "service_tier",
        "prompt_cache_key",
        "store",
    }
)
"""Fields with a place in the neutral conversation."""
_NEUTRAL_INSIDE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "reasoning": frozenset({"effort", "summary", "generate_summary"}),
        "text": frozenset({"format", "verbosity"}),
    }
)
_SUMMARIES: Final = ("auto", "concise", "detailed")


def read_sampling(body: dict[str, Json]) -> Sampling:
    """Raises `BadRequest`."""
    return Sampling(
        temperature=fields.number(body.get("temperature"), "temperature"),
        top_p=fields.number(body.get("top_p"), "top_p"),
        logprobs=True if LOGPROBS in fields.sequence(body.get("include"), "include") else None,
        top_logprobs=fields.integer(body.get("top_logprobs"), "top_logprobs"),
    )


def read_reasoning(body: dict[str, Json]) -> Reasoning:
    """Effort and summary, two questions; `generate_summary` is the older name of the second. Raises `BadRequest`."""
    asked = fields.optional_mapping(body.get("reasoning"), "reasoning")
    effort = fields.one_of(asked.get("effort"), "reasoning.effort", ("none", *EFFORTS))
    word = next((word for word in ("summary", "generate_summary") if word in asked), None)
    show: bool | None = None
    detail: str | None = None
    if word is not None:
        detail = fields.one_of(asked[word], f"reasoning.{word}", _SUMMARIES)
        show = detail is not None
    return Reasoning(
        mode="off" if effort == "none" else None,
        effort=None if effort == "none" else cast(Effort | None, effort),
        show=show,
        detail=cast(Literal["auto", "concise", "detailed"] | None, detail),
    )


def read_output_shape(body: dict[str, Json]) -> Output:
    """`text.format`. Raises `BadRequest`."""
    text = fields.optional_mapping(body.get("text"), "text")
    wanted = fields.optional_mapping(text.get("format"), "text.format")
    kind = wanted.get("type", "text")
    if kind == "text":
        return Output()
    if kind == "json_object":
        return Output("json")
    if kind != "json_schema":
        raise BadRequest("text.format.type: One of text, json_object, json_schema was expected.")
    return Output(
        "schema",
        fields.mapping(wanted.get("schema"), "text.format.schema"),
        fields.optional_text(wanted.get("name"), "text.format.name"),
        fields.optional_text(wanted.get("description"), "text.format.description"),
        fields.flag(wanted.get("strict"), "text.format.strict"),
    )


def read_extras(body: dict[str, Json]) -> dict[str, Json]:
    """Fields that only this wire knows, by name; those inside of `reasoning` and `text` as `reasoning.context`."""
    extras = {name: value for name, value in body.items() if name not in _NEUTRAL}
    for outer, known in _NEUTRAL_INSIDE.items():
        for name, value in fields.optional_mapping(body.get(outer), outer).items():
            if name not in known:
                extras[f"{outer}.{name}"] = value
    wanted = [value for value in fields.sequence(body.get("include"), "include") if value not in _INCLUDED]
    if wanted:
        extras["include"] = wanted
    if body.get("safety_identifier") and body.get("user"):
        extras["user"] = body["user"]
    return extras


_INCLUDED: Final = (ENCRYPTED_REASONING, LOGPROBS)
