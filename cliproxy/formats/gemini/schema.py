"""JSON Schema, cleaned for Google's protobuf `Schema`: there every unknown keyword is an error, and a type is one word.

What cannot be said is moved into the description, where the model reads it: limits, formats, defaults, alternatives.
Only keywords are touched; a property may be called as a keyword is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.parts import Json, JsonObject
from cliproxy.formats import jsontext

MAX_DEPTH: Final = 32
"""Of schemas in schemas."""
MAX_SCHEMAS: Final = 5000
"""In one cleaning: references that refer to references can grow without end."""

_HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "minLength": "min length",
        "maxLength": "max length",
        "exclusiveMinimum": "greater than",
        "exclusiveMaximum": "less than",
        "multipleOf": "multiple of",
        "pattern": "pattern",
        "minItems": "min items",
        "maxItems": "max items",
        "uniqueItems": "unique items",
        "minProperties": "min properties",
        "maxProperties": "max properties",
        "format": "format",
        "default": "default",
        "examples": "examples",
        "not": "not",
    }
)
"""Keywords that are told in the description."""
_KEPT: Final = ("minimum", "maximum")
_KEYWORDS: Final = frozenset(
    {
        "type",
        "properties",
        "items",
        "enum",
        "const",
        "required",
        "description",
        "title",
        "anyOf",
        "oneOf",
        "allOf",
        "if",
        "then",
        "else",
        "$ref",
        "$defs",
        "$schema",
        "$id",
        "$comment",
        "definitions",
        "additionalProperties",
        "patternProperties",
        "propertyNames",
        "prefixItems",
        "nullable",
        *_HINTS,
        *_KEPT,
    }
)
_RANKS: Final[Mapping[str, int]] = MappingProxyType({"OBJECT": 3, "ARRAY": 2})
"""Of alternatives the one that says most is taken."""


def clean(schema: JsonObject) -> dict[str, Json]:
    """The nearest schema that the protobuf can hold. Never raises."""
    return _Cleaning(schema).schema(schema, 0, ())


@attrs.define
class _Cleaning:
    """State: how many schemas have been made."""

    root: JsonObject
    made: int = 0

    def schema(self, schema: Json | JsonObject, depth: int, inside: tuple[str, ...]) -> dict[str, Json]:
        """One schema. `inside`: the references that are being followed."""
        self.made += 1
        if not isinstance(schema, Mapping):
            return {"type": "STRING", "description": "(any JSON value)"}
        if depth > MAX_DEPTH or self.made > MAX_SCHEMAS:
            return _described("OBJECT", schema)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._referred(reference, schema, depth, inside)
        return self._plain(self._flat(schema, depth, inside), depth, inside)

    def _referred(self, reference: str, schema: JsonObject, depth: int, inside: tuple[str, ...]) -> dict[str, Json]:
        found = None if reference in inside else self._resolved(reference)
        if found is None:
            return _hinted(_described("OBJECT", schema), [f"See: {reference.rpartition('/')[2]}"])
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return self.schema({**found, **beside}, depth + 1, (*inside, reference))

    def _resolved(self, reference: str) -> JsonObject | None:
        """What a reference into this very schema points to."""
        if not reference.startswith("#"):
            return None
        place: Json | JsonObject = self.root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            place = place.get(name) if isinstance(place, Mapping) else None
        return place if isinstance(place, Mapping) else None

    def _flat(self, schema: JsonObject, depth: int, inside: tuple[str, ...]) -> dict[str, Json]:
        """Everything that must hold at once in one schema; what the schema itself says stands."""
        flat = dict(schema)
        together = schema.get("allOf")
        always = [(branch, True) for branch in together] if isinstance(together, list) else []
        sometimes = [(schema.get(key), False) for key in ("if", "then", "else")]
        for branch, all_of in [*always, *sometimes]:
            if isinstance(branch, dict) and depth < MAX_DEPTH:
                flat = _joined(flat, self._followed(branch, depth, inside), all_of=all_of)
        for key in ("allOf", "if", "then", "else"):
            flat.pop(key, None)
        if flat.keys() and not flat.keys() & _KEYWORDS and all(isinstance(value, dict) for value in flat.values()):
            return {"type": "object", "properties": flat}
        return flat

    def _followed(self, branch: dict[str, Json], depth: int, inside: tuple[str, ...]) -> dict[str, Json]:
        reference = branch.get("$ref")
        if isinstance(reference, str) and reference not in inside:
            found = self._resolved(reference)
            if found is not None:
                branch = {**found, **{key: value for key, value in branch.items() if key != "$ref"}}
                inside = (*inside, reference)
        self.made += 1
        return branch if self.made > MAX_SCHEMAS else self._flat(branch, depth + 1, inside)

    def _plain(self, schema: dict[str, Json], depth: int, inside: tuple[str, ...]) -> dict[str, Json]:
        for key in ("anyOf", "oneOf"):
            branches = schema.get(key)
            if isinstance(branches, list) and branches:
                return self._best(schema, key, branches, depth, inside)
        hints: list[str] = []
        kind = _kind(schema, hints)
        clean: dict[str, Json] = {"type": kind}
        description = schema.get("description")
        if isinstance(description, str) and description:
            clean["description"] = description
        _BY_KIND.get(kind, _scalar)(self, schema, clean, depth, inside)
        for key in _KEPT:
            if isinstance(schema.get(key), int | float) and kind in ("INTEGER", "NUMBER"):
                clean[key] = schema[key]
        hints += [f"{words}: {_brief(schema[key])}" for key, words in _HINTS.items() if schema.get(key) is not None]
        return _hinted(clean, hints)

    def _best(
        self, schema: dict[str, Json], key: str, branches: Sequence[Json], depth: int, inside: tuple[str, ...]
    ) -> dict[str, Json]:
        """The alternative that says most, with the others named."""
        beside = {name: value for name, value in schema.items() if name != key}
        cleaned = [self.schema(branch, depth + 1, inside) for branch in branches if not _is_null(branch)]
        hints = ["nullable"] if len(cleaned) < len(branches) else []
        if "type" in beside or "properties" in beside:
            return self._narrowed(beside, cleaned, hints + _told(key, branches), depth, inside)
        if not cleaned:
            return _hinted(_described("STRING", schema), hints)
        best = max(cleaned, key=lambda branch: _RANKS.get(str(branch.get("type")), 1))
        kinds = list(dict.fromkeys(str(branch.get("type")).lower() for branch in cleaned))
        if len(kinds) > 1:
            hints.insert(0, f"Accepts: {' | '.join(kinds)}")
        words = [f"{words}: {_brief(beside[name])}" for name, words in _HINTS.items() if beside.get(name) is not None]
        return _hinted({**best, **_described(str(best["type"]), beside)}, hints + words)

    def _narrowed(
        self,
        beside: dict[str, Json],
        cleaned: Sequence[dict[str, Json]],
        hints: Sequence[str],
        depth: int,
        inside: tuple[str, ...],
    ) -> dict[str, Json]:
        """A schema that says much itself and has alternatives as well: their properties are added to its own."""
        own = self._plain(beside, depth + 1, inside)
        properties: dict[str, Json] = {}
        for branch in cleaned:
            theirs = branch.get("properties") if own["type"] == "OBJECT" else None
            properties |= theirs if isinstance(theirs, dict) else {}
        mine = own.get("properties")
        properties |= mine if isinstance(mine, dict) else {}
        return _hinted(own | ({"properties": properties} if properties else {}), hints)


def _object(
    cleaning: _Cleaning, schema: dict[str, Json], clean: dict[str, Json], depth: int, inside: tuple[str, ...]
) -> None:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    required = schema.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    names += [name for name, inner in properties.items() if isinstance(inner, dict) and inner.get("required") is True]
    cleaned: dict[str, Json] = {}
    for name, inner in properties.items():
        if inner is not False:
            cleaned[name] = cleaning.schema(inner, depth + 1, inside)
    if not cleaned:
        return
    clean["properties"] = cleaned
    wanted: list[Json] = [
        name for name in dict.fromkeys(names) if name in cleaned and not _may_be_null(properties[name])
    ]
    if wanted:
        clean["required"] = wanted


def _array(
    cleaning: _Cleaning, schema: dict[str, Json], clean: dict[str, Json], depth: int, inside: tuple[str, ...]
) -> None:
    items = schema.get("items")
    several = items if isinstance(items, list) else schema.get("prefixItems")
    if isinstance(several, list) and several:
        items = {"anyOf": several}
    clean["items"] = cleaning.schema(items, depth + 1, inside)


def _scalar(
    cleaning: _Cleaning, schema: dict[str, Json], clean: dict[str, Json], depth: int, inside: tuple[str, ...]
) -> None:
    values = schema["const"] if "const" in schema else schema.get("enum")
    listed = values if isinstance(values, list) else [values] if "const" in schema else []
    words: list[Json] = [_brief(value) for value in listed if value is not None]
    if words:
        clean["type"] = "STRING"
        clean["enum"] = words


_Filler = Callable[[_Cleaning, dict[str, Json], dict[str, Json], int, tuple[str, ...]], None]
_BY_KIND: Final[Mapping[str, _Filler]] = MappingProxyType({"OBJECT": _object, "ARRAY": _array})


def _kind(schema: JsonObject, hints: list[str]) -> str:
    """One type in capitals: the first that is not null; what the other keywords speak of where there is none."""
    kind = schema.get("type")
    kinds = [item for item in kind if isinstance(item, str)] if isinstance(kind, list) else [kind]
    named = [item.upper() for item in kinds if isinstance(item, str) and item and item.lower() != "null"]
    if len(named) > 1:
        hints.append(f"Accepts: {' | '.join(item.lower() for item in named)}")
    if len(named) < len(kinds) and isinstance(kind, list):
        hints.append("nullable")
    if named:
        return named[0]
    if "properties" in schema:
        return "OBJECT"
    if "items" in schema or "prefixItems" in schema:
        return "ARRAY"
    if "enum" not in schema and "const" not in schema:
        hints.append("any JSON value")
    return "STRING"


def _joined(ours: dict[str, Json], theirs: dict[str, Json], *, all_of: bool) -> dict[str, Json]:
    """Two schemas in one. Where both say something, ours stands; what only some cases require is not required."""
    both = {**theirs, **ours}
    for key in ("properties", "$defs", "definitions"):
        mine, other = ours.get(key), theirs.get(key)
        if isinstance(mine, dict) and isinstance(other, dict):
            both[key] = {**other, **mine}
    mine, other = ours.get("required"), theirs.get("required")
    if not all_of:
        both.pop("required", None)
        if mine is not None:
            both["required"] = mine
    elif isinstance(mine, list) and isinstance(other, list):
        both["required"] = [*mine, *other]
    return both


def _is_null(schema: Json) -> bool:
    return isinstance(schema, dict) and schema.get("type") in ("null", ["null"])


def _may_be_null(schema: Json) -> bool:
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type")
    branches = [branch for key in ("anyOf", "oneOf") if isinstance(branch := schema.get(key), list)]
    return (
        schema.get("nullable") is True
        or (isinstance(kind, list) and "null" in kind)
        or any(_is_null(inner) for branch in branches for inner in branch)
    )


def _told(key: str, branches: Sequence[Json]) -> list[str]:
    """Alternatives as they stand, if they are few words."""
    text = _brief(list(branches))
    return [f"{key}: {text}"] if len(text) <= _MAX_TOLD else []


_MAX_TOLD: Final = 200
"""Characters of a hint."""


def _described(kind: str, schema: JsonObject) -> dict[str, Json]:
    described: dict[str, Json] = {"type": kind}
    description = schema.get("description")
    if isinstance(description, str) and description:
        described["description"] = description
    return described


def _hinted(schema: dict[str, Json], hints: Sequence[str]) -> dict[str, Json]:
    if hints:
        said = schema.get("description")
        told = f"({', '.join(hints)})"
        schema = {**schema, "description": f"{said} {told}" if said else told}
    return schema


def _brief(value: Json) -> str:
    return value if isinstance(value, str) else jsontext.text_of(value)
