"""Gemini generateContent. Source of shapes: Google's SDK (google-genai 3.4) and the documentation of its REST API."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cliproxy.formats.codec import Codec
from cliproxy.formats.gemini.decode_reply import GeminiReplyDecoder, decode_reply
from cliproxy.formats.gemini.decode_request import decode_request
from cliproxy.formats.gemini.encode_reply import GeminiReplyEncoder, encode_reply
from cliproxy.formats.gemini.encode_request import LIMITS, encode_request
from cliproxy.formats.gemini.errors import error_body, error_event, error_message, trouble
from cliproxy.formats.gemini.following import decode_count, encode_count, mark
from cliproxy.formats.gemini.support import SAYS, SUPPORT
from cliproxy.formats.gemini.usage import usage_in
from cliproxy.formats.gemini.words import FORMAT
from cliproxy.formats.requests import peek
from cliproxy.formats.wire import SILENT_HEARTBEAT, WireFormat

GEMINI: Final = WireFormat(
    name=FORMAT,
    peek=peek,
    mark=mark,
    trouble=trouble,
    usage_in=usage_in,
    error_message=error_message,
    error_body=error_body,
    error_event=error_event,
    heartbeat=SILENT_HEARTBEAT,
    model_in_reply=("modelVersion",),
    model_in_event=("modelVersion",),
    statuses=MappingProxyType({529: 503}),
)

CODEC: Final = Codec(
    decode_request=decode_request,
    encode_request=encode_request,
    reply_decoder=GeminiReplyDecoder,
    decode_reply=decode_reply,
    reply_encoder=GeminiReplyEncoder,
    encode_reply=encode_reply,
    decode_count=decode_count,
    encode_count=encode_count,
    limits=LIMITS,
    says=SAYS,
    support=SUPPORT,
)

__all__ = ["CODEC", "GEMINI"]
