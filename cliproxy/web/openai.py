"""OpenAI's shapes: so far the list of models, which is what callers of no known format get."""

from __future__ import annotations

from collections.abc import Iterable

import orjson


def model_object(name: str) -> dict[str, object]:
    """One model in OpenAI's shape."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "cliproxy"}


def model_list(names: Iterable[str]) -> bytes:
    """All models in OpenAI's shape."""
    return orjson.dumps({"object": "list", "data": [model_object(name) for name in names]})


def one_model(name: str) -> bytes:
    """A model by its name."""
    return orjson.dumps(model_object(name))
