"""Reading a request's body as far as every format needs it: a JSON object with a model.

Bodies of agents have hundreds of kilobytes, of which two fields decide the way. msgspec checks the whole syntax and
makes objects of those two alone, in a third of the time that it takes to build everything; what may tell the
conversation is only marked on the way.
"""

from __future__ import annotations

from typing import Final

import msgspec
import orjson

from cliproxy.errors import BadRequest
from cliproxy.formats.wire import Clues, Document, Peek

MAX_MODEL_CHARACTERS: Final = 256
"""Anthropic's own limit. Names are remembered to take turns, so one of megabytes must not be."""


class _Wanted(Clues, frozen=True, kw_only=True):
    model: str
    stream: bool | None = False


_DECODER: Final = msgspec.json.Decoder(_Wanted)
_CHECKER: Final = msgspec.json.Decoder(Clues)


def peek(body: bytes) -> Peek:
    """Model and stream of a request, and what may tell its conversation.

    Raises `BadRequest` with a sentence that says what is wrong.
    """
    try:
        wanted = _DECODER.decode(body)
        if not body.isascii():
            body.decode()  # what msgspec skips it does not check for being UTF-8
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = read_object(body)
        return Peek(_model(document.get("model")), document.get("stream") is True)
    return Peek(_model(wanted.model), wanted.stream is True, wanted)


def check_object(body: bytes) -> Clues:
    """That a body is a JSON object, whatever it holds, and what in it may tell its conversation.

    Raises `BadRequest` with a sentence that says what is wrong.
    """
    try:
        clues = _CHECKER.decode(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read_object(body)
        return Clues()
    return clues


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


def _model(model: object) -> str:
    """The model that is asked for. Raises `BadRequest`."""
    if model is None:
        raise BadRequest("model: Field required.")
    if not isinstance(model, str) or not model.strip():
        raise BadRequest("model: A non-empty string was expected.")
    if len(model) > MAX_MODEL_CHARACTERS:
        raise BadRequest(f"model: At most {MAX_MODEL_CHARACTERS} characters were expected.")
    return model


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a JSON array"
    if isinstance(value, str):
        return "a JSON string"
    if value is None:
        return "JSON null"
    return "a JSON boolean" if isinstance(value, bool) else "a JSON number"
