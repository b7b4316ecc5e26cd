"""What both OpenAI wires let a client ask for, in the same words."""

from __future__ import annotations

from typing import Final

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.openai.schemas import Whose, check_strict
from cliproxy.demo.openai.words import bracketed, name_in, one_of
from cliproxy.demo.replies import Json

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_JSON_OBJECT: Final[dict[str, Json]] = {"type": "object"}


def thinks(effort: Node | None) -> bool:
    """Whether that effort asks for reasoning."""
    return effort is not None and one_of(effort, EFFORTS) != "none"


def structure(form: Node | None, schema_holder: str | None, conversation: bytes) -> tuple[bool, Json]:
    """Whether the answer is to be JSON, and by which schema. The schema stands in the format itself or under the name
    `schema_holder`; `conversation` is what was sent, which must speak of JSON if there is no schema.
    """
    kind = "text" if form is None else one_of(form.need("type"), ("text", "json_object", "json_schema"))
    if form is None or kind == "text":
        return False, None
    if kind == "json_object":
        if b"json" not in conversation.lower():
            told = "must contain the word 'json' in some form, to use a format of type 'json_object'."
            raise Mistake(f"The conversation {told}", bracketed(form.path))
        return True, _JSON_OBJECT
    holder = form if schema_holder is None else form.need(schema_holder)
    name = name_in(holder)
    check_strict(holder, "schema", Whose(f"response_format '{name}'", bracketed(form.path), "invalid_json_schema"))
    return True, holder.need("schema").fields()
