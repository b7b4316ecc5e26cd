"""Anthropic Messages: what its requests, replies, streams and errors look like, in both directions.

Source of shapes: the official SDK (anthropic 2.12) and the API's documentation of streaming and errors.
"""

from __future__ import annotations

from typing import Final

from cliproxy.formats import sse
from cliproxy.formats.anthropic.decode_reply import AnthropicDecoder, decode_reply
from cliproxy.formats.anthropic.decode_request import decode_request
from cliproxy.formats.anthropic.encode_reply import AnthropicEncoder, encode_reply
from cliproxy.formats.anthropic.encode_request import LIMITS, encode_request
from cliproxy.formats.anthropic.errors import (
    ERROR_TYPES,
    error_body,
    error_event,
    error_message,
    error_type,
    trouble,
)
from cliproxy.formats.anthropic.fields import NAME
from cliproxy.formats.anthropic.marks import mark
from cliproxy.formats.anthropic.support import SAYS, SUPPORT
from cliproxy.formats.anthropic.usage import decode_count, encode_count, usage_in
from cliproxy.formats.codec import Codec
from cliproxy.formats.requests import peek
from cliproxy.formats.wire import WireFormat

ANTHROPIC: Final = WireFormat(
    name=NAME,
    peek=peek,
    mark=mark,
    trouble=trouble,
    usage_in=usage_in,
    error_message=error_message,
    error_body=error_body,
    error_event=error_event,
    heartbeat=sse.event(b"ping", b'{"type": "ping"}'),
    model_in_reply=("model",),
    model_in_event=("message", "model"),
)

CODEC: Final = Codec(
    decode_request=decode_request,
    encode_request=encode_request,
    reply_decoder=AnthropicDecoder,
    decode_reply=decode_reply,
    reply_encoder=AnthropicEncoder,
    encode_reply=encode_reply,
    decode_count=decode_count,
    encode_count=encode_count,
    limits=LIMITS,
    says=SAYS,
    support=SUPPORT,
)

__all__ = ["ANTHROPIC", "CODEC", "ERROR_TYPES", "error_body", "error_event", "error_message", "error_type", "trouble"]
