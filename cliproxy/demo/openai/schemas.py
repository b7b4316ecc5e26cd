"""What OpenAI wants of a schema that is to hold strictly: closed objects, and no property left to choice."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.replies import Json, JsonObject

Place = tuple[str, ...]


@attrs.frozen
class Whose:
    """The schema that is looked at, as errors speak of it."""

    told: str
    """Such as `function 'Read'`."""
    param: str
    code: str = "invalid_function_parameters"

    def wrong(self, place: Place, why: str) -> Mistake:
        context = ", ".join(f"'{step}'" for step in place)
        told = f"Invalid schema for {self.told}: In context=({context}), {why}."
        return Mistake(told, self.param, self.code)


def check_strict(holder: Node, name: str, whose: Whose) -> None:
    """Of the schema under that name, if `strict` stands beside it. Raises `Mistake`."""
    if not holder.flag_at("strict"):
        return
    schema = holder.need(name).fields()
    if schema.get("type") != "object":
        raise whose.wrong((), "'type' is required to be 'object' at the root")
    for place, part in _objects(schema, ()):
        _check(part, place, whose)


def _check(schema: JsonObject, place: Place, whose: Whose) -> None:
    if schema.get("additionalProperties") is not False:
        raise whose.wrong(place, "'additionalProperties' is required to be supplied and to be false")
    required, properties = schema.get("required"), schema.get("properties")
    names = required if isinstance(required, list) else []
    missing = [name for name in properties if name not in names] if isinstance(properties, dict) else []
    if missing:
        told = "'required' is required to be supplied and to be an array including every key in properties"
        raise whose.wrong(place, f"{told}. Missing '{missing[0]}'")


def _objects(schema: Json, place: Place) -> Iterator[tuple[Place, JsonObject]]:
    """Every schema of an object within, and where it stands."""
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" or "properties" in schema:
        yield place, schema
    for name in ("properties", "$defs", "definitions"):
        parts = schema.get(name)
        for key, part in parts.items() if isinstance(parts, dict) else ():
            yield from _objects(part, (*place, name, key))
    branches = schema.get("anyOf")
    for i, branch in enumerate(branches if isinstance(branches, list) else ()):
        yield from _objects(branch, (*place, "anyOf", str(i)))
    yield from _objects(schema.get("items"), (*place, "items"))
