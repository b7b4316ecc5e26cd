"""OpenAI Responses, which Codex speaks: reading and writing requests and replies, following streams, telling errors.

Source of shapes: the official SDK (openai 3.54) and the API's documentation of streaming.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cliproxy.formats.codec import Codec
from cliproxy.formats.openai_responses.decode_reply import ResponsesReplyDecoder, decode_reply
from cliproxy.formats.openai_responses.decode_request import decode_request
from cliproxy.formats.openai_responses.encode_reply import ResponsesReplyEncoder, encode_reply
from cliproxy.formats.openai_responses.encode_request import LIMITS, encode_request
from cliproxy.formats.openai_responses.errors import error_body, error_event, error_message, reply_id, trouble
from cliproxy.formats.openai_responses.marks import mark
from cliproxy.formats.openai_responses.support import SAYS, SUPPORT
from cliproxy.formats.openai_responses.usage import read_count, usage_in, write_count
from cliproxy.formats.openai_responses.words import NAME
from cliproxy.formats.requests import peek
from cliproxy.formats.wire import SILENT_HEARTBEAT, WireFormat

OPENAI_RESPONSES: Final = WireFormat(
    name=NAME,
    peek=peek,
    mark=mark,
    trouble=trouble,
    usage_in=usage_in,
    error_message=error_message,
    error_body=error_body,
    error_event=error_event,
    heartbeat=SILENT_HEARTBEAT,
    model_in_reply=("model",),
    model_in_event=("response", "model"),
    reply_id=reply_id,
    statuses=MappingProxyType({529: 503}),
)

CODEC: Final = Codec(
    decode_request=decode_request,
    encode_request=encode_request,
    reply_decoder=ResponsesReplyDecoder,
    decode_reply=decode_reply,
    reply_encoder=ResponsesReplyEncoder,
    encode_reply=encode_reply,
    decode_count=read_count,
    encode_count=write_count,
    limits=LIMITS,
    says=SAYS,
    support=SUPPORT,
)
