"""Reading a request's body as far as every format needs it: a JSON object with a model."""

from __future__ import annotations

import orjson

from cliproxy.errors import BadRequest
from cliproxy.formats.wire import Document


def read_object(body: bytes) -> Document:
    """The JSON object that `body` is. Raises `BadRequest` with a sentence that says what is wrong."""
    if not body:
        raise BadRequest("The request body is empty; a JSON object was expected.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(_why_not_json(body, error)) from None
    if not isinstance(document, dict):
        raise BadRequest(f"The request body is {_kind(document)}; a JSON object was expected.")
    return document


def _why_not_json(body: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        return f"The request body is not valid UTF-8 (byte {broken.start})."
    return f"The request body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."


def read_model(document: Document) -> str:
    """The model that is asked for. Raises `BadRequest`."""
    model = document.get("model")
    if model is None:
        raise BadRequest("model: Field required.")
    if not isinstance(model, str) or not model.strip():
        raise BadRequest("model: A non-empty string was expected.")
    return model


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a JSON array"
    if isinstance(value, str):
        return "a JSON string"
    if value is None:
        return "JSON null"
    return "a JSON boolean" if isinstance(value, bool) else "a JSON number"
